package thread

import (
	"slices"
	"time"

	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
)

// keptAsks is how much a bot may owe an answer to. A customer who has written
// more is not one for it.
const keptAsks = 32

// BotHas tells whether a bot has c: it was given to it first, nobody has given
// it to a queue or to an agent since, and nobody escalated it.
func BotHas(c *threadv1.Conversation) bool {
	return c.GetBot() != nil && c.GetBot().GetEscalated() == threadv1.BotReason_BOT_REASON_UNSPECIFIED &&
		c.GetPhase() == threadv1.Phase_PHASE_OPEN && c.GetQueue() == ""
}

// BotOwes is what the bot of c has to answer now, and since when: the revision
// of the thread before the commit that holds it. False when it owes nothing.
func BotOwes(c *threadv1.Conversation) (ask uint64, since time.Time, owes bool) {
	if !BotHas(c) || len(c.GetBot().GetAsks()) == 0 {
		return 0, time.Time{}, false
	}
	return c.Bot.Asks[0], time.UnixMilli(c.Bot.SinceMs), true
}

// BotFlooded tells that the customer of c writes faster than its bot answers.
func BotFlooded(c *threadv1.Conversation) bool { return len(c.GetBot().GetAsks()) >= keptAsks }

// BotAnswer is what a bot wants to happen.
type BotAnswer struct {
	Conversation string
	Ask          uint64 // what it answers
	Took         time.Duration
	Messages     []*threadv1.SendRequested // to the customer, in order
	Variables    map[string]string
	Escalated    *threadv1.BotEscalated // it wants no more of it; nil: it stays
	Ends         bool
}

// AnswerBot has a bot's answer happen. One that answers what was answered is
// none: it came twice. One that answers in a conversation that the bot has no
// more is dropped, and that is noted once. What cannot be sent makes an agent's
// conversation of it, and so nothing is said for nothing.
func AnswerBot(s *threadv1.State, now time.Time, a BotAnswer) []*threadv1.Fact {
	c := s.GetConversation()
	if c.GetId() != a.Conversation || !slices.Contains(c.GetBot().GetAsks(), a.Ask) {
		return nil
	}
	if !BotHas(c) {
		return one(&threadv1.BotDropped{Ask: a.Ask})
	}
	if c.Bot.Asks[0] != a.Ask {
		return nil
	}
	facts := one(&threadv1.BotAnswered{Ask: a.Ask, TookMs: a.Took.Milliseconds()})
	if len(a.Variables) > 0 {
		facts = append(facts, Of(&threadv1.VariablesSet{Variables: a.Variables, Bot: true}))
	}
	_, owned := OwnerAt(s, now)
	if len(a.Messages) > 0 && (owned || WindowAt(s, now).Kind != Response) {
		why := &threadv1.BotEscalated{Reason: threadv1.BotReason_BOT_REASON_UNSENDABLE, Summary: a.Escalated.GetSummary()}
		return append(facts, Of(why))
	}
	for i, m := range a.Messages {
		m.Human, m.Bot.Answers, m.Bot.Index = false, a.Ask, int32(i)
		facts = append(facts, Of(m))
	}
	switch {
	case a.Escalated != nil:
		facts = append(facts, Of(a.Escalated))
	case a.Ends:
		facts = append(facts, Of(&threadv1.ConversationClosed{Cause: threadv1.Cause_CAUSE_BOT_ENDED}))
	}
	return facts
}

// EscalateBot takes a conversation from a bot that does not answer what it owes.
func EscalateBot(s *threadv1.State, conversation string, ask uint64, why *threadv1.BotEscalated) []*threadv1.Fact {
	c := s.GetConversation()
	if first, _, owes := BotOwes(c); !owes || c.GetId() != conversation || first != ask {
		return nil
	}
	return one(why)
}

// askBot notes that the customer said something, in the commit after revision,
// that the bot who has the conversation is to answer.
func askBot(s *threadv1.State, revision uint64, now time.Time, speaks bool) {
	c := s.GetConversation()
	if !speaks || !BotHas(c) || BotFlooded(c) || slices.Contains(c.Bot.Asks, revision) {
		return
	}
	if len(c.Bot.Asks) == 0 {
		c.Bot.SinceMs = now.UnixMilli()
	}
	c.Bot.Asks = append(c.Bot.Asks, revision)
}

// applyBot is for the facts of a bot; false when f is none.
func applyBot(s *threadv1.State, now time.Time, f *threadv1.Fact) (bool, error) {
	c := s.GetConversation()
	switch k := f.GetKind().(type) {
	case *threadv1.Fact_BotAnswered:
		ask, _, owes := BotOwes(c)
		if !owes || ask != k.BotAnswered.GetAsk() {
			return true, refuse(s, Stale, "")
		}
		c.Bot.Asks, c.Bot.Answered, c.Bot.Said = c.Bot.Asks[1:], &ask, 0
		if c.Bot.SinceMs = 0; len(c.Bot.Asks) > 0 {
			c.Bot.SinceMs = now.UnixMilli()
		}
	case *threadv1.Fact_BotEscalated:
		switch {
		case k.BotEscalated.GetReason() == threadv1.BotReason_BOT_REASON_UNSPECIFIED:
			return true, refuse(s, BadFact, "")
		case !BotHas(c):
			return true, refuse(s, Stale, "")
		}
		c.Bot.Escalated, c.Bot.EscalatedMs = k.BotEscalated.GetReason(), now.UnixMilli()
	case *threadv1.Fact_BotDropped:
		at := slices.Index(c.GetBot().GetAsks(), k.BotDropped.GetAsk())
		if at < 0 || BotHas(c) {
			return true, refuse(s, Stale, "")
		}
		c.Bot.Asks = slices.Delete(c.Bot.Asks, at, at+1)
	default:
		return false, nil
	}
	return true, nil
}

// botSays notes a message of a bot's answer; it is what keeps one from being sent
// twice, whoever commits it.
func botSays(s *threadv1.State, m *threadv1.SendRequested) error {
	c, r := s.GetConversation(), m.GetBot()
	if m.GetHuman() || m.GetAgent() != "" || m.GetAutomated() != nil { // no tag of people's may carry it
		return refuse(s, BadFact, "")
	}
	if !BotHas(c) || c.Bot.Answered == nil || r.GetAnswers() != c.Bot.GetAnswered() || r.GetIndex() != c.Bot.GetSaid() {
		return refuse(s, Stale, "")
	}
	c.Bot.Said++
	return nil
}
