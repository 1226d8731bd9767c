package intake

import (
	"time"

	"github.com/parley-desk/parley/pkg/question"
	"github.com/parley-desk/parley/pkg/thread"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
)

// Asks tells that the conversation that opens waits for answers before it is
// routed.
func (d Decision) Asks() bool {
	return len(d.Facts) > 0 && d.Facts[len(d.Facts)-1].GetQuestionsBegan() != nil
}

// questions are the facts of a message beside the message: that answers are waited
// for in the conversation that opens by it, or that it answers what was asked
// (L114).
func (in Input) questions(s *threadv1.State, what any, opening *threadv1.ConversationOpened, at int64) []*threadv1.Fact {
	if in.Questions == nil {
		return nil
	}
	if opening.GetBot() { // it asks for itself
		return nil
	}
	if opening != nil {
		set := in.Questions(opening.GetWorkstream())
		began := &threadv1.QuestionsBegan{UntilMs: time.UnixMilli(max(at, in.Event.GetReceivedMs())).Add(question.Wait(set)).UnixMilli()}
		for _, q := range set.GetList() {
			if opening.GetVariables()[q.GetVariable()] == "" { // the customer's link may tell already
				began.Variables = append(began.Variables, q.GetVariable())
			}
		}
		if len(began.GetVariables()) == 0 {
			return nil
		}
		return []*threadv1.Fact{thread.Of(began)}
	}
	m, is := what.(*threadv1.MessageReceived)
	variable, asked := thread.Asking(s)
	c := s.GetConversation()
	if !is || !asked {
		return nil
	}
	q := question.Of(in.Questions(c.GetWorkstream()), variable)
	if q == nil {
		return thread.AnswerQuestion(s, threadv1.QuestionResult_QUESTION_RESULT_SKIPPED, "", 0) // it is asked no more
	}
	result, value := question.Answer(q, c.GetId(), m)
	if result == threadv1.QuestionResult_QUESTION_RESULT_UNSPECIFIED {
		return nil
	}
	return thread.AnswerQuestion(s, result, value, question.Attempts(q))
}
