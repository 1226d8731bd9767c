package question_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"

	"github.com/parley-desk/parley/pkg/question"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
)

const (
	number  = configv1.QuestionCheck_QUESTION_CHECK_NUMBER
	email   = configv1.QuestionCheck_QUESTION_CHECK_EMAIL
	phone   = configv1.QuestionCheck_QUESTION_CHECK_PHONE
	pattern = configv1.QuestionCheck_QUESTION_CHECK_PATTERN
)

// What customers write, and what is taken of it.
func TestWhatFits(t *testing.T) {
	choices := []*configv1.QuestionChoice{{Value: "sales", Titles: []*configv1.LocalText{{Language: "bg", Text: "Продажби"}}}, {Value: "2"}}
	for _, c := range []struct {
		q        *configv1.Question
		text, is string // is empty: it does not fit
	}{
		{&configv1.Question{}, " anything at all ", "anything at all"}, {&configv1.Question{}, " \n", ""}, {&configv1.Question{}, strings.Repeat("ж", 513), ""},
		{&configv1.Question{Check: number}, "12", "12"}, {&configv1.Question{Check: number}, "-0,5", "-0.5"}, {&configv1.Question{Check: number}, "1e9", ""}, {&configv1.Question{Check: number}, "1 000", ""},
		{&configv1.Question{Check: email}, "ana@example.com", "ana@example.com"}, {&configv1.Question{Check: email}, "Ana <ana@example.com>", ""}, {&configv1.Question{Check: email}, "ana@localhost", ""}, {&configv1.Question{Check: email}, "ana", ""},
		{&configv1.Question{Check: phone}, "+359 (88) 123-45.67", "+359881234567"}, {&configv1.Question{Check: phone}, "12345", ""}, {&configv1.Question{Check: phone}, "call me", ""}, {&configv1.Question{Check: phone}, "1234567890123456", ""},
		{&configv1.Question{Check: pattern, Pattern: "A-[0-9]+"}, "A-17", "A-17"}, {&configv1.Question{Check: pattern, Pattern: "A-[0-9]+"}, "my A-17", ""}, {&configv1.Question{Check: pattern, Pattern: "a|b"}, "ab", ""},
		{&configv1.Question{Choices: choices}, "ПРОДАЖБИ", "sales"}, {&configv1.Question{Choices: choices}, "Sales", "sales"}, {&configv1.Question{Choices: choices}, "2", "2"}, {&configv1.Question{Choices: choices}, "3", ""},
	} {
		if got, fits := question.Fit(c.q, c.text); fits != (c.is != "") || fits && got != c.is {
			t.Errorf("%v: %q is %q, %v; want %q", c.q, c.text, got, fits, c.is)
		}
	}
}

// What is pressed: every answer offered comes back as itself, and those of other
// questions, conversations and notices are about something else.
func TestWhatIsPressed(t *testing.T) {
	q := &configv1.Question{Variable: "dept", Optional: true, Choices: []*configv1.QuestionChoice{{Value: "sales"}, {Value: "repair"}}}
	offered := question.Replies(q, "c", "bg")
	if len(offered) != 3 {
		t.Fatalf("offered %v", offered)
	}
	for i, want := range []string{"sales", "repair", ""} {
		result, value := question.Answer(q, "c", &threadv1.MessageReceived{Text: offered[i].GetTitle(), QuickReply: offered[i].GetPayload()})
		if value != want || (result == threadv1.QuestionResult_QUESTION_RESULT_SKIPPED) != (want == "") {
			t.Errorf("%v: %v, %q", offered[i], result, value)
		}
	}
	for _, payload := range []string{"parley:agree:x", question.Replies(q, "d", "bg")[0].GetPayload(), "parley:question:c:tier:0", "parley:question:c:dept:9", "parley:question:c:dept:-1", "parley:survey:c:5"} {
		if result, _ := question.Answer(q, "c", &threadv1.MessageReceived{Text: "sales", QuickReply: payload}); result != threadv1.QuestionResult_QUESTION_RESULT_UNSPECIFIED {
			t.Errorf("%s: %v", payload, result)
		}
	}
	mail := &configv1.Question{Variable: "mail", Check: email}
	if r := question.Replies(mail, "c", "en"); len(r) != 1 || r[0].GetContentType() != "user_email" {
		t.Errorf("offered %v", r)
	}
	if result, value := question.Answer(mail, "c", &threadv1.MessageReceived{Text: "a@b.bg", QuickReply: "a@b.bg"}); result != threadv1.QuestionResult_QUESTION_RESULT_FIT || value != "a@b.bg" {
		t.Errorf("the address that Messenger offers: %v %q", result, value)
	}
}

// Whatever is written, nothing breaks, and what fits is short and no white space.
func TestAnyText(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		q := &configv1.Question{Check: configv1.QuestionCheck(rapid.Int32Range(0, 4).Draw(t, "check")), Pattern: rapid.SampledFrom([]string{".*", "a+", "("}).Draw(t, "pattern")}
		value, fits := question.Fit(q, rapid.String().Draw(t, "text"))
		if fits && (value == "" || utf8.RuneCountInString(value) > question.MaxText || strings.TrimSpace(value) != value) {
			t.Fatalf("%q fits", value)
		}
	})
}
