// Package intake decides what an event of Meta's means for its thread. It is
// pure: the thread's state and one event in, facts out.
//
// Every event leads to a fact, unless the thread has had it before. What no
// rule knows is kept as EventKept, for people.
//
// A conversation opens, or comes back from waiting, when the customer speaks:
// by a message or a pressed button. Coming by a link, reacting, reading or
// editing is not speaking; nor is anything in standby, where another app has
// the thread and answers. A page that the directory does not have opens nothing either:
// nobody has said who answers for it.
//
// A message may come twice in two forms: by its webhook, and recovered from the
// Conversations API. Whichever comes first is filed.
package intake

import (
	"slices"
	"strings"
	"time"

	"golang.org/x/text/unicode/norm"

	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
	inboundv1 "github.com/parley-desk/parley/proto/gen/parley/inbound/v1"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"

	"github.com/parley-desk/parley/pkg/directory"
	"github.com/parley-desk/parley/pkg/graph"
	"github.com/parley-desk/parley/pkg/mask"
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
	Event     *inboundv1.Event
	Item      meta.Event
	Sequence  uint64                       // of the INBOUND record
	Own       *graph.Metadata              // of an echo that carries our signature
	Past      *Past                        // what the log says, once Decide was in doubt
	Opening   *threadv1.ConversationOpened // the conversation that would open; nil: none may
	App       string                       // id of the app that the page speaks to us by; empty: not known
	Files     directory.FilePolicy         // what the page takes of files from customers
	Variables []*configv1.Variable         // that the workstream of Opening declares
	Masks     mask.Both                    // what is hidden of texts
	// Questions are those of a workstream; nil: none has any.
	Questions func(workstream string) *configv1.Questions
}

// Past is what the log of a thread says of an event that its state cannot
// judge.
type Past struct {
	Had    bool                // the event was filed before
	Proved bool                // of an own echo: its part was sent under another mid
	Asked  map[string][]string // texts of the replies that agents asked for, part by part, by intent
}

// Decision is what an event changes.
type Decision struct {
	Facts []*threadv1.Fact // none: the thread has had the event
	// Doubt says that the log may know more of the event than the state. Whoever
	// commits Facts looks there before, for the first of them, and decides again
	// with what it finds. Since bounds the search.
	Doubt bool
	// Since is a time of our clock before which the event was not filed, however
	// the clocks differ; zero when there is no telling.
	Since time.Time
	// Referred is what the customer's link told the conversation that opens.
	Referred Referred
}

// Opened is the conversation that the event opens; nil when it opens none.
func (d Decision) Opened() *threadv1.ConversationOpened {
	if len(d.Facts) == 0 {
		return nil
	}
	for _, f := range d.Facts {
		if o := f.GetConversationOpened(); o != nil {
			return o
		}
	}
	return nil
}

const (
	// forgetful is how many keys a state holds before it may have forgotten one.
	forgetful = 100
	// slack is taken off the time of an event to give the earliest at which it
	// can have been filed: Meta's clock may be Ahead of ours, the broker's too.
	// That leaves out one case: an event further ahead when it was filed, that
	// comes again when its time has come and the state has forgotten it.
	slack = 2 * Ahead
)

// Decide says what the event changes in s.
func Decide(s *threadv1.State, in Input) Decision {
	at := when(in)
	what := in.happened(s, at.ms)
	if what == nil {
		return Decision{}
	}
	key := in.key(what)
	if thread.Seen(s, key) || in.elsewhere(s, what) || in.Past != nil && in.Past.Had {
		return Decision{}
	}
	// By now the text has told all that it is to tell of the event: its key, and
	// whether it is a reply of ours.
	in.Masks.Event(what)
	fact := thread.Of(what)
	fact.EventKey, fact.InboundSeq = key, in.Sequence
	fact.Late, fact.Stale, fact.Recovered = at.late(s), at.unbelievable(), in.recovered()
	facts := []*threadv1.Fact{fact}
	var referred Referred
	if answer, is := survey(s, what, at.ms); is && !at.stale {
		facts = append(facts, answer...)
	} else if speaks(what) && !at.stale {
		var opening *threadv1.ConversationOpened
		if !thread.Live(s.GetConversation()) {
			opening, referred = in.opening(s, fact, at.ms)
		}
		facts = append(facts, in.answerable(s, opening)...)
		facts = append(facts, in.questions(s, what, opening, at.ms)...)
	}
	old := at.ms <= s.GetNewestMs() || at.stale || at.lent
	forgotten := key != "" && old && len(s.GetRecent()) >= forgetful
	doubt := forgotten || surprising(s, what) || in.recovered() && in.fromPage()
	d := Decision{Facts: facts, Doubt: in.Past == nil && doubt, Since: since(what, at), Referred: referred}
	if in.recovered() && in.fromPage() && len(s.GetSends()) > 0 {
		d.Since = time.Time{} // what was asked for may be older than what came of it
	}
	return d
}

// recovered tells that no webhook brought the event.
func (in Input) recovered() bool { return in.Event.GetLane() == inboundv1.Lane_LANE_RECOVERED }

// elsewhere tells whether the thread has had the customer's message in its other
// form: recovered, or by its webhook.
func (in Input) elsewhere(s *threadv1.State, what any) bool {
	var mid string
	switch f := what.(type) {
	case *threadv1.MessageReceived:
		mid = f.GetMid()
	case *threadv1.PostbackReceived:
		mid = f.GetMid()
	}
	if in.recovered() {
		return thread.Seen(s, thread.MessageKey(mid)) || thread.Seen(s, thread.PostbackKey(mid))
	}
	return thread.Seen(s, thread.RecoveredKey(mid))
}

// surprising tells whether an echo of ours is not the one that is expected
// after an answer: then the log knows what became of its part.
func surprising(s *threadv1.State, what any) bool {
	e, ok := what.(*threadv1.SendEchoed)
	return ok && !thread.Sent(s, e.GetMid())
}

// since is Decision.Since. Only a time of the event's own comes with every
// repetition of it; what a send has come to may be older than its echo.
func since(what any, at moment) time.Time {
	if _, echoed := what.(*threadv1.SendEchoed); echoed || at.lent {
		return time.Time{}
	}
	return time.UnixMilli(at.ms).Add(-slack)
}

// answerable sees to it that an agent gets to see what the customer said.
func (in Input) answerable(s *threadv1.State, opening *threadv1.ConversationOpened) []*threadv1.Fact {
	switch c := s.GetConversation(); {
	case c.GetPhase() == threadv1.Phase_PHASE_WAITING:
		revived := &threadv1.ConversationRevived{}
		if in.Opening.GetWorkstream() != "" {
			revived.MessageTag = new(in.Opening.GetMessageTag())
		}
		return []*threadv1.Fact{thread.Of(revived)}
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
	standby := in.Event.GetLane() == inboundv1.Lane_LANE_STANDBY || in.recovered() && s.GetStandby()
	if in.Event.GetDefect() != "" || in.Event.GetPsid() == "" {
		return in.kept(at)
	}
	switch b := in.Item.Body.(type) {
	case meta.Message:
		if b.Echo || in.fromPage() {
			return in.echo(s, b, at, standby)
		}
		return &threadv1.MessageReceived{Mid: b.MID, Text: b.Text, Attachments: screen(b.Attachments, in.Files), QuickReply: b.QuickReply,
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
	case meta.Control:
		return &threadv1.ControlMoved{How: b.How, FromApp: b.From, ToApp: b.To, Ours: b.To != "" && b.To == in.App, SentMs: at}
	}
	return in.kept(at)
}

// fromPage tells whether the page did it, by its inbox or another app.
func (in Input) fromPage() bool {
	return in.Item.Sender != "" && in.Item.Sender == in.Event.GetPage() && in.Item.Sender != in.Event.GetPsid()
}

// echo is a message of the page. One that carries our signature is ours, and
// never shown a second time; so is one that lost it but has the mid of a
// message of ours. Every other was written elsewhere: our own app id alone
// proves nothing, since other programs may use the app.
func (in Input) echo(s *threadv1.State, b meta.Message, at int64, standby bool) any {
	switch {
	case in.Own == nil && (thread.Sent(s, b.MID) || in.unsettled(s, b, at)):
		return nil
	case in.Own == nil:
		return &threadv1.ExternalMessageSent{Mid: b.MID, Text: b.Text, Attachments: b.Attachments, AppId: b.AppID, SentMs: at, Standby: standby}
	}
	fact := thread.Echoed(s, thread.Echo{ID: in.Own.Intent, Part: int32(in.Own.Part), Attempt: int32(in.Own.Attempt), Mid: b.MID, SentMs: at})
	if ok := fact.GetSendSucceeded(); ok != nil {
		return ok
	}
	fact.GetSendEchoed().Twice = in.Past != nil && in.Past.Proved
	return fact.GetSendEchoed()
}

// unsettled tells whether a recovered message of the page may well be a reply of
// ours of which nobody knows yet whether it arrived: it has no metadata to tell
// by. What became of the reply is for outbound to find out, which reads the same
// conversation.
func (in Input) unsettled(s *threadv1.State, b meta.Message, at int64) bool {
	if !in.recovered() || in.Past == nil {
		return false
	}
	return slices.ContainsFunc(s.GetSends(), func(one *threadv1.Send) bool {
		parts := in.Past.Asked[one.GetId()]
		part := int(one.GetPart())
		return one.GetAttempt() > 0 && part < len(parts) && canonical(parts[part]) == canonical(b.Text) &&
			at >= one.GetAttemptedMs()-Ahead.Milliseconds()
	})
}

// canonical removes what Meta may change in a text on its way.
func canonical(text string) string { return strings.TrimSpace(norm.NFC.String(text)) }

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
