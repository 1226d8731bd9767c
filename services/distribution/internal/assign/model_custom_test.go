package assign_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/parley-desk/parley/services/distribution/internal/assign"
)

// What the model knows of queues that assign by rules.

// bare is what of a class counts where rules choose.
func bare(c assign.Class) assign.Class {
	return assign.Class{Units: c.Units, Profiles: c.Profiles, Presences: "ABDW"}
}

func (m *model) custom(q string) bool { return m.queues[q] != nil && m.queues[q].by == assign.Custom }

// noteAgent has whoever knows the rules hear of an agent, if one of the agent's
// queues assigns by rules.
func (m *model) noteAgent(id string) {
	if slices.ContainsFunc(m.agent(id).queues, m.custom) {
		m.news["a:"+id] = true
	}
}

func (m *model) noteMembers(q string) {
	for id, a := range m.agents {
		if slices.Contains(a.queues, q) {
			m.noteAgent(id)
		}
	}
}

func (m *model) noteItem(i *item) {
	if strings.HasPrefix(i.list, "w:") && strings.HasSuffix(i.list, ":custom") {
		m.news["i:"+i.Key] = true
	}
}

// newsOfALoad is everything.
func (m *model) newsOfALoad() {
	m.news = map[string]bool{}
	for id := range m.agents {
		m.noteAgent(id)
	}
	for _, i := range m.items {
		m.noteItem(i)
	}
}

// changeHands lines up anew all who wait in a queue when rules begin or end to
// count there; agents are looked at soon.
func (m *model) changeHands(q string, now int64) {
	m.queue(q).classes = map[string]assign.Class{}
	for _, i := range m.inside(q) {
		if strings.HasPrefix(i.list, "w:") {
			m.ensureClass(q, i.Class, now)
			m.unlist(i)
			m.lineUp(i, now)
		}
	}
	for id, a := range m.agents {
		if slices.Contains(a.queues, q) {
			m.timers["g:"+id] = now
		}
	}
}

func (m *model) reserve(r assign.Reservation, fresh bool) assign.Verdict {
	i, a := m.items[r.Item], m.peek(r.Agent)
	switch {
	case i == nil || i.Phase != assign.Waiting || i.Revision != r.Revision || i.Conversation != r.Conversation || i.list != "w:"+i.Queue+":custom" || m.paused(i.Queue):
		return assign.ReserveMoved
	case !slices.Contains(a.queues, i.Queue) || letter[a.pres] == "" || !fresh:
		return assign.ReserveOther
	case !a.room(bare(i.Class)):
		return assign.ReserveFull
	}
	for _, p := range i.Class.Profiles {
		if _, holds := a.limit(p); !holds {
			return assign.ReserveFull
		}
	}
	if i.declinedBy(r.Agent) >= enough {
		return assign.ReserveUnwelcome
	}
	m.propose(i, r.Agent, "custom", fmt.Sprint(r.Ready, " ", strings.Join(r.First, ","), " ", r.Rule, " ", r.Bucket))
	return assign.ReservedIt
}

// takeNews takes what is new, and looks at it as the matcher would.
func (r *run) takeNews() {
	agents, items, err := r.book.News(r.ctx, r.epoch, 1000)
	got := map[string]bool{}
	for _, a := range agents {
		got["a:"+a] = true
	}
	for _, i := range items {
		got["i:"+i] = true
	}
	r.same("news", got, r.model.news, err)
	r.model.news = map[string]bool{}
	for _, q := range queueIDs {
		var want []string
		for _, i := range r.model.listed("w:" + q + ":custom") {
			want = append(want, i.Key)
		}
		lined, err := r.book.LinedUp(r.ctx, r.epoch, q)
		r.same("lined up", fmt.Sprint(lined), fmt.Sprint(want), err)
	}
	lined, err := r.book.Lined(r.ctx, r.epoch, itemIDs)
	var told, want []string
	for _, l := range lined {
		told = append(told, fmt.Sprint(l.Key, l.Conversation, l.Revision, l.Queue, l.Class, l.QueuedMS, l.Place, l.Declines))
	}
	for _, key := range itemIDs {
		if i := r.model.items[key]; i != nil && strings.HasSuffix(i.list, ":custom") {
			declines := map[string]int{}
			for _, d := range i.declines {
				declines[d.agent] = d.n
			}
			want = append(want, fmt.Sprint(i.Key, i.Conversation, i.Revision, i.Queue, bare(i.Class), i.QueuedMS, i.wk, declines))
		}
	}
	r.same("lined", told, want, err)
}

// members reads an agent and holds it against the model's.
func (r *run) member(id string) *assign.Member {
	found, err := r.book.Members(r.ctx, r.epoch, []string{id})
	if err != nil || len(found) > 1 || (len(found) == 1) != r.model.peek(id).set {
		r.t.Fatalf("agent %s: %d are found, %v", id, len(found), err)
	}
	if len(found) == 0 {
		return nil
	}
	m, a := found[0], r.model.agents[id]
	got := fmt.Sprint(m.Presence, m.Status, m.Units, m.Used, m.Conversations, m.Assigned, m.Freed, m.Queues)
	r.same("member", got, fmt.Sprint(a.pres, a.status, a.tot, a.used, len(a.held), a.la, a.lr, a.queues), nil)
	for _, c := range allClasses {
		held := !slices.ContainsFunc(c.Profiles, func(p string) bool { _, has := a.limit(p); return !has })
		if m.Ready() {
			r.same("room for "+c.String(), m.Room(c), a.room(bare(c)) && held, nil)
		}
	}
	return m
}

// reserve has rules choose somebody, sometimes wrongly; and then once more by
// what was known before.
func (r *run) reserve() {
	key, id := draw(r, "item", itemIDs), draw(r, "agent", agentIDs)
	waiting := slices.Sorted(maps.Keys(r.model.items))
	waiting = slices.DeleteFunc(waiting, func(k string) bool { return !strings.HasSuffix(r.model.items[k].list, ":custom") })
	if len(waiting) > 0 && draw(r, "sensibly", []bool{true, true, true, false}) {
		key = draw(r, "waiting", waiting)
	}
	m, next := r.member(id), r.log[key]
	if m == nil || next.Key == "" {
		return
	}
	fresh := draw(r, "fresh", []bool{true, true, true, true, false})
	wish := assign.Reservation{Item: key, Conversation: draw(r, "conversation", []string{next.Conversation, next.Conversation, next.Conversation, "other"}),
		Revision: next.Revision - uint64(draw(r, "back", []int{0, 0, 0, 0, 1})), Agent: id, Version: m.Version, Ready: 2, First: []string{id, "x"}, Rule: "whom/near", Bucket: "first/gold"}
	if !fresh {
		wish.Version += "7"
	}
	if got := r.reserveAs(wish, fresh); got != assign.ReservedIt {
		return
	}
	for _, other := range waiting {
		again := r.log[other]
		wish.Item, wish.Conversation, wish.Revision = other, again.Conversation, again.Revision
		r.reserveAs(wish, false)
	}
}

func (r *run) reserveAs(wish assign.Reservation, fresh bool) assign.Verdict {
	want := r.model.reserve(wish, fresh)
	got, version, err := r.book.Reserve(r.ctx, r.now, wish)
	r.same("reserve", got, want, err)
	if got == assign.ReservedIt && version != r.member(wish.Agent).Version {
		r.t.Fatalf("the agent's version is told as %s", version)
	}
	return got
}
