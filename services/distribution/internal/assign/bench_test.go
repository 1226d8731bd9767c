package assign_test

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/parley-desk/parley/pkg/keyspace"
	"github.com/parley-desk/parley/pkg/keyspace/keyspacetest"
	"github.com/parley-desk/parley/services/distribution/internal/assign"
)

var (
	benchTime = time.UnixMilli(1_764_000_000_000)
	idle      = keyspace.NewScript("nothing", "return {1}")
)

// staffed is a book with n available agents of one queue, and its generation.
func staffed(b *testing.B, n int, method assign.Method) (redis.UniversalClient, *assign.Book, int64) {
	rdb := keyspacetest.Server(b)
	book, err := assign.NewBook(rdb, assign.Config{Group: "g", Lease: time.Hour, Grace: time.Hour})
	if err != nil {
		b.Fatal(err)
	}
	epoch, err := book.Rebuild(b.Context(), benchTime, staff(n, method))
	if err != nil {
		b.Fatal(err)
	}
	return rdb, book, epoch
}

func staff(n int, method assign.Method) assign.World {
	w := assign.World{Queues: []assign.Queue{queueOf("front", method)}, Presences: map[string]assign.Presence{},
		Items: func(func(assign.Item, error) bool) {}}
	for _, c := range pool("a", n, 3, "front") {
		w.Agents = append(w.Agents, agentOf(c))
		w.Presences[c.id] = assign.Presence{Now: "AVAILABLE", Source: "AGENT"}
	}
	return w
}

// BenchmarkPick queues an item, which picks and reserves an agent among n, and
// finishes it again. p50 and p99 are of the first half alone; floor is what a
// script costs that does nothing, run before every pick on the same server, and
// ratio is p50 to p50.
func BenchmarkPick(b *testing.B) {
	for _, n := range []int{100, 1_000, 50_000} {
		for _, method := range []assign.Method{assign.LeastActive, assign.HighestCapacity} {
			b.Run(fmt.Sprintf("agents=%d/%s", n, method), func(b *testing.B) { pick(b, n, method) })
		}
	}
}

func pick(b *testing.B, n int, method assign.Method) {
	ctx, now := b.Context(), benchTime
	rdb, book, _ := staffed(b, n, method)
	floor, took := make([]time.Duration, 0, b.N), make([]time.Duration, 0, b.N)
	item := itemOf(0, caller{at: now.UnixMilli(), queue: "front"})
	for i := range b.N {
		began := time.Now()
		if _, err := idle.Run(ctx, rdb, "{g}:m"); err != nil {
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

// together is how many steps go to Redis at once.
const together = 64

// BenchmarkLife takes conversations through their life, each commit applied:
// queued, and an agent picked; offered; accepted; done. share is its steps in a
// second to those of a script that does nothing, sent in the same way.
func BenchmarkLife(b *testing.B) {
	ctx := b.Context()
	rdb, book, epoch := staffed(b, 1_000, assign.LeastActive)
	must := func(err error) {
		if err != nil {
			b.Fatal(err)
		}
	}
	must(idle.Load(ctx, rdb))
	var lived, idled time.Duration
	rev := uint64(0)
	for range b.N {
		began := time.Now()
		for range 4 {
			pipe := rdb.Pipeline()
			for range together {
				idle.Queue(ctx, pipe, "{g}:m")
			}
			_, err := pipe.Exec(ctx)
			must(err)
		}
		idled += time.Since(began)
		began = time.Now()
		must(life(ctx, book, epoch, &rev))
		lived += time.Since(began)
	}
	perSecond := func(took time.Duration) float64 { return float64(4*together*b.N) / took.Seconds() }
	b.ReportMetric(perSecond(lived)/4, "lives/s")
	b.ReportMetric(perSecond(lived), "steps/s")
	b.ReportMetric(perSecond(idled), "floor/s")
	b.ReportMetric(perSecond(lived)/perSecond(idled), "share")
}

// life is that of as many conversations as go to Redis at once.
func life(ctx context.Context, book *assign.Book, epoch int64, rev *uint64) error {
	items, at := make([]assign.Item, together), map[string]int{}
	apply := func(phase assign.Phase, concluded []assign.Proposal) error {
		for n := range items {
			*rev++
			items[n].Phase, items[n].Revision = phase, *rev
		}
		got, err := book.ApplyAll(ctx, benchTime, items, concluded)
		for n, g := range got {
			if g != phase && (phase != assign.Waiting || g != assign.Offered) {
				return fmt.Errorf("%s is %q, want %q", items[n].Key, g, phase)
			}
		}
		return err
	}
	for n := range items {
		items[n] = itemOf(int(*rev%100_000)+n, caller{at: benchTime.UnixMilli(), queue: "front"})
		at[items[n].Key] = n
	}
	if err := apply(assign.Waiting, nil); err != nil {
		return err
	}
	proposed, err := book.Proposals(ctx, epoch, assign.Oldest, 2*together, -1)
	if err != nil || len(proposed) != together {
		return fmt.Errorf("%d are proposed, %w", len(proposed), err)
	}
	for _, p := range proposed {
		i := &items[at[p.Item]]
		i.Agent, i.Fence, i.Highest, i.DueMS = p.Agent, p.Fence, p.Fence, benchTime.UnixMilli()+p.OfferMS
	}
	if err := apply(assign.Offered, proposed); err != nil {
		return err
	}
	if err := apply(assign.Active, nil); err != nil {
		return err
	}
	return apply(assign.Done, nil)
}

// BenchmarkRebuild loads 50,000 agents and as many open conversations, nine of
// ten with an agent and the others waiting, into a server that was emptied.
// redis is what the server says it took of its processor for that.
func BenchmarkRebuild(b *testing.B) {
	const n = 50_000
	w := staff(n, assign.LeastActive)
	w.Items = func(yield func(assign.Item, error) bool) {
		for i := range n {
			item := itemOf(i, caller{at: benchTime.UnixMilli(), queue: "front"})
			item.Revision = uint64(i + 1)
			if i%10 > 0 {
				item.Phase, item.Agent, item.Fence, item.Highest = assign.Active, w.Agents[i].ID, int64(i), int64(i)
			}
			if !yield(item, nil) {
				return
			}
		}
	}
	rdb := keyspacetest.Server(b)
	book, err := assign.NewBook(rdb, assign.Config{Group: "g", Lease: time.Hour, Grace: time.Hour})
	if err != nil {
		b.Fatal(err)
	}
	var took time.Duration
	var worked float64
	for range b.N {
		if err := rdb.FlushAll(b.Context()).Err(); err != nil {
			b.Fatal(err)
		}
		began, before := time.Now(), processor(b, rdb)
		if _, err := book.Rebuild(b.Context(), benchTime, w); err != nil {
			b.Fatal(err)
		}
		took += time.Since(began)
		worked += processor(b, rdb) - before
	}
	b.ReportMetric(float64(took.Milliseconds())/float64(b.N), "ms/load")
	b.ReportMetric(1000*worked/float64(b.N), "redis-ms/load")
}

// processor is how many seconds of it a server has used.
func processor(b *testing.B, rdb redis.UniversalClient) (seconds float64) {
	info, err := rdb.Info(b.Context(), "cpu").Result()
	if err != nil {
		b.Fatal(err)
	}
	for line := range strings.Lines(info) {
		name, v, _ := strings.Cut(strings.TrimSpace(line), ":")
		if n, err := strconv.ParseFloat(v, 64); err == nil && (name == "used_cpu_sys" || name == "used_cpu_user") {
			seconds += n
		}
	}
	return seconds
}

// BenchmarkMembers reads a thousand agents as rules may ask about them, which
// happens when a queue begins to assign by rules and every ten seconds; and
// hears that nothing is new, which happens all the time.
func BenchmarkMembers(b *testing.B) {
	_, book, epoch := staffed(b, 1000, assign.Custom)
	var ids []string
	for _, a := range staff(1000, assign.Custom).Agents {
		ids = append(ids, a.ID)
	}
	b.Run("agents=1000", func(b *testing.B) {
		for b.Loop() {
			if found, err := book.Members(b.Context(), epoch, ids); len(found) != len(ids) || err != nil {
				b.Fatal(len(found), err)
			}
		}
	})
	b.Run("no news", func(b *testing.B) {
		for b.Loop() {
			if _, _, err := book.News(b.Context(), epoch, 5000); err != nil {
				b.Fatal(err)
			}
		}
	})
}
