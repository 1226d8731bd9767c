package offering

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/parley-desk/parley/pkg/telemetry/key"
	"github.com/parley-desk/parley/pkg/thread"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
	"github.com/parley-desk/parley/proto/subject"
	"github.com/parley-desk/parley/services/distribution/internal/assign"
)

const (
	glance      = 250 * time.Millisecond // between two looks at the book's status
	relayed     = 128                    // proposals taken at once
	relayers    = 32                     // committed at once
	setback     = 200 * time.Millisecond // pause after trouble,
	longSetback = 15 * time.Second       // and after more of it
	committed   = 5 * time.Second        // patience with one commit
	delivery    = 10 * time.Second       // within which a desk must show an offer
)

// Lead keeps the book loaded and in line with the directory, and commits its
// proposals, until ctx ends. One process should do it at a time; several do no
// harm.
func (d *Distributor) Lead(ctx context.Context) error {
	if err := d.Directory.Wait(ctx); err != nil {
		return err
	}
	for ctx.Err() == nil {
		epoch, err := d.ensure(ctx)
		if err == nil {
			err = d.serveGeneration(ctx, epoch)
		}
		if err != nil && ctx.Err() == nil {
			d.Log.WarnContext(ctx, "distribution state needs attention", slog.Any(key.Err, err))
			pause(ctx, setback)
		}
	}
	return nil
}

// serveGeneration works on one generation until it ends.
func (d *Distributor) serveGeneration(ctx context.Context, epoch int64) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return d.watch(ctx, epoch) })
	group.Go(func() error { return d.syncDirectory(ctx, epoch) })
	group.Go(func() error { return d.syncPauses(ctx) })
	group.Go(func() error { return d.relay(ctx, epoch) })
	group.Go(func() error { return d.choose(ctx, epoch) })
	return group.Wait()
}

// ensure gives the generation in force, loading one when there is none.
func (d *Distributor) ensure(ctx context.Context) (int64, error) {
	if err := d.presences.recall(ctx); err != nil {
		return 0, err
	}
	status, err := d.Book.Status(ctx)
	if err != nil || status.Epoch != 0 {
		return status.Epoch, err
	}
	began := d.Now()
	snapshot := d.Directory.Now()
	world := worldOf(snapshot)
	d.endDays(snapshot, &world)
	world.Presences = d.presences.known
	world.Items = d.items(ctx)
	if world.Paused, err = d.paused(ctx); err != nil {
		return 0, err
	}
	epoch, err := d.Book.Rebuild(ctx, began, world)
	if err == nil {
		d.count.rebuilds.Inc()
		d.Log.InfoContext(ctx, "distribution state rebuilt", slog.Duration(key.Took, d.Now().Sub(began)))
	}
	return epoch, err
}

// items reads every thread's item from the log.
func (d *Distributor) items(ctx context.Context) iter.Seq2[assign.Item, error] {
	return func(yield func(assign.Item, error) bool) {
		for rec, err := range d.Threads.States(ctx) {
			if !yield(d.itemOf(rec.Thread, rec.Commit.GetState(), rec.Revision), err) {
				return
			}
		}
	}
}

// watch ends with ErrEpoch when the generation is no longer in force. Presences
// are kept, because the log cannot give them back. A generation that is gone
// shows none, which is not news of anybody.
func (d *Distributor) watch(ctx context.Context, epoch int64) error {
	presences := int64(-1)
	for {
		status, err := d.Book.Status(ctx)
		switch {
		case err != nil:
			d.Log.WarnContext(ctx, "redis does not answer", slog.Any(key.Err, err))
		case status.Epoch != epoch:
			return fmt.Errorf("generation ended: %w", assign.ErrEpoch)
		case status.Presences != presences:
			seen, err := d.Book.Presences(ctx, epoch)
			if err == nil && len(seen) > 0 {
				err = d.presences.keep(ctx, seen)
			}
			if err != nil {
				d.Log.WarnContext(ctx, "presences wait to be kept", slog.Any(key.Err, err))
				break
			}
			presences = status.Presences
		}
		if !pause(ctx, glance) {
			return nil
		}
	}
}

// relay commits proposals until the generation ends. It reads on while earlier
// ones are under way, and looks again from the oldest when one came to nothing.
func (d *Distributor) relay(ctx context.Context, epoch int64) error {
	f := flights{under: map[string]bool{}}
	var group errgroup.Group
	group.SetLimit(relayers)
	defer func() { _ = group.Wait() }()
	after := assign.Oldest
	for ctx.Err() == nil {
		proposals, err := d.Book.Proposals(ctx, epoch, after, relayed, glance)
		for _, p := range proposals {
			if after = p.ID; f.begin(p.ID) {
				group.Go(func() error { f.end(p.ID, d.propose(ctx, p)); return nil })
			}
		}
		err = errors.Join(err, f.trouble())
		if errors.Is(err, assign.ErrEpoch) {
			return err
		}
		if err != nil && ctx.Err() == nil {
			d.Log.WarnContext(ctx, "offers wait to be committed", slog.Any(key.Err, err))
			pause(ctx, setback)
		}
		if err != nil || len(proposals) == 0 {
			after = assign.Oldest
		}
	}
	return nil
}

// flights are the proposals under way.
type flights struct {
	mu    sync.Mutex
	under map[string]bool // by id
	err   error           // first that nobody was told
}

// begin is false when the proposal is under way already.
func (f *flights) begin(id string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	begun := !f.under[id]
	f.under[id] = true
	return begun
}

func (f *flights) end(id string, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.under, id)
	if f.err == nil {
		f.err = err
	}
}

// trouble tells what went wrong since it was asked last.
func (f *flights) trouble() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	err := f.err
	f.err = nil
	return err
}

// propose commits one offer, or learns why it cannot be, tells the book how the
// thread stands, and only then takes the proposal out of the outbox. Dying
// between any two of these leaves a proposal that is answered again.
//
// A thread that refuses a proposal on the revision it names would do so every
// time: the decision depends on nothing else. So its units can be given up.
func (d *Distributor) propose(ctx context.Context, p assign.Proposal) error {
	t, err := subject.ParseKey(p.Item)
	if err != nil {
		return errors.Join(err, d.Book.Discard(ctx, p))
	}
	ctx, cancel := context.WithTimeout(ctx, committed)
	defer cancel()
	class := assign.Describe(p.Class)
	if p.Method == string(assign.Custom) {
		class = assign.DescribeBare(p.Class)
	}
	item, err := d.change(ctx, t, p.Revision, func(s *threadv1.State) ([]*threadv1.Fact, error) {
		until := d.Now().Add(time.Duration(p.OfferMS)*time.Millisecond + delivery)
		return thread.MakeOffer(s, p.Conversation, p.Queue, &threadv1.OfferMade{Agent: p.Agent, Fence: p.Fence,
			Epoch: p.Epoch, UntilMs: until.UnixMilli(), Choice: &threadv1.Choice{Class: class,
				Method: p.Method, Ready: p.Ready, First: p.First, Rule: p.Rule, Bucket: p.Bucket}})
	})
	if err != nil && !refused(err) {
		return err
	}
	d.count.proposal(err == nil)
	if err != nil {
		if _, err := d.Book.Settle(ctx, d.Now(), item, p.Fence); err != nil {
			return err
		}
		return d.Book.Discard(ctx, p)
	}
	if err := d.gather.apply(ctx, item, &p); err != nil {
		return err
	}
	d.known.note(item)
	return nil
}
