// Package matching chooses agents for the conversations of queues that assign by
// rules (L60-L62). It is pure: who waits, who is there and the rules go in, and
// out comes who should get what. Nothing is taken by that: the book of
// reservations decides, and refuses what was chosen by something that has
// changed since.
package matching

import (
	"cmp"
	"maps"
	"math"
	"slices"

	"google.golang.org/protobuf/proto"

	"github.com/parley-desk/parley/pkg/rules"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
	"github.com/parley-desk/parley/services/distribution/internal/assign"
)

// Block is how many items of a queue are tried at once, from the first (L56).
const Block = 100

// told is how many agents a choice names.
const told = 5

// Item is a conversation that waits.
type Item struct {
	assign.Lined
	Sight    *rules.Sight
	Needs    []*threadv1.Need // skills in use
	Priority int32
	WroteMS  int64 // the customer, last
}

// Agent is somebody who may get one.
type Agent struct {
	*assign.Member
	Face *rules.Face
}

// Line is a queue and who waits in it, in any order.
type Line struct {
	Queue string
	Items []*Item
}

// World is all there is to choose by.
type World struct {
	Rules  *rules.Rules
	Enough int    // declines, in halves, after which an agent is not asked again
	Lines  []Line // those served first come first
	Agents []*Agent
	// Behind is, by queue, how many of those behind the first block were tried
	// before; the next are tried now.
	Behind map[string]int
}

// Choice is an agent for an item.
type Choice struct {
	Item         *Item
	Agent        *Agent
	Ready        int      // how many the rule found
	First        []string // the first of them
	Rule, Bucket string
}

// Outcome is what was chosen.
type Outcome struct {
	Choices []Choice // in the order in which they are to be carried out
	Behind  map[string]int
	More    bool // not all that wait were tried, though somebody has room
}

// Match chooses. Of every queue the first block is tried, and one block more of
// those behind it, another one each time: hundred conversations that nobody can
// take do not keep others waiting for ever.
func Match(w World) Outcome {
	m := &match{world: w, pool: map[string]*Agent{}, turn: math.MaxInt64 / 2, out: Outcome{Behind: map[string]int{}}}
	for _, a := range w.Agents {
		m.pool[a.ID] = a
	}
	for _, line := range w.Lines {
		m.line(line)
	}
	return m.out
}

type match struct {
	world World
	pool  map[string]*Agent // by id, as they are after what was chosen
	turn  int64
	out   Outcome
	room  map[string][]*Agent // of the queue at hand, by class
}

func (m *match) line(line Line) {
	m.room = map[string][]*Agent{}
	ranked := Rank(m.world.Rules, line)
	first := ranked[:min(len(ranked), Block)]
	m.try(line.Queue, first)
	rest := ranked[len(first):]
	if len(rest) == 0 || !m.anybody(line.Queue) {
		return
	}
	from := m.world.Behind[line.Queue]
	if from >= len(rest) {
		from = 0
	}
	block := rest[from:min(from+Block, len(rest))]
	next := from + len(block) - m.try(line.Queue, block)
	if next < len(rest) && from+len(block) < len(rest) {
		m.out.Behind[line.Queue], m.out.More = next, true
	}
}

// try looks for an agent for each item; it gives how many were found.
func (m *match) try(queue string, items []Ranked) (found int) {
	for _, i := range items {
		if c, ok := m.find(queue, i); ok {
			m.take(queue, c)
			found++
		}
	}
	return found
}

// anybody tells whether an agent of the queue could be offered anything: more
// need not be looked for when all are full.
func (m *match) anybody(queue string) bool {
	for _, a := range m.pool {
		if slices.Contains(a.Queues, queue) && a.Ready() && a.Room(assign.Class{}) && (a.Used < a.Units || len(a.Profiles) > 0) {
			return true
		}
	}
	return false
}

// able are the agents of the queue with room for a class, by id.
func (m *match) able(queue string, class assign.Class) []*Agent {
	key := class.String()
	found, known := m.room[key]
	if known {
		return found
	}
	for _, id := range slices.Sorted(maps.Keys(m.pool)) {
		if a := m.pool[id]; slices.Contains(a.Queues, queue) && a.Ready() && a.Room(class) {
			found = append(found, a)
		}
	}
	m.room[key] = found
	return found
}

// find goes through the steps with those who have not declined, and then with
// those who have, but not often enough (L62).
func (m *match) find(queue string, i Ranked) (Choice, bool) {
	var fresh, decliners []*Agent
	for _, a := range m.able(queue, i.Item.Class) {
		switch n := i.Item.Declines[a.ID]; {
		case n == 0:
			fresh = append(fresh, a)
		case n < m.world.Enough:
			decliners = append(decliners, a)
		}
	}
	if len(fresh)+len(decliners) == 0 {
		return Choice{}, false
	}
	_, steps := m.world.Rules.Steps(queue, i.Item.Sight)
	for _, group := range [][]*Agent{fresh, decliners} {
		for _, step := range steps {
			taken, _ := Takes(step, i.Item, group)
			if len(taken) == 0 {
				continue
			}
			first := firstOf(taken, i.Item, step.Order)
			c := Choice{Item: i.Item, Agent: first[0], Ready: len(taken), Rule: step.Name, Bucket: i.Bucket.Rule}
			for _, a := range first {
				c.First = append(c.First, a.ID)
			}
			return c, true
		}
	}
	return Choice{}, false
}

// Takes are those of some agents whom a step takes for an item, and how many it
// failed for.
func Takes(step rules.Step, i *Item, agents []*Agent) (taken []*Agent, failed int) {
	for _, a := range agents {
		ok, err := step.Takes(i.Sight, a.Face)
		switch {
		case err != nil:
			failed++
		case ok:
			taken = append(taken, a)
		}
	}
	return taken, failed
}

// take reckons with what was chosen.
func (m *match) take(queue string, c Choice) {
	m.out.Choices = append(m.out.Choices, c)
	m.turn++
	view := proto.CloneOf(c.Agent.Face.Agent)
	view.UnitsFree -= c.Item.Class.Units
	view.Conversations++
	for _, p := range c.Item.Class.Profiles {
		view.Places[p]--
	}
	m.pool[c.Agent.ID] = &Agent{c.Agent.Take(c.Item.Class, queue, m.turn), rules.NewFace(view)}
	clear(m.room)
}

// firstOf are the first of some agents, at most five, in order: fewest declines,
// then as the rule says, then idle longest.
func firstOf(agents []*Agent, i *Item, order configv1.AgentOrder) []*Agent {
	var first []*Agent
	for _, a := range agents {
		at, _ := slices.BinarySearchFunc(first, a, func(x, y *Agent) int { return compare(x, y, i, order) })
		if at < told {
			first = slices.Insert(first, at, a)[:min(len(first)+1, told)]
		}
	}
	return first
}

// compare tells who of two comes first.
func compare(x, y *Agent, i *Item, order configv1.AgentOrder) int {
	return cmp.Or(cmp.Compare(i.Declines[x.ID], i.Declines[y.ID]), byRule(x, y, i, order),
		cmp.Compare(x.Freed, y.Freed), cmp.Compare(x.Assigned, y.Assigned), cmp.Compare(x.ID, y.ID))
}

func byRule(x, y *Agent, i *Item, order configv1.AgentOrder) int {
	switch order {
	case configv1.AgentOrder_AGENT_ORDER_ROUND_ROBIN:
		return cmp.Compare(x.Turns[i.Queue], y.Turns[i.Queue])
	case configv1.AgentOrder_AGENT_ORDER_UNITS:
		return cmp.Compare(y.Units-y.Used, x.Units-x.Used)
	case configv1.AgentOrder_AGENT_ORDER_PROFILES:
		return cmp.Compare(left(y, i), left(x, i))
	case configv1.AgentOrder_AGENT_ORDER_PROFICIENCY:
		underX, overX := distance(x, i)
		underY, overY := distance(y, i)
		return cmp.Or(cmp.Compare(underX, underY), cmp.Compare(overX, overY))
	case configv1.AgentOrder_AGENT_ORDER_SKILLS:
		return cmp.Compare(count(y, i), count(x, i))
	case configv1.AgentOrder_AGENT_ORDER_LEAST_ACTIVE, configv1.AgentOrder_AGENT_ORDER_UNSPECIFIED:
	}
	return 0 // and idle longest decides
}

// left is how many conversations like this the agent's profiles allow; all the
// same when it counts in none.
func left(a *Agent, i *Item) int32 {
	least := int32(math.MaxInt32)
	for _, q := range a.Profiles {
		if slices.Contains(i.Class.Profiles, q.Profile) {
			least = min(least, q.Left())
		}
	}
	return least
}

// lacking is how much worse than the lowest level it is to lack a skill.
const lacking = 10

// distance is how far an agent's skills are below what is needed in all, and how
// far above, by where they lie on their scales.
func distance(a *Agent, i *Item) (under, over int32) {
	for _, need := range i.Needs {
		level := int32(-lacking)
		for _, s := range a.Skills {
			if s.Skill == need.GetSkill() {
				level = s.Level
			}
		}
		under += max(need.GetLevel()-level, 0)
		over += max(level-need.GetLevel(), 0)
	}
	return under, over
}

// count is how many of the skills needed the agent has.
func count(a *Agent, i *Item) (n int) {
	for _, need := range i.Needs {
		if slices.ContainsFunc(a.Skills, func(s assign.Rating) bool { return s.Skill == need.GetSkill() }) {
			n++
		}
	}
	return n
}
