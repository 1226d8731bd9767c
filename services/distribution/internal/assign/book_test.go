package assign_test

import (
	"context"
	"fmt"
	"maps"
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
		rapid.Check(t, func(t *rapid.T) { compare(t, rdb, nil) })
	})
}

// compare is one run of the model test over scripts changed by edit.
func compare(t *rapid.T, rdb redis.UniversalClient, edit assign.Edit) {
	ctx := context.Background()
	if err := rdb.FlushAll(ctx).Err(); err != nil {
		t.Fatalf("flush: %v", err)
	}
	book, err := assign.NewBook(rdb, assign.Config{Group: "g", Lease: leaseMS * time.Millisecond,
		Grace: graceMS * time.Millisecond, Edit: edit})
	if err != nil {
		t.Fatalf("new book: %v", err)
	}
	r := &run{t: t, ctx: ctx, rdb: rdb, book: book, model: newModel(), now: time.UnixMilli(1_764_000_000_000),
		log: map[string]assign.Item{}}
	r.rebuild()
	r.setUp()
	steps := map[string]func(*rapid.T){
		"new":       func(*rapid.T) { r.arrive() },
		"follow":    func(*rapid.T) { r.follow() },
		"follow2":   func(*rapid.T) { r.follow() },
		"follow3":   func(*rapid.T) { r.follow() },
		"odd":       func(*rapid.T) { r.odd() },
		"agent":     func(*rapid.T) { r.agent() },
		"queue":     func(*rapid.T) { r.queue() },
		"presence":  func(*rapid.T) { r.presence() },
		"presence2": func(*rapid.T) { r.presence() },
		"heartbeat": func(*rapid.T) { r.heartbeat() },
		"answer":    func(*rapid.T) { r.answer() },
		"reject":    func(*rapid.T) { r.reject() },
		"reject2":   func(*rapid.T) { r.reject() },
		"hold":      func(*rapid.T) { r.hold() },
		"tick":      func(*rapid.T) { r.tick() },
		"tick2":     func(*rapid.T) { r.tick() },
		"rebuild":   func(*rapid.T) { r.wipe() },
		"":          func(*rapid.T) { r.check() },
	}
	t.Repeat(steps)
}

type run struct {
	t     *rapid.T
	ctx   context.Context
	rdb   redis.UniversalClient
	book  *assign.Book
	model *model
	now   time.Time
	epoch int64
	rev   uint64                 // of the newest commit
	conf  uint64                 // of the newest settings
	log   map[string]assign.Item // newest item of every thread
}

var (
	agentIDs  = []string{"ana", "boris", "vera"}
	queueIDs  = []string{"front", "vip"}
	itemIDs   = []string{"1.a", "1.b", "1.c", "1.D", "2._e", "2.f"}
	presences = []string{"AVAILABLE", "AVAILABLE", "AVAILABLE", "BUSY", "DO_NOT_DISTURB", "AWAY", "OFFLINE", "INACTIVE"}
	methods   = []assign.Method{assign.LeastActive, assign.HighestCapacity}
)

func draw[V any](r *run, label string, from []V) V { return rapid.SampledFrom(from).Draw(r.t, label) }

func (r *run) ms() int64 { return r.now.UnixMilli() }

func (r *run) same(what string, got, want any, err error) {
	if err != nil {
		r.t.Fatalf("%s: %v", what, err)
	}
	if d := cmp.Diff(want, got); d != "" {
		r.t.Fatalf("%s: -model +script\n%s", what, d)
	}
}

func (r *run) setUp() {
	for _, q := range queueIDs {
		r.setQueue(q)
	}
	for _, a := range agentIDs {
		r.setAgent(a, false)
		r.setPresence(a, "AVAILABLE")
	}
}

func (r *run) arrive() {
	key := draw(r, "item", itemIDs)
	old := r.log[key]
	if old.Key != "" && old.Phase != assign.Done {
		return
	}
	r.rev++
	r.apply(assign.Item{Key: key, Revision: r.rev, Conversation: fmt.Sprint("c", r.rev), Phase: assign.Waiting,
		Queue: draw(r, "queue", queueIDs), Units: draw(r, "units", []int32{1, 1, 1, 2}),
		Priority: draw(r, "priority", []int32{0, 0, 7, 1023}), QueuedMS: r.ms() - int64(rapid.IntRange(0, 2).Draw(r.t, "age")),
		OfferMS: 30_000})
}

// follow makes a commit that can follow the thread's last one.
func (r *run) follow() {
	key := draw(r, "item", itemIDs)
	next, ok := r.log[key]
	if !ok {
		return
	}
	reserved := r.model.items[key]
	moves := []string{"bump"}
	switch next.Phase {
	case assign.Waiting:
		moves = append(moves, "close", "requeue")
		if reserved != nil && reserved.Phase == assign.Offered && reserved.Revision == next.Revision {
			moves = append(moves, "offer", "offer", "offer", "offer")
		} else {
			moves = append(moves, "stale")
		}
	case assign.Offered:
		moves = append(moves, "accept", "accept", "wait", "wait", "close", "skip")
	case assign.Active:
		moves = append(moves, "end", "park", "wait", "close", "units")
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
		next.Queue, next.QueuedMS, next.Priority = draw(r, "queue", queueIDs), r.ms(), 7
	case "offer":
		next.Phase, next.Agent, next.Fence, next.DueMS = assign.Offered, reserved.Agent, reserved.Fence, r.ms()+next.OfferMS
	case "stale":
		next.Phase, next.Agent, next.Fence, next.DueMS = assign.Offered, draw(r, "agent", agentIDs), 999, r.ms()+next.OfferMS
	case "accept":
		next.Phase = assign.Active
	case "skip": // the follower sees a later offer first
		next.Fence += 1000
	case "wait":
		next.Phase, next.Agent, next.Fence = assign.Waiting, "", 0
	case "end":
		next.Phase, next.DueMS = assign.WrapUp, draw(r, "due", []int64{0, r.ms() - 1, r.ms() + 10_000})
	case "units":
		next.Units = 2
	case "resume":
		next.Phase, next.Agent, next.Fence = assign.Active, draw(r, "agent", agentIDs), 0
	}
}

// odd brings something that is old, or that nothing led to.
func (r *run) odd() {
	key := draw(r, "item", itemIDs)
	next, ok := r.log[key]
	if !ok {
		return
	}
	if rapid.Bool().Draw(r.t, "old") {
		next.Revision -= uint64(rapid.IntRange(0, 1).Draw(r.t, "back"))
		next.Phase = draw(r, "phase", []assign.Phase{assign.Waiting, assign.Active, assign.Done})
		next.Agent = draw(r, "agent", agentIDs)
		settle := rapid.Bool().Draw(r.t, "settle")
		want := r.model.apply(r.ms(), next, settle, false)
		got, err := r.book.Apply(r.ctx, r.now, next)
		if settle {
			got, err = r.book.Settle(r.ctx, r.now, next)
		}
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
	r.log[next.Key] = next
	want := r.model.apply(r.ms(), next, false, false)
	got, err := r.book.Apply(r.ctx, r.now, next)
	r.same("apply", got, want, err)
}

func (r *run) agent() {
	r.setAgent(draw(r, "agent", agentIDs), rapid.IntRange(0, 5).Draw(r.t, "gone") == 0)
}

func (r *run) setAgent(id string, gone bool) {
	r.conf++
	a := assign.Agent{ID: id, Revision: r.conf - uint64(rapid.IntRange(0, 1).Draw(r.t, "late"))}
	if gone {
		r.model.setAgent(r.ms(), a, true, false, assign.Presence{})
		r.same("drop agent", nil, nil, r.book.DropAgent(r.ctx, r.now, id, a.Revision))
		return
	}
	a.Capacity = int32(rapid.IntRange(0, 4).Draw(r.t, "capacity"))
	a.Queues = draw(r, "queues", [][]string{{"front"}, {"front", "vip"}, {"vip"}, {"front", "vip"}, nil})
	r.model.setAgent(r.ms(), a, false, false, assign.Presence{})
	r.same("set agent", nil, nil, r.book.SetAgent(r.ctx, r.now, a))
}

func (r *run) queue() { r.setQueue(draw(r, "queue", queueIDs)) }

func (r *run) setQueue(id string) {
	r.conf++
	q := assign.Queue{ID: id, Revision: r.conf, Method: draw(r, "method", methods),
		Priority: draw(r, "priority", []int32{0, 5}), Classes: []int32{1}}
	r.model.setQueue(q)
	r.same("set queue", nil, nil, r.book.SetQueue(r.ctx, r.now, q))
}

func (r *run) presence() { r.setPresence(draw(r, "agent", agentIDs), draw(r, "presence", presences)) }

func (r *run) setPresence(id, pres string) {
	want, wantOK := r.model.setAgentPresence(r.ms(), id, pres)
	got, ok, err := r.book.SetPresence(r.ctx, r.now, id, pres)
	r.same("presence", got, want, err)
	r.same("presence known", ok, wantOK, nil)
}

func (r *run) heartbeat() {
	ids := draw(r, "agents", [][]string{{"ana"}, {"boris", "vera"}, {"ana", "nobody", "vera"}})
	want := r.model.heartbeat(r.ms(), ids)
	got, err := r.book.Heartbeat(r.ctx, r.now, ids)
	r.same("heartbeat", got, want, err)
}

func (r *run) answer() {
	key := draw(r, "item", itemIDs)
	i := r.log[key]
	fence := i.Fence + int64(draw(r, "off", []int{0, 0, 0, 1}))
	reject := rapid.Bool().Draw(r.t, "reject")
	want := r.model.answer(r.ms(), key, fence, i.Agent, reject)
	got, err := r.book.Answer(r.ctx, r.now, key, fence, i.Agent, reject)
	r.same("answer", got, want, err)
}

// reject plays a declined or missed offer to its end, confirming it first.
func (r *run) reject() {
	key := draw(r, "item", itemIDs)
	next, reserved := r.log[key], r.model.items[key]
	if reserved == nil || reserved.Phase != assign.Offered {
		return
	}
	want := r.model.answer(r.ms(), key, reserved.Fence, reserved.Agent, true)
	got, err := r.book.Answer(r.ctx, r.now, key, reserved.Fence, reserved.Agent, true)
	r.same("reject", got, want, err)
	for _, phase := range []assign.Phase{assign.Offered, assign.Waiting} {
		r.rev++
		next.Revision, next.Phase, next.Agent, next.Fence = r.rev, phase, reserved.Agent, reserved.Fence
		next.DueMS = r.ms() + next.OfferMS
		if phase == assign.Waiting {
			next.Agent, next.Fence = "", 0
		}
		r.apply(next)
	}
}

func (r *run) hold() {
	next, ok := r.log[draw(r, "item", itemIDs)]
	if !ok {
		return
	}
	a := draw(r, "agent", agentIDs)
	want := r.model.hold(r.ms(), next, a)
	got, err := r.book.Hold(r.ctx, r.now, next, a)
	r.same("hold", got, want, err)
}

func (r *run) tick() {
	r.now = r.now.Add(time.Duration(draw(r, "pass", []int{0, 1, 5_000, 10_000, 21_000, 160_000})) * time.Millisecond)
	limit := draw(r, "limit", []int{1, 3, 100})
	want := r.model.tick(r.ms(), limit)
	got, err := r.book.Tick(r.ctx, r.now, limit)
	r.same("tick", got, want, err)
}

// wipe empties Redis and loads it from what the log holds.
func (r *run) wipe() {
	if rapid.IntRange(0, 3).Draw(r.t, "seldom") > 0 {
		return
	}
	if err := r.rdb.FlushAll(r.ctx).Err(); err != nil {
		r.t.Fatalf("flush: %v", err)
	}
	r.rebuild()
	for len(r.model.tick(r.ms(), 100)) > 0 {
	}
	for {
		due, err := r.book.Tick(r.ctx, r.now, 100)
		if err != nil {
			r.t.Fatalf("tick: %v", err)
		}
		if len(due) == 0 {
			return
		}
	}
}

func (r *run) rebuild() {
	old := r.model
	m := newModel()
	r.now = r.now.Add(time.Millisecond)
	var w assign.World
	for _, id := range slices.Sorted(maps.Keys(old.queues)) {
		q := old.queues[id]
		w.Queues = append(w.Queues, assign.Queue{ID: id, Revision: q.revision, Method: q.by, Priority: q.pri, Classes: []int32{1, 2}})
	}
	w.Presences = map[string]assign.Presence{}
	for _, id := range slices.Sorted(maps.Keys(old.agents)) {
		if a := old.agents[id]; a.known {
			w.Agents = append(w.Agents, assign.Agent{ID: id, Revision: a.revision, Capacity: int32(a.tot), Queues: a.queues})
			w.Presences[id] = assign.Presence{Now: a.pres, Was: a.was}
		}
	}
	var highest int64
	keys := slices.Sorted(maps.Keys(r.log))
	w.Items = func(yield func(assign.Loaded, error) bool) {
		for _, key := range keys {
			if !yield(assign.Loaded{Item: r.log[key], Fence: old.seq}, nil) {
				return
			}
		}
	}
	for _, q := range w.Queues {
		m.setQueue(q)
	}
	for _, a := range w.Agents {
		m.setAgent(r.ms(), a, false, true, w.Presences[a.ID])
	}
	for _, key := range keys {
		highest = old.seq
		if r.log[key].Phase != assign.Done {
			m.apply(r.ms(), r.log[key], false, true)
		}
	}
	m.seq = max(m.seq, highest+headroom)
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
	if d := cmp.Diff(r.model.dump(), dump(r.ctx, r.t, r.rdb, r.epoch)); d != "" {
		r.t.Fatalf("state: -model +script\n%s", d)
	}
}
