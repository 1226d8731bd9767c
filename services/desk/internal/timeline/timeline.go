// Package timeline turns the log of one thread into what an agent reads: every
// message once, with its edits, reactions and delivery folded in, and the
// turns the conversation took between them. It is pure: the same commits give
// the same items, whether they come one at a time or all at once.
package timeline

import (
	"sort"
	"strconv"

	deskv1 "github.com/parley-desk/parley/proto/gen/parley/desk/v1"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
)

// Timeline is the fold of a thread up to a revision. The items it gives out
// are never changed afterwards: a change makes a new item in the old one's
// place. It is not safe for concurrent use.
type Timeline struct {
	revision uint64
	entries  []*entry          // in the order of the log
	byID     map[string]*entry // by item id
	byMid    map[string]*entry // by Meta's message id, of either side
	unread   []*entry          // messages of agents that are not read yet
	offering []*entry          // messages of ours that have something to press
	// Watermarks of Meta's clock, ms since 1970 UTC.
	delivered, read int64
	named           map[string]int64 // mids that Meta named as delivered, each with a watermark
}

// entry is an item and what folding needs beyond it.
type entry struct {
	item  *deskv1.TimelineItem
	edit  int32                              // number of the newest edit folded in
	known bool                               // the message itself was seen, not only what refers to it
	send  *send                              // of an agent's message
	chose *entry                             // of a press, the message whose answer or button it was
	press *entry                             // of such a message, the last press
	files map[int32]*threadv1.AttachmentKept // of a message, those that are here
}

// New is the timeline of a thread in which nothing has happened.
func New() *Timeline {
	return &Timeline{byID: map[string]*entry{}, byMid: map[string]*entry{}, named: map[string]int64{}}
}

// Revision is the newest commit folded in; 0 when there is none.
func (t *Timeline) Revision() uint64 { return t.revision }

// Len is how many items there are.
func (t *Timeline) Len() int { return len(t.entries) }

// Apply folds one commit in. Commits come in the order of the log; one that is
// not newer than Revision was folded before and changes nothing.
func (t *Timeline) Apply(revision uint64, c *threadv1.Commit) {
	if revision <= t.revision {
		return
	}
	t.revision = revision
	f := fold{
		Timeline:     t,
		conversation: c.GetState().GetConversation().GetId(),
		at:           c.GetAtMs(),
		state:        c.GetState(),
	}
	for i, fact := range c.GetFacts() {
		f.index, f.late, f.recovered = int32(i), fact.GetLate(), fact.GetRecovered()
		f.apply(fact)
	}
}

// Since gives the items that the commits from revision on have changed, as
// they stand now, in the order of the log.
func (t *Timeline) Since(revision uint64) []*deskv1.TimelineItem {
	var changed []*deskv1.TimelineItem
	for _, e := range t.entries {
		if e.item.GetChangedRevision() >= revision {
			changed = append(changed, e.item)
		}
	}
	return changed
}

// Find gives an item by its id; nil when there is none.
func (t *Timeline) Find(id string) *deskv1.TimelineItem {
	if e := t.byID[id]; e != nil {
		return e.item
	}
	return nil
}

// File gives the file of an attachment of an item; nil when it is not here.
func (t *Timeline) File(id string, index int32) *threadv1.AttachmentKept {
	e := t.byID[id]
	if e == nil || e.item.GetUnsent() {
		return nil
	}
	return e.files[index]
}

// Unsent gives what nothing proves to have reached Meta of an agent's message:
// the parts, and what went with them; no parts when there is no such message.
func (t *Timeline) Unsent(id string) *threadv1.SendRequested {
	left := &threadv1.SendRequested{}
	e := t.byID[id]
	if e == nil || e.send == nil {
		return left
	}
	asked, mids := e.send.asked, e.send.mids
	for i, part := range asked.GetParts() {
		if mids[i] != "" {
			continue
		}
		left.Parts = append(left.Parts, part)
		if i < len(asked.GetFiles()) {
			left.Files = append(left.Files, asked.GetFiles()[i])
		}
	}
	if mids[0] == "" {
		left.ReplyTo = asked.GetReplyTo()
	}
	left.QuickReplies, left.Template, left.Sticker = asked.GetQuickReplies(), asked.GetTemplate(), asked.GetSticker()
	return left
}

// FindCommand gives the item that a command of a desk made; nil when there is
// none.
func (t *Timeline) FindCommand(clientID string) *deskv1.TimelineItem {
	for i := len(t.entries) - 1; i >= 0; i-- {
		if item := t.entries[i].item; item.GetClientId() == clientID && clientID != "" {
			return item
		}
	}
	return nil
}

// Page gives the newest items before a revision, 0 for the newest of all,
// oldest first, and the revision to pass for the page before; 0 when there is
// none. It gives limit items at most, except that the items of one commit
// always stay together.
func (t *Timeline) Page(before uint64, limit int) ([]*deskv1.TimelineItem, uint64) {
	return page(t.entries, before, limit)
}

// PageOf is a Page of nothing but the items of one conversation.
func (t *Timeline) PageOf(conversation string, before uint64, limit int) ([]*deskv1.TimelineItem, uint64) {
	var entries []*entry
	for _, e := range t.entries {
		if e.item.GetConversation() == conversation {
			entries = append(entries, e)
		}
	}
	return page(entries, before, limit)
}

func page(entries []*entry, before uint64, limit int) ([]*deskv1.TimelineItem, uint64) {
	end := len(entries)
	if before > 0 {
		end = from(entries, before)
	}
	start := max(0, end-max(1, limit))
	if start > 0 && start < end {
		if cut := entries[start].item.GetRevision(); entries[start-1].item.GetRevision() == cut {
			start = from(entries, cut+1) // leave the commit that does not fit whole
			if start >= end {
				start = from(entries, cut) // it is all there is: better too many than none
			}
		}
	}
	items := make([]*deskv1.TimelineItem, 0, end-start)
	for _, e := range entries[start:end] {
		items = append(items, e.item)
	}
	if start == 0 {
		return items, 0
	}
	return items, items[0].GetRevision()
}

// from is the place of the first item of revision or later.
func from(entries []*entry, revision uint64) int {
	return sort.Search(len(entries), func(i int) bool {
		return entries[i].item.GetRevision() >= revision
	})
}

// place is the id of an item that has no id of its own.
func place(revision uint64, index int32) string {
	return strconv.FormatUint(revision, 10) + "." + strconv.Itoa(int(index))
}
