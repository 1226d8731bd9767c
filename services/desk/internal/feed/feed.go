// Package feed keeps what every signed-in agent's page must know: the agent's
// conversations as last shown, and the latest changes in a ring from which a
// page that lost its connection continues where it was.
//
// A stream pulls from the ring at its own pace and waits for nobody; nobody
// waits for it. One that falls behind the ring is given a snapshot instead.
// Many streams may read one feed.
package feed

import (
	"cmp"
	"crypto/rand"
	"slices"
	"sync"
	"time"

	"google.golang.org/protobuf/proto"

	deskv1 "github.com/parley-desk/parley/proto/gen/parley/desk/v1"
	distributionv1 "github.com/parley-desk/parley/proto/gen/parley/distribution/v1"
	"github.com/parley-desk/parley/proto/subject"
)

// Feed is the stream of events of one agent. Its methods never block on a
// reader and may be called from any goroutine.
type Feed struct {
	mu       sync.Mutex
	epoch    string
	seq      uint64          // of the newest event; 0 before the first
	ring     []*deskv1.Event // event seq stands at seq % len(ring)
	views    map[subject.Thread]*deskv1.ConversationView
	standing *distributionv1.AgentStanding
	queues   *deskv1.Queues
	changed  chan struct{} // closed at the next event
}

// New makes a feed that remembers the last size events. Its epoch is new: a
// cursor of any other feed leads to a snapshot.
func New(size int, views map[subject.Thread]*deskv1.ConversationView) *Feed {
	return &Feed{
		epoch: rand.Text(),
		ring:  make([]*deskv1.Event, max(1, size)),
		views: views, changed: make(chan struct{}),
	}
}

// Cursor is how far a reader has come.
type Cursor struct {
	Epoch string
	Seq   uint64
}

// After gives the events that follow c, the cursor after them, and a channel
// that is closed when there are more. A cursor that is unknown or too old gives
// one event: a snapshot as of now.
func (f *Feed) After(c Cursor, now time.Time) ([]*deskv1.Event, Cursor, <-chan struct{}) {
	f.mu.Lock()
	defer f.mu.Unlock()
	next := Cursor{f.epoch, f.seq}
	if c.Epoch != f.epoch || c.Seq > f.seq || f.seq-c.Seq > uint64(len(f.ring)) {
		return []*deskv1.Event{f.snapshot(now)}, next, f.changed
	}
	events := make([]*deskv1.Event, 0, f.seq-c.Seq)
	for seq := c.Seq + 1; seq <= f.seq; seq++ {
		events = append(events, f.ring[seq%uint64(len(f.ring))])
	}
	return events, next, f.changed
}

// Restart forgets all events and begins a new epoch, so that every reader is
// given a snapshot.
func (f *Feed) Restart(views map[subject.Thread]*deskv1.ConversationView) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.epoch, f.seq, f.views = rand.Text(), 0, views
	clear(f.ring)
	f.wake()
}

// Standing is presence and load as last told; nil before.
func (f *Feed) Standing() *distributionv1.AgentStanding {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.standing
}

// Stand tells presence and load.
func (f *Feed) Stand(s *distributionv1.AgentStanding) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if proto.Equal(f.standing, s) {
		return
	}
	f.standing = s
	f.put(&deskv1.Event{Kind: &deskv1.Event_Standing{Standing: s}})
	f.wake()
}

// Count tells how full the agent's queues are.
func (f *Feed) Count(q *deskv1.Queues) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if proto.Equal(f.queues, q) || f.queues == nil && len(q.GetQueues()) == 0 {
		return
	}
	f.queues = q
	f.put(&deskv1.Event{Kind: &deskv1.Event_Queues{Queues: q}})
	f.wake()
}

// Show tells how the conversation of t stands, nil when it is no longer the
// agent's to see, and the items of its timeline that changed with it. All of
// it reaches a reader together.
func (f *Feed) Show(t subject.Thread, view *deskv1.ConversationView, items []*deskv1.TimelineItem) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.show(t, view)
	for _, item := range items {
		f.put(&deskv1.Event{Kind: &deskv1.Event_Timeline{
			Timeline: &deskv1.TimelineChange{Ref: view.GetRef(), Item: item}}})
	}
	f.wake()
}

// Refresh shows every conversation anew, for what changes without the thread:
// names, and the time left to answer. What did not change is not told.
func (f *Feed) Refresh(views map[subject.Thread]*deskv1.ConversationView) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for t := range f.views {
		if views[t] == nil {
			f.show(t, nil)
		}
	}
	for t, view := range views {
		f.show(t, view)
	}
	f.wake()
}

func (f *Feed) show(t subject.Thread, view *deskv1.ConversationView) {
	old := f.views[t]
	switch {
	case view == nil && old == nil, proto.Equal(old, view):
		return
	case view == nil:
		delete(f.views, t)
		f.put(&deskv1.Event{Kind: &deskv1.Event_Removed{Removed: old.GetRef()}})
	default:
		f.views[t] = view
		f.put(&deskv1.Event{Kind: &deskv1.Event_Conversation{Conversation: view}})
	}
}

// put numbers an event and stores it in the place of the oldest.
func (f *Feed) put(e *deskv1.Event) {
	f.seq++
	e.Epoch, e.Seq = f.epoch, f.seq
	f.ring[f.seq%uint64(len(f.ring))] = e
}

// wake tells the readers, after all events of one change.
func (f *Feed) wake() {
	close(f.changed)
	f.changed = make(chan struct{})
}

func (f *Feed) snapshot(now time.Time) *deskv1.Event {
	return &deskv1.Event{Epoch: f.epoch, Seq: f.seq, Kind: &deskv1.Event_Snapshot{Snapshot: &deskv1.Snapshot{
		Conversations: inOrder(f.views), Standing: f.standing, Queues: f.queues, NowMs: now.UnixMilli(),
	}}}
}

// inOrder is the oldest conversation first.
func inOrder(views map[subject.Thread]*deskv1.ConversationView) []*deskv1.ConversationView {
	all := make([]*deskv1.ConversationView, 0, len(views))
	for _, view := range views {
		all = append(all, view)
	}
	slices.SortFunc(all, func(a, b *deskv1.ConversationView) int {
		return cmp.Or(cmp.Compare(a.GetOpenedMs(), b.GetOpenedMs()),
			cmp.Compare(a.GetRef().GetConversation(), b.GetRef().GetConversation()))
	})
	return all
}
