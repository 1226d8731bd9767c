package assign_test

import (
	"slices"
	"time"

	"pgregory.net/rapid"

	"github.com/parley-desk/parley/services/distribution/internal/assign"
)

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
	a.Skills = draw(r, "skills", [][]assign.Rating{nil, {{Skill: "bg", Value: 3, Level: 33}}, {{Skill: "bg", Value: 2, Level: 20}},
		{{Skill: "bg", Value: 7, Level: 80}, {Skill: "de-at", Value: 1}}, {{Skill: "de-at", Value: 5, Level: 50}}})
	a.Profiles = draw(r, "profiles", [][]assign.Limit{nil, nil, {{Profile: "vip", Limit: 1}}, {{Profile: "chat", Limit: 2}, {Profile: "vip", Limit: 1, Blocks: true}},
		{{Profile: "chat", Limit: 1, Daily: true}, {Profile: "vip", Limit: 2, Daily: true}}})
	a.DayMS = draw(r, "day", []int64{0, 0, r.ms() + 7_000})
	a.DawnMS = draw(r, "dawn", []int64{0, r.ms() - 20_000, r.ms() + 1})
	r.model.setAgent(r.ms(), a, false, false, assign.Presence{})
	r.same("set agent", nil, nil, r.book.SetAgent(r.ctx, r.now, a))
}

func (r *run) queue() { r.setQueue(draw(r, "queue", queueIDs)) }

func (r *run) setQueue(id string) {
	r.conf++
	q := assign.Queue{ID: id, Revision: r.conf, Method: draw(r, "method", methods),
		Priority: draw(r, "priority", []int32{0, 3, 5}), Classes: []assign.Class{plain(1)}, HeadStart: draw(r, "head start", []time.Duration{0, 0, time.Second}),
		Wait: draw(r, "wait", []time.Duration{0, 12 * time.Second, time.Minute})}
	r.model.setQueue(q, r.ms())
	r.same("set queue", nil, nil, r.book.SetQueue(r.ctx, r.now, q))
}

func (r *run) presence() {
	r.setPresence(draw(r, "agent", agentIDs), assign.Presence{Now: draw(r, "presence", presences),
		Source: draw(r, "source", []string{"AGENT", "SESSION", "SUPERVISOR"}), Status: draw(r, "status", []string{"", "", "lunch"})})
}

func (r *run) setPresence(id string, p assign.Presence) {
	want, wantOK := r.model.setAgentPresence(r.ms(), id, p)
	got, ok, err := r.book.SetPresence(r.ctx, r.now, id, p)
	r.same("presence", got, want, err)
	r.same("presence known", ok, wantOK, nil)
}

func (r *run) heartbeat() {
	r.beat(draw(r, "agents", [][]string{{"ana"}, {"boris", "vera"}, {"ana", "nobody", "vera"}}))
}

func (r *run) beat(ids []string) {
	want := r.model.heartbeat(r.ms(), ids)
	got, err := r.book.Heartbeat(r.ctx, r.now, ids)
	r.same("heartbeat", got, want, err)
}

func (r *run) roster() {
	ids := []string{"vera", "nobody", "ana"}
	want := []assign.Standing{}
	for _, id := range ids {
		if a := r.model.agents[id]; a != nil && a.known {
			want = append(want, r.model.standing(id))
		}
	}
	got, err := r.book.Roster(r.ctx, r.now, ids)
	r.same("roster", got, want, err)
}

// why holds what people are told against what the model decides by.
func (r *run) why() {
	key := draw(r, "item", itemIDs)
	got, err := r.book.Why(r.ctx, r.now, key)
	i := r.model.items[key]
	want := assign.Why{Standing: assign.StandsUnknown}
	if i != nil && i.Phase != assign.Done {
		want = r.model.why(i)
	}
	var told int32
	for _, e := range got.Excluded {
		if told += e.Agents; e.Reason == assign.Reserved || e.Reason == assign.TurnedDown {
			told -= e.Agents
		}
	}
	if told+got.Ready != got.Members {
		r.t.Errorf("of %d members %d are ready and %v excluded", got.Members, got.Ready, got.Excluded)
	}
	got.Excluded = slices.DeleteFunc(got.Excluded, func(e assign.Exclusion) bool { return e.Reason != assign.TurnedDown })
	if len(got.Excluded) == 0 {
		got.Excluded = nil
	}
	got.Class, got.Wait = "", 0
	r.same("why", got, want, err)
}

func (r *run) day() {
	id, end := draw(r, "agent", agentIDs), r.ms()+draw(r, "in", []int64{1, 30_000})
	if a := r.model.peek(id); a.known {
		a.asked = false
		r.model.timers["d:"+id] = end
	}
	r.same("day", nil, nil, r.book.SetDay(r.ctx, r.now, id, time.UnixMilli(end)))
}

// show has a desk show an offer, made or only proposed; sometimes another one.
func (r *run) show() {
	key := draw(r, "item", itemIDs)
	i := r.model.items[key]
	if i == nil {
		return
	}
	fence, agent := i.Fence+int64(draw(r, "off", []int{0, 0, 0, 0, 1})), draw(r, "whose", []string{i.Agent, i.Agent, i.Agent, "vera"})
	r.showAs(key, fence, agent)
	if draw(r, "by another tab", []bool{true, false}) {
		r.pass(1_000)
		r.showAs(key, fence, agent)
	}
}

func (r *run) showAs(key string, fence int64, agent string) {
	want := r.model.show(r.ms(), key, fence, agent)
	got, err := r.book.Shown(r.ctx, r.now, key, fence, agent)
	until := int64(0)
	if !got.IsZero() {
		until = got.UnixMilli()
	}
	r.same("shown", until, want, err)
}

func (r *run) pick() {
	next, ok := r.log[draw(r, "item", itemIDs)]
	if !ok {
		return
	}
	next.Revision -= uint64(draw(r, "back", []int{0, 0, 0, 0, 1}))
	a := draw(r, "agent", agentIDs)
	want := r.model.pick(r.ms(), next, a)
	got, err := r.book.Pick(r.ctx, r.now, next, a)
	r.same("pick", got, want, err)
}

func (r *run) answer() {
	key := draw(r, "item", itemIDs)
	i := r.log[key]
	fence := i.Fence + int64(draw(r, "off", []int{0, 0, 0, 1}))
	r.answerAs(key, fence, i.Agent, rapid.Bool().Draw(r.t, "reject"))
}

func (r *run) answerAs(key string, fence int64, agent string, reject bool) {
	want := r.model.answer(r.ms(), key, fence, agent, reject)
	got, err := r.book.Answer(r.ctx, r.now, key, fence, agent, reject)
	r.same("answer", got, want, err)
}

// batch is commits that go to the book at once.
type batch struct {
	items []assign.Item
	want  []assign.Phase
}

// together brings commits of several threads, or of one, in one go.
func (r *run) together() {
	r.batch = &batch{}
	for range draw(r, "commits", []int{1, 2, 4, 8}) {
		if draw(r, "fresh", []bool{true, false, false}) {
			r.arrive()
		} else {
			r.follow()
		}
	}
	b := r.batch
	r.batch = nil
	got, err := r.book.ApplyAll(r.ctx, r.now, b.items, nil)
	r.same("apply all", got, b.want, err)
}

// turnDown plays offers of an item to their end, each confirmed and then
// declined or missed.
func (r *run) turnDown() {
	key := draw(r, "item", itemIDs)
	for range draw(r, "times", []int{1, 1, 2, 5, 10}) {
		next, reserved := r.log[key], r.model.items[key]
		if reserved == nil || reserved.Phase != assign.Offered {
			return
		}
		r.rev++
		next.Revision, next.Phase, next.Agent, next.Fence = r.rev, assign.Offered, reserved.Agent, reserved.Fence
		next.DueMS = r.ms() + next.OfferMS + deliveryMS
		r.apply(next)
		if draw(r, "missed", []bool{false, false, true}) {
			if draw(r, "seen", []bool{true, true, false}) {
				r.showAs(key, next.Fence, next.Agent)
			}
			r.pass(next.OfferMS)
			r.beat(agentIDs)
			r.fire(100)
		} else {
			r.answerAs(key, next.Fence, next.Agent, true)
		}
		next = r.log[key]
		r.rev++
		next.Revision, next.Phase, next.Agent, next.Fence = r.rev, assign.Waiting, "", 0
		r.apply(next)
	}
}

// refuse brings the thread's no to an offer on the revision it was made on, or
// the end of a hold.
func (r *run) refuse() {
	key := draw(r, "item", itemIDs)
	next, ok := r.log[key]
	if !ok {
		return
	}
	fence := int64(draw(r, "other", []int{0, 1, 7}))
	if reserved := r.model.items[key]; reserved != nil && fence == 0 {
		fence = reserved.Fence
	}
	next.Revision -= uint64(draw(r, "back", []int{0, 0, 1}))
	want := r.model.apply(r.ms(), next, fence, false)
	got, err := r.book.Settle(r.ctx, r.now, next, fence)
	r.same("settle", got, want, err)
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
	r.pass(draw(r, "pass", []int64{0, 1, 5_000, 10_000, 21_000, 160_000, 16 * 60_000, 90_000_000}))
	r.fire(draw(r, "limit", []int{1, 3, 100}))
}

func (r *run) pass(ms int64) { r.now = r.now.Add(time.Duration(ms) * time.Millisecond) }

func (r *run) fire(limit int) {
	want := r.model.tick(r.ms(), limit)
	got, err := r.book.Tick(r.ctx, r.now, limit)
	r.same("tick", got, want, err)
}
