package assign_test

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/parley-desk/parley/services/distribution/internal/assign"
)

func (m *model) setAgent(now int64, s assign.Agent, gone, loading bool, p assign.Presence) {
	a := m.agent(s.ID)
	if a.set && a.revision > s.Revision {
		return
	}
	m.noteAgent(s.ID)
	for _, q := range s.Queues {
		if !slices.Contains(a.queues, q) {
			a.turns[q] = m.next()
		}
	}
	a.set, a.revision, a.tot, a.queues = true, s.Revision, int64(s.Capacity), s.Queues
	a.skills, a.profiles, a.day, a.dawn = s.Skills, s.Profiles, s.DayMS, s.DawnMS
	if gone {
		m.dropAgent(s.ID, now)
		return
	}
	a.known = true
	if _, running := m.timers["d:"+s.ID]; s.DayMS == 0 {
		delete(m.timers, "d:"+s.ID)
	} else if !running {
		m.timers["d:"+s.ID] = s.DayMS
	}
	if a.pres != "" {
		m.noteAgent(s.ID)
		m.settle(s.ID, false, now)
	} else {
		p.Now = cmp.Or(p.Now, "OFFLINE")
		m.setPresence(s.ID, p, now)
		if loading {
			m.timers["h:"+s.ID] = now + leaseMS
		}
	}
	if loading {
		m.timers["g:"+s.ID] = now
		return
	}
	m.matchAgent(s.ID, now)
}

// turnAbout gives agents, who have just joined, their turns by the log: each the
// one after all that are to come before.
func (m *model) turnAbout(agents []assign.Agent, log map[string]assign.Item) {
	type pair struct {
		agent, queue string
		last, turn   int64
	}
	var all []pair
	for _, a := range agents {
		for _, q := range a.Queues {
			p := pair{a.ID, q, 0, m.agents[a.ID].turns[q]}
			for _, i := range log {
				if i.Agent == a.ID && i.Queue == q {
					p.last = max(p.last, i.AssignedMS)
				}
			}
			all = append(all, p)
		}
	}
	for _, p := range all {
		turn := m.seq - int64(len(all)) + 1
		for _, o := range all {
			if o.last < p.last || o.last == p.last && o.turn < p.turn {
				turn++
			}
		}
		m.agents[p.agent].turns[p.queue] = turn
	}
}

// remember has agents, whom the book has just learned of, count for their day
// what by the log they got since it began, whether they have it still or not.
func (m *model) remember(agents []assign.Agent, log map[string]assign.Item) {
	for _, a := range agents {
		for _, l := range a.Profiles {
			if !l.Daily {
				continue
			}
			delete(m.agents[a.ID].counts, l.Profile)
			for key, i := range log {
				if i.Agent != a.ID || !slices.Contains(i.Class.Profiles, l.Profile) {
					continue
				}
				has := m.agents[a.ID].held[key]
				today := i.AssignedMS > 0 && i.AssignedMS >= a.DawnMS
				if has && (i.AssignedMS == 0 || today || i.Phase == assign.Offered) || !has && today && i.Phase != assign.Waiting && i.Phase != assign.Offered {
					m.agents[a.ID].counts[l.Profile]++
				}
			}
		}
	}
}

func (m *model) dropAgent(id string, now int64) {
	m.agent(id).known = false
	m.setPresence(id, assign.Presence{Now: "OFFLINE", Source: "SESSION"}, now)
	m.revoke(id, now)
	delete(m.timers, "h:"+id)
	delete(m.timers, "d:"+id)
	m.timers["l:"+id] = now
	for _, i := range m.listed("wa:" + id) {
		m.unlist(i)
		m.lineUp(i, now)
		m.matchItem(i, false, now)
	}
}

func (m *model) setQueue(s assign.Queue, now int64) {
	q := m.queue(s.ID)
	if q.set && q.revision > s.Revision {
		return
	}
	was, known := q.by, q.set
	q.set, q.revision, q.by, q.pri, q.wait = true, s.Revision, s.Method, s.Priority, s.Wait.Milliseconds()
	q.ahead = s.HeadStart.Milliseconds()
	switch {
	case known && was != q.by && (was == assign.Custom || q.by == assign.Custom):
		m.changeHands(s.ID, now)
	case known && was != q.by:
		m.noteMembers(s.ID)
	}
	for _, c := range s.Classes {
		m.ensureClass(s.ID, c, 0) // those of settings need no skill
	}
}

func (m *model) standing(id string) assign.Standing {
	a := m.agents[id]
	s := assign.Standing{Agent: id, Presence: a.pres, Used: int32(a.used), Capacity: int32(a.tot), SinceMS: a.since,
		Status: a.status, Source: a.source}
	for _, l := range a.profiles {
		s.Profiles = append(s.Profiles, assign.Load{Profile: l.Profile, Used: int32(a.counts[l.Profile]), Limit: l.Limit})
	}
	return s
}

func (m *model) setAgentPresence(now int64, id string, p assign.Presence) (assign.Standing, bool) {
	a := m.agents[id]
	if a == nil || !a.known {
		return assign.Standing{}, false
	}
	if a.pres == "OFFLINE" && a.was == "" && p.Now != "OFFLINE" {
		a.lr = 0
	}
	if p.Source == "SESSION" && p.Now == "AVAILABLE" && p.Status == "" {
		p.Now, p.Source = m.byLoad(id), "LOAD"
	}
	if a.pres != p.Now || a.was != "" || a.source != p.Source || a.status != p.Status {
		m.setPresence(id, p, now)
	}
	if p.Now == "OFFLINE" {
		m.revoke(id, now)
	} else {
		delete(m.timers, "l:"+id)
		m.timers["h:"+id] = now + leaseMS
		m.matchAgent(id, now)
	}
	return m.standing(id), true
}

func (m *model) heartbeat(now int64, ids []string) []assign.Standing {
	out := []assign.Standing{}
	for _, id := range ids {
		a := m.agents[id]
		if a == nil || !a.known {
			continue
		}
		if a.was != "" {
			m.comeBack(id, now)
			m.matchAgent(id, now)
		}
		delete(m.timers, "l:"+id)
		m.timers["h:"+id] = now + leaseMS
		out = append(out, m.standing(id))
	}
	return out
}

func (m *model) answer(now int64, key string, fence int64, agent string, reject bool) bool {
	i := m.items[key]
	if i == nil || i.Phase != assign.Offered || i.Fence != fence || i.Agent != agent {
		return false
	}
	if reject {
		i.mark = "REJECTED"
		m.timers["o:"+key] = now + retryMS
	}
	return true
}

func (m *model) hold(now int64, next assign.Item, agent string) bool {
	old := m.items[next.Key]
	if old != nil {
		if old.Phase == assign.Resuming && old.Agent == agent && old.Revision == next.Revision {
			return true
		}
		if old.Revision > next.Revision || old.Phase != assign.Done {
			return false
		}
	}
	i := &item{Item: next}
	i.Phase, i.Agent, i.Fence = assign.Resuming, agent, 0
	m.items[next.Key] = i
	delete(m.timers, "z:"+next.Key)
	m.timers["r:"+next.Key] = now + 2*retryMS
	m.take(agent, "", i)
	return true
}

func (m *model) pick(now int64, next assign.Item, agent string) assign.Picked {
	i := m.items[next.Key]
	switch {
	case i != nil && i.Phase == assign.Picking && i.Agent == agent && i.Revision == next.Revision:
		return assign.PickHeld
	case i == nil || i.Revision != next.Revision || i.Conversation != next.Conversation:
		return assign.PickMoved
	case i.Phase != assign.Waiting:
		return assign.PickBusy
	case !slices.Contains(m.peek(agent).queues, i.Queue):
		return assign.PickOutside
	case letter[m.peek(agent).pres] == "" || !strings.Contains(i.Class.Presences, letter[m.peek(agent).pres]):
		return assign.PickUnready
	case !m.peek(agent).room(i.Class):
		return assign.PickNoWay
	}
	for _, p := range i.Class.Profiles {
		if _, holds := m.peek(agent).limit(p); !holds {
			return assign.PickNoWay
		}
	}
	m.unlist(i)
	i.Phase, i.Agent, i.Fence = assign.Picking, agent, 0
	m.timers["r:"+next.Key] = now + 2*retryMS
	m.take(agent, i.Queue, i)
	return assign.PickHeld
}

func (m *model) show(now int64, key string, fence int64, agent string) int64 {
	i := m.items[key]
	if i == nil || i.Phase != assign.Offered || i.Fence != fence || i.Agent != agent || i.mark != "" {
		return 0
	}
	if i.shown == 0 {
		i.shown = now + i.OfferMS
		m.timers["o:"+key] = i.shown
	}
	return i.shown
}

func (m *model) tick(now int64, limit int) []assign.Intent {
	out := []assign.Intent{}
	var due []string
	timers := m.allTimers()
	for member, at := range timers {
		if at <= now {
			due = append(due, member)
		}
	}
	slices.SortFunc(due, func(x, y string) int {
		return cmp.Or(cmp.Compare(timers[x], timers[y]), cmp.Compare(x, y))
	})
	for _, member := range due[:min(len(due), limit)] {
		out = append(out, m.fire(now, member)...)
	}
	return out
}

func (m *model) fire(now int64, member string) []assign.Intent {
	kind, id := member[:1], member[2:]
	i := m.items[id]
	delete(m.timers, member)
	switch {
	case kind == "o" && i != nil && (i.Phase == assign.Offered || i.Phase == assign.Stale):
		i.mark = cmp.Or(i.mark, map[bool]string{true: "TIMED_OUT", false: "UNDELIVERED"}[i.shown > 0])
		m.timers[member] = now + retryMS
		return []assign.Intent{{Kind: assign.EndOffer, Item: id, Conversation: i.Conversation, Agent: i.Agent, Fence: i.Fence, Outcome: i.mark}}
	case kind == "u" && i != nil && i.Phase == assign.WrapUp:
		m.giveBack(i.Agent, i)
		i.Phase, i.declines, i.fifo = assign.Done, nil, 0
		m.timers["z:"+id] = now + oblivionMS
		m.settle(i.Agent, true, now)
		m.matchAgent(i.Agent, now)
	case kind == "h":
		m.timers["l:"+id] = now + graceMS
		if a := m.agent(id); a.pres != "" && a.pres != "OFFLINE" {
			m.lose(id, now)
			m.revoke(id, now)
		}
	case kind == "l":
		return m.leave(now, member, id)
	case kind == "r" && i != nil && (i.Phase == assign.Resuming || i.Phase == assign.Picking):
		m.timers[member] = now + retryMS
		return []assign.Intent{{Kind: assign.Resettle, Item: id, Conversation: i.Conversation, Agent: i.Agent}}
	case kind == "g":
		m.settle(id, false, now)
		m.matchAgent(id, now)
	case kind == "d":
		return m.newDay(id, now)
	case kind == "f" && i != nil && i.Phase == assign.Waiting:
		m.unlist(i)
		m.lineUp(i, now)
		m.matchItem(i, false, now)
	case kind == "c":
		q, class, _ := strings.Cut(id, ";")
		if len(m.listed("w:"+q+":"+class)) > 0 {
			m.timers[member] = now + unusedMS
		} else {
			delete(m.queue(q).classes, class)
		}
	case kind == "w":
		return m.waits(now, id)
	case kind == "x" && i != nil && inQueue(i.Phase):
		return m.overflow(now, i)
	case kind == "p":
		delete(m.places, id)
	case kind == "z" && i != nil && i.Phase == assign.Done:
		delete(m.items, id)
	}
	return nil
}

func (m *model) leave(now int64, member, id string) (out []assign.Intent) {
	a := m.agent(id)
	if a.was != "" {
		m.setPresence(id, assign.Presence{Now: "OFFLINE", Source: "LOST"}, now)
	}
	for _, key := range slices.Sorted(maps.Keys(a.held)) {
		if i := m.items[key]; i.Phase == assign.Active {
			m.timers[member] = now + retryMS
			out = append(out, assign.Intent{Kind: assign.Leave, Item: key, Conversation: i.Conversation, Agent: id, Fence: i.Fence})
		}
	}
	return out
}
