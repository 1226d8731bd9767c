package slug_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/parley-desk/parley/pkg/slug"
)

func values() slug.Values {
	v := slug.Values{"AgentNickname": "Мими"}
	v.Person("Customer", " Ana  Maria Petrova ")
	v.Person("Agent", "Mila")
	v.Variables(map[string]string{"order": "A-17", "evil": "{CustomerFullName}"})
	return v
}

func TestFill(t *testing.T) {
	for text, want := range map[string]string{
		"":                      "",
		"Good day.":             "Good day.",
		"{CustomerFirstName}!":  "Ana!",
		"{CustomerLastName}":    "Petrova",
		"{CustomerFullName}":    "Ana Maria Petrova",
		"{AgentFirstName}":      "Mila",
		"-{AgentLastName}-":     "--", // she has one name
		"{AgentNickname}":       "Мими",
		"{$order$} {$gone$}.":   "A-17 .",
		"{$evil$}":              "{CustomerFullName}", // a value is no text of ours
		"a } b":                 "a } b",
		"open { for ever":       "open { for ever",
		"{$order$}{$order$} {}": "A-17A-17 ",
	} {
		if got := slug.Fill(text, values()); got != want {
			t.Errorf("%q gives %q, want %q", text, got, want)
		}
	}
}

func TestVariableOf(t *testing.T) {
	for s, want := range map[string]string{"$order$": "order", "$order": "", "order$": "", "$": "", "$$": "", "order": ""} {
		if got, ok := slug.VariableOf(s); ok != (want != "") || ok && got != want {
			t.Errorf("%q is %q, %t", s, got, ok)
		}
	}
}

func TestCheckText(t *testing.T) {
	declared := func(name string) bool { return name == "order" }
	for text, want := range map[string]string{
		"Hello {CustomerFirstName}, of {$order$}\n\tyours": "",
		" \n":                               "is missing",
		strings.Repeat("я", 2001):           "has 2001 characters; use at most 2000",
		"bell \a":                           "control characters",
		"\xff":                              "is not UTF-8",
		"an {open brace":                    "opens a brace that is not closed",
		"{customerfullname}":                "{customerfullname} is no slug; write one of {CustomerFullName}",
		"{}":                                "{} is no slug",
		"{$Order$}":                         "{$Order$} names a context variable that is not declared; case matters",
		"{" + strings.Repeat("x", 99):       "not closed",
		"{" + strings.Repeat("я", 99) + "}": "…} is no slug",
	} {
		wrong := slug.CheckText(text, declared)
		if want == "" && len(wrong) > 0 || want != "" && (len(wrong) != 1 || wrong[0].Field != "text" || !strings.Contains(wrong[0].Description, want)) {
			t.Errorf("%.40q: %v, want %q", text, wrong, want)
		}
	}
	var many strings.Builder
	for i := range slug.MaxSlugs + 1 {
		many.WriteString("{$v" + strings.Repeat("x", i) + "$}")
	}
	if wrong := slug.CheckText(many.String(), func(string) bool { return true }); len(wrong) != 1 {
		t.Errorf("21 slugs: %v", wrong)
	}
}

func TestCheckTags(t *testing.T) {
	if wrong := slug.CheckTags([]string{"доставка", "post-code"}); wrong != nil {
		t.Errorf("good tags: %v", wrong)
	}
	var fields []string
	for _, w := range slug.CheckTags([]string{"a", "", "A", "#b", "c d", strings.Repeat("x", 51)}) {
		fields = append(fields, w.Field)
	}
	if diff := cmp.Diff([]string{"tags[1]", "tags[2]", "tags[3]", "tags[4]", "tags[5]"}, fields); diff != "" {
		t.Error(diff)
	}
	if wrong := slug.CheckTags(make([]string, 21)); len(wrong) != 1 || wrong[0].Field != "tags" {
		t.Errorf("21 tags: %v", wrong)
	}
}

// A text that passed the check leaves no brace of its own behind.
func TestCheckedTextsLeaveNoBraces(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		pieces := rapid.SliceOf(rapid.SampledFrom([]string{"{", "}", "$", "order", "CustomerFullName", "{AgentNickname}", "{$order$}", "ж", " "})).Draw(t, "pieces")
		text := strings.Join(pieces, "")
		if slug.CheckText(text, func(name string) bool { return name == "order" }) != nil {
			return
		}
		if got := slug.Fill(text, slug.Values{"$order$": "7"}); strings.Contains(got, "{") {
			t.Fatalf("%q gives %q", text, got)
		}
	})
}
