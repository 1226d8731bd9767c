package thread

import (
	"fmt"
	"time"

	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
)

// WaitingSince is since when an open conversation has waited for an agent where
// it is now: since it entered its queue, or came back from the agent who had
// it. Its place in the queue is another matter and kept from before.
func WaitingSince(c *threadv1.Conversation) time.Time {
	return time.UnixMilli(max(c.GetQueuedMs(), c.GetEnteredMs()))
}

// Overflow takes a conversation that waited too long out of queue from: to the
// queue to, or to its end when to is empty (L53). Only one that is offered to
// nobody goes.
func Overflow(s *threadv1.State, conversation, from, to string, waited time.Duration) ([]*threadv1.Fact, error) {
	c, err := current(s, conversation, "")
	switch {
	case err != nil:
		return nil, err
	case c.Phase != threadv1.Phase_PHASE_OPEN:
		return nil, refuse(s, WrongPhase, "")
	case c.Offer != nil:
		return nil, refuse(s, WrongStatus, "")
	case c.Queue != from:
		return nil, refuse(s, Stale, "")
	case to == from:
		return nil, refuse(s, BadFact, "")
	case to == "":
		return one(&threadv1.ConversationClosed{Cause: threadv1.Cause_CAUSE_OVERFLOWED}), nil
	}
	waited = waited.Truncate(time.Second)
	return one(&threadv1.ConversationRouted{Queue: to, Rule: fmt.Sprintf("overflow: waited %v in %s", waited, from),
		Passed: []string{fmt.Sprintf("%s: waited %v", from, waited)}}), nil
}
