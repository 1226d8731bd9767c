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
// customer reads in the order the agent wrote; but a person's words do not wait
// until it is known what became of a message that nobody wrote, or that its agent
// left as it is: that was posted before them in any case. Nil when there is none.
func NextSend(s *threadv1.State) *threadv1.Send {
	var passed *threadv1.Send
	for _, one := range s.GetSends() {
		switch {
		case one.GetStatus() == threadv1.SendStatus_SEND_STATUS_UNCONFIRMED:
		case passed == nil && (awaited(one) || one.GetStatus() != threadv1.SendStatus_SEND_STATUS_UNCERTAIN):
			return one
		case passed == nil:
			passed = one
		case awaited(one):
			return one
		}
	}
	return passed
}

// Written tells whether a person wrote a send, who decides what becomes of it when
// that is not known.
func Written(one *threadv1.Send) bool {
	return one.GetAgent() != "" && one.GetTrigger() == threadv1.Trigger_TRIGGER_UNSPECIFIED
}

// awaited tells whether those behind a send that is uncertain wait for proof of it.
func awaited(one *threadv1.Send) bool { return Written(one) && !one.GetLeft() }

func applyRequested(s *threadv1.State, revision uint64, now time.Time, r *threadv1.SendRequested) error {
	c, said := s.GetConversation(), r.GetAutomated()
	switch {
	case !Live(c) && said == nil: // what is said of the end comes after it
		return refuse(s, WrongPhase, r.GetAgent())
	case r.GetId() == "" || len(r.GetParts()) == 0 || len(r.GetFiles()) > len(r.GetParts()):
		return refuse(s, BadFact, r.GetAgent())
	case FindSend(s, r.GetId()) != nil:
		return refuse(s, BadFact, r.GetAgent())
	}
	if said != nil {
		if err := say(s, now, said); err != nil {
			return err
		}
	}
	if r.GetBot() != nil {
		if err := botSays(s, r); err != nil {
			return err
		}
	}
	s.Sends = append(s.Sends, &threadv1.Send{
		Id:            r.GetId(),
		Conversation:  c.GetId(),
		Agent:         r.GetAgent(),
		Parts:         int32(len(r.GetParts())),
		Files:         int32(len(r.GetFiles())),
		Status:        threadv1.SendStatus_SEND_STATUS_REQUESTED,
		RequestedMs:   now.UnixMilli(),
		AfterRevision: revision,
		ClientId:      r.GetClientId(),
		Trigger:       said.GetTrigger(),
		UntilMs:       max(said.GetUntilMs(), r.GetBot().GetUntilMs()),
		Bot:           r.GetBot() != nil,
		Utility:       r.GetTemplate().GetUtility() != nil,
		Sticker:       r.GetSticker() != "",
	})
	s.Commands = remember(s.Commands, r.GetClientId(), keptCommands)
	if said == nil { // nobody has answered the customer yet
		weSpoke(s, r.GetHuman(), previewOf(r))
	}
	return nil
}

// Texts are the parts of a send as the customer reads them: those of files have
// none.
func Texts(r *threadv1.SendRequested) []string {
	texts := slices.Clone(r.GetParts())
	clear(texts[:min(len(r.GetFiles()), len(texts))])
	return texts
}

// PartFile is the file of a part; nil when the part is a text or a template.
func PartFile(r *threadv1.SendRequested, part int32) *threadv1.SentFile {
	if part < 0 || int(part) >= len(r.GetFiles()) {
		return nil
	}
	return r.GetFiles()[part]
}

// previewOf is the first line of a send: of its first text, or what its first
// file is.
func previewOf(r *threadv1.SendRequested) string {
	if texts := Texts(r)[len(r.GetFiles()):]; len(texts) > 0 {
		return firstLine(texts[0], nil)
	}
	return firstLine("", []*threadv1.Attachment{{Type: r.GetFiles()[0].GetKind()}})
}

func applyNote(s *threadv1.State, n *threadv1.NoteAdded) error {
	if s.GetConversation() == nil {
		return refuse(s, Unanswerable, n.GetAgent())
	}
	s.Commands = remember(s.Commands, n.GetClientId(), keptCommands)
	return nil
}

// Proofs of a SendSucceeded: an echo brought it about, or Meta's answer.
const (
	ProofEcho   = "echo"
	ProofAnswer = "answer"
)

// Echo is the echo of a part of ours: its metadata is Parley's and genuine.
type Echo struct {
	ID      string // intent
	Part    int32
	Attempt int32
	Mid     string
	SentMs  int64 // Meta's time
}

// Echoed gives the fact that an echo leads to: it proves the part while that
// is open, also between two attempts, for Meta may have said "later" and
// delivered all the same. Otherwise it is kept, because it tells Meta's time
// of the part, that a send given up did arrive, or that a part arrived twice.
func Echoed(s *threadv1.State, e Echo) *threadv1.Fact {
	if one := FindSend(s, e.ID); one != nil && one.Part == e.Part && one.Attempt >= max(1, e.Attempt) {
		return Of(&threadv1.SendSucceeded{Id: e.ID, Part: e.Part, Mid: e.Mid, Proof: ProofEcho, SentMs: e.SentMs})
	}
	return Of(&threadv1.SendEchoed{Id: e.ID, Part: e.Part, Attempt: e.Attempt, Mid: e.Mid, SentMs: e.SentMs})
}

// applySend moves one open send along:
//
//	REQUESTED ─▶ ATTEMPTED ─▶ succeeded, refused, or back by "deferred"
//	                 └─▶ UNCERTAIN ─▶ UNCONFIRMED ─▶ abandoned
//
// Proof of success is taken in any status, however late, once there was an
// attempt. What is not confirmed is the agent's to decide while the
// conversation lasts; with it ends the wait, and the send is left so. What
// no person wrote, or its agent left while it was uncertain, is nobody's to
// decide and is left at once.
func applySend(s *threadv1.State, now time.Time, f *threadv1.Fact) error {
	switch k := f.GetKind().(type) {
	case *threadv1.Fact_SendAttempted:
		return applyAttempted(s, now, k.SendAttempted)
	case *threadv1.Fact_SendSucceeded:
		return applySucceeded(s, k.SendSucceeded)
	case *threadv1.Fact_SendEchoed:
		return applyEchoed(s, k.SendEchoed)
	case *threadv1.Fact_SendRefused:
		r := k.SendRefused
		one, err := part(s, r.GetId(), r.GetPart(), threadv1.SendStatus_SEND_STATUS_REQUESTED, threadv1.SendStatus_SEND_STATUS_ATTEMPTED)
		if err != nil {
			return err
		}
		if r.GetReason() == ThreadOwned {
			theirs(s, "", max(now.UnixMilli(), s.GetOwnerMs()))
		}
		unsay(s, one)
		finish(s, one)
	case *threadv1.Fact_SendDeferred:
		d := k.SendDeferred
		one, err := part(s, d.GetId(), d.GetPart(), threadv1.SendStatus_SEND_STATUS_REQUESTED, threadv1.SendStatus_SEND_STATUS_ATTEMPTED)
		if err != nil {
			return err
		}
		if d.GetDisconnected() {
			one.Spared = one.Attempt
		}
		one.Status, one.RetryMs = threadv1.SendStatus_SEND_STATUS_REQUESTED, d.GetRetryMs()
		one.Disconnected, one.Setup = d.GetDisconnected(), d.GetSetup()
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
		if !awaited(one) {
			finish(s, one) // there is nobody to decide it
		}
		dropUndecided(s)
	case *threadv1.Fact_SendAbandoned:
		return applyAbandoned(s, k.SendAbandoned)
	default:
		return applyBeside(s, now, f)
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
	one.RetryMs, one.Disconnected, one.Setup = 0, false, ""
	return nil
}

func applySucceeded(s *threadv1.State, ok *threadv1.SendSucceeded) error {
	one := FindSend(s, ok.GetId())
	switch {
	case one == nil:
		return refuse(s, NoSuchSend, "")
	case one.Part != ok.GetPart() || one.Attempt == 0:
		return refuse(s, WrongStatus, "")
	}
	key := sentKey(ok.GetMid())
	if ok.GetProof() == ProofEcho {
		key = EchoKey(ok.GetMid())
	}
	if !Seen(s, key) {
		s.Recent = remember(s.Recent, key, keptKeys)
	}
	s.NewestMs = max(s.NewestMs, ok.GetSentMs())
	if ok.GetProof() == ProofAnswer && one.AttemptedMs >= s.GetOwnerMs() {
		ours(s, s.GetOwnerMs())
	}
	if one.Part+1 == one.Parts {
		finish(s, one)
		return nil
	}
	one.Part++
	one.Status, one.Attempt, one.AttemptedMs, one.DeadlineMs, one.RetryMs = threadv1.SendStatus_SEND_STATUS_REQUESTED, 0, 0, 0, 0
	one.Disconnected, one.Setup, one.Spared, one.Left = false, "", 0, false
	return nil
}

// applyAbandoned leaves a send as it is. One that is uncertain stays open: proof is
// looked for as before, and nobody waits for it.
func applyAbandoned(s *threadv1.State, a *threadv1.SendAbandoned) error {
	one := FindSend(s, a.GetId())
	switch {
	case one == nil:
		return refuse(s, NoSuchSend, a.GetAgent())
	case one.Status == threadv1.SendStatus_SEND_STATUS_UNCONFIRMED:
		finish(s, one)
	case one.Status == threadv1.SendStatus_SEND_STATUS_UNCERTAIN && awaited(one):
		one.Left = true
	default:
		return refuse(s, WrongStatus, a.GetAgent())
	}
	return nil
}

// applyEchoed takes a note of an echo. What it could prove is proved by
// SendSucceeded, so that a proof has one form.
func applyEchoed(s *threadv1.State, e *threadv1.SendEchoed) error {
	if e.GetId() == "" {
		return refuse(s, BadFact, "")
	}
	if one := FindSend(s, e.GetId()); one != nil && one.Part == e.GetPart() && one.Attempt >= max(1, e.GetAttempt()) {
		return refuse(s, WrongStatus, "")
	}
	s.NewestMs = max(s.NewestMs, e.GetSentMs())
	return nil
}

// dropUndecided takes the sends that are not confirmed and can be decided no
// more off the open ones: those of a conversation that is over.
func dropUndecided(s *threadv1.State) {
	s.Sends = slices.DeleteFunc(s.Sends, func(one *threadv1.Send) bool {
		over := !Live(s.Conversation) || s.Conversation.Id != one.Conversation
		return over && one.Status == threadv1.SendStatus_SEND_STATUS_UNCONFIRMED
	})
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
