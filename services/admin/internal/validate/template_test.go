package validate_test

import (
	"strings"
	"testing"

	"github.com/parley-desk/parley/pkg/directory"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
	"github.com/parley-desk/parley/services/admin/internal/validate"
)

func TestMistakesOfUtilityTemplates(t *testing.T) {
	type utility = configv1.UtilityTemplate
	update := func() *utility {
		return &utility{Name: "order_update", Language: "en", Text: "Order {{1}} is {{2}}."}
	}
	for name, c := range map[string]struct {
		all         []*utility
		field, says string // empty: it is good
	}{
		"good":               {[]*utility{update(), {Name: "order_update", Language: "bg", Text: "{{order_id}}"}, {Name: "2024_paid", Language: "en_US", Text: "Paid."}}, "", ""},
		"as many as may be":  {several(50, update()), "", ""},
		"too many":           {several(51, update()), "templates", "has 51 templates; use at most 50"},
		"no name":            {[]*utility{{Language: "en", Text: "x"}}, "templates[0].name", `"" is not the name of a template; copy it from Meta`},
		"a name in capitals": {[]*utility{{Name: "Order", Language: "en", Text: "x"}}, "templates[0].name", `"Order" is not the name`},
		"no language":        {[]*utility{{Name: "a", Text: "x"}}, "templates[0].language", `"" is not a language code of Meta's`},
		"a BCP 47 tag":       {[]*utility{{Name: "a", Language: "en-US", Text: "x"}}, "templates[0].language", `such as "bg" or "en_US"`},
		"one twice":          {[]*utility{update(), update()}, "templates[1]", `"order_update" in "en" stands in templates[0] already; remove one`},
		"no text":            {[]*utility{{Name: "a", Language: "en"}}, "templates[0].text", "is missing; copy the body"},
		"a gap":              {[]*utility{{Name: "a", Language: "en", Text: "{{1}} {{3}}"}}, "templates[0].text", "no {{2}}; number them"},
	} {
		got := validate.Resource(broken(func(p *configv1.Page) { p.Templates = c.all }), directory.NewSnapshot(world()...))
		switch {
		case c.field == "" && len(got) > 0:
			t.Errorf("%s: %v", name, got)
		case c.field != "" && (len(got) != 1 || got[0].Field != c.field || !strings.Contains(got[0].Description, c.says)):
			t.Errorf("%s: %v, want %s: %s", name, got, c.field, c.says)
		}
	}
}

// several are n templates of different names.
func several(n int, like *configv1.UtilityTemplate) []*configv1.UtilityTemplate {
	var all []*configv1.UtilityTemplate
	for i := range n {
		all = append(all, &configv1.UtilityTemplate{Name: like.GetName() + strings.Repeat("x", i), Language: like.GetLanguage(), Text: like.GetText()})
	}
	return all
}
