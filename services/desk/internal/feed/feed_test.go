package feed_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"
	"pgregory.net/rapid"

	deskv1 "github.com/parley-desk/parley/proto/gen/parley/desk/v1"
	distributionv1 "github.com/parley-desk/parley/proto/gen/parley/distribution/v1"
	"github.com/parley-desk/parley/proto/subject"
	"github.com/parley-desk/parley/services/desk/internal/feed"
)

var noon = time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)

func thread(n int) subject.Thread { return subject.Thread{Page: "1020", PSID: fmt.Sprint(n)} }

func view(n, revision int) *deskv1.ConversationView {
	return &deskv1.ConversationView{
		Ref:      &deskv1.ConversationRef{Page: "1020", Psid: fmt.Sprint(n), Conversation: fmt.Sprint("c", n)},
		Revision: uint64(revision), OpenedMs: int64(n),
	}
}

// shown is what a page makes of events, by the rules of the API and no others.
type shown struct {
	views    map[string]*deskv1.ConversationView
	standing *distributionv1.AgentStanding
	items    []string // told since the last snapshot
}

func (s *shown) take(e *deskv1.Event) {
	switch k := e.GetKind().(type) {
	case *deskv1.Event_Snapshot:
		*s = shown{views: map[string]*deskv1.ConversationView{}, standing: k.Snapshot.GetStanding()}
		for _, v := range k.Snapshot.GetConversations() {
			s.views[v.GetRef().GetPsid()] = v
		}
	case *deskv1.Event_Conversation:
		s.views[k.Conversation.GetRef().GetPsid()] = k.Conversation
	case *deskv1.Event_Removed:
		delete(s.views, k.Removed.GetPsid())
	case *deskv1.Event_Timeline:
		s.items = append(s.items, k.Timeline.GetItem().GetId())
	case *deskv1.Event_Standing:
		s.standing = k.Standing
	}
}

// page is a reader that comes and goes.
type page struct {
	shown
	cursor feed.Cursor
	since  int // how many items had been told when it got its last snapshot
}

// read takes what follows its cursor and checks that it is a snapshot, or all
// that is missing in order and nothing else.
func (p *page) read(t *rapid.T, f *feed.Feed, ring int, told []string) {
	_, here, _ := f.After(feed.Cursor{}, noon)
	reach := p.cursor.Epoch == here.Epoch && p.cursor.Seq <= here.Seq && here.Seq-p.cursor.Seq <= uint64(ring)
	events, next, _ := f.After(p.cursor, noon)
	if next != here {
		t.Fatalf("the cursor leads to %v, the feed is at %v", next, here)
	}
	if got := len(events) == 1 && events[0].GetSnapshot() != nil; got == reach {
		t.Fatalf("from %v to %v with a ring of %d: a snapshot is %v", p.cursor, here, ring, got)
	}
	if reach && uint64(len(events)) != here.Seq-p.cursor.Seq {
		t.Fatalf("%d events from %v to %v", len(events), p.cursor, here)
	}
	for i, e := range events {
		if want := p.cursor.Seq + uint64(i) + 1; reach && e.GetSeq() != want || e.GetEpoch() != here.Epoch {
			t.Fatalf("event %s/%d where %s/%d was next", e.GetEpoch(), e.GetSeq(), here.Epoch, want)
		}
		if p.take(e); e.GetSnapshot() != nil {
			p.since = len(told)
			if e.GetSeq() != here.Seq || e.GetSnapshot().GetNowMs() != noon.UnixMilli() {
				t.Fatalf("a snapshot of %d at %d", e.GetSeq(), here.Seq)
			}
		}
	}
	p.cursor = next
}

// truth is what the feed was told.
type truth struct {
	shown
	told     []string // ids of all items
	revision int
}

// change draws one change and tells the feed.
func (w *truth) change(t *rapid.T, f *feed.Feed) {
	n := rapid.IntRange(1, 4).Draw(t, "thread")
	w.revision++
	switch rapid.IntRange(0, 6).Draw(t, "change") {
	case 0:
		delete(w.views, fmt.Sprint(n))
		f.Show(thread(n), nil, nil)
	case 1:
		w.standing = &distributionv1.AgentStanding{Agent: "mila", Used: rapid.Int32Range(0, 2).Draw(t, "used")}
		f.Stand(w.standing)
	case 2:
		w.views = w.draw(t)
		f.Refresh(byThread(w.views))
	case 3:
		w.views = w.draw(t)
		f.Restart(byThread(w.views))
	default:
		var items []*deskv1.TimelineItem
		for range rapid.IntRange(0, 4).Draw(t, "items") {
			id := fmt.Sprint(len(w.told))
			w.told = append(w.told, id)
			items = append(items, &deskv1.TimelineItem{Id: id})
		}
		v := view(n, w.revision)
		w.views[fmt.Sprint(n)] = v
		f.Show(thread(n), v, items)
	}
}

// draw keeps some conversations as they are, changes some, and brings or takes
// others.
func (w *truth) draw(t *rapid.T) map[string]*deskv1.ConversationView {
	views := map[string]*deskv1.ConversationView{}
	for n := 1; n <= 4; n++ {
		switch old := w.views[fmt.Sprint(n)]; rapid.IntRange(0, 2).Draw(t, "fate") {
		case 0:
			views[fmt.Sprint(n)] = view(n, w.revision)
		case 1:
			if old != nil {
				views[fmt.Sprint(n)] = old
			}
		}
	}
	return views
}

func byThread(views map[string]*deskv1.ConversationView) map[subject.Thread]*deskv1.ConversationView {
	all := map[subject.Thread]*deskv1.ConversationView{}
	for psid, v := range views {
		all[subject.Thread{Page: "1020", PSID: psid}] = v
	}
	return all
}

// TestNeverAGapNeverADouble: whatever its cursor says, true, old, of another
// run or invented, a page is given exactly what it misses, in order, or a
// snapshot when that is no longer to be had; and it shows what is so.
func TestNeverAGapNeverADouble(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ring := rapid.IntRange(1, 8).Draw(t, "ring")
		f := feed.New(ring, byThread(nil))
		world := truth{shown: shown{views: map[string]*deskv1.ConversationView{}}}
		pages := make([]page, 3)
		check := func(t *rapid.T) {
			p := &pages[rapid.IntRange(0, len(pages)-1).Draw(t, "page")]
			p.read(t, f, ring, world.told)
			if d := cmp.Diff(world.views, p.views, protocmp.Transform()); d != "" {
				t.Fatalf("conversations as they are and as shown: %s", d)
			}
			if d := cmp.Diff(world.standing, p.standing, protocmp.Transform()); d != "" {
				t.Fatalf("standing as it is and as shown: %s", d)
			}
			if want := fmt.Sprint(world.told[p.since:]); fmt.Sprint(p.items) != want {
				t.Fatalf("items %v were told, %v were shown", want, p.items)
			}
		}
		t.Repeat(map[string]func(*rapid.T){
			"change":     func(t *rapid.T) { world.change(t, f) },
			"read":       check,
			"read again": check,
			"lose the cursor": func(t *rapid.T) {
				p := &pages[rapid.IntRange(0, len(pages)-1).Draw(t, "page")]
				*p = page{cursor: feed.Cursor{
					Epoch: rapid.SampledFrom([]string{"", "x", p.cursor.Epoch + "x"}).Draw(t, "epoch"),
					Seq:   rapid.Uint64().Draw(t, "seq")}}
			},
		})
	})
}

// TestWhoComesFromTheFutureGetsASnapshot: a cursor ahead of the feed is of no
// run of it.
func TestWhoComesFromTheFutureGetsASnapshot(t *testing.T) {
	f := feed.New(4, byThread(nil))
	_, here, _ := f.After(feed.Cursor{}, noon)
	events, next, _ := f.After(feed.Cursor{Epoch: here.Epoch, Seq: 1}, noon)
	if len(events) != 1 || events[0].GetSnapshot() == nil || next != here {
		t.Errorf("got %v and go on at %v", events, next)
	}
}

// TestReadersAreWokenOnceAChangeIsWhole: all events of one change come
// together, and who has read everything waits.
func TestReadersAreWokenOnceAChangeIsWhole(t *testing.T) {
	f := feed.New(16, byThread(nil))
	_, c, more := f.After(feed.Cursor{}, noon)
	select {
	case <-more:
		t.Fatal("woken by nothing")
	default:
	}
	got := make(chan []*deskv1.Event, 1)
	go func() {
		<-more
		events, _, _ := f.After(c, noon)
		got <- events
	}()
	f.Show(thread(1), view(1, 1), []*deskv1.TimelineItem{{Id: "a"}, {Id: "b"}})
	if events := <-got; len(events) != 3 {
		t.Errorf("woken for %d of 3 events", len(events))
	}
}

// TestSnapshotIsTheOldestFirst, so that tabs keep their numbers.
func TestSnapshotIsTheOldestFirst(t *testing.T) {
	views := map[subject.Thread]*deskv1.ConversationView{}
	for n := range 9 {
		views[thread(n)] = view(n, 1)
	}
	views[thread(4)].OpenedMs, views[thread(5)].OpenedMs = 4, 4
	events, _, _ := feed.New(1, views).After(feed.Cursor{}, noon)
	for n, v := range events[0].GetSnapshot().GetConversations() {
		if v.GetRef().GetPsid() != fmt.Sprint(n) {
			t.Errorf("place %d has %v", n, v.GetRef())
		}
	}
}
