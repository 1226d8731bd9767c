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

// A watcher that starts while others write sees for every thread a first
// commit and then every later one, without a gap, and is ready once.
func TestWatchIsGapless(t *testing.T) {
	b := bustest.Open(t)
	const threads, before, during = 20, 100, 400
	for n := range before {
		update(t, b, customer(n%threads), fmt.Sprint(n))
	}
	var writing sync.WaitGroup
	for w := range 4 {
		writing.Go(func() {
			for n := range during / 4 {
				update(t, b, customer((w*5+n)%threads), fmt.Sprintf("%d-%d", w, n))
			}
		})
	}
	var mu sync.Mutex
	seen := map[subject.Thread][]uint64{}
	last := map[subject.Thread]uint64{}
	ready := make(chan struct{})
	background(t, func(ctx context.Context) error {
		return b.WatchThreads(ctx, func() { close(ready) }, func(r bus.Record) {
			mu.Lock()
			defer mu.Unlock()
			if before := last[r.Thread]; before > 0 && r.Previous != before {
				t.Errorf("revision %d tells that %d was before it, not %d", r.Revision, r.Previous, before)
			}
			seen[r.Thread] = append(seen[r.Thread], r.Revision)
			last[r.Thread] = r.Revision
		})
	})
	<-ready
	mu.Lock()
	if len(seen) != threads {
		t.Errorf("ready after %d threads, want %d", len(seen), threads)
	}
	mu.Unlock()
	writing.Wait()
	want := map[subject.Thread][]uint64{}
	for n := range threads {
		for _, r := range history(t, b, customer(n), 0) {
			want[r.Thread] = append(want[r.Thread], r.Revision)
		}
	}
	await(t, "the last commits", func() bool {
		mu.Lock()
		defer mu.Unlock()
		for of, revisions := range want {
			if last[of] != revisions[len(revisions)-1] {
				return false
			}
		}
		return true
	})
	mu.Lock()
	defer mu.Unlock()
	for of, revisions := range want {
		got := seen[of]
		if tail := revisions[len(revisions)-len(got):]; fmt.Sprint(tail) != fmt.Sprint(got) {
			t.Errorf("watched %v of the revisions %v", got, revisions)
		}
	}
}

// A watch goes on where it was when the broker comes back.
func TestWatchOutlivesTheBroker(t *testing.T) {
	broker := bustest.Broker(t)
	b := broker.Open(t, "one")
	var seen tally
	ready := make(chan struct{})
	background(t, func(ctx context.Context) error {
		return b.WatchThreads(ctx, func() { close(ready) }, func(r bus.Record) { seen.add(r.Thread, mids(r.Commit)...) })
	})
	<-ready
	for n := range 10 {
		update(t, b, customer(n%3), fmt.Sprint(n))
	}
	await(t, "10 commits", func() bool { return seen.n() == 10 })
	broker.Restart(t)
	for n := range 10 {
		update(t, b, customer(n%3), fmt.Sprint(10+n))
	}
	await(t, "20 commits", func() bool { return seen.n() == 20 })
	for n := range 3 {
		checkAscending(t, seen.of(customer(n)))
	}
}

func TestStatesAreTheLastOfEveryThread(t *testing.T) {
	b := bustest.Open(t)
	want := map[subject.Thread]uint64{}
	for n := range 300 {
		want[customer(n%70)] = update(t, b, customer(n%70), fmt.Sprint(n))
	}
	got := map[subject.Thread]uint64{}
	for r, err := range b.States(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		got[r.Thread] = r.Revision
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got %v, want %v", got, want)
	}
	for range b.States(t.Context()) {
		break // must not hang nor leak
	}
}

func TestHistoryBeginsAfterARevision(t *testing.T) {
	b := bustest.Open(t)
	var revisions []uint64
	for n := range 6 {
		revisions = append(revisions, update(t, b, customer(1), fmt.Sprint(n)))
		update(t, b, customer(2), fmt.Sprint(n))
	}
	var got []uint64
	for _, r := range history(t, b, customer(1), revisions[2]) {
		got = append(got, r.Revision)
	}
	if fmt.Sprint(got) != fmt.Sprint(revisions[3:]) {
		t.Errorf("got %v, want %v", got, revisions[3:])
	}
	if n := len(history(t, b, customer(3), 0)); n != 0 {
		t.Errorf("a new thread has %d commits", n)
	}
}

// A history longer than one request gives comes whole and in order.
func TestALongHistoryIsWhole(t *testing.T) {
	b := bustest.Open(t)
	var revisions, got []uint64
	for n := range 300 {
		revisions = append(revisions, update(t, b, customer(1), fmt.Sprint(n)))
	}
	for _, r := range history(t, b, customer(1), 0) {
		got = append(got, r.Revision)
	}
	if fmt.Sprint(got) != fmt.Sprint(revisions) {
		t.Errorf("got %v, want %v", got, revisions)
	}
}
