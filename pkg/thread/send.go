package thread

import (
	"slices"
	"time"

	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
)

// FindSend is the open send with this id, or nil.
func FindSend(s *threadv1.State, id string) *threadv1.Send {
	for _, one := range s.GetSends() {
		if one.GetId() == id {
			return one
		}
	}
	return nil
}

// NextSend is the send that outbound must drive now: the oldest that is not
// given over to the agent's decision. Later ones wait for it, so that the
// customer reads in the order the agent wrote. Nil when there is none.
func NextSend(s *threadv1.State) *threadv1.Send {
	for _, one := range s.GetSends() {
		if one.GetStatus() != threadv1.SendStatus_SEND_STATUS_UNCONFIRMED {
			return one
		}
	}
	return nil
}

func applyRequested(s *threadv1.State, revision uint64, now time.Time, r *threadv1.SendRequested) error {
	c := s.GetConversation()
	switch {
	case !Live(c):
		return refuse(s, WrongPhase, r.GetAgent())
	case r.GetId() == "" || len(r.GetParts()) == 0:
		return refuse(s, BadFact, r.GetAgent())
	case FindSend(s, r.GetId()) != nil:
		return refuse(s, BadFact, r.GetAgent())
	}
	s.Sends = append(s.Sends, &threadv1.Send{
		Id:            r.GetId(),
		Conversation:  c.GetId(),
		Agent:         r.GetAgent(),
		Parts:         int32(len(r.GetParts())),
		Status:        threadv1.SendStatus_SEND_STATUS_REQUESTED,
		RequestedMs:   now.UnixMilli(),
		AfterRevision: revision,
		ClientId:      r.GetClientId(),
	})
	s.Commands = remember(s.Commands, r.GetClientId(), keptCommands)
	pageSpoke(s, now.UnixMilli(), firstLine(r.GetParts()[0], nil))
	return nil
}

func applyNote(s *threadv1.State, n *threadv1.NoteAdded) error {
	if s.GetConversation() == nil {
		return refuse(s, Unanswerable, n.GetAgent())
	}
	s.Commands = remember(s.Commands, n.GetClientId(), keptCommands)
	return nil
}

// applySend moves one open send along:
//
//	REQUESTED ─▶ ATTEMPTED ─▶ succeeded, refused, or back by "deferred"
//	                 └─▶ UNCERTAIN ─▶ UNCONFIRMED ─▶ abandoned
//
// Proof of success is taken in any status but REQUESTED, however late:
// nothing was posted before an attempt, so nothing can prove it.
func applySend(s *threadv1.State, now time.Time, f *threadv1.Fact) error {
	switch k := f.GetKind().(type) {
	case *threadv1.Fact_SendAttempted:
		return applyAttempted(s, now, k.SendAttempted)
	case *threadv1.Fact_SendSucceeded:
		return applySucceeded(s, k.SendSucceeded)
	case *threadv1.Fact_SendRefused:
		r := k.SendRefused
		one, err := part(s, r.GetId(), r.GetPart(), threadv1.SendStatus_SEND_STATUS_REQUESTED, threadv1.SendStatus_SEND_STATUS_ATTEMPTED)
		if err != nil {
			return err
		}
		finish(s, one)
	case *threadv1.Fact_SendDeferred:
		d := k.SendDeferred
		one, err := part(s, d.GetId(), d.GetPart(), threadv1.SendStatus_SEND_STATUS_REQUESTED, threadv1.SendStatus_SEND_STATUS_ATTEMPTED)
		if err != nil {
			return err
		}
		one.Status, one.RetryMs = threadv1.SendStatus_SEND_STATUS_REQUESTED, d.GetRetryMs()
	case *threadv1.Fact_SendUncertain:
		u := k.SendUncertain
		one, err := part(s, u.GetId(), u.GetPart(), threadv1.SendStatus_SEND_STATUS_ATTEMPTED)
		if err != nil {
			return err
		}
		one.Status = threadv1.SendStatus_SEND_STATUS_UNCERTAIN
	case *threadv1.Fact_SendUnconfirmed:
		u := k.SendUnconfirmed
		one, err := part(s, u.GetId(), u.GetPart(), threadv1.SendStatus_SEND_STATUS_UNCERTAIN)
		if err != nil {
			return err
		}
		one.Status = threadv1.SendStatus_SEND_STATUS_UNCONFIRMED
	case *threadv1.Fact_SendAbandoned:
		one := FindSend(s, k.SendAbandoned.GetId())
		if one == nil {
			return refuse(s, NoSuchSend, k.SendAbandoned.GetAgent())
		}
		if one.Status != threadv1.SendStatus_SEND_STATUS_UNCONFIRMED {
			return refuse(s, WrongStatus, k.SendAbandoned.GetAgent())
		}
		finish(s, one)
	default:
		return refuse(s, BadFact, "")
	}
	return nil
}

func applyAttempted(s *threadv1.State, now time.Time, a *threadv1.SendAttempted) error {
	one, err := part(s, a.GetId(), a.GetPart(), threadv1.SendStatus_SEND_STATUS_REQUESTED)
	if err != nil {
		return err
	}
	if NextSend(s) != one || a.GetAttempt() != one.Attempt+1 {
		return refuse(s, WrongStatus, "")
	}
	one.Status = threadv1.SendStatus_SEND_STATUS_ATTEMPTED
	one.Attempt = a.GetAttempt()
	one.AttemptedMs = now.UnixMilli()
	one.DeadlineMs = a.GetDeadlineMs()
	one.RetryMs = 0
	return nil
}

func applySucceeded(s *threadv1.State, ok *threadv1.SendSucceeded) error {
	one, err := part(s, ok.GetId(), ok.GetPart(), threadv1.SendStatus_SEND_STATUS_ATTEMPTED,
		threadv1.SendStatus_SEND_STATUS_UNCERTAIN, threadv1.SendStatus_SEND_STATUS_UNCONFIRMED)
	if err != nil {
		return err
	}
	s.Recent = remember(s.Recent, EchoKey(ok.GetMid()), keptKeys)
	s.NewestMs = max(s.NewestMs, ok.GetSentMs())
	if one.Part+1 == one.Parts {
		finish(s, one)
		return nil
	}
	one.Part++
	one.Status, one.Attempt, one.AttemptedMs, one.DeadlineMs = threadv1.SendStatus_SEND_STATUS_REQUESTED, 0, 0, 0
	return nil
}

func part(s *threadv1.State, id string, number int32, in ...threadv1.SendStatus) (*threadv1.Send, error) {
	one := FindSend(s, id)
	if one == nil {
		return nil, refuse(s, NoSuchSend, "")
	}
	if one.Part != number || !slices.Contains(in, one.Status) {
		return nil, refuse(s, WrongStatus, "")
	}
	return one, nil
}

func finish(s *threadv1.State, one *threadv1.Send) {
	s.Sends = slices.DeleteFunc(s.Sends, func(o *threadv1.Send) bool { return o == one })
}
