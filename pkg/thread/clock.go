package thread

import (
	"time"

	"google.golang.org/protobuf/proto"

	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
)

// clock counts the phase of c that ends now, before p begins.
func clock(c *threadv1.Conversation, p threadv1.Phase, now time.Time) {
	if handled(c.GetPhase()) {
		c.HandledMs += span(c.GetEnteredMs(), now)
	}
	if c.WaitedMs == nil && (p == threadv1.Phase_PHASE_ACTIVE || p == threadv1.Phase_PHASE_CLOSED) {
		c.WaitedMs = proto.Int64(span(c.GetOpenedMs(), now))
	}
	if c.GetPhase() == threadv1.Phase_PHASE_WRAP_UP && p == threadv1.Phase_PHASE_CLOSED {
		c.WrappedMs = span(c.GetEnteredMs(), now)
	}
}

// AsksSince is since when the customer of c has asked for a person, ms since 1970:
// since it opened, or since its bot gave it up (L129).
func AsksSince(c *threadv1.Conversation) int64 {
	return max(c.GetOpenedMs(), c.GetBot().GetEscalatedMs())
}

// answer counts how long the customer of c waited for what an agent writes now,
// before that is heard.
func answer(c *threadv1.Conversation, now time.Time) {
	if !Live(c) {
		return
	}
	if c.RepliedMs == nil {
		c.RepliedMs = proto.Int64(span(AsksSince(c), now))
	}
	c.AnsweredMs = nil
	if c.Spoke == threadv1.Side_SIDE_CUSTOMER {
		c.AnsweredMs = proto.Int64(span(c.SpokeMs, now))
	}
}

// Times is how long the customer of c has waited for a first agent, and agents
// have had it, wrap-up included, at a time.
func Times(c *threadv1.Conversation, now time.Time) (waited, handledFor time.Duration) {
	wait, handle := c.GetWaitedMs(), c.GetHandledMs()
	if c.GetPhase() == threadv1.Phase_PHASE_OPEN && c.WaitedMs == nil {
		wait = span(c.GetOpenedMs(), now)
	}
	if handled(c.GetPhase()) {
		handle += span(c.GetEnteredMs(), now)
	}
	return time.Duration(wait) * time.Millisecond, time.Duration(handle) * time.Millisecond
}

// handled tells whether an agent is at work in a phase.
func handled(p threadv1.Phase) bool {
	return p == threadv1.Phase_PHASE_ACTIVE || p == threadv1.Phase_PHASE_WRAP_UP
}

// span is never negative: the clocks of two processes differ.
func span(fromMS int64, to time.Time) int64 { return max(to.UnixMilli()-fromMS, 0) }
