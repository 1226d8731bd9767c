package assign_test

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/parley-desk/parley/pkg/keyspace/keyspacetest"
	"github.com/parley-desk/parley/services/distribution/internal/assign"
)

// TestQueueNeverTakesMoreThanItsLimit is L51 with an exact count: many
// conversations at once ask for the few places left, those who get one come, and
// some ask again.
func TestQueueNeverTakesMoreThanItsLimit(t *testing.T) {
	keyspacetest.Each(t, func(t *testing.T, rdb redis.UniversalClient) {
		const racing, limit = 64, 5
		d := open(t, rdb)
		candidates := []assign.Candidate{{Queue: "front", Limit: limit}}
		var came, revision atomic.Int64
		var racers sync.WaitGroup
		for n := range racing {
			key := fmt.Sprint("1.", n)
			racers.Go(func() {
				for range 1 + n%2 {
					index, waiting, err := d.book.Place(t.Context(), d.now, key, "c"+key, candidates)
					if err != nil || waiting[0] > limit || (index == 0) != (waiting[0] < limit) {
						t.Errorf("%s: place %d, %d waiting, %v", key, index, waiting, err)
						return
					}
					if index < 0 {
						return
					}
				}
				came.Add(1)
				if _, err := d.book.Apply(t.Context(), d.now, assign.Item{Key: key, Revision: uint64(revision.Add(1)),
					Conversation: "c" + key, Phase: assign.Waiting, Queue: "front", Class: plain(1), OfferMS: 60_000}); err != nil {
					t.Errorf("apply %s: %v", key, err)
				}
			})
		}
		racers.Wait()
		if came.Load() != limit {
			t.Errorf("%d came, want %d", came.Load(), limit)
		}
		d.rev = uint64(revision.Load())
		d.full(limit)
		d.signIn("ana") // who is offered a conversation does not have it yet
		d.full(limit)
	})
}

// full checks that front is full, with so many in it.
func (d *desk) full(limit int32) {
	d.t.Helper()
	index, waiting, err := d.book.Place(d.t.Context(), d.now, "2.x", "cx",
		[]assign.Candidate{{Queue: "front", Limit: limit}, {Queue: "back", Limit: 1}})
	d.must(err)
	if index != 1 || waiting[0] != limit || waiting[1] != 0 {
		d.t.Errorf("got place %d with %v waiting; want 1, and %d in front", index, waiting, limit)
	}
}

// TestChangedRuleReachesThoseWhoWait is L53: a rule about waiting counts for
// those who wait already, and ceases to.
func TestChangedRuleReachesThoseWhoWait(t *testing.T) {
	keyspacetest.Each(t, func(t *testing.T, rdb redis.UniversalClient) {
		d := open(t, rdb)
		d.apply(assign.Item{Key: "1.a", Conversation: "c", Phase: assign.Waiting, Queue: "front", Class: plain(1),
			QueuedMS: d.now.UnixMilli(), SinceMS: d.now.UnixMilli(), OfferMS: 60_000})
		rule := func(wait time.Duration) {
			d.conf++
			d.must(d.book.SetQueue(t.Context(), d.now, assign.Queue{ID: "front", Revision: d.conf, Method: assign.LeastActive, Wait: wait}))
		}
		overflows := func(want int) {
			t.Helper()
			intents, err := d.book.Tick(t.Context(), d.now, 100)
			d.must(err)
			if len(intents) != want {
				t.Errorf("after %v: %d are asked out, want %d", d.now, len(intents), want)
			}
		}
		d.now = d.now.Add(59 * time.Minute)
		overflows(0)
		rule(time.Hour)
		overflows(0)
		d.now = d.now.Add(time.Minute)
		rule(0)
		overflows(0)
		rule(2 * time.Hour)
		overflows(0)
		rule(time.Minute)
		overflows(1)
		overflows(0)
		d.now = d.now.Add(5 * time.Second)
		overflows(1) // nobody has done anything about it
	})
}
