package offering

import (
	"context"
	"time"

	"github.com/parley-desk/parley/pkg/fault"
	distributionv1 "github.com/parley-desk/parley/proto/gen/parley/distribution/v1"
	"github.com/parley-desk/parley/proto/subject"
	"github.com/parley-desk/parley/services/distribution/internal/assign"
)

// Positions tells where conversations stand in their queues, now. It changes
// nothing.
func (d *Distributor) Positions(ctx context.Context, req *distributionv1.PositionRequest) (*distributionv1.PositionResponse, error) {
	if n := len(req.GetThreads()); n > subject.MostAsked {
		return nil, fault.New(fault.Invalid, "THREADS_COUNT", "%d threads are asked for; ask for at most %d", n, subject.MostAsked)
	}
	var items []string
	for _, t := range req.GetThreads() {
		items = append(items, subject.Thread{Page: t.GetPage(), PSID: t.GetPsid()}.Key())
	}
	resp := &distributionv1.PositionResponse{}
	err := d.loaded(ctx, func() error {
		positions, err := d.Book.Positions(ctx, d.Now(), items)
		for _, p := range positions {
			told := &distributionv1.Position{Standing: p.Standing, Queue: p.Queue, WaitSeconds: seconds(p.Wait)}
			if p.Standing == assign.StandsWaiting || p.Standing == assign.StandsLate {
				told.Position = p.Ahead + 1
			}
			resp.Positions = append(resp.Positions, told)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return resp, nil
}

// Figures tells how full queues are, now. It changes nothing.
func (d *Distributor) Figures(ctx context.Context, req *distributionv1.QueueFiguresRequest) (*distributionv1.QueueFiguresResponse, error) {
	queues := req.GetQueues()
	if len(queues) > subject.MostAsked {
		return nil, fault.New(fault.Invalid, "QUEUES_COUNT", "%d queues are asked for; ask for at most %d", len(queues), subject.MostAsked)
	}
	resp := &distributionv1.QueueFiguresResponse{}
	err := d.loaded(ctx, func() error {
		figures, err := d.Book.Figures(ctx, d.Now(), queues)
		for n, f := range figures {
			resp.Queues = append(resp.Queues, &distributionv1.QueueFigures{Queue: queues[n], Waiting: f.Waiting,
				Ready: f.Ready, WaitSeconds: seconds(f.Wait),
				PausedBy: f.Paused.By, PausedSinceMs: f.Paused.SinceMS})
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return resp, nil
}

// seconds is a wait as calls tell it: -1 when it is not known.
func seconds(wait time.Duration) int64 {
	if wait < 0 {
		return -1
	}
	return int64(wait.Round(time.Second) / time.Second)
}
