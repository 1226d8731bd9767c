package assign_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/parley-desk/parley/pkg/access"
	"github.com/parley-desk/parley/pkg/keyspace"
	"github.com/parley-desk/parley/pkg/keyspace/keyspacetest"
	"github.com/parley-desk/parley/services/distribution/internal/assign"
)

// hall is a book with two queues, for cases by hand. What the model and its
// random commands hold for every case, these show for one each, in the order in
// which the demands stand.
type hall struct{ *desk }

// each runs cases by name, every one in a book of its own.
func each(t *testing.T, names []string, test func(h *hall, n int)) {
	keyspacetest.Each(t, func(t *testing.T, rdb redis.UniversalClient) {
		granted(t, rdb)
		for n, name := range names {
			t.Run(name, func(t *testing.T) {
				book, err := assign.NewBook(rdb, assign.Config{Group: keyspace.Group(fmt.Sprint("g", n)), Lease: time.Hour, Grace: time.Hour,
					Policy: assign.Policy{Missed: true, Rejected: true}})
				h := &hall{&desk{t: t, book: book, now: time.UnixMilli(1_764_000_000_000)}}
				h.must(err)
				_, err = book.Rebuild(t.Context(), h.now, assign.World{Items: func(func(assign.Item, error) bool) {}})
				h.must(err)
				h.queue("front", assign.LeastActive, 0)
				h.queue("back", assign.LeastActive, 0)
				test(h, n)
			})
		}
	})
}

// granted has a server do for rdb what distribution may there and nothing else (SS2) but
// what a test itself asks for, so that a script with a word that nobody granted fails
// here. The embedded one grants all.
func granted(t *testing.T, rdb redis.UniversalClient, besides ...string) {
	t.Helper()
	rules := []any{"ACL", "SETUSER", "default", "-@all"}
	for _, c := range besides {
		rules = append(rules, "+"+c)
	}
	for _, s := range access.Services() {
		for _, c := range s.Redis.Commands {
			if s.Name == "distribution" {
				rules = append(rules, "+"+c)
			}
		}
	}
	if err := rdb.Do(t.Context(), rules...).Err(); err != nil && !strings.Contains(err.Error(), "unknown command") {
		t.Fatal(err)
	}
}

func (h *hall) queue(id string, by assign.Method, priority int32) {
	h.t.Helper()
	h.conf++
	h.must(h.book.SetQueue(h.t.Context(), h.now, assign.Queue{ID: id, Revision: h.conf, Method: by, Priority: priority, Classes: []assign.Class{plain(1)}}))
}

// set makes an agent as a says, of front with one unit where it says nothing.
func (h *hall) set(id string, a assign.Agent) {
	h.t.Helper()
	h.conf++
	if a.ID, a.Revision = id, h.conf; a.Capacity == 0 && len(a.Profiles) == 0 {
		a.Capacity = 1
	}
	if a.Queues == nil {
		a.Queues = []string{"front"}
	}
	h.must(h.book.SetAgent(h.t.Context(), h.now, a))
}

// in is an agent who signs in.
func (h *hall) in(id string, a assign.Agent) {
	h.t.Helper()
	h.set(id, a)
	h.is(id, "AVAILABLE")
}

func (h *hall) is(id, presence string) {
	h.t.Helper()
	_, _, err := h.book.SetPresence(h.t.Context(), h.now, id, assign.Presence{Now: presence, Source: "AGENT"})
	h.must(err)
}

// comes is a conversation that is queued now, a moment after the one before, as i
// says; plain and in front where it says nothing.
func (h *hall) comes(key string, i assign.Item) assign.Item {
	h.t.Helper()
	h.later(time.Millisecond)
	i.Key, i.Conversation, i.Phase, i.OfferMS = key, key, assign.Waiting, 60_000
	i.QueuedMS, i.SinceMS = h.now.UnixMilli(), h.now.UnixMilli()
	if i.Queue == "" {
		i.Queue = "front"
	}
	if i.Class.Presences == "" {
		i.Class = plain(1)
	}
	i, _ = h.apply(i)
	return i
}

func (h *hall) later(d time.Duration) { h.now = h.now.Add(d) }

// tick lets the time that has passed have its effect.
func (h *hall) tick() []assign.Intent {
	h.t.Helper()
	intents, err := h.book.Tick(h.t.Context(), h.now, 100)
	h.must(err)
	return intents
}

// goes is whom a conversation is offered to; empty: nobody, it waits.
func (h *hall) goes(key string) string {
	h.t.Helper()
	why, err := h.book.Why(h.t.Context(), h.now, key)
	h.must(err)
	if why.Standing != assign.StandsOffered {
		return ""
	}
	return h.proposal(key).Agent
}

// taken is i accepted by whom it is offered to.
func (h *hall) taken(i assign.Item) assign.Item {
	h.t.Helper()
	p := h.proposal(i.Key)
	i.Phase, i.Agent, i.Fence, i.Highest, i.DueMS = assign.Offered, p.Agent, p.Fence, p.Fence, h.now.UnixMilli()+i.OfferMS
	i, _ = h.apply(i)
	i.Phase, i.DueMS, i.AssignedMS = assign.Active, 0, h.now.UnixMilli()
	i, _ = h.apply(i)
	h.later(time.Millisecond)
	return i
}

// over has i end for distribution: closed, or set aside.
func (h *hall) over(i assign.Item) {
	h.t.Helper()
	i.Phase = assign.Done
	h.apply(i)
	h.later(time.Millisecond)
}

func speaks(value, level int32) []assign.Rating {
	return []assign.Rating{{Skill: "bg", Value: value, Level: level}}
}

func asks(value int32, closest bool) assign.Item {
	c := plain(1)
	c.Skills, c.Closest = []assign.Need{{Skill: "bg", Value: value}}, closest
	return assign.Item{Class: c}
}

// equals are ana and boris, as near to what 1.x asks for. She was given something
// first, has more room and the first name; he has been idle for longer.
func (h *hall) equals(by assign.Method) {
	h.t.Helper()
	h.queue("front", by, 0)
	h.in("ana", assign.Agent{Capacity: 9, Skills: speaks(3, 30)})
	a := h.taken(h.comes("1.a", assign.Item{}))
	h.is("ana", "AWAY")
	h.in("boris", assign.Agent{Capacity: 4, Skills: speaks(6, 30)})
	h.over(h.taken(h.comes("1.b", assign.Item{})))
	h.over(a)
	h.is("ana", "AVAILABLE")
	h.comes("1.x", asks(20, true))
}

func both() []string { return []string{"back", "front"} }

type assigned struct {
	name string
	do   func(h *hall)
	want string // agent of conversation 1.x; empty: it waits
}

// Whom the queues' own methods find (L47 to L49, L56 to L59, L63, L71).
var assignments = []assigned{
	{"L47 nobody matches: it stays", func(h *hall) { h.in("ana", assign.Agent{}); h.comes("1.x", asks(3, false)) }, ""},
	{"L47 L56 until somebody comes who does", func(h *hall) {
		h.comes("1.x", asks(3, false))
		h.in("ana", assign.Agent{})
		h.in("boris", assign.Agent{Skills: speaks(3, 30)})
	}, "boris"},
	{"L56 until somebody is added to the queue", func(h *hall) {
		h.in("ana", assign.Agent{Queues: []string{"back"}})
		h.comes("1.x", assign.Item{})
		h.set("ana", assign.Agent{Queues: both()})
	}, "ana"},
	{"L56 until somebody has room", func(h *hall) {
		h.in("ana", assign.Agent{})
		had := h.taken(h.comes("1.a", assign.Item{}))
		h.comes("1.x", assign.Item{})
		h.over(had)
	}, "ana"},
	{"L48 first come, first served", func(h *hall) {
		h.comes("1.x", assign.Item{})
		h.comes("1.y", assign.Item{})
		h.in("ana", assign.Agent{})
	}, "ana"},
	{"L48 who returns comes after those who wait", func(h *hall) {
		x := h.comes("1.x", assign.Item{})
		h.over(x)
		h.comes("1.y", assign.Item{})
		h.comes("1.x", assign.Item{})
		h.in("ana", assign.Agent{})
	}, ""},
	{"L49 the queue of the higher priority first", func(h *hall) {
		h.queue("back", assign.LeastActive, 5)
		h.comes("1.y", assign.Item{})
		h.comes("1.x", assign.Item{Queue: "back"})
		h.in("ana", assign.Agent{Queues: both()})
	}, "ana"},
	{"L49 of the same priority the oldest of all", func(h *hall) {
		h.comes("1.y", assign.Item{Queue: "back"})
		h.comes("1.x", assign.Item{})
		h.in("ana", assign.Agent{Queues: both()})
	}, ""},
	{"L57 highest capacity", func(h *hall) {
		h.queue("front", assign.HighestCapacity, 0)
		h.in("ana", assign.Agent{Capacity: 3})
		h.in("boris", assign.Agent{Capacity: 4})
		h.comes("1.x", assign.Item{})
	}, "boris"},
	{"L57 what is free counts, not what there is", func(h *hall) {
		h.queue("front", assign.HighestCapacity, 0)
		h.in("boris", assign.Agent{Capacity: 4})
		h.taken(h.comes("1.a", assign.Item{}))
		h.taken(h.comes("1.b", assign.Item{}))
		h.in("ana", assign.Agent{Capacity: 3})
		h.comes("1.x", assign.Item{})
	}, "ana"},
	{"L57 of equals in turn", func(h *hall) {
		h.queue("front", assign.HighestCapacity, 0)
		h.in("ana", assign.Agent{Capacity: 2})
		h.over(h.taken(h.comes("1.a", assign.Item{})))
		h.in("boris", assign.Agent{Capacity: 2})
		h.over(h.taken(h.comes("1.b", assign.Item{})))
		h.comes("1.x", assign.Item{})
	}, "ana"},
	{"L58 round robin: who was there first", func(h *hall) {
		h.queue("front", assign.RoundRobin, 0)
		h.in("boris", assign.Agent{})
		h.in("ana", assign.Agent{})
		h.comes("1.x", assign.Item{})
	}, "boris"},
	{"L58 then who got one longest ago, whoever was free longest", func(h *hall) {
		h.queue("front", assign.RoundRobin, 0)
		h.in("ana", assign.Agent{})
		h.in("boris", assign.Agent{})
		a := h.taken(h.comes("1.a", assign.Item{}))
		h.over(h.taken(h.comes("1.b", assign.Item{})))
		h.over(a)
		h.comes("1.x", assign.Item{})
	}, "ana"},
	{"L58 by the queue alone", func(h *hall) {
		h.queue("front", assign.RoundRobin, 0)
		h.in("ana", assign.Agent{Queues: both()})
		h.over(h.taken(h.comes("1.a", assign.Item{Queue: "back"})))
		h.in("boris", assign.Agent{Queues: both()})
		h.comes("1.x", assign.Item{})
	}, "ana"},
	{"L59 least active: freed longest ago", func(h *hall) {
		h.in("ana", assign.Agent{})
		a := h.taken(h.comes("1.a", assign.Item{}))
		h.in("boris", assign.Agent{})
		b := h.taken(h.comes("1.b", assign.Item{}))
		h.over(b)
		h.over(a)
		h.comes("1.x", assign.Item{})
	}, "boris"},
	{"L59 who has just signed in comes first", func(h *hall) {
		h.in("ana", assign.Agent{})
		h.over(h.taken(h.comes("1.a", assign.Item{})))
		h.in("boris", assign.Agent{})
		h.comes("1.x", assign.Item{})
	}, "boris"},
	{"L63 another queue", func(h *hall) {
		h.in("ana", assign.Agent{Queues: []string{"back"}})
		h.comes("1.x", assign.Item{})
	}, ""},
	{"L63 a presence that is not allowed", func(h *hall) { h.in("ana", assign.Agent{}); h.is("ana", "AWAY"); h.comes("1.x", assign.Item{}) }, ""},
	{"L23 a presence that is", func(h *hall) {
		h.in("ana", assign.Agent{})
		h.is("ana", "AWAY")
		h.comes("1.x", assign.Item{Class: assign.Class{Units: 1, Presences: "W"}})
	}, "ana"},
	{"L63 no room", func(h *hall) {
		h.in("ana", assign.Agent{})
		h.taken(h.comes("1.a", assign.Item{}))
		h.comes("1.x", assign.Item{})
	}, ""},
	{"L71 exact: well enough", func(h *hall) {
		h.in("ana", assign.Agent{Skills: speaks(2, 20)})
		h.in("boris", assign.Agent{Skills: speaks(4, 40)})
		h.comes("1.x", asks(3, false))
	}, "boris"},
	{"L71 exact: not well enough", func(h *hall) { h.in("ana", assign.Agent{Skills: speaks(2, 20)}); h.comes("1.x", asks(3, false)) }, ""},
	{"L71 closest: just so before better", func(h *hall) {
		h.in("ana", assign.Agent{Skills: speaks(9, 90)})
		h.in("boris", assign.Agent{Skills: speaks(3, 30)})
		h.comes("1.x", asks(30, true))
	}, "boris"},
	{"L71 closest: better before less", func(h *hall) {
		h.in("ana", assign.Agent{Skills: speaks(2, 20)})
		h.in("boris", assign.Agent{Skills: speaks(9, 90)})
		h.comes("1.x", asks(30, true))
	}, "boris"},
	{"L71 closest: less before none", func(h *hall) {
		h.in("ana", assign.Agent{})
		h.in("boris", assign.Agent{Skills: speaks(1, 10)})
		h.comes("1.x", asks(90, true))
	}, "boris"},
	{"L71 closest: none is better than nobody", func(h *hall) { h.in("ana", assign.Agent{}); h.comes("1.x", asks(90, true)) }, "ana"},
	{"L57 L71 closest: nearness before capacity", func(h *hall) {
		h.queue("front", assign.HighestCapacity, 0)
		h.in("ana", assign.Agent{Capacity: 9})
		h.in("boris", assign.Agent{Capacity: 1, Skills: speaks(3, 30)})
		h.comes("1.x", asks(30, true))
	}, "boris"},
	{"L71 closest: of equals who was idle longest", func(h *hall) { h.equals(assign.LeastActive) }, "boris"},
	{"L57 L71 closest: of equals who was idle longest, whoever has more room", func(h *hall) { h.equals(assign.HighestCapacity) }, "boris"},
	{"L58 L71 closest: of equals who got one from the queue longest ago", func(h *hall) { h.equals(assign.RoundRobin) }, "ana"},
	{"L73 needed no more: whoever is free gets what waits", func(h *hall) {
		h.in("ana", assign.Agent{})
		x := h.comes("1.x", asks(3, false))
		x.Class = plain(1)
		h.apply(x)
	}, "ana"},
	{"L73 needed from now on: it waits on for who has it", func(h *hall) {
		x := h.comes("1.x", assign.Item{})
		x.Class = asks(3, false).Class
		h.apply(x)
		h.in("ana", assign.Agent{})
	}, ""},
	{"L73 it keeps its place in the queue", func(h *hall) {
		x := h.comes("1.x", asks(3, false))
		h.comes("1.y", assign.Item{})
		x.Class = plain(1)
		h.apply(x)
		h.in("ana", assign.Agent{})
	}, "ana"},
	{"L73 an offer that is out stays", func(h *hall) {
		h.in("ana", assign.Agent{})
		x := h.comes("1.x", assign.Item{})
		p := h.proposal("1.x")
		x.Phase, x.Agent, x.Fence, x.Highest, x.DueMS = assign.Offered, p.Agent, p.Fence, p.Fence, h.now.UnixMilli()+x.OfferMS
		x, _ = h.apply(x)
		h.in("boris", assign.Agent{Skills: speaks(3, 30)})
		x.Class = asks(3, false).Class
		h.apply(x)
	}, "ana"},
	{"L73 transferred to another queue it goes by what it needs", func(h *hall) {
		h.in("ana", assign.Agent{Queues: both()})
		x := h.taken(h.comes("1.x", assign.Item{}))
		x.Class = asks(3, false).Class
		x, _ = h.apply(x)
		x.Phase, x.Agent, x.Fence, x.Queue, x.QueuedMS, x.SinceMS = assign.Waiting, "", 0, "back", h.now.UnixMilli(), h.now.UnixMilli()
		h.apply(x)
		h.in("boris", assign.Agent{Queues: both(), Skills: speaks(3, 30)})
	}, "boris"},
	{"L28 back to the same agent, before what waits longer", func(h *hall) {
		h.comes("1.y", assign.Item{})
		h.in("ana", assign.Agent{})
		y := h.taken(assign.Item{Key: "1.y", Conversation: "1.y", Queue: "front", Class: plain(1), OfferMS: 60_000, QueuedMS: h.now.UnixMilli()})
		h.comes("1.z", assign.Item{})
		h.comes("1.x", assign.Item{Prefer: "ana"})
		h.over(y)
	}, "ana"},
	{"L28 to nobody else while that agent is waited for", func(h *hall) {
		h.set("ana", assign.Agent{})
		h.in("boris", assign.Agent{})
		h.comes("1.x", assign.Item{Prefer: "ana"})
	}, ""},
	{"L29 to another when the time of that is over", func(h *hall) {
		h.set("ana", assign.Agent{})
		h.in("boris", assign.Agent{})
		h.comes("1.x", assign.Item{Prefer: "ana", PreferUntilMS: h.now.UnixMilli() + 60_000})
		h.later(time.Minute + time.Second)
		h.tick()
	}, "boris"},
	{"L22 what is picked is offered to nobody", func(h *hall) { h.in("ana", assign.Agent{}); h.comes("1.x", assign.Item{PickOnly: true}) }, ""},
}

func TestWhoGetsWhat(t *testing.T) {
	names := make([]string, len(assignments))
	for n, c := range assignments {
		names[n] = c.name
	}
	each(t, names, func(h *hall, n int) {
		assignments[n].do(h)
		if got := h.goes("1.x"); got != assignments[n].want {
			h.t.Errorf("it goes to %q, want %q", got, assignments[n].want)
		}
	})
}
