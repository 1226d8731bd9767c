package offering

import (
	"context"
	"errors"
	"time"

	"github.com/parley-desk/parley/pkg/bus"
	"github.com/parley-desk/parley/pkg/fault"
	distributionv1 "github.com/parley-desk/parley/proto/gen/parley/distribution/v1"
	"github.com/parley-desk/parley/services/distribution/internal/assign"
)

// Pauses is where it is kept which queues are paused; *bus.Bucket is one.
type Pauses interface {
	Memory
	Get(ctx context.Context, key string) (bus.Entry, error)
}

// heeded is how long a pause waits to be in force before it is answered.
const heeded = 2 * time.Second

// PauseQueue pauses a queue or goes on with it. What is kept holds; the leader
// alone tells the book, so that of two words the later one is in force.
func (d *Distributor) PauseQueue(ctx context.Context, req *distributionv1.PauseQueueRequest) (*distributionv1.PauseQueueResponse, error) {
	queue := req.GetQueue()
	if d.Directory.Now().Queues[queue] == nil {
		return nil, fault.New(fault.NotFound, "QUEUE_UNKNOWN", "queue %q is not in the directory", queue)
	}
	if req.GetPause() && req.GetBy() == "" {
		return nil, fault.New(fault.Invalid, "BY_EMPTY", "by must say who pauses the queue")
	}
	e, err := d.Pauses.Get(ctx, queue)
	if err != nil && !fault.Is(err, fault.NotFound) {
		return nil, err
	}
	p := assign.ParsePause(string(e.Value))
	switch {
	case !req.GetPause():
		p = assign.Pause{}
	case p == assign.Pause{}:
		p = assign.Pause{By: req.GetBy(), SinceMS: d.Now().UnixMilli()}
	}
	w := bus.Write{Key: queue, Revision: bus.AnyRevision}
	if p != (assign.Pause{}) {
		w.Value = []byte(p.String())
	}
	if err := d.Pauses.Write(ctx, w); err != nil {
		return nil, err
	}
	for waited := time.Duration(0); waited < heeded; waited += recheck {
		if now, err := d.Book.Paused(ctx, queue); err == nil && now == p || !pause(ctx, recheck) {
			break
		}
	}
	return &distributionv1.PauseQueueResponse{By: p.By, SinceMs: p.SinceMS}, nil
}

// paused reads which queues are paused.
func (d *Distributor) paused(ctx context.Context) (map[string]assign.Pause, error) {
	ctx, complete := context.WithCancel(ctx)
	defer complete()
	paused, done := map[string]assign.Pause{}, false
	err := d.Pauses.Watch(ctx, func() { done = true; complete() }, func(e bus.Entry) {
		if p := assign.ParsePause(string(e.Value)); !done && p != (assign.Pause{}) {
			paused[e.Key] = p
		}
	})
	if !done {
		return nil, errors.Join(err, ctx.Err())
	}
	return paused, nil
}

// syncPauses has the book of a generation follow what is kept. It begins with
// every queue: a word may have been kept that no book was told. Both are of one
// watch, so that none is kept between what it begins with and what follows.
func (d *Distributor) syncPauses(ctx context.Context) error {
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	tell := func(queue string, p assign.Pause) {
		if err := d.Book.Pause(ctx, d.Now(), queue, p); err != nil {
			fail(err)
		}
	}
	kept, begun := map[string]assign.Pause{}, false
	err := d.Pauses.Watch(ctx, func() {
		begun = true
		for queue := range d.Directory.Now().Queues {
			tell(queue, kept[queue])
		}
	}, func(e bus.Entry) {
		if p := assign.ParsePause(string(e.Value)); begun {
			tell(e.Key, p)
		} else {
			kept[e.Key] = p
		}
	})
	if cause := context.Cause(ctx); cause != nil && !errors.Is(cause, context.Canceled) {
		return cause
	}
	return err
}
