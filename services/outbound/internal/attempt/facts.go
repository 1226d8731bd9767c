package attempt

import (
	"time"

	"github.com/parley-desk/parley/pkg/graph"
	"github.com/parley-desk/parley/pkg/thread"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
)

// Meta's messaging types and the tag that are ours to use (page "Send API").
const (
	response   = "RESPONSE"
	messageTag = "MESSAGE_TAG"
	humanAgent = "HUMAN_AGENT"
	utility    = "UTILITY"
)

// Reasons of our own beside those of package graph.
const (
	ReasonLate        = "LATE"            // the request could not begin in time and did not
	ReasonCrash       = "CRASH"           // whoever began the attempt is gone and has said nothing more
	ReasonTextMissing = "TEXT_MISSING"    // the log does not have the text of the part
	ReasonLapsed      = "LAPSED"          // an automated message could not leave while it was of use
	ReasonFileMissing = "FILE_MISSING"    // the store does not have the file of the part
	ReasonMediaLapsed = "MEDIA_LAPSED"    // Meta has dropped the file, and gets it once more
	ReasonPersona     = "PERSONA_REFUSED" // Meta does not take the agent's name, and gets the message once more without
)

// Begin gives the fact that opens attempt ref, or the one that refuses it
// because no message may be sent now, or is of no use any more; nothing when the attempt is not the next
// one any more. human says that a person wrote the message, which alone may
// carry the human-agent tag (S33) or leave as a utility template (S32).
func (p Policy) Begin(s *threadv1.State, ref Ref, human bool, now time.Time) []*threadv1.Fact {
	if thread.NextSend(s).GetId() != ref.ID || !at(s, Ref{ref.ID, ref.Part, ref.Attempt - 1}, threadv1.SendStatus_SEND_STATUS_REQUESTED) {
		return nil
	}
	if until := thread.FindSend(s, ref.ID).GetUntilMs(); until > 0 && now.UnixMilli() >= until {
		return refuse(ref, graph.Outcome{Reason: ReasonLapsed}, time.Time{})
	}
	kind, tag := response, ""
	switch thread.PassageOf(s, thread.FindSend(s, ref.ID), human, now).Kind {
	case thread.Response:
	case thread.HumanAgent:
		kind, tag = messageTag, humanAgent
	case thread.Utility:
		kind = utility
	case thread.Closed:
		return refuse(ref, graph.Outcome{Reason: graph.ReasonWindowClosed}, time.Time{})
	}
	return facts(&threadv1.SendAttempted{
		Id: ref.ID, Part: ref.Part, Attempt: ref.Attempt, DeadlineMs: now.Add(p.Start).UnixMilli(),
		MessagingType: kind, Tag: tag,
	})
}

// Hold gives the facts for a part that may not be attempted because its page is
// disconnected: it is parked, or refused when the window has closed meanwhile;
// nothing when it is parked already.
func (p Policy) Hold(s *threadv1.State, ref Ref, human bool, now time.Time) []*threadv1.Fact {
	begin := p.Begin(s, ref, human, now)
	if len(begin) == 0 || begin[0].GetSendAttempted() == nil {
		return begin
	}
	if thread.FindSend(s, ref.ID).GetDisconnected() {
		return nil
	}
	return park(ref)
}

// Rest gives the facts for a part that may not be attempted because its page
// makes no calls for the time given: it is put off, which counts as no attempt,
// or refused when that is longer than anybody should wait unasked.
func (p Policy) Rest(s *threadv1.State, ref Ref, human bool, reason string, rest time.Duration, now time.Time) []*threadv1.Fact {
	begin := p.Begin(s, ref, human, now)
	if len(begin) == 0 || begin[0].GetSendAttempted() == nil {
		return begin
	}
	if rest > p.Patience {
		return refuse(ref, graph.Outcome{Reason: reason}, now.Add(rest))
	}
	return facts(&threadv1.SendDeferred{Id: ref.ID, Part: ref.Part, Reason: reason, RetryMs: now.Add(rest).UnixMilli()})
}

// Refuse gives the fact that refuses a part because no message may be sent now;
// nothing when one may.
func (p Policy) Refuse(s *threadv1.State, ref Ref, human bool, now time.Time) []*threadv1.Fact {
	begin := p.Begin(s, ref, human, now)
	if len(begin) > 0 && begin[0].GetSendAttempted() != nil {
		return nil
	}
	return begin
}

// Unready gives the facts for a part whose file Meta has not taken, by the outcome
// of the upload; tried is how often it was offered. The part itself was not
// attempted: nothing of it can be in doubt.
func (p Policy) Unready(s *threadv1.State, ref Ref, human bool, out graph.Outcome, tried int, setup string, now time.Time) []*threadv1.Fact {
	begin := p.Begin(s, ref, human, now)
	switch {
	case len(begin) == 0 || begin[0].GetSendAttempted() == nil:
		return begin
	case Disconnected(out):
		return park(ref)
	case out.Class == graph.Later || out.Class == graph.Parked:
		return p.later(Ref{ref.ID, ref.Part, int32(tried)}, 0, out, setup, now)
	}
	return refuse(ref, out, time.Time{})
}

// Answer gives the facts that follow from the outcome of attempt ref; nothing
// when the log knows better already. Once others have held the attempt for
// uncertain, proof of delivery is all that still counts: what was in doubt is
// never posted again, not even when that would turn out to be harmless. setup is
// that of the page with which it was posted.
func (p Policy) Answer(s *threadv1.State, ref Ref, out graph.Outcome, setup string, now time.Time) []*threadv1.Fact {
	attempted := at(s, ref, threadv1.SendStatus_SEND_STATUS_ATTEMPTED)
	doubted := at(s, ref, threadv1.SendStatus_SEND_STATUS_UNCERTAIN) || at(s, ref, threadv1.SendStatus_SEND_STATUS_UNCONFIRMED)
	switch {
	case out.Class == graph.Sent && (attempted || doubted):
		return succeed(ref, out.MessageID, thread.ProofAnswer, time.Time{}) // Meta's time comes with the echo
	case !attempted:
		return nil
	case out.Class == graph.Refused:
		return refuse(ref, out, time.Time{})
	case Disconnected(out):
		return park(ref)
	case out.Class == graph.Later || out.Class == graph.Parked:
		return p.later(ref, thread.FindSend(s, ref.ID).GetSpared(), out, setup, now)
	}
	return facts(&threadv1.SendUncertain{Id: ref.ID, Part: ref.Part, Reason: out.Reason})
}

// Disconnected tells whether Meta refused a send because the page's token is
// dead: that is the page's trouble, and no word about the send.
func Disconnected(out graph.Outcome) bool {
	return out.Class == graph.Parked && out.Reason == graph.ReasonPageDisconnected
}

// later defers the part, or refuses it when that has gone on long enough. The
// attempts up to spared do not count.
func (p Policy) later(ref Ref, spared int32, out graph.Outcome, setup string, now time.Time) []*threadv1.Fact {
	tried := ref.Attempt - spared
	pause := p.pause(tried, out.RetryAfter)
	if out.Class == graph.Parked {
		pause = max(p.Park, out.RetryAfter)
	} else {
		setup = "" // it has no fault
	}
	if int(tried) >= p.Attempts || pause > p.Patience {
		return refuse(ref, out, now.Add(pause))
	}
	return facts(&threadv1.SendDeferred{Id: ref.ID, Part: ref.Part, Reason: out.Reason, RetryMs: now.Add(pause).UnixMilli(), Setup: setup})
}

// Lost gives the fact that attempt ref came to nothing that is known: whoever
// made it is gone.
func (Policy) Lost(s *threadv1.State, ref Ref) []*threadv1.Fact {
	if !at(s, ref, threadv1.SendStatus_SEND_STATUS_ATTEMPTED) {
		return nil
	}
	return facts(&threadv1.SendUncertain{Id: ref.ID, Part: ref.Part, Reason: ReasonCrash})
}

// Proven gives the fact that the conversation shows the part of attempt ref as
// message mid, sent at the given time of Meta's clock.
func (Policy) Proven(s *threadv1.State, ref Ref, mid string, sent time.Time) []*threadv1.Fact {
	if !at(s, ref, threadv1.SendStatus_SEND_STATUS_UNCERTAIN) {
		return nil
	}
	return succeed(ref, mid, "conversation", sent)
}

// Unproven gives the fact that nothing proved the part of attempt ref sent.
func (Policy) Unproven(s *threadv1.State, ref Ref) []*threadv1.Fact {
	if !at(s, ref, threadv1.SendStatus_SEND_STATUS_UNCERTAIN) {
		return nil
	}
	return facts(&threadv1.SendUnconfirmed{Id: ref.ID, Part: ref.Part})
}

// Voided gives the fact that sets a send aside because the log does not have
// its text: refused when nothing of the part is in doubt, else unconfirmed. The
// agent sees it, and the sends behind it go on.
func (p Policy) Voided(s *threadv1.State, id string) []*threadv1.Fact {
	send := thread.FindSend(s, id)
	ref := Ref{ID: id, Part: send.GetPart(), Attempt: send.GetAttempt()}
	if at(s, ref, threadv1.SendStatus_SEND_STATUS_REQUESTED) {
		return refuse(ref, graph.Outcome{Reason: ReasonTextMissing}, time.Time{})
	}
	return p.Unproven(s, ref)
}

// at tells whether the send stands exactly at ref with that status.
func at(s *threadv1.State, ref Ref, status threadv1.SendStatus) bool {
	send := thread.FindSend(s, ref.ID)
	return send != nil && send.GetPart() == ref.Part && send.GetAttempt() == ref.Attempt && send.GetStatus() == status
}

// succeed ends the part; sent is Meta's time of it, zero when Meta has not told.
func succeed(ref Ref, mid, proof string, sent time.Time) []*threadv1.Fact {
	fact := &threadv1.SendSucceeded{Id: ref.ID, Part: ref.Part, Mid: mid, Proof: proof}
	if !sent.IsZero() {
		fact.SentMs = sent.UnixMilli()
	}
	return facts(fact)
}

// refuse ends the send; opens is when trying again makes sense, zero when
// nobody knows.
func refuse(ref Ref, out graph.Outcome, opens time.Time) []*threadv1.Fact {
	fact := &threadv1.SendRefused{Id: ref.ID, Part: ref.Part, Reason: out.Reason,
		Code: int32(out.Code), Subcode: int32(out.Subcode), Trace: out.Trace}
	if !opens.IsZero() {
		fact.OpensMs = opens.UnixMilli()
	}
	return facts(fact)
}

// park has the part wait until its page's token works.
func park(ref Ref) []*threadv1.Fact {
	return facts(&threadv1.SendDeferred{Id: ref.ID, Part: ref.Part, Reason: graph.ReasonPageDisconnected, Disconnected: true})
}

func facts(kind any) []*threadv1.Fact { return []*threadv1.Fact{thread.Of(kind)} }
