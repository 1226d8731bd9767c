package assign_test

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/parley-desk/parley/services/distribution/internal/assign"
)

// What the model knows of classes, capacity and presence.

const unusedMS = 86_400_000

// letter of a presence in a class.
var letter = map[string]string{"AVAILABLE": "A", "BUSY": "B", "DO_NOT_DISTURB": "D", "AWAY": "W"}

// far is how far an agent is from what a class needs; false when it does not
// meet it.
func (a *agent) far(c assign.Class) (int64, bool) {
	for _, p := range c.Profiles {
		if _, ok := a.limit(p); !ok {
			return 0, false
		}
	}
	var under, over int64
	for _, need := range c.Skills {
		n := slices.IndexFunc(a.skills, func(r assign.Rating) bool { return r.Skill == need.Skill })
		switch {
		case !c.Closest && (n < 0 || a.skills[n].Value < need.Value):
			return 0, false
		case c.Closest && n < 0:
			under += 10 + int64(need.Value)
		case c.Closest:
			under += max(int64(need.Value-a.skills[n].Level), 0)
			over += max(int64(a.skills[n].Level-need.Value), 0)
		}
	}
	if !c.Closest {
		return 0, true
	}
	up := func(part, whole int64) int64 { return (part*31 + whole - 1) / whole }
	n := int64(max(len(c.Skills), 1))
	return 32*up(under, 110*n) + up(over, 100*n), true
}

func (a *agent) limit(profile string) (assign.Limit, bool) {
	n := slices.IndexFunc(a.profiles, func(l assign.Limit) bool { return l.Profile == profile })
	if n < 0 {
		return assign.Limit{}, false
	}
	return a.profiles[n], true
}

func (a *agent) blocked() bool {
	return slices.ContainsFunc(a.profiles, func(l assign.Limit) bool { return l.Blocks && a.counts[l.Profile] >= int64(l.Limit) })
}

// room tells whether the agent may be given an item of the class now, its skills
// apart.
func (a *agent) room(c assign.Class) bool {
	if letter[a.pres] == "" || !strings.Contains(c.Presences, letter[a.pres]) || a.blocked() {
		return false
	}
	if c.Units > 0 && a.tot-a.used < int64(c.Units) {
		return false
	}
	for _, p := range c.Profiles {
		if l, ok := a.limit(p); ok && a.counts[p] >= int64(l.Limit) {
			return false
		}
	}
	return true
}

func (m *model) ready(q string, c assign.Class) []string {
	var out []string
	for id, a := range m.agents {
		if _, suits := a.far(c); suits && slices.Contains(a.queues, q) && a.room(c) {
			out = append(out, id)
		}
	}
	slices.SortFunc(out, func(x, y string) int {
		return cmp.Or(cmp.Compare(m.order(q, c, x), m.order(q, c, y)), cmp.Compare(x, y))
	})
	return out
}

func (m *model) order(q string, c assign.Class, id string) int64 {
	a := m.agents[id]
	turn, by := a.lr, m.queue(q).by
	if by == assign.RoundRobin {
		turn = a.turns[q]
	}
	if c.Closest && len(c.Skills) > 0 {
		far, _ := a.far(c)
		return far<<43 + turn
	}
	if by != assign.HighestCapacity {
		return turn
	}
	free := a.tot - a.used
	if c.Units == 0 {
		free = 8191
		for _, p := range c.Profiles {
			if l, ok := a.limit(p); ok {
				free = min(free, int64(l.Limit)-a.counts[p])
			}
		}
	}
	return (8191-max(min(free, 8191), 0))<<40 + a.la
}

func (m *model) ensureClass(q string, c assign.Class, now int64) {
	name := c.String()
	if m.custom(q) {
		c, name = assign.Class{}, "custom"
	}
	if _, known := m.queue(q).classes[name]; !known && name == "custom" {
		m.noteMembers(q)
	}
	if _, known := m.queue(q).classes[name]; !known && len(c.Skills) > 0 {
		m.timers["c:"+q+";"+name] = now + unusedMS
	}
	m.queue(q).classes[name] = c
}

func (a *agent) use(c assign.Class) {
	a.used += int64(c.Units)
	for _, p := range c.Profiles {
		a.counts[p]++
	}
}

func (a *agent) unuse(c assign.Class) {
	a.used -= int64(c.Units)
	for _, p := range c.Profiles {
		if l, _ := a.limit(p); !l.Daily {
			a.counts[p]--
		}
	}
}

func (m *model) take(a string, q string, i *item) int64 {
	seq := m.next()
	ag := m.agent(a)
	ag.use(i.Class)
	if ag.la = seq; q != "" {
		ag.turns[q] = seq
	}
	ag.held[i.Key] = true
	i.took = m.clock()
	m.noteAgent(a)
	return seq
}

func (m *model) giveBack(a string, i *item) {
	ag := m.agent(a)
	delete(ag.held, i.Key)
	ag.unuse(i.Class)
	ag.lr = m.next()
	if i.Phase != assign.Resuming { // which is of no queue yet
		m.rate(i.Queue, 't', m.clock()-i.took)
	}
	if i.Phase == assign.Active || i.Phase == assign.WrapUp {
		m.rate(i.Queue, 'n', 1)
	}
	m.noteAgent(a)
}

func (m *model) setPresence(a string, p assign.Presence, now int64) {
	ag := m.agent(a)
	if ag.pres != p.Now || ag.status != p.Status || ag.pres == "" {
		ag.since = now
	}
	ag.pres, ag.was, ag.source, ag.status = p.Now, p.Was, p.Source, p.Status
	m.noteAgent(a)
}

// byLoad is what an agent's load says, of what it has accepted.
func (m *model) byLoad(id string) string {
	a := m.agent(id)
	used, counts := a.used, maps.Clone(a.counts)
	for key := range a.held {
		if i := m.items[key]; i.Phase == assign.Offered {
			used -= int64(i.Class.Units)
			for _, p := range i.Class.Profiles {
				counts[p]--
			}
		}
	}
	idle, blocked, spent := used <= 0, false, 0
	for _, l := range a.profiles {
		idle = idle && counts[l.Profile] <= 0
		if counts[l.Profile] >= int64(l.Limit) {
			spent++
			blocked = blocked || l.Blocks
		}
	}
	full := used >= a.tot
	if n := len(a.profiles); n > 0 {
		full = spent == n && (a.tot == 0 || full)
	}
	switch {
	case idle:
		return "AVAILABLE"
	case full || blocked:
		return "DO_NOT_DISTURB"
	}
	return "BUSY"
}

func (m *model) settle(id string, turns bool, now int64) {
	a := m.agent(id)
	if a.source != "LOAD" && !(turns && (a.pres == "AVAILABLE" || a.pres == "BUSY")) {
		return
	}
	if pres := m.byLoad(id); pres != a.pres || a.source != "LOAD" {
		m.setPresence(id, assign.Presence{Now: pres, Source: "LOAD"}, now)
	}
}

func (m *model) lose(id string, now int64) {
	a := m.agent(id)
	was := a.pres
	if a.source == "LOAD" {
		was += "~"
	}
	m.setPresence(id, assign.Presence{Now: "OFFLINE", Was: was, Source: "LOST", Status: a.status}, now)
}

func (m *model) comeBack(id string, now int64) {
	a := m.agent(id)
	pres, load := strings.CutSuffix(a.was, "~")
	source := map[bool]string{true: "LOAD", false: "RETURNED"}[load]
	m.setPresence(id, assign.Presence{Now: pres, Source: source, Status: a.status}, now)
	m.settle(id, false, now)
}

// newDay lets what counted for the day count no more, once a day.
func (m *model) newDay(id string, now int64) []assign.Intent {
	a := m.agent(id)
	m.timers["d:"+id] = now + retryMS
	if !a.asked {
		a.asked = true
		for _, l := range a.profiles {
			if l.Daily {
				a.counts[l.Profile] = 0
			}
		}
		m.noteAgent(id)
		m.settle(id, false, now)
		m.matchAgent(id, now)
	}
	return []assign.Intent{{Kind: assign.NewDay, Agent: id}}
}

func (a *agent) line() string {
	var profiles, skills []string
	for _, l := range a.profiles {
		flags := map[bool]string{true: "b"}[l.Blocks] + map[bool]string{true: "e"}[l.Daily]
		profiles = append(profiles, fmt.Sprintf("%s.%d.%s", l.Profile, l.Limit, flags))
	}
	for _, s := range a.skills {
		skills = append(skills, fmt.Sprintf("%s.%d.%d", s.Skill, s.Value, s.Level))
	}
	line := fmt.Sprintf("tot %d used %d pres %s was %s since %d src %s st %s la %d lr %d sk %s pl %s", a.tot, a.used, a.pres, a.was,
		a.since, a.source, a.status, a.la, a.lr, strings.Join(skills, "+"), strings.Join(profiles, "+"))
	for _, q := range slices.Sorted(maps.Keys(a.turns)) {
		line += fmt.Sprintf(" rr:%s %d", q, a.turns[q])
	}
	for _, p := range slices.Sorted(maps.Keys(a.counts)) {
		line += fmt.Sprintf(" p:%s %d", p, a.counts[p])
	}
	return line + map[bool]string{true: " asked"}[a.asked]
}

func (m *model) why(i *item) assign.Why {
	w := assign.Why{Standing: map[assign.Phase]string{assign.Offered: assign.StandsOffered, assign.Stale: assign.StandsOffered,
		assign.Picking: assign.StandsPicked, assign.Resuming: assign.StandsPicked, assign.Active: assign.StandsHeld,
		assign.WrapUp: assign.StandsHeld, assign.Waiting: assign.StandsWaiting}[i.Phase], Queue: i.Queue, Agent: i.Agent}
	if i.Phase == assign.Resuming {
		w.Queue = ""
	}
	if i.Phase != assign.Waiting {
		return w
	}
	if i.late == over {
		w.Standing = assign.StandsLate
	}
	w.Method, w.Paused = string(m.queue(i.Queue).by), m.queue(i.Queue).paused
	w.Agent = ""
	if a, waited := strings.CutPrefix(i.list, "wa:"); waited {
		w.Agent = a
	}
	class := i.Class
	if m.custom(i.Queue) {
		class = bare(class)
	}
	for id, a := range m.agents {
		if !slices.Contains(a.queues, i.Queue) {
			continue
		}
		w.Members++
		if _, suits := a.far(class); suits && a.room(class) && i.declinedBy(id) < enough {
			w.Ready++
		}
	}
	for _, other := range m.items {
		if i.list != "" && strings.HasPrefix(other.list, "w:"+i.Queue+":") && m.score(other) < m.score(i) {
			w.Ahead++
		}
	}
	if w.Standing == assign.StandsWaiting && i.list == "" {
		w.Ahead = m.longer(i)
	}
	if w.Standing == assign.StandsWaiting && m.turnedDown(i) && w.Ready > 0 {
		w.Excluded = []assign.Exclusion{{Reason: assign.TurnedDown, Agents: w.Ready}}
	}
	return w
}
