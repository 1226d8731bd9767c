package attempt

import (
	"time"

	"github.com/parley-desk/parley/pkg/thread"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
)

// Action is what to do next for a thread.
type Action int

// The actions.
const (
	// Idle: no send needs driving.
	Idle Action = iota
	// Wait: nothing until Step.At, unless the thread changes.
	Wait
	// Post: commit an attempt (Begin), then post it.
	Post
	// Presume: the process of the attempt is gone; commit that its outcome is
	// not known (Lost).
	Presume
	// Check: read the conversation and look for the part (Search).
	Check
	// GiveUp: nothing proved it in time; commit that (Unproven).
	GiveUp
)

// Ref names one attempt of one part of one send.
type Ref struct {
	ID      string
	Part    int32
	Attempt int32
}

// Step is what to do next, and for which attempt. For Post it is the attempt
// to make; otherwise the one that was made.
type Step struct {
	Do  Action
	Ref Ref
	At  time.Time // for Wait
}

// Next tells the next step for the thread: it drives the first send that is
// open, so that messages stay in order. mended says that the page's connection
// to Meta has changed since a send was deferred because of it.
func (p Policy) Next(s *threadv1.State, now time.Time, mended bool) Step {
	send := thread.NextSend(s)
	if send == nil {
		return Step{Do: Idle}
	}
	ref := Ref{ID: send.GetId(), Part: send.GetPart(), Attempt: send.GetAttempt()}
	deadline := time.UnixMilli(send.GetDeadlineMs())
	switch send.GetStatus() {
	case threadv1.SendStatus_SEND_STATUS_REQUESTED:
		ref.Attempt++
		if retry := time.UnixMilli(send.GetRetryMs()); now.Before(retry) && !mended {
			return Step{Do: Wait, Ref: ref, At: retry}
		}
		return Step{Do: Post, Ref: ref}
	case threadv1.SendStatus_SEND_STATUS_ATTEMPTED:
		return due(Presume, ref, now, deadline.Add(p.Orphan))
	case threadv1.SendStatus_SEND_STATUS_UNCERTAIN:
		if step := due(GiveUp, ref, now, deadline.Add(p.Echo+p.Check)); step.Do == GiveUp {
			return step
		}
		return due(Check, ref, now, deadline.Add(p.Echo))
	case threadv1.SendStatus_SEND_STATUS_UNCONFIRMED, threadv1.SendStatus_SEND_STATUS_UNSPECIFIED:
	}
	return Step{Do: Idle}
}

// due is the action once at has come, and waiting for it before.
func due(do Action, ref Ref, now, at time.Time) Step {
	if now.Before(at) {
		return Step{Do: Wait, Ref: ref, At: at}
	}
	return Step{Do: do, Ref: ref}
}
