package rules

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
	routingv1 "github.com/parley-desk/parley/proto/gen/parley/routing/v1"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
)

// Trace records what rules did. Nil records nothing.
type Trace struct{ decision *routingv1.Decision }

// run records what one ruleset did. Nil records nothing.
type run struct {
	trace *Trace
	out   *routingv1.RulesetRun
}

func (t *Trace) ruleset(id string) *run {
	if t == nil {
		return nil
	}
	out := &routingv1.RulesetRun{Ruleset: id}
	t.decision.Rulesets = append(t.decision.Rulesets, out)
	return &run{t, out}
}

func (r *run) rule(name string, outcome routingv1.RuleOutcome, why reasons) {
	if r == nil {
		return
	}
	r.out.Rules = append(r.out.Rules, &routingv1.RuleRun{Rule: name, Outcome: outcome, Why: why.why, Cost: why.cost})
	r.trace.decision.Cost += why.cost
}

// set tells what the rule recorded last sets.
func (r *run) set(a *configv1.Attributes) {
	if r == nil {
		return
	}
	var lines []string
	if a != nil && a.Priority != nil {
		lines = append(lines, fmt.Sprintf("priority %d", a.GetPriority()))
	}
	for _, s := range a.GetSkills() {
		lines = append(lines, fmt.Sprintf("skill %s, at least %d", s.GetSkill(), max(s.GetValue(), 1)))
	}
	for _, p := range a.GetCapacityProfiles() {
		lines = append(lines, "capacity profile "+p)
	}
	for _, name := range slices.Sorted(maps.Keys(a.GetVariables())) {
		lines = append(lines, fmt.Sprintf("variable %s = %q", name, a.GetVariables()[name]))
	}
	r.out.Rules[len(r.out.Rules)-1].Set = lines
}

// queues tells which queues the rule recorded last names.
func (r *run) queues(shares []*configv1.Share) {
	if r == nil {
		return
	}
	var names []string
	for _, s := range shares {
		name := s.GetQueue()
		if len(shares) > 1 {
			name += fmt.Sprintf(" %d%%", s.GetPercent())
		}
		names = append(names, name)
	}
	r.out.Rules[len(r.out.Rules)-1].Set = []string{"queue " + strings.Join(names, ", ")}
}

// attributes are what was found, for people.
func attributes(k *threadv1.ConversationClassified) []string {
	var lines []string
	if k != nil && k.Priority != nil {
		lines = append(lines, fmt.Sprintf("priority %d", k.GetPriority()))
	}
	for _, n := range k.GetSkills() {
		lines = append(lines, fmt.Sprintf("skill %s, at least %d", n.GetSkill(), n.GetValue()))
	}
	for _, p := range k.GetCapacityProfiles() {
		lines = append(lines, "capacity profile "+p)
	}
	for _, name := range slices.Sorted(maps.Keys(k.GetVariables())) {
		lines = append(lines, fmt.Sprintf("variable %s = %q", name, k.GetVariables()[name]))
	}
	return lines
}
