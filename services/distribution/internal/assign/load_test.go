package assign_test

import (
	"testing"
	"time"

	"github.com/parley-desk/parley/services/distribution/internal/assign"
)

// stands is where ana stands.
func (h *hall) stands() assign.Standing {
	h.t.Helper()
	all, err := h.book.Roster(h.t.Context(), h.now, []string{"ana"})
	h.must(err)
	if len(all) != 1 {
		h.t.Fatalf("ana is %v", all)
	}
	return all[0]
}

// signs is ana, who comes with nothing chosen.
func (h *hall) signs(a assign.Agent) {
	h.t.Helper()
	h.set("ana", a)
	_, _, err := h.book.SetPresence(h.t.Context(), h.now, "ana", assign.Presence{Now: "AVAILABLE", Source: "SESSION"})
	h.must(err)
}

// has are conversations that ana has, of so many units and in profiles.
func (h *hall) has(keys string, units int32, profiles ...string) (all []assign.Item) {
	h.t.Helper()
	for _, key := range keys {
		i := assign.Item{Class: assign.Class{Units: units, Presences: "ABDW", Profiles: profiles}}
		all = append(all, h.taken(h.comes("1."+string(key), i)))
	}
	return all
}

// wraps has i in wrap-up, which takes capacity until due, or for as long as it
// lasts.
func (h *hall) wraps(i assign.Item, due time.Duration) assign.Item {
	h.t.Helper()
	if i.Phase, i.DueMS = assign.WrapUp, 0; due > 0 {
		i.DueMS = h.now.Add(due).UnixMilli()
	}
	i, _ = h.apply(i)
	return i
}

func (h *hall) beats() {
	h.t.Helper()
	_, err := h.book.Heartbeat(h.t.Context(), h.now, []string{"ana"})
	h.must(err)
}

func holding(limits ...assign.Limit) assign.Agent { return assign.Agent{Profiles: limits} }

type stood struct {
	name     string
	do       func(h *hall)
	presence string
	used     int32
}

// What conversations take of an agent, and what that makes of the presence (L24,
// L65 to L69, L75 to L79).
var loads = []stood{
	{"L65 so many at once as fit", func(h *hall) {
		h.signs(assign.Agent{Capacity: 15})
		h.has("abc", 5)
		if h.comes("1.d", assign.Item{Class: plain(5)}); h.goes("1.d") != "" {
			h.t.Error("a fourth one of 5 units fits into 15")
		}
	}, "DO_NOT_DISTURB", 15},
	{"L67 a place in every profile", func(h *hall) {
		h.signs(holding(assign.Limit{Profile: "chat", Limit: 2}, assign.Limit{Profile: "vip", Limit: 1}))
		h.has("a", 0, "chat", "vip")
		if h.comes("1.b", assign.Item{Class: assign.Class{Presences: "ABDW", Profiles: []string{"chat", "vip"}}}); h.goes("1.b") != "" {
			h.t.Error("it has no place in vip")
		}
	}, "BUSY", 0},
	{"L66 a limit that blocks keeps everything away", func(h *hall) {
		h.signs(assign.Agent{Capacity: 9, Profiles: []assign.Limit{{Profile: "chat", Limit: 1, Blocks: true}}})
		h.has("a", 1, "chat")
		if h.comes("1.b", assign.Item{Class: assign.Class{Units: 1, Presences: "ABDW"}}); h.goes("1.b") != "" {
			h.t.Error("a blocked agent is offered something")
		}
	}, "DO_NOT_DISTURB", 1},
	{"L68 who returns to one may have more than fits", func(h *hall) {
		h.signs(assign.Agent{Capacity: 1})
		back := h.has("a", 1)[0]
		h.over(back)
		h.has("b", 1)
		back.Phase = assign.Done
		back, _ = h.apply(back)
		if ok, err := h.book.Hold(h.t.Context(), h.now, back, "ana"); err != nil || !ok {
			h.t.Fatalf("she does not get it: %v", err)
		}
		back.Phase = assign.Active
		h.apply(back)
	}, "DO_NOT_DISTURB", 2},
	{"L68 a capacity that is lowered takes nothing away", func(h *hall) {
		h.signs(assign.Agent{Capacity: 3})
		h.has("abc", 1)
		h.set("ana", assign.Agent{Capacity: 1})
	}, "DO_NOT_DISTURB", 3},
	{"L69 set aside or closed frees at once", func(h *hall) {
		h.signs(assign.Agent{Capacity: 2})
		h.over(h.has("ab", 1)[0])
	}, "BUSY", 1},
	{"L69 a transfer frees the first agent", func(h *hall) {
		h.signs(assign.Agent{Capacity: 2})
		i := h.has("a", 1)[0]
		i.Phase, i.Agent, i.Fence, i.Queue = assign.Waiting, "", 0, "back"
		h.apply(i)
	}, "AVAILABLE", 0},
	{"L69 what counts for the day is not freed", func(h *hall) {
		h.signs(holding(assign.Limit{Profile: "chat", Limit: 2, Daily: true}))
		h.over(h.has("a", 0, "chat")[0])
		if p := h.stands().Profiles; len(p) != 1 || p[0].Used != 1 {
			h.t.Errorf("places %v", p)
		}
	}, "BUSY", 0},
	{"L24 wrap-up keeps it always", func(h *hall) {
		h.signs(assign.Agent{Capacity: 1})
		h.wraps(h.has("a", 1)[0], 0)
		h.later(30 * time.Minute)
		h.tick()
	}, "DO_NOT_DISTURB", 1},
	{"L24 wrap-up keeps it for a time, till then", func(h *hall) {
		h.signs(assign.Agent{Capacity: 1})
		h.wraps(h.has("a", 1)[0], time.Minute)
		h.later(time.Minute - time.Second)
		h.tick()
	}, "DO_NOT_DISTURB", 1},
	{"L24 wrap-up keeps it for a time, and then the load says", func(h *hall) {
		h.signs(assign.Agent{Capacity: 1})
		h.wraps(h.has("a", 1)[0], time.Minute)
		h.later(time.Minute)
		h.tick()
	}, "AVAILABLE", 0},
	{"L24 wrap-up keeps nothing", func(h *hall) {
		h.signs(assign.Agent{Capacity: 1})
		h.over(h.has("a", 1)[0])
	}, "AVAILABLE", 0},

	{"L75 nothing chosen, nothing to do", func(h *hall) { h.signs(assign.Agent{}) }, "AVAILABLE", 0},
	{"L75 nothing chosen, and full already", func(h *hall) {
		h.signs(assign.Agent{})
		h.has("a", 1)
		h.is("ana", "OFFLINE")
		h.signs(assign.Agent{})
	}, "DO_NOT_DISTURB", 1},
	{"L75 who signs in away is away", func(h *hall) {
		h.set("ana", assign.Agent{})
		_, _, err := h.book.SetPresence(h.t.Context(), h.now, "ana", assign.Presence{Now: "AWAY", Source: "SESSION"})
		h.must(err)
	}, "AWAY", 0},
	{"L76 partly used", func(h *hall) { h.signs(assign.Agent{Capacity: 2}); h.has("a", 1) }, "BUSY", 1},
	{"L76 used up", func(h *hall) { h.signs(assign.Agent{Capacity: 2}); h.has("ab", 1) }, "DO_NOT_DISTURB", 2},
	{"L76 an offer is no load yet", func(h *hall) { h.signs(assign.Agent{Capacity: 1}); h.comes("1.a", assign.Item{}) }, "AVAILABLE", 1},
	{"L76 units and profiles: both must be used up", func(h *hall) {
		h.signs(assign.Agent{Capacity: 3, Profiles: []assign.Limit{{Profile: "chat", Limit: 1}}})
		h.has("a", 1, "chat")
	}, "BUSY", 1},
	{"L76 units and profiles: both are", func(h *hall) {
		h.signs(assign.Agent{Capacity: 1, Profiles: []assign.Limit{{Profile: "chat", Limit: 1}}})
		h.has("a", 1, "chat")
	}, "DO_NOT_DISTURB", 1},
	{"L76 of several profiles all", func(h *hall) {
		h.signs(holding(assign.Limit{Profile: "chat", Limit: 1}, assign.Limit{Profile: "vip", Limit: 1}))
		h.has("a", 0, "chat")
		if h.stands().Presence != "BUSY" {
			h.t.Error("with one of two profiles used up")
		}
		h.has("b", 0, "vip")
	}, "DO_NOT_DISTURB", 0},
	{"L76 one that blocks is enough", func(h *hall) {
		h.signs(holding(assign.Limit{Profile: "chat", Limit: 1, Blocks: true}, assign.Limit{Profile: "vip", Limit: 1}))
		h.has("a", 0, "chat")
	}, "DO_NOT_DISTURB", 0},
	{"L76 L94 an offer that lapses", func(h *hall) { h.signs(assign.Agent{}); h.unanswered(false) }, "INACTIVE", 0},
	{"L76 L94 an offer that is rejected", func(h *hall) { h.signs(assign.Agent{}); h.unanswered(true) }, "DO_NOT_DISTURB", 0},
	{"L77 busy by choice, until one begins", func(h *hall) {
		h.signs(assign.Agent{Capacity: 1})
		h.is("ana", "BUSY")
		h.has("a", 1)
	}, "DO_NOT_DISTURB", 1},
	{"L77 available by choice, until one ends", func(h *hall) {
		h.signs(assign.Agent{Capacity: 3})
		one := h.has("ab", 1)[0]
		h.is("ana", "AVAILABLE")
		h.over(one)
	}, "BUSY", 1},
	{"L77 do not disturb by choice, whatever ends", func(h *hall) {
		h.signs(assign.Agent{Capacity: 3})
		one := h.has("a", 1)[0]
		h.is("ana", "DO_NOT_DISTURB")
		h.over(one)
	}, "DO_NOT_DISTURB", 0},
	{"L77 away by choice, whatever ends", func(h *hall) {
		h.signs(assign.Agent{Capacity: 3})
		one := h.has("a", 1)[0]
		h.is("ana", "AWAY")
		h.over(one)
	}, "AWAY", 0},
	{"L78 a desk that falls silent", func(h *hall) { h.signs(assign.Agent{}); h.is("ana", "BUSY"); h.silent(time.Hour) }, "OFFLINE", 0},
	{"L78 back in time: what was before", func(h *hall) {
		h.signs(assign.Agent{})
		h.is("ana", "BUSY")
		h.silent(time.Hour)
		h.silent(time.Hour - time.Second)
		h.beats()
	}, "BUSY", 0},
	{"L78 back later: offline until she signs in, and then the load says", func(h *hall) {
		h.signs(assign.Agent{})
		h.is("ana", "BUSY")
		h.silent(time.Hour)
		h.silent(time.Hour)
		if h.beats(); h.stands().Presence != "OFFLINE" {
			h.t.Errorf("she is %s", h.stands().Presence)
		}
		h.signs(assign.Agent{})
	}, "AVAILABLE", 0},
	{"L79 another look of the desk changes nothing", func(h *hall) {
		h.signs(assign.Agent{})
		h.is("ana", "AWAY")
		h.beats()
		h.beats()
	}, "AWAY", 0},
}

// silent lets time pass in which nothing is heard of any desk.
func (h *hall) silent(d time.Duration) {
	h.later(d)
	h.tick()
}

// unanswered has ana be offered one and reject it, or let it lapse.
func (h *hall) unanswered(rejects bool) {
	h.t.Helper()
	i := h.comes("1.a", assign.Item{})
	p := h.proposal(i.Key)
	i.Phase, i.Agent, i.Fence, i.Highest, i.DueMS = assign.Offered, p.Agent, p.Fence, p.Fence, h.now.UnixMilli()+i.OfferMS
	i, _ = h.apply(i)
	until, err := h.book.Shown(h.t.Context(), h.now, i.Key, p.Fence, p.Agent)
	h.must(err)
	if rejects {
		_, err = h.book.Answer(h.t.Context(), h.now, i.Key, p.Fence, p.Agent, true)
		h.must(err)
	} else {
		h.now = until
		h.tick()
	}
	i.Phase, i.Agent, i.Fence = assign.Waiting, "", 0
	h.apply(i)
}

func TestWhatALoadMakesOfAnAgent(t *testing.T) {
	names := make([]string, len(loads))
	for n, c := range loads {
		names[n] = c.name
	}
	each(t, names, func(h *hall, n int) {
		loads[n].do(h)
		if got := h.stands(); got.Presence != loads[n].presence || got.Used != loads[n].used {
			h.t.Errorf("she is %s with %d used, want %s with %d", got.Presence, got.Used, loads[n].presence, loads[n].used)
		}
	})
}
