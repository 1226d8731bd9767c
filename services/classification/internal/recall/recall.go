// Package recall finds in the log of a thread what its state has forgotten.
//
// A log can be long, and events out of order are common in a busy thread, so
// the search begins at the time before which the event cannot have been filed:
// that place is found by halving, each step one read.
package recall

import (
	"context"
	"iter"
	"time"

	"github.com/parley-desk/parley/pkg/bus"
	"github.com/parley-desk/parley/pkg/thread"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
	"github.com/parley-desk/parley/proto/subject"
	"github.com/parley-desk/parley/services/classification/internal/intake"
)

// Log is the part of bus.Bus that a search needs.
type Log interface {
	History(ctx context.Context, t subject.Thread, after uint64) iter.Seq2[bus.Record, error]
}

// Search looks for a fact in the log of thread t, which stands at revision, in
// the commits stored since a time; zero means all of them.
func Search(ctx context.Context, log Log, t subject.Thread, revision uint64, fact *threadv1.Fact, since time.Time) (*intake.Past, error) {
	after, err := begin(ctx, log, t, revision, since)
	if err != nil {
		return nil, err
	}
	past := &intake.Past{Asked: map[string][]string{}}
	for rec, err := range log.History(ctx, t, after) {
		if err != nil {
			return nil, err
		}
		for _, f := range rec.Commit.GetFacts() {
			past.Had = past.Had || same(f, fact)
			past.Proved = past.Proved || proves(f, fact.GetSendEchoed())
			if asked := f.GetSendRequested(); asked != nil {
				past.Asked[asked.GetId()] = thread.Texts(asked)
			}
		}
		if past.Had {
			return past, nil
		}
	}
	return past, nil
}

// begin gives a revision that no commit stored since then is at or below, and
// the last such one if it can: of a and b, a is known to be one and b is known
// to be past it.
func begin(ctx context.Context, log Log, t subject.Thread, revision uint64, since time.Time) (uint64, error) {
	a, b := uint64(0), revision
	if since.IsZero() {
		return 0, nil
	}
	for a < b {
		middle := a + (b-a)/2
		rec, found, err := next(ctx, log, t, middle)
		switch {
		case err != nil:
			return 0, err
		case found && rec.Stored.Before(since):
			a = rec.Revision
		default:
			b = middle
		}
	}
	return a, nil
}

// next is the first commit after a revision.
func next(ctx context.Context, log Log, t subject.Thread, after uint64) (bus.Record, bool, error) {
	for rec, err := range log.History(ctx, t, after) {
		return rec, err == nil, err
	}
	return bus.Record{}, false, nil
}

// byCustomer is the id of the customer's message that f is; empty for others.
func byCustomer(f *threadv1.Fact) string {
	return f.GetMessageReceived().GetMid() + f.GetPostbackReceived().GetMid()
}

// same tells whether f came of the event that fact came of: it has its key, it
// is the same message in its other form, recovered or by its webhook, or
// it is the proof of our message that an echo brought, or would have brought if
// the echo had not lost its metadata.
func same(f, fact *threadv1.Fact) bool {
	if f.GetEventKey() != "" && f.GetEventKey() == fact.GetEventKey() {
		return true
	}
	ok := f.GetSendSucceeded()
	switch {
	case f.GetRecovered() != fact.GetRecovered() && byCustomer(f) != "" && byCustomer(f) == byCustomer(fact):
		return true
	case ok.GetMid() == "":
		return false
	case ok.GetProof() == thread.ProofEcho && ok.GetMid() == fact.GetSendEchoed().GetMid():
		return true
	}
	return ok.GetMid() == fact.GetExternalMessageSent().GetMid()
}

// proves tells whether f says that the part of the echo was sent under another
// mid.
func proves(f *threadv1.Fact, echo *threadv1.SendEchoed) bool {
	var of interface {
		GetId() string
		GetPart() int32
		GetMid() string
	}
	switch k := f.GetKind().(type) {
	case *threadv1.Fact_SendSucceeded:
		of = k.SendSucceeded
	case *threadv1.Fact_SendEchoed:
		of = k.SendEchoed
	default:
		return false
	}
	return of.GetId() == echo.GetId() && of.GetPart() == echo.GetPart() &&
		of.GetMid() != "" && echo.GetMid() != "" && of.GetMid() != echo.GetMid()
}
