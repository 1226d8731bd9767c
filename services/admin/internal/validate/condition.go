package validate

import (
	"fmt"
	"iter"
	"maps"
	"slices"

	"github.com/parley-desk/parley/pkg/directory"
	"github.com/parley-desk/parley/pkg/rules"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
)

// conditions checks the conditions of a ruleset, and that every workstream
// that has it has the variables that it names (L116).
func (p *problems) conditions(r *configv1.Ruleset, world *directory.Snapshot) {
	for field, when := range rules.Conditions(r) {
		if err := when.Condition().Check(); err != nil {
			p.add(field, "cannot be a condition: %v", err)
		}
	}
	if len(*p) > 0 {
		return // with what is wrong by itself first
	}
	for _, id := range slices.Sorted(maps.Keys(world.Workstreams)) {
		ws := world.Workstreams[id]
		if !slices.Contains(ws.GetClassification(), r.GetMeta().GetId()) && ws.GetRouting() != r.GetMeta().GetId() {
			continue
		}
		for field, wrong := range strange(r, ws) {
			p.add(field, "%s; workstream %q has the ruleset", wrong, id)
		}
	}
}

// knows checks that a workstream has the variables that its rulesets name.
func (p *problems) knows(w *configv1.Workstream, world *directory.Snapshot) {
	if len(*p) > 0 {
		return // with what is wrong by itself first
	}
	check := func(field, id string) {
		for at, wrong := range strange(world.Rulesets[id], w) {
			p.add(field, "ruleset %q, %s: %s", id, at, wrong)
		}
	}
	for i, id := range w.GetClassification() {
		check(fmt.Sprintf("classification[%d]", i), id)
	}
	check("routing", w.GetRouting())
	p.told(w, world)
}

// strange yields what a ruleset does with variables that a workstream does not
// have, or has otherwise.
func strange(r *configv1.Ruleset, w *configv1.Workstream) iter.Seq2[string, string] {
	known := map[string]*configv1.Variable{}
	for _, v := range w.GetVariables() {
		known[v.GetName()] = v
	}
	const remedy = "names the variable %q, which is none of the workstream's variables; add it there, or name another"
	return func(yield func(field, wrong string) bool) {
		for field, when := range rules.Conditions(r) {
			for _, name := range when.Condition().Variables() {
				if known[name] == nil && !yield(field, fmt.Sprintf(remedy, clip(name))) {
					return
				}
			}
		}
		for i, rule := range r.GetClassify() {
			set := rule.GetSet().GetVariables()
			for _, name := range slices.Sorted(maps.Keys(set)) {
				field := fmt.Sprintf("classify[%d].set.variables[%s]", i, clip(name))
				if wrong := unfit(known, name, set[name], remedy); wrong != "" && !yield(field, wrong) {
					return
				}
			}
		}
	}
}

// unfit tells why a variable does not take a value; empty when it does.
func unfit(known map[string]*configv1.Variable, name, value, remedy string) string {
	switch v := known[name]; {
	case v == nil:
		return fmt.Sprintf(remedy, clip(name))
	case !holds(v, value):
		return fmt.Sprintf("%q is not a number, and the workstream's variable is one; write it in decimal", clip(value))
	}
	return ""
}
