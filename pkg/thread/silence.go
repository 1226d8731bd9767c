package thread

import (
	"time"

	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
)

// SilenceOf is who wrote last in the latest conversation, and since when the
// other has not answered, ms since 1970 UTC by our own clock: of an agent, since
// the first message that has no answer; of the customer, since the last. It is
// of nobody when there is nothing to answer. Logs of before did not keep it;
// there it is told as well as it can be.
func SilenceOf(s *threadv1.State) (spoke threadv1.Side, sinceMS int64) {
	c := s.GetConversation()
	switch {
	case !Live(c):
		return threadv1.Side_SIDE_UNSPECIFIED, 0
	case c.ActiveMs != 0:
		return c.Spoke, c.SpokeMs
	case s.GetUnanswered() > 0:
		return threadv1.Side_SIDE_CUSTOMER, max(c.EnteredMs, s.GetNewestMs())
	case c.Agent != "":
		return threadv1.Side_SIDE_AGENT, max(c.EnteredMs, s.GetNewestMs())
	}
	return threadv1.Side_SIDE_UNSPECIFIED, 0
}

// ActiveAt is when anybody last did something in c, ms since 1970 UTC (L88).
func ActiveAt(c *threadv1.Conversation) int64 {
	return max(c.GetActiveMs(), c.GetEnteredMs(), c.GetAssignedMs())
}

// touch notes that somebody did something in the latest conversation.
func touch(s *threadv1.State, now time.Time) {
	c := s.GetConversation()
	if !Live(c) {
		return
	}
	if c.ActiveMs == 0 {
		c.Spoke, c.SpokeMs = SilenceOf(s)
	}
	c.ActiveMs = now.UnixMilli()
}

// hear notes who wrote. A customer who writes again before anybody answered has
// been waiting since the first time.
func hear(s *threadv1.State, now time.Time, side threadv1.Side) {
	touch(s, now)
	c := s.GetConversation()
	if Live(c) && side == threadv1.Side_SIDE_AGENT {
		c.Replied = true
	}
	if !Live(c) || side == threadv1.Side_SIDE_CUSTOMER && c.Spoke == side {
		return
	}
	c.Spoke, c.SpokeMs, c.ToldMinutes = side, now.UnixMilli(), 0
}

// hearMeta notes who wrote by an event of Meta's, before that changes the
// thread. While another app has the thread nobody here is waited for.
func hearMeta(s *threadv1.State, now time.Time, f *threadv1.Fact) {
	if f.GetStale() {
		return
	}
	standby, side := false, threadv1.Side_SIDE_CUSTOMER
	switch k := f.GetKind().(type) {
	case *threadv1.Fact_MessageReceived:
		if standby = k.MessageReceived.GetStandby(); k.MessageReceived.GetSurvey() {
			return // nobody is waited for
		}
	case *threadv1.Fact_PostbackReceived:
		standby = k.PostbackReceived.GetStandby()
	case *threadv1.Fact_ExternalMessageSent:
		e := k.ExternalMessageSent
		if standby, side = e.GetStandby(), threadv1.Side_SIDE_AGENT; e.GetSentMs() < s.GetNewestMs() {
			touch(s, now) // it answers nothing of what came after it
			return
		}
	default:
		return
	}
	if standby {
		side = threadv1.Side_SIDE_UNSPECIFIED
	}
	hear(s, now, side)
}

// touched notes that a fact of our own was somebody's doing.
func touched(s *threadv1.State, now time.Time, f *threadv1.Fact) {
	switch k := f.GetKind().(type) {
	case *threadv1.Fact_ConversationOpened:
		hear(s, now, threadv1.Side_SIDE_CUSTOMER)
	case *threadv1.Fact_SendRequested:
		if k.SendRequested.GetHuman() {
			answer(s.GetConversation(), now)
		}
		if k.SendRequested.GetHuman() || k.SendRequested.GetBot() != nil {
			hear(s, now, threadv1.Side_SIDE_AGENT)
		}
	case *threadv1.Fact_BotEscalated: // now it is a person who is waited for
		hear(s, now, threadv1.Side_SIDE_CUSTOMER)
	case *threadv1.Fact_ConsultEnded:
		if !k.ConsultEnded.GetLapsed() {
			touch(s, now)
		}
	case *threadv1.Fact_ConversationRouted, *threadv1.Fact_NoteAdded, *threadv1.Fact_ConsultAsked, *threadv1.Fact_ConsultAnswered,
		*threadv1.Fact_ConsultOpened, *threadv1.Fact_MonitoringBegan, *threadv1.Fact_SupervisorJoined, *threadv1.Fact_SupervisorLeft:
		touch(s, now)
	}
}

// applyReached notes that rules of so many minutes had their turn in this silence.
func applyReached(s *threadv1.State, r *threadv1.TimeOutReached) error {
	c := s.GetConversation()
	if !Live(c) {
		return refuse(s, WrongPhase, "")
	}
	spoke, since := SilenceOf(s)
	if r.GetRule() == "" || r.GetMinutes() <= 0 || r.GetToldMinutes() < r.GetMinutes() {
		return refuse(s, BadFact, "")
	}
	if spoke == r.GetSilent() || spoke == threadv1.Side_SIDE_UNSPECIFIED || r.GetMinutes() <= c.ToldMinutes {
		return refuse(s, Stale, "")
	}
	if c.ActiveMs == 0 {
		c.Spoke, c.SpokeMs, c.ActiveMs = spoke, since, c.EnteredMs
	}
	c.ToldMinutes = r.GetToldMinutes()
	return nil
}

// CloseByTime ends a live conversation because of a deadline (L81); rule names
// the time-out rule, if it is one's.
func CloseByTime(s *threadv1.State, cause threadv1.Cause, rule string) []*threadv1.Fact {
	c := s.GetConversation()
	if !Live(c) {
		return nil
	}
	return append(revoked(c), Of(&threadv1.ConversationClosed{Cause: cause, Rule: rule}))
}

// ParkByTime moves an active conversation to Waiting because of a time-out rule
// (L89).
func ParkByTime(s *threadv1.State, rule string) []*threadv1.Fact {
	c := s.GetConversation()
	if c.GetPhase() != threadv1.Phase_PHASE_ACTIVE {
		return nil
	}
	return one(&threadv1.ConversationParked{Agent: c.GetAgent(), Rule: rule})
}

// Automatic is the fact of a message that no person writes, or why there is
// none: it leaves only as an answer, within a day of what the customer last said,
// for Meta lets nothing but a person's words carry the human-agent tag.
func Automatic(s *threadv1.State, now time.Time, id, text string) (fact *threadv1.Fact, why string) {
	parts := Split(text)
	if len(parts) == 0 || !Live(s.GetConversation()) || FindSend(s, id) != nil {
		return nil, ""
	}
	if WindowAt(s, now).Kind != Response {
		return nil, WindowClosed
	}
	if _, owned := OwnerAt(s, now); owned {
		return nil, ThreadOwned
	}
	return Of(&threadv1.SendRequested{Id: id, Parts: parts}), ""
}
