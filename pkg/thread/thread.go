// Package thread is the aggregate of the house: the pure rules by which facts
// change a thread, one customer on one page, for ever.
//
// # Usage
//
// A stage reads a thread's state, decides by one of the commands of this
// package (or makes a fact of Meta's with Of), and commits what Extend gives.
// The bus does the reading and committing; nothing here has a clock,
// randomness or I/O.
//
// # Guarantees
//
// Apply never leads outside the table of a conversation's life (Turns, L81):
//
//	Open ──assigned──▶ Active ──ended──▶ Wrap-up ──closed──▶ Closed
//	 ▲ ▲                │  │ ▲                                ▲ from any
//	 │ └────released────┘  │ └─────────resumed────────┐       │
//	 └────────────revived───────────── Waiting ◀──parked──────┘
//
// A fact that cannot follow the state is refused with *Refusal and changes
// nothing.
//
// What comes again changes nothing, as long as it comes as what it was: an
// event of Meta's is known by its key (Seen), and marks of time only rise; a
// command of a desk is known by its client id (Done); a commit is known by its
// revision, so whoever folds a log passes over those up to the one it stands
// at. A fact of our own has nothing else to be known by: handed to Apply
// again, it happens again wherever the state allows it.
package thread

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"google.golang.org/protobuf/proto"

	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
)

// How much a state remembers of what it has seen. Meta repeats an event for
// up to 36 hours, a desk a command for minutes; a customer writes far fewer
// events than this in that time, and intake searches the log beyond it.
const (
	keptKeys     = 128
	keptCommands = 32
)

// Refusal reasons.
const (
	Repeated     = "SEEN"                 // the thread has had the event
	WrongPhase   = "WRONG_PHASE"          // the conversation is not in a phase that allows it
	NotYours     = "NOT_YOURS"            // another agent has it
	NotCurrent   = "NOT_CURRENT"          // the thread has gone on to another conversation
	OfferGone    = "OFFER_GONE"           // the offer was answered, lapsed or revoked
	Stale        = "STALE"                // an older fence than one already used
	NotPickable  = "NOT_PICKABLE"         // its workstream does not let agents pick
	Offered      = "OFFERED"              // it is offered to somebody at the moment
	WindowClosed = "WINDOW_CLOSED"        // Meta takes no reply now
	NoSuchSend   = "NO_SUCH_SEND"         // no open send has this id
	WrongStatus  = "WRONG_STATUS"         // the send is not where this can follow
	BadFact      = "BAD_FACT"             // the fact itself is incomplete
	Unanswerable = "CONVERSATION_MISSING" // nothing has begun yet

	SkillsFixed   = "SKILLS_FIXED"    // agents of its workstream do not say which skills it needs
	TooManySkills = "TOO_MANY_SKILLS" // it would need more than MostSkills
	TooManyLabels = "TOO_MANY_LABELS" // it would have more than MostLabels; take one away first
)

// Refusal says why something cannot happen to a thread as it stands.
type Refusal struct {
	Reason  string         // one of the constants above
	Phase   threadv1.Phase // of the latest conversation
	Allowed []string       // what the same agent may do instead; see Allowed
}

// Error is the reason and the phase; it holds nothing of the customer.
func (r *Refusal) Error() string {
	return fmt.Sprintf("%s in %s", r.Reason, r.Phase)
}

// ErrNoFacts is what Extend answers when there is nothing to commit.
var ErrNoFacts = errors.New("a commit needs a fact")

// New is a thread in which nothing has happened.
func New(page, psid string) *threadv1.State { return &threadv1.State{Page: page, Psid: psid} }

// Extend applies facts to a copy of s, which was read at revision, and gives
// the commit that makes them happen. The first refusal ends it.
func Extend(s *threadv1.State, revision uint64, now time.Time, writer string, facts ...*threadv1.Fact) (*threadv1.Commit, error) {
	if len(facts) == 0 {
		return nil, ErrNoFacts
	}
	after := proto.CloneOf(s)
	for _, f := range facts {
		if err := apply(after, revision, now, f); err != nil {
			return nil, err
		}
	}
	return &threadv1.Commit{Facts: facts, State: after, AtMs: now.UnixMilli(), Writer: writer}, nil
}

// Apply changes s by one fact at the writer's time now; revision is what s was
// read at. A fact that cannot follow s is refused and s stays as it was.
func Apply(s *threadv1.State, revision uint64, now time.Time, f *threadv1.Fact) error {
	after := proto.CloneOf(s)
	if err := apply(after, revision, now, f); err != nil {
		return err
	}
	proto.Reset(s)
	proto.Merge(s, after)
	return nil
}

// Done tells whether the command with this client id was carried out.
func Done(s *threadv1.State, clientID string) bool {
	return clientID != "" && slices.Contains(s.GetCommands(), clientID)
}

// Live tells whether c has begun and is not closed.
func Live(c *threadv1.Conversation) bool {
	return c != nil && c.Phase != threadv1.Phase_PHASE_CLOSED && c.Phase != threadv1.Phase_PHASE_UNSPECIFIED
}

// Allowed is what an agent may do with the latest conversation now: accept,
// reject, send, note, end, close, park, resume, release, transfer; consult,
// confer, open_consult, end_consult; accept_consult, decline_consult, join,
// leave. Pages show these and nothing else; the commands enforce the same.
func Allowed(s *threadv1.State, agent string) []string {
	c := s.GetConversation()
	if p := ParticipantOf(c, agent); p != nil {
		return allowedBeside(c, p)
	}
	switch c.GetPhase() {
	case threadv1.Phase_PHASE_OPEN:
		if c.GetOffer().GetAgent() == agent && agent != "" {
			return []string{"accept", "reject"}
		}
	case threadv1.Phase_PHASE_ACTIVE:
		if c.GetAgent() == agent {
			return append([]string{"send", "note", "end", "park", "release", "transfer"}, allowedAside(c)...)
		}
	case threadv1.Phase_PHASE_WAITING:
		if c.GetAgent() == agent {
			return []string{"resume", "note"}
		}
	case threadv1.Phase_PHASE_WRAP_UP:
		if c.GetAgent() == agent {
			return []string{"note", "close"}
		}
	case threadv1.Phase_PHASE_CLOSED, threadv1.Phase_PHASE_UNSPECIFIED:
	}
	return nil
}

func refuse(s *threadv1.State, reason, agent string) *Refusal {
	return &Refusal{Reason: reason, Phase: s.GetConversation().GetPhase(), Allowed: Allowed(s, agent)}
}

func remember(list []string, key string, most int) []string {
	if key == "" {
		return list
	}
	list = append(list, key)
	if over := len(list) - most; over > 0 {
		list = slices.Delete(list, 0, over)
	}
	return list
}
