package assign_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"
	"pgregory.net/rapid"

	"github.com/parley-desk/parley/pkg/keyspace/keyspacetest"
	"github.com/parley-desk/parley/services/distribution/internal/assign"
)

// TestBookDoesWhatTheModelDoes runs random commands against the scripts and
// the naive model and compares answers and the whole state after each.
func TestBookDoesWhatTheModelDoes(t *testing.T) {
	keyspacetest.Each(t, func(t *testing.T, rdb redis.UniversalClient) {
		granted(t, rdb, "flushall", "keys", "type", "xrange", "slaveof")
		rapid.Check(t, func(t *rapid.T) { compare(t, rdb, nil) })
	})
}

// compare is one run of the model test over scripts changed by edit.
func compare(t *rapid.T, rdb redis.UniversalClient, edit assign.Edit) {
	ctx := context.Background()
	policy := assign.Policy{Missed: rapid.IntRange(0, 3).Draw(t, "missed") > 0, Rejected: rapid.IntRange(0, 3).Draw(t, "rejected") == 0,
		Decliners: rapid.SampledFrom([]int{0, 0, 2}).Draw(t, "decliners")}
	if err := rdb.FlushAll(ctx).Err(); err != nil {
		t.Fatalf("flush: %v", err)
	}
	book, err := assign.NewBook(rdb, assign.Config{Group: "g", Lease: leaseMS * time.Millisecond,
		Grace: graceMS * time.Millisecond, Edit: edit, Policy: policy})
	if err != nil {
		t.Fatalf("new book: %v", err)
	}
	r := &run{t: t, ctx: ctx, rdb: rdb, book: book, policy: policy, model: newModel(), now: time.UnixMilli(1_764_000_000_000),
		log: map[string]assign.Item{}, real: rdb.Info(ctx, "replication").Err() == nil}
	r.rebuild(0)
	r.setUp()
	steps := map[string]func(*rapid.T){
		"new":       func(*rapid.T) { r.arrive() },
		"follow":    func(*rapid.T) { r.follow() },
		"follow2":   func(*rapid.T) { r.follow() },
		"follow3":   func(*rapid.T) { r.follow() },
		"together":  func(*rapid.T) { r.together() },
		"together2": func(*rapid.T) { r.together() },
		"odd":       func(*rapid.T) { r.odd() },
		"agent":     func(*rapid.T) { r.agent() },
		"queue":     func(*rapid.T) { r.queue() },
		"presence":  func(*rapid.T) { r.presence() },
		"presence2": func(*rapid.T) { r.presence() },
		"heartbeat": func(*rapid.T) { r.heartbeat() },
		"answer":    func(*rapid.T) { r.answer() },
		"decline":   func(*rapid.T) { r.turnDown() },
		"decline2":  func(*rapid.T) { r.turnDown() },
		"refuse":    func(*rapid.T) { r.refuse() },
		"shown":     func(*rapid.T) { r.show() },
		"shown2":    func(*rapid.T) { r.show() },
		"pick":      func(*rapid.T) { r.pick() },
		"roster":    func(*rapid.T) { r.roster() },
		"day":       func(*rapid.T) { r.day() },
		"news":      func(*rapid.T) { r.takeNews() },
		"reserve":   func(*rapid.T) { r.reserve() },
		"reserve2":  func(*rapid.T) { r.reserve() },
		"why":       func(*rapid.T) { r.why() },
		"pause":     func(*rapid.T) { r.pause() },
		"position":  func(*rapid.T) { r.positions() },
		"hold":      func(*rapid.T) { r.hold() },
		"tick":      func(*rapid.T) { r.tick() },
		"tick2":     func(*rapid.T) { r.tick() },
		"lapse":     func(*rapid.T) { r.lapse() },
		"place":     func(*rapid.T) { r.place() },
		"place2":    func(*rapid.T) { r.place() },
		"put off":   func(*rapid.T) { r.putOff() },
		"":          func(*rapid.T) { r.check() },
	}
	t.Repeat(steps)
}

type run struct {
	t      *rapid.T
	ctx    context.Context
	rdb    redis.UniversalClient
	real   bool // rdb is a redis-server, which can be promoted
	book   *assign.Book
	policy assign.Policy
	model  *model
	now    time.Time
	epoch  int64
	rev    uint64                 // of the newest commit
	conf   uint64                 // of the newest settings
	log    map[string]assign.Item // newest item of every thread
	batch  *batch                 // commits that go to the book at once
}

var (
	agentIDs   = []string{"ana", "boris", "vera"}
	queueIDs   = []string{"front", "vip"}
	itemIDs    = []string{"1.a", "1.b", "1.c", "1.D", "2._e", "2.f"}
	presences  = []string{"AVAILABLE", "AVAILABLE", "AVAILABLE", "BUSY", "DO_NOT_DISTURB", "AWAY", "OFFLINE", "INACTIVE"}
	methods    = []assign.Method{assign.LeastActive, assign.HighestCapacity, assign.RoundRobin, assign.Custom}
	skillIDs   = []string{"bg", "de-at"}
	allClasses = []assign.Class{plain(1), plain(1), plain(1), plain(1), plain(1), plain(1), plain(1), plain(2),
		{Units: 1, Presences: "ABD"}, {Units: 1, Presences: "AB", Skills: []assign.Need{{Skill: "bg", Value: 3}}},
		{Units: 1, Presences: "AB", Skills: []assign.Need{{Skill: "bg", Value: 3}, {Skill: "de-at", Value: 1}}},
		{Units: 1, Presences: "AB", Closest: true, Skills: []assign.Need{{Skill: "bg", Value: 50}}},
		{Units: 2, Presences: "A", Closest: true, Skills: []assign.Need{{Skill: "bg", Value: 33}, {Skill: "de-at", Value: 60}}},
		{Presences: "AB", Profiles: []string{"vip"}}, {Units: 1, Presences: "AB", Profiles: []string{"chat", "vip"}}}
)

// plain is a class of units and nothing else.
func plain(units int32) assign.Class { return assign.Class{Units: units, Presences: "AB"} }

// drawClass is more often one that everybody meets.
func (r *run) drawClass() assign.Class { return draw(r, "class", allClasses) }

func draw[V any](r *run, label string, from []V) V { return rapid.SampledFrom(from).Draw(r.t, label) }

func (r *run) ms() int64 { return r.now.UnixMilli() }

func (r *run) same(what string, got, want any, err error) {
	if err != nil {
		r.t.Fatalf("%s: %v", what, err)
	}
	if !reflect.DeepEqual(want, got) {
		r.t.Fatalf("%s: -model +script\n%s", what, cmp.Diff(want, got))
	}
}

func (r *run) setUp() {
	for _, q := range queueIDs {
		r.setQueue(q)
	}
	for _, a := range agentIDs {
		r.setAgent(a, false)
		r.setPresence(a, assign.Presence{Now: "AVAILABLE", Source: draw(r, "source", []string{"AGENT", "SESSION"})})
	}
}

func (r *run) arrive() {
	key := draw(r, "item", itemIDs)
	old := r.log[key]
	if old.Key != "" && old.Phase != assign.Done {
		return
	}
	r.arriveAs(key, fmt.Sprint("c", r.rev+1), draw(r, "queue", queueIDs))
}

func (r *run) arriveAs(key, conversation, queue string) {
	r.rev++
	queued := r.ms() - int64(rapid.IntRange(0, 2).Draw(r.t, "age"))
	prefer := draw(r, "prefer", []string{"", "", "ana", "vera", "nobody"})
	r.apply(assign.Item{Key: key, Revision: r.rev, Conversation: conversation, Phase: assign.Waiting,
		Queue: queue, Class: r.drawClass(), Prefer: prefer, PreferUntilMS: draw(r, "until", []int64{0, r.ms() - 1, r.ms() + 10_000}),
		PickOnly: draw(r, "pick only", []bool{false, false, false, false, false, false, true}),
		Priority: draw(r, "priority", []int32{0, 0, 7, 1023}), QueuedMS: queued, SinceMS: queued - draw(r, "waited", []int64{0, 0, 0, 20_000}),
		OfferMS: 30_000})
}

// follow makes a commit that can follow the thread's last one.
func (r *run) follow() {
	key := draw(r, "item", itemIDs)
	next, ok := r.log[key]
	if !ok || next.Queue == "" {
		return
	}
	reserved := r.model.items[key]
	moves := []string{"bump"}
	switch next.Phase {
	case assign.Waiting:
		moves = append(moves, "close", "requeue", "needs")
		if reserved != nil && reserved.Phase == assign.Picking {
			moves = append(moves, "take", "take", "take")
		}
		if reserved != nil && reserved.Phase == assign.Offered && reserved.Revision == next.Revision {
			moves = append(moves, "offer", "offer", "offer", "offer")
		} else {
			moves = append(moves, "stale")
		}
	case assign.Offered:
		moves = append(moves, "accept", "accept", "wait", "wait", "close", "skip", "skip", "skip", "needs")
	case assign.Active:
		moves = append(moves, "end", "end", "park", "wait", "close", "needs")
	case assign.WrapUp:
		moves = append(moves, "close")
	case assign.Done:
		moves = append(moves, "wait", "resume")
	}
	r.rev++
	next.Revision = r.rev
	r.move(&next, reserved, draw(r, "move", moves))
	r.apply(next)
}

func (r *run) move(next *assign.Item, reserved *item, move string) {
	switch move {
	case "close", "park":
		next.Phase = assign.Done
	case "requeue":
		next.Queue, next.QueuedMS, next.SinceMS, next.Priority = draw(r, "queue", queueIDs), r.ms(), r.ms(), 7
	case "offer":
		next.Phase, next.Agent, next.Fence, next.DueMS = assign.Offered, reserved.Agent, reserved.Fence, r.ms()+next.OfferMS+deliveryMS
	case "stale":
		next.Phase, next.Agent, next.Fence, next.DueMS = assign.Offered, draw(r, "agent", agentIDs), 999, r.ms()+next.OfferMS
	case "accept":
		next.Phase, next.AssignedMS = assign.Active, r.ms()
	case "take":
		next.Phase, next.Agent, next.Fence, next.AssignedMS = assign.Active, reserved.Agent, 0, r.ms()
	case "skip": // the follower sees a later offer first
		next.Fence += 1000
	case "wait":
		if next.Phase != assign.Offered {
			next.SinceMS = r.ms()
		}
		next.Phase, next.Agent, next.Fence = assign.Waiting, "", 0
	case "end":
		next.Phase, next.DueMS = assign.WrapUp, draw(r, "due", []int64{0, r.ms() - 1, r.ms() + 4_000, r.ms() + 10_000})
	case "needs": // a person says which skills are needed (L73), or rules what it takes
		next.Class = r.drawClass()
	case "resume":
		next.Phase, next.Agent, next.Fence, next.AssignedMS = assign.Active, draw(r, "agent", agentIDs), 0, r.ms()
	}
}

// odd brings something that is old, or that nothing led to.
func (r *run) odd() {
	key := draw(r, "item", itemIDs)
	next, ok := r.log[key]
	if !ok || next.Queue == "" {
		return
	}
	if rapid.Bool().Draw(r.t, "old") {
		next.Revision -= uint64(rapid.IntRange(0, 1).Draw(r.t, "back"))
		next.Phase = draw(r, "phase", []assign.Phase{assign.Waiting, assign.Active, assign.Done})
		next.Agent = draw(r, "agent", agentIDs)
		want := r.model.apply(r.ms(), next, nothing, false)
		got, err := r.book.Apply(r.ctx, r.now, next)
		r.same("apply old", got, want, err)
		return
	}
	r.rev++
	next.Revision = r.rev
	next.Phase = draw(r, "phase", []assign.Phase{assign.Waiting, assign.Offered, assign.Active, assign.WrapUp, assign.Done})
	next.Agent, next.Fence = draw(r, "agent", agentIDs), int64(rapid.IntRange(1, 20).Draw(r.t, "fence"))
	r.apply(next)
}

func (r *run) apply(next assign.Item) {
	next.Highest = max(next.Highest, next.Fence)
	r.log[next.Key] = next
	want := r.model.apply(r.ms(), next, nothing, false)
	if r.batch != nil {
		r.batch.items, r.batch.want = append(r.batch.items, next), append(r.batch.want, want)
		return
	}
	got, err := r.book.Apply(r.ctx, r.now, next)
	r.same("apply", got, want, err)
}

// lapse empties Redis, or has it begin another history, and loads it from what
// the log holds.
func (r *run) lapse() {
	if rapid.IntRange(0, 3).Draw(r.t, "seldom") > 0 {
		return
	}
	var counted int64
	if r.real && rapid.Bool().Draw(r.t, "promote") {
		promote(r.ctx, r.t, r.rdb)
		counted = r.model.seq
	} else if err := r.rdb.FlushAll(r.ctx).Err(); err != nil {
		r.t.Fatalf("flush: %v", err)
	}
	if _, err := r.book.Tick(r.ctx, r.now, 1); !errors.Is(err, assign.ErrEpoch) {
		r.t.Fatalf("a book that is gone answers %v", err)
	}
	r.rebuild(counted)
	for len(r.model.tick(r.ms(), 100)) > 0 {
	}
	for range 1000 {
		due, err := r.book.Tick(r.ctx, r.now, 100)
		if err != nil {
			r.t.Fatalf("tick: %v", err)
		}
		if len(due) == 0 {
			return
		}
	}
	r.t.Fatalf("what is due never comes to an end")
}

// rebuild loads a new generation; the counter of the last one stands at counted.
func (r *run) rebuild(counted int64) {
	old := r.model
	m := newModel()
	m.seq, m.policy, m.clock = counted, r.policy, r.ms
	r.now = r.now.Add(time.Millisecond)
	var w assign.World
	for _, id := range slices.Sorted(maps.Keys(old.queues)) {
		q := old.queues[id]
		w.Queues = append(w.Queues, assign.Queue{ID: id, Revision: q.revision, Method: q.by, Priority: q.pri, Classes: []assign.Class{plain(1), plain(2)},
			Wait: time.Duration(q.wait) * time.Millisecond, HeadStart: time.Duration(q.ahead) * time.Millisecond})
	}
	w.Presences, w.Paused = map[string]assign.Presence{}, map[string]assign.Pause{}
	for id, q := range old.queues {
		if q.paused != (assign.Pause{}) {
			w.Paused[id], m.queue(id).paused = q.paused, q.paused
		}
	}
	for _, id := range slices.Sorted(maps.Keys(old.agents)) {
		if a := old.agents[id]; a.known {
			w.Agents = append(w.Agents, assign.Agent{ID: id, Revision: a.revision, Capacity: int32(a.tot), Queues: a.queues,
				Skills: a.skills, Profiles: a.profiles, DayMS: a.day, DawnMS: a.dawn})
			w.Presences[id] = assign.ParsePresence(assign.Presence{Now: a.pres, Was: a.was, Source: a.source, Status: a.status}.String())
		}
	}
	var highest int64
	keys := slices.Sorted(maps.Keys(r.log))
	w.Items = func(yield func(assign.Item, error) bool) {
		for _, key := range keys {
			if !yield(r.log[key], nil) {
				return
			}
		}
	}
	for _, q := range w.Queues {
		m.setQueue(q, r.ms())
	}
	for _, a := range w.Agents {
		m.setAgent(r.ms(), a, false, true, w.Presences[a.ID])
	}
	m.turnAbout(w.Agents, r.log)
	for _, key := range keys {
		highest = max(highest, r.log[key].Highest)
		if r.log[key].Phase != assign.Done {
			m.apply(r.ms(), r.log[key], nothing, true)
		}
	}
	m.remember(w.Agents, r.log)
	m.seq = max(m.seq, highest+headroom)
	m.newsOfALoad()
	epoch, err := r.book.Rebuild(r.ctx, r.now, w)
	if err != nil {
		r.t.Fatalf("rebuild: %v", err)
	}
	r.model, r.epoch = m, epoch
}

func (r *run) check() {
	for _, b := range r.model.broken() {
		r.t.Errorf("%s", b)
	}
	want, got := r.model.dump(), dump(r.ctx, r.t, r.rdb, r.epoch)
	if !maps.Equal(want, got) {
		r.t.Fatalf("state: -model +script\n%s", cmp.Diff(want, got))
	}
}
