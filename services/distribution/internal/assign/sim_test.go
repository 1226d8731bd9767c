package assign_test

import (
	"context"
	"flag"
	"fmt"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/parley-desk/parley/pkg/keyspace"
	"github.com/parley-desk/parley/pkg/keyspace/keyspacetest"
	"github.com/parley-desk/parley/services/distribution/internal/assign"
)

var customers = flag.Int("customers", 5000, "customers of a simulation on redis-server")

// byBook is a floor where the scripts decide. Offers are accepted at once.
type byBook struct {
	t       testing.TB
	ctx     context.Context
	book    *assign.Book
	epoch   int64
	rev     uint64
	callers []caller
	now     time.Time
	items   map[string]int
	last    []assign.Item
}

// byBook plays callers, in a group of their own.
func (c centre) byBook(t testing.TB, rdb redis.UniversalClient, callers []caller) []outcome {
	t.Helper()
	return play(callers, c.booked(t, rdb, callers))
}

// booked is a book with a centre in it.
func (c centre) booked(t testing.TB, rdb redis.UniversalClient, callers []caller) *byBook {
	t.Helper()
	b := &byBook{t: t, ctx: t.Context(), callers: callers, items: map[string]int{}, last: make([]assign.Item, len(callers))}
	var err error
	b.book, err = assign.NewBook(rdb, assign.Config{Group: keyspace.Group(t.Name()), Lease: 10_000 * time.Hour, Grace: time.Hour})
	b.must(err)
	w := assign.World{Presences: map[string]assign.Presence{}, Items: func(func(assign.Item, error) bool) {}}
	queues := map[string]bool{}
	for _, a := range c.clerks {
		w.Agents = append(w.Agents, agentOf(a))
		w.Presences[a.id] = assign.Presence{Now: "AVAILABLE", Source: "AGENT"}
		for _, q := range a.queues {
			if !queues[q] {
				queues[q] = true
				w.Queues = append(w.Queues, queueOf(q, c.method))
			}
		}
	}
	b.epoch, err = b.book.Rebuild(b.ctx, time.UnixMilli(callers[0].at-1), w)
	b.must(err)
	return b
}

// The only places that know how the book spells a clerk, a queue and a caller.

func agentOf(c clerk) assign.Agent {
	return assign.Agent{ID: c.id, Capacity: c.room, Queues: c.queues}
}

func queueOf(id string, by assign.Method) assign.Queue {
	return assign.Queue{ID: id, Method: by, Classes: []assign.Class{plain(1)}}
}

func itemOf(n int, c caller) assign.Item {
	key := fmt.Sprint("1.", n)
	return assign.Item{Key: key, Conversation: "c" + key, Phase: assign.Waiting, Queue: c.queue, Class: plain(1), Priority: c.priority,
		QueuedMS: c.at, SinceMS: c.at, OfferMS: 60_000}
}

func (b *byBook) must(err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
}

// commit brings the next revision of a caller's thread.
func (b *byBook) commit(caller int, change func(*assign.Item)) assign.Phase {
	b.t.Helper()
	phase, err := b.book.Apply(b.ctx, b.now, b.next(caller, change))
	b.must(err)
	return phase
}

func (b *byBook) next(caller int, change func(*assign.Item)) assign.Item {
	i := &b.last[caller]
	change(i)
	b.rev++
	i.Revision = b.rev
	i.Highest = max(i.Highest, i.Fence)
	return *i
}

func (b *byBook) arrive(caller int) []start {
	c := b.callers[caller]
	b.now = time.UnixMilli(c.at)
	b.last[caller] = itemOf(caller, c)
	b.items[b.last[caller].Key] = caller
	phase := b.commit(caller, func(*assign.Item) {})
	if phase == assign.Waiting {
		return nil
	}
	starts := b.serve()
	if phase != assign.Offered || len(starts) != 1 {
		b.t.Fatalf("caller %d is %q with %d proposals", caller, phase, len(starts))
	}
	return starts
}

func (b *byBook) finish(caller int) []start { return b.end(caller) }

func (b *byBook) leave(caller int) []start { return b.end(caller) }

func (b *byBook) end(caller int) []start {
	b.commit(caller, func(i *assign.Item) { i.Phase = assign.Done })
	delete(b.items, b.last[caller].Key)
	return b.serve()
}

// serve commits what is proposed, and has it accepted.
func (b *byBook) serve() (starts []start) {
	proposals, err := b.book.Proposals(b.ctx, b.epoch, assign.Oldest, 100, -1)
	b.must(err)
	for _, p := range proposals {
		caller, ok := b.items[p.Item]
		if !ok || b.last[caller].Revision != p.Revision {
			b.t.Fatalf("a proposal for nobody: %+v", p)
		}
		offered := b.next(caller, func(i *assign.Item) {
			i.Phase, i.Agent, i.Fence, i.DueMS = assign.Offered, p.Agent, p.Fence, b.now.UnixMilli()+p.OfferMS
		})
		b.must(b.book.Conclude(b.ctx, b.now, offered, p))
		reserved, err := b.book.Answer(b.ctx, b.now, p.Item, p.Fence, p.Agent, false)
		b.must(err)
		if phase := b.commit(caller, func(i *assign.Item) { i.Phase = assign.Active }); !reserved || phase != assign.Active {
			b.t.Fatalf("%s: reserved %v, then %q", p.Item, reserved, phase)
		}
		starts = append(starts, start{caller, p.Agent})
	}
	return starts
}

// pool is n clerks of the queues, each with room for so many.
func pool(prefix string, n int, room int32, queues ...string) []clerk {
	out := make([]clerk, n)
	for i := range out {
		out[i] = clerk{id: fmt.Sprintf("%s%03d", prefix, i), room: room, queues: queues}
	}
	return out
}

func (s station) stream(queue string) stream {
	return stream{queue: queue, load: s.load, service: s.service, patience: s.patience}
}

// sameWaits compares waits alone.
func sameWaits(t *testing.T, got []outcome, want []int64) {
	t.Helper()
	for n, o := range got {
		if o.wait != want[n] {
			t.Fatalf("caller %d waits %d ms, want %d", n, o.wait, want[n])
		}
	}
}

func sameOutcomes(t *testing.T, got, want []outcome) {
	t.Helper()
	for n, o := range got {
		if o != want[n] {
			t.Fatalf("caller %d: got %+v, want %+v", n, o, want[n])
		}
	}
}

// onBoth runs test on the embedded server too, with a few of the customers.
func onBoth(t *testing.T, test func(t *testing.T, rdb redis.UniversalClient, n int)) {
	t.Run("embedded", func(t *testing.T) { test(t, keyspacetest.Embedded(t), *customers/20) })
	t.Run("redis", func(t *testing.T) { test(t, keyspacetest.Server(t), *customers) })
}

// TestWaitsAreThoseOfTheRecursion has the scripts serve one queue and compares
// the wait of every customer with what it must be: however agents are chosen,
// the order of coming and nobody idle while anybody waits leave no freedom.
func TestWaitsAreThoseOfTheRecursion(t *testing.T) {
	onBoth(t, func(t *testing.T, rdb redis.UniversalClient, n int) {
		for _, c := range []struct {
			station
			name    string
			room    int32
			methods []assign.Method
		}{
			{stationA, "A", 1, ways},
			{stationB, "B", 1, ways[:1]},
			{stationC, "C", 1, ways[:1]},
			{stationB, "D", 5, ways},
		} {
			callers := mix(n, 1, c.stream("front"))
			want := kieferWolfowitz(callers, c.servers)
			for _, by := range c.methods {
				t.Run(c.name+"/"+string(by), func(t *testing.T) {
					t.Parallel()
					hall := centre{clerks: pool("a", c.servers/int(c.room), c.room, "front"), method: by}
					got := hall.byBook(t, rdb, callers)
					sameWaits(t, got, want)
					sameOutcomes(t, got, hall.byHand(callers))
				})
			}
		}
	})
}

// ways are the methods that the book knows; one more is one line more here and
// in orders.
var ways = []assign.Method{assign.LeastActive, assign.HighestCapacity, rotation}

// shared is two queues of ten agents each, the first both of whom serve both.
func shared(both int) []clerk {
	clerks := append(pool("a", 10, 1, "back"), pool("b", 10, 1, "front")...)
	for n := range both {
		clerks[n%2*10+n/2].queues = []string{"back", "front"}
	}
	return clerks
}

// TestTwoPoolsAreServedAsByHand has agents of one queue and of both.
func TestTwoPoolsAreServedAsByHand(t *testing.T) {
	onBoth(t, func(t *testing.T, rdb redis.UniversalClient, n int) {
		callers := mix(n, 2, stream{queue: "back", load: 8.5, service: 180}, stream{queue: "front", load: 8.5, service: 180})
		for _, both := range []int{4, 20} {
			for _, by := range ways {
				t.Run(fmt.Sprintf("both=%d/%s", both, by), func(t *testing.T) {
					t.Parallel()
					hall := centre{clerks: shared(both), method: by}
					sameOutcomes(t, hall.byBook(t, rdb, callers), hall.byHand(callers))
				})
			}
		}
	})
}

// TestUrgentAndImpatientAreServedAsByHand has customers of two priorities, and
// customers who leave when they have waited long enough.
func TestUrgentAndImpatientAreServedAsByHand(t *testing.T) {
	onBoth(t, func(t *testing.T, rdb redis.UniversalClient, n int) {
		for name, c := range map[string]struct {
			servers int
			streams []stream
		}{
			"urgent":    {10, urgent},
			"impatient": {stationE.servers, []stream{stationE.stream("front")}},
			"both": {20, []stream{{queue: "front", priority: 7, load: 10, service: 240, patience: 60},
				{queue: "front", load: 14, service: 120, patience: 300}}},
		} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				callers := mix(n, 3, c.streams...)
				hall := centre{clerks: pool("a", c.servers, 1, "front"), method: assign.LeastActive}
				sameOutcomes(t, hall.byBook(t, rdb, callers), hall.byHand(callers))
			})
		}
	})
}

// urgent are two classes of customers that Cobham could say the waits of.
var urgent = []stream{{queue: "front", priority: 7, load: 3, service: 180}, {queue: "front", load: 5.5, service: 180}}
