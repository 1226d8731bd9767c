package validate_test

import (
	"strings"
	"testing"

	"github.com/parley-desk/parley/pkg/directory"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
	"github.com/parley-desk/parley/services/admin/internal/validate"
)

// L113: each mistake in a survey with field, value and remedy.
func TestWhatIsSaidOfSurveys(t *testing.T) {
	type survey = configv1.Survey
	for _, c := range []struct {
		name        string
		change      func(*survey)
		field, says string
	}{
		{"good", func(*survey) {}, "", ""},
		{"without texts", func(s *survey) { s.Texts = nil }, "", ""},
		{"off", func(s *survey) { *s = survey{} }, "", ""},
		{"mode of another version", func(s *survey) { s.Mode = 9 }, "survey.mode", "9 is not a value this version knows"},
		{"scale of another version", func(s *survey) { s.Scale = 9 }, "survey.scale", "9 is not a value this version knows"},
		{"too long", func(s *survey) { s.Hours = 721 }, "survey.hours", "721 is out of range; use 1 to 720"},
		{"no language", func(s *survey) { s.Texts[0].Language = "" }, "survey.texts[0].language", "is missing; write a BCP 47 tag"},
		{"no such language", func(s *survey) { s.Texts[0].Language = "bg_BG" }, "survey.texts[0].language", "is not a language"},
		{"a language twice", func(s *survey) { s.Texts[0].Language = "de" }, "survey.texts[1].language", `"de" stands in survey.texts[0] already`},
		{"half a language", func(s *survey) { s.Texts[1].Thanks = "" }, "survey.texts[1].thanks", `is missing, and Parley brings none along in "de"; write it`},
		{"a long invitation", func(s *survey) { s.Texts[0].Invitation = strings.Repeat("ж", 201) }, "survey.texts[0].invitation", "has 201 characters; use at most 200"},
		{"a long question", func(s *survey) { s.Texts[0].Question = strings.Repeat("ж", 501) }, "survey.texts[0].question", "has 501 characters; use at most 500"},
		{"a slug", func(s *survey) { s.Texts[0].Question = "{Position}?" }, "survey.texts[0].question", "holds {Position}, which nothing is put in place of here"},
		{"half a slug", func(s *survey) { s.Texts[0].Thanks = "{AgentName" }, "survey.texts[0].thanks", "holds a brace without its other one"},
		{"bytes", func(s *survey) { s.Texts[0].Thanks = "\xff" }, "survey.texts[0].thanks", "is not UTF-8"},
		{"white space", func(s *survey) { s.Texts[0].Thanks = "  " }, "survey.texts[0].thanks", "is white space"},
		{"control characters", func(s *survey) { s.Texts[0].Thanks = "a\x07" }, "survey.texts[0].thanks", "holds control characters"},
	} {
		w, _ := broken(func(w *configv1.Workstream) {
			w.Survey = &survey{Mode: configv1.SurveyMode_SURVEY_MODE_LINK, Comment: true, Hours: 24, Texts: []*configv1.SurveyTexts{
				{Language: "bg", Invitation: "Как беше?", Question: "Как беше с {AgentName} от {QueueName}, {$tier$}?", Comment: "Още нещо?", Thanks: "Благодарим!"},
				{Language: "de", Invitation: "Wie war es?", Question: "Wie war es mit {AgentName}?", Comment: "Noch etwas?", Thanks: "Danke!"}}}
			c.change(w.Survey)
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

// S28: a page's surveys are checked as a workstream's are.
func TestWhatIsSaidOfSurveysOfPages(t *testing.T) {
	for _, m := range []mistake{
		{"S28", "survey of another version", broken(func(p *configv1.Page) { p.Survey = &configv1.Survey{Mode: 9} }), "survey.mode", "9 is not a value this version knows"},
		{"S28", "long survey after a bot", broken(func(p *configv1.Page) { p.BotSurvey = &configv1.Survey{Hours: 721} }), "bot_survey.hours", "721 is out of range; use 1 to 720"},
	} {
		m.check(t)
	}
	lines := remarked(func(w *directory.Snapshot) {
		w.Pages["shop"].Survey = &configv1.Survey{Texts: []*configv1.SurveyTexts{{Language: "bg", Question: "{$Tier_1$} {$gone$}?"}}}
	})
	if want := `page "shop" names the variable "gone" (survey.texts[0][question])`; len(lines) != 1 || !strings.HasPrefix(lines[0], want) {
		t.Errorf("remarks %q, want %q", lines, want)
	}
}
