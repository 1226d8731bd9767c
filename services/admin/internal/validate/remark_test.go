package validate_test

import (
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/parley-desk/parley/pkg/directory"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
	"github.com/parley-desk/parley/services/admin/internal/validate"
)

// remarked are all remarks on the good world after a change of it.
func remarked(change func(w *directory.Snapshot)) []string {
	w := directory.NewSnapshot(world()...)
	change(w)
	observer := validate.Observe(w)
	var lines []string
	for r := range w.All() {
		lines = append(lines, observer.Remarks(r)...)
	}
	return lines
}

// What cannot work is told when it is saved, with its place. There is
// none on the good world.
func TestRemarks(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(w *directory.Snapshot)
		says   []string // the beginnings of all lines
	}{
		{"good", func(*directory.Snapshot) {}, nil},
		{"L45 queue without agents", func(w *directory.Snapshot) { w.Queues["night"].Agents = nil }, []string{
			`queue "night" has no agents; add some`,
			`ruleset "where" routes to queue "night" (route[0].queues[1], rule "split"), which has no agents`,
			`workstream "facebook" routes to queue "night" (ruleset "where", route[0], rule "split"), which has no agents`}},
		{"a rule that is left out", func(w *directory.Snapshot) {
			w.Queues["night"].Agents, w.Rulesets["where"].Route[0].Disabled = nil, true
		}, []string{`queue "night" has no agents`}},
		{"L36 fallback without agents", func(w *directory.Snapshot) {
			w.Queues["last"] = &queue{Meta: meta("last")}
			w.Workstreams["facebook"].FallbackQueue = "last"
		}, []string{`queue "last" has no agents`, `workstream "facebook" names queue "last" (fallback_queue), which has no agents`}},
		{"L52 hours without schedule", func(w *directory.Snapshot) { w.Queues["front"].Schedule = "" }, []string{
			`queue "front" is always open, so overflow[0] has no effect; give it a schedule`}},
		{"L71 skill that nobody has", func(w *directory.Snapshot) { w.Agents["mila"].Skills = w.Agents["mila"].Skills[1:] }, []string{
			`skill "bulgarian" is a skill that no agent has`,
			`ruleset "urgent" asks for skill "bulgarian" (classify[0], rule "one"), which no agent has`,
			`workstream "facebook" asks for skill "bulgarian" at 3 or better (ruleset "urgent", classify[0], rule "one"), which no agent of its queues has; add such agents to one of [front night]`}},
		{"L71 skill that nobody in its queues has", func(w *directory.Snapshot) {
			vera := proto.CloneOf(w.Agents["mila"])
			vera.Meta.Id = "vera"
			w.Agents["vera"], w.Agents["mila"].Skills = vera, nil
		}, []string{`workstream "facebook" asks for skill "bulgarian" at 3 or better`}},
		{"L71 skill that nobody in its queues has at all", func(w *directory.Snapshot) {
			vera := proto.CloneOf(w.Agents["mila"])
			vera.Meta.Id = "vera"
			w.Agents["vera"], w.Agents["mila"].Skills = vera, nil
			w.Rulesets["urgent"].Classify[0].Set.Skills[0].Value = 0
		}, []string{`workstream "facebook" asks for skill "bulgarian" at 1 or better`}},
		{"L71 skill that one queue has", func(w *directory.Snapshot) {
			vera := proto.CloneOf(w.Agents["mila"])
			vera.Meta.Id = "vera"
			w.Agents["vera"], w.Agents["mila"].Skills = vera, nil
			w.Queues["night"].Agents = append(w.Queues["night"].Agents, "vera")
		}, nil},
		{"L71 skill that nobody has well enough", func(w *directory.Snapshot) { w.Agents["mila"].Skills[0].Value = 2 }, []string{
			`workstream "facebook" asks for skill "bulgarian" at 3 or better`}},
		{"L71 lowest of the scale is enough for the lowest", func(w *directory.Snapshot) {
			w.Agents["mila"].Skills[0].Value, w.Rulesets["urgent"].Classify[0].Set.Skills[0].Value = 0, 0
		}, nil},
		{"L70 inactive skill", func(w *directory.Snapshot) { w.Skills["bulgarian"].Inactive = true }, []string{
			`agent "mila" has skill "bulgarian" (skills[0]), which is inactive`,
			`ruleset "urgent" asks for skill "bulgarian" (classify[0], rule "one"), which is inactive`}},
		{"L67 profile that nobody has", func(w *directory.Snapshot) { w.Agents["mila"].Profiles = nil }, []string{
			`capacity profile "chat" is one that no agent has`,
			`ruleset "urgent" counts in capacity profile "chat" (classify[0], rule "one"), which no agent has`}},
		{"L65 more units than anybody has", func(w *directory.Snapshot) {
			vera := proto.CloneOf(w.Agents["mila"])
			vera.Meta.Id, vera.Capacity = "vera", 4
			w.Agents["vera"], w.Queues["night"].Agents, w.Workstreams["facebook"].Units = vera, []string{"mila", "vera"}, 4
		}, []string{`workstream "facebook" takes 4 units, more than any agent of queue "front" has; give agents there more capacity`}},
		{"L67 profile that a queue lacks", func(w *directory.Snapshot) {
			vera := proto.CloneOf(w.Agents["mila"])
			vera.Meta.Id, vera.Profiles = "vera", nil
			w.Agents["vera"], w.Queues["night"].Agents = vera, []string{"vera"}
			w.Workstreams["facebook"].CapacityProfiles = []string{"chat"}
		}, []string{`workstream "facebook" counts in capacity profile "chat" (capacity_profiles[0]), which no agent of queue "night" has; give it to agents there`}},
		{"L67 profiles that nobody has together", func(w *directory.Snapshot) {
			vera := proto.CloneOf(w.Agents["mila"])
			vera.Meta.Id, vera.Profiles = "vera", []*configv1.ProfileHolding{{Profile: "vip"}}
			w.Agents["vera"], w.Profiles["vip"] = vera, &configv1.CapacityProfile{Meta: meta("vip"), Limit: 1}
			w.Queues["front"].Agents, w.Queues["night"].Agents = []string{"mila", "vera"}, nil
			w.Workstreams["facebook"].CapacityProfiles = []string{"chat", "vip"}
		}, []string{`queue "night" has no agents`, `ruleset "where" routes to queue "night"`, `workstream "facebook" routes to queue "night"`,
			`workstream "facebook" counts in capacity profiles [chat vip], which no agent of queue "front" has all of`}},
		{"L67 profiles that somebody has together", func(w *directory.Snapshot) {
			w.Profiles["vip"] = &configv1.CapacityProfile{Meta: meta("vip"), Limit: 1}
			w.Agents["mila"].Profiles = append(w.Agents["mila"].Profiles, &configv1.ProfileHolding{Profile: "vip"})
			w.Workstreams["facebook"].CapacityProfiles, w.Workstreams["facebook"].Units = []string{"chat", "vip"}, 0
		}, nil},
		{"L71 closest does without a skill", func(w *directory.Snapshot) {
			w.Agents["mila"].Skills[0].Value, w.Workstreams["facebook"].SkillMatching = 2, configv1.SkillMatching_SKILL_MATCHING_CLOSEST
		}, nil},
		{"L71 skills do not count", func(w *directory.Snapshot) {
			w.Agents["mila"].Skills[0].Value, w.Workstreams["facebook"].SkillMatching = 2, configv1.SkillMatching_SKILL_MATCHING_NONE
		}, nil},
		{"L75 a status not to be chosen", func(w *directory.Snapshot) {
			w.Statuses["lunch"].Inactive, w.Agents["mila"].DefaultStatus = true, "lunch"
		}, []string{`agent "mila" signs in with status "lunch" (default_status), which is inactive; name another`}},
		{"L112 a schedule without hours", func(w *directory.Snapshot) { w.Schedules["never"] = &configv1.Schedule{Meta: meta("never")} }, []string{
			`schedule "never" never opens; give a day hours`}},
		{"ruleset out of use", func(w *directory.Snapshot) { w.Workstreams["facebook"].Routing = "" }, []string{
			`ruleset "where" is used by no workstream and no queue`}},
		{"L60 rules that find nobody", func(w *directory.Snapshot) { w.Queues["special"].Custom.Assignment = "empty" }, []string{
			`queue "special" assigns by ruleset "empty" (custom.assignment), which has no rules, so nobody gets its conversations`,
			`ruleset "whom" is used by no workstream and no queue`}},
		{"L60 rules that are all left out", func(w *directory.Snapshot) {
			for _, r := range w.Rulesets["whom"].Assign {
				r.Disabled = true
			}
		}, []string{`queue "special" assigns by ruleset "whom" (custom.assignment), which has no rules`}},
		{"L116 a variable that nobody has", func(w *directory.Snapshot) {
			w.Queues["special"].Custom.Selections = []*configv1.Selection{{Name: "gold", When: `variables.colour == "red"`, Ruleset: "whom"}}
			w.Rulesets["first"].Prioritise[0].When = `variables.colour == "red" || variables.Tier_1 == "gold"`
		}, []string{`queue "special" names the variable "colour" (custom.selections[0].when), which no workstream has`,
			`ruleset "first" names the variable "colour" (prioritise[0].when), which no workstream has`}},
	} {
		got := remarked(c.change)
		if !slices.EqualFunc(got, c.says, strings.HasPrefix) {
			t.Errorf("%s: remarks\n%s\nwant\n%s", c.name, strings.Join(got, "\n"), strings.Join(c.says, "\n"))
		}
	}
}
