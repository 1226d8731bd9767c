// Package commit makes changes of CONFIG happen: whole, checked against the
// very world they change, and visible to the one who made them.
package commit

import (
	"context"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/parley-desk/parley/pkg/bus"
	"github.com/parley-desk/parley/pkg/directory"
	"github.com/parley-desk/parley/pkg/fault"
	"github.com/parley-desk/parley/services/admin/internal/change"
)

const (
	persist = 10 * time.Second      // how long one change is tried against others
	turn    = 20 * time.Millisecond // the longest wait before the next try
	sight   = 5 * time.Second       // how long a change may take to show
)

// Writer is the part of bus.Bucket that commits.
type Writer interface {
	Write(ctx context.Context, writes ...bus.Write) error
}

// Committer commits changes. It is safe for concurrent use, also by several
// processes.
type Committer struct {
	Planner   change.Planner
	Directory *directory.Directory
	Bucket    Writer
}

// Commit plans edits against the world as it stands and writes what they
// change, all or nothing. When somebody else changed the world in between, it
// plans again. It returns once the change shows in this process's directory;
// dry only plans.
func (c *Committer) Commit(ctx context.Context, edits []change.Edit, dry bool) ([]change.Outcome, error) {
	return c.Carry(ctx, func(world *directory.Snapshot) ([]change.Outcome, error) { return c.Planner.Plan(world, edits) }, dry)
}

// Carry carries out whatever plan makes of the world, as Commit does.
func (c *Committer) Carry(ctx context.Context, plan func(*directory.Snapshot) ([]change.Outcome, error), dry bool) ([]change.Outcome, error) {
	for end := time.Now().Add(persist); ; c.yield(ctx) {
		world := c.Directory.Now()
		outcomes, err := plan(world)
		if err != nil {
			return nil, err
		}
		writes, err := c.writes(world, outcomes)
		if err != nil || dry || len(writes) == 0 {
			return outcomes, err
		}
		err = c.Bucket.Write(ctx, writes...)
		if err != nil && !fault.Is(err, fault.Conflict) {
			return nil, fault.Wrap(err, "storing the change")
		}
		// Either way the world is past the one planned on: await it. After our
		// own write its next revision is ours, as nobody else could write on
		// the same condition.
		if shown := c.await(ctx, world.Revision); err == nil || shown != nil {
			return outcomes, shown
		}
		if ctx.Err() != nil || time.Now().After(end) {
			return nil, fault.New(fault.Conflict, "BUSY", "others keep changing the configuration; try again")
		}
	}
}

// yield lets others go first for a moment, each for another: of two that plan
// in step, one would lose every time.
func (c *Committer) yield(ctx context.Context) {
	select {
	case <-ctx.Done():
	case <-time.After(rand.N(turn)):
	}
}

// writes are the entries to store, the marker last; none when nothing changes.
func (c *Committer) writes(world *directory.Snapshot, outcomes []change.Outcome) ([]bus.Write, error) {
	var writes []bus.Write
	for _, o := range outcomes {
		w := bus.Write{Key: directory.Key(o.Resource), Revision: bus.AnyRevision}
		switch o.Action {
		case change.Unchanged:
			continue
		case change.Deleted:
		case change.Created, change.Updated:
			var err error
			if w.Value, err = directory.Encode(o.Resource); err != nil {
				return nil, err
			}
		}
		writes = append(writes, w)
	}
	if len(writes) == 0 {
		return nil, nil
	}
	at := strconv.FormatInt(c.Planner.Now().UnixMilli(), 10)
	return append(writes, bus.Write{Key: directory.Marker, Value: []byte(at), Revision: world.Revision}), nil
}

func (c *Committer) await(ctx context.Context, past uint64) error {
	late := time.NewTimer(sight)
	defer late.Stop()
	for {
		changed := c.Directory.Changed()
		if c.Directory.Now().Revision > past {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-late.C:
			return fault.New(fault.Unavailable, "NOT_SHOWN", "the configuration is stored but does not show here yet; read it again before changing more")
		}
	}
}
