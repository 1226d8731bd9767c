// Package fault says what kind of failure an error is, once, at the place that
// knows. The kind alone decides the gRPC code, the HTTP status, and whether a
// stage of the bus tries again; the message is safe to show to people; the
// cause is only ever logged.
//
// An error without a kind is Internal: a bug of ours, its text withheld.
package fault

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Kind is what sort of failure it is.
type Kind int

// The kinds, and what the caller should do.
const (
	Internal        Kind = iota // our bug
	Invalid                     // the input can never work
	Unauthenticated             // who are you
	Denied                      // not yours to do
	NotFound                    // no such thing
	Conflict                    // lost a race or exists already: read again
	Precondition                // the state does not allow it
	Exhausted                   // a limit: later
	Unavailable                 // a dependency is away: later
	Timeout                     // ran out of time: later, if repeating is harmless
	Canceled                    // the caller went away
)

var names = [...]string{"internal", "invalid", "unauthenticated", "denied", "not_found", "conflict",
	"precondition", "exhausted", "unavailable", "timeout", "canceled"}

// String is the kind as it stands in logs and metrics.
func (k Kind) String() string {
	if k < 0 || int(k) >= len(names) {
		return "internal"
	}
	return names[k]
}

// Domain is where reasons are defined: the domain of every google.rpc.ErrorInfo
// that leaves the house.
const Domain = "parley.dev"

// Violation is one bad field of an input.
type Violation struct {
	Field       string // path, "queue.agents[2]"
	Description string // what is wrong, with the value, and the remedy
}

// Error is a failure with a kind. Make one with New or Wrap.
type Error struct {
	Kind       Kind
	Reason     string // machine-readable, UPPER_SNAKE_CASE; may be empty
	Message    string // for people, without secrets and customer data
	Violations []Violation
	RetryAfter time.Duration // when Exhausted or Unavailable; 0 unknown
	Cause      error         // logged, never shown
}

// Error is the message followed by the cause; show Message to people instead.
func (e *Error) Error() string {
	if e.Cause == nil {
		return e.Message
	}
	return e.Message + ": " + e.Cause.Error()
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Cause }

// New makes a failure; the formatted text is its message.
func New(k Kind, reason, format string, args ...any) *Error {
	return &Error{Kind: k, Reason: reason, Message: fmt.Sprintf(format, args...)}
}

// Wrap says what was being done when err came up, and keeps its kind, reason
// and violations. The format must not say "failed to". A nil err gives nil.
func Wrap(err error, format string, args ...any) error {
	if err == nil {
		return nil
	}
	e := &Error{Kind: KindOf(err), Message: fmt.Sprintf(format, args...), Cause: err}
	var inner *Error
	if errors.As(err, &inner) {
		e.Reason, e.Violations, e.RetryAfter = inner.Reason, inner.Violations, inner.RetryAfter
	}
	return e
}

// KindOf is the kind of err; Internal when it has none. Context errors are
// Canceled and Timeout.
func KindOf(err error) Kind {
	var e *Error
	switch {
	case errors.As(err, &e):
		return e.Kind
	case errors.Is(err, context.Canceled):
		return Canceled
	case errors.Is(err, context.DeadlineExceeded):
		return Timeout
	}
	return Internal
}

// Is tells whether err is of kind k.
func Is(err error, k Kind) bool { return err != nil && KindOf(err) == k }

// Retryable tells whether doing it again later can help.
func Retryable(err error) bool {
	switch KindOf(err) {
	case Exhausted, Unavailable, Timeout, Conflict, Internal:
		return true
	case Invalid, Unauthenticated, Denied, NotFound, Precondition, Canceled:
		return false
	}
	return true
}
