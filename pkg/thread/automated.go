package thread

import (
	"time"

	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
)

// Answered tells whether the commit at revision has had its automated messages,
// or came before one that has. Who follows the log answers its commits in
// order, so what is answered needs no answer any more: not when a process
// handles a record again, and not when two processes handle it at once.
func Answered(s *threadv1.State, revision uint64) bool { return revision <= s.GetAnswered() }

// SaidIn is the automated message of that trigger in a conversation, as it was
// said last; nil when it was not.
func SaidIn(c *threadv1.Conversation, trigger threadv1.Trigger) *threadv1.Said {
	for _, one := range c.GetSaid() {
		if one.GetTrigger() == trigger {
			return one
		}
	}
	return nil
}

// Place is the last place in the queue that a customer who waits was told, and
// when; 0: none.
func Place(c *threadv1.Conversation) (position int32, at time.Time) {
	var last int64
	for _, one := range c.GetSaid() {
		if ms := one.GetAtMs(); tellsPlace(one.GetTrigger()) && ms >= last {
			position, last = one.GetPosition(), ms
		}
	}
	return position, time.UnixMilli(last)
}

func tellsPlace(trigger threadv1.Trigger) bool {
	return trigger == threadv1.Trigger_TRIGGER_POSITION_IN_QUEUE || trigger == threadv1.Trigger_TRIGGER_NEXT_IN_LINE
}

// forgetPlace is for a conversation that begins to wait somewhere else.
func forgetPlace(c *threadv1.Conversation) {
	for _, one := range c.GetSaid() {
		one.Position = 0
	}
}

// say notes an automated message, whoever reads it. It is what keeps one from
// being said twice: a commit is answered once for each trigger, and none that
// is older than one that was answered; a place in the queue is told only when it
// is nearer than the last one.
func say(s *threadv1.State, now time.Time, a *threadv1.Automated) error {
	c := s.GetConversation()
	before := SaidIn(c, a.GetTrigger())
	last, _ := Place(c)
	switch {
	case a.GetTrigger() == threadv1.Trigger_TRIGGER_UNSPECIFIED || c == nil || tellsPlace(a.GetTrigger()) != (a.GetAnswers() == 0):
		return refuse(s, BadFact, "")
	case c.Id != a.GetConversation():
		return refuse(s, NotCurrent, "")
	case tellsPlace(a.GetTrigger()):
		if a.GetPosition() <= 0 || c.Phase != threadv1.Phase_PHASE_OPEN || last > 0 && a.GetPosition() >= last {
			return refuse(s, Stale, "")
		}
	case a.GetAnswers() < s.GetAnswered() || before != nil && a.GetAnswers() <= before.GetAnswers():
		return refuse(s, Stale, "")
	}
	s.Answered = max(s.Answered, a.GetAnswers())
	if a.GetTrigger() == threadv1.Trigger_TRIGGER_NOTICE {
		s.Consent = &threadv1.Consent{Notice: a.GetNotice(), ToldMs: now.UnixMilli()}
	}
	if before == nil {
		before = &threadv1.Said{Trigger: a.GetTrigger()}
		c.Said = append(c.Said, before)
	}
	before.Answers, before.AtMs = a.GetAnswers(), now.UnixMilli()
	before.AgainMs, before.Position = a.GetAgainMs(), a.GetPosition()
	return nil
}

// unsay is for an automated message that did not reach the customer. Who was not
// told that conversations are kept is told in the next one.
func unsay(s *threadv1.State, one *threadv1.Send) {
	if one.GetTrigger() == threadv1.Trigger_TRIGGER_NOTICE && s.GetConsent() != nil && s.Consent.Agreed == nil {
		s.Consent = nil
	}
}

// Consent gives the fact that the customer pressed an answer of the notice; nil
// when it is of another notice, or known.
func Consent(s *threadv1.State, notice string, agreed bool, mid string) []*threadv1.Fact {
	c := s.GetConsent()
	if c == nil || c.GetNotice() != notice || c.Agreed != nil && c.GetAgreed() == agreed {
		return nil
	}
	return one(&threadv1.ConsentGiven{Notice: notice, Agreed: agreed, Mid: mid})
}

// applyAutomated is for facts that no person brought about.
func applyAutomated(s *threadv1.State, now time.Time, f *threadv1.Fact) error {
	switch k := f.GetKind().(type) {
	case *threadv1.Fact_AgentTold:
		return say(s, now, k.AgentTold.GetAutomated())
	case *threadv1.Fact_ConsentGiven:
		given := k.ConsentGiven
		if s.GetConsent().GetNotice() != given.GetNotice() || s.GetConsent() == nil {
			return refuse(s, Stale, "")
		}
		s.Consent.Agreed, s.Consent.AnsweredMs = &given.Agreed, now.UnixMilli()
	default:
		return refuse(s, BadFact, "")
	}
	return nil
}
