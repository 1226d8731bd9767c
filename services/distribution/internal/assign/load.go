package assign

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The times of book.lua that a load needs.
const (
	oblivion = time.Hour      // for which a finished item is remembered
	unused   = 24 * time.Hour // after which a class that needs skills is dropped
	never    = 1<<53 - 1      // a wait that is over is timed no more
)

// load works out what a generation begins with: what agent.lua and apply.lua
// would make of each agent and item, one after the other, with nothing there
// before. So the server is only told, and asked nothing. The model test holds
// every key of it against the model that it holds the scripts against.
type load struct {
	root       string
	now, lease int64 // ms
	seq        int64
	queues     map[string]*newQueue
	agents     map[string]*staffer
	staff      []*staffer // those that administrators set
	turns      []turn
	had        map[[2]string]int64 // when an agent got something last from a queue, ms
	over       map[string]Item     // what agents got today and have no more
	items      []Item
	at         map[string]int // where in items
	records    []any          // key, string, key, string
	settings   [][]any        // each of one hash: key, field, value, field, value
	presences  []any          // agent, presence
	sets       map[string][]any
	sorted     map[string]map[string]int64
}

// newQueue is a queue, and the classes that are met there.
type newQueue struct {
	Queue
	classes []lined
	members []*staffer
	first   int64 // since when waits who has waited longest, and is not late
}

// turn is the place of an agent in a queue that goes round.
type turn struct {
	agent *staffer
	queue string
}

// lined is a class, as it is called in a queue.
type lined struct {
	Class
	name string
}

func newLoad(root string, now time.Time, lease time.Duration, seq int64, w World) *load {
	l := &load{root: root, now: now.UnixMilli(), lease: lease.Milliseconds(), seq: seq, queues: map[string]*newQueue{}, agents: map[string]*staffer{},
		at: map[string]int{}, had: map[[2]string]int64{}, over: map[string]Item{}, sets: map[string][]any{}, sorted: map[string]map[string]int64{}}
	for _, q := range w.Queues {
		of := &newQueue{Queue: q, first: never}
		for _, c := range q.Classes { // the script of the queue has made them
			if k := of.lane(c); !of.meets(k) {
				of.classes = append(of.classes, k)
			}
		}
		l.queues[q.ID] = of
	}
	for _, a := range w.Agents {
		l.set(a, w.Presences[a.ID])
	}
	return l
}

func (l *load) queue(id string) *newQueue {
	if l.queues[id] == nil {
		l.queues[id] = &newQueue{Queue: Queue{ID: id}, first: never}
	}
	return l.queues[id]
}

// lane is the class under which the queue keeps an item of class c.
func (q *newQueue) lane(c Class) lined {
	if q.Method == Custom {
		return lined{Class{}, lane}
	}
	return lined{c, c.String()}
}

func (q *newQueue) meets(k lined) bool {
	return slices.ContainsFunc(q.classes, func(other lined) bool { return other.name == k.name })
}

// learn makes a class at a queue when it is first met there.
func (l *load) learn(q *newQueue, k lined) {
	if len(k.Skills) > 0 {
		l.time("c:"+q.ID+";"+k.name, l.now+unused.Milliseconds())
	}
	if q.meets(k) {
		return
	}
	q.classes = append(q.classes, k)
	l.put("q:"+q.ID+":c", k.name)
	for _, a := range q.members {
		a.meet(q, k)
	}
}

// note takes an item; of two of one thread the later.
func (l *load) note(i Item) {
	if i.AssignedMS > 0 {
		of := [2]string{i.Agent, i.Queue}
		l.had[of] = max(l.had[of], i.AssignedMS)
	}
	l.remember(i)
	n, known := l.at[i.Key]
	switch {
	case known && i.Revision > l.items[n].Revision:
		l.items[n] = i
	case !known && i.Phase != Done:
		l.at[i.Key] = len(l.items)
		l.items = append(l.items, i)
	}
}

// remember keeps an item that is over, if an agent got it today whose day counts.
func (l *load) remember(i Item) {
	if known, ok := l.over[i.Key]; ok && i.Revision <= known.Revision {
		return
	}
	delete(l.over, i.Key)
	a := l.agents[i.Agent]
	if i.Phase = l.phase(i); i.Phase == Done && i.AssignedMS > 0 && a != nil && a.daily && i.AssignedMS >= a.DawnMS {
		l.over[i.Key] = i
	}
}

// phase is where an item stands by now.
func (l *load) phase(i Item) Phase {
	if i.Phase == WrapUp && i.DueMS > 0 && i.DueMS <= l.now {
		return Done
	}
	return i.Phase
}

// enter does what apply.lua does.
func (l *load) enter(i Item) {
	i.Phase = l.phase(i)
	r := record{revision: strconv.FormatUint(i.Revision, 10), phase: string(i.Phase), agent: i.Agent, fence: strconv.FormatInt(i.Fence, 10),
		queue: i.Queue, class: i.Class.String()}
	switch i.Phase {
	case Waiting:
		l.wait(i, &r)
	case Offered:
		l.offered(i, &r)
	case Active, WrapUp:
		l.held(i)
	default:
		l.time("z:"+i.Key, l.now+oblivion.Milliseconds())
		l.record(i.Key, record{revision: r.revision, phase: string(Done)}, i.Conversation+"|||||||")
		return
	}
	if i.Phase != Waiting { // since when it was held, as far as the new book knows
		r.took = strconv.FormatInt(l.now, 10)
	}
	l.record(i.Key, r, whatOf(i))
}

func (l *load) wait(i Item, r *record) {
	q := l.queue(i.Queue)
	k := q.lane(i.Class)
	l.learn(q, k)
	r.fifo = r.revision
	if wait := q.Wait.Milliseconds(); wait > 0 && i.SinceMS+wait <= l.now {
		r.late = "1"
		l.sort("n:"+q.ID, i.Key, never)
		l.time("x:"+i.Key, l.now)
		return
	}
	l.inside(q, i)
	if i.PickOnly {
		return
	}
	prefers := l.agents[i.Prefer] != nil && l.agents[i.Prefer].known && (i.PreferUntilMS == 0 || i.PreferUntilMS > l.now)
	r.list = "w:" + q.ID + ":" + k.name
	if prefers {
		l.agents[i.Prefer].wanted++
		r.list = "wa:" + i.Prefer
		if i.PreferUntilMS > 0 {
			l.time("f:"+i.Key, i.PreferUntilMS)
		}
	} else if k.name == lane {
		l.put("cn", "i:"+i.Key)
	}
	l.sort(r.list, r.ticket(i.Key), rank(q, i))
}

// rank is in what order items wait: waiting.lua.
func rank(q *newQueue, i Item) int64 {
	if ahead := q.HeadStart.Milliseconds(); ahead > 0 {
		return i.QueuedMS + int64(topPriority-i.Priority)*ahead
	}
	return int64(topPriority-i.Priority)<<43 + i.QueuedMS
}

func (l *load) inside(q *newQueue, i Item) {
	l.sort("n:"+q.ID, i.Key, i.SinceMS)
	q.first = min(q.first, i.SinceMS)
}

// offered has an offer go on, if its agent is here and has the room.
func (l *load) offered(i Item, r *record) {
	l.inside(l.queue(i.Queue), i)
	a := l.agent(i.Agent)
	a.turns.set(i.Queue, l.take(a, i))
	a.offers++
	due := i.DueMS
	if a.presence.Now == "" || a.presence.Now == "OFFLINE" || a.used > a.Capacity {
		r.mark, due = "REVOKED", l.now
	}
	l.time("o:"+i.Key, due)
}

func (l *load) held(i Item) {
	a := l.agent(i.Agent)
	l.take(a, i)
	if i.Phase == WrapUp && i.DueMS > 0 {
		l.time("u:"+i.Key, i.DueMS)
	}
	if !a.known { // whoever holds a conversation is watched
		l.time("h:"+a.ID, l.now+l.lease)
	}
}

func (l *load) take(a *staffer, i Item) int64 {
	l.seq++
	a.used += i.Class.Units
	a.count(i)
	a.assigned = l.seq
	a.held = append(a.held, i.Key)
	return l.seq
}

// rotate gives agents their turns: who got something from a queue longest ago,
// or nothing that the log still tells, comes first.
func (l *load) rotate() {
	slices.SortStableFunc(l.turns, func(x, y turn) int {
		return cmp.Compare(l.had[[2]string{x.agent.ID, x.queue}], l.had[[2]string{y.agent.ID, y.queue}])
	})
	for _, t := range l.turns {
		l.seq++
		t.agent.turns.set(t.queue, l.seq)
	}
}

// finish does what is done once everything is in.
func (l *load) finish() {
	l.rotate()
	for _, key := range slices.Sorted(maps.Keys(l.over)) {
		i := l.over[key]
		l.agents[i.Agent].count(i)
	}
	for _, i := range l.items {
		if i.Phase != Done {
			l.enter(i)
		}
	}
	for _, a := range l.staff {
		l.index(a)
	}
	for _, a := range l.agents {
		l.records = append(l.records, l.root+"a:"+a.ID, a.String())
	}
	for _, q := range l.queues {
		if q.first < never && q.Wait > 0 {
			l.time("w:"+q.ID, q.first+q.Wait.Milliseconds())
		}
	}
}

func (l *load) time(timer string, at int64) { l.sort("t", timer, at) }

func (l *load) sort(key, member string, score int64) {
	if l.sorted[key] == nil {
		l.sorted[key] = map[string]int64{}
	}
	l.sorted[key][member] = score
}

func (l *load) put(set, member string) { l.sets[set] = append(l.sets[set], member) }

func (l *load) record(key string, r record, what string) {
	story := ""
	if r.late != "" || r.mark != "" || r.took != "" {
		story = strings.Join([]string{r.late, "", r.mark, "", "", r.took}, ";")
	}
	l.records = append(l.records, l.root+"i:"+key, strings.Join([]string{r.revision, r.phase, r.agent, r.fence, r.queue, r.class, r.fifo,
		r.list, story, what}, "|"))
}

// commands are what is to be written, each with what comes after its name.
func (l *load) commands(yield func(command string, args []any) bool) {
	going := true
	said := func(command string, key []any, args []any) {
		for part := range slices.Chunk(args, batch) {
			going = going && yield(command, append(slices.Clone(key), part...))
		}
	}
	said("MSET", nil, l.records)
	for _, h := range l.settings {
		said("HSET", h[:1], h[1:])
	}
	said("HSET", []any{l.root + "p"}, l.presences)
	for key, members := range l.sets {
		said("SADD", []any{l.root + key}, members)
	}
	for key, scores := range l.sorted {
		args := make([]any, 0, 2*len(scores))
		for _, member := range slices.SortedFunc(maps.Keys(scores), func(x, y string) int { return cmp.Compare(scores[x], scores[y]) }) {
			args = append(args, scores[member], member) // in order they are put in faster
		}
		said("ZADD", []any{l.root + key}, args)
	}
}

// of is 0 of whom nothing is known.
func (t tally) of(name string) int64 {
	for _, c := range t {
		if c.name == name {
			return c.n
		}
	}
	return 0
}

// tally is numbers by name, in the order in which they came.
type tally []struct {
	name string
	n    int64
}

func (t *tally) set(name string, n int64) {
	for at := range *t {
		if (*t)[at].name == name {
			(*t)[at].n = n
			return
		}
	}
	*t = append(*t, struct {
		name string
		n    int64
	}{name, n})
}

func (t tally) String() string {
	if len(t) == 0 {
		return ""
	}
	out := ","
	for _, c := range t {
		out += c.name + ":" + strconv.FormatInt(c.n, 10) + ","
	}
	return out
}

// batch is how many words go with a command, and so how long others wait for it.
const batch = 512
