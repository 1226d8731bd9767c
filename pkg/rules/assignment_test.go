package rules_test

import (
	"testing"
	"time"

	"github.com/parley-desk/parley/pkg/directory"
	"github.com/parley-desk/parley/pkg/rules"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
	distributionv1 "github.com/parley-desk/parley/proto/gen/parley/distribution/v1"
	routingv1 "github.com/parley-desk/parley/proto/gen/parley/routing/v1"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
)

// line is a house with one queue that assigns by rules.
func line(steps []*configv1.AssignmentRule, buckets []*configv1.PrioritisationRule, selections ...*configv1.Selection) *directory.Snapshot {
	fridays := open(configv1.Weekday_WEEKDAY_FRIDAY, "08:00", "17:00")
	fridays.Meta = meta("fridays")
	return directory.NewSnapshot(fridays,
		&configv1.Skill{Meta: meta("french"), Inactive: true},
		&configv1.Agent{Meta: meta("mila"), Schedule: "fridays"}, &configv1.Agent{Meta: meta("orlin")},
		&configv1.Workstream{Meta: meta("care"), Queue: "front", Variables: []*configv1.Variable{{Name: "tier", Initial: "none"}}},
		&configv1.Queue{Meta: meta("front"), Assignment: configv1.Assignment_ASSIGNMENT_CUSTOM,
			Custom: &configv1.CustomAssignment{Prioritisation: "first", Assignment: "whom", Selections: selections}},
		&configv1.Ruleset{Meta: meta("first"), Prioritise: buckets}, &configv1.Ruleset{Meta: meta("whom"), Assign: steps},
		&configv1.Ruleset{Meta: meta("gold"), Assign: []*configv1.AssignmentRule{{Name: "all"}}})
}

// waiting has waited for five minutes and heard nothing for six.
func waiting() *threadv1.State {
	return &threadv1.State{Page: "1001", Psid: "4711", Conversations: 3, WindowMs: friday.Add(-6 * time.Minute).UnixMilli(),
		Customer: &threadv1.Customer{Name: "Ivan Petrov", Locale: "bg_BG"},
		Conversation: &threadv1.Conversation{Id: "c1", Phase: threadv1.Phase_PHASE_OPEN, Workstream: "care", Queue: "front", Priority: 5, Units: 2,
			QueuedMs: friday.Add(-5 * time.Minute).UnixMilli(), Skills: []*threadv1.Need{{Skill: "german", Value: 4}, {Skill: "french", Value: 1}},
			CapacityProfiles: []string{"chat"}, Variables: map[string]string{"tier": "gold"},
			Terms: &threadv1.Terms{Presences: []distributionv1.Presence{distributionv1.Presence_PRESENCE_AVAILABLE, distributionv1.Presence_PRESENCE_DO_NOT_DISTURB}}}}
}

func face() *routingv1.Agent {
	return &routingv1.Agent{Id: "mila", Name: "Mila", Presence: "available", Status: "lunch", Units: 5, UnitsFree: 2, Places: map[string]int32{"chat": 1},
		Skills: map[string]int32{"german": 4}, Queues: []string{"front"}, Working: true, Conversations: 1, Language: "bg"}
}

// L61: what a step may ask of the conversation and of the agent.
func TestConditionsOfSteps(t *testing.T) {
	for when, want := range map[string]bool{
		``:                              true,
		`agent.presence == "available"`: true,
		`agent.presence != "busy" && agent.status == "lunch"`:                                                              true,
		`agent.presence in conversation.presences`:                                                                         true,
		`agent.presence == conversation.presences[1]`:                                                                      false,
		`agent.units_free >= conversation.units`:                                                                           true,
		`agent.units_free > conversation.units`:                                                                            false,
		`agent.units == 5 && agent.conversations < 2`:                                                                      true,
		`agent.places["chat"] > 0`:                                                                                         true,
		`conversation.capacity_profiles.all(p, agent.places[p] > 1)`:                                                       false,
		`conversation.skills.all(s, s in agent.skills && agent.skills[s] >= conversation.skills[s])`:                       true,
		`conversation.skills.exists(s, s in agent.skills)`:                                                                 true,
		`"french" in conversation.skills`:                                                                                  false,
		`agent.working`:                                                                                                    true,
		`agent.name.startsWith("Mi") && agent.id == "mila" && agent.language == customer.language`:                         true,
		`"front" in agent.queues && conversation.queue == "front"`:                                                         true,
		`variables.tier == "gold" && conversation.workstream == "care" && conversation.previous == 2`:                      true,
		`conversation.waited == 300 && conversation.silent == 360 && conversation.priority == 5 && page.page_id == "1001"`: true,
		`conversation.waited > 299 && now.getDayOfWeek("Europe/Sofia") == 5`:                                               true,
		`referral.source == "ADS"`:                                                                                         false,
	} {
		text := rules.Text{About: rules.Assigning, When: when}
		if err := text.Condition().Check(); err != nil {
			t.Errorf("%s: cannot be saved: %v", when, err)
			continue
		}
		d := line([]*configv1.AssignmentRule{{Name: "only", When: when}}, nil)
		s := waiting()
		s.Page = "1001"
		_, steps := rules.New(d).Steps("front", rules.See(d, s, friday))
		if got, err := steps[0].Takes(rules.See(d, s, friday), rules.NewFace(face())); err != nil || got != want {
			t.Errorf("%s: %t, %v, want %t", when, got, err, want)
		}
	}
}

// A sight that is moved in time is what a new one would be.
func TestASightMovesInTime(t *testing.T) {
	d := line([]*configv1.AssignmentRule{{Name: "late", When: `conversation.waited > 310 && now > timestamp("2026-11-27T08:30:10Z")`}}, nil)
	sight, r := rules.See(d, waiting(), friday), rules.New(d)
	_, steps := r.Steps("front", sight)
	for after, want := range map[time.Duration]bool{0: false, 10 * time.Second: false, 11 * time.Second: true, time.Hour: true} {
		sight.At(friday.Add(after))
		if got, err := steps[0].Takes(sight, rules.NewFace(face())); got != want || err != nil {
			t.Errorf("after %v: %t, %v", after, got, err)
		}
	}
}

// L60: the first rule that is true takes the conversation; what fails and what
// is left out takes none.
func TestBuckets(t *testing.T) {
	order := configv1.ItemOrder_ITEM_ORDER_PRIORITY
	d := line(nil, []*configv1.PrioritisationRule{{Name: "off", Disabled: true}, {Name: "fails", When: `int(variables.tier) > 1`},
		{Name: "silver", When: `variables.tier == "silver"`}, {Name: "gold", When: `variables.tier == "gold"`, Order: order}, {Name: "all"}})
	r := rules.New(d)
	if got := r.Bucket("front", rules.See(d, waiting(), friday)); got != (rules.Bucket{N: 3, Rule: "first/gold", Order: order}) {
		t.Errorf("bucket %+v", got)
	}
	d.Rulesets["first"].Prioritise = d.Rulesets["first"].Prioritise[:3]
	if got := rules.New(d).Bucket("front", rules.See(d, waiting(), friday)); got != (rules.Bucket{N: 3}) {
		t.Errorf("of no rule: bucket %+v", got)
	}
}

// L60: selection criteria, else the queue's own ruleset.
func TestSelections(t *testing.T) {
	steps := []*configv1.AssignmentRule{{Name: "off", Disabled: true}, {Name: "near"}, {Name: "any"}}
	for _, c := range []struct {
		selections []*configv1.Selection
		ruleset    string
		steps      int
	}{
		{nil, "whom", 2},
		{[]*configv1.Selection{{When: `variables.tier == "gold"`, Ruleset: "gold"}}, "gold", 1},
		{[]*configv1.Selection{{When: `variables.tier == "iron"`, Ruleset: "gold"}}, "whom", 2},
		{[]*configv1.Selection{{Ruleset: "gold", Disabled: true}}, "whom", 2},
		{[]*configv1.Selection{{When: `variables.colour == "red"`, Ruleset: "gold"}}, "whom", 2},
		{[]*configv1.Selection{{When: `variables.tier == "gold"`, Ruleset: "gone"}}, "gone", 0},
	} {
		d := line(steps, nil, c.selections...)
		ruleset, found := rules.New(d).Steps("front", rules.See(d, waiting(), friday))
		if ruleset != c.ruleset || len(found) != c.steps {
			t.Errorf("%v: ruleset %s with %d steps, want %s with %d", c.selections, ruleset, len(found), c.ruleset, c.steps)
		}
	}
}

// L61: an agent works by hours of the agent's own; who has none always does.
func TestWorking(t *testing.T) {
	r := rules.New(line(nil, nil))
	for _, c := range []struct {
		agent string
		at    time.Time
		want  bool
	}{{"mila", friday, true}, {"mila", friday.Add(8 * time.Hour), false}, {"mila", friday.AddDate(0, 0, 1), false}, {"orlin", friday.AddDate(0, 0, 1), true}, {"nobody", friday, true}} {
		if got := r.Working(c.agent, c.at); got != c.want {
			t.Errorf("%s at %v: %t", c.agent, c.at, got)
		}
	}
}

func BenchmarkTakes(b *testing.B) {
	d := line([]*configv1.AssignmentRule{{Name: "near", When: `agent.presence in conversation.presences && agent.units_free >= conversation.units && conversation.skills.all(s, s in agent.skills && agent.skills[s] >= conversation.skills[s])`}}, nil)
	sight, r := rules.See(d, waiting(), friday), rules.New(d)
	_, steps := r.Steps("front", sight)
	f := rules.NewFace(face())
	b.ReportAllocs()
	for b.Loop() {
		if ok, err := steps[0].Takes(sight, f); !ok || err != nil {
			b.Fatal(ok, err)
		}
	}
}
