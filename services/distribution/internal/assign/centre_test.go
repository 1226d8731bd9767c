package assign_test

import (
	"cmp"
	"container/heap"
	"iter"
	"math/rand/v2"
	"slices"

	"github.com/parley-desk/parley/services/distribution/internal/assign"
)

// caller is one customer of a simulation. Times are in ms.
type caller struct {
	at, takes, patience int64 // patience 0: for ever
	queue               string
	priority            int32
}

// clerk is one agent of a simulation.
type clerk struct {
	id     string
	room   int32
	queues []string
}

// centre is what a simulation is about.
type centre struct {
	clerks []clerk
	method assign.Method
}

// outcome is what became of a caller.
type outcome struct {
	wait  int64
	clerk string // empty: the caller left unserved
}

// start is a caller who is served from now on.
type start struct {
	caller int
	clerk  string
}

// floor decides who serves whom. It is told what happens and answers who is
// served from then on.
type floor interface {
	arrive(caller int) []start
	finish(caller int) []start
	leave(caller int) []start
}

// Of what happens in the same millisecond, ends come first.
const (
	finishes = iota
	leaves
	arrives
)

type event struct {
	at     int64
	kind   int
	caller int
}

type calendar []event

func (c calendar) Len() int      { return len(c) }
func (c calendar) Swap(i, j int) { c[i], c[j] = c[j], c[i] }
func (c *calendar) Push(x any)   { *c = append(*c, x.(event)) }
func (c calendar) Less(i, j int) bool {
	return cmp.Or(cmp.Compare(c[i].at, c[j].at), cmp.Compare(c[i].kind, c[j].kind), cmp.Compare(c[i].caller, c[j].caller)) < 0
}

func (c *calendar) Pop() any {
	last := (*c)[len(*c)-1]
	*c = (*c)[:len(*c)-1]
	return last
}

// play lets callers come to a floor, in virtual time. It ends when the last has
// gone.
func play(callers []caller, f floor) []outcome {
	out := make([]outcome, len(callers))
	var coming calendar
	if len(callers) > 0 {
		heap.Push(&coming, event{callers[0].at, arrives, 0})
	}
	for len(coming) > 0 {
		e := heap.Pop(&coming).(event)
		var starts []start
		switch e.kind {
		case arrives:
			if next := e.caller + 1; next < len(callers) {
				heap.Push(&coming, event{callers[next].at, arrives, next})
			}
			if p := callers[e.caller].patience; p > 0 {
				heap.Push(&coming, event{e.at + p, leaves, e.caller})
			}
			starts = f.arrive(e.caller)
		case leaves:
			if out[e.caller].clerk != "" {
				continue
			}
			out[e.caller].wait = callers[e.caller].patience
			starts = f.leave(e.caller)
		case finishes:
			starts = f.finish(e.caller)
		}
		for _, s := range starts {
			out[s.caller] = outcome{wait: e.at - callers[s.caller].at, clerk: s.clerk}
			heap.Push(&coming, event{e.at + callers[s.caller].takes, finishes, s.caller})
		}
	}
	return out
}

// stream is callers of one kind.
type stream struct {
	queue                   string
	priority                int32
	load, service, patience float64 // in erlangs and seconds
}

// mix draws n callers of several streams, in the order of their coming.
func mix(n int, seed uint64, streams ...stream) []caller {
	return slices.Collect(mixed(n, seed, streams...))
}

func mixed(n int, seed uint64, streams ...stream) iter.Seq[caller] {
	draw := rand.New(rand.NewPCG(seed, 0))
	ms := func(mean float64) int64 { return int64(draw.ExpFloat64()*mean*1000 + 0.5) }
	var rate float64
	for _, s := range streams {
		rate += s.load / s.service
	}
	return func(yield func(caller) bool) {
		now := int64(1_764_000_000_000)
		for range n {
			now += ms(1 / rate)
			s, pick := streams[0], draw.Float64()*rate
			for _, s = range streams {
				if pick -= s.load / s.service; pick < 0 {
					break
				}
			}
			c := caller{at: now, takes: max(ms(s.service), 1), queue: s.queue, priority: s.priority}
			if s.patience > 0 {
				c.patience = max(ms(s.patience), 1)
			}
			if !yield(c) {
				return
			}
		}
	}
}

// servers take callers in the order of their coming: the recursion of Kiefer
// and Wolfowitz over the work that is left at each, in absolute time. They are
// the moments from which on each is free.
type servers []int64

// wait is how long the next caller waits.
func (s *servers) wait(c caller) int64 {
	began := max((*s)[0], c.at)
	(*s)[0] = began + c.takes
	heap.Fix(s, 0)
	return began - c.at
}

func (s servers) Len() int           { return len(s) }
func (s servers) Less(i, j int) bool { return s[i] < s[j] }
func (s servers) Swap(i, j int)      { s[i], s[j] = s[j], s[i] }
func (s *servers) Push(any)          { panic("no server comes") }
func (s *servers) Pop() any          { panic("no server goes") }

func kieferWolfowitz(callers []caller, n int) []int64 {
	s, waits := make(servers, n), make([]int64, len(callers))
	for n, c := range callers {
		waits[n] = s.wait(c)
	}
	return waits
}

// orders are the methods as a naive reader understands them: the lowest is
// chosen, of equals the first by name.
var orders = map[assign.Method]func(a *worker, queue string) int64{
	assign.LeastActive:     func(a *worker, _ string) int64 { return a.released },
	assign.HighestCapacity: func(a *worker, _ string) int64 { return -int64(a.room-a.busy)<<40 + a.taken },
	rotation:               func(a *worker, queue string) int64 { return a.turn[queue] },
}

// rotation takes turns, in each queue for itself.
const rotation = assign.RoundRobin

// worker is a clerk at work.
type worker struct {
	clerk
	busy            int32
	taken, released int64 // when an order of events last said so
	turn            map[string]int64
}

// byHand is a floor that looks at everything for every decision.
type byHand struct {
	centre
	callers []caller
	workers []*worker
	waiting []int // in the order of coming
	serves  map[int]*worker
	moment  int64
}

func (c centre) byHand(callers []caller) []outcome { return play(callers, c.handled(callers)) }

func (c centre) handled(callers []caller) *byHand {
	h := &byHand{centre: c, callers: callers, serves: map[int]*worker{}}
	for _, cl := range c.clerks {
		h.workers = append(h.workers, &worker{clerk: cl, turn: map[string]int64{}})
	}
	return h
}

func (h *byHand) give(caller int, a *worker) []start {
	h.moment++
	a.busy++
	a.taken, a.turn[h.callers[caller].queue] = h.moment, h.moment
	h.serves[caller] = a
	return []start{{caller, a.id}}
}

func (h *byHand) arrive(caller int) []start {
	queue, order := h.callers[caller].queue, orders[h.method]
	var best *worker
	for _, a := range h.workers {
		if a.busy == a.room || !slices.Contains(a.queues, queue) {
			continue
		}
		if best == nil || cmp.Or(cmp.Compare(order(a, queue), order(best, queue)), cmp.Compare(a.id, best.id)) < 0 {
			best = a
		}
	}
	if best == nil {
		h.waiting = append(h.waiting, caller)
		return nil
	}
	return h.give(caller, best)
}

func (h *byHand) leave(caller int) []start {
	n := slices.Index(h.waiting, caller)
	h.waiting = slices.Delete(h.waiting, n, n+1)
	return nil
}

func (h *byHand) finish(caller int) []start {
	a := h.serves[caller]
	delete(h.serves, caller)
	h.moment++
	a.busy--
	a.released = h.moment
	best := -1
	for n, w := range h.waiting {
		if slices.Contains(a.queues, h.callers[w].queue) && (best < 0 || h.callers[w].priority > h.callers[h.waiting[best]].priority) {
			best = n
		}
	}
	if best < 0 {
		return nil
	}
	next := h.waiting[best]
	h.waiting = slices.Delete(h.waiting, best, best+1)
	return h.give(next, a)
}
