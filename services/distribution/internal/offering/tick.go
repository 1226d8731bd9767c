package offering

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/parley-desk/parley/pkg/telemetry/key"
	"github.com/parley-desk/parley/pkg/thread"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
	"github.com/parley-desk/parley/proto/subject"
	"github.com/parley-desk/parley/services/distribution/internal/assign"
)

const (
	tickEvery = 50 * time.Millisecond // and up to as much again, so that processes spread
	tickLimit = 100                   // timers of one step
)

// Ticker carries out what falls due until ctx ends.
func (d *Distributor) Ticker(ctx context.Context) error {
	for pause(ctx, tickEvery+rand.N(tickEvery)) {
		if err := d.Tick(ctx); err != nil && ctx.Err() == nil && !errors.Is(err, assign.ErrEpoch) {
			d.Log.WarnContext(ctx, "due work waits", slog.Any(key.Err, err))
			pause(ctx, setback)
		}
	}
	return nil
}

// Tick carries out what is due now.
func (d *Distributor) Tick(ctx context.Context) error {
	intents, err := d.Book.Tick(ctx, d.Now(), tickLimit)
	if err != nil {
		return err
	}
	var group errgroup.Group
	group.SetLimit(relayers)
	fates := make([]fate, len(intents))
	for n, i := range intents {
		group.Go(func() (err error) {
			switch i.Kind {
			case assign.Overflow:
				fates[n], err = d.overflow(ctx, i)
			case assign.NewDay:
				err = d.newDay(ctx, i.Agent)
			default:
				err = d.carryOut(ctx, i)
			}
			return err
		})
	}
	err = group.Wait()
	d.tellRefused(ctx, fates)
	return err
}

// carryOut commits what a timer wants. The thread may say no; either way the
// book learns how it stands.
func (d *Distributor) carryOut(ctx context.Context, i assign.Intent) error {
	t, err := subject.ParseKey(i.Item)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, committed)
	defer cancel()
	if i.Kind == assign.Resettle {
		state, revision, err := d.Threads.Load(ctx, t)
		if err == nil {
			_, err = d.Book.Settle(ctx, d.Now(), d.itemOf(t, state, revision), i.Fence)
		}
		return err
	}
	item, err := d.change(ctx, t, 0, func(s *threadv1.State) ([]*threadv1.Fact, error) {
		if i.Kind == assign.Leave {
			return thread.Release(s, i.Conversation, i.Agent, threadv1.Cause_CAUSE_DISCONNECTED)
		}
		return thread.EndOffer(s, i.Conversation, i.Fence, outcomeOf(i.Outcome))
	})
	if err != nil && !refused(err) {
		return err
	}
	if err == nil {
		d.count.ended(i)
	}
	_, err = d.Book.Apply(ctx, d.Now(), item)
	return err
}

func outcomeOf(name string) threadv1.OfferOutcome {
	return threadv1.OfferOutcome(threadv1.OfferOutcome_value["OFFER_OUTCOME_"+name])
}
