package thread

import (
	"time"

	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
)

// Approach is how agents are asked about the latest conversation as it stands: by
// the template of its workstream for one that was handed over, or that comes in of
// a customer who is a known contact or is none (L90), as they were when it opened.
// Nil: by none, but by what is built in.
func Approach(s *threadv1.State) *threadv1.Approach {
	terms := s.GetConversation().GetTerms()
	switch {
	case s.GetConversation().GetTransferred():
		return terms.GetTransfer()
	case s.GetContact() != nil:
		return terms.GetKnown()
	}
	return terms.GetUnknown()
}

// Given tells whether an agent has the latest conversation at once, without
// accepting it (L95).
func Given(s *threadv1.State) bool {
	_, given := asks(Approach(s), s.GetConversation())
	return given
}

// OfferLasts is how long an agent has to answer an offer of the latest
// conversation.
func OfferLasts(s *threadv1.State) time.Duration {
	lasts, _ := asks(Approach(s), s.GetConversation())
	return lasts
}

// asks is what a template says of c, or where it is nil what is built in.
func asks(approach *threadv1.Approach, c *threadv1.Conversation) (lasts time.Duration, given bool) {
	if approach != nil {
		return time.Duration(approach.GetSeconds()) * time.Second, approach.GetAutoAssign()
	}
	return time.Duration(c.GetOfferSeconds()) * time.Second, c.GetTerms().GetAutoAssign()
}
