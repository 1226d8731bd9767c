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
// finishes it again. p50 and p99 are of the first half alone; floor is what a
// script costs that does nothing, run before every pick on the same server, and
// ratio is p50 to p50.
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
	w := assign.World{Queues: []assign.Queue{{ID: "front", Method: method, Classes: []assign.Class{plain(1)}}},
		Presences: map[string]assign.Presence{}, Items: func(func(assign.Item, error) bool) {}}
	for i := range n {
		id := fmt.Sprintf("a%05d", i)
		w.Agents = append(w.Agents, assign.Agent{ID: id, Capacity: 3, Queues: []string{"front"}})
		w.Presences[id] = assign.Presence{Now: "AVAILABLE", Source: "AGENT"}
	}
	if _, err := book.Rebuild(ctx, now, w); err != nil {
		b.Fatal(err)
	}
	nothing := keyspace.NewScript("nothing", "return {1}")
	floor, took := make([]time.Duration, 0, b.N), make([]time.Duration, 0, b.N)
	item := assign.Item{Conversation: "c", Queue: "front", Class: plain(1), QueuedMS: now.UnixMilli(), OfferMS: 60_000}
	for i := range b.N {
		began := time.Now()
		if _, err := nothing.Run(ctx, rdb, "{g}:m"); err != nil {
			b.Fatal(err)
		}
		floor = append(floor, time.Since(began))
		item.Key, item.Phase = fmt.Sprint("1.", i%1000), assign.Waiting
		item.Revision++
		began = time.Now()
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
	slices.Sort(floor)
	slices.Sort(took)
	b.ReportMetric(micros(took[len(took)/2]), "p50-µs")
	b.ReportMetric(micros(took[len(took)*99/100]), "p99-µs")
	b.ReportMetric(micros(floor[len(floor)/2]), "floor-µs")
	b.ReportMetric(float64(took[len(took)/2])/float64(floor[len(floor)/2]), "ratio")
}

func micros(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }
