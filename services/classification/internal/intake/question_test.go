package intake_test

import (
	"testing"
	"time"

	"github.com/parley-desk/parley/pkg/thread"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
	"github.com/parley-desk/parley/services/classification/internal/intake"
	"github.com/parley-desk/parley/services/classification/internal/routing"
)

// L114: a conversation that opens waits for answers, and is to be routed when it
// has them.
func TestQuestionsBeforeRouting(t *testing.T) {
	set := &configv1.Questions{Minutes: 5, List: []*configv1.Question{{Variable: "order", Check: configv1.QuestionCheck_QUESTION_CHECK_PATTERN, Pattern: "A-[0-9]+", Attempts: 2},
		{Variable: "dept", Choices: []*configv1.QuestionChoice{{Value: "sales"}, {Value: "repair"}}}}}
	s := thread.New(page, psid)
	say := func(member, want string) {
		t.Helper()
		i := input(item(member))
		i.Questions = func(string) *configv1.Questions { return set }
		if got := kinds(file(t, s, i)); got != want {
			t.Fatalf("%s: %s, want %s", member, got, want)
		}
	}
	asked := func(variable string) {
		t.Helper()
		if err := thread.Apply(s, 2, time.UnixMilli(noon), thread.Of(&threadv1.QuestionAsked{Variable: variable})); err != nil {
			t.Fatal(err)
		}
	}
	say(`"message":{"mid":"m1","text":"A-1"}`, "message_received conversation_opened questions_began")
	if q := s.GetConversation().GetQuestions(); q.GetUntilMs() != noon+5*60_000 || routing.Needed(s) {
		t.Fatalf("waits for %v; to be routed: %v", q, routing.Needed(s))
	}
	say(`"message":{"mid":"m2","text":"A-2"}`, "message_received") // nothing was asked yet
	asked("order")
	say(`"postback":{"title":"menu"}`, "postback_received")
	say(`"message":{"mid":"m3","text":"x","quick_reply":{"payload":"parley:agree:1"}}`, "message_received")
	say(`"message":{"mid":"m4","text":"what?"}`, "message_received question_answered")
	say(`"message":{"mid":"m5","text":"A-17"}`, "message_received") // the question is to come again first
	asked("order")
	say(`"message":{"mid":"m6","text":"A-17"}`, "message_received question_answered")
	asked("dept")
	say(`"message":{"mid":"m7","text":"x","quick_reply":{"payload":"parley:question:c1:dept:1"}}`, "message_received question_answered questions_ended")
	if got := s.GetConversation().GetVariables(); got["order"] != "A-17" || got["dept"] != "repair" || !routing.Needed(s) {
		t.Errorf("known %v; to be routed: %v", got, routing.Needed(s))
	}
	say(`"message":{"mid":"m8","text":"A-18"}`, "message_received")
}

// What the customer's link told is not asked, and without questions nothing waits.
func TestNothingToAsk(t *testing.T) {
	for _, set := range []*configv1.Questions{nil, {}, {Minutes: 3}} {
		i := input(item(`"message":{"mid":"m","text":"a"}`))
		i.Questions = func(string) *configv1.Questions { return set }
		d := intake.Decide(thread.New(page, psid), i)
		if kinds(d.Facts) != "message_received conversation_opened" || d.Asks() || d.Opened() == nil {
			t.Errorf("%v: %s", set, kinds(d.Facts))
		}
	}
	i := input(item(`"message":{"mid":"m","text":"a","referral":{"ref":"order=A-9"}}`))
	i.Variables = []*configv1.Variable{{Name: "order"}}
	i.Questions = func(string) *configv1.Questions {
		return &configv1.Questions{List: []*configv1.Question{{Variable: "order"}}}
	}
	if got := kinds(file(t, thread.New(page, psid), i)); got != "message_received conversation_opened" {
		t.Errorf("the link has told: %s", got)
	}
	i = input(item(`"message":{"mid":"m","text":"a"}`))
	i.Opening.Bot = true
	i.Questions = func(string) *configv1.Questions {
		return &configv1.Questions{List: []*configv1.Question{{Variable: "order"}}}
	}
	if got := kinds(file(t, thread.New(page, psid), i)); got != "message_received conversation_opened" {
		t.Errorf("a bot asks for itself: %s", got)
	}
}
