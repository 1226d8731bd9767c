package bench

import (
	"context"
	"fmt"
	"syscall"
	"time"
)

const (
	rounds = 5
	round  = 2 * time.Second
	warm   = 500 * time.Millisecond
)

// ingress compares webhooks that are on disk before the 200 with a handler
// that checks the same signature and stores nothing.
func ingress(ctx context.Context, lab *Lab) ([]Finding, error) {
	plain, addr, err := lab.baseline(ctx, "plain")
	if err != nil {
		return nil, err
	}
	defer plain.stop(syscall.SIGKILL)
	house, err := lab.hook(ctx)
	if err != nil {
		return nil, err
	}
	defer house.stop(syscall.SIGTERM)
	d := duel{lab: lab, plain: party{plain, addr}, hook: party{house.process, house.hook}}
	var found []Finding
	for _, c := range []struct {
		callers int
		share   float64
	}{{64, 0.15}, {1024, 0.4}} {
		share, figures, err := d.fight(ctx, c.callers, 1, rounds)
		if err != nil {
			return nil, err
		}
		found = append(found, Finding{fmt.Sprintf("ingress, %d callers, share of a handler that stores nothing", c.callers), Bound{AtLeast: c.share}, share, figures})
	}
	batches, err := d.batches(ctx)
	if err != nil {
		return nil, err
	}
	alone, err := d.alone(ctx)
	if err != nil {
		return nil, err
	}
	lazy, err := d.lazily(ctx)
	return append(found, batches, alone, lazy), err
}

// hook starts a house that does nothing but take webhooks.
func (l *Lab) hook(ctx context.Context, more ...string) (*house, error) {
	dir, err := l.folder("ingress")
	if err != nil {
		return nil, err
	}
	h, err := l.house(ctx, dir, "ingress,admin", more...)
	if err != nil {
		return nil, err
	}
	if err := h.apply(manifest(1, 1)); err != nil {
		h.stop(syscall.SIGKILL)
		return nil, err
	}
	return h, h.await(ctx, 10*time.Second, "a webhook is taken", func() bool {
		_, err := party{h.process, h.hook}.face(ctx, 1, time.Millisecond, webhooks(h.hook, 1, 1))
		return err == nil
	})
}

// duel is the two that take turns.
type duel struct {
	lab         *Lab
	plain, hook party
}

// party is one of them.
type party struct {
	*process
	addr string
}

func (p party) face(ctx context.Context, callers int, length time.Duration, posts [][]byte) (tally, error) {
	return volley{p.process, p.addr, callers, length, posts}.fire(ctx)
}

// fight gives the median share of the subject's rate in the baseline's.
func (d duel) fight(ctx context.Context, callers, events, rounds int) (share float64, figures string, err error) {
	var shares, ours, theirs, cost, floor []float64
	plain, hook := webhooks(d.plain.addr, 8192/events, events), webhooks(d.hook.addr, 8192/events, events)
	for n := range rounds + 1 {
		length := round
		if n == 0 {
			length = warm
		}
		base, err := d.plain.face(ctx, callers, length, plain)
		if err != nil {
			return 0, "", fmt.Errorf("the plain handler: %w", err)
		}
		got, err := d.hook.face(ctx, callers, length, hook)
		if err != nil {
			return 0, "", fmt.Errorf("ingress: %w", err)
		}
		if n > 0 {
			shares, ours, theirs = append(shares, got.rate()/base.rate()), append(ours, got.rate()), append(theirs, base.rate())
			cost, floor = append(cost, got.cost()), append(floor, base.cost())
			d.lab.Say("  %d callers, %d events a request: %.0f/s of %.0f/s, %.2f; %.0f µs of a processor each, of %.0f", callers, events, got.rate(), base.rate(), got.rate()/base.rate(), got.cost(), base.cost())
		}
	}
	return median(shares), fmt.Sprintf("%s/s of %s/s; one takes %.0f µs of a processor, the plain handler %.0f",
		number(median(ours)), number(median(theirs)), median(cost), median(floor)), nil
}

func (d duel) batches(ctx context.Context) (Finding, error) {
	const events = 20
	var rates []float64
	posts := webhooks(d.hook.addr, 512, events)
	for n := range rounds + 1 {
		got, err := d.hook.face(ctx, 64, round, posts)
		if err != nil {
			return Finding{}, fmt.Errorf("batches: %w", err)
		}
		if n > 0 {
			rates = append(rates, events*got.rate())
			d.lab.Say("  64 callers, %d events a request: %.0f events/s; %.0f µs of a processor each", events, events*got.rate(), got.cost()/events)
		}
	}
	return Finding{"ingress, 64 callers, 20 events a request", Bound{AtLeast: 50_000, Unit: " events/s"}, median(rates),
		"every event on disk before its 200"}, nil
}

func (d duel) alone(ctx context.Context) (Finding, error) {
	var p50, p99 []time.Duration
	posts := webhooks(d.hook.addr, 8192, 1)
	for range rounds {
		got, err := d.hook.face(ctx, 1, round/2, posts)
		if err != nil {
			return Finding{}, fmt.Errorf("one at a time: %w", err)
		}
		p50, p99 = append(p50, quantile(got.each, 50)), append(p99, quantile(got.each, 99))
		d.lab.Say("  one at a time: p50 %v, p99 %v", quantile(got.each, 50), quantile(got.each, 99))
	}
	return Finding{"ingress, one request at a time, p50", Bound{AtMost: 2, Unit: " ms"}, millis(median(p50)),
		"p99 " + number(millis(median(p99))) + " ms"}, nil
}

// lazily compares with a broker as it is out of the box, which acknowledges
// what is not on disk. The house never runs so unless it is told to.
func (d duel) lazily(ctx context.Context) (Finding, error) {
	none := Finding{}
	nats, settings, err := d.lab.lazy(ctx)
	if err != nil {
		return none, err
	}
	defer nats.stop(syscall.SIGTERM)
	h, err := d.lab.hook(ctx, settings...)
	if err != nil {
		return none, err
	}
	defer h.stop(syscall.SIGTERM)
	share, figures, err := duel{d.lab, d.plain, party{h.process, h.hook}}.fight(ctx, 64, 1, rounds)
	return Finding{"for comparison: 64 callers, a broker that does not sync", Bound{AtLeast: 0.5}, share,
		figures + ", the broker a process of its own"}, err
}
