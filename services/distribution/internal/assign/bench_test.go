package assign_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/parley-desk/parley/pkg/keyspace"
	"github.com/parley-desk/parley/pkg/keyspace/keyspacetest"
	"github.com/parley-desk/parley/services/distribution/internal/assign"
)

// BenchmarkPick queues an item, which picks and reserves an agent among n, and
// finishes it again; p50 is of the first half alone. BenchmarkFloor is what any
// script costs on the same machine.
func BenchmarkPick(b *testing.B) {
	for _, n := range []int{100, 50_000} {
		for _, method := range []assign.Method{assign.LeastActive, assign.HighestCapacity} {
			b.Run(fmt.Sprintf("agents=%d/%s", n, method), func(b *testing.B) { pick(b, n, method) })
		}
	}
}

func pick(b *testing.B, n int, method assign.Method) {
	ctx, now := b.Context(), time.UnixMilli(1_764_000_000_000)
	rdb := keyspacetest.Server(b)
	book, err := assign.NewBook(rdb, assign.Config{Group: "g", Lease: time.Hour, Grace: time.Hour})
	if err != nil {
		b.Fatal(err)
	}
	w := assign.World{Queues: []assign.Queue{{ID: "front", Method: method, Classes: []int32{1}}},
		Presences: map[string]assign.Presence{}, Items: func(func(assign.Item, error) bool) {}}
	for i := range n {
		id := fmt.Sprintf("a%05d", i)
		w.Agents = append(w.Agents, assign.Agent{ID: id, Capacity: 3, Queues: []string{"front"}})
		w.Presences[id] = assign.Presence{Now: "AVAILABLE"}
	}
	if _, err := book.Rebuild(ctx, now, w); err != nil {
		b.Fatal(err)
	}
	took := make([]time.Duration, 0, b.N)
	item := assign.Item{Conversation: "c", Queue: "front", Units: 1, QueuedMS: now.UnixMilli(), OfferMS: 60_000}
	for i := range b.N {
		item.Key, item.Phase = fmt.Sprint("1.", i%1000), assign.Waiting
		item.Revision++
		began := time.Now()
		phase, err := book.Apply(ctx, now, item)
		took = append(took, time.Since(began))
		if err != nil || phase != assign.Offered {
			b.Fatalf("got %q, %v", phase, err)
		}
		item.Phase = assign.Done
		item.Revision++
		if _, err := book.Apply(ctx, now, item); err != nil {
			b.Fatal(err)
		}
	}
	report(b, took)
}

func BenchmarkFloor(b *testing.B) {
	rdb := keyspacetest.Server(b)
	one := keyspace.NewScript("one", "return {1}")
	took := make([]time.Duration, 0, b.N)
	for range b.N {
		began := time.Now()
		if _, err := one.Run(b.Context(), rdb, "{g}:m"); err != nil {
			b.Fatal(err)
		}
		took = append(took, time.Since(began))
	}
	report(b, took)
}

func report(b *testing.B, took []time.Duration) {
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds()), "p50-µs")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "p99-µs")
}
