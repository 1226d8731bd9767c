package engagement

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/parley-desk/parley/pkg/bus"
	"github.com/parley-desk/parley/pkg/fault"
	"github.com/parley-desk/parley/pkg/telemetry/key"
	"github.com/parley-desk/parley/pkg/thread"
	distributionv1 "github.com/parley-desk/parley/proto/gen/parley/distribution/v1"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
	"github.com/parley-desk/parley/proto/subject"
	"github.com/parley-desk/parley/services/engagement/internal/say"
)

// placesRole is that of the one process that asks for places in queues.
const placesRole = "engagement-places"

// usher tells customers who wait their places. One process of a deployment does
// it for all; that two do for a moment is harmless.
type usher struct {
	speaker *speaker
	pace    say.Pace
	look    time.Duration // between two looks
	watch   func(ctx context.Context, ready func(), handle func(bus.Record)) error
	places  func(ctx context.Context, req *distributionv1.PositionRequest) (*distributionv1.PositionResponse, error)
	diary   *slog.Logger

	mu      sync.Mutex
	waiting map[subject.Thread]*threadv1.State
}

// note keeps the threads whose customers wait for an agent.
func (u *usher) note(r bus.Record) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if c := r.Commit.GetState().GetConversation(); !thread.Live(c) || c.GetPhase() != threadv1.Phase_PHASE_OPEN || c.GetQueue() == "" {
		delete(u.waiting, r.Thread)
		return
	}
	u.waiting[r.Thread] = r.Commit.GetState()
}

// run tells places until ctx ends.
func (u *usher) run(ctx context.Context) error {
	u.mu.Lock()
	u.waiting = map[subject.Thread]*threadv1.State{}
	u.mu.Unlock()
	ctx, cancel := context.WithCancel(ctx)
	var work sync.WaitGroup
	defer work.Wait()
	defer cancel()
	ready := make(chan struct{})
	work.Go(func() {
		select {
		case <-ready:
		case <-ctx.Done():
		}
		for ctx.Err() == nil {
			u.tell(ctx)
			pause(ctx, u.look)
		}
	})
	return u.watch(ctx, sync.OnceFunc(func() { close(ready) }), u.note)
}

// tell asks for the places that are wanted and tells those that have come nearer.
// When distribution does not answer, it is asked at the next look.
func (u *usher) tell(ctx context.Context) {
	for batch := range slices.Chunk(u.wanted(), subject.MostAsked) {
		req := &distributionv1.PositionRequest{}
		for _, t := range batch {
			req.Threads = append(req.Threads, &distributionv1.ThreadRef{Page: t.Page, Psid: t.PSID})
		}
		resp, err := u.places(ctx, req)
		for i, p := range resp.GetPositions()[:min(len(batch), len(resp.GetPositions()))] {
			if err != nil {
				break
			}
			err = u.speaker.commit(ctx, batch[i], func(s *threadv1.State, w say.World) ([]*threadv1.Fact, []say.Outcome) {
				return say.Place(s, say.Spot{Queue: p.GetQueue(), Position: p.GetPosition(), Wait: time.Duration(p.GetWaitSeconds()) * time.Second}, w, u.pace)
			})
		}
		if err != nil && ctx.Err() == nil {
			u.diary.WarnContext(ctx, "places in queues are told later", key.Kind, fault.KindOf(err).String(), key.Err, err)
		}
	}
}

// wanted are the threads whose customers are to be told a place, as last seen.
func (u *usher) wanted() []subject.Thread {
	w := u.speaker.setting()
	u.mu.Lock()
	defer u.mu.Unlock()
	var all []subject.Thread
	for t, s := range u.waiting {
		if say.Wants(s, w, u.pace) {
			all = append(all, t)
		}
	}
	return all
}

func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// askForPlaces asks distribution where conversations stand in their queues.
func askForPlaces(b *bus.Bus) func(context.Context, *distributionv1.PositionRequest) (*distributionv1.PositionResponse, error) {
	return func(ctx context.Context, req *distributionv1.PositionRequest) (*distributionv1.PositionResponse, error) {
		resp := &distributionv1.PositionResponse{}
		return resp, b.Call(ctx, "distribution.position", req, resp)
	}
}
