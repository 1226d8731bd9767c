package timers

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/parley-desk/parley/pkg/bus"
	"github.com/parley-desk/parley/pkg/directory"
	"github.com/parley-desk/parley/pkg/fault"
	"github.com/parley-desk/parley/pkg/telemetry/key"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
	"github.com/parley-desk/parley/proto/subject"
	"github.com/parley-desk/parley/services/engagement/internal/life"
)

// Glance is how often the clock is looked at while nothing is due: it may be set
// meanwhile, and a timer that waits for a time would not notice.
const Glance = time.Second

// handful is how many threads are taken at a time.
const handful = 256

// Threads is the part of bus.Bus that timers need.
type Threads interface {
	Update(ctx context.Context, t subject.Thread, decide func(*threadv1.State, uint64) ([]*threadv1.Fact, error)) (*threadv1.State, uint64, error)
	KeepThreads(ctx context.Context, stage string, begin func(ctx context.Context, partition int) bus.Keeper) error
}

// World is the part of directory.Directory that timers need.
type World interface {
	Now() *directory.Snapshot
	Changed() <-chan struct{}
}

// Timers carry out what is due. All fields are needed.
type Timers struct {
	Threads Threads
	World   World
	Places  chan struct{} // as many commits at once as there is room
	Glance  time.Duration
	Now     func() time.Time
	Meter   *Meter
	Log     *slog.Logger
}

// Run carries out what falls due in the partitions that this process gets, until
// ctx ends.
func (t *Timers) Run(ctx context.Context, stage string) error {
	return t.Threads.KeepThreads(ctx, stage, func(ctx context.Context, _ int) bus.Keeper {
		shelf := NewShelf(life.NewPlans(t.World.Now()))
		ctx, cancel := context.WithCancel(ctx)
		var work sync.WaitGroup
		work.Go(func() { t.mind(ctx, shelf) })
		t.Meter.add(shelf)
		return bus.Keeper{
			Handle: func(r bus.Record) { shelf.Put(r.Thread, r.Revision, r.Commit.GetState()) },
			Floor:  shelf.Floor,
			End: func() {
				cancel()
				work.Wait()
				t.Meter.remove(shelf)
			},
		}
	})
}

// mind carries out what is due on a shelf until ctx ends. What the log has told
// of a thread while others are still being read may be old by then: the commit
// decides on how the thread stands.
func (t *Timers) mind(ctx context.Context, shelf *Shelf) {
	var flights sync.WaitGroup
	defer flights.Wait()
	for {
		changed := t.World.Changed()
		shelf.Follow(life.NewPlans(t.World.Now()))
		for t.wait(ctx, shelf, changed) {
			for _, due := range shelf.Take(t.Now().UnixMilli(), handful) {
				select {
				case t.Places <- struct{}{}:
				case <-ctx.Done():
					return
				}
				flights.Go(func() {
					defer func() { <-t.Places }()
					t.carryOut(ctx, shelf, due)
				})
			}
		}
		if ctx.Err() != nil {
			return
		}
	}
}

// wait waits until something may be due. It is false when the configuration
// has changed or ctx has ended.
func (t *Timers) wait(ctx context.Context, shelf *Shelf, changed <-chan struct{}) bool {
	select {
	case <-changed:
		return false
	default:
	}
	pause := t.Glance
	if next := shelf.Next(); next != life.Never {
		pause = max(0, min(pause, time.UnixMilli(next).Sub(t.Now())))
	}
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-shelf.News():
	case <-changed:
		return false
	case <-ctx.Done():
		return false
	}
	return true
}

// carryOut lets happen what is due in a thread.
func (t *Timers) carryOut(ctx context.Context, shelf *Shelf, due Due) {
	var facts []*threadv1.Fact
	state, revision, err := t.Threads.Update(ctx, due.Thread, func(s *threadv1.State, _ uint64) ([]*threadv1.Fact, error) {
		plans := shelf.Plans()
		facts = plans.Of(s.GetPage(), s.GetConversation().GetWorkstream()).Propose(s, t.Now(), plans)
		return facts, nil
	})
	if err != nil {
		if ctx.Err() == nil {
			t.Meter.failures.Inc()
			t.Log.WarnContext(ctx, "what is due in a conversation waits", key.Err, fault.Wrap(err, "commit what is due"))
		}
		shelf.Failed(due.Thread, t.Now().UnixMilli())
		return
	}
	t.Meter.did(facts, t.Now().Sub(time.UnixMilli(due.AtMs)))
	shelf.Landed(due.Thread, revision, state)
}
