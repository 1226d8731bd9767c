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
	policy    assign.Policy
	rates     map[string]map[string]int64 // by queue; what and the hour
	clock     func() int64
	news      map[string]bool // of queues that assign by rules
	faults    []string        // invariants broken on the way
}

type agent struct {
	known          bool // settings are there
	tot, used      int64
	pres, was      string // pres empty: never set
	source, status string
	since, la, lr  int64
	queues         []string
	skills         []assign.Rating
	profiles       []assign.Limit
	day, dawn      int64
	asked          bool             // when its day ends next
	counts         map[string]int64 // by profile
	turns          map[string]int64 // by queue, last got one
	revision       uint64
	set            bool // settings were there once
	held           map[string]bool
}

type queue struct {
	by       assign.Method
	pri      int32
	classes  map[string]assign.Class
	wait     int64
	paused   assign.Pause
	ahead    int64
	revision uint64
	set      bool
}

type item struct {
	assign.Item
	wk       string
	fifo     uint64
	mark     string
	shown    int64
	took     int64  // since when it takes capacity
	list     string // where it is lined up
	late     string // 1: its wait is over, 0: and it was put off
	pause    int64
	declines []decline
}

// decline counts in halves: an offer that never reached a desk is one, once.
type decline struct {
	agent string
	n     int
}

func newModel() *model {
	return &model{agents: map[string]*agent{}, queues: map[string]*queue{}, items: map[string]*item{}, timers: map[string]int64{},
		places: map[string]place{}, rates: map[string]map[string]int64{}, clock: func() int64 { return 0 }, news: map[string]bool{}}
}

const (
	leaseMS    = 20_000
	graceMS    = 150_000
	deliveryMS = 10_000
	retryMS    = 5_000
	oblivionMS = 3_600_000
	headroom   = 1_000_000
	enough     = 2 * 3 // declines
)

func holds(p assign.Phase) bool {
	return p == assign.Offered || p == assign.Active || p == assign.WrapUp || p == assign.Resuming || p == assign.Picking
}

func (m *model) agent(id string) *agent {
	if m.agents[id] == nil {
		m.agents[id] = &agent{held: map[string]bool{}, counts: map[string]int64{}, turns: map[string]int64{}}
	}
	return m.agents[id]
}

// peek is agent for those who only look.
func (m *model) peek(id string) *agent {
	if a := m.agents[id]; a != nil {
		return a
	}
	return &agent{}
}

func (m *model) queue(id string) *queue {
	if m.queues[id] == nil {
		m.queues[id] = &queue{classes: map[string]assign.Class{}}
	}
	return m.queues[id]
}

func (m *model) next() int64 { m.seq++; return m.seq }

func (m *model) score(i *item) int64 {
	if ahead := m.queue(i.Queue).ahead; ahead > 0 {
		return i.QueuedMS + int64(1023-i.Priority)*ahead
	}
	return int64(1023-i.Priority)<<43 + i.QueuedMS
}

// listed are the items in one list, in order.
func (m *model) listed(list string) []*item {
	var out []*item
	for _, i := range m.items {
		if i.list == list {
			out = append(out, i)
		}
	}
	slices.SortFunc(out, func(x, y *item) int {
		return cmp.Or(cmp.Compare(m.score(x), m.score(y)), cmp.Compare(x.wk, y.wk))
	})
	return out
}

// lineUp puts an item where it waits for an agent: for the one it prefers, or
// for any.
func (m *model) lineUp(i *item, now int64) {
	if i.PickOnly || m.turnedDown(i) {
		return
	}
	class := i.Class
	if i.list = "w:" + i.Queue + ":" + class.String(); m.custom(i.Queue) {
		class, i.list = assign.Class{}, "w:"+i.Queue+":custom"
	}
	if !m.prefers(i, now) {
		m.ensureClass(i.Queue, i.Class, now)
	} else {
		i.list = "wa:" + i.Prefer
		if i.PreferUntilMS > 0 {
			m.timers["f:"+i.Key] = i.PreferUntilMS
		}
	}
	if len(class.Skills) > 0 {
		m.timers["c:"+i.Queue+";"+class.String()] = now + unusedMS
	}
	m.noteItem(i)
}

// prefers tells whether one agent is waited for before others are asked.
func (m *model) prefers(i *item, now int64) bool {
	return m.peek(i.Prefer).known && i.declinedBy(i.Prefer) == 0 && (i.PreferUntilMS == 0 || i.PreferUntilMS > now)
}

func (m *model) unlist(i *item) {
	m.noteItem(i)
	i.list = ""
	delete(m.timers, "f:"+i.Key)
}

func (i *item) declinedBy(agent string) int {
	for _, d := range i.declines {
		if d.agent == agent {
			return d.n
		}
	}
	return 0
}

// turnedDown tells whether so many agents declined an item that nobody is asked.
func (m *model) turnedDown(i *item) bool {
	n := 0
	for _, d := range i.declines {
		n += min(d.n/2, 1)
	}
	return n >= cmp.Or(m.policy.Decliners, 100)
}

func (m *model) revoke(a string, now int64) {
	for key := range m.agent(a).held {
		if i := m.items[key]; i.Phase == assign.Offered {
			i.mark = cmp.Or(i.mark, "REVOKED")
			m.timers["o:"+key] = now
		}
	}
}

func (m *model) offer(i *item, a, how string, now int64) {
	if how == "affinity" {
		m.ensureClass(i.Queue, i.Class, now)
	}
	var ready []string
	if !m.custom(i.Queue) {
		ready = m.ready(i.Queue, i.Class)
	}
	m.propose(i, a, cmp.Or(how, string(m.queue(i.Queue).by)), fmt.Sprint(len(ready), " ", strings.Join(ready[:min(len(ready), 5)], ","), "  "))
}

func (m *model) propose(i *item, a, how, found string) {
	if c := i.Class; !m.agents[a].room(c) && how != string(assign.Custom) || !m.agents[a].room(bare(c)) {
		m.faults = append(m.faults, fmt.Sprintf("%s offered to %s without room", i.Key, a))
	}
	m.unlist(i)
	i.Fence = m.take(a, i.Queue, i)
	i.Phase, i.Agent, i.shown = assign.Offered, a, 0
	if i.Fence <= i.Highest {
		m.faults = append(m.faults, fmt.Sprintf("I6: %s offered under fence %d after %d", i.Key, i.Fence, i.Highest))
	}
	m.proposals = append(m.proposals, fmt.Sprint(i.Key, " ", i.Conversation, " ", i.Queue, " ", a, " ", i.Fence, " ", i.Revision, " ", i.OfferMS,
		" ", i.Class, " ", how, " ", found))
}

func (m *model) matchItem(i *item, fresh bool, now int64) {
	switch {
	case i.PickOnly || m.turnedDown(i) || m.paused(i.Queue):
		return
	case m.prefers(i, now):
		if m.agents[i.Prefer].room(i.Class) {
			m.offer(i, i.Prefer, "affinity", now)
		}
		return
	}
	ready := m.ready(i.Queue, i.Class)
	if len(ready) == 0 || m.custom(i.Queue) {
		return
	}
	best := slices.MinFunc(ready, func(x, y string) int { return cmp.Compare(i.declinedBy(x), i.declinedBy(y)) })
	if d := i.declinedBy(best); d == 0 || d < enough && !fresh {
		m.offer(i, best, "", now)
	}
}

func (m *model) matchAgent(id string, now int64) {
	a := m.agent(id)
	for range 64 {
		waited := m.listed("wa:" + id)
		if n := slices.IndexFunc(waited, func(i *item) bool { return a.room(i.Class) && !m.paused(i.Queue) }); n >= 0 {
			m.offer(waited[n], id, "affinity", now)
			continue
		}
		var all []*item
		for _, q := range a.queues {
			for name, c := range m.queue(q).classes {
				if _, suits := a.far(c); suits && a.room(c) && !m.paused(q) {
					w := slices.DeleteFunc(m.listed("w:"+q+":"+name), func(i *item) bool { return i.declinedBy(id) >= enough })
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
				cmp.Compare(m.score(x), m.score(y)), cmp.Compare(x.fifo, y.fifo))
		}), id, "", now)
	}
	m.timers["g:"+id] = now
}

// nothing given up in apply: no fence is negative.
const nothing = -1

// apply is told apart from the script's by asking first what the reservation
// becomes and only then what the item is.
func (m *model) apply(now int64, next assign.Item, givenUp int64, loading bool) assign.Phase {
	old := m.items[next.Key]
	if old != nil && next.Revision <= old.Revision {
		reserved := old.Phase == assign.Offered || old.Phase == assign.Resuming || old.Phase == assign.Picking
		if next.Revision < old.Revision || !reserved || givenUp != old.Fence {
			return old.Phase
		}
	}
	if !loading {
		m.seq = max(m.seq, next.Highest)
	}
	if next.Phase == assign.WrapUp && next.DueMS > 0 && next.DueMS <= now {
		next.Phase = assign.Done
	}
	i := &item{Item: next}
	freed, kept, held := "", false, false
	if old != nil {
		m.unlist(old)
		held = old.Phase == assign.Active || old.Phase == assign.WrapUp
		if old.Conversation == next.Conversation {
			i.declines, i.fifo = old.declines, old.fifo
		}
		kept = reservationGoesOn(old, next)
		if holds(old.Phase) && !kept {
			freed = old.Agent
			m.endReservation(old, i, now)
		}
		if kept {
			i.mark, i.shown, i.took = old.mark, old.shown, old.took
			if old.Class.String() != next.Class.String() {
				m.agent(next.Agent).unuse(old.Class)
				m.agent(next.Agent).use(next.Class)
				m.noteAgent(next.Agent)
			}
		}
	}
	for _, kind := range []string{"o:", "u:", "r:", "z:"} {
		delete(m.timers, kind+next.Key)
	}
	m.items[next.Key] = i
	m.stay(i, old, now, loading)
	m.enter(i, old, kept, now, loading)
	if i.Phase == assign.Waiting && i.late != over && (freed != "" || loading) {
		m.lineUp(i, now)
	}
	if loading {
		return i.Phase
	}
	if (i.Phase == assign.Active || i.Phase == assign.WrapUp) && !(kept && held) {
		m.settle(i.Agent, true, now)
	}
	if freed != "" {
		m.settle(freed, held, now)
	}
	if kept && old.Class.String() != i.Class.String() {
		m.settle(i.Agent, false, now)
		m.matchAgent(i.Agent, now)
	}
	if i.Phase == assign.Waiting && i.late != over && freed != "" {
		m.matchItem(i, true, now)
	}
	if freed != "" {
		m.matchAgent(freed, now)
	}
	if i.Phase == assign.Waiting && i.late != over {
		m.matchItem(i, false, now)
		if freed == "" && i.Phase == assign.Waiting {
			m.lineUp(i, now)
		}
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
	came := func(mark string) bool {
		return old.Phase == assign.Offered && i.Phase != assign.Active && old.mark == mark
	}
	if (came("TIMED_OUT") || came("REJECTED") || came("UNDELIVERED")) && old.Conversation == i.Conversation {
		i.declines = slices.Clone(i.declines)
		n := slices.IndexFunc(i.declines, func(d decline) bool { return d.agent == old.Agent })
		if n < 0 {
			n = len(i.declines)
			i.declines = append(i.declines, decline{old.Agent, 0})
		}
		if came("UNDELIVERED") {
			i.declines[n].n |= 1
		} else {
			i.declines[n].n += 2
		}
	}
	here := a.pres == "AVAILABLE" || a.pres == "BUSY" || a.pres == "DO_NOT_DISTURB" && a.source == "LOAD"
	if here && came("TIMED_OUT") && m.policy.Missed {
		m.setPresence(old.Agent, assign.Presence{Now: "INACTIVE", Source: "MISSED"}, now)
	}
	if here && came("REJECTED") && m.policy.Rejected {
		m.setPresence(old.Agent, assign.Presence{Now: "DO_NOT_DISTURB", Source: "REJECTED"}, now)
	}
	m.giveBack(old.Agent, old)
}

func (m *model) enter(i, old *item, kept bool, now int64, loading bool) {
	switch i.Phase {
	case assign.Done:
		i.declines, i.mark, i.fifo, i.shown, i.took = nil, "", 0, 0, 0
		m.timers["z:"+i.Key] = now + oblivionMS
	case assign.Waiting:
		i.mark, i.shown = "", 0
		m.ensureClass(i.Queue, i.Class, now)
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
		i.mark, i.declines, i.shown = "", nil, 0
		if !kept {
			m.take(i.Agent, "", i)
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
		if due = cmp.Or(i.shown, due-i.OfferMS); i.mark != "" {
			due = now
		}
	case loading:
		m.take(i.Agent, i.Queue, i)
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
			sum += int64(m.items[key].Class.Units)
		}
		if sum != a.used {
			out = append(out, fmt.Sprintf("I1: %s uses %d, holds %d", id, a.used, sum))
		}
	}
	for _, i := range m.items {
		for _, a := range m.ready(i.Queue, i.Class) {
			_, soon := m.timers["g:"+a]
			if strings.HasPrefix(i.list, "w:") && i.declinedBy(a) < enough && !m.custom(i.Queue) && !m.paused(i.Queue) && !soon {
				out = append(out, fmt.Sprintf("I4: %s waits while %s could take it", i.Key, a))
			}
		}
	}
	return out
}

func (m *model) String() string { return strings.Join(m.broken(), "\n") }
