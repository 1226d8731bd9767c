package bus_test

import (
	"context"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/parley-desk/parley/pkg/bus"
	"github.com/parley-desk/parley/pkg/bus/bustest"
	"github.com/parley-desk/parley/pkg/thread"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
	"github.com/parley-desk/parley/proto/subject"
)

// books is what keepers know, by partition: the newest revision of every thread.
type books struct {
	mu     sync.Mutex
	caught map[int]bool
	known  map[int]map[subject.Thread]uint64
}

func (b *books) begin(_ context.Context, partition int) bus.Keeper {
	mine := map[subject.Thread]uint64{}
	b.mu.Lock()
	b.known[partition] = mine
	b.mu.Unlock()
	return bus.Keeper{
		Handle: func(r bus.Record) {
			b.mu.Lock()
			defer b.mu.Unlock()
			mine[r.Thread] = r.Revision
		},
		Caught: func() {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.caught[partition] = true
		},
		End: func() {
			b.mu.Lock()
			defer b.mu.Unlock()
			delete(b.known, partition)
			delete(b.caught, partition)
		},
	}
}

func (b *books) all() map[subject.Thread]uint64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	sum := map[subject.Thread]uint64{}
	for _, known := range b.known {
		for t, r := range known {
			sum[t] = r
		}
	}
	return sum
}

func (b *books) partitions() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.caught)
}

// TestKeepThreads: every thread is kept by one of the processes; whoever takes a
// partition over knows all that the one before knew.
func TestKeepThreads(t *testing.T) {
	broker := bustest.Broker(t)
	first, second := broker.Open(t, "one"), broker.Open(t, "two")
	written := map[subject.Thread]uint64{}
	write := func(n int) {
		who := subject.Thread{Page: "10", PSID: fmt.Sprint(70 + n)}
		_, revision, err := first.Update(t.Context(), who, say(fmt.Sprint("m", n, "-", written[who])))
		if err != nil {
			t.Fatal(err)
		}
		written[who] = revision
	}
	for n := range 20 {
		write(n)
	}
	keep := func(b *bus.Bus) (*books, func()) {
		mine := &books{caught: map[int]bool{}, known: map[int]map[subject.Thread]uint64{}}
		return mine, background(t, func(ctx context.Context) error { return b.KeepThreads(ctx, "keeper", mine.begin) })
	}
	agree := func(what string, all ...*books) {
		t.Helper()
		await(t, what, func() bool {
			sum := map[subject.Thread]uint64{}
			for _, b := range all {
				for t, r := range b.all() {
					sum[t] = r
				}
			}
			if len(sum) != len(written) {
				return false
			}
			for t, r := range written {
				if sum[t] != r {
					return false
				}
			}
			return true
		})
	}
	one, end := keep(first)
	agree("the first knows all", one)
	two, _ := keep(second)
	await(t, "each has a part", func() bool { return one.partitions() > 0 && two.partitions() > 0 })
	for n := range 20 {
		write(n)
	}
	agree("both together know all", one, two)
	end()
	await(t, "the second has all", func() bool { return two.partitions() == second.Partitions() })
	write(3)
	agree("the second knows all", two)
}

// interest is what keepers know of the threads with a live conversation, by
// partition, and how many records they were handed.
type interest struct {
	mu     sync.Mutex
	known  map[int]map[subject.Thread]uint64
	caught int
	handed int
}

func (i *interest) begin(_ context.Context, partition int) bus.Keeper {
	mine := map[subject.Thread]uint64{}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.known[partition] = mine
	return bus.Keeper{
		Handle: func(r bus.Record) {
			i.mu.Lock()
			defer i.mu.Unlock()
			i.handed++
			if delete(mine, r.Thread); thread.Live(r.Commit.GetState().GetConversation()) {
				mine[r.Thread] = r.Revision
			}
		},
		Caught: func() {
			i.mu.Lock()
			defer i.mu.Unlock()
			i.caught++
		},
		Floor: func() uint64 {
			i.mu.Lock()
			defer i.mu.Unlock()
			lowest := uint64(math.MaxUint64)
			for _, revision := range mine {
				lowest = min(lowest, revision-1)
			}
			return lowest
		},
	}
}

// is tells whether everything was read and is what is wanted.
func (i *interest) is(want map[subject.Thread]uint64, partitions int) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	sum := map[subject.Thread]uint64{}
	for _, known := range i.known {
		maps.Copy(sum, known)
	}
	return i.caught == partitions && maps.Equal(sum, want)
}

// TestKeepThreadsAboveAFloor: whatever happened meanwhile, who takes over knows
// every thread that is of interest, and is spared the others that are older than
// all of those.
func TestKeepThreadsAboveAFloor(t *testing.T) {
	broker := bustest.Broker(t)
	b, want := broker.Open(t, "one"), map[subject.Thread]uint64{}
	turn := func(n int) {
		t.Helper()
		who, over := subject.Thread{Page: "10", PSID: fmt.Sprint(70 + n)}, false
		_, revision, err := b.Update(t.Context(), who, func(s *threadv1.State, _ uint64) ([]*threadv1.Fact, error) {
			if over = thread.Live(s.GetConversation()); over {
				return []*threadv1.Fact{thread.Of(&threadv1.ConversationClosed{Cause: threadv1.Cause_CAUSE_FORCED})}, nil
			}
			return []*threadv1.Fact{thread.Of(&threadv1.ConversationOpened{Id: fmt.Sprint(n), Units: 1})}, nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if want[who] = revision; over {
			delete(want, who)
		}
	}
	const many = 200
	for n := range many {
		turn(n)
		turn(n)
	}
	r, written := rand.New(rand.NewPCG(5, 6)), many // since all were last closed
	for round := range 4 {
		i := &interest{known: map[int]map[subject.Thread]uint64{}}
		end := background(t, func(ctx context.Context) error { return b.KeepThreads(ctx, "floor", i.begin) })
		await(t, fmt.Sprintf("all that is of interest in round %d", round), func() bool { return i.is(want, b.Partitions()) })
		if i.handed > written {
			t.Errorf("round %d: %d records were handed over of %d", round, i.handed, written)
		}
		for range 5 {
			turn(r.IntN(many))
		}
		await(t, "what is new", func() bool { return i.is(want, b.Partitions()) })
		end()
		for range 10 { // nobody keeps them
			turn(r.IntN(many))
		}
		if round == 0 {
			written = 0
		}
		written += 15
	}
}
