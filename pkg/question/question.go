// Package question is what customers are asked before their conversation is
// routed (L114): how a question reads, and what is taken for an answer. It is
// pure.
package question

import (
	"net/mail"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
)

// Limits of questions.
const (
	Most       = 10  // in a workstream (L114)
	MaxText    = 512 // characters of a question and of an answer (L114)
	MaxChoices = 12  // to press, with room for one that goes on without: Meta takes 13
	MaxTitle   = 20  // characters of an answer to press
	MaxPattern = 200 // characters of a regular expression

	usualMinutes  = 10
	usualAttempts = 3
)

// Wait is how long a conversation waits for all answers.
func Wait(set *configv1.Questions) time.Duration {
	if set.GetMinutes() == 0 {
		return usualMinutes * time.Minute
	}
	return time.Duration(set.GetMinutes()) * time.Minute
}

// Attempts is how many answers may not fit.
func Attempts(q *configv1.Question) int32 {
	if q.GetAttempts() == 0 {
		return usualAttempts
	}
	return q.GetAttempts()
}

// Of is the question whose answer a variable gets; nil when there is none.
func Of(set *configv1.Questions, variable string) *configv1.Question {
	for _, q := range set.GetList() {
		if q.GetVariable() == variable {
			return q
		}
	}
	return nil
}

// Payloads of answers to press, after the conversation and the variable.
const (
	prefix = "parley:question:"
	skip   = "skip"
)

func payload(conversation, variable, word string) string {
	return prefix + conversation + ":" + variable + ":" + word
}

// Answer tells what a message is to the question q of a conversation;
// QUESTION_RESULT_UNSPECIFIED for one that is about something else, such as an
// answer that was pressed elsewhere.
func Answer(q *configv1.Question, conversation string, m *threadv1.MessageReceived) (result threadv1.QuestionResult, value string) {
	pressed := m.GetQuickReply()
	if pressed == payload(conversation, q.GetVariable(), skip) && q.GetOptional() {
		return threadv1.QuestionResult_QUESTION_RESULT_SKIPPED, ""
	}
	if word, is := strings.CutPrefix(pressed, payload(conversation, q.GetVariable(), "")); is {
		if n, err := strconv.Atoi(word); err == nil && n >= 0 && n < len(q.GetChoices()) {
			return threadv1.QuestionResult_QUESTION_RESULT_FIT, q.GetChoices()[n].GetValue()
		}
	}
	if strings.HasPrefix(pressed, "parley:") || m.GetStandby() {
		return threadv1.QuestionResult_QUESTION_RESULT_UNSPECIFIED, ""
	}
	// An address that Messenger offered comes in the text as well.
	if value, fits := Fit(q, m.GetText()); fits {
		return threadv1.QuestionResult_QUESTION_RESULT_FIT, value
	}
	return threadv1.QuestionResult_QUESTION_RESULT_UNFIT, ""
}

var numberShape = regexp.MustCompile(`^-?[0-9]{1,15}(\.[0-9]{1,15})?$`)

// Fit gives the value that a text is as an answer to q.
func Fit(q *configv1.Question, text string) (value string, fits bool) {
	text = strings.TrimSpace(text)
	if text == "" || utf8.RuneCountInString(text) > MaxText {
		return "", false
	}
	if len(q.GetChoices()) > 0 {
		return chosen(q, text)
	}
	switch q.GetCheck() {
	case configv1.QuestionCheck_QUESTION_CHECK_NUMBER:
		text = strings.Replace(text, ",", ".", 1)
		return text, numberShape.MatchString(text)
	case configv1.QuestionCheck_QUESTION_CHECK_EMAIL:
		a, err := mail.ParseAddress(text)
		return text, err == nil && a.Address == text && strings.Contains(text[strings.LastIndexByte(text, '@'):], ".")
	case configv1.QuestionCheck_QUESTION_CHECK_PHONE:
		return phone(text)
	case configv1.QuestionCheck_QUESTION_CHECK_PATTERN:
		shape, err := Compile(q.GetPattern())
		return text, err == nil && shape.MatchString(text)
	case configv1.QuestionCheck_QUESTION_CHECK_UNSPECIFIED:
	}
	return text, true
}

// chosen is the value of the choice that a customer typed instead of pressing.
func chosen(q *configv1.Question, text string) (value string, fits bool) {
	for _, c := range q.GetChoices() {
		if strings.EqualFold(text, c.GetValue()) {
			return c.GetValue(), true
		}
		for _, title := range c.GetTitles() {
			if strings.EqualFold(text, strings.TrimSpace(title.GetText())) {
				return c.GetValue(), true
			}
		}
	}
	return "", false
}

// phone is a telephone number with nothing but digits, and a plus where there was
// one.
func phone(text string) (value string, fits bool) {
	plus := strings.HasPrefix(text, "+")
	digits := strings.Map(func(r rune) rune {
		if strings.ContainsRune(" -/().", r) {
			return -1
		}
		return r
	}, strings.TrimPrefix(text, "+"))
	if len(digits) < 6 || len(digits) > 15 || strings.Trim(digits, "0123456789") != "" {
		return "", false
	}
	if plus {
		digits = "+" + digits
	}
	return digits, true
}

// Compile compiles a pattern so that it matches an answer as a whole.
func Compile(pattern string) (*regexp.Regexp, error) {
	if _, err := regexp.Compile(pattern); err != nil {
		return nil, err
	}
	return regexp.Compile(`\A(?:` + pattern + `)\z`)
}

// Text is the text in the first of languages that there is, else the first.
func Text(list []*configv1.LocalText, languages []string) (text, language string) {
	for _, language := range languages {
		for _, one := range list {
			if one.GetLanguage() == language {
				return one.GetText(), language
			}
		}
	}
	if len(list) > 0 {
		return list[0].GetText(), list[0].GetLanguage()
	}
	return "", ""
}

// Replies are the answers to press, for a question that is put in a language.
func Replies(q *configv1.Question, conversation, language string) (all []*threadv1.QuickReply) {
	for i, c := range q.GetChoices() {
		title, _ := Text(c.GetTitles(), []string{language})
		if title == "" {
			title = c.GetValue()
		}
		all = append(all, &threadv1.QuickReply{Title: title, Payload: payload(conversation, q.GetVariable(), strconv.Itoa(i))})
	}
	switch {
	case len(all) > 0:
	case q.GetCheck() == configv1.QuestionCheck_QUESTION_CHECK_EMAIL:
		all = append(all, &threadv1.QuickReply{ContentType: "user_email"})
	case q.GetCheck() == configv1.QuestionCheck_QUESTION_CHECK_PHONE:
		all = append(all, &threadv1.QuickReply{ContentType: "user_phone_number"})
	}
	if q.GetOptional() {
		_, title := standard(language)
		all = append(all, &threadv1.QuickReply{Title: title, Payload: payload(conversation, q.GetVariable(), skip)})
	}
	return all
}

// Wrong is what is said before q is asked again, in a language.
func Wrong(q *configv1.Question, language string) string {
	if text, _ := Text(q.GetWrongTexts(), []string{language}); text != "" {
		return text
	}
	text, _ := standard(language)
	return text
}

// standard is what Parley says of an answer that does not fit, and on the answer
// that goes on without.
func standard(language string) (wrong, skip string) {
	if language == "bg" || strings.HasPrefix(language, "bg-") {
		return "Този отговор не подхожда. Опитайте, моля, още веднъж.", "Пропускане"
	}
	return "This answer does not fit. Please try again.", "Skip"
}
