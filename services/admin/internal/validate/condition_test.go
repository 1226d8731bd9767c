package validate_test

import (
	"strings"
	"testing"

	"github.com/parley-desk/parley/pkg/directory"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
	"github.com/parley-desk/parley/services/admin/internal/validate"
)

// What no rule may ask, and where that is said.
func TestMistakesOfConditions(t *testing.T) {
	number := configv1.VariableType_VARIABLE_TYPE_NUMBER
	classify := func(when string, set map[string]string) *configv1.Ruleset {
		return &configv1.Ruleset{Meta: &configv1.Meta{Id: "sort"}, Classify: []*configv1.ClassificationRule{
			{Name: "first"}, {Name: "second", When: when, Set: &configv1.Attributes{Variables: set}}}}
	}
	route := func(when string) *configv1.Ruleset {
		return &configv1.Ruleset{Meta: &configv1.Meta{Id: "routes"}, Route: []*configv1.RoutingRule{
			{Name: "only", When: when, Queues: []*configv1.Share{{Queue: "front"}}}}}
	}
	for _, c := range []struct {
		name   string
		change directory.Resource
		field  string // empty: nothing is wrong
		says   string
	}{
		{"good", classify(`variables.tier == "gold"`, map[string]string{"age": "4.5"}), "", ""},
		{"syntax", classify(`customer.name ==`, nil), "classify[1].when", "cannot be a condition: line 1, column"},
		{"a field that there is not", route(`customer.surname == "x"`), "route[0].when", "undefined field 'surname'"},
		{"no truth", route(`customer.name`), "route[0].when", "it gives string"},
		{"divides by zero", classify(`1 / 0 > 1`, nil), "classify[1].when", "divides by zero"},
		{"costs 10^12", classify(strings.Repeat("[1,2,3,4,5,6,7,8,9,10].exists(x, ", 12)+"true"+strings.Repeat(")", 12), nil), "classify[1].when", "costs at most"},
		{"recurses", route(strings.Repeat("(", 200) + "true" + strings.Repeat(")", 200)), "route[0].when", "recursion limit"},
		{"L116 a variable that the workstream lacks", route(`variables.colour == "red"`), "route[0].when", `names the variable "colour"`},
		{"L116 a variable that it cannot set", classify(``, map[string]string{"colour": "red"}), "classify[1].set.variables[colour]", `names the variable "colour"`},
		{"L116 a number that is none", classify(``, map[string]string{"age": "old"}), "classify[1].set.variables[age]", `"old" is not a number`},
		{"L116 the workstream takes the variable away", &configv1.Workstream{Meta: &configv1.Meta{Id: "care"}, Queue: "front", Units: 1, OfferSeconds: 30,
			Classification: []string{"sort"}, Routing: "routes"}, "classification[0]", `ruleset "sort", classify[1].when: names the variable "tier"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			world := directory.NewSnapshot(classify(`variables.tier == "gold"`, nil), route(""),
				&configv1.Workstream{Meta: &configv1.Meta{Id: "care"}, Queue: "front", Units: 1, OfferSeconds: 30, Classification: []string{"sort"}, Routing: "routes",
					Variables: []*configv1.Variable{{Name: "tier"}, {Name: "age", Type: number}}},
				&configv1.Queue{Meta: &configv1.Meta{Id: "front"}}, c.change)
			found := validate.Resource(c.change, world)
			if c.field == "" && len(found) == 0 {
				return
			}
			if len(found) != 1 || found[0].Field != c.field || !strings.Contains(found[0].Description, c.says) {
				t.Errorf("found %v, want %s: %s", found, c.field, c.says)
			}
		})
	}
}
