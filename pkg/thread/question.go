package thread

import (
	"slices"
	"time"

	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
)

// Asking is the variable of the question that is next in a conversation which
// waits for answers; asked tells whether the customer has the question before the
// eyes: it was asked, and the message has left.
func Asking(s *threadv1.State) (variable string, asked bool) {
	q := s.GetConversation().GetQuestions()
	if len(q.GetLeft()) == 0 {
		return "", false
	}
	onItsWay := slices.ContainsFunc(s.GetSends(), func(one *threadv1.Send) bool {
		return one.GetTrigger() == threadv1.Trigger_TRIGGER_QUESTION
	})
	return q.GetLeft()[0], q.GetAsked() && !onItsWay
}

// AnswerQuestion gives the facts of an answer to the question that is next: of
// the last one also that nothing is waited for any more. attempts is how many
// answers may not fit.
func AnswerQuestion(s *threadv1.State, result threadv1.QuestionResult, value string, attempts int32) []*threadv1.Fact {
	q := s.GetConversation().GetQuestions()
	if len(q.GetLeft()) == 0 {
		return nil
	}
	if result == threadv1.QuestionResult_QUESTION_RESULT_UNFIT && q.GetUnfit()+1 >= attempts {
		result = threadv1.QuestionResult_QUESTION_RESULT_GIVEN_UP
	}
	facts := one(&threadv1.QuestionAnswered{Variable: q.GetLeft()[0], Result: result, Value: value})
	if len(q.GetLeft()) == 1 && result != threadv1.QuestionResult_QUESTION_RESULT_UNFIT {
		facts = append(facts, Of(&threadv1.QuestionsEnded{}))
	}
	return facts
}

// ofQuestion wraps the facts of questions.
func ofQuestion(kind any) *threadv1.Fact {
	switch k := kind.(type) {
	case *threadv1.QuestionsBegan:
		return &threadv1.Fact{Kind: &threadv1.Fact_QuestionsBegan{QuestionsBegan: k}}
	case *threadv1.QuestionAsked:
		return &threadv1.Fact{Kind: &threadv1.Fact_QuestionAsked{QuestionAsked: k}}
	case *threadv1.QuestionAnswered:
		return &threadv1.Fact{Kind: &threadv1.Fact_QuestionAnswered{QuestionAnswered: k}}
	case *threadv1.QuestionsEnded:
		return &threadv1.Fact{Kind: &threadv1.Fact_QuestionsEnded{QuestionsEnded: k}}
	}
	return nil
}

// applyQuestion is for facts of a conversation that waits for answers.
func applyQuestion(s *threadv1.State, now time.Time, f *threadv1.Fact) (handled bool, err error) {
	c := s.GetConversation()
	q := c.GetQuestions()
	switch k := f.GetKind().(type) {
	case *threadv1.Fact_QuestionsBegan:
		b := k.QuestionsBegan
		switch {
		case c.GetPhase() != threadv1.Phase_PHASE_OPEN || c.GetQueue() != "":
			return true, refuse(s, WrongPhase, "")
		case len(b.GetVariables()) == 0 || b.GetUntilMs() <= 0:
			return true, refuse(s, BadFact, "")
		case q != nil:
			return true, refuse(s, Stale, "")
		}
		c.Questions = &threadv1.Questioning{Left: slices.Clone(b.GetVariables()), UntilMs: b.GetUntilMs()}
	case *threadv1.Fact_QuestionAsked:
		if len(q.GetLeft()) == 0 || q.Left[0] != k.QuestionAsked.GetVariable() {
			return true, refuse(s, Stale, "")
		}
		q.Asked = true
	case *threadv1.Fact_QuestionAnswered:
		return true, applyQuestionAnswered(s, k.QuestionAnswered)
	case *threadv1.Fact_QuestionsEnded:
		if q == nil {
			return true, refuse(s, Stale, "")
		}
		c.Questions = nil
		touch(s, now)
	default:
		return false, nil
	}
	return true, nil
}

func applyQuestionAnswered(s *threadv1.State, a *threadv1.QuestionAnswered) error {
	c := s.GetConversation()
	q := c.GetQuestions()
	if len(q.GetLeft()) == 0 || q.Left[0] != a.GetVariable() || !q.Asked {
		return refuse(s, Stale, "")
	}
	switch a.GetResult() {
	case threadv1.QuestionResult_QUESTION_RESULT_UNFIT:
		q.Unfit, q.Asked = q.Unfit+1, false
		return nil
	case threadv1.QuestionResult_QUESTION_RESULT_FIT:
		if c.Variables == nil {
			c.Variables = map[string]string{}
		}
		if c.Variables[a.GetVariable()] = a.GetValue(); a.GetValue() == "" {
			delete(c.Variables, a.GetVariable())
		}
	case threadv1.QuestionResult_QUESTION_RESULT_GIVEN_UP, threadv1.QuestionResult_QUESTION_RESULT_SKIPPED:
	default:
		return refuse(s, BadFact, "")
	}
	q.Left, q.Asked, q.Unfit = q.Left[1:], false, 0
	return nil
}
