// Package offering moves conversations between the log and the book of
// reservations: what the log says is applied to the book, what the book
// proposes is committed to the log.
package offering

import (
	"context"
	"errors"
	"iter"
	"log/slog"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/parley-desk/parley/pkg/bus"
	"github.com/parley-desk/parley/pkg/directory"
	"github.com/parley-desk/parley/pkg/fault"
	"github.com/parley-desk/parley/pkg/rules"
	"github.com/parley-desk/parley/pkg/telemetry/key"
	"github.com/parley-desk/parley/pkg/thread"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
	"github.com/parley-desk/parley/proto/subject"
	"github.com/parley-desk/parley/services/distribution/internal/assign"
)

const (
	// reloading is how long a command waits for the book to be loaded again.
	reloading = 5 * time.Second
	// recheck is the pause between two looks whether it is.
	recheck = 25 * time.Millisecond
)

// Threads is the part of the log that distribution needs; *bus.Bus is one.
type Threads interface {
	Load(ctx context.Context, t subject.Thread) (*threadv1.State, uint64, error)
	Update(ctx context.Context, t subject.Thread, decide func(*threadv1.State, uint64) ([]*threadv1.Fact, error)) (*threadv1.State, uint64, error)
	States(ctx context.Context) iter.Seq2[bus.Record, error]
}

// Parts are what a Distributor is made of.
type Parts struct {
	Book      *assign.Book
	Threads   Threads
	Directory *directory.Directory
	Presences Memory
	Pauses    Pauses
	Log       *slog.Logger
	Registry  prometheus.Registerer // nil: nothing is counted
	Now       func() time.Time
	Zone      *time.Location // where agents without hours of their own work; nil: UTC
}

// Distributor keeps log and book in step. Its methods may run at once, in any
// number of processes.
type Distributor struct {
	Parts
	count     *counts
	known     known
	gather    gather
	rules     rules.Book
	presences presences // of Lead alone
}

// New makes a Distributor; nothing runs yet.
func New(p Parts) *Distributor {
	return &Distributor{Parts: p, count: newCounts(p.Registry), presences: presences{memory: p.Presences},
		gather: gather{book: p.Book, now: p.Now}}
}

// Ready is nil while the book is loaded.
func (d *Distributor) Ready(ctx context.Context) error {
	status, err := d.Book.Status(ctx)
	if err == nil && status.Epoch == 0 {
		err = rebuilding()
	}
	return err
}

// Follow applies one commit to the book. It is harmless to repeat and needs no
// order: the book knows the revision it has. It waits for Redis as long as it
// takes: a commit that was put aside meanwhile would be missing in a book that
// comes back as it was.
func (d *Distributor) Follow(ctx context.Context, rec bus.Record) error {
	item := d.itemOf(rec.Thread, rec.Commit.GetState(), rec.Revision)
	if d.known.covers(item) {
		return nil
	}
	for wait := setback; ; wait = min(2*wait, longSetback) {
		err := d.loaded(ctx, func() error { return d.gather.apply(ctx, item, nil) })
		if !fault.Is(err, fault.Unavailable) {
			return err
		}
		d.Log.WarnContext(ctx, "a commit waits for redis", slog.Any(key.Err, err))
		if !pause(ctx, wait) {
			return err
		}
	}
}

// itemOf is assign.ItemOf without the skills that administrators have put out of
// use since: nobody has to have them any more.
func (d *Distributor) itemOf(t subject.Thread, s *threadv1.State, revision uint64) assign.Item {
	item := assign.ItemOf(t, s, revision)
	skills := d.Directory.Now().Skills
	item.Class.Skills = slices.DeleteFunc(item.Class.Skills, func(n assign.Need) bool { return skills[n.Skill].GetInactive() })
	return item
}

// loaded repeats step while the book is not loaded, for a while.
func (d *Distributor) loaded(ctx context.Context, step func() error) error {
	ctx, cancel := context.WithTimeout(ctx, reloading)
	defer cancel()
	for {
		err := step()
		if !errors.Is(err, assign.ErrEpoch) {
			return err
		}
		if !pause(ctx, recheck) {
			return rebuilding()
		}
	}
}

func rebuilding() error {
	return &fault.Error{Kind: fault.Unavailable, Reason: "REBUILDING",
		Message: "the distribution state is being rebuilt", RetryAfter: time.Second}
}

// errMoved refuses a change that was decided on an earlier revision.
var errMoved = errors.New("the thread has gone on")

// change commits what decide answers, when the thread is still at revision
// bound (0: any), and gives the item as it then stands in the log. A refusal
// comes with the item that caused it.
func (d *Distributor) change(ctx context.Context, t subject.Thread, bound uint64,
	decide func(*threadv1.State) ([]*threadv1.Fact, error)) (assign.Item, error) {
	var seen assign.Item
	state, revision, err := d.Threads.Update(ctx, t, func(s *threadv1.State, revision uint64) ([]*threadv1.Fact, error) {
		seen = d.itemOf(t, s, revision)
		facts, err := decide(s)
		if err == nil && len(facts) > 0 && bound != 0 && revision != bound {
			return nil, errMoved
		}
		return facts, err
	})
	if err != nil {
		return seen, err
	}
	return d.itemOf(t, state, revision), nil
}

// refused tells whether err is the thread's own no, and not trouble on the way.
func refused(err error) bool {
	_, refusal := errors.AsType[*thread.Refusal](err)
	return refusal || errors.Is(err, errMoved)
}

// pause waits; false when ctx ended first.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
