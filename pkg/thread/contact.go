package thread

import (
	"time"

	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
)

// Refusal reasons of links between customers and contacts.
const (
	LinkedOther = "LINKED_TO_ANOTHER" // it is known already which contact the customer is
	NotLinked   = "NOT_LINKED"        // it is not known as that contact
)

func ofContact(kind any) *threadv1.Fact {
	switch k := kind.(type) {
	case *threadv1.ContactLinked:
		return &threadv1.Fact{Kind: &threadv1.Fact_ContactLinked{ContactLinked: k}}
	case *threadv1.ContactUnlinked:
		return &threadv1.Fact{Kind: &threadv1.Fact_ContactUnlinked{ContactUnlinked: k}}
	}
	return nil
}

// applyContact is for the facts about which contact the customer is; false for
// others.
func applyContact(s *threadv1.State, now time.Time, f *threadv1.Fact) (handled bool, err error) {
	switch k := f.GetKind().(type) {
	case *threadv1.Fact_ContactLinked:
		return true, applyLinked(s, now, k.ContactLinked)
	case *threadv1.Fact_ContactUnlinked:
		return true, applyUnlinked(s, k.ContactUnlinked)
	}
	return false, nil
}

func applyLinked(s *threadv1.State, now time.Time, l *threadv1.ContactLinked) error {
	switch {
	case l.GetContact() == "" || l.GetSource() == threadv1.LinkSource_LINK_SOURCE_UNSPECIFIED:
		return refuse(s, BadFact, "")
	case l.GetSource() == threadv1.LinkSource_LINK_SOURCE_KEPT:
		if s.GetContact().GetContact() != l.GetContact() {
			return refuse(s, NotLinked, "")
		}
		return nil // it only tells
	case l.GetSource() == threadv1.LinkSource_LINK_SOURCE_AUTOMATIC && (s.GetContact() != nil || s.GetUnlinked() == l.GetContact()):
		return refuse(s, LinkedOther, "")
	}
	s.Commands = remember(s.Commands, l.GetClientId(), keptCommands)
	s.Contact = &threadv1.ContactLink{Contact: l.GetContact(), Source: l.GetSource(), By: l.GetBy(), SinceMs: now.UnixMilli()}
	s.Unlinked = ""
	return nil
}

func applyUnlinked(s *threadv1.State, u *threadv1.ContactUnlinked) error {
	if s.GetContact() == nil || s.Contact.Contact != u.GetContact() {
		return refuse(s, NotLinked, "")
	}
	s.Commands = remember(s.Commands, u.GetClientId(), keptCommands)
	s.Unlinked, s.Contact = s.Contact.Contact, nil
	return nil
}

// Link has the agent of a conversation say which contact its customer is; one that
// was said before gives way. That is for later conversations too (S44, S45).
func Link(s *threadv1.State, conversation, agent, clientID, contact string) ([]*threadv1.Fact, error) {
	if Done(s, clientID) {
		return nil, nil
	}
	if err := CheckLink(s, conversation, agent); err != nil {
		return nil, err
	}
	if s.GetContact().GetContact() == contact {
		return nil, nil
	}
	return one(&threadv1.ContactLinked{Contact: contact, Source: threadv1.LinkSource_LINK_SOURCE_AGENT, By: agent, ClientId: clientID}), nil
}

// Unlink has the agent of a conversation take back which contact its customer is.
func Unlink(s *threadv1.State, conversation, agent, clientID, contact string) ([]*threadv1.Fact, error) {
	if Done(s, clientID) {
		return nil, nil
	}
	if err := CheckLink(s, conversation, agent); err != nil {
		return nil, err
	}
	if s.GetContact().GetContact() != contact || contact == "" {
		return nil, refuse(s, NotLinked, agent)
	}
	return one(&threadv1.ContactUnlinked{Contact: contact, By: agent, ClientId: clientID}), nil
}

// MayLink tells whether agent may say now which contact the customer is.
func MayLink(s *threadv1.State, conversation, agent string) bool {
	return CheckLink(s, conversation, agent) == nil
}

// CheckLink allows a link to whoever has the conversation while it lasts (L100),
// and to a supervisor who takes part in it; the error is a *Refusal.
func CheckLink(s *threadv1.State, conversation, agent string) error {
	if p := ParticipantOf(s.GetConversation(), agent); p.GetPart() == threadv1.Part_PART_JOINED && s.Conversation.Id == conversation {
		return nil
	}
	_, err := held(s, conversation, agent, threadv1.Phase_PHASE_ACTIVE, threadv1.Phase_PHASE_WAITING, threadv1.Phase_PHASE_WRAP_UP)
	return err
}

// Kept tells, when a conversation opens, that it is known already which contact
// the customer is; nothing when it is not.
func Kept(s *threadv1.State) []*threadv1.Fact {
	if s.GetContact() == nil {
		return nil
	}
	return one(&threadv1.ContactLinked{Contact: s.Contact.Contact, Source: threadv1.LinkSource_LINK_SOURCE_KEPT, By: s.Contact.By})
}
