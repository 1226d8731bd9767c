// Package mask hides parts of texts, as the rules of a workstream say (L19). A
// text is masked before it is kept: what customers write as intake files it, what
// agents write as the desk takes it. So nothing that reads the log can show what
// was hidden, and what is sent is what is stored. It is pure.
package mask

import (
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"

	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
)

// Limits of rules.
const (
	MaxRules   = 10  // for each direction
	MaxPattern = 500 // characters
)

// preset is what a rule without a pattern finds.
type preset struct {
	pattern string
	holds   func(found string) bool // nil: always
}

var presets = map[configv1.MaskingPreset]preset{
	configv1.MaskingPreset_MASKING_PRESET_CREDIT_CARD: {`\b\d(?:[ -]?\d){12,18}\b`, cardNumber},
	configv1.MaskingPreset_MASKING_PRESET_EMAIL:       {`[\p{L}\p{N}._%+-]+@[\p{L}\p{N}-]+(?:\.[\p{L}\p{N}-]+)+`, nil},
	configv1.MaskingPreset_MASKING_PRESET_SSN:         {`\b\d{3}-\d{2}-\d{4}\b`, nil},
}

// rule is one that hides.
type rule struct {
	name  string
	find  *regexp.Regexp
	holds func(string) bool
}

// Set are the rules for the texts of one side, in order. The zero value, and nil,
// hide nothing.
type Set struct{ rules []rule }

// Both are the rules of a workstream.
type Both struct{ Customer, Agent *Set }

// Compile gives the rules of a workstream. Those that cannot be used are left
// out; Validate of admin lets none of them in.
func Compile(rules []*configv1.MaskingRule) Both {
	both := Both{&Set{}, &Set{}}
	for _, r := range rules {
		one, err := compile(r)
		if err != nil || r.GetDisabled() {
			continue
		}
		if OfCustomers(r) {
			both.Customer.rules = append(both.Customer.rules, one)
		}
		if OfAgents(r) {
			both.Agent.rules = append(both.Agent.rules, one)
		}
	}
	return both
}

func compile(r *configv1.MaskingRule) (rule, error) {
	p, known := presets[r.GetPreset()]
	if !known {
		p.pattern = r.GetPattern()
	}
	if p.pattern == "" {
		return rule{}, fmt.Errorf("it finds nothing")
	}
	find, err := regexp.Compile(p.pattern)
	return rule{r.GetName(), find, p.holds}, err
}

// OfCustomers tells whether the rule is for what customers write.
func OfCustomers(r *configv1.MaskingRule) bool {
	return r.GetTexts() != configv1.MaskedTexts_MASKED_TEXTS_AGENT
}

// OfAgents tells whether the rule is for what agents write.
func OfAgents(r *configv1.MaskingRule) bool {
	return r.GetTexts() != configv1.MaskedTexts_MASKED_TEXTS_CUSTOMER
}

// Hide gives the text with a '#' for every character that a rule finds. All rules
// look at the text as it was written. It is never longer than before.
func (s *Set) Hide(text string) string {
	hidden, _ := s.Try(text)
	return hidden
}

// Try is Hide, and names the rules that found something.
func (s *Set) Try(text string) (hidden string, by []string) {
	if s == nil || text == "" {
		return text, nil
	}
	var gone []bool // by byte
	for _, r := range s.rules {
		found := false
		for _, at := range r.find.FindAllStringIndex(text, -1) {
			if at[0] == at[1] || r.holds != nil && !r.holds(text[at[0]:at[1]]) {
				continue
			}
			if gone == nil {
				gone = make([]bool, len(text))
			}
			for i := at[0]; i < at[1]; i++ {
				gone[i] = true
			}
			found = true
		}
		if found {
			by = append(by, r.name)
		}
	}
	if gone == nil {
		return text, nil
	}
	return over(text, gone), by
}

// over puts a '#' over every character of which a byte is gone. Line breaks stay,
// so that what is left stays where it was.
func over(text string, gone []bool) string {
	var out strings.Builder
	for at := 0; at < len(text); {
		r, size := utf8.DecodeRuneInString(text[at:])
		if gone[at] && r != '\n' {
			out.WriteByte('#')
		} else {
			out.WriteString(text[at : at+size])
		}
		at += size
	}
	return out.String()
}

// ordinary are texts of which a rule must leave something.
var ordinary = []string{"Hello", "Здравейте", "42", "?", "a", "Къде е поръчката ми? Where is my order?"}

// Wrong says what is wrong with a rule by itself, and in which of its fields;
// empty when nothing is.
func Wrong(r *configv1.MaskingRule) (field, remedy string) {
	if _, preset := presets[r.GetPreset()]; preset {
		if r.GetPattern() != "" {
			return "pattern", "must be empty with a preset, which says what is found; leave out one of them"
		}
		return "", ""
	}
	switch n := utf8.RuneCountInString(r.GetPattern()); {
	case n == 0:
		return "pattern", "must say what is hidden, or preset must"
	case n > MaxPattern:
		return "pattern", fmt.Sprintf("has %d characters; at most %d", n, MaxPattern)
	}
	one, err := compile(r)
	if err != nil {
		return "pattern", fmt.Sprintf("is not an RE2 expression (%s); https://github.com/google/re2/wiki/Syntax says how to write one", reason(err))
	}
	all := true
	for _, text := range append([]string{""}, ordinary...) {
		for _, at := range one.find.FindAllStringIndex(text, -1) {
			if at[0] == at[1] {
				return "pattern", "finds places between characters, where there is nothing to hide; use + in place of *, or name a character"
			}
		}
	}
	for _, text := range ordinary {
		left := one.find.ReplaceAllString(text, "")
		all = all && strings.TrimSpace(left) == ""
	}
	if all {
		return "pattern", "hides every text whole; name what it is to find"
	}
	return "", ""
}

// reason is what the compiler of expressions says, without the expression.
func reason(err error) string {
	text := strings.TrimPrefix(err.Error(), "error parsing regexp: ")
	what, _, _ := strings.Cut(text, ": `")
	return what
}

// cardNumber tells whether the check digit of a card's number is right: most
// numbers of orders and parcels fail it.
func cardNumber(found string) bool {
	sum, n := 0, 0
	for i := len(found) - 1; i >= 0; i-- {
		d := int(found[i] - '0')
		if d < 0 || d > 9 {
			continue
		}
		if n%2 == 1 {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum += d
		n++
	}
	return sum%10 == 0
}
