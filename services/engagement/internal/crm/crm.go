// Package crm decides what a CRM is told of what happened to threads and contacts.
// It is pure.
package crm

import (
	"fmt"
	"strconv"
	"time"

	"github.com/parley-desk/parley/pkg/bus"
	"github.com/parley-desk/parley/pkg/contact"
	"github.com/parley-desk/parley/pkg/thread"
	contactv1 "github.com/parley-desk/parley/proto/gen/parley/contact/v1"
	crmv1 "github.com/parley-desk/parley/proto/gen/parley/crm/v1"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
	"github.com/parley-desk/parley/proto/subject"
)

// Told is an event and the subject on which it is told.
type Told struct {
	On    string
	Event *crmv1.Event
}

// OfCommit is what a CRM is told of a commit.
func OfCommit(r bus.Record) (all []Told) {
	s, at := r.Commit.GetState(), r.Commit.GetAtMs()
	for n, f := range r.Commit.GetFacts() {
		e := &crmv1.Event{Id: fmt.Sprintf("t-%d-%d-%d", r.Partition, r.Revision, n), AtMs: at, Page: r.Thread.Page, Psid: r.Thread.PSID}
		switch k := f.GetKind().(type) {
		case *threadv1.Fact_ContactLinked:
			if k.ContactLinked.GetSource() == threadv1.LinkSource_LINK_SOURCE_KEPT {
				continue // it was told when it was said
			}
			e.Type, e.Contact, e.By = crmv1.EventType_EVENT_TYPE_CONTACT_LINKED, k.ContactLinked.GetContact(), linker(k.ContactLinked)
		case *threadv1.Fact_ContactUnlinked:
			e.Type, e.Contact, e.By = crmv1.EventType_EVENT_TYPE_CONTACT_UNLINKED, k.ContactUnlinked.GetContact(), k.ContactUnlinked.GetBy()
		case *threadv1.Fact_ConversationClosed:
			e.Type, e.Contact, e.Conversation = crmv1.EventType_EVENT_TYPE_CONVERSATION_CLOSED, s.GetContact().GetContact(), closed(s.GetConversation())
		default:
			continue
		}
		on := subject.OfStranger(r.Thread)
		if e.Contact != "" {
			on = subject.OfContact(e.Contact)
		}
		all = append(all, Told{on, e})
	}
	return all
}

// linker is who made a link, in the words of contacts.
func linker(l *threadv1.ContactLinked) string {
	if l.GetSource() == threadv1.LinkSource_LINK_SOURCE_AGENT {
		return "agents/" + l.GetBy()
	}
	return l.GetBy()
}

func closed(c *threadv1.Conversation) *crmv1.ClosedConversation {
	at := time.UnixMilli(c.GetEnteredMs())
	waited, handled := thread.Times(c, at)
	return &crmv1.ClosedConversation{
		Id: c.GetId(), OpenedMs: c.GetOpenedMs(), ClosedMs: c.GetEnteredMs(), Cause: c.GetClosedBy(),
		Workstream: c.GetWorkstream(), Queue: c.GetQueue(), Agent: c.GetAgent(),
		WaitedMs: waited.Milliseconds(), HandledMs: handled.Milliseconds(), Dispositions: c.GetDispositions(),
	}
}

// OfEntry is what a CRM is told of an entry of the bucket of contacts, which was
// written at a time; false for entries that are no contact. Of several changes
// since the last entry that was read, it is the last one.
func OfEntry(e bus.Entry, at time.Time) (Told, bool) {
	id, r, ok := contact.Read(e)
	if !ok {
		return Told{}, false
	}
	told := &crmv1.Event{Id: fmt.Sprintf("c-%d", e.Revision), AtMs: at.UnixMilli(), Contact: id, Etag: strconv.FormatUint(e.Revision, 10)}
	if r == nil {
		told.Type, told.Etag = crmv1.EventType_EVENT_TYPE_CONTACT_DELETED, ""
		return Told{subject.OfContact(id), told}, true
	}
	told.Type = crmv1.EventType_EVENT_TYPE_CONTACT_CHANGED
	if n := len(r.GetTrail()); n > 0 {
		last := r.GetTrail()[n-1]
		told.Type, told.By, told.Other, told.Fields = typeOf(last.GetDeed()), last.GetBy(), last.GetOther(), last.GetFields()
	}
	return Told{subject.OfContact(id), told}, true
}

func typeOf(d contactv1.Deed) crmv1.EventType {
	switch d {
	case contactv1.Deed_DEED_CREATED:
		return crmv1.EventType_EVENT_TYPE_CONTACT_CREATED
	case contactv1.Deed_DEED_MERGED:
		return crmv1.EventType_EVENT_TYPE_CONTACT_MERGED
	case contactv1.Deed_DEED_RESTORED:
		return crmv1.EventType_EVENT_TYPE_CONTACT_RESTORED
	case contactv1.Deed_DEED_UPDATED, contactv1.Deed_DEED_TOOK, contactv1.Deed_DEED_RETURNED, contactv1.Deed_DEED_UNSPECIFIED:
	}
	return crmv1.EventType_EVENT_TYPE_CONTACT_CHANGED
}
