package bus

import (
	"context"
	"time"

	"github.com/nats-io/nats.go"
	"google.golang.org/protobuf/proto"

	"github.com/parley-desk/parley/pkg/fault"
	inboundv1 "github.com/parley-desk/parley/proto/gen/parley/inbound/v1"
	"github.com/parley-desk/parley/proto/subject"
)

// maxUnit keeps a unit small beside a batch.
const maxUnit = 250

// run is what one call has to store in one thread, in order.
type run struct {
	w    *writer
	msgs []*nats.Msg
}

// PublishInbound stores events; it returns when all are on disk. Events of one
// thread keep their order. While the broker is away it tries again, for about
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

func (b *Bus) runs(ctx context.Context, events []*inboundv1.Event) ([]run, error) {
	place := make(map[string]int, len(events))
	var runs []run
	for _, e := range events {
		data, err := proto.Marshal(e)
		if err != nil {
			return nil, &fault.Error{Kind: fault.Invalid, Message: "encode an event", Cause: err}
		}
		t := subject.Thread{Page: e.GetPage(), PSID: e.GetPsid()}
		m := &nats.Msg{Subject: subject.Inbound(t, b.cfg.Partitions), Header: nats.Header{}, Data: data}
		inject(ctx, m.Header)
		i, ok := place[m.Subject]
		if !ok {
			i = len(runs)
			place[m.Subject] = i
			runs = append(runs, run{w: b.inbound[t.Partition(b.cfg.Partitions)]})
		}
		runs[i].msgs = append(runs[i].msgs, m)
	}
	return runs, nil
}

// storeRuns submits the head of every run and gives what is left of them, and
// the first error.
func storeRuns(ctx context.Context, runs []run) (left []run, progress bool, err error) {
	units := make([]*unit, len(runs))
	for i, r := range runs {
		units[i] = &unit{msgs: r.msgs[:min(len(r.msgs), maxUnit)], done: make(chan struct{})}
		r.w.submit(units[i])
	}
	for i, u := range units {
		select {
		case <-u.done:
		case <-ctx.Done():
			return runs, false, ctx.Err()
		}
		progress = progress || u.n > 0
		if err == nil {
			err = u.err
		}
		if rest := runs[i].msgs[u.n:]; len(rest) > 0 {
			left = append(left, run{w: runs[i].w, msgs: rest})
		}
	}
	return left, progress, err
}
