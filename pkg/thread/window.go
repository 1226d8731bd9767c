package thread

import (
	"time"

	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
)

// Meta's windows for a reply, counted from the newest event of the customer
// that opens one, by Meta's clock (send-messages page, S32).
const (
	standardWindow   = 24 * time.Hour
	humanAgentWindow = 7 * 24 * time.Hour
	// windowMargin is taken off both, for clocks and the way to Meta.
	windowMargin = time.Minute
	// utilityWindow is how long a utility template may wait for its page, from
	// when it was written. Meta sets no end; what it tells of does not stay true.
	utilityWindow = 24 * time.Hour
)

// WindowKind is how a reply may leave.
type WindowKind int

// The kinds.
const (
	Closed     WindowKind = iota // not at all until the customer writes
	Response                     // as RESPONSE
	HumanAgent                   // as MESSAGE_TAG HUMAN_AGENT, if a person wrote it
	Utility                      // as UTILITY: a template that the page has approved
)

// String is the kind as the desk API writes it.
func (k WindowKind) String() string {
	switch k {
	case Response:
		return "response"
	case HumanAgent:
		return "human_agent"
	case Utility:
		return "utility"
	case Closed:
	}
	return "closed"
}

// Window is what Meta allows now and until when; Until is zero when Closed.
type Window struct {
	Kind  WindowKind
	Until time.Time
}

// PassageOf tells how the open send leaves at now, if it does (S32, S33). What a
// person wrote leaves in whatever window there is, and a utility template without
// one; what nobody wrote, and a sticker, leaves in the standard window alone.
func PassageOf(s *threadv1.State, one *threadv1.Send, human bool, now time.Time) Window {
	w := WindowAt(s, now)
	switch until := time.UnixMilli(one.GetRequestedMs()).Add(utilityWindow); {
	case w.Kind != Response && (!human || one.GetSticker()):
		return Window{}
	case one.GetUtility() && human && now.Before(until):
		return Window{Utility, until}
	case one.GetUtility():
		return Window{}
	}
	return w
}

// WindowAt tells how a reply may leave at now. The human-agent tag counts only
// if it was on when the conversation opened, or was opened again (S33).
func WindowAt(s *threadv1.State, now time.Time) Window {
	if s.GetWindowMs() == 0 {
		return Window{}
	}
	opened := time.UnixMilli(s.GetWindowMs())
	if until := opened.Add(standardWindow - windowMargin); now.Before(until) {
		return Window{Response, until}
	}
	if until := opened.Add(humanAgentWindow - windowMargin); s.GetConversation().GetMessageTag() && now.Before(until) {
		return Window{HumanAgent, until}
	}
	return Window{}
}
