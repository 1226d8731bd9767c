package matching_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/parley-desk/parley/pkg/directory"
	"github.com/parley-desk/parley/pkg/rules"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
	routingv1 "github.com/parley-desk/parley/proto/gen/parley/routing/v1"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
	"github.com/parley-desk/parley/services/distribution/internal/assign"
	"github.com/parley-desk/parley/services/distribution/internal/matching"
)

var noon = time.UnixMilli(1_764_000_000_000)

func meta(id string) *configv1.Meta { return &configv1.Meta{Id: id} }

type (
	steps      = []*configv1.AssignmentRule
	buckets    = []*configv1.PrioritisationRule
	selections = []*configv1.Selection
)

// house has the queue "front" with these rules, and "back" with none of its own.
func house(s steps, b buckets, sel selections, more ...directory.Resource) *directory.Snapshot {
	by := configv1.Assignment_ASSIGNMENT_CUSTOM
	return directory.NewSnapshot(append(more, &configv1.Workstream{Meta: meta("care"), Variables: []*configv1.Variable{{Name: "tier"}}},
		&configv1.Ruleset{Meta: meta("first"), Prioritise: b}, &configv1.Ruleset{Meta: meta("whom"), Assign: s},
		&configv1.Ruleset{Meta: meta("gold"), Assign: steps{{Name: "all", Order: configv1.AgentOrder_AGENT_ORDER_UNITS}}},
		&configv1.Queue{Meta: meta("front"), Assignment: by, Custom: &configv1.CustomAssignment{Prioritisation: "first", Assignment: "whom", Selections: sel}},
		&configv1.Queue{Meta: meta("back"), Assignment: by, Custom: &configv1.CustomAssignment{Assignment: "gold"}})...)
}

// thing is a conversation for tests; more changes it.
func thing(d *directory.Snapshot, key string, more func(*threadv1.State, *assign.Lined)) *matching.Item {
	s := &threadv1.State{Page: "1", Psid: key, WindowMs: noon.UnixMilli(), Conversation: &threadv1.Conversation{Id: "c" + key, Workstream: "care",
		Queue: "front", Phase: threadv1.Phase_PHASE_OPEN, Units: 1, QueuedMs: noon.UnixMilli(), Variables: map[string]string{}}}
	l := assign.Lined{Key: key, Place: key, Declines: map[string]int{}}
	if more != nil {
		more(s, &l)
	}
	c := s.GetConversation()
	l.Queue, l.QueuedMS, l.Class = c.GetQueue(), c.GetQueuedMs(), assign.Class{Units: c.GetUnits(), Presences: "ABDW", Profiles: c.GetCapacityProfiles()}
	return &matching.Item{Lined: l, Sight: rules.See(d, s, noon), Needs: c.GetSkills(), Priority: c.GetPriority(), WroteMS: s.GetWindowMs()}
}

// person is an agent of both queues with 10 units; more changes it.
func person(id string, more func(*assign.Member)) *matching.Agent {
	m := &assign.Member{ID: id, Presence: "AVAILABLE", Units: 10, Queues: []string{"front", "back"}, Turns: map[string]int64{}}
	if more != nil {
		more(m)
	}
	view := &routingv1.Agent{Id: id, Presence: rules.Presence(m.Presence), Status: m.Status, Units: m.Units, UnitsFree: m.Units - m.Used,
		Places: map[string]int32{}, Skills: map[string]int32{}, Queues: m.Queues, Working: true, Conversations: m.Conversations}
	for _, q := range m.Profiles {
		view.Places[q.Profile] = q.Left()
	}
	for _, s := range m.Skills {
		view.Skills[s.Skill] = s.Value
	}
	return &matching.Agent{Member: m, Face: rules.NewFace(view)}
}

func world(d *directory.Snapshot, agents []*matching.Agent, items ...*matching.Item) matching.World {
	w := matching.World{Rules: rules.New(d), Enough: 6, Agents: agents, Behind: map[string]int{}}
	for _, q := range []string{"front", "back"} {
		line := matching.Line{Queue: q}
		for _, i := range items {
			if i.Queue == q {
				line.Items = append(line.Items, i)
			}
		}
		w.Lines = append(w.Lines, line)
	}
	return w
}

// told are choices as "item:agent by rule", in order.
func told(out matching.Outcome) string {
	var all []string
	for _, c := range out.Choices {
		_, rule, _ := strings.Cut(c.Rule, "/")
		all = append(all, fmt.Sprintf("%s:%s by %s", c.Item.Key, c.Agent.ID, rule))
	}
	return strings.Join(all, ", ")
}

// L60: bucket by bucket, in each as its rule says; of no bucket last, FIFO.
func TestBucketsComeInOrder(t *testing.T) {
	later := func(s int64, more func(*threadv1.State)) func(*threadv1.State, *assign.Lined) {
		return func(state *threadv1.State, _ *assign.Lined) {
			state.Conversation.QueuedMs += s * 1000
			if more != nil {
				more(state)
			}
		}
	}
	tier := func(name string) func(*threadv1.State) {
		return func(s *threadv1.State) { s.Conversation.Variables["tier"] = name }
	}
	for _, c := range []struct {
		name  string
		order configv1.ItemOrder
		want  string
	}{
		{"longest waiting", configv1.ItemOrder_ITEM_ORDER_LONGEST_WAITING, "a b c d s n m"},
		{"as nothing is said", 0, "a b c d s n m"},
		{"priority", configv1.ItemOrder_ITEM_ORDER_PRIORITY, "b d a c s n m"},
		{"last message", configv1.ItemOrder_ITEM_ORDER_LAST_MESSAGE, "c a b d s n m"},
	} {
		d := house(nil, buckets{{Name: "off", Disabled: true}, {Name: "gold", When: `variables.tier == "gold"`, Order: c.order}, {Name: "silver", When: `variables.tier == "silver"`}}, nil)
		gold := func(priority int32, wrote int64) func(*threadv1.State) {
			return func(s *threadv1.State) {
				tier("gold")(s)
				s.Conversation.Priority, s.WindowMs = priority, noon.UnixMilli()+wrote
			}
		}
		line := matching.Line{Queue: "front", Items: []*matching.Item{
			thing(d, "m", later(9, nil)), thing(d, "n", later(-99, nil)), thing(d, "s", later(-50, tier("silver"))),
			thing(d, "d", later(4, gold(7, 0))), thing(d, "c", later(3, gold(0, -5))), thing(d, "b", later(2, gold(7, 0))), thing(d, "a", later(1, gold(0, 0)))}}
		var got []string
		for _, r := range matching.Rank(rules.New(d), line) {
			got = append(got, r.Item.Key)
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s: %v, want %s", c.name, got, c.want)
		}
	}
}

func who(pres string, used int32, more func(*assign.Member)) func(*assign.Member) {
	return func(m *assign.Member) {
		if m.Presence, m.Used = pres, used; more != nil {
			more(m)
		}
	}
}

// L60, L61, L62: who gets it, and by which step.
func TestWhoGetsIt(t *testing.T) {
	bg := func(value, level int32) func(*assign.Member) {
		return func(m *assign.Member) { m.Skills = []assign.Rating{{Skill: "bg", Value: value, Level: level}} }
	}
	order := func(o configv1.AgentOrder) steps { return steps{{Name: "all", Order: o}} }
	needs := func(s *threadv1.State, _ *assign.Lined) {
		s.Conversation.Skills = []*threadv1.Need{{Skill: "bg", Value: 5, Level: 50}, {Skill: "de", Value: 1}}
	}
	declined := func(by map[string]int) func(*threadv1.State, *assign.Lined) {
		return func(_ *threadv1.State, l *assign.Lined) { l.Declines = by }
	}
	places := func(used, limit int32) func(*assign.Member) {
		return func(m *assign.Member) { m.Profiles = []assign.Quota{{Profile: "chat", Used: used, Limit: limit}} }
	}
	in := func(profiles ...string) func(*threadv1.State, *assign.Lined) {
		return func(s *threadv1.State, _ *assign.Lined) { s.Conversation.CapacityProfiles = profiles }
	}
	turn := func(freed, assigned, front int64) func(*assign.Member) {
		return func(m *assign.Member) {
			m.Freed, m.Assigned, m.Turns = freed, assigned, map[string]int64{"front": front}
		}
	}
	strict := steps{{Name: "near", When: `agent.skills["bg"] >= 7`}, {Name: "far", When: `"bg" in agent.skills`}, {Name: "late", When: `conversation.waited > 60`}}
	for _, c := range []struct {
		name  string
		steps steps
		item  func(*threadv1.State, *assign.Lined)
		ana   func(*assign.Member)
		boris func(*assign.Member)
		want  string
	}{
		{"L60 the first step that finds anybody", strict, nil, bg(3, 30), bg(8, 80), "a:boris by near"},
		{"L60 relaxes", strict, nil, bg(3, 30), nil, "a:ana by far"},
		{"L60 none: it stays", strict, nil, nil, nil, ""},
		{"L60 relaxes by time", strict, func(s *threadv1.State, _ *assign.Lined) { s.Conversation.QueuedMs -= 61_000 }, nil, nil, "a:ana by late"},
		{"L60 a step left out", steps{{Name: "x", Disabled: true}, {Name: "y"}}, nil, nil, nil, "a:ana by y"},
		{"L60 a step that fails takes nobody", steps{{Name: "x", When: `agent.skills["bg"] > 0`}, {Name: "y"}}, nil, nil, nil, "a:ana by y"},
		{"L60 no rules", nil, nil, nil, nil, ""},
		{"L60 the workstream's presences do not count", order(0), nil, who("AWAY", 0, nil), who("OFFLINE", 0, nil), "a:ana by all"},
		{"nobody offline or inactive", order(0), nil, who("INACTIVE", 0, nil), who("OFFLINE", 0, nil), ""},
		{"L61 presence", steps{{Name: "x", When: `agent.presence != "busy"`}}, nil, who("BUSY", 0, nil), nil, "a:boris by x"},
		{"L60 units, whatever rules say", order(0), nil, who("AVAILABLE", 10, nil), who("AVAILABLE", 9, nil), "a:boris by all"},
		{"L60 profiles, whatever rules say", order(0), in("chat"), nil, places(1, 2), "a:boris by all"},
		{"L67 a full profile", order(0), in("chat"), places(2, 2), places(1, 2), "a:boris by all"},
		{"L66 a blocking profile at its limit", order(0), nil, func(m *assign.Member) { m.Profiles = []assign.Quota{{Profile: "x", Used: 1, Limit: 1, Blocks: true}} }, nil, "a:boris by all"},
		{"of another queue", order(0), nil, func(m *assign.Member) { m.Queues = []string{"back"} }, nil, "a:boris by all"},
		{"L59 least active", order(configv1.AgentOrder_AGENT_ORDER_LEAST_ACTIVE), nil, turn(5, 1, 1), turn(4, 9, 9), "a:boris by all"},
		{"L59 of equals, assigned longest ago", order(0), nil, turn(4, 9, 1), turn(4, 8, 9), "a:boris by all"},
		{"L58 round robin", order(configv1.AgentOrder_AGENT_ORDER_ROUND_ROBIN), nil, turn(1, 1, 7), turn(2, 2, 6), "a:boris by all"},
		{"L61 units", order(configv1.AgentOrder_AGENT_ORDER_UNITS), nil, who("AVAILABLE", 4, nil), who("AVAILABLE", 3, nil), "a:boris by all"},
		{"L61 units alike: idle longest", order(configv1.AgentOrder_AGENT_ORDER_UNITS), nil, turn(3, 0, 0), turn(2, 0, 0), "a:boris by all"},
		{"L61 profiles", order(configv1.AgentOrder_AGENT_ORDER_PROFILES), in("chat"), places(1, 3), places(0, 3), "a:boris by all"},
		{"L61 profiles when it counts in none", order(configv1.AgentOrder_AGENT_ORDER_PROFILES), nil, places(0, 3), turn(-1, 0, 0), "a:boris by all"},
		{"L72 proficiency: just so before better", order(configv1.AgentOrder_AGENT_ORDER_PROFICIENCY), needs, bg(8, 80), bg(5, 50), "a:boris by all"},
		{"L72 proficiency: better before less", order(configv1.AgentOrder_AGENT_ORDER_PROFICIENCY), needs, bg(4, 40), bg(10, 100), "a:boris by all"},
		{"L72 proficiency: less before none", order(configv1.AgentOrder_AGENT_ORDER_PROFICIENCY), needs, nil, bg(1, 0), "a:boris by all"},
		{"L72 proficiency alike: idle longest", order(configv1.AgentOrder_AGENT_ORDER_PROFICIENCY), nil, turn(2, 0, 0), turn(1, 0, 0), "a:boris by all"},
		{"L72 skill count", order(configv1.AgentOrder_AGENT_ORDER_SKILLS), needs, bg(10, 100),
			func(m *assign.Member) { m.Skills = []assign.Rating{{Skill: "bg", Value: 1}, {Skill: "de", Value: 1}} }, "a:boris by all"},
		{"L62 who declined is asked last", order(0), declined(map[string]int{"ana": 2}), nil, nil, "a:boris by all"},
		{"L62 even by a later step", steps{{Name: "x", When: `agent.id == "ana"`}, {Name: "y"}}, declined(map[string]int{"ana": 2}), nil, nil, "a:boris by y"},
		{"L62 uniquely qualified", steps{{Name: "x", When: `agent.id == "ana"`}}, declined(map[string]int{"ana": 4}), nil, nil, "a:ana by x"},
		{"L62 all have declined: who did so least", order(0), declined(map[string]int{"ana": 4, "boris": 2}), nil, nil, "a:boris by all"},
		{"L93 not seen is no decline, and asked last", order(0), declined(map[string]int{"ana": 1}), nil, nil, "a:boris by all"},
		{"L62 thrice is enough", order(0), declined(map[string]int{"ana": 6, "boris": 6}), nil, nil, ""},
	} {
		d := house(c.steps, nil, nil)
		out := matching.Match(world(d, []*matching.Agent{person("ana", c.ana), person("boris", c.boris)}, thing(d, "a", c.item)))
		if got := told(out); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

// L60: several assignment rulesets.
func TestSelectionsChooseTheRuleset(t *testing.T) {
	d := house(steps{{Name: "nobody", When: "false"}}, nil, selections{{Name: "gold", When: `variables.tier == "gold"`, Ruleset: "gold"}})
	gold := func(s *threadv1.State, _ *assign.Lined) { s.Conversation.Variables["tier"] = "gold" }
	out := matching.Match(world(d, []*matching.Agent{person("ana", nil)}, thing(d, "a", nil), thing(d, "b", gold)))
	if got := told(out); got != "b:ana by all" {
		t.Errorf("got %q", got)
	}
}

// What one gets, the others do not; and rules see what was given.
func TestWhatIsChosenCounts(t *testing.T) {
	d := house(steps{{Name: "few", When: "agent.conversations < 2 && agent.units_free >= 3", Order: configv1.AgentOrder_AGENT_ORDER_ROUND_ROBIN}}, nil, nil)
	three := func(s *threadv1.State, _ *assign.Lined) { s.Conversation.Units = 3 }
	var items []*matching.Item
	for n := range 6 {
		items = append(items, thing(d, fmt.Sprint(n), three))
	}
	out := matching.Match(world(d, []*matching.Agent{person("ana", nil), person("boris", who("AVAILABLE", 5, nil))}, items...))
	if got := told(out); got != "0:ana by few, 1:boris by few, 2:ana by few" {
		t.Errorf("got %q", got)
	}
}

// Queues that come first take first.
func TestQueuesComeInOrder(t *testing.T) {
	d := house(steps{{Name: "all"}}, nil, nil)
	back := func(s *threadv1.State, _ *assign.Lined) { s.Conversation.Queue, s.Conversation.QueuedMs = "back", 1 }
	out := matching.Match(world(d, []*matching.Agent{person("ana", who("AVAILABLE", 9, nil))}, thing(d, "a", nil), thing(d, "b", back)))
	if got := told(out); got != "a:ana by all" {
		t.Errorf("got %q", got)
	}
}

// L56: a block at a time; and what waits behind a block that nobody can take is
// tried too, a part each time.
func TestBlocks(t *testing.T) {
	d := house(steps{{Name: "x", When: `variables.tier == "gold"`}}, nil, nil)
	var items []*matching.Item
	for n := range 450 {
		items = append(items, thing(d, fmt.Sprintf("%03d", n), func(s *threadv1.State, _ *assign.Lined) {
			if n == 420 {
				s.Conversation.Variables["tier"] = "gold"
			}
		}))
	}
	w := world(d, []*matching.Agent{person("ana", nil)}, items...)
	for _, want := range []struct {
		got    string
		behind int
		more   bool
	}{{"", 100, true}, {"", 200, true}, {"", 300, true}, {"420:ana by x", 0, false}} {
		out := matching.Match(w)
		if told(out) != want.got || out.Behind["front"] != want.behind || out.More != want.more {
			t.Fatalf("%q, behind %v, more %t; want %+v", told(out), out.Behind, out.More, want)
		}
		w.Behind = out.Behind
	}
	w.Agents = []*matching.Agent{person("ana", who("AVAILABLE", 10, nil))}
	w.Behind = map[string]int{}
	if out := matching.Match(w); out.More {
		t.Error("more is to be tried though everybody is full")
	}
}

// Explain counts, for every step, those who have room.
func TestExplain(t *testing.T) {
	d := house(steps{{Name: "skilled", When: `agent.skills["bg"] > 3`}, {Name: "here", When: `agent.presence == "available"`}}, buckets{{Name: "all"}}, nil)
	i := thing(d, "a", func(_ *threadv1.State, l *assign.Lined) { l.Declines = map[string]int{"eva": 6} })
	skilled := func(m *assign.Member) { m.Skills = []assign.Rating{{Skill: "bg", Value: 4}} }
	got := matching.Explain(rules.New(d), 6, i, []*matching.Agent{person("ana", skilled), person("boris", nil), person("vera", who("BUSY", 1, nil)),
		person("eva", skilled), person("full", who("AVAILABLE", 10, nil))})
	want := matching.Standing{Bucket: "first/all", Ruleset: "whom", Ready: 2, Refused: 1,
		Steps: []matching.Found{{Rule: "whom/skilled", Agents: 1, Failed: 2}, {Rule: "whom/here", Agents: 2}}}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}
