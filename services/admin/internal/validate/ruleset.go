package validate

import (
	"fmt"
	"maps"
	"slices"

	"github.com/parley-desk/parley/pkg/directory"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
)

// Limits of a ruleset.
const (
	maxClassify   = 100  // rules (L32)
	maxRoute      = 200  // rules (L35)
	maxPrioritise = 100  // rules (L60)
	maxAssign     = 20   // rules (L60)
	maxAttributes = 5    // that one rule sets (L32)
	maxShares     = 5    // queues of one rule (L38)
	maxPriority   = 1023 // of a conversation
	whole         = 100  // percent
)

// ruleset checks a ruleset but for its conditions. One without rules is good:
// it finds out nothing.
func (p *problems) ruleset(r *configv1.Ruleset, world *directory.Snapshot) {
	if sorts := sortsOf(r); len(sorts) > 1 {
		p.add(sorts[1].field, "has %d rules beside the %d of %s; the rules of a ruleset are of one sort, so make it %d",
			sorts[1].rules, sorts[0].rules, sorts[0].field, len(sorts))
		return
	}
	if p.atMost("classify", "rules", len(r.GetClassify()), maxClassify) {
		p.names("classify[%d].name", each(r.GetClassify(), (*configv1.ClassificationRule).GetName))
		for i, rule := range r.GetClassify() {
			p.attributes(fmt.Sprintf("classify[%d].set", i), rule.GetSet(), world)
		}
	}
	if p.atMost("route", "rules", len(r.GetRoute()), maxRoute) {
		p.names("route[%d].name", each(r.GetRoute(), (*configv1.RoutingRule).GetName))
		for i, rule := range r.GetRoute() {
			p.shares(fmt.Sprintf("route[%d].queues", i), rule.GetQueues(), world)
			p.overflow(fmt.Sprintf("route[%d].overflow", i), rule.GetOverflow(), each(rule.GetQueues(), (*configv1.Share).GetQueue), world)
		}
	}
	p.orders(r)
}

// orders checks the rules of custom assignment (L60, L61).
func (p *problems) orders(r *configv1.Ruleset) {
	if p.atMost("prioritise", "rules", len(r.GetPrioritise()), maxPrioritise) {
		p.names("prioritise[%d].name", each(r.GetPrioritise(), (*configv1.PrioritisationRule).GetName))
		for i, rule := range r.GetPrioritise() {
			p.known(fmt.Sprintf("prioritise[%d].order", i), rule.GetOrder().String(), configv1.ItemOrder_name, int32(rule.GetOrder()))
		}
	}
	if p.atMost("assign", "rules", len(r.GetAssign()), maxAssign) {
		p.names("assign[%d].name", each(r.GetAssign(), (*configv1.AssignmentRule).GetName))
		for i, rule := range r.GetAssign() {
			p.known(fmt.Sprintf("assign[%d].order", i), rule.GetOrder().String(), configv1.AgentOrder_name, int32(rule.GetOrder()))
		}
	}
}

// sort is a sort of rules: the field they stand in, and how many they are.
type sort struct {
	field string
	rules int
}

// sortsOf are the sorts of rules that a ruleset has.
func sortsOf(r *configv1.Ruleset) []sort {
	all := []sort{{"classify", len(r.GetClassify())}, {"route", len(r.GetRoute())}, {"prioritise", len(r.GetPrioritise())}, {"assign", len(r.GetAssign())}}
	return slices.DeleteFunc(all, func(s sort) bool { return s.rules == 0 })
}

// attributes checks what a rule sets (L32, L34, L67, L116).
func (p *problems) attributes(path string, a *configv1.Attributes, world *directory.Snapshot) {
	n := len(a.GetSkills()) + len(a.GetCapacityProfiles()) + len(a.GetVariables())
	if a.GetPriority() != 0 || a != nil && a.Priority != nil {
		n++
		p.within(path+".priority", a.GetPriority(), 0, maxPriority)
	}
	if !p.atMost(path, "attributes", n, maxAttributes) {
		return
	}
	p.proficiencies(path+".skills", a.GetSkills(), world)
	p.references(path+".capacity_profiles[%d]", directory.Profiles, a.GetCapacityProfiles(), world)
	for _, name := range slices.Sorted(maps.Keys(a.GetVariables())) {
		field := path + ".variables[" + clip(name) + "]"
		p.variableName(field, name)
		p.variableValue(field, a.GetVariables()[name])
	}
}

// shares checks the queues of a rule and their parts (L38).
func (p *problems) shares(path string, list []*configv1.Share, world *directory.Snapshot) {
	switch n := len(list); {
	case n == 0:
		p.add(path, "is missing; name one queue, or up to %d that share", maxShares)
		return
	case !p.atMost(path, "queues", n, maxShares):
		return
	}
	p.references(path+"[%d].queue", directory.Queues, each(list, (*configv1.Share).GetQueue), world)
	if len(list) == 1 && list[0].GetPercent() == 0 {
		return // it takes all
	}
	sum, good := int64(0), len(*p)
	for i, s := range list {
		p.within(fmt.Sprintf("%s[%d].percent", path, i), s.GetPercent(), 1, whole)
		sum += int64(s.GetPercent())
	}
	if good == len(*p) && sum != whole {
		p.add(path, "have %d percent in all; make it %d", sum, whole)
	}
}
