package matching_test

import (
	"cmp"
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
	"github.com/parley-desk/parley/services/distribution/internal/assign"
	"github.com/parley-desk/parley/services/distribution/internal/matching"
)

// asked is a condition, in CEL and in Go.
type asked struct {
	when string
	is   func(i *naiveItem, a *naiveAgent) bool
}

type naiveItem struct {
	key      string
	queue    string
	gold     bool
	priority int32
	queued   int64
	wrote    int64
	units    int32
	profile  bool // counts in "chat"
	needs    int32
	declines map[string]int
}

type naiveAgent struct {
	id                           string
	pres                         string
	units, used, held            int32
	chat, chatUsed               int32 // chat 0: does not have the profile
	level                        int32 // 0: does not have the skill
	freed, assigned, front, back int64
	queues                       []string
}

var aboutAgents = []asked{
	{"", func(*naiveItem, *naiveAgent) bool { return true }},
	{`agent.presence == "available"`, func(_ *naiveItem, a *naiveAgent) bool { return a.pres == "AVAILABLE" }},
	{`agent.units_free > conversation.units`, func(i *naiveItem, a *naiveAgent) bool { return a.units-a.used > i.units }},
	{`agent.conversations < 2`, func(_ *naiveItem, a *naiveAgent) bool { return a.held < 2 }},
	{`"bg" in agent.skills && agent.skills["bg"] >= 5`, func(_ *naiveItem, a *naiveAgent) bool { return a.level >= 5 }},
	{`agent.skills["bg"] >= 3`, func(_ *naiveItem, a *naiveAgent) bool { return a.level >= 3 }}, // fails for who has none
	{`conversation.skills.all(s, s in agent.skills && agent.skills[s] >= conversation.skills[s])`, func(i *naiveItem, a *naiveAgent) bool {
		return i.needs == 0 || a.level >= i.needs
	}},
	{`agent.places["chat"] > 1`, func(_ *naiveItem, a *naiveAgent) bool { return a.chat-a.chatUsed > 1 }},
	{`variables.tier == "gold" || agent.id != "a1"`, func(i *naiveItem, a *naiveAgent) bool { return i.gold || a.id != "a1" }},
	{`false`, func(*naiveItem, *naiveAgent) bool { return false }},
}

var aboutItems = []asked{
	{`variables.tier == "gold"`, func(i *naiveItem, _ *naiveAgent) bool { return i.gold }},
	{`conversation.priority > 2`, func(i *naiveItem, _ *naiveAgent) bool { return i.priority > 2 }},
	{`variables.colour == "red"`, func(*naiveItem, *naiveAgent) bool { return false }}, // fails
	{``, func(*naiveItem, *naiveAgent) bool { return true }},
}

type naiveRule[O any] struct {
	asked
	order    O
	disabled bool
}

// naive is the specification: everything is looked at anew for every item.
type naive struct {
	buckets []naiveRule[configv1.ItemOrder]
	steps   []naiveRule[configv1.AgentOrder]
	turn    int64
}

func (n *naive) bucket(i *naiveItem) int {
	at := slices.IndexFunc(n.buckets, func(r naiveRule[configv1.ItemOrder]) bool { return !r.disabled && r.is(i, nil) })
	if at < 0 {
		return len(n.buckets)
	}
	return at
}

func (n *naive) before(x, y *naiveItem) int {
	b := n.bucket(x)
	if c := cmp.Compare(b, n.bucket(y)); c != 0 {
		return c
	}
	same := 0
	if b < len(n.buckets) {
		switch n.buckets[b].order {
		case configv1.ItemOrder_ITEM_ORDER_PRIORITY:
			same = cmp.Compare(y.priority, x.priority)
		case configv1.ItemOrder_ITEM_ORDER_LAST_MESSAGE:
			same = cmp.Compare(x.wrote, y.wrote)
		}
	}
	return cmp.Or(same, cmp.Compare(x.queued, y.queued), cmp.Compare(x.key, y.key))
}

// can tells what must hold whatever rules say.
func (n *naive) can(i *naiveItem, a *naiveAgent) bool {
	return a.pres != "OFFLINE" && a.pres != "INACTIVE" && slices.Contains(a.queues, i.queue) && (i.units == 0 || a.units-a.used >= i.units) &&
		(!i.profile || a.chat > a.chatUsed) && i.declines[a.id] < 6
}

func (n *naive) better(x, y *naiveAgent, i *naiveItem, order configv1.AgentOrder) int {
	turn := func(a *naiveAgent) int64 {
		if i.queue == "front" {
			return a.front
		}
		return a.back
	}
	far := func(a *naiveAgent) int32 { // below is worse than any above
		if i.needs == 0 {
			return 0
		}
		level := a.level * 10
		if a.level == 0 {
			level = -10
		}
		if d := level - i.needs*10; d >= 0 {
			return d
		}
		return 1000 + i.needs*10 - level
	}
	left := func(a *naiveAgent) int32 {
		if i.profile {
			return a.chat - a.chatUsed
		}
		return 0
	}
	has := func(a *naiveAgent) bool { return i.needs > 0 && a.level > 0 }
	by := 0
	switch order {
	case configv1.AgentOrder_AGENT_ORDER_ROUND_ROBIN:
		by = cmp.Compare(turn(x), turn(y))
	case configv1.AgentOrder_AGENT_ORDER_UNITS:
		by = cmp.Compare(y.units-y.used, x.units-x.used)
	case configv1.AgentOrder_AGENT_ORDER_PROFILES:
		by = cmp.Compare(left(y), left(x))
	case configv1.AgentOrder_AGENT_ORDER_PROFICIENCY:
		by = cmp.Compare(far(x), far(y))
	case configv1.AgentOrder_AGENT_ORDER_SKILLS:
		by = map[bool]int{true: 1}[has(y)] - map[bool]int{true: 1}[has(x)]
	}
	return cmp.Or(cmp.Compare(i.declines[x.id], i.declines[y.id]), by, cmp.Compare(x.freed, y.freed), cmp.Compare(x.assigned, y.assigned), cmp.Compare(x.id, y.id))
}

func (n *naive) choose(i *naiveItem, agents []*naiveAgent) (*naiveAgent, string) {
	for _, declined := range []bool{false, true} {
		for at, s := range n.steps {
			var found []*naiveAgent
			for _, a := range agents {
				if !s.disabled && n.can(i, a) && (i.declines[a.id] > 0) == declined && s.is(i, a) {
					found = append(found, a)
				}
			}
			if len(found) > 0 {
				return slices.MinFunc(found, func(x, y *naiveAgent) int { return n.better(x, y, i, s.order) }), fmt.Sprint("s", at)
			}
		}
	}
	return nil, ""
}

func (n *naive) match(items []*naiveItem, agents []*naiveAgent) (out []string) {
	for _, q := range []string{"front", "back"} {
		var line []*naiveItem
		for _, i := range items {
			if i.queue == q {
				line = append(line, i)
			}
		}
		slices.SortFunc(line, n.before)
		for _, i := range line {
			a, step := n.choose(i, agents)
			if a == nil {
				continue
			}
			n.turn++
			a.used, a.held, a.assigned = a.used+i.units, a.held+1, n.turn
			if q == "front" {
				a.front = n.turn
			} else {
				a.back = n.turn
			}
			if i.profile {
				a.chatUsed++
			}
			out = append(out, fmt.Sprintf("%s:%s by %s", i.key, a.id, step))
		}
	}
	return out
}

func drawNaive(t *rapid.T) (*naive, []*naiveItem, []*naiveAgent) {
	small := func(label string, most int) int { return rapid.IntRange(0, most).Draw(t, label) }
	n := &naive{turn: 1 << 40}
	for range small("buckets", 3) {
		n.buckets = append(n.buckets, naiveRule[configv1.ItemOrder]{rapid.SampledFrom(aboutItems).Draw(t, "bucket"), configv1.ItemOrder(small("order", 3)), small("off", 5) == 0})
	}
	for range small("steps", 4) {
		n.steps = append(n.steps, naiveRule[configv1.AgentOrder]{rapid.SampledFrom(aboutAgents).Draw(t, "step"), configv1.AgentOrder(small("order", 6)), small("off", 5) == 0})
	}
	var items []*naiveItem
	for k := range small("items", 8) {
		i := &naiveItem{key: fmt.Sprint("i", k), queue: rapid.SampledFrom([]string{"front", "front", "back"}).Draw(t, "queue"), gold: small("gold", 1) == 1,
			priority: int32(small("priority", 4)), queued: int64(small("queued", 3)), wrote: int64(small("wrote", 3)), units: int32(small("units", 2)),
			profile: small("profile", 3) == 0, needs: int32(small("needs", 8)), declines: map[string]int{}}
		if i.needs < 3 {
			i.needs = 0
		}
		for a := range 3 {
			if d := small("declines", 12); d < 7 {
				i.declines[fmt.Sprint("a", a)] = d
			}
		}
		items = append(items, i)
	}
	var agents []*naiveAgent
	for k := range small("agents", 5) {
		agents = append(agents, &naiveAgent{id: fmt.Sprint("a", k), pres: rapid.SampledFrom([]string{"AVAILABLE", "AVAILABLE", "BUSY", "AWAY", "OFFLINE", "INACTIVE"}).Draw(t, "presence"),
			units: int32(small("units", 4)), used: int32(small("used", 2)), held: int32(small("held", 2)), chat: int32(small("chat", 3)), level: int32(small("level", 9)),
			freed: int64(small("freed", 2)), assigned: int64(small("assigned", 2)), front: int64(small("front", 2)), back: int64(small("back", 2)),
			queues: rapid.SampledFrom([][]string{{"front"}, {"back"}, {"front", "back"}}).Draw(t, "queues")})
	}
	return n, items, agents
}

// The matcher chooses what the naive specification does; nobody goes over
// capacity, and nothing is given twice.
func TestMatchDoesWhatTheSpecificationSays(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n, items, agents := drawNaive(t)
		var b buckets
		for at, r := range n.buckets {
			b = append(b, &configv1.PrioritisationRule{Name: fmt.Sprint("b", at), When: r.when, Order: r.order, Disabled: r.disabled})
		}
		var s steps
		for at, r := range n.steps {
			s = append(s, &configv1.AssignmentRule{Name: fmt.Sprint("s", at), When: r.when, Order: r.order, Disabled: r.disabled})
		}
		d := house(s, b, nil)
		d.Queues["back"].Custom.Assignment, d.Queues["back"].Custom.Prioritisation = "whom", "first"
		var people []*matching.Agent
		for _, a := range agents {
			people = append(people, person(a.id, a.member))
		}
		var things []*matching.Item
		for _, i := range items {
			things = append(things, thing(d, i.key, i.state))
		}
		out := matching.Match(world(d, people, things...))
		sound(t, out, people)
		if got, want := told(out), join(n.match(items, agents)); got != want {
			t.Fatalf("chose  %s\nshould %s", got, want)
		}
	})
}

func join(all []string) string {
	out := ""
	for n, one := range all {
		if n > 0 {
			out += ", "
		}
		out += one
	}
	return out
}

// sound holds whatever the rules are.
func sound(t *rapid.T, out matching.Outcome, before []*matching.Agent) {
	given, used := map[string]bool{}, map[string]int32{}
	for _, c := range out.Choices {
		if given[c.Item.Key] {
			t.Fatalf("%s is given twice", c.Item.Key)
		}
		given[c.Item.Key] = true
		used[c.Agent.ID] += c.Item.Class.Units
	}
	for _, a := range before {
		if used[a.ID] > 0 && a.Used+used[a.ID] > a.Units {
			t.Fatalf("%s goes over its capacity", a.ID)
		}
	}
}

func (a *naiveAgent) member(m *assign.Member) {
	m.Presence, m.Units, m.Used, m.Conversations, m.Queues = a.pres, a.units, a.used, a.held, a.queues
	m.Freed, m.Assigned, m.Turns = a.freed, a.assigned, map[string]int64{"front": a.front, "back": a.back}
	if a.chat > 0 {
		m.Profiles = []assign.Quota{{Profile: "chat", Used: a.chatUsed, Limit: a.chat}}
	}
	if a.level > 0 {
		m.Skills = []assign.Rating{{Skill: "bg", Value: a.level, Level: a.level * 10}}
	}
}

func (i *naiveItem) state(s *threadv1.State, l *assign.Lined) {
	c := s.GetConversation()
	c.Queue, c.Priority, c.QueuedMs, c.Units = i.queue, i.priority, noon.UnixMilli()+i.queued, i.units
	s.WindowMs, c.Variables["tier"], l.Declines = noon.UnixMilli()+i.wrote, "iron", i.declines
	if i.gold {
		c.Variables["tier"] = "gold"
	}
	if i.profile {
		c.CapacityProfiles = []string{"chat"}
	}
	if i.needs > 0 {
		c.Skills = []*threadv1.Need{{Skill: "bg", Value: i.needs, Level: i.needs * 10}}
	}
}
