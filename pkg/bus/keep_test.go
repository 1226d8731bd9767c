package bus_test

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/parley-desk/parley/pkg/bus"
	"github.com/parley-desk/parley/pkg/bus/bustest"
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
