// Package past tells what became of the conversations of a thread, out of its
// log. It is pure.
package past

import (
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
)

// Conversation is one conversation as its commits leave it.
type Conversation struct {
	State    *threadv1.Conversation // as it was last; shared, not to be changed
	WaitMS   int64                  // until an agent had it first; so far, while none had
	HandleMS int64                  // that agents had it, with wrap-up, until it was changed last
	ClosedMS int64                  // 0: it is live
	assigned bool
}

// Past folds commits, oldest first, into the conversations they are about.
type Past struct {
	all []*Conversation
}

// Add takes the next commit.
func (p *Past) Add(c *threadv1.Commit) {
	now := c.GetState().GetConversation()
	if now.GetId() == "" {
		return
	}
	last := p.Last()
	if last == nil || last.State.GetId() != now.GetId() {
		last = &Conversation{State: now}
		p.all = append(p.all, last)
	}
	before := last.State
	if handled(before.GetPhase()) && before.GetEnteredMs() != now.GetEnteredMs() {
		last.HandleMS += span(before.GetEnteredMs(), now.GetEnteredMs())
	}
	if !last.assigned && now.GetPhase() == threadv1.Phase_PHASE_ACTIVE {
		last.assigned, last.WaitMS = true, span(now.GetOpenedMs(), now.GetEnteredMs())
	}
	if now.GetPhase() == threadv1.Phase_PHASE_CLOSED {
		last.ClosedMS = now.GetEnteredMs()
		if !last.assigned {
			last.WaitMS = span(now.GetOpenedMs(), now.GetEnteredMs())
		}
	}
	last.State = now
}

// Last is the newest conversation; nil when there is none.
func (p *Past) Last() *Conversation {
	if len(p.all) == 0 {
		return nil
	}
	return p.all[len(p.all)-1]
}

// Before are up to most of the conversations before the newest, newest first, and
// how many there are in all.
func (p *Past) Before(most int) (some []*Conversation, count int) {
	count = max(len(p.all)-1, 0)
	for i := count - 1; i >= 0 && len(some) < most; i-- {
		some = append(some, p.all[i])
	}
	return some, count
}

// At is how long the customer has waited and agents have had it, at a time.
func (c *Conversation) At(nowMS int64) (waitMS, handleMS int64) {
	waitMS, handleMS = c.WaitMS, c.HandleMS
	switch {
	case c.ClosedMS != 0:
	case !c.assigned:
		waitMS = span(c.State.GetOpenedMs(), nowMS)
	case handled(c.State.GetPhase()):
		handleMS += span(c.State.GetEnteredMs(), nowMS)
	}
	return waitMS, handleMS
}

// handled tells whether an agent is at work in a phase.
func handled(p threadv1.Phase) bool {
	return p == threadv1.Phase_PHASE_ACTIVE || p == threadv1.Phase_PHASE_WRAP_UP
}

// span is never negative: the clocks of two processes differ.
func span(from, to int64) int64 { return max(to-from, 0) }
