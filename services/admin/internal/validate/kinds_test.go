package validate_test

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/parley-desk/parley/pkg/directory"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
	"github.com/parley-desk/parley/services/admin/internal/validate"
)

type (
	agent      = configv1.Agent
	queue      = configv1.Queue
	skill      = configv1.Skill
	profile    = configv1.CapacityProfile
	rules      = configv1.Ruleset
	workstream = configv1.Workstream
	shares     = []*configv1.Share
	overflows  = []*configv1.OverflowRule
)

// some are n of what one makes.
func some[T any](n int, one func(i int) T) []T {
	out := make([]T, n)
	for i := range out {
		out[i] = one(i)
	}
	return out
}

type masking = configv1.MaskingRule

// masked is a workstream with a rule for cards and these.
func masked(more ...*masking) directory.Resource {
	return broken(func(w *configv1.Workstream) {
		w.Masks = append([]*masking{{Name: "cards", Preset: configv1.MaskingPreset_MASKING_PRESET_CREDIT_CARD}}, more...)
	})
}

// mistake is one wrong field and what is said about it.
type mistake struct {
	source   string // L-number of the demand
	name     string
	resource directory.Resource
	field    string
	says     string
}

func (m mistake) check(t *testing.T) {
	t.Run(m.source+" "+m.name, func(t *testing.T) {
		found := check(m.resource)
		if !strings.Contains(found[m.field], m.says) || m.says == "" || len(found) != 1 {
			t.Errorf("found %v, want only %s: %s", found, m.field, m.says)
		}
	})
}

func TestMistakesOfSkillsProfilesAndAgents(t *testing.T) {
	for _, m := range []mistake{
		{"L70", "scale without end", broken(func(s *skill) { s.Highest = 0 }), "highest", "0 is out of range; use 1 to 100"},
		{"L70", "scale from nought", broken(func(s *skill) { s.Lowest = 0 }), "lowest", "0 is out of range; use 1 to 100"},
		{"L70", "scale too high", broken(func(s *skill) { s.Highest = 101 }), "highest", "101 is out of range"},
		{"L70", "scale of one", broken(func(s *skill) { s.Lowest = 5 }), "highest", "5 is not above lowest, 5; make the scale wider"},
		{"L70", "rating off the scale", broken(func(s *skill) { s.Ratings[0].Value = 6 }), "ratings[0].value", "6 is out of range; use 1 to 5"},
		{"L70", "rating twice", broken(func(s *skill) { s.Ratings[1].Value = 5 }), "ratings[1].value", "5 has a name in ratings[0] already"},
		{"L70", "rating without name", broken(func(s *skill) { s.Ratings[1].Name = "" }), "ratings[1].name", "is missing; write 1 to 100 characters"},
		{"L70", "rating with a long name", broken(func(s *skill) { s.Ratings[1].Name = strings.Repeat("ж", 101) }), "ratings[1].name", "has 101 characters"},
		{"L70", "long type", broken(func(s *skill) { s.Type = strings.Repeat("ж", 101) }), "type", "has 101 characters; use at most 100"},
		{"L70", "name of another skill", broken(func(s *skill) { s.Meta.DisplayName = "Billing" }), "meta.display_name", `"Billing" is the name of skill "billing" already; choose another`},
		{"L66", "no limit", broken(func(p *profile) { p.Limit = 0 }), "limit", "0 is out of range; use 1 to 1000"},
		{"L66", "limit too high", broken(func(p *profile) { p.Limit = 1001 }), "limit", "1001 is out of range"},
		{"L66", "unknown reset", broken(func(p *profile) { p.Reset_ = 9 }), "reset", "9 is not a value this version knows"},
		{"L70", "skill gone", broken(func(a *agent) { a.Skills[1].Skill = "gone" }), "skills[1].skill", `there is no skill "gone"; create it first`},
		{"L70", "skill missing", broken(func(a *agent) { a.Skills[1].Skill = "" }), "skills[1].skill", "is missing; name one of the skills"},
		{"L70", "skill twice", broken(func(a *agent) { a.Skills[1].Skill = "bulgarian" }), "skills[1].skill", `"bulgarian" stands in skills[0].skill already`},
		{"L70", "better than the scale", broken(func(a *agent) { a.Skills[0].Value = 6 }), "skills[0].value", `6 is not on the scale of skill "bulgarian"; use 1 to 5`},
		{"L70", "better than the usual scale", broken(func(a *agent) { a.Skills[1].Value = 11 }), "skills[1].value", "use 1 to 10, or leave it out"},
		{"L70", "below the scale", broken(func(a *agent) { a.Skills[0].Value = -1 }), "skills[0].value", "-1 is not on the scale"},
		{"L70", "too many skills", broken(func(a *agent) {
			a.Skills = some(101, func(int) *configv1.Proficiency { return &configv1.Proficiency{Skill: "billing"} })
		}), "skills", "has 101 skills; use at most 100"},
		{"L66", "profile gone", broken(func(a *agent) { a.Profiles[0].Profile = "gone" }), "profiles[0].profile", `there is no capacity profile "gone"`},
		{"L66", "profile twice", broken(func(a *agent) {
			a.Profiles = append(a.Profiles, &configv1.ProfileHolding{Profile: "chat"})
		}), "profiles[1].profile", `"chat" stands in profiles[0].profile already`},
		{"L66", "own limit too high", broken(func(a *agent) { a.Profiles[0].Limit = 1001 }), "profiles[0].limit", "1001 is out of range; use 1 to 1000"},
		{"L66", "too many profiles", broken(func(a *agent) {
			a.Profiles = some(21, func(int) *configv1.ProfileHolding { return &configv1.ProfileHolding{Profile: "chat"} })
		}), "profiles", "has 21 capacity profiles; use at most 20"},
		{"S27", "language of a page", broken(func(p *configv1.Page) { p.Language = "bulgarian language" }), "language", `is not a language; write its BCP 47 tag, such as "bg"`},
		{"S31", "switch of another version", broken(func(p *configv1.Page) { p.MessageTag = 7 }), "message_tag", "7 is not a value this version knows"},
		{"S29", "switch of files of another version", broken(func(p *configv1.Page) { p.CustomerAttachments = 7 }), "customer_attachments", "7 is not a value this version knows"},
		{"S29", "switch of agents' files of another version", broken(func(p *configv1.Page) { p.AgentAttachments = 7 }), "agent_attachments", "7 is not a value this version knows"},
		{"L15", "sort of files that is none", broken(func(w *configv1.Workstream) { w.AttachmentTypes = []string{"pdf", ".exe"} }), "attachment_types[1]", `".exe" is not a sort of file that can be taken; it is one of jpg`},
		{"L15", "sort of files twice", broken(func(w *configv1.Workstream) { w.AttachmentTypes = []string{"pdf", "pdf"} }), "attachment_types[1]", `"pdf" stands in attachment_types[0] already`},
		{"L14", "files larger than Messenger's", broken(func(w *configv1.Workstream) { w.AttachmentMegabytes = 26 }), "attachment_megabytes", "26 is out of range; use 1 to 25"},
		{"L19", "mask without a name", masked(&masking{Pattern: "x"}), "masks[1].name", "is missing; write 1 to 100 characters"},
		{"L19", "mask of a name there is", masked(&masking{Name: "cards", Pattern: "x"}), "masks[1].name", `"cards" is the name in masks[0].name already; choose another`},
		{"L19", "mask that finds nothing", masked(&masking{Name: "n"}), "masks[1].pattern", "must say what is hidden, or preset must"},
		{"L19", "mask that says it twice", masked(&masking{Name: "n", Pattern: "x", Preset: 2}), "masks[1].pattern", "must be empty with a preset"},
		{"L19", "mask that is no expression", masked(&masking{Name: "n", Pattern: `(\d`}), "masks[1].pattern", "is not an RE2 expression (missing closing ))"},
		{"L19", "mask with a look behind", masked(&masking{Name: "n", Pattern: `(?<=a)b`}), "masks[1].pattern", "is not an RE2 expression"},
		{"L19", "mask of nothing", masked(&masking{Name: "n", Pattern: `\d*`}), "masks[1].pattern", "finds places between characters"},
		{"L19", "mask of everything", masked(&masking{Name: "n", Pattern: `.+`}), "masks[1].pattern", "hides every text whole"},
		{"L19", "long mask", masked(&masking{Name: "n", Pattern: strings.Repeat("ж", 501)}), "masks[1].pattern", "has 501 characters; at most 500"},
		{"L19", "mask of a newer version", masked(&masking{Name: "n", Pattern: "x", Texts: 9}), "masks[1].texts", "9 is not a value this version knows"},
		{"L19", "too many masks of customers' texts", masked(some(10, func(i int) *masking {
			return &masking{Name: strconv.Itoa(i), Pattern: "x", Texts: configv1.MaskedTexts_MASKED_TEXTS_CUSTOMER}
		})...), "masks", "has 11 rules for what customers write; use at most 10"},
		{"L19", "too many masks of agents' texts", masked(some(10, func(i int) *masking {
			return &masking{Name: strconv.Itoa(i), Pattern: "x", Texts: configv1.MaskedTexts_MASKED_TEXTS_AGENT}
		})...), "masks", "has 11 rules for what agents write; use at most 10"},
		{"S27", "language that is none", broken(func(p *configv1.Page) { p.Language = "xx" }), "language", `"xx" is not a language`},
		{"S27", "language as a locale", broken(func(p *configv1.Page) { p.Language = "bg_BG" }), "language", `"bg_BG" is not a language`},
	} {
		m.check(t)
	}
}

func TestMistakesOfQueues(t *testing.T) {
	rule := func(change func(*configv1.OverflowRule)) directory.Resource {
		return broken(func(q *queue) { change(q.Overflow[1]) })
	}
	wait := func(change func(*configv1.WaitRule)) directory.Resource {
		return broken(func(q *queue) { change(q.Wait) })
	}
	for _, m := range []mistake{
		{"L42", "schedule gone", broken(func(q *queue) { q.Schedule = "gone" }), "schedule", `there is no schedule "gone"`},
		{"L45", "too many agents", broken(func(q *queue) { q.Agents = some(1001, func(int) string { return "mila" }) }), "agents", "has 1001 agents; use at most 1000"},
		{"L43", "service level too long", broken(func(q *queue) { q.ServiceLevelSeconds = 601 }), "service_level_seconds", "601 is out of range; use 0 to 600"},
		{"L43", "short abandon the wrong way", broken(func(q *queue) { q.ShortAbandonSeconds = -1 }), "short_abandon_seconds", "-1 is out of range; use 0 to 600"},
		{"L109", "supervisor gone", broken(func(q *queue) { q.Supervisors = []string{"gone"} }), "supervisors[0]", `there is no agent "gone"`},
		{"L109", "supervisor who is none", broken(func(q *queue) { q.Supervisors = []string{"mila"} }), "supervisors[0]", `"mila" has not the role supervisor; give it, or name somebody else`},
		{"L109", "too many supervisors", broken(func(q *queue) { q.Supervisors = some(1001, func(int) string { return "mila" }) }), "supervisors", "has 1001 supervisors; use at most 1000"},
		{"L51", "no condition", rule(func(o *configv1.OverflowRule) { o.Condition = 0 }), "overflow[1].condition", "is not a condition; use OVERFLOW_CONDITION_OUT_OF_HOURS or"},
		{"L51", "condition of a newer version", rule(func(o *configv1.OverflowRule) { o.Condition = 9 }), "overflow[1].condition", "9 is not a condition"},
		{"L51", "no items", rule(func(o *configv1.OverflowRule) { o.Items = 0 }), "overflow[1].items", "0 is out of range; use 1 to 100000"},
		{"L51", "too many items", rule(func(o *configv1.OverflowRule) { o.Items = 100_001 }), "overflow[1].items", "100001 is out of range"},
		{"L51", "items out of hours", broken(func(q *queue) { q.Overflow[0].Items = 3 }), "overflow[0].items", "3 has no effect out of hours"},
		{"L51", "no action", rule(func(o *configv1.OverflowRule) { o.Action = 0 }), "overflow[1].action", "is not an action; use OVERFLOW_ACTION_TRANSFER"},
		{"L51", "assign within hours", rule(func(o *configv1.OverflowRule) { o.Action = assign }), "overflow[1].action", "OVERFLOW_ACTION_ASSIGN is for out of hours only"},
		{"L51", "transfer to nowhere", rule(func(o *configv1.OverflowRule) { o.Action = transfer }), "overflow[1].queue", "is missing; name one of the queues"},
		{"L51", "transfer to a queue that is gone", rule(func(o *configv1.OverflowRule) { o.Action, o.Queue = transfer, "gone" }), "overflow[1].queue", `there is no queue "gone"`},
		{"L51", "transfer to itself", rule(func(o *configv1.OverflowRule) { o.Action, o.Queue = transfer, "front" }), "overflow[1].queue", `"front" is the queue itself; name another`},
		{"L51", "end in a queue", rule(func(o *configv1.OverflowRule) { o.Queue = "night" }), "overflow[1].queue", `"night" has no effect unless action is OVERFLOW_ACTION_TRANSFER`},
		{"L52", "out of hours twice", rule(func(o *configv1.OverflowRule) { o.Condition, o.Items = outOfHours, 0 }), "overflow[1].condition", "overflow[0] says what happens out of hours already"},
		{"L51", "too many rules", broken(func(q *queue) {
			q.Overflow = some(11, func(int) *configv1.OverflowRule {
				return &configv1.OverflowRule{Condition: items, Items: 1, Action: end}
			})
		}), "overflow", "has 11 overflow rules; use at most 10"},
		{"L53", "short wait", wait(func(w *configv1.WaitRule) { w.Seconds = 59 }), "wait.seconds", "59 is out of range; use 60 to 172800"},
		{"L53", "long wait", wait(func(w *configv1.WaitRule) { w.Seconds = 172_801 }), "wait.seconds", "172801 is out of range"},
		{"L53", "no wait", wait(func(w *configv1.WaitRule) { w.Seconds = 0 }), "wait.seconds", "0 is out of range"},
		{"L53", "wait without action", wait(func(w *configv1.WaitRule) { w.Action = 0 }), "wait.action", "is not an action here; use OVERFLOW_ACTION_TRANSFER or OVERFLOW_ACTION_END"},
		{"L53", "wait and assign", wait(func(w *configv1.WaitRule) { w.Action = assign }), "wait.action", "OVERFLOW_ACTION_ASSIGN is not an action here"},
		{"L53", "wait and go nowhere", wait(func(w *configv1.WaitRule) { w.Queue = "" }), "wait.queue", "is missing; name one of the queues"},
		{"L53", "wait and come back", wait(func(w *configv1.WaitRule) { w.Queue = "front" }), "wait.queue", `"front" is the queue itself`},
		{"L53", "wait and end in a queue", wait(func(w *configv1.WaitRule) { w.Action = end }), "wait.queue", "has no effect unless action is OVERFLOW_ACTION_TRANSFER"},
	} {
		m.check(t)
	}
}

func TestMistakesOfWorkstreams(t *testing.T) {
	variable := func(change func(*configv1.Variable)) directory.Resource {
		return broken(func(w *workstream) { change(w.Variables[1]) })
	}
	for _, m := range []mistake{
		{"L32", "too many rulesets", broken(func(w *workstream) { w.Classification = some(11, func(int) string { return "urgent" }) }), "classification", "has 11 rulesets; use at most 10"},
		{"L32", "ruleset gone", broken(func(w *workstream) { w.Classification[1] = "gone" }), "classification[1]", `there is no ruleset "gone"`},
		{"L33", "ruleset twice", broken(func(w *workstream) { w.Classification[1] = "urgent" }), "classification[1]", `"urgent" stands in classification[0] already`},
		{"L32", "classified by a ruleset that routes", broken(func(w *workstream) { w.Classification[1] = "where" }), "classification[1]", `ruleset "where" chooses queues; name it as routing`},
		{"L35", "routing gone", broken(func(w *workstream) { w.Routing = "gone" }), "routing", `there is no ruleset "gone"`},
		{"L35", "routed by a ruleset that classifies", broken(func(w *workstream) { w.Routing = "urgent" }), "routing", `ruleset "urgent" classifies; name it in classification`},
		{"L116", "variable without name", variable(func(v *configv1.Variable) { v.Name = "" }), "variables[1].name", `"" is not the name of a variable; use 1 to 100 letters`},
		{"L116", "variable with a space", variable(func(v *configv1.Variable) { v.Name = "a b" }), "variables[1].name", `"a b" is not the name of a variable`},
		{"L116", "variable with a long name", variable(func(v *configv1.Variable) { v.Name = strings.Repeat("a", 101) }), "variables[1].name", "is not the name of a variable"},
		{"L116", "variable twice", variable(func(v *configv1.Variable) { v.Name = "Tier_1" }), "variables[1].name", `"Tier_1" is the name in variables[0] already`},
		{"L116", "variable of an unknown type", variable(func(v *configv1.Variable) { v.Type = 9 }), "variables[1].type", "9 is not a value this version knows"},
		{"L116", "long value", variable(func(v *configv1.Variable) { v.Type, v.Initial = 0, strings.Repeat("ж", 4001) }), "variables[1].initial", "has 4001 characters; use at most 4000"},
		{"L116", "number that is none", variable(func(v *configv1.Variable) { v.Initial = "1e3" }), "variables[1].initial", `"1e3" is not a number; write it in decimal`},
		{"L119", "tells something unknown", variable(func(v *configv1.Variable) { v.Tells = 9 }), "variables[1].tells", "9 is not a value this version knows"},
		{"L119", "tells what another does", broken(func(w *workstream) {
			w.Variables[0].Tells, w.Variables[1].Tells, w.Variables[1].Type = configv1.Tells_TELLS_EMAIL, configv1.Tells_TELLS_EMAIL, 0
		}), "variables[1].tells", "variables[0] tells TELLS_EMAIL already"},
		{"L119", "a number that tells a telephone number", broken(func(w *workstream) {
			w.Variables[1].Tells, w.Variables[1].Type = configv1.Tells_TELLS_PHONE, configv1.VariableType_VARIABLE_TYPE_NUMBER
		}), "variables[1].tells", "TELLS_PHONE is no number in decimal; make the type VARIABLE_TYPE_TEXT"},
		{"L116", "too many variables", broken(func(w *workstream) {
			w.Variables = some(101, func(i int) *configv1.Variable { return &configv1.Variable{Name: fmt.Sprint("v", i)} })
		}), "variables", "has 101 variables; use at most 100"},
	} {
		m.check(t)
	}
}

// ruled is the ruleset of that id with a change.
func ruled(id string, change func(*rules)) directory.Resource {
	found, _ := directory.NewSnapshot(world()...).Find(directory.Rulesets, id)
	r, _ := found.(*rules)
	change(r)
	return r
}

func TestMistakesOfRulesets(t *testing.T) {
	set := func(change func(*configv1.Attributes)) directory.Resource {
		return ruled("urgent", func(r *rules) { change(r.Classify[0].Set) })
	}
	split := func(percents ...int32) directory.Resource {
		return ruled("where", func(r *rules) {
			for i, s := range r.Route[0].Queues {
				s.Percent = percents[i]
			}
		})
	}
	for _, m := range []mistake{
		{"L31", "both sorts of rules", ruled("where", func(r *rules) { r.Classify = []*configv1.ClassificationRule{{Name: "x"}} }), "route", "has 2 rules beside the 1 of classify; the rules of a ruleset are of one sort, so make it 2"},
		{"L32", "too many rules", ruled("urgent", func(r *rules) {
			r.Classify = some(101, func(i int) *configv1.ClassificationRule {
				return &configv1.ClassificationRule{Name: fmt.Sprint(i)}
			})
		}), "classify", "has 101 rules; use at most 100"},
		{"L35", "too many routes", ruled("where", func(r *rules) {
			r.Route = some(201, func(i int) *configv1.RoutingRule {
				return &configv1.RoutingRule{Name: fmt.Sprint(i), Queues: shares{{Queue: "front"}}}
			})
		}), "route", "has 201 rules; use at most 200"},
		{"L33", "rule without name", ruled("urgent", func(r *rules) { r.Classify[1].Name = "" }), "classify[1].name", "is missing; write 1 to 100 characters"},
		{"L33", "rule with a long name", ruled("urgent", func(r *rules) { r.Classify[1].Name = strings.Repeat("ж", 101) }), "classify[1].name", "has 101 characters"},
		{"L33", "two rules of one name", ruled("urgent", func(r *rules) { r.Classify[1].Name = "one" }), "classify[1].name", `"one" is the name in classify[0].name already; choose another`},
		{"L35", "two routes of one name", ruled("where", func(r *rules) { r.Route[1].Name = "split" }), "route[1].name", `"split" is the name in route[0].name already`},
		{"L32", "six attributes", set(func(a *configv1.Attributes) { a.Variables["m"] = "" }), "classify[0].set", "has 6 attributes; use at most 5"},
		{"L32", "priority", set(func(a *configv1.Attributes) { *a.Priority = 1024 }), "classify[0].set.priority", "1024 is out of range; use 0 to 1023"},
		{"L32", "priority below", set(func(a *configv1.Attributes) { *a.Priority = -1 }), "classify[0].set.priority", "-1 is out of range"},
		{"L34", "skill gone", set(func(a *configv1.Attributes) { a.Skills[0].Skill = "gone" }), "classify[0].set.skills[0].skill", `there is no skill "gone"`},
		{"L34", "skill off its scale", set(func(a *configv1.Attributes) { a.Skills[0].Value = 6 }), "classify[0].set.skills[0].value", `6 is not on the scale of skill "bulgarian"`},
		{"L34", "skill twice", set(func(a *configv1.Attributes) {
			a.Variables, a.Skills = nil, append(a.Skills, &configv1.Proficiency{Skill: "bulgarian"})
		}), "classify[0].set.skills[1].skill", "stands in classify[0].set.skills[0].skill already"},
		{"L67", "profile gone", set(func(a *configv1.Attributes) { a.CapacityProfiles[0] = "gone" }), "classify[0].set.capacity_profiles[0]", `there is no capacity profile "gone"`},
		{"L116", "variable with a dot", set(func(a *configv1.Attributes) { a.Variables = map[string]string{"a.b": ""} }), "classify[0].set.variables[a.b]", `"a.b" is not the name of a variable`},
		{"L116", "long value", set(func(a *configv1.Attributes) { a.Variables["n"] = strings.Repeat("ж", 4001) }), "classify[0].set.variables[n]", "has 4001 characters"},
		{"L38", "no queue", ruled("where", func(r *rules) { r.Route[1].Queues = nil }), "route[1].queues", "is missing; name one queue, or up to 5 that share"},
		{"L38", "six queues", ruled("where", func(r *rules) {
			r.Route[1].Queues = some(6, func(int) *configv1.Share { return &configv1.Share{Queue: "front"} })
		}), "route[1].queues", "has 6 queues; use at most 5"},
		{"L38", "queue gone", ruled("where", func(r *rules) { r.Route[1].Queues[0].Queue = "gone" }), "route[1].queues[0].queue", `there is no queue "gone"`},
		{"L38", "queue twice", ruled("where", func(r *rules) { r.Route[0].Queues[1].Queue = "front" }), "route[0].queues[1].queue", `"front" stands in route[0].queues[0].queue already`},
		{"L38", "less than all", split(70, 29), "route[0].queues", "have 99 percent in all; make it 100"},
		{"L38", "more than all", split(70, 31), "route[0].queues", "have 101 percent in all"},
		{"L38", "a share of nothing", split(100, 0), "route[0].queues[1].percent", "0 is out of range; use 1 to 100"},
		{"L38", "half of one queue", ruled("where", func(r *rules) { r.Route[1].Queues[0].Percent = 50 }), "route[1].queues", "have 50 percent in all"},
		{"L52", "overflow to the rule's own queue", ruled("where", func(r *rules) {
			r.Route[1].Overflow = overflows{{Condition: outOfHours, Action: transfer, Queue: "front"}}
		}), "route[1].overflow[0].queue", `"front" is the queue itself`},
		{"L52", "overflow without action", ruled("where", func(r *rules) { r.Route[1].Overflow[0].Action = 0 }), "route[1].overflow[0].action", "is not an action"},
	} {
		m.check(t)
	}
}

// custom is a queue that assigns by rules, with a change.
func custom(change func(*queue)) directory.Resource {
	q := &queue{Meta: meta("front"), Agents: []string{"mila"}, Assignment: configv1.Assignment_ASSIGNMENT_CUSTOM, Custom: &configv1.CustomAssignment{
		Prioritisation: "first", Assignment: "whom", Selections: []*configv1.Selection{{Name: "gold", When: "conversation.priority > 5", Ruleset: "whom"}, {Name: "rest", Ruleset: "empty"}}}}
	change(q)
	return q
}

func TestMistakesOfCustomAssignment(t *testing.T) {
	whom := func(change func(*rules)) directory.Resource { return ruled("whom", change) }
	first := func(change func(*rules)) directory.Resource { return ruled("first", change) }
	for _, m := range []mistake{
		{"L60", "rules of another method", custom(func(q *queue) { q.Assignment = configv1.Assignment_ASSIGNMENT_ROUND_ROBIN }), "custom", "has no effect unless assignment is ASSIGNMENT_CUSTOM"},
		{"L60", "no rules", custom(func(q *queue) { q.Custom = nil }), "custom.assignment", "is missing; name one of the rulesets"},
		{"L60", "a head start", custom(func(q *queue) { q.HeadStartSeconds = 5 }), "head_start_seconds", "5 has no effect with ASSIGNMENT_CUSTOM"},
		{"L60", "prioritisation gone", custom(func(q *queue) { q.Custom.Prioritisation = "gone" }), "custom.prioritisation", `there is no ruleset "gone"`},
		{"L60", "prioritised by a ruleset that assigns", custom(func(q *queue) { q.Custom.Prioritisation = "whom" }), "custom.prioritisation", `ruleset "whom" finds agents; name it as custom.assignment`},
		{"L60", "assigned by a ruleset that prioritises", custom(func(q *queue) { q.Custom.Assignment = "first" }), "custom.assignment", `ruleset "first" puts conversations in order; name it as custom.prioritisation`},
		{"L60", "assigned by a ruleset that routes", custom(func(q *queue) { q.Custom.Selections[1].Ruleset = "where" }), "custom.selections[1].ruleset", `ruleset "where" chooses queues`},
		{"L60", "selection of nothing", custom(func(q *queue) { q.Custom.Selections[1].Ruleset = "" }), "custom.selections[1].ruleset", "is missing; name one of the rulesets"},
		{"L60", "two selections of one name", custom(func(q *queue) { q.Custom.Selections[1].Name = "gold" }), "custom.selections[1].name", `"gold" is the name in custom.selections[0].name already`},
		{"L60", "a selection by agents", custom(func(q *queue) { q.Custom.Selections[0].When = "agent.working" }), "custom.selections[0].when", "undeclared reference to 'agent'"},
		{"L60", "too many selections", custom(func(q *queue) {
			q.Custom.Selections = some(21, func(i int) *configv1.Selection { return &configv1.Selection{Name: fmt.Sprint(i), Ruleset: "whom"} })
		}), "custom.selections", "has 21 selections; use at most 20"},
		{"L60", "classified by a ruleset that assigns", broken(func(w *workstream) { w.Classification[1] = "whom" }), "classification[1]", `ruleset "whom" finds agents`},
		{"L60", "two sorts of rules", whom(func(r *rules) { r.Prioritise = []*configv1.PrioritisationRule{{Name: "x"}} }), "assign", "has 2 rules beside the 1 of prioritise"},
		{"L60", "too many steps", whom(func(r *rules) {
			r.Assign = some(21, func(i int) *configv1.AssignmentRule { return &configv1.AssignmentRule{Name: fmt.Sprint(i)} })
		}), "assign", "has 21 rules; use at most 20"},
		{"L60", "too many buckets", first(func(r *rules) {
			r.Prioritise = some(101, func(i int) *configv1.PrioritisationRule { return &configv1.PrioritisationRule{Name: fmt.Sprint(i)} })
		}), "prioritise", "has 101 rules; use at most 100"},
		{"L60", "two steps of one name", whom(func(r *rules) { r.Assign[1].Name = "near" }), "assign[1].name", `"near" is the name in assign[0].name already`},
		{"L60", "a bucket without name", first(func(r *rules) { r.Prioritise[0].Name = "" }), "prioritise[0].name", "is missing"},
		{"L60", "a bucket by agents", first(func(r *rules) { r.Prioritise[0].When = "agent.units > 3" }), "prioritise[0].when", "undeclared reference to 'agent'"},
		{"L60", "a step by the message", whom(func(r *rules) { r.Assign[0].When = `message.text == ""` }), "assign[0].when", "undeclared reference to 'message'"},
		{"L61", "an order of a newer version", whom(func(r *rules) { r.Assign[0].Order = 9 }), "assign[0].order", "9 is not a value this version knows"},
		{"L60", "an order of a newer version", first(func(r *rules) { r.Prioritise[0].Order = 9 }), "prioritise[0].order", "9 is not a value this version knows"},
		{"L61", "presence as a number", whom(func(r *rules) { r.Assign[0].When = "agent.presence == 1" }), "assign[0].when", "no matching overload"},
		{"L61", "a step that costs too much", whom(func(r *rules) {
			r.Assign[0].When = "agent.skills.exists(s, conversation.skills.exists(t, agent.queues.exists(q, q == s + t)))"
		}), "assign[0].when", "a condition costs at most 2500"},
	} {
		m.check(t)
	}
	for name, r := range map[string]directory.Resource{
		"L60 all of it":  custom(func(*queue) {}),
		"L60 first come": custom(func(q *queue) { q.Custom.Prioritisation = "" }),
		"L61 exact match of skills": whom(func(r *rules) {
			r.Assign[0].When = "conversation.skills.all(s, s in agent.skills && agent.skills[s] >= conversation.skills[s])"
		}),
		"L61 dynamic presence": whom(func(r *rules) {
			r.Assign[0].When = "agent.presence in conversation.presences && agent.units_free >= conversation.units"
		}),
		"L61 is working":           whom(func(r *rules) { r.Assign[0].When = "agent.working || conversation.waited > 300" }),
		"L61 a place in a profile": whom(func(r *rules) { r.Assign[0].When = `"chat" in agent.places && agent.places["chat"] > 1` }),
		"L60 buckets by time":      first(func(r *rules) { r.Prioritise[0].When = `conversation.silent > 60 && now.getHours("Europe/Sofia") < 12` }),
	} {
		if found := check(r); len(found) > 0 {
			t.Errorf("%s: %v", name, found)
		}
	}
}

func TestTheLimitsOfKindsAreGood(t *testing.T) {
	for name, r := range map[string]directory.Resource{
		"L70 usual scale":                       broken(func(s *skill) { s.Lowest, s.Highest = 0, 0 }),
		"L70 widest scale":                      broken(func(s *skill) { s.Highest = 100 }),
		"L70 no type and no name":               broken(func(s *skill) { s.Type, s.Meta.DisplayName = "", "" }),
		"L70 lowest of the scale":               broken(func(a *agent) { a.Skills[0].Value = 1 }),
		"L66 the profile's limit":               broken(func(a *agent) { a.Profiles[0].Limit = 0 }),
		"L42 always open":                       broken(func(q *queue) { q.Schedule = "" }),
		"L53 no wait":                           broken(func(q *queue) { q.Wait = &configv1.WaitRule{} }),
		"L53 longest wait":                      broken(func(q *queue) { q.Wait.Seconds = 172_800 }),
		"L53 wait and end":                      broken(func(q *queue) { q.Wait.Action, q.Wait.Queue = end, "" }),
		"L51 most items":                        broken(func(q *queue) { q.Overflow[1].Items = 100_000 }),
		"S25 a workstream that no page has yet": &workstream{Meta: meta("other"), Queue: "front", Units: 1, OfferSeconds: 60},
		"L35 routing to be filled":              broken(func(w *workstream) { w.Routing = "empty" }),
		"L116 number to be set":                 broken(func(w *workstream) { w.Variables[1].Initial = "" }),
		"L116 longest value":                    broken(func(w *workstream) { w.Variables[0].Initial = strings.Repeat("ж", 4000) }),
		"L38 all of one queue":                  ruled("where", func(r *rules) { r.Route[1].Queues[0].Percent = 100 }),
		"L32 a rule that sets nothing": ruled("urgent", func(r *rules) {
			r.Classify[0].Set = nil
		}),
		"S27 language with a region": broken(func(p *configv1.Page) { p.Language = "sr-Latn-RS" }),
		"S27 no language":            broken(func(p *configv1.Page) { p.Language = "" }),
	} {
		if found := check(r); len(found) > 0 {
			t.Errorf("%s: %v", name, found)
		}
	}
}

// waiting is a queue from which those that waited too long go to another.
func waiting(id, to string) *queue {
	q := &queue{Meta: meta(id)}
	if to != "" {
		q.Wait = &configv1.WaitRule{Seconds: 60, Action: transfer, Queue: to}
	}
	return q
}

// L53: a circle of waiting is refused in each of its queues, with its way, and
// in no other. L50: one of transfers before the queue is harmless.
func TestCircles(t *testing.T) {
	w := directory.NewSnapshot(waiting("a", "b"), waiting("b", "c"), waiting("c", "a"), waiting("d", "a"))
	for id, way := range map[string]string{"a": "a -> b -> c -> a", "b": "b -> c -> a -> b", "d": ""} {
		found := validate.Resource(w.Queues[id], w)
		if way == "" && len(found) > 0 || way != "" && (len(found) != 1 || found[0].Field != "wait.queue" || !strings.Contains(found[0].Description, "leads in a circle, "+way+",")) {
			t.Errorf("%s: %v", id, found)
		}
	}
	before := func(id, to string) *queue {
		return &queue{Meta: meta(id), Overflow: overflows{{Condition: items, Items: 1, Action: transfer, Queue: to}}}
	}
	harmless := directory.NewSnapshot(before("a", "b"), before("b", "a"))
	if found := validate.Resource(harmless.Queues["a"], harmless); len(found) > 0 {
		t.Errorf("before the queue: %v", found)
	}
}

// In any world, a queue is told to be in a circle exactly when who follows the
// rules of waiting from it comes back.
func TestCirclesAreFound(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		names := []string{"a", "b", "c", "d", "e", "f", ""}
		var all []directory.Resource
		next := map[string]string{}
		for i, id := range names[:6] {
			next[id] = rapid.SampledFrom(append(append([]string{}, names[:i]...), names[i+1:]...)).Draw(t, id)
			all = append(all, waiting(id, next[id]))
		}
		w := directory.NewSnapshot(all...)
		for id := range next {
			back, at := false, id
			for range len(next) {
				at = next[at]
				back = back || at == id
			}
			if found := validate.Resource(w.Queues[id], w); back != (len(found) == 1) {
				t.Fatalf("%s in %v: %v", id, next, found)
			}
		}
	})
}
