// Package thread is the aggregate of the house: the pure rules by which facts
// change a thread. It has no clock, no randomness and no I/O.
package thread

import (
	"time"

	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
)

// Refusal says why something cannot happen to a thread as it stands.
type Refusal struct {
	Reason  string // WRONG_PHASE, NOT_YOURS, OFFER_GONE, WINDOW_CLOSED, ...
	Phase   threadv1.Phase
	Allowed []string // what the same agent may do instead
}

func (r *Refusal) Error() string { return r.Reason }

// New is a thread in which nothing has happened.
func New(page, psid string) *threadv1.State { return &threadv1.State{Page: page, Psid: psid} }

// Of wraps the message of a fact: Of(&threadv1.MessageReceived{...}).
func Of(kind any) *threadv1.Fact { return nil }

// Apply changes s by one fact at the writer's time now. A fact that cannot
// follow s is refused with *Refusal and s stays as it was. revision is the
// revision s was read at.
func Apply(s *threadv1.State, revision uint64, now time.Time, f *threadv1.Fact) error { return nil }

// Extend applies facts to a copy of s and gives the commit.
func Extend(s *threadv1.State, revision uint64, now time.Time, writer string, facts ...*threadv1.Fact) (*threadv1.Commit, error) {
	return nil, nil
}
