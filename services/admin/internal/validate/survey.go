package validate

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/parley-desk/parley/pkg/survey"
	"github.com/parley-desk/parley/pkg/wording"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
)

// Limits of a survey.
const (
	maxInvitation  = 200 // characters (L2)
	maxSurveyText  = 500
	maxSurveyHours = 30 * 24
)

// survey checks what customers are asked when a conversation is over (L113).
func (p *problems) survey(field string, s *configv1.Survey) {
	if s == nil {
		return
	}
	p.known(field+".mode", s.GetMode().String(), configv1.SurveyMode_name, int32(s.GetMode()))
	p.known(field+".scale", s.GetScale().String(), configv1.SurveyScale_name, int32(s.GetScale()))
	if s.GetHours() != 0 {
		p.within(field+".hours", s.GetHours(), 1, maxSurveyHours)
	}
	if !p.atMost(field+".texts", "languages", len(s.GetTexts()), maxLanguages) {
		return
	}
	first := map[string]int{}
	for i, t := range s.GetTexts() {
		at := fmt.Sprintf("%s.texts[%d]", field, i)
		switch earlier, twice := first[t.GetLanguage()]; {
		case t.GetLanguage() == "":
			p.add(at+".language", `is missing; write a BCP 47 tag, such as "bg" or "en-GB"`)
		case twice:
			p.add(at+".language", "%q stands in %s.texts[%d] already; remove one", clip(t.GetLanguage()), field, earlier)
		}
		first[t.GetLanguage()] = i
		p.language(at+".language", t.GetLanguage())
		p.surveyTexts(at, s, t)
	}
}

// surveyTexts checks the texts of a survey in one language. Where Parley does not
// speak it, all that is shown must be there, or half would be in English.
func (p *problems) surveyTexts(at string, s *configv1.Survey, t *configv1.SurveyTexts) {
	link := s.GetMode() == configv1.SurveyMode_SURVEY_MODE_LINK
	for _, one := range []struct {
		field, text string
		most        int
		shown       bool
	}{
		{"invitation", t.GetInvitation(), maxInvitation, link}, {"question", t.GetQuestion(), maxSurveyText, true},
		{"comment", t.GetComment(), maxSurveyText, s.GetComment()}, {"thanks", t.GetThanks(), maxSurveyText, true},
	} {
		field := at + "." + one.field
		switch n := utf8.RuneCountInString(one.text); {
		case one.text == "":
			if one.shown && s.GetMode() != configv1.SurveyMode_SURVEY_MODE_UNSPECIFIED && !survey.Brought(t.GetLanguage()) {
				p.add(field, "is missing, and Parley brings none along in %q; write it", clip(t.GetLanguage()))
			}
			continue
		case !utf8.ValidString(one.text):
			p.add(field, "is not UTF-8; save the file as UTF-8")
		case strings.TrimSpace(one.text) == "":
			p.add(field, "is white space; write the text, or leave it out")
		case n > one.most:
			p.add(field, "has %d characters; use at most %d", n, one.most)
		case strings.ContainsFunc(one.text, func(r rune) bool { return unicode.IsControl(r) && r != '\n' }):
			p.add(field, "holds control characters; remove all but ends of lines")
		}
		for _, wrong := range wording.CheckEnd(one.text) {
			p.add(field, "%s", wrong)
		}
	}
}

// surveyed remarks on texts with a variable that no workstream has, of a
// workstream or a page.
func (o *Observer) surveyed(m *remarks, r interface {
	GetSurvey() *configv1.Survey
	GetBotSurvey() *configv1.Survey
}) {
	for _, field := range []string{"survey", "bot_survey"} {
		s := map[string]*configv1.Survey{"survey": r.GetSurvey(), "bot_survey": r.GetBotSurvey()}[field]
		for i, t := range s.GetTexts() {
			o.said(m, fmt.Sprintf("%s.texts[%d]", field, i), map[string]string{"invitation": t.GetInvitation(), "question": t.GetQuestion(), "comment": t.GetComment(), "thanks": t.GetThanks()})
		}
	}
}
