package validate_test

import (
	"strings"
	"testing"

	"github.com/parley-desk/parley/pkg/directory"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
	"github.com/parley-desk/parley/services/admin/internal/validate"
)

// L114: each mistake in a question with field, value and remedy.
func TestWhatIsSaidOfQuestions(t *testing.T) {
	type asks = configv1.Questions
	pick := func(s *asks) *configv1.QuestionChoice { return s.GetList()[1].GetChoices()[0] }
	for _, c := range []struct {
		name        string
		change      func(*asks)
		field, says string
	}{
		{"good", func(*asks) {}, "", ""},
		{"minutes", func(s *asks) { s.Minutes = 1441 }, "questions.minutes", "1441 is out of range; use 1 to 1440"},
		{"too many", func(s *asks) { s.List = some(11, func(int) *configv1.Question { return s.GetList()[0] }) }, "questions.list", "has 11 questions; use at most 10"},
		{"no such variable", func(s *asks) { s.List[0].Variable = "Order" }, "questions.list[0].variable", `"Order" is none of the workstream's variables; case matters`},
		{"a variable twice", func(s *asks) { s.List[1].Variable = "order" }, "questions.list[1].variable", `"order" gets the answer of questions.list[0] already`},
		{"no text", func(s *asks) { s.List[0].Texts = nil }, "questions.list[0].texts", "is missing; write the question"},
		{"a long text", func(s *asks) { s.List[0].Texts[0].Text = strings.Repeat("ж", 513) }, "questions.list[0].texts[0].text", "has 513 characters; use at most 512"},
		{"a language twice", func(s *asks) { s.List[0].Texts = append(s.List[0].Texts, s.List[0].Texts[0]) }, "questions.list[0].texts[1].language", `"en" stands in questions.list[0].texts[0] already`},
		{"an agent's name", func(s *asks) { s.List[0].Texts[0].Text = "{AgentName}?" }, "questions.list[0].texts[0].text", "holds {AgentName}"},
		{"no pattern", func(s *asks) { s.List[0].Pattern = "" }, "questions.list[0].pattern", "is missing; write a regular expression"},
		{"a pattern without its check", func(s *asks) { s.List[0].Check = 0 }, "questions.list[0].pattern", "has no effect unless check is QUESTION_CHECK_PATTERN"},
		{"a pattern that is none", func(s *asks) { s.List[0].Pattern = "(?=a)" }, "questions.list[0].pattern", "syntax of RE2"},
		{"half a pattern", func(s *asks) { s.List[0].Pattern = "a)|(b" }, "questions.list[0].pattern", "syntax of RE2"},
		{"attempts", func(s *asks) { s.List[0].Attempts = 6 }, "questions.list[0].attempts", "6 is out of range; use 1 to 5"},
		{"a check beside choices", func(s *asks) { s.List[1].Check = configv1.QuestionCheck_QUESTION_CHECK_EMAIL }, "questions.list[1].check", "has no effect beside choices"},
		{"words for a number", func(s *asks) { s.List[1].Choices = nil }, "questions.list[1].check", `cannot have, which is a number; use QUESTION_CHECK_NUMBER`},
		{"a choice without value", func(s *asks) { pick(s).Value = "" }, "questions.list[1].choices[0].value", "is missing"},
		{"a choice of another type", func(s *asks) { pick(s).Value = "one" }, "questions.list[1].choices[0].value", `"one" is nothing that the variable "level" can have`},
		{"a choice twice", func(s *asks) { pick(s).Value = "2" }, "questions.list[1].choices[1].value", `"2" is that of choices[0] already`},
		{"a long title", func(s *asks) { pick(s).Titles = []*configv1.LocalText{{Language: "en", Text: strings.Repeat("x", 21)}} }, "questions.list[1].choices[0].titles[0].text", "has 21 characters; use at most 20"},
		{"too many choices", func(s *asks) { s.List[1].Choices = some(13, func(int) *configv1.QuestionChoice { return pick(s) }) }, "questions.list[1].choices", "has 13 answers to press; use at most 12"},
	} {
		w, _ := broken(func(w *configv1.Workstream) {
			w.Variables = append(w.Variables, &configv1.Variable{Name: "order", Type: configv1.VariableType_VARIABLE_TYPE_TEXT}, &configv1.Variable{Name: "level", Type: configv1.VariableType_VARIABLE_TYPE_NUMBER})
			w.Questions = &asks{Minutes: 5, List: []*configv1.Question{
				{Variable: "order", Texts: []*configv1.LocalText{{Language: "en", Text: "Which order, {$order$}?"}}, Check: configv1.QuestionCheck_QUESTION_CHECK_PATTERN, Pattern: `A-\d+`, Optional: true, Attempts: 2},
				{Variable: "level", Texts: []*configv1.LocalText{{Language: "en", Text: "How urgent?"}}, Choices: []*configv1.QuestionChoice{{Value: "1"}, {Value: "2"}}}}}
			c.change(w.Questions)
		}).(*configv1.Workstream)
		got := validate.Resource(w, directory.NewSnapshot(world()...))
		switch {
		case c.field == "" && len(got) > 0:
			t.Errorf("%s: %v", c.name, got)
		case c.field != "" && (len(got) != 1 || got[0].Field != c.field || !strings.Contains(got[0].Description, c.says)):
			t.Errorf("%s: %v, want %s: %s", c.name, got, c.field, c.says)
		}
	}
}
