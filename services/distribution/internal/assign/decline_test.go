package assign_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/parley-desk/parley/pkg/keyspace/keyspacetest"
	"github.com/parley-desk/parley/services/distribution/internal/assign"
)

// desk is a book with one queue, and the revisions of what a test commits.
type desk struct {
	t    *testing.T
	book *assign.Book
	now  time.Time
	rev  uint64
	conf uint64
}

func open(t *testing.T, rdb redis.UniversalClient) *desk {
	t.Helper()
	book, err := assign.NewBook(rdb, assign.Config{Group: "g", Lease: time.Hour, Grace: time.Hour})
	d := &desk{t: t, book: book, now: time.UnixMilli(1_764_000_000_000)}
	d.must(err)
	_, err = book.Rebuild(t.Context(), d.now, assign.World{Items: func(func(assign.Item, error) bool) {},
		Queues: []assign.Queue{{ID: "front", Method: assign.LeastActive, Classes: []assign.Class{plain(1)}}}})
	d.must(err)
	return d
}

func (d *desk) must(err error) {
	d.t.Helper()
	if err != nil {
		d.t.Fatal(err)
	}
}

// signIn makes an agent available for one conversation at a time.
func (d *desk) signIn(agent string) {
	d.t.Helper()
	d.conf++
	d.must(d.book.SetAgent(d.t.Context(), d.now, assign.Agent{ID: agent, Revision: d.conf, Capacity: 1, Queues: []string{"front"}}))
	_, _, err := d.book.SetPresence(d.t.Context(), d.now, agent, assign.Presence{Now: "AVAILABLE", Source: "AGENT"})
	d.must(err)
}

func (d *desk) apply(i assign.Item) (assign.Item, assign.Phase) {
	d.t.Helper()
	d.rev++
	i.Revision = d.rev
	phase, err := d.book.Apply(d.t.Context(), d.now, i)
	d.must(err)
	return i, phase
}

func (d *desk) queued(key string) (assign.Item, assign.Phase) {
	d.t.Helper()
	return d.apply(assign.Item{Key: key, Conversation: key, Phase: assign.Waiting, Queue: "front", Class: plain(1),
		QueuedMS: d.now.UnixMilli() + int64(d.rev), OfferMS: 60_000})
}

// proposal is the newest one of an item.
func (d *desk) proposal(key string) assign.Proposal {
	d.t.Helper()
	status, err := d.book.Status(d.t.Context())
	d.must(err)
	all, err := d.book.Proposals(d.t.Context(), status.Epoch, assign.Oldest, 1000, time.Millisecond)
	d.must(err)
	for n := len(all) - 1; n >= 0; n-- {
		if all[n].Item == key {
			return all[n]
		}
	}
	d.t.Fatalf("nobody was proposed for %s", key)
	return assign.Proposal{}
}

// decline has the agent that the item was proposed to confirm and decline it;
// it gives the phase the item has afterwards.
func (d *desk) decline(i assign.Item) (assign.Item, assign.Phase) {
	d.t.Helper()
	p := d.proposal(i.Key)
	i.Phase, i.Agent, i.Fence, i.DueMS = assign.Offered, p.Agent, p.Fence, d.now.UnixMilli()+i.OfferMS
	i, _ = d.apply(i)
	ok, err := d.book.Answer(d.t.Context(), d.now, i.Key, p.Fence, p.Agent, true)
	d.must(err)
	if !ok {
		d.t.Fatalf("the offer of %s is gone", i.Key)
	}
	i.Phase, i.Agent, i.Fence = assign.Waiting, "", 0
	return d.apply(i)
}

// declineThrice leaves the item with nobody to offer it to.
func (d *desk) declineThrice(i assign.Item) assign.Item {
	d.t.Helper()
	for n := range 3 {
		var phase assign.Phase
		i, phase = d.decline(i)
		if want := map[bool]assign.Phase{true: assign.Offered, false: assign.Waiting}[n < 2]; phase != want {
			d.t.Fatalf("after %d declines the item is %s, want %s", n+1, phase, want)
		}
	}
	return i
}

func TestWhoDeclinedThriceIsNotAskedAgain(t *testing.T) {
	keyspacetest.Each(t, func(t *testing.T, rdb redis.UniversalClient) {
		d := open(t, rdb)
		d.signIn("ana")
		i, _ := d.queued("1.a")
		i = d.declineThrice(i)
		d.signIn("ana") // not even when she comes anew
		if _, phase := d.apply(i); phase != assign.Waiting {
			t.Fatalf("the item is %s, want waiting", phase)
		}
		d.signIn("boris")
		if p := d.proposal("1.a"); p.Agent != "boris" {
			t.Fatalf("proposed to %s, want boris", p.Agent)
		}
	})
}

func TestQueuedAnewIsAskedAnew(t *testing.T) {
	keyspacetest.Each(t, func(t *testing.T, rdb redis.UniversalClient) {
		d := open(t, rdb)
		d.signIn("ana")
		i, _ := d.queued("1.a")
		i = d.declineThrice(i)
		i.QueuedMS++
		if _, phase := d.apply(i); phase != assign.Offered {
			t.Fatalf("the item is %s, want offered", phase)
		}
		i = d.declineThrice(i)
		held := i
		held.Phase, held.Agent = assign.Active, "boris" // a supervisor assigned it, and boris leaves it
		d.apply(held)
		if _, phase := d.apply(i); phase != assign.Offered {
			t.Fatalf("the item that came back is %s, want offered", phase)
		}
	})
}

// TestDeclinedItemsHideNone has an agent who declined more items than the
// scripts look at in one go.
func TestDeclinedItemsHideNone(t *testing.T) {
	keyspacetest.Each(t, func(t *testing.T, rdb redis.UniversalClient) {
		d := open(t, rdb)
		d.signIn("ana")
		for n := range 40 {
			i, phase := d.queued(fmt.Sprintf("1.%02d", n))
			if phase != assign.Offered {
				t.Fatalf("item %d is %s, want offered", n, phase)
			}
			d.declineThrice(i)
		}
		_, _, err := d.book.SetPresence(t.Context(), d.now, "ana", assign.Presence{Now: "AWAY", Source: "AGENT"})
		d.must(err)
		if _, phase := d.queued("1.last"); phase != assign.Waiting {
			t.Fatalf("the last item is %s, want waiting", phase)
		}
		d.signIn("ana")
		if p := d.proposal("1.last"); p.Agent != "ana" {
			t.Fatalf("proposed to %s, want ana", p.Agent)
		}
	})
}

// TestWhatAHundredDeclinedIsOfferedToNobody is the end of L62: agents may still
// pick it, and queued anew it is asked about anew.
func TestWhatAHundredDeclinedIsOfferedToNobody(t *testing.T) {
	keyspacetest.Each(t, func(t *testing.T, rdb redis.UniversalClient) {
		d := open(t, rdb)
		for n := range 101 {
			d.signIn(fmt.Sprintf("a%03d", n))
		}
		i, phase := d.queued("1.a")
		for n := range 100 {
			if phase != assign.Offered {
				t.Fatalf("after %d declines the item is %s, want offered", n, phase)
			}
			i, phase = d.decline(i)
		}
		d.signIn("boris")
		if i, phase = d.apply(i); phase != assign.Waiting {
			t.Fatalf("after a hundred declines the item is %s, want waiting", phase)
		}
		why, err := d.book.Why(t.Context(), d.now, i.Key)
		d.must(err)
		if told := []assign.Exclusion{{Reason: assign.TurnedDown, Agents: 102}}; why.Ready != 102 || why.Wait >= 0 || !slices.Equal(why.Excluded, told) {
			t.Errorf("of it is told %+v", why)
		}
		i.QueuedMS++
		if i, phase = d.apply(i); phase != assign.Offered {
			t.Fatalf("the item queued anew is %s, want offered", phase)
		}
		for range 100 {
			i, _ = d.decline(i)
		}
		picked, err := d.book.Pick(t.Context(), d.now, i, "a007")
		d.must(err)
		if picked != assign.PickHeld {
			t.Errorf("who picks it gets %q", picked)
		}
	})
}
