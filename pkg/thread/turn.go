package thread

import (
	"slices"
	"time"

	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
)

// Turn is one row of the table of a conversation's life: a fact of this kind
// takes it from one phase to another, for one of the causes.
type Turn struct {
	From, To threadv1.Phase
	Fact     string           // name of the fact's field in Fact
	Causes   []threadv1.Cause // none: the fact has no cause but itself
}

// Kinds of facts by which a conversation goes to another phase.
const (
	opened   = "conversation_opened"
	assigned = "agent_assigned"
	released = "conversation_released"
	parked   = "conversation_parked"
	revived  = "conversation_revived"
	ended    = "conversation_ended"
	closed   = "conversation_closed"
)

// turns is L81, with the rights of supervisors (L106 to L108), transfers (L103)
// and the end of what overflows (L51, L53). What is not here does not happen.
var turns = func() []Turn {
	const (
		none    = threadv1.Phase_PHASE_UNSPECIFIED
		open    = threadv1.Phase_PHASE_OPEN
		active  = threadv1.Phase_PHASE_ACTIVE
		waiting = threadv1.Phase_PHASE_WAITING
		wrapUp  = threadv1.Phase_PHASE_WRAP_UP
		over    = threadv1.Phase_PHASE_CLOSED

		transferred = threadv1.Cause_CAUSE_TRANSFERRED
		timedOut    = threadv1.Cause_CAUSE_TIMED_OUT // of logs of before
		autoClosed  = threadv1.Cause_CAUSE_AUTO_CLOSED
		customer    = threadv1.Cause_CAUSE_CUSTOMER_SILENT
		agent       = threadv1.Cause_CAUSE_AGENT_SILENT
		forced      = threadv1.Cause_CAUSE_FORCED
	)
	by := func(list ...threadv1.Cause) []threadv1.Cause { return list }
	return []Turn{
		{none, open, opened, nil},
		{over, open, opened, nil}, // another conversation begins; none is ever opened again (L85)
		{open, active, assigned, by(threadv1.Cause_CAUSE_ACCEPTED, threadv1.Cause_CAUSE_PICKED, threadv1.Cause_CAUSE_ASSIGNED,
			threadv1.Cause_CAUSE_AUTO_ASSIGNED)},
		{active, active, assigned, by(transferred)},
		{active, open, released, by(threadv1.Cause_CAUSE_RELEASED, threadv1.Cause_CAUSE_DISCONNECTED, transferred)},
		{active, waiting, parked, nil},
		{active, wrapUp, ended, nil},
		{waiting, active, assigned, by(threadv1.Cause_CAUSE_RESUMED, transferred)},
		{waiting, open, revived, nil},
		{open, over, closed, by(autoClosed, customer, agent, timedOut, forced, threadv1.Cause_CAUSE_OVERFLOWED, threadv1.Cause_CAUSE_BOT_ENDED)},
		{active, over, closed, by(autoClosed, customer, agent, timedOut, forced)},
		{waiting, over, closed, by(autoClosed, customer, agent, timedOut, forced)},
		{wrapUp, over, closed, by(threadv1.Cause_CAUSE_WRAPPED_UP, autoClosed, timedOut, forced)},
	}
}()

// Turns is the table that Apply keeps, for those who draw or check it.
func Turns() []Turn { return slices.Clone(turns) }

// turn gives the phase to which a fact of this kind and cause takes the latest
// conversation. A cause that leads nowhere is a bad fact, one that leads on
// from another phase comes at the wrong moment.
func turn(s *threadv1.State, fact string, cause threadv1.Cause, agent string) (threadv1.Phase, error) {
	reason := BadFact
	for _, t := range turns {
		if t.Fact != fact || !(slices.Contains(t.Causes, cause) || len(t.Causes) == 0) {
			continue
		}
		if t.From == s.GetConversation().GetPhase() {
			return t.To, nil
		}
		if reason = WrongPhase; s.GetConversation() == nil {
			reason = Unanswerable
		}
	}
	return threadv1.Phase_PHASE_UNSPECIFIED, refuse(s, reason, agent)
}

func enter(c *threadv1.Conversation, p threadv1.Phase, now time.Time) {
	clock(c, p, now)
	c.Phase = p
	c.EnteredMs = now.UnixMilli()
	abide(c, now)
}
