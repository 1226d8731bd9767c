package assign_test

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/parley-desk/parley/services/distribution/internal/assign"
)

// model is the book written naively: no index, no shortcut, every question
// answered by looking at everything. It is what the scripts are held against.
type model struct {
	seq       int64
	agents    map[string]*agent
	queues    map[string]*queue
	items     map[string]*item
	timers    map[string]int64 // but those of queues, which follow from what waits
	places    map[string]place
	proposals []string
	faults    []string // invariants broken on the way
}

type agent struct {
	known          bool // settings are there
	tot, used      int64
	pres, was      string // pres empty: never set
	since, la, lr  int64
	queues         []string
	revision       uint64
	set            bool // settings were there once
	held           map[string]bool
	presenceMirror string
}

type queue struct {
	by       assign.Method
	pri      int32
	classes  []int64
	wait     int64
	revision uint64
	set      bool
}

type item struct {
	assign.Item
	wk       string
	fifo     uint64
	mark     string
	late     string // 1: its wait is over, 0: and it was put off
	pause    int64
	declines []decline
}

type decline struct {
	agent string
	n     int
}

func newModel() *model {
	return &model{agents: map[string]*agent{}, queues: map[string]*queue{}, items: map[string]*item{}, timers: map[string]int64{},
		places: map[string]place{}}
}

const (
	leaseMS    = 20_000
	graceMS    = 150_000
	retryMS    = 5_000
	oblivionMS = 3_600_000
	headroom   = 1_000_000
	enough     = 3 // declines
)

func takes(pres string) bool { return pres == "AVAILABLE" || pres == "BUSY" }

func holds(p assign.Phase) bool {
	return p == assign.Offered || p == assign.Active || p == assign.WrapUp || p == assign.Resuming
}

func (m *model) agent(id string) *agent {
	if m.agents[id] == nil {
		m.agents[id] = &agent{held: map[string]bool{}}
	}
	return m.agents[id]
}

func (m *model) queue(id string) *queue {
	if m.queues[id] == nil {
		m.queues[id] = &queue{}
	}
	return m.queues[id]
}

func (m *model) next() int64 { m.seq++; return m.seq }

func (m *model) ready(q string, units int64) []string {
	var out []string
	for id, a := range m.agents {
		if slices.Contains(a.queues, q) && takes(a.pres) && a.tot-a.used >= units {
			out = append(out, id)
		}
	}
	slices.SortFunc(out, func(x, y string) int {
		return cmp.Or(cmp.Compare(m.order(q, x), m.order(q, y)), cmp.Compare(x, y))
	})
	return out
}

func (m *model) order(q, id string) int64 {
	a := m.agents[id]
	if m.queue(q).by == assign.HighestCapacity {
		return (8191-min(a.tot-a.used, 8191))<<40 + a.la
	}
	return a.lr
}

func score(i *item) int64 { return int64(1023-i.Priority)<<43 + i.QueuedMS }

func (m *model) waiting(q string, units int64) []*item {
	var out []*item
	for _, i := range m.items {
		if i.Phase == assign.Waiting && i.late != over && i.Queue == q && int64(i.Units) == units {
			out = append(out, i)
		}
	}
	slices.SortFunc(out, func(x, y *item) int {
		return cmp.Or(cmp.Compare(score(x), score(y)), cmp.Compare(x.wk, y.wk))
	})
	return out
}

func (i *item) declinedBy(agent string) int {
	for _, d := range i.declines {
		if d.agent == agent {
			return d.n
		}
	}
	return 0
}

func (m *model) take(a string, i *item) int64 {
	seq := m.next()
	ag := m.agent(a)
	ag.used += int64(i.Units)
	ag.la = seq
	ag.held[i.Key] = true
	return seq
}

func (m *model) giveBack(a string, i *item) {
	ag := m.agent(a)
	delete(ag.held, i.Key)
	ag.used -= int64(i.Units)
	ag.lr = m.next()
}

func (m *model) setPresence(a, pres, was string, now int64) {
	ag := m.agent(a)
	ag.pres, ag.was, ag.since = pres, was, now
	ag.presenceMirror = pres + "/" + was
}

func (m *model) revoke(a string, now int64) {
	for key := range m.agent(a).held {
		if i := m.items[key]; i.Phase == assign.Offered {
			i.mark = cmp.Or(i.mark, "REVOKED")
			m.timers["o:"+key] = now
		}
	}
}

func (m *model) offer(i *item, a string) {
	if ag := m.agents[a]; ag.tot-ag.used < int64(i.Units) || !takes(ag.pres) {
		m.faults = append(m.faults, fmt.Sprintf("%s offered to %s without room", i.Key, a))
	}
	i.Fence = m.take(a, i)
	i.Phase, i.Agent = assign.Offered, a
	if i.Fence <= i.Highest {
		m.faults = append(m.faults, fmt.Sprintf("I6: %s offered under fence %d after %d", i.Key, i.Fence, i.Highest))
	}
	m.proposals = append(m.proposals, fmt.Sprint(i.Key, " ", i.Conversation, " ", i.Queue, " ", a, " ", i.Fence, " ", i.Revision, " ", i.OfferMS))
}

func (m *model) matchItem(i *item, fresh bool) {
	ready := m.ready(i.Queue, int64(i.Units))
	if len(ready) == 0 {
		return
	}
	best := slices.MinFunc(ready, func(x, y string) int { return cmp.Compare(i.declinedBy(x), i.declinedBy(y)) })
	if d := i.declinedBy(best); d == 0 || d < enough && !fresh {
		m.offer(i, best)
	}
}

func (m *model) matchAgent(id string, now int64) {
	a := m.agent(id)
	for range 64 {
		var all []*item
		for _, q := range a.queues {
			for _, c := range m.queue(q).classes {
				if takes(a.pres) && a.tot-a.used >= c {
					w := slices.DeleteFunc(m.waiting(q, c), func(i *item) bool { return i.declinedBy(id) >= enough })
					all = append(all, w[:min(len(w), 16)]...)
				}
			}
		}
		if len(all) == 0 {
			return
		}
		m.offer(slices.MinFunc(all, func(x, y *item) int {
			return cmp.Or(cmp.Compare(x.declinedBy(id), y.declinedBy(id)),
				-cmp.Compare(m.queue(x.Queue).pri, m.queue(y.Queue).pri),
				cmp.Compare(score(x), score(y)), cmp.Compare(x.fifo, y.fifo))
		}), id)
	}
	m.timers["g:"+id] = now
}

func (m *model) ensureClass(q string, units int64) {
	if qu := m.queue(q); !slices.Contains(qu.classes, units) {
		qu.classes = append(qu.classes, units)
	}
}

// nothing given up in apply: no fence is negative.
const nothing = -1

// apply is told apart from the script's by asking first what the reservation
// becomes and only then what the item is.
func (m *model) apply(now int64, next assign.Item, givenUp int64, loading bool) assign.Phase {
	old := m.items[next.Key]
	if old != nil && next.Revision <= old.Revision {
		reserved := old.Phase == assign.Offered || old.Phase == assign.Resuming
		if next.Revision < old.Revision || !reserved || givenUp != old.Fence {
			return old.Phase
		}
	}
	m.seq = max(m.seq, next.Highest)
	if next.Phase == assign.WrapUp && next.DueMS > 0 && next.DueMS <= now {
		next.Phase = assign.Done
	}
	i := &item{Item: next}
	freed, kept := "", false
	if old != nil {
		if old.Conversation == next.Conversation {
			i.declines, i.fifo = old.declines, old.fifo
		}
		kept = reservationGoesOn(old, next)
		if holds(old.Phase) && !kept {
			freed = old.Agent
			m.endReservation(old, i, now)
		}
		if kept {
			i.mark = old.mark
			m.agent(next.Agent).used += int64(next.Units - old.Units)
		}
	}
	for _, kind := range []string{"o:", "u:", "r:", "z:"} {
		delete(m.timers, kind+next.Key)
	}
	m.items[next.Key] = i
	m.stay(i, old)
	m.enter(i, old, kept, now, loading)
	if loading {
		return i.Phase
	}
	if i.Phase == assign.Waiting && i.late != over && freed != "" {
		m.matchItem(i, true)
	}
	if freed != "" {
		m.matchAgent(freed, now)
	}
	if i.Phase == assign.Waiting && i.late != over {
		m.matchItem(i, false)
	}
	return i.Phase
}

func reservationGoesOn(old *item, next assign.Item) bool {
	if !holds(old.Phase) || old.Conversation != next.Conversation || old.Agent != next.Agent {
		return false
	}
	switch next.Phase {
	case assign.Offered:
		return old.Phase == assign.Offered && old.Fence == next.Fence
	case assign.Active, assign.WrapUp:
		return old.Phase != assign.Offered || old.Fence == next.Fence
	}
	return false
}

func (m *model) endReservation(old, i *item, now int64) {
	a := m.agent(old.Agent)
	missed := old.Phase == assign.Offered && i.Phase != assign.Active && old.mark == "TIMED_OUT"
	rejected := old.Phase == assign.Offered && i.Phase != assign.Active && old.mark == "REJECTED"
	if (missed || rejected) && old.Conversation == i.Conversation {
		i.declines = slices.Clone(i.declines)
		if n := slices.IndexFunc(i.declines, func(d decline) bool { return d.agent == old.Agent }); n >= 0 {
			i.declines[n].n++
		} else {
			i.declines = append(i.declines, decline{old.Agent, 1})
		}
	}
	if missed && takes(a.pres) {
		m.setPresence(old.Agent, "INACTIVE", "", now)
	}
	m.giveBack(old.Agent, old)
}

func (m *model) enter(i, old *item, kept bool, now int64, loading bool) {
	switch i.Phase {
	case assign.Done:
		i.declines, i.mark, i.fifo = nil, "", 0
		m.timers["z:"+i.Key] = now + oblivionMS
	case assign.Waiting:
		i.mark = ""
		m.ensureClass(i.Queue, int64(i.Units))
		if i.fifo == 0 || old.QueuedMS != i.QueuedMS {
			i.fifo = i.Revision
		}
		if old == nil || old.QueuedMS != i.QueuedMS {
			i.declines = nil
		}
		i.wk = fmt.Sprintf("%016d:%s", i.fifo, i.Key)
		m.wait(i, old, now)
	case assign.Offered:
		m.enterOffer(i, kept, now, loading)
	case assign.Active, assign.WrapUp:
		i.mark, i.declines = "", nil
		if !kept {
			m.take(i.Agent, i)
		}
		if i.Phase == assign.WrapUp && i.DueMS > 0 {
			m.timers["u:"+i.Key] = i.DueMS
		}
		_, leaving := m.timers["l:"+i.Agent]
		_, watched := m.timers["h:"+i.Agent]
		if !leaving && !watched {
			m.timers["h:"+i.Agent] = now + leaseMS
		}
	}
}

func (m *model) enterOffer(i *item, kept bool, now int64, loading bool) {
	due := i.DueMS
	switch {
	case kept:
		if i.mark != "" {
			due = now
		}
	case loading:
		m.take(i.Agent, i)
		i.mark = ""
		if a := m.agent(i.Agent); a.pres == "" || a.pres == "OFFLINE" || a.used > a.tot {
			i.mark, due = "REVOKED", now
		}
	default:
		i.Phase, i.mark, due = assign.Stale, "REVOKED", now
	}
	m.timers["o:"+i.Key] = due
}

// broken lists the invariants that do not hold.
func (m *model) broken() []string {
	out := m.faults
	for id, a := range m.agents {
		var sum int64
		for key := range a.held {
			if i := m.items[key]; !holds(i.Phase) || i.Agent != id {
				out = append(out, fmt.Sprintf("I3: %s is held by %s and is %s of %s", key, id, i.Phase, i.Agent))
			}
			sum += int64(m.items[key].Units)
		}
		if sum != a.used {
			out = append(out, fmt.Sprintf("I1: %s uses %d, holds %d", id, a.used, sum))
		}
	}
	for _, i := range m.items {
		for _, a := range m.ready(i.Queue, int64(i.Units)) {
			if i.Phase == assign.Waiting && i.late != over && i.declinedBy(a) < enough {
				out = append(out, fmt.Sprintf("I4: %s waits while %s could take it", i.Key, a))
			}
		}
	}
	return out
}

func (m *model) String() string { return strings.Join(m.broken(), "\n") }
