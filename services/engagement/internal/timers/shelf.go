// Package timers has what is due in a conversation happen in time. When that is
// package life says, by the thread's state and the configuration alone; here is
// kept, in memory, when each thread of a partition is due next. It is read from
// the log anew by whoever takes a partition over, so there is nothing to lose.
package timers

import (
	"hash/maphash"
	"math"
	"strconv"
	"sync"

	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
	"github.com/parley-desk/parley/proto/subject"
	"github.com/parley-desk/parley/services/engagement/internal/life"
)

const (
	chunk = 1 << 10 // entries that are made room for at a time
	none  = int32(-1)
)

// entry is one thread with a live conversation. There may be a million, so it
// holds no pointer: what repeats is kept once, in kinds.
type entry struct {
	person   uint64 // psid as a number, or its place in odd
	revision uint64
	due      int64 // ms since 1970 UTC
	stand    life.Stand
	kind     uint32
	at       int32 // place in the heap; none while it is not there
	next     int32 // entry with the same hash, or the next free one
	tries    uint8 // how often in a row it could not be carried out
	odd      bool
	flying   bool // it is being carried out
}

// kind is what threads have in common.
type kind struct{ page, workstream string }

// Shelf keeps when the threads of one partition are due. Its methods may be
// called from any goroutine.
type Shelf struct {
	mu      sync.Mutex
	plans   *life.Plans
	seed    maphash.Seed
	chunks  [][]entry
	used    int32            // entries ever made
	free    int32            // first of those to use again
	byHash  map[uint64]int32 // first entry with that hash
	heap    []int32
	kinds   []kind
	kindOf  map[kind]uint32
	planOf  []*life.Plan // by kind
	odds    []string
	news    chan struct{} // something is due earlier than all before
	entries int
}

// NewShelf is an empty shelf.
func NewShelf(plans *life.Plans) *Shelf {
	return &Shelf{plans: plans, seed: maphash.MakeSeed(), free: none, byHash: map[uint64]int32{},
		kindOf: map[kind]uint32{}, news: make(chan struct{}, 1)}
}

// Put has the shelf know how a thread stands at a revision. Older news than what
// it knows changes nothing.
func (h *Shelf) Put(t subject.Thread, revision uint64, s *threadv1.State) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.put(t, revision, s)
}

func (h *Shelf) put(t subject.Thread, revision uint64, s *threadv1.State) {
	sum := maphash.Comparable(h.seed, t)
	i := h.find(sum, t)
	stand, live := life.StandOf(s)
	switch {
	case i != none && h.entry(i).revision > revision:
		return
	case !live && i == none:
		return
	case !live && h.entry(i).flying: // Landed drops it
		h.entry(i).revision, h.entry(i).stand = revision, life.Stand{}
		return
	case !live:
		h.drop(sum, i)
		return
	case i == none:
		i = h.add(sum, t)
	}
	e := h.entry(i)
	e.revision, e.stand, e.kind = revision, stand, h.kind(t.Page, s.GetConversation().GetWorkstream())
	if !e.flying {
		h.settle(i)
	}
}

// settle puts an entry where its next deadline is.
func (h *Shelf) settle(i int32) {
	e := h.entry(i)
	if e.due = h.planOf[e.kind].Next(e.stand); e.due == life.Never {
		h.unheap(i)
		return
	}
	h.enheap(i)
}

// Due is a thread in which something is due.
type Due struct {
	Thread subject.Thread
	AtMs   int64 // since when, ms since 1970 UTC
}

// Take gives at most limit threads that are due at a time, and has them be under
// way until Landed.
func (h *Shelf) Take(nowMS int64, limit int) []Due {
	h.mu.Lock()
	defer h.mu.Unlock()
	var due []Due
	for len(due) < limit && len(h.heap) > 0 && h.entry(h.heap[0]).due <= nowMS {
		i := h.heap[0]
		h.unheap(i)
		h.entry(i).flying = true
		due = append(due, Due{h.thread(i), h.entry(i).due})
	}
	return due
}

// Landed ends what Take began: the thread stands as s at revision.
func (h *Shelf) Landed(t subject.Thread, revision uint64, s *threadv1.State) {
	h.mu.Lock()
	defer h.mu.Unlock()
	sum := maphash.Comparable(h.seed, t)
	i := h.find(sum, t)
	if i == none {
		return
	}
	e := h.entry(i)
	e.flying, e.tries = false, 0
	if e.revision > revision {
		if e.stand == (life.Stand{}) {
			h.drop(sum, i)
			return
		}
		h.settle(i)
		return
	}
	h.put(t, revision, s)
}

// Failed ends what Take began without success: it is due again after a pause
// that doubles up to a minute.
func (h *Shelf) Failed(t subject.Thread, nowMS int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	sum := maphash.Comparable(h.seed, t)
	i := h.find(sum, t)
	if i == none {
		return
	}
	e := h.entry(i)
	if e.flying = false; e.stand == (life.Stand{}) {
		h.drop(sum, i)
		return
	}
	e.due = nowMS + min(500<<e.tries, int64(60_000))
	e.tries = min(e.tries+1, 7)
	h.enheap(i)
}

// Plans are those that the shelf follows.
func (h *Shelf) Plans() *life.Plans {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.plans
}

// Follow has the deadlines follow another configuration.
func (h *Shelf) Follow(plans *life.Plans) {
	h.mu.Lock()
	defer h.mu.Unlock()
	same := h.plans.Same(plans)
	h.plans = plans
	for n, k := range h.kinds {
		h.planOf[n] = plans.Of(k.page, k.workstream)
	}
	if same {
		return
	}
	for _, first := range h.byHash {
		for i := first; i != none; i = h.entry(i).next {
			if !h.entry(i).flying {
				h.settle(i)
			}
		}
	}
}

// Next is when something is due next, ms since 1970 UTC; life.Never: nothing is.
func (h *Shelf) Next() int64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.heap) == 0 {
		return life.Never
	}
	return h.entry(h.heap[0]).due
}

// News has something when Next may have become earlier.
func (h *Shelf) News() <-chan struct{} { return h.news }

// Size is how many threads are on the shelf, and how many of them wait.
func (h *Shelf) Size() (live, waiting int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.entries, len(h.heap)
}

// Floor is the highest revision such that every thread that has a live
// conversation has its last commit above it, as far as the shelf knows.
func (h *Shelf) Floor() uint64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	lowest := uint64(math.MaxUint64)
	for _, first := range h.byHash {
		for i := first; i != none; i = h.entry(i).next {
			lowest = min(lowest, h.entry(i).revision-1)
		}
	}
	return lowest
}

func (h *Shelf) kind(page, workstream string) uint32 {
	k := kind{page, workstream}
	n, known := h.kindOf[k]
	if !known {
		n = uint32(len(h.kinds))
		h.kinds, h.planOf, h.kindOf[k] = append(h.kinds, k), append(h.planOf, h.plans.Of(page, workstream)), n
	}
	return n
}

func (h *Shelf) entry(i int32) *entry { return &h.chunks[i/chunk][i%chunk] }

func (h *Shelf) thread(i int32) subject.Thread {
	e := h.entry(i)
	if e.odd {
		return subject.Thread{Page: h.kinds[e.kind].page, PSID: h.odds[e.person]}
	}
	return subject.Thread{Page: h.kinds[e.kind].page, PSID: strconv.FormatUint(e.person, 10)}
}

func (h *Shelf) find(sum uint64, t subject.Thread) int32 {
	i, known := h.byHash[sum]
	for known && i != none && h.thread(i) != t {
		i = h.entry(i).next
	}
	if !known {
		return none
	}
	return i
}

func (h *Shelf) add(sum uint64, t subject.Thread) int32 {
	i := h.free
	if i != none {
		h.free = h.entry(i).next
	} else {
		if int(h.used)%chunk == 0 {
			h.chunks = append(h.chunks, make([]entry, chunk))
		}
		i = h.used
		h.used++
	}
	e := h.entry(i)
	*e = entry{at: none, next: none, kind: h.kind(t.Page, "")}
	if first, known := h.byHash[sum]; known {
		e.next = first
	}
	h.byHash[sum] = i
	n, err := strconv.ParseUint(t.PSID, 10, 64)
	if e.person, e.odd = n, err != nil || strconv.FormatUint(n, 10) != t.PSID; e.odd {
		e.person = uint64(len(h.odds))
		h.odds = append(h.odds, t.PSID)
	}
	h.entries++
	return i
}

func (h *Shelf) drop(sum uint64, i int32) {
	h.unheap(i)
	e := h.entry(i)
	if first := h.byHash[sum]; first != i {
		before := first
		for h.entry(before).next != i {
			before = h.entry(before).next
		}
		h.entry(before).next = e.next
	} else if e.next != none {
		h.byHash[sum] = e.next
	} else {
		delete(h.byHash, sum)
	}
	e.next, h.free = h.free, i
	h.entries--
}
