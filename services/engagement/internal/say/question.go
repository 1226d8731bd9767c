package say

import (
	"github.com/parley-desk/parley/pkg/question"
	"github.com/parley-desk/parley/pkg/thread"
	"github.com/parley-desk/parley/pkg/wording"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
)

// ofQuestion is what a fact of questions calls for: the question that is next.
func ofQuestion(f *threadv1.Fact) []Call {
	switch f.GetKind().(type) {
	case *threadv1.Fact_QuestionsBegan, *threadv1.Fact_QuestionAnswered:
		return []Call{call("", threadv1.Trigger_TRIGGER_QUESTION)}
	}
	return nil
}

// questionOn tells whether a question is to be put now.
func (a *answer) questionOn() bool {
	q := a.s.GetConversation().GetQuestions()
	return len(q.GetLeft()) > 0 && !q.GetAsked()
}

// questionFacts put the next question. One that the workstream no longer has is
// left, and all that come after it: what they were to tell nobody reads.
func (a *answer) questionFacts() []*threadv1.Fact {
	c := a.s.GetConversation()
	next := c.GetQuestions().GetLeft()[0]
	q := question.Of(a.Rules.World.Workstreams[c.GetWorkstream()].GetQuestions(), next)
	if q == nil {
		return []*threadv1.Fact{thread.Of(&threadv1.QuestionsEnded{})}
	}
	text, language := question.Text(q.GetTexts(), wording.Languages(a.page, a.s.GetCustomer().GetLocale()))
	if c.GetQuestions().GetUnfit() > 0 {
		text = question.Wrong(q, language) + "\n" + text
	}
	a.said.Trigger = threadv1.Trigger_TRIGGER_QUESTION
	request := &threadv1.SendRequested{Id: a.id(), Automated: a.said, Parts: thread.Split(wording.Fill(text, a.values())), QuickReplies: question.Replies(q, c.GetId(), language)}
	if len(request.GetParts()) == 0 {
		return []*threadv1.Fact{thread.Of(&threadv1.QuestionsEnded{})}
	}
	return []*threadv1.Fact{thread.Of(request), thread.Of(&threadv1.QuestionAsked{Variable: next})}
}
