// Package routing turns what rules decide about a conversation into facts of its
// thread. It is pure.
package routing

import (
	"time"

	"github.com/parley-desk/parley/pkg/directory"
	"github.com/parley-desk/parley/pkg/rules"
	"github.com/parley-desk/parley/pkg/thread"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
)

// Needed tells whether the conversation of s still waits for a queue, and for
// nothing else: neither for its bot (L31) nor for answers (L114).
func Needed(s *threadv1.State) bool {
	c := s.GetConversation()
	return c.GetPhase() == threadv1.Phase_PHASE_OPEN && c.GetQueue() == "" && c.GetQuestions() == nil && !thread.BotHas(c)
}

// Lost tells whether the conversation of s waits in a queue that d does not have:
// nobody would ever be offered it. What is offered to an agent is not lost yet.
func Lost(d *directory.Snapshot, s *threadv1.State) bool {
	c := s.GetConversation()
	return d.Queues[c.GetQueue()] == nil && waits(c, c.GetQueue())
}

// waits tells whether c is open and in that queue, and nobody is asked to take it.
func waits(c *threadv1.Conversation, queue string) bool {
	return queue != "" && c.GetQueue() == queue && c.GetPhase() == threadv1.Phase_PHASE_OPEN && c.GetOffer() == nil
}

// Route is what rules decided about one conversation.
type Route struct {
	From       string                           // queue that it waits in and that was deleted; empty: it is in none
	Classified *threadv1.ConversationClassified // nil: no rule found anything
	Outcome    rules.Outcome
	Version    uint64 // of the configuration by which all of it was decided
}

// Stays tells whether the conversation stays where it is until the directory
// changes; Outcome.Rule then says why.
func (r Route) Stays() bool { return r.Outcome.Queue == "" && !r.Outcome.Ends }

// Decide commits a route that was chosen for one conversation, with the profile
// that was looked up for it (nil: none was) and the contact that matches (empty:
// none does). One that leads nowhere commits the profile alone. Nothing, when the
// thread has gone on meanwhile. Of a conversation that was in a queue it stays as it
// was what it is about and who its customer is: people may have had their say.
func Decide(s *threadv1.State, conversation string, route Route, profile *threadv1.CustomerProfiled, contact string) []*threadv1.Fact {
	c := s.GetConversation()
	if !Needed(s) && !waits(c, route.From) || c.GetId() != conversation {
		return nil
	}
	facts, passed := met(profile), route.Outcome.Passed
	switch {
	case route.Stays():
		return facts
	case c.GetQueue() != "":
		passed = append([]string{c.GetQueue() + ": gone"}, passed...)
	default:
		facts = append(facts, identity(s, contact)...)
		if route.Classified != nil {
			facts = append(facts, thread.Of(route.Classified))
		}
	}
	if route.Outcome.Ends {
		return append(facts, thread.Of(&threadv1.ConversationClosed{Cause: threadv1.Cause_CAUSE_OVERFLOWED}))
	}
	return append(facts, thread.Of(&threadv1.ConversationRouted{Queue: route.Outcome.Queue, Rule: route.Outcome.Rule,
		Version: route.Version, Passed: passed}))
}

// Meet commits what was found out about the customer of a conversation that a bot
// gets: rules decide about it when the bot is done.
func Meet(s *threadv1.State, profile *threadv1.CustomerProfiled, contact string) []*threadv1.Fact {
	return append(met(profile), identity(s, contact)...)
}

func met(profile *threadv1.CustomerProfiled) []*threadv1.Fact {
	if profile == nil {
		return nil
	}
	return []*threadv1.Fact{thread.Of(profile)}
}

// identity says which contact the customer is: as it is known of an earlier
// conversation (S45), else the one that matches, unless somebody took that one
// back (L101).
func identity(s *threadv1.State, contact string) []*threadv1.Fact {
	if kept := thread.Kept(s); len(kept) > 0 || contact == "" || contact == s.GetUnlinked() {
		return kept
	}
	return []*threadv1.Fact{thread.Of(&threadv1.ContactLinked{Contact: contact, Source: threadv1.LinkSource_LINK_SOURCE_AUTOMATIC})}
}

// Unknown tells whether the customer's profile should be looked up: it never
// was, or longer than age before now.
func Unknown(s *threadv1.State, now time.Time, age time.Duration) bool {
	c := s.GetCustomer()
	return c == nil || now.Sub(time.UnixMilli(c.GetFetchedMs())) > age
}
