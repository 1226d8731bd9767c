// Package life says what time does to a conversation (L86 to L89): when
// something is due, and what then happens. Both follow from the thread's state
// and the configuration alone, so that a deadline needs no record of its own,
// and whoever carries it out decides again on how the thread stands then.
package life

import (
	"math"
	"time"

	"github.com/parley-desk/parley/pkg/thread"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
)

// Never is when nothing is due.
const Never = int64(math.MaxInt64)

// Stand is what of a thread's state decides when something is due in it. It is
// small, because there are as many as live conversations. Times are in ms since
// 1970 UTC.
type Stand struct {
	ActiveMs int64 // when anybody last did something
	SpokeMs  int64 // since when Spoke has no answer
	HeldMs   int64 // in Wrap-up, until when the agent's capacity is kept; in Open, until when answers are waited for, or since when a bot owes one; 0: none of them
	Told     int32 // rules of so many minutes have had their turn
	Phase    uint8
	Spoke    uint8 // threadv1.Side
	Owes     bool  // HeldMs is since when a bot owes an answer
}

// StandOf is how a thread stands; false when it has no live conversation.
func StandOf(s *threadv1.State) (Stand, bool) {
	c := s.GetConversation()
	if !thread.Live(c) {
		return Stand{}, false
	}
	spoke, since := thread.SilenceOf(s)
	st := Stand{ActiveMs: thread.ActiveAt(c), SpokeMs: since, Told: c.GetToldMinutes(), Phase: uint8(c.GetPhase()), Spoke: uint8(spoke)}
	if c.GetPhase() == threadv1.Phase_PHASE_WRAP_UP {
		st.HeldMs = c.GetDueMs()
	}
	if _, since, owes := thread.BotOwes(c); owes {
		st.HeldMs, st.Owes = since.UnixMilli(), true
	}
	if q := c.GetQuestions(); q != nil { // only in Open
		st.HeldMs = q.GetUntilMs()
	}
	return st, true
}

// Next is when something is due next.
func (p *Plan) Next(st Stand) int64 {
	next := min(p.closes(st), p.gone(st), asks(st))
	for _, r := range p.rules {
		if at := r.due(st); at < next {
			next = at
		}
	}
	return next
}

// asks is when a conversation waits for answers no longer (L114).
func asks(st Stand) int64 {
	if threadv1.Phase(st.Phase) != threadv1.Phase_PHASE_OPEN || st.HeldMs == 0 || st.Owes {
		return Never
	}
	return st.HeldMs
}

// closes is when a conversation that nobody touches is closed (L87). While
// wrap-up keeps the agent's capacity it is not (L88).
func (p *Plan) closes(st Stand) int64 {
	if int(st.Phase) >= len(p.close) || p.close[st.Phase] == 0 {
		return Never
	}
	return max(st.ActiveMs+p.close[st.Phase].Milliseconds(), st.HeldMs)
}

// gone is when a bot that owes an answer is taken as dead.
func (p *Plan) gone(st Stand) int64 {
	if !st.Owes {
		return Never
	}
	return st.HeldMs + p.bot.Milliseconds()
}

// escalate takes a conversation from a bot that is taken as dead.
func (p *Plan) escalate(s *threadv1.State) []*threadv1.Fact {
	why := &threadv1.BotEscalated{Reason: threadv1.BotReason_BOT_REASON_LATE, Detail: "no answer, and none who waits for it"}
	if p.bot == 0 {
		why = &threadv1.BotEscalated{Reason: threadv1.BotReason_BOT_REASON_REMOVED, Detail: "the workstream has no bot any more"}
	}
	ask, _, _ := thread.BotOwes(s.GetConversation())
	return thread.EscalateBot(s, s.GetConversation().GetId(), ask, why)
}

// Propose is what happens to a thread now; nothing when nothing is due.
func (p *Plan) Propose(s *threadv1.State, now time.Time, languages Languages) []*threadv1.Fact {
	st, live := StandOf(s)
	switch {
	case !live:
		return nil
	case asks(st) <= now.UnixMilli():
		return []*threadv1.Fact{thread.Of(&threadv1.QuestionsEnded{TimedOut: true})}
	case p.closes(st) <= now.UnixMilli():
		return thread.CloseByTime(s, threadv1.Cause_CAUSE_AUTO_CLOSED, "")
	case p.gone(st) <= now.UnixMilli():
		return p.escalate(s)
	}
	rule, told := p.turn(st, now.UnixMilli())
	if rule == nil {
		return nil
	}
	return rule.run(s, now, told, languages)
}

// turn is the rule that runs now, and how many minutes the longest rule has that
// had its turn with it; nil when none is due. Of several that are due, as after
// a time in which nobody was awake to run them, the first that closes the
// conversation runs, else the first that sets it aside, else the last: nobody is
// told now what should have been said long ago.
func (p *Plan) turn(st Stand, nowMS int64) (run *Rule, told int32) {
	for i := range p.rules {
		r := &p.rules[i]
		if r.due(st) > nowMS {
			continue
		}
		told = max(told, r.minutes)
		switch {
		case run == nil || r.turn > run.turn:
			run = r
		case r.turn == run.turn && r.turn == stays && r.minutes > run.minutes:
			run = r
		}
	}
	return run, told
}
