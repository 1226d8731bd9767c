package bus

import (
	"context"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/parley-desk/parley/pkg/fault"
	inboundv1 "github.com/parley-desk/parley/proto/gen/parley/inbound/v1"
)

// run is what one call has to store in one partition, in order. The next parcel
// is submitted when the one before it is stored.
type run struct {
	to      *collector
	parcels []*parcel
}

// PublishInbound stores events, with the trace of ctx in them; it returns when
// all are on disk. Events of one thread keep their order. While the broker is away it tries again, for about
// 8 seconds without progress, and then says fault.Unavailable: some events may
// be stored by then, and publishing all of them again stores those twice.
func (b *Bus) PublishInbound(ctx context.Context, events []*inboundv1.Event) error {
	ctx, end := b.producer(ctx, "send inbound.event")
	defer end()
	runs, err := b.runs(ctx, events)
	if err != nil {
		return err
	}
	deadline := time.Now().Add(patience)
	for wait := 10 * time.Millisecond; len(runs) > 0; {
		left, progress, err := storeRuns(ctx, runs)
		switch {
		case len(left) == 0:
			return nil
		case hopeless(err):
			return brokerFault(err, "store an event")
		case ctx.Err() != nil:
			return fault.Wrap(ctx.Err(), "store events")
		case progress:
			deadline, wait = time.Now().Add(patience), 10*time.Millisecond
		case closed(err) || time.Now().After(deadline):
			return brokerFault(err, "store events")
		}
		if runs = left; err != nil {
			b.metrics.publishRetries.Inc()
			pause(ctx, wait)
			wait = min(2*wait, 500*time.Millisecond)
		}
	}
	return nil
}

// runs encodes events, partition by partition.
func (b *Bus) runs(ctx context.Context, events []*inboundv1.Event) ([]run, error) {
	trace := nats.Header{}
	inject(ctx, trace)
	of := make(map[int]int, min(len(events), b.cfg.Partitions))
	var runs []run
	for _, e := range events {
		e.Traceparent, e.Tracestate = carrier(trace).Get("traceparent"), carrier(trace).Get("tracestate")
		partition := threadOf(e).Partition(b.cfg.Partitions)
		i, ok := of[partition]
		if !ok {
			i = len(runs)
			of[partition] = i
			runs = append(runs, run{to: b.inbound[partition]})
		}
		if err := runs[i].add(e, b.roomOfBundle()); err != nil {
			return nil, &fault.Error{Kind: fault.Invalid, Message: "encode an event", Cause: err}
		}
	}
	return runs, nil
}

// add puts e into the last parcel, or a new one when that would exceed room.
func (r *run) add(e *inboundv1.Event, room int) error {
	body, err := appendEvent(nil, e)
	if err != nil {
		return err
	}
	if n := len(r.parcels); n > 0 && r.parcels[n-1].events < maxEvents && len(r.parcels[n-1].body)+len(body) <= room {
		last := r.parcels[n-1]
		last.body, last.events = append(last.body, body...), last.events+1
		return nil
	}
	r.parcels = append(r.parcels, &parcel{body: body, events: 1})
	return nil
}

// storeRuns submits the head of every run and gives what is left of them, and
// the first error.
func storeRuns(ctx context.Context, runs []run) (left []run, progress bool, err error) {
	for _, r := range runs {
		r.parcels[0].done = make(chan struct{})
		r.to.submit(r.parcels[0])
	}
	for _, r := range runs {
		head := r.parcels[0]
		select {
		case <-head.done:
		case <-ctx.Done():
			return runs, false, ctx.Err()
		}
		if head.err == nil {
			progress, r.parcels = true, r.parcels[1:]
		} else if err == nil {
			err = head.err
		}
		if len(r.parcels) > 0 {
			left = append(left, r)
		}
	}
	return left, progress, err
}
