package slug_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/parley-desk/parley/pkg/slug"
)

func TestBlanks(t *testing.T) {
	many := func(n int) (body string) {
		for i := range n {
			body += fmt.Sprintf("{{%d}} ", i+1)
		}
		return body
	}
	for name, c := range map[string]struct {
		body   string
		blanks string // with spaces between
		wrong  string // a piece of it; empty: it is good
	}{
		"none":               {"Your order is on its way.", "", ""},
		"numbered":           {"Order {{2}} of {{1}}: {{2}}!", "1 2", ""},
		"as many as may be":  {many(20), "1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20", ""},
		"named":              {"{{order_id}} of {{customer}}, {{order_id}}", "order_id customer", ""},
		"two lines":          {"Hello,\n{{1}} is here.", "1", ""},
		"nothing":            {" ", "", "is missing"},
		"no UTF-8":           {"\xff", "", "UTF-8"},
		"too long":           {strings.Repeat("ж", 1025), "", "1025 characters"},
		"a tab":              {"a\tb", "", "control"},
		"single braces":      {"Order {1}", "", "belongs to no blank"},
		"one brace too many": {"Order {{{1}}}", "", "belongs to no blank"},
		"one that is open":   {"Order {{1", "", "belongs to no blank"},
		"an empty one":       {"Order {{}}", "", "has the blank {{}}"},
		"a zero":             {"Order {{0}}", "", "has the blank {{0}}"},
		"a padded number":    {"Order {{01}}", "", "has the blank {{01}}"},
		"a capital":          {"Order {{Id}}", "", "has the blank {{Id}}"},
		"spaces":             {"Order {{ 1 }}", "", "has the blank {{ 1 }}"},
		"both sorts":         {"Order {{1}} of {{name}}", "", "numbered and named"},
		"a gap":              {"{{1}} {{2}} {{4}}", "", "no {{3}}"},
		"too many":           {many(21), "", "21 blanks"},
	} {
		t.Run(name, func(t *testing.T) {
			blanks, wrong := slug.Blanks(c.body)
			if got := strings.Join(blanks, " "); got != c.blanks || (wrong == "") != (c.wrong == "") || !strings.Contains(wrong, c.wrong) {
				t.Errorf("%q has %q, %q; want %q, %q", c.body, got, wrong, c.blanks, c.wrong)
			}
		})
	}
}

// Whatever a body is filled with, its own words stay, and no value is taken for a
// blank.
func TestFillBlanks(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		value := rapid.SampledFrom([]string{"A-17", "{{1}}", "{{2}}", "}}", "$1", ""})
		values := slug.Values{"1": value.Draw(t, "1"), "2": value.Draw(t, "2")}
		if got, want := slug.FillBlanks("a {{2}} b {{1}} c {{2}}", values), "a "+values["2"]+" b "+values["1"]+" c "+values["2"]; got != want {
			t.Fatalf("got %q, want %q", got, want)
		}
	})
	if got := slug.FillBlanks("a {{1}}", nil); got != "a {{1}}" {
		t.Errorf("what has no value became %q", got)
	}
	if blanks, _ := slug.Blanks("{{2}} {{1}}"); !slices.Equal(blanks, []string{"1", "2"}) {
		t.Errorf("numbered blanks come as %q", blanks)
	}
}
