package bus_test

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	"github.com/parley-desk/parley/pkg/bus"
	"github.com/parley-desk/parley/pkg/bus/bustest"
	"github.com/parley-desk/parley/pkg/thread"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
	"github.com/parley-desk/parley/proto/subject"
)

func history(t testing.TB, b *bus.Bus, of subject.Thread, after uint64) []bus.Record {
	t.Helper()
	var all []bus.Record
	for r, err := range b.History(t.Context(), of, after) {
		if err != nil {
			t.Fatalf("history: %v", err)
		}
		all = append(all, r)
	}
	return all
}

// However writers crowd, and whether their commits travel alone, in batches or
// in batches that are refused, the log is what the same commits one after
// another would have made, and everybody is told the revision of his own.
func TestCrowdedCommitsEqualCommitsInARow(t *testing.T) {
	b := bustest.Open(t)
	var serial atomic.Int64
	rapid.Check(t, func(rt *rapid.T) {
		threads := rapid.IntRange(1, 40).Draw(rt, "threads")
		writers := rapid.IntRange(1, 60).Draw(rt, "writers")
		each := rapid.IntRange(1, 3).Draw(rt, "each")
		base := int(serial.Add(1)) * 1000
		var mu sync.Mutex
		told := map[string]uint64{}
		var crowd sync.WaitGroup
		for w := range writers {
			crowd.Go(func() {
				for n := range each {
					mid := fmt.Sprintf("%d-%d", w, n)
					_, rev, err := b.Update(t.Context(), customer(base+(w*7+n)%threads), say(mid))
					mu.Lock()
					told[mid] = rev
					mu.Unlock()
					if err != nil {
						t.Errorf("update: %v", err)
					}
				}
			})
		}
		crowd.Wait()
		stored := 0
		for n := range threads {
			state, revision := thread.New(customer(0).Page, customer(base+n).PSID), uint64(0)
			for _, r := range history(t, b, customer(base+n), 0) {
				if r.Previous != revision {
					rt.Fatalf("revision %d tells that %d was before it, not %d", r.Revision, r.Previous, revision)
				}
				c, err := thread.Extend(state, revision, r.Stored, "x", r.Commit.GetFacts()...)
				if err != nil {
					rt.Fatalf("the log does not follow from itself: %v", err)
				}
				if !proto.Equal(c.GetState(), r.Commit.GetState()) {
					rt.Fatalf("revision %d holds another state than its facts lead to", r.Revision)
				}
				state, revision = c.GetState(), r.Revision
				for _, mid := range mids(r.Commit) {
					stored++
					if told[mid] != r.Revision {
						rt.Fatalf("writer of %s was told revision %d, it is %d", mid, told[mid], r.Revision)
					}
				}
			}
		}
		if stored != writers*each {
			rt.Fatalf("%d commits in the log, want %d", stored, writers*each)
		}
	})
}

// Two processes that write the same threads lose races and nothing else.
func TestRacingProcessesLoseNothing(t *testing.T) {
	broker := bustest.Broker(t)
	all := []*bus.Bus{broker.Open(t, "one"), broker.Open(t, "two"), broker.Open(t, "three")}
	var crowd sync.WaitGroup
	for i, b := range all {
		for w := range 4 {
			crowd.Go(func() {
				for n := range 15 {
					if _, _, err := b.Update(t.Context(), customer(n%3), say(fmt.Sprintf("%d-%d-%d", i, w, n))); err != nil {
						t.Errorf("update: %v", err)
					}
				}
			})
		}
	}
	crowd.Wait()
	stored := 0
	for n := range 3 {
		stored += len(history(t, all[0], customer(n), 0))
	}
	if want := 3 * 4 * 15; stored != want {
		t.Fatalf("%d commits in the log, want %d", stored, want)
	}
}

// A decision on an old state is not believed when it would leave the log as it is.
func TestRefusalIsNeverOfAnOldState(t *testing.T) {
	broker := bustest.Broker(t)
	one, two := broker.Open(t, "one"), broker.Open(t, "two")
	update(t, one, customer(1), "a")
	rev := update(t, two, customer(1), "b")
	var seen []uint64
	_, at, err := one.Update(t.Context(), customer(1), func(_ *threadv1.State, revision uint64) ([]*threadv1.Fact, error) {
		seen = append(seen, revision)
		return nil, nil
	})
	if err != nil || at != rev || seen[len(seen)-1] != rev {
		t.Fatalf("decided on revisions %v and returned %d, %v; the thread is at %d", seen, at, err, rev)
	}
}

// A commit during which the broker dies is stored once, not twice, and not lost.
func TestCommitsOutliveTheBroker(t *testing.T) {
	broker := bustest.Broker(t)
	b := broker.Open(t, "one")
	var crowd sync.WaitGroup
	var done atomic.Int64
	const writers, each = 8, 40
	for w := range writers {
		crowd.Go(func() {
			for n := range each {
				// Not idempotent on purpose: only the bus keeps it from being stored twice.
				_, _, err := b.Update(t.Context(), customer(w%4), func(*threadv1.State, uint64) ([]*threadv1.Fact, error) {
					return []*threadv1.Fact{thread.Of(&threadv1.MessageReceived{Mid: fmt.Sprintf("%d-%d", w, n), Text: "x", SentMs: 1})}, nil
				})
				if err != nil {
					t.Errorf("update: %v", err)
				}
				done.Add(1)
			}
		})
	}
	for _, n := range []int64{40, 120} {
		await(t, "some commits", func() bool { return done.Load() >= n })
		broker.Restart(t)
	}
	crowd.Wait()
	count := map[string]int{}
	for n := range 4 {
		for _, r := range history(t, b, customer(n), 0) {
			for _, mid := range mids(r.Commit) {
				count[mid]++
			}
		}
	}
	for w := range writers {
		for n := range each {
			if mid := fmt.Sprintf("%d-%d", w, n); count[mid] != 1 {
				t.Errorf("commit %s is in the log %d times", mid, count[mid])
			}
		}
	}
}
