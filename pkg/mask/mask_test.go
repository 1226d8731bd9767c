package mask_test

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf16"

	"pgregory.net/rapid"

	"github.com/parley-desk/parley/pkg/directory"
	"github.com/parley-desk/parley/pkg/mask"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
)

const (
	cards     = configv1.MaskingPreset_MASKING_PRESET_CREDIT_CARD
	emails    = configv1.MaskingPreset_MASKING_PRESET_EMAIL
	ssns      = configv1.MaskingPreset_MASKING_PRESET_SSN
	customers = configv1.MaskedTexts_MASKED_TEXTS_CUSTOMER
	agents    = configv1.MaskedTexts_MASKED_TEXTS_AGENT
)

type rule = configv1.MaskingRule

func TestWhatRulesHide(t *testing.T) {
	x := func(n int) string { return strings.Repeat("#", n) }
	for _, c := range []struct {
		name  string
		rules []*rule
		text  string
		want  string
		by    string
	}{
		{"no rules", nil, "4111111111111111", "4111111111111111", ""},
		{"a card", []*rule{{Name: "cards", Preset: cards}}, "use 4111111111111111, please", "use " + x(16) + ", please", "cards"},
		{"a card in groups", []*rule{{Name: "cards", Preset: cards}}, "5500-0055 5555 5559", x(19), "cards"},
		{"a parcel's number, which is no card's", []*rule{{Name: "cards", Preset: cards}}, "4111111111111112", "4111111111111112", ""},
		{"a telephone", []*rule{{Name: "cards", Preset: cards}}, "+359 888 123 456", "+359 888 123 456", ""},
		{"an address", []*rule{{Name: "mail", Preset: emails}}, "пишете на иван.петров+shop@пример.бг!", "пишете на " + x(26) + "!", "mail"},
		{"no address", []*rule{{Name: "mail", Preset: emails}}, "@mila, see you at 5", "@mila, see you at 5", ""},
		{"a security number", []*rule{{Name: "ssn", Preset: ssns}}, "078-05-1120.", x(11) + ".", "ssn"},
		{"a pattern, letters of any script", []*rule{{Name: "egn", Pattern: `(?i)егн\s*\d{10}`}}, "ЕГН 7523169263, моля", x(14) + ", моля", "egn"},
		{"of two rules that meet", []*rule{{Name: "a", Pattern: "bc"}, {Name: "b", Pattern: "cd"}}, "abcde", "a###e", "a b"},
		{"lines stay", []*rule{{Name: "a", Pattern: `(?s)b.*d`}}, "ab\ncde", "a#\n##e", "a"},
		{"left out", []*rule{{Name: "a", Pattern: "b", Disabled: true}}, "abc", "abc", ""},
		{"for agents", []*rule{{Name: "a", Pattern: "b", Texts: agents}}, "abc", "abc", ""},
		{"for customers", []*rule{{Name: "a", Pattern: "b", Texts: customers}}, "abc", "a#c", "a"},
		{"one that does not compile hides nothing", []*rule{{Name: "a", Pattern: "("}, {Name: "b", Pattern: "b"}}, "ab(c", "a#(c", "b"},
		{"what is no UTF-8", []*rule{{Name: "a", Pattern: "b"}}, "\xffb\xff", "\xff#\xff", "a"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, by := mask.Compile(c.rules).Customer.Try(c.text)
			if got != c.want || strings.Join(by, " ") != c.by {
				t.Errorf("%q by %q, want %q by %q", got, by, c.want, c.by)
			}
		})
	}
	if both := mask.Compile([]*rule{{Name: "a", Pattern: "b", Texts: customers}}); both.Agent.Hide("b") != "b" {
		t.Error("a rule for customers hides what agents write")
	}
}

// Whatever the rules, a text keeps its number of characters and its length in
// Messenger's count, what is no '#' stands where it stood, and what is hidden
// cannot be found again.
func TestMasksOnlyCover(t *testing.T) {
	text := rapid.StringOf(rapid.RuneFrom([]rune("ab1 2\n@.жФ😀#-4")))
	rules := rapid.SliceOf(rapid.SampledFrom([]*rule{{Name: "c", Preset: cards}, {Name: "e", Preset: emails}, {Name: "d", Pattern: `\d+`},
		{Name: "w", Pattern: `[аж]|😀`}, {Name: "l", Pattern: `(?s)a.*b`}}))
	rapid.Check(t, func(t *rapid.T) {
		before := text.Draw(t, "text")
		all := rules.Draw(t, "rules")
		after := mask.Compile(all).Customer.Hide(before)
		was, is := []rune(before), []rune(after)
		if len(was) != len(is) || len(utf16.Encode(is)) > len(utf16.Encode(was)) {
			t.Fatalf("%q became %q", before, after)
		}
		for i := range was {
			if is[i] != was[i] && is[i] != '#' {
				t.Fatalf("%q became %q", before, after)
			}
		}
		if slices.ContainsFunc(all, func(r *rule) bool { return r.GetName() == "d" }) && strings.ContainsAny(after, "0123456789") {
			t.Fatalf("%q is left of %q", after, before)
		}
	})
}

func TestRulesThatMakeNoSense(t *testing.T) {
	for pattern, remedy := range map[string]string{
		"": "must say what is hidden", `x*`: "nothing to hide", `^`: "nothing to hide", `\b`: "nothing to hide", `(a|)`: "nothing to hide",
		`.`: "hides every text", `.+`: "hides every text", `(?s).+`: "hides every text", `\S+`: "hides every text", `[^x]+`: "hides every text",
		`[`: "is not an RE2 expression", `a{2000}`: "is not an RE2 expression", `(a)\1`: "is not an RE2 expression", strings.Repeat("a", 501): "at most 500",
	} {
		if field, said := mask.Wrong(&rule{Pattern: pattern}); field != "pattern" || !strings.Contains(said, remedy) {
			t.Errorf("of %q it says %q", pattern, said)
		}
	}
	for _, fine := range []*rule{{Pattern: `\d+`}, {Pattern: `[A-Za-z]+`}, {Pattern: `\d{10}`}, {Preset: cards}} {
		if field, said := mask.Wrong(fine); field != "" {
			t.Errorf("of %v it says %q", fine, said)
		}
	}
}

func TestTheRulesOfAPageAreThoseOfItsWorkstream(t *testing.T) {
	world := func(pattern string) *directory.Snapshot {
		return directory.NewSnapshot(&configv1.Workstream{Meta: &configv1.Meta{Id: "w"}, Masks: []*rule{{Name: "a", Pattern: pattern}}},
			&configv1.Page{Meta: &configv1.Meta{Id: "p"}, PageId: "1", Workstream: "w"})
	}
	var book mask.Book
	old, renewed := world("a"), world("b")
	for _, c := range []struct {
		world *directory.Snapshot
		page  string
		want  string
	}{{old, "1", "#b"}, {old, "1", "#b"}, {old, "2", "ab"}, {renewed, "1", "a#"}, {old, "1", "#b"}} {
		if got := book.Of(c.world, c.page).Customer.Hide("ab"); got != c.want {
			t.Errorf("page %s: %q, want %q", c.page, got, c.want)
		}
	}
}
