package assign_test

import (
	"errors"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/parley-desk/parley/pkg/fault"
	"github.com/parley-desk/parley/pkg/keyspace/keyspacetest"
	"github.com/parley-desk/parley/services/distribution/internal/assign"
)

// TestManyAreAppliedAsOneByOne takes items through their life, many at a time.
func TestManyAreAppliedAsOneByOne(t *testing.T) {
	keyspacetest.Each(t, func(t *testing.T, rdb redis.UniversalClient) {
		d := open(t, rdb)
		for n := range 3 {
			d.signIn(fmt.Sprint("agent", n))
		}
		status, err := d.book.Status(t.Context())
		d.must(err)
		items := make([]assign.Item, 4)
		for n := range items {
			items[n] = itemOf(n, caller{at: d.now.UnixMilli(), queue: "front"})
		}
		apply := func(concluded []assign.Proposal, want ...assign.Phase) {
			t.Helper()
			for n := range items {
				d.rev++
				items[n].Revision = d.rev
			}
			for range 2 { // a repeat is harmless
				d.must(rdb.ScriptFlush(t.Context()).Err())
				got, err := d.book.ApplyAll(t.Context(), d.now, items, concluded)
				d.must(err)
				if !slices.Equal(got, want) {
					t.Fatalf("got %q, want %q", got, want)
				}
			}
		}
		apply(nil, assign.Offered, assign.Offered, assign.Offered, assign.Waiting)
		proposed, err := d.book.Proposals(t.Context(), status.Epoch, assign.Oldest, 10, time.Millisecond)
		d.must(err)
		for n, p := range proposed {
			if p.Item != items[n].Key || p.Revision != items[n].Revision {
				t.Fatalf("proposal %+v for %+v", p, items[n])
			}
			items[n].Phase, items[n].Agent, items[n].Fence, items[n].Highest = assign.Active, p.Agent, p.Fence, p.Fence
		}
		apply(proposed, assign.Active, assign.Active, assign.Active, assign.Waiting)
		if left, err := d.book.Proposals(t.Context(), status.Epoch, assign.Oldest, 10, time.Millisecond); err != nil || len(left) > 0 {
			t.Fatalf("the outbox has %v, %v", left, err)
		}
	})
}

// TestAgentsLookAgainForWhatWasLinedUpMeanwhile frees two agents in one go: when
// the first looks nobody waits, when the second does somebody has come.
func TestAgentsLookAgainForWhatWasLinedUpMeanwhile(t *testing.T) {
	keyspacetest.Each(t, func(t *testing.T, rdb redis.UniversalClient) {
		d := open(t, rdb)
		d.signIn("first")
		d.signIn("second")
		status, err := d.book.Status(t.Context())
		d.must(err)
		apply := func(items ...assign.Item) {
			t.Helper()
			for n := range items {
				d.rev++
				items[n].Revision = d.rev
			}
			_, err := d.book.ApplyAll(t.Context(), d.now, items, nil)
			d.must(err)
		}
		item := func(n int, phase assign.Phase, agent string) assign.Item {
			i := itemOf(n, caller{at: d.now.UnixMilli(), queue: "front"})
			i.Phase, i.Agent = phase, agent
			return i
		}
		apply(item(1, assign.Active, "first"), item(2, assign.Active, "second"))
		apply(item(1, assign.Done, ""), item(3, assign.Waiting, ""), item(4, assign.Waiting, ""), item(2, assign.Done, ""))
		proposed, err := d.book.Proposals(t.Context(), status.Epoch, assign.Oldest, 10, time.Millisecond)
		d.must(err)
		got := map[string]string{}
		for _, p := range proposed {
			got[p.Item] = p.Agent
		}
		if want := map[string]string{"1.3": "first", "1.4": "second"}; !maps.Equal(got, want) {
			t.Errorf("offered %v, want %v", got, want)
		}
	})
}

func TestManyAreNotAppliedToABookThatIsGone(t *testing.T) {
	rdb := keyspacetest.Server(t)
	d := open(t, rdb)
	one := []assign.Item{itemOf(1, caller{queue: "front"})}
	d.must(rdb.FlushAll(t.Context()).Err())
	if _, err := d.book.ApplyAll(t.Context(), d.now, one, nil); !errors.Is(err, assign.ErrEpoch) {
		t.Errorf("got %v, want %v", err, assign.ErrEpoch)
	}
	if phases, err := d.book.ApplyAll(t.Context(), d.now, nil, nil); err != nil || phases != nil {
		t.Errorf("nothing gives %v, %v", phases, err)
	}
	d.must(rdb.Close())
	if _, err := d.book.ApplyAll(t.Context(), d.now, one, nil); !fault.Is(err, fault.Unavailable) {
		t.Errorf("got %v, want unavailable", err)
	}
}

// TestAStepTakesTheEmbeddedServerLittleMemory takes conversations through their
// life and counts what that allocates, the interpreter of the scripts with it.
// There a table that has a number for a key has every place before it as well:
// keyed by the first fence of an epoch, 1,000,001, it takes 16 MB.
func TestAStepTakesTheEmbeddedServerLittleMemory(t *testing.T) {
	d := open(t, keyspacetest.Embedded(t))
	d.signIn("agent")
	const lives, most = 20, 4 << 20 // bytes of a life
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for n := range lives {
		item := itemOf(n, caller{at: d.now.UnixMilli(), queue: "front"})
		for _, phase := range []assign.Phase{assign.Waiting, assign.Active, assign.Done} {
			d.rev++
			item.Revision, item.Phase, item.Agent = d.rev, phase, map[assign.Phase]string{assign.Active: "agent"}[phase]
			_, err := d.book.Apply(t.Context(), d.now, item)
			d.must(err)
		}
	}
	runtime.ReadMemStats(&after)
	life := (after.TotalAlloc - before.TotalAlloc) / lives
	t.Logf("%d KB a life", life>>10)
	if life > most {
		t.Errorf("a life allocates %d KB, want at most %d", life>>10, most>>10)
	}
}
