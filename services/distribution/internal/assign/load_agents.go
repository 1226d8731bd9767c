package assign

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// staffer is an agent of whom the book has something.
type staffer struct {
	Agent
	known         bool // administrators set it
	daily         bool // a profile of it counts until the day ends
	presence      Presence
	since         int64
	used          int32
	offers        int
	assigned      int64
	held          []string
	turns, counts tally
	serves        []service
	wanted        int
	version       int
	limits        string
}

// service is a class that an agent could serve, and how far off the agent is.
type service struct {
	queue *newQueue
	class lined
	far   int64
}

func (l *load) agent(id string) *staffer {
	if l.agents[id] == nil {
		l.agents[id] = &staffer{Agent: Agent{ID: id}}
	}
	return l.agents[id]
}

// set does what agent.lua does.
func (l *load) set(of Agent, p Presence) {
	a := l.agent(of.ID)
	a.Agent, a.known, a.presence, a.since = of, true, p, l.now
	if p.Now == "" {
		a.presence.Now = "OFFLINE"
	}
	a.daily = slices.ContainsFunc(of.Profiles, func(l Limit) bool { return l.Daily })
	l.staff = append(l.staff, a)
	for _, id := range of.Queues {
		q := l.queue(id)
		l.turns = append(l.turns, turn{a, id})
		q.members = append(q.members, a)
		l.put("q:"+id+":a", of.ID)
		for _, k := range q.classes {
			a.meet(q, k)
		}
	}
	for _, s := range of.Skills {
		l.sort("sk:"+s.Skill, of.ID, int64(s.Value))
	}
	skills, profiles := of.terms()
	a.limits = profiles
	l.settings = append(l.settings, []any{l.root + "s:" + of.ID, "cr", of.Revision, "qs", strings.Join(of.Queues, ","), "sk", skills})
	l.presences = append(l.presences, of.ID, a.presence.String())
	l.put("as", of.ID)
	l.time("h:"+of.ID, l.now+l.lease)
	l.time("g:"+of.ID, l.now)
	if of.DayMS != 0 {
		l.time("d:"+of.ID, of.DayMS)
	}
}

// meet has an agent serve a class, if skills and profiles meet it.
func (a *staffer) meet(q *newQueue, k lined) {
	if far, ok := a.distance(k.Class); ok {
		a.serves = append(a.serves, service{q, k, far})
	}
}

// distance is how far an agent's skills are from what a class needs, 0 to 1023;
// false when they or the profiles do not meet it.
func (a *staffer) distance(c Class) (int64, bool) {
	for _, p := range c.Profiles {
		if _, ok := a.limit(p); !ok {
			return 0, false
		}
	}
	var under, over int64
	for _, need := range c.Skills {
		has := Rating{Value: -1, Level: -10}
		for _, s := range a.Skills {
			if s.Skill == need.Skill {
				has = s
			}
		}
		if !c.Closest && has.Value < need.Value {
			return 0, false
		}
		if off := int64(has.Level - need.Value); c.Closest {
			under, over = under+max(-off, 0), over+max(off, 0)
		}
	}
	n := int64(max(len(c.Skills), 1))
	return 32*up(under*31, 110*n) + up(over*31, 100*n), true
}

func up(part, whole int64) int64 { return (part + whole - 1) / whole }

func (a *staffer) limit(profile string) (Limit, bool) {
	for _, l := range a.Profiles {
		if l.Profile == profile {
			return l, true
		}
	}
	return Limit{}, false
}

// count takes places in the profiles of an item that the agent has, or, where the
// day counts, got today.
func (a *staffer) count(i Item) {
	earlier := 0 < i.AssignedMS && i.AssignedMS < a.DawnMS
	for _, p := range i.Class.Profiles {
		if l, _ := a.limit(p); l.Daily && !(earlier && i.Phase != Offered) || !l.Daily && i.Phase != Done {
			a.counts.set(p, a.counts.of(p)+1)
		}
	}
}

// index puts an agent into the ready lists.
func (l *load) index(a *staffer) {
	for _, s := range a.serves {
		switch {
		case s.class.name == lane:
			a.version++
			if a.version == 1 {
				l.put("cn", "a:"+a.ID)
			}
		case a.fits(s.class.Class):
			l.sort("r:"+s.queue.ID+":"+s.class.name, a.ID, a.order(s))
		}
	}
}

// fits tells whether an agent's presence allows a class, and there is room.
func (a *staffer) fits(c Class) bool {
	letter := letterOf(a.presence.Now)
	if letter == "" || !strings.Contains(c.Presences, letter) || c.Units > 0 && a.Capacity-a.used < c.Units {
		return false
	}
	for _, l := range a.Profiles {
		if l.Blocks && a.counts.of(l.Profile) >= int64(l.Limit) {
			return false
		}
	}
	for _, p := range c.Profiles {
		if l, held := a.limit(p); held && a.counts.of(p) >= int64(l.Limit) {
			return false
		}
	}
	return true
}

// order is by what an agent is found: lower comes first. Of nobody capacity was
// freed in this generation yet.
func (a *staffer) order(s service) int64 {
	since := int64(0)
	if s.queue.Method == RoundRobin {
		since = a.turns.of(s.queue.ID)
	}
	if s.class.Closest && len(s.class.Skills) > 0 {
		return s.far<<43 + since
	}
	if s.queue.Method != HighestCapacity {
		return since
	}
	free := int64(a.Capacity - a.used)
	if s.class.Units == 0 {
		free = fullest
		for _, p := range s.class.Profiles {
			if l, held := a.limit(p); held {
				free = min(free, int64(l.Limit)-a.counts.of(p))
			}
		}
	}
	return (fullest-max(0, min(free, fullest)))<<40 + a.assigned
}

// fullest is the most free capacity that makes a difference.
const fullest = 8191

// String is the agent in one line, as store.lua reads it.
func (a *staffer) String() string {
	var held, serves, more string
	if len(a.held) > 0 {
		held = "," + strings.Join(a.held, ",") + ","
	}
	for _, s := range a.serves {
		serves += s.queue.ID + ";" + s.class.name + ";" + strconv.FormatInt(s.far, 10) + ","
	}
	if a.version > 0 || a.wanted > 0 || len(a.counts) > 0 || a.limits != "" {
		more = fmt.Sprintf("%d;;%d;%s;%s", a.version, a.wanted, a.counts, a.limits)
	}
	since := ""
	if a.known {
		since = strconv.FormatInt(a.since, 10)
	}
	p := a.presence
	return strings.Join([]string{p.Now, p.Was, since, p.Source, p.Status, strconv.Itoa(int(a.used)), strconv.Itoa(a.offers),
		strconv.FormatInt(a.assigned, 10), "0", held, a.turns.String(), strconv.Itoa(int(a.Capacity)), serves, more}, "|")
}
