package rules

import (
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
)

// Bucket is where a conversation stands in the prioritisation of its queue.
type Bucket struct {
	N     int // from 0; the number of rules for those that no rule takes
	Rule  string
	Order configv1.ItemOrder
}

// Bucket is the bucket of the first rule that takes the conversation (L60). A
// rule that fails takes none.
func (r *Rules) Bucket(queue string, s *Sight) Bucket {
	id := r.World.Queues[queue].GetCustom().GetPrioritisation()
	rules := r.World.Rulesets[id].GetPrioritise()
	for n, rule := range rules {
		if rule.GetDisabled() {
			continue
		}
		if ok, err := r.conditions[Text{Waiting, rule.GetWhen()}].match(s.values); ok && err == nil {
			return Bucket{n, id + "/" + rule.GetName(), rule.GetOrder()}
		}
	}
	return Bucket{N: len(rules)}
}

// Step is a rule that looks for agents.
type Step struct {
	Name      string // "<ruleset>/<rule>"
	Order     configv1.AgentOrder
	condition *Condition
}

// Takes tells whether the step takes an agent for a conversation. The error is
// that of a condition that fails for the two; then it does not.
func (s Step) Takes(sight *Sight, face *Face) (bool, error) {
	return s.condition.match(&together{sight.values, face.value})
}

// Steps are the steps by which agents are looked for, of the first selection
// that is true, else of the queue's own ruleset (L60).
func (r *Rules) Steps(queue string, s *Sight) (ruleset string, steps []Step) {
	custom := r.World.Queues[queue].GetCustom()
	ruleset = custom.GetAssignment()
	for _, selection := range custom.GetSelections() {
		if selection.GetDisabled() {
			continue
		}
		if ok, err := r.conditions[Text{Waiting, selection.GetWhen()}].match(s.values); ok && err == nil {
			ruleset = selection.GetRuleset()
			break
		}
	}
	return ruleset, r.steps(ruleset)
}

func (r *Rules) steps(ruleset string) []Step {
	var out []Step
	for _, rule := range r.World.Rulesets[ruleset].GetAssign() {
		if !rule.GetDisabled() {
			out = append(out, Step{ruleset + "/" + rule.GetName(), rule.GetOrder(), r.conditions[Text{Assigning, rule.GetWhen()}]})
		}
	}
	return out
}
