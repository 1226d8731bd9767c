package rules_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/parley-desk/parley/pkg/directory"
	"github.com/parley-desk/parley/pkg/rules"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
	routingv1 "github.com/parley-desk/parley/proto/gen/parley/routing/v1"
)

// desks is a house whose queue has four agents: mila speaks German and works
// now, orlin speaks a little and does not, vera has no place in the profile, and
// petar has no units to speak of.
func desks(steps []*configv1.AssignmentRule, queue *configv1.CustomAssignment) *directory.Snapshot {
	fridays, mondays := open(configv1.Weekday_WEEKDAY_FRIDAY, "08:00", "17:00"), open(configv1.Weekday_WEEKDAY_MONDAY, "08:00", "17:00")
	fridays.Meta, mondays.Meta = meta("fridays"), meta("mondays")
	chat := []*configv1.ProfileHolding{{Profile: "chat"}}
	german := func(n int32) []*configv1.Proficiency { return []*configv1.Proficiency{{Skill: "german", Value: n}} }
	priority := int32(600)
	return directory.NewSnapshot(fridays, mondays, &configv1.CapacityProfile{Meta: meta("chat"), Limit: 2},
		&configv1.Skill{Meta: meta("german")},
		&configv1.Agent{Meta: meta("mila"), Capacity: 5, Profiles: chat, Schedule: "fridays", Skills: german(4)},
		&configv1.Agent{Meta: meta("orlin"), Capacity: 5, Profiles: chat, Schedule: "mondays", Skills: german(1)},
		&configv1.Agent{Meta: meta("vera"), Capacity: 5}, &configv1.Agent{Meta: meta("petar"), Capacity: 1, Profiles: chat},
		&configv1.Workstream{Meta: meta("care"), Queue: "front", Units: 2, CapacityProfiles: []string{"chat"}, Classification: []string{"what"},
			Variables: []*configv1.Variable{{Name: "tier", Initial: "none"}}},
		&configv1.Ruleset{Meta: meta("what"), Classify: []*configv1.ClassificationRule{{Name: "gold", When: `message.text == "gold"`,
			Set: &configv1.Attributes{Priority: &priority, Variables: map[string]string{"tier": "gold"}, Skills: []*configv1.Proficiency{{Skill: "german", Value: 3}}}}}},
		&configv1.Queue{Meta: meta("front"), Agents: []string{"mila", "orlin", "vera", "petar", "gone"}, Assignment: configv1.Assignment_ASSIGNMENT_CUSTOM, Custom: queue},
		&configv1.Ruleset{Meta: meta("first"), Prioritise: []*configv1.PrioritisationRule{{Name: "off", Disabled: true}, {Name: "urgent", When: "conversation.priority >= 500"}, {Name: "gold", When: `variables.tier == "gold"`}}},
		&configv1.Ruleset{Meta: meta("whom"), Assign: steps}, &configv1.Ruleset{Meta: meta("senior"), Assign: []*configv1.AssignmentRule{{Name: "all"}}})
}

func TestForesight(t *testing.T) {
	whom := &configv1.CustomAssignment{Prioritisation: "first", Assignment: "whom"}
	chosen := &configv1.CustomAssignment{Assignment: "whom", Selections: []*configv1.Selection{{Name: "gold", When: `variables.tier == "gold"`, Ruleset: "senior"}}}
	for name, c := range map[string]struct {
		queue  *configv1.CustomAssignment
		when   string
		text   string
		waited time.Duration
		want   string // bucket; ruleset; step
	}{
		"no condition":         {queue: whom, want: "; whom; 2"},
		"a bucket":             {queue: whom, text: "gold", want: "first/urgent; whom; 2"},
		"at work":              {queue: whom, when: "agent.working", want: "; whom; 1, 1 agent.working is false"},
		"the first that bars":  {queue: whom, when: `agent.id != "mila" && agent.working`, want: `; whom; 0, 1 agent.id != "mila" is false, 1 agent.working is false`},
		"either":               {queue: whom, when: `agent.id == "x" || !(agent.id != "y")`, want: `; whom; 0, 2 agent.id == "x" is false, and agent.id != "y" is true`},
		"well enough":          {queue: whom, text: "gold", when: `agent.skills["german"] >= conversation.skills["german"]`, want: `first/urgent; whom; 1, 1 agent.skills["german"] >= conversation.skills["german"] is false`},
		"not long enough":      {queue: whom, when: "conversation.waited >= 60", want: "; whom; 0, 2 conversation.waited >= 60 is false"},
		"long enough":          {queue: whom, when: "conversation.waited >= 60 && conversation.silent >= 60", waited: time.Minute, want: "; whom; 2"},
		"a condition fails":    {queue: whom, when: `conversation.skills["german"] > 0`, want: "; whom; 0, 2 no such key: german"},
		"there and free":       {queue: whom, when: `agent.presence == "available" && agent.units_free == 5 && agent.places["chat"] == 2 && agent.conversations == 0 && agent.queues == ["front"] && conversation.units == 2`, want: "; whom; 2"},
		"nothing selects":      {queue: chosen, want: "; whom; 2"},
		"a selection is true":  {queue: chosen, text: "gold", want: "; senior; 2"},
		"nothing would select": {queue: &configv1.CustomAssignment{}, want: "; ; "},
	} {
		in := &routingv1.RoutingContext{Message: &routingv1.Message{Text: c.text}, Conversation: &routingv1.Conversation{Workstream: "care"}}
		d := desks([]*configv1.AssignmentRule{{Name: "only", When: c.when}}, c.queue)
		rules.Complete(d, in, friday)
		f := rules.New(d).Explain(in, "c-1", friday, c.waited, away).GetForesight()
		var steps []string
		for _, s := range f.GetSteps() {
			steps = append(steps, strings.Join(append([]string{fmt.Sprint(s.GetAgents())}, barred(s.GetBarred())...), ", "))
		}
		if got := fmt.Sprintf("%s; %s; %s", f.GetBucket(), f.GetRuleset(), strings.Join(steps, "; ")); got != c.want {
			t.Errorf("%s: got  %s\nwant %s", name, got, c.want)
		}
		if got := barred(f.GetBarred()); f.GetAgents() != 4 || !slices.Equal(got, []string{"1 fewer than 2 units", "1 no place in capacity profile chat"}) {
			t.Errorf("%s: of %d agents there have no room: %q", name, f.GetAgents(), got)
		}
	}
}

func barred(all []*routingv1.Barred) (out []string) {
	for _, b := range all {
		out = append(out, fmt.Sprintf("%d %s", b.GetAgents(), b.GetWhy()))
	}
	return out
}
