package rules

import (
	"slices"

	"github.com/parley-desk/parley/pkg/directory"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
	routingv1 "github.com/parley-desk/parley/proto/gen/parley/routing/v1"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
)

// Classify runs the work classification of the context's workstream: its
// rulesets in order, of each the first rule that matches (L33). What a rule sets
// is written into c for those after it. Nil when no rule did or failed.
func (r *Rules) Classify(c *routingv1.RoutingContext, t *Trace) *threadv1.ConversationClassified {
	writable(c)
	found, seen := &threadv1.ConversationClassified{Version: r.World.Version}, see(c)
	for _, id := range r.World.Workstreams[c.GetConversation().GetWorkstream()].GetClassification() {
		r.ruleset(id, c, seen, found, t.ruleset(id))
	}
	if len(found.GetRules()) == 0 && len(found.GetFailed()) == 0 {
		return nil
	}
	return found
}

// writable gives c the maps that rules write into: a copy of an empty one is none.
func writable(c *routingv1.RoutingContext) {
	if c.Conversation != nil && c.Conversation.Skills == nil {
		c.Conversation.Skills = map[string]int32{}
	}
	if c.Variables == nil {
		c.Variables = map[string]string{}
	}
}

func (r *Rules) ruleset(id string, c *routingv1.RoutingContext, seen view, found *threadv1.ConversationClassified, t *run) {
	applied := false
	for _, rule := range r.World.Rulesets[id].GetClassify() {
		if applied && t == nil {
			return
		}
		matched, failed := r.try(rule.GetName(), Text{When: rule.GetWhen()}, rule.GetDisabled(), applied, seen, t)
		switch {
		case failed:
			found.Failed = append(found.Failed, id+"/"+rule.GetName())
		case matched:
			applied = true
			found.Rules = append(found.Rules, id+"/"+rule.GetName())
			t.set(rule.GetSet())
			r.apply(rule.GetSet(), c, found)
		}
	}
}

// try runs one rule. After one was applied the others only tell what they
// would have done.
func (r *Rules) try(name string, when Text, disabled, late bool, seen view, t *run) (matched, failed bool) {
	if disabled {
		t.rule(name, routingv1.RuleOutcome_RULE_OUTCOME_DISABLED, reasons{})
		return false, false
	}
	if t == nil {
		matched, err := r.conditions[when].match(seen)
		return matched, err != nil
	}
	why := r.conditions[when].explain(seen)
	outcome := routingv1.RuleOutcome_RULE_OUTCOME_NOT_MATCHED
	switch {
	case why.err != nil:
		outcome = routingv1.RuleOutcome_RULE_OUTCOME_FAILED
	case why.matched && late:
		outcome = routingv1.RuleOutcome_RULE_OUTCOME_TOO_LATE
	case why.matched:
		outcome = routingv1.RuleOutcome_RULE_OUTCOME_APPLIED
	}
	t.rule(name, outcome, why)
	return why.matched && !late, why.err != nil && !late
}

// apply writes what a rule sets into the context and into what was found. What
// it names that is no more, or inactive, is left out.
func (r *Rules) apply(set *configv1.Attributes, c *routingv1.RoutingContext, found *threadv1.ConversationClassified) {
	if set != nil && set.Priority != nil {
		c.Conversation.Priority = set.GetPriority()
		found.Priority = set.Priority
	}
	for _, s := range set.GetSkills() {
		skill := r.World.Skills[s.GetSkill()]
		if skill == nil || skill.GetInactive() {
			continue
		}
		need := &threadv1.Need{Skill: s.GetSkill(), Value: directory.Rating(skill, s.GetValue())}
		need.Level = directory.Level(skill, need.GetValue())
		c.Conversation.Skills[need.GetSkill()] = need.GetValue()
		found.Skills = slices.DeleteFunc(found.Skills, func(n *threadv1.Need) bool { return n.GetSkill() == need.GetSkill() })
		found.Skills = append(found.Skills, need)
	}
	for _, p := range set.GetCapacityProfiles() {
		if r.World.Profiles[p] != nil && !slices.Contains(found.GetCapacityProfiles(), p) {
			found.CapacityProfiles = append(found.CapacityProfiles, p)
		}
	}
	for name, value := range set.GetVariables() {
		c.Variables[name] = value
		if found.Variables == nil {
			found.Variables = map[string]string{}
		}
		found.Variables[name] = value
	}
}
