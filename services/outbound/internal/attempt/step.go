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

// Page is how the thread's page stands now.
type Page struct {
	Setup string    // names what it is set up with, a hash; empty: nobody set it up
	Open  bool      // its token works, as far as anybody knows
	Try   time.Time // while it is not open: when a send may try it; zero: none may
}

// Next tells the next step for the thread: it drives the first send that is
// open, so that messages stay in order.
func (p Policy) Next(s *threadv1.State, now time.Time, page Page) Step {
	send := thread.NextSend(s)
	if send == nil {
		return Step{Do: Idle}
	}
	ref := Ref{ID: send.GetId(), Part: send.GetPart(), Attempt: send.GetAttempt()}
	deadline := time.UnixMilli(send.GetDeadlineMs())
	switch send.GetStatus() {
	case threadv1.SendStatus_SEND_STATUS_REQUESTED:
		ref.Attempt++
		if send.GetDisconnected() {
			return parked(s, ref, now, page)
		}
		if send.GetSetup() != "" && send.GetSetup() != page.Setup {
			return Step{Do: Post, Ref: ref}
		}
		return due(Post, ref, now, sooner(time.UnixMilli(send.GetRetryMs()), send))
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

// parked is the step for a part that waits for its page: it leaves when the page
// is open or may be tried, and learns it when its window closes before.
func parked(s *threadv1.State, ref Ref, now time.Time, page Page) Step {
	send := thread.FindSend(s, ref.ID)
	window := thread.PassageOf(s, send, true, now) // what nobody wrote learns it when it is tried
	if page.Open || window.Kind == thread.Closed {
		return Step{Do: Post, Ref: ref}
	}
	until := sooner(window.Until, send)
	if page.Try.IsZero() || until.Before(page.Try) {
		return due(Post, ref, now, until)
	}
	return due(Post, ref, now, page.Try)
}

// sooner is at, or when an automated message is of no use any more: it learns
// that then.
func sooner(at time.Time, send *threadv1.Send) time.Time {
	if until := time.UnixMilli(send.GetUntilMs()); send.GetUntilMs() > 0 && until.Before(at) {
		return until
	}
	return at
}

// due is the action once at has come, and waiting for it before.
func due(do Action, ref Ref, now, at time.Time) Step {
	if now.Before(at) {
		return Step{Do: Wait, Ref: ref, At: at}
	}
	return Step{Do: do, Ref: ref}
}
