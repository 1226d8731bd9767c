package crm_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"

	"github.com/parley-desk/parley/pkg/bus"
	"github.com/parley-desk/parley/pkg/thread"
	crmv1 "github.com/parley-desk/parley/proto/gen/parley/crm/v1"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
	"github.com/parley-desk/parley/proto/subject"
	"github.com/parley-desk/parley/services/engagement/internal/crm"
)

// TestOfCommit: who turned out to be whom and what closed is told, once each, on
// the subject of the contact; everything else is not.
func TestOfCommit(t *testing.T) {
	const id = "6f1c7e7e-2f6b-4c59-9d0c-0d9d5b8f2a11"
	ivan := subject.Thread{Page: "10", PSID: "7"}
	state, revision := thread.New(ivan.Page, ivan.PSID), uint64(0)
	commit := func(second int64, kinds ...any) (all []*crmv1.Event) {
		t.Helper()
		var facts []*threadv1.Fact
		for _, k := range kinds {
			facts = append(facts, thread.Of(k))
		}
		c, err := thread.Extend(state, revision, time.Unix(second, 0), "test", facts...)
		if err != nil {
			t.Fatal(err)
		}
		revision++
		state = c.GetState()
		for _, told := range crm.OfCommit(bus.Record{Thread: ivan, Partition: 3, Revision: revision, Commit: c}) {
			want := subject.OfStranger(ivan)
			if told.Event.GetContact() != "" {
				want = subject.OfContact(told.Event.GetContact())
			}
			if told.On != want {
				t.Errorf("%v is told on %s", told.Event, told.On)
			}
			all = append(all, told.Event)
		}
		return all
	}
	same := func(got []*crmv1.Event, want ...*crmv1.Event) {
		t.Helper()
		for _, e := range want {
			e.Page, e.Psid = ivan.Page, ivan.PSID
		}
		if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" {
			t.Error(diff)
		}
	}
	same(commit(1, &threadv1.MessageReceived{Mid: "m", Text: "hi", SentMs: 1}))
	same(commit(2, &threadv1.ConversationOpened{Id: "a", Units: 1, Workstream: "front"}))
	same(commit(5, &threadv1.ConversationClosed{Cause: threadv1.Cause_CAUSE_FORCED, By: "sonya"}), &crmv1.Event{
		Id: "t-3-3-0", AtMs: 5000, Type: crmv1.EventType_EVENT_TYPE_CONVERSATION_CLOSED,
		Conversation: &crmv1.ClosedConversation{Id: "a", OpenedMs: 2000, ClosedMs: 5000, Cause: threadv1.Cause_CAUSE_FORCED, Workstream: "front", WaitedMs: 3000}})
	same(commit(6, &threadv1.ConversationOpened{Id: "b", Units: 1}, &threadv1.ContactLinked{Contact: id, Source: threadv1.LinkSource_LINK_SOURCE_AGENT, By: "mila"}),
		&crmv1.Event{Id: "t-3-4-1", AtMs: 6000, Type: crmv1.EventType_EVENT_TYPE_CONTACT_LINKED, Contact: id, By: "agents/mila"})
	same(commit(7, &threadv1.AgentAssigned{Agent: "mila", Cause: threadv1.Cause_CAUSE_PICKED}))
	same(commit(8, &threadv1.ConversationEnded{Agent: "mila"}))
	same(commit(9, &threadv1.ConversationClosed{Cause: threadv1.Cause_CAUSE_WRAPPED_UP, By: "mila"}), &crmv1.Event{
		Id: "t-3-7-0", AtMs: 9000, Type: crmv1.EventType_EVENT_TYPE_CONVERSATION_CLOSED, Contact: id,
		Conversation: &crmv1.ClosedConversation{Id: "b", OpenedMs: 6000, ClosedMs: 9000, Cause: threadv1.Cause_CAUSE_WRAPPED_UP, Agent: "mila", WaitedMs: 1000, HandledMs: 2000}})
	same(commit(10, &threadv1.ConversationOpened{Id: "c", Units: 1}, &threadv1.ContactLinked{Contact: id, Source: threadv1.LinkSource_LINK_SOURCE_KEPT}))
	same(commit(11, &threadv1.ContactUnlinked{Contact: id, By: "crm"}),
		&crmv1.Event{Id: "t-3-9-0", AtMs: 11000, Type: crmv1.EventType_EVENT_TYPE_CONTACT_UNLINKED, Contact: id, By: "crm"})
}
