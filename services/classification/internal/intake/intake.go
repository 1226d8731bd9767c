// Package intake decides what an event of Meta's means for its thread. It is
// pure: the thread's state and one event in, facts out.
//
// Every event leads to a fact, unless the thread has had it before. What no
// rule knows is kept as EventKept, for people.
//
// A conversation opens, or comes back from waiting, when the customer speaks:
// by a message or a pressed button. Coming by a link, reacting, reading or
// editing is not speaking; nor is anything in standby, where another app has
// the thread. A page that the directory does not have opens nothing either:
// nobody has said who answers for it.
package intake

import (
	"time"

	inboundv1 "github.com/parley-desk/parley/proto/gen/parley/inbound/v1"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"

	"github.com/parley-desk/parley/pkg/graph"
	"github.com/parley-desk/parley/pkg/thread"
	"github.com/parley-desk/parley/services/classification/internal/meta"
)

// Bounds of Meta's time around ours. A signature has no time in it, so a body
// that was taken down once can be sent again for ever.
const (
	// Stale is how old an event may be when it arrives. An older one is kept,
	// marked late, and opens neither window nor conversation (SI5).
	Stale = 48 * time.Hour
	// Ahead is how far Meta's clock may run before ours. An event further ahead
	// counts as of the moment it arrived, is marked late, and opens no window
	// (SI5); a conversation it does open, since the customer wants an answer
	// whichever of the clocks is wrong.
	Ahead = 5 * time.Minute
)

// Input is one event and what the shell has found out about it.
type Input struct {
	Event    *inboundv1.Event
	Item     meta.Event
	Sequence uint64                       // of the INBOUND record
	Own      *graph.Metadata              // of an echo that carries our signature
	Opening  *threadv1.ConversationOpened // the conversation that would open; nil: none may
}

// Decision is what an event changes.
type Decision struct {
	Facts []*threadv1.Fact // none: the thread has had the event
	// Doubt says that the thread may have had the event too long ago for its
	// state to know. Whoever commits Facts looks for the key of the first one in
	// the thread's log before.
	Doubt bool
}

// forgetful is how many keys a state holds before it may have forgotten one.
const forgetful = 100

// Decide says what the event changes in s.
func Decide(s *threadv1.State, in Input) Decision {
	at := when(in)
	what := in.happened(s, at.ms)
	if what == nil {
		return Decision{}
	}
	key := in.key(what)
	if thread.Seen(s, key) {
		return Decision{}
	}
	fact := thread.Of(what)
	fact.EventKey, fact.InboundSeq = key, in.Sequence
	fact.Late, fact.Stale = at.late(s), at.unbelievable()
	facts := []*threadv1.Fact{fact}
	if speaks(what) && !at.stale {
		facts = append(facts, answerable(s, in.Opening)...)
	}
	old := at.ms <= s.GetNewestMs() || at.stale
	return Decision{Facts: facts, Doubt: key != "" && old && len(s.GetRecent()) >= forgetful}
}

// answerable sees to it that an agent gets to see what the customer said.
func answerable(s *threadv1.State, opening *threadv1.ConversationOpened) []*threadv1.Fact {
	switch c := s.GetConversation(); {
	case c.GetPhase() == threadv1.Phase_PHASE_WAITING:
		return []*threadv1.Fact{thread.Of(&threadv1.ConversationRevived{})}
	case thread.Live(c) || opening == nil:
		return nil
	}
	return []*threadv1.Fact{thread.Of(opening)}
}

// speaks tells whether the customer wants an answer.
func speaks(what any) bool {
	switch what := what.(type) {
	case *threadv1.MessageReceived:
		return !what.GetStandby()
	case *threadv1.PostbackReceived:
		return !what.GetStandby()
	}
	return false
}

// happened is the message of the fact that the event leads to; nil when it says
// nothing that s does not know.
func (in Input) happened(s *threadv1.State, at int64) any {
	standby := in.Event.GetLane() == inboundv1.Lane_LANE_STANDBY
	if in.Event.GetDefect() != "" || in.Event.GetPsid() == "" {
		return in.kept(at)
	}
	switch b := in.Item.Body.(type) {
	case meta.Message:
		if b.Echo || in.fromPage() {
			return in.echo(s, b, at)
		}
		return &threadv1.MessageReceived{Mid: b.MID, Text: b.Text, Attachments: b.Attachments, QuickReply: b.QuickReply,
			ReplyTo: b.ReplyTo, SentMs: at, Referral: b.Referral, Standby: standby, Unsupported: b.Unsupported}
	case meta.Postback:
		return &threadv1.PostbackReceived{Mid: b.MID, Title: b.Title, Payload: b.Payload, Referral: b.Referral,
			SentMs: at, Standby: standby}
	case meta.Edit:
		return &threadv1.MessageEdited{Mid: b.MID, Text: b.Text, Edit: b.Count, SentMs: at}
	case meta.Unsend:
		return &threadv1.MessageUnsent{Mid: b.MID, SentMs: at}
	case meta.Reaction:
		return &threadv1.ReactionChanged{Mid: b.MID, Emoji: b.Emoji, Reaction: b.Word, Removed: b.Removed, SentMs: at}
	case meta.Referral:
		return &threadv1.ReferralReceived{Referral: b.How, SentMs: at}
	case meta.Delivery:
		// Marks only ever rise, so a mark that says nothing new is a repetition.
		if b.WatermarkMS <= s.GetDeliveredMs() && b.WatermarkMS > 0 {
			return nil
		}
		return &threadv1.DeliveryReported{WatermarkMs: b.WatermarkMS, Mids: b.MIDs}
	case meta.Read:
		if b.WatermarkMS <= s.GetReadMs() {
			return nil
		}
		return &threadv1.ReadReported{WatermarkMs: b.WatermarkMS}
	}
	return in.kept(at)
}

// fromPage tells whether the page did it, by its inbox or another app.
func (in Input) fromPage() bool {
	return in.Item.Sender != "" && in.Item.Sender == in.Event.GetPage() && in.Item.Sender != in.Event.GetPsid()
}

// echo is a message of the page. One that carries our signature proves a send,
// while that send is open; it is never shown a second time. Every other was
// written elsewhere: our own app id alone proves nothing, since other programs
// may use the app.
func (in Input) echo(s *threadv1.State, b meta.Message, at int64) any {
	if in.Own == nil {
		return &threadv1.ExternalMessageSent{Mid: b.MID, Text: b.Text, Attachments: b.Attachments, AppId: b.AppID, SentMs: at}
	}
	send := thread.FindSend(s, in.Own.Intent)
	if send == nil || int(send.GetPart()) != in.Own.Part || send.GetStatus() == threadv1.SendStatus_SEND_STATUS_REQUESTED {
		return nil
	}
	return &threadv1.SendSucceeded{Id: in.Own.Intent, Part: send.GetPart(), Mid: b.MID, Proof: "echo", SentMs: at}
}

// kept is an event without a fact of its own.
func (in Input) kept(at int64) any {
	k := &threadv1.EventKept{Kind: in.Item.Name, SentMs: at, Raw: meta.Cut(in.Event.GetRaw()),
		Standby: in.Event.GetLane() == inboundv1.Lane_LANE_STANDBY}
	if defect := in.Event.GetDefect(); defect != "" {
		k.Kind, k.Summary = "unreadable", defect
		return k
	}
	k.Summary = in.Item.Name
	if other, ok := in.Item.Body.(meta.Other); ok && other.Detail != "" {
		k.Summary += ": " + other.Detail
	}
	return k
}
