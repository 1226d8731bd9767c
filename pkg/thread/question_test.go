package thread_test

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/parley-desk/parley/pkg/thread"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
)

// L114: whatever customers answer and whoever takes the conversation meanwhile,
// each question is asked as often as attempts allow, in order, and the values are
// those that fitted.
func TestQuestionsComeToAnEnd(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const attempts = 3
		s := thread.New("1", "2")
		var left []string
		for i := range rapid.IntRange(1, 4).Draw(t, "questions") {
			left = append(left, fmt.Sprint("v", i))
		}
		do := func(kind any) error { return thread.Apply(s, 1, time.UnixMilli(5), thread.Of(kind)) }
		for _, k := range []any{&threadv1.ConversationOpened{Id: "c", Units: 1}, &threadv1.QuestionsBegan{Variables: left, UntilMs: 100}} {
			if err := do(k); err != nil {
				t.Fatal(err)
			}
		}
		want := map[string]string{}
		for n := 0; s.GetConversation().GetQuestions() != nil; n++ {
			if n > len(left)*attempts {
				t.Fatal("it never ends")
			}
			variable, asked := thread.Asking(s)
			if asked {
				t.Fatal("what was not asked is before the customer's eyes")
			}
			if err := do(&threadv1.QuestionAnswered{Variable: variable, Result: threadv1.QuestionResult_QUESTION_RESULT_FIT, Value: "x"}); err == nil {
				t.Fatal("it is answered before it is asked")
			}
			if err := do(&threadv1.QuestionAsked{Variable: variable}); err != nil {
				t.Fatal(err)
			}
			if rapid.IntRange(0, 9).Draw(t, "agent") == 0 {
				if err := do(&threadv1.AgentAssigned{Agent: "mila", Cause: threadv1.Cause_CAUSE_ASSIGNED}); err != nil {
					t.Fatal(err)
				}
				break
			}
			result := threadv1.QuestionResult(rapid.SampledFrom([]int32{1, 2, 4}).Draw(t, "result"))
			value := ""
			if result == threadv1.QuestionResult_QUESTION_RESULT_FIT {
				value = fmt.Sprint("a", n)
				want[variable] = value
			}
			for _, f := range thread.AnswerQuestion(s, result, value, attempts) {
				if err := thread.Apply(s, 1, time.UnixMilli(5), f); err != nil {
					t.Fatalf("%v: %v", f, err)
				}
			}
		}
		if got := s.GetConversation().GetVariables(); len(got) != len(want) {
			t.Fatalf("known %v, want %v", got, want)
		}
		if facts := thread.AnswerQuestion(s, threadv1.QuestionResult_QUESTION_RESULT_FIT, "x", attempts); len(facts) > 0 {
			t.Fatalf("after the end: %v", facts)
		}
	})
}

// A question is before the customer's eyes once its message has left.
func TestAQuestionOnItsWayHasNoAnswer(t *testing.T) {
	s := thread.New("1", "2")
	ask := &threadv1.SendRequested{Id: "q", Parts: []string{"Which order?"}, Automated: &threadv1.Automated{Trigger: threadv1.Trigger_TRIGGER_QUESTION, Conversation: "c", Answers: 1}}
	story(t, s, &threadv1.ConversationOpened{Id: "c", Units: 1}, &threadv1.QuestionsBegan{Variables: []string{"order"}, UntilMs: 100}, ask, &threadv1.QuestionAsked{Variable: "order"})
	if _, asked := thread.Asking(s); asked {
		t.Error("the customer answers what is on its way")
	}
	story(t, s, &threadv1.SendAttempted{Id: "q", Attempt: 1, DeadlineMs: 50}, &threadv1.SendSucceeded{Id: "q", Mid: "m", Proof: thread.ProofAnswer})
	if variable, asked := thread.Asking(s); !asked || variable != "order" {
		t.Errorf("%q, %v", variable, asked)
	}
}
