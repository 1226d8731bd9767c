package validate

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/parley-desk/parley/pkg/directory"
	"github.com/parley-desk/parley/pkg/question"
	"github.com/parley-desk/parley/pkg/wording"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
)

// Limits of questions beside those of what reads them.
const (
	maxQuestionMinutes = 24 * 60
	maxAttempts        = 5
)

// questions checks what customers are asked before their conversation is routed
// (L114).
func (p *problems) questions(w *configv1.Workstream) {
	set := w.GetQuestions()
	if w.GetBot() != nil && len(set.GetList()) > 0 {
		p.add("questions", "does not go with a bot, which gets the conversation first and can ask for itself; leave out questions or bot")
	}
	if set.GetMinutes() != 0 {
		p.within("questions.minutes", set.GetMinutes(), 1, maxQuestionMinutes)
	}
	if !p.atMost("questions.list", "questions", len(set.GetList()), question.Most) {
		return
	}
	first := map[string]int{}
	for i, q := range set.GetList() {
		field := fmt.Sprintf("questions.list[%d]", i)
		v := directory.Variable(w.GetVariables(), q.GetVariable())
		switch earlier, twice := first[q.GetVariable()]; {
		case v == nil:
			p.add(field+".variable", "%q is none of the workstream's variables; case matters; add it to variables, or name another", clip(q.GetVariable()))
			continue
		case twice:
			p.add(field+".variable", "%q gets the answer of questions.list[%d] already; name another", clip(q.GetVariable()), earlier)
		}
		first[q.GetVariable()] = i
		p.question(field, q, v)
	}
}

func (p *problems) question(field string, q *configv1.Question, v *configv1.Variable) {
	if len(q.GetTexts()) == 0 {
		p.add(field+".texts", "is missing; write the question in at least one language")
	}
	p.questionTexts(field+".texts", q.GetTexts(), question.MaxText)
	p.questionTexts(field+".wrong_texts", q.GetWrongTexts(), question.MaxText)
	p.known(field+".check", q.GetCheck().String(), configv1.QuestionCheck_name, int32(q.GetCheck()))
	if q.GetAttempts() != 0 {
		p.within(field+".attempts", q.GetAttempts(), 1, maxAttempts)
	}
	number := v.GetType() == configv1.VariableType_VARIABLE_TYPE_NUMBER
	switch pattern := q.GetCheck() == configv1.QuestionCheck_QUESTION_CHECK_PATTERN; {
	case pattern && q.GetPattern() == "":
		p.add(field+".pattern", "is missing; write a regular expression, RE2, or another check")
	case !pattern && q.GetPattern() != "":
		p.add(field+".pattern", "has no effect unless check is QUESTION_CHECK_PATTERN; set that, or leave it out")
	case utf8.RuneCountInString(q.GetPattern()) > question.MaxPattern:
		p.add(field+".pattern", "has %d characters; use at most %d", utf8.RuneCountInString(q.GetPattern()), question.MaxPattern)
	case pattern:
		if _, err := question.Compile(q.GetPattern()); err != nil {
			p.add(field+".pattern", "%s; write it in the syntax of RE2, https://github.com/google/re2/wiki/Syntax", err)
		}
	}
	if number && len(q.GetChoices()) == 0 && q.GetCheck() != configv1.QuestionCheck_QUESTION_CHECK_NUMBER {
		p.add(field+".check", "lets in what the variable %q cannot have, which is a number; use QUESTION_CHECK_NUMBER", clip(v.GetName()))
	}
	if len(q.GetChoices()) > 0 && q.GetCheck() != configv1.QuestionCheck_QUESTION_CHECK_UNSPECIFIED {
		p.add(field+".check", "has no effect beside choices; leave one of the two out")
	}
	p.choices(field, q.GetChoices(), v)
}

// choices checks the answers to press.
func (p *problems) choices(field string, list []*configv1.QuestionChoice, v *configv1.Variable) {
	if !p.atMost(field+".choices", "answers to press", len(list), question.MaxChoices) {
		return
	}
	first := map[string]int{}
	for i, c := range list {
		at := fmt.Sprintf("%s.choices[%d]", field, i)
		earlier, twice := first[strings.ToLower(c.GetValue())]
		first[strings.ToLower(c.GetValue())] = i
		switch {
		case strings.TrimSpace(c.GetValue()) == "":
			p.add(at+".value", "is missing; write the value that the variable gets")
		case twice:
			p.add(at+".value", "%q is that of choices[%d] already; choose another", clip(c.GetValue()), earlier)
		case !directory.Fits(v, c.GetValue()):
			p.add(at+".value", "%q is nothing that the variable %q can have", clip(c.GetValue()), clip(v.GetName()))
		case len(c.GetTitles()) == 0 && utf8.RuneCountInString(c.GetValue()) > question.MaxTitle:
			p.add(at+".titles", "is missing, and the value is longer than the %d characters of an answer to press; write titles", question.MaxTitle)
		}
		p.questionTexts(at+".titles", c.GetTitles(), question.MaxTitle)
	}
}

// questionTexts checks texts by language.
func (p *problems) questionTexts(field string, list []*configv1.LocalText, most int) {
	if !p.atMost(field, "languages", len(list), maxLanguages) {
		return
	}
	first := map[string]int{}
	for i, one := range list {
		at := fmt.Sprintf("%s[%d]", field, i)
		p.language(at+".language", one.GetLanguage())
		switch earlier, twice := first[one.GetLanguage()]; {
		case one.GetLanguage() == "":
			p.add(at+".language", `is missing; write a BCP 47 tag, such as "bg" or "en-GB"`)
		case twice:
			p.add(at+".language", "%q stands in %s[%d] already; remove one", clip(one.GetLanguage()), field, earlier)
		}
		first[one.GetLanguage()] = i
		switch n := utf8.RuneCountInString(one.GetText()); {
		case !utf8.ValidString(one.GetText()):
			p.add(at+".text", "is not UTF-8; save the file as UTF-8")
		case strings.TrimSpace(one.GetText()) == "":
			p.add(at+".text", "is empty; write it, or remove the language")
		case n > most:
			p.add(at+".text", "has %d characters; use at most %d", n, most)
		case strings.ContainsFunc(one.GetText(), func(r rune) bool { return unicode.IsControl(r) && r != '\n' }):
			p.add(at+".text", "holds control characters; remove all but ends of lines")
		}
		for _, wrong := range wording.Check(threadv1.Trigger_TRIGGER_QUESTION, one.GetText()) { // no queue and no agent yet
			p.add(at+".text", "%s", wrong)
		}
	}
}
