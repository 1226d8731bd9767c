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
	b.Helper()
	return loaded(b, staff(n, method))
}

func loaded(b *testing.B, w assign.World) (redis.UniversalClient, *assign.Book, int64) {
	b.Helper()
	rdb := keyspacetest.Server(b)
	book, err := assign.NewBook(rdb, assign.Config{Group: "g", Lease: time.Hour, Grace: time.Hour})
	if err != nil {
		b.Fatal(err)
	}
	epoch, err := book.Rebuild(b.Context(), benchTime, w)
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
// finishes it again.
func BenchmarkPick(b *testing.B) {
	for _, n := range []int{100, 1_000, 50_000} {
		for _, method := range []assign.Method{assign.LeastActive, assign.HighestCapacity} {
			b.Run(fmt.Sprintf("agents=%d/%s", n, method), func(b *testing.B) {
				rdb, book, _ := staffed(b, n, method)
				v := visit{b: b, book: book, item: itemOf(0, caller{at: benchTime.UnixMilli(), queue: "front"})}
				beside(b, rdb, func(i int) time.Duration {
					took := v.comes(i, assign.Offered)
					v.goes()
					return took
				})
			})
		}
	}
}

// BenchmarkReserve reserves, of n agents, the one that rules have chosen.
func BenchmarkReserve(b *testing.B) {
	for _, n := range []int{1_000, 50_000} {
		b.Run(fmt.Sprintf("agents=%d", n), func(b *testing.B) {
			w := staff(n, assign.Custom)
			rdb, book, epoch := loaded(b, w)
			v := visit{b: b, book: book, item: itemOf(0, caller{at: benchTime.UnixMilli(), queue: "front"})}
			beside(b, rdb, func(i int) time.Duration {
				v.comes(i, assign.Waiting)
				defer v.goes()
				return v.reserve(epoch, w.Agents[i*7919%n].ID, n)
			})
		})
	}
}

// BenchmarkSkill queues an item that needs a skill which one of a thousand has, or
// nobody, of 50,000 agents who are all available; of a class that the queue knows,
// or of a new one each time, for which the agents who meet it are looked up. New
// ones stay, and a queue of a thousand classes is none: ask for few.
func BenchmarkSkill(b *testing.B) {
	for skill, want := range map[string]assign.Phase{"rare": assign.Offered, "absent": assign.Waiting} {
		for _, class := range []string{"known", "new"} {
			b.Run(skill+"/"+class, func(b *testing.B) {
				w := staff(50_000, assign.LeastActive)
				for n := range w.Agents {
					w.Agents[n].Skills = []assign.Rating{{Skill: "english", Value: 1000, Level: 100}}
					if n%1000 == 0 {
						w.Agents[n].Skills = append(w.Agents[n].Skills, assign.Rating{Skill: "rare", Value: 1000, Level: 100})
					}
				}
				rdb, book, _ := loaded(b, w)
				v := visit{b: b, book: book, item: itemOf(0, caller{at: benchTime.UnixMilli(), queue: "front"})}
				need := assign.Need{Skill: skill, Value: 1}
				comes := func(i int) time.Duration {
					v.item.Class.Skills = []assign.Need{{Skill: "english", Value: 1}, need}
					took := v.comes(i, want)
					v.goes()
					return took
				}
				comes(0)
				beside(b, rdb, func(i int) time.Duration {
					if class == "new" {
						need.Value = int32(2 + i%999)
					}
					return comes(i)
				})
			})
		}
	}
}

// visit is an item that comes, and goes, again and again.
type visit struct {
	b    *testing.B
	book *assign.Book
	item assign.Item
}

// comes queues it, as the i-th that does, and tells how long that took.
func (v *visit) comes(i int, want assign.Phase) time.Duration {
	v.item.Key, v.item.Phase = fmt.Sprint("1.", i%1000), assign.Waiting
	v.item.Revision++
	began := time.Now()
	phase, err := v.book.Apply(v.b.Context(), benchTime, v.item)
	took := time.Since(began)
	if err != nil || phase != want {
		v.b.Fatalf("got %q, %v, want %q", phase, err, want)
	}
	return took
}

func (v *visit) goes() {
	v.item.Phase = assign.Done
	v.item.Revision++
	if _, err := v.book.Apply(v.b.Context(), benchTime, v.item); err != nil {
		v.b.Fatal(err)
	}
}

// reserve reserves it for an agent as that is now, and tells how long it took.
func (v *visit) reserve(epoch int64, agent string, ready int) time.Duration {
	found, err := v.book.Members(v.b.Context(), epoch, []string{agent})
	if err != nil || len(found) != 1 {
		v.b.Fatal(found, err)
	}
	wish := assign.Reservation{Item: v.item.Key, Conversation: v.item.Conversation, Revision: v.item.Revision, Agent: agent,
		Version: found[0].Version, Ready: ready, First: []string{agent}, Rule: "whom/all"}
	began := time.Now()
	verdict, _, err := v.book.Reserve(v.b.Context(), benchTime, wish)
	took := time.Since(began)
	if err != nil || verdict != assign.ReservedIt {
		v.b.Fatal(verdict, err)
	}
	return took
}

// beside reports how long something takes beside a script that does nothing, run
// before it each time on the same server: p50 and p99 are of what do tells, floor
// is the p50 of the script, and ratio is p50 to p50.
func beside(b *testing.B, rdb redis.UniversalClient, do func(i int) time.Duration) {
	b.Helper()
	floor, took := make([]time.Duration, 0, b.N), make([]time.Duration, 0, b.N)
	for i := range b.N {
		began := time.Now()
		if _, err := idle.Run(b.Context(), rdb, "{g}:m"); err != nil {
			b.Fatal(err)
		}
		floor = append(floor, time.Since(began))
		took = append(took, do(i))
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
