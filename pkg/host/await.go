package host

import (
	"context"
	"log/slog"
	"time"

	"github.com/parley-desk/parley/pkg/fault"
	"github.com/parley-desk/parley/pkg/telemetry/key"
)

// Pauses between two tries to reach what a process needs at its start: longer
// every time, so that a whole house that waits is no burden for what comes back.
const (
	firstPause   = 250 * time.Millisecond
	longestPause = 5 * time.Second
)

// await opens what the process needs, again and again while it is away, until
// ctx ends. Meanwhile the log says so, and the probes, which are served from
// then on, tell that the process is not ready and why. Any other failure is
// given back at once: a wait would not mend it.
func (r *running) await(ctx context.Context, name string, open func(context.Context) error) error {
	defer r.health.forget(name)
	for pause := firstPause; ; pause = min(2*pause, longestPause) {
		err := open(ctx)
		if ctx.Err() != nil || !fault.Is(err, fault.Unavailable) {
			return err
		}
		if err := r.serveProbes(ctx); err != nil {
			return err
		}
		r.health.Ready(name, func(context.Context) error { return err })
		r.tel.Log.WarnContext(ctx, "waiting for what the process needs to start", slog.String(key.Service, r.Name),
			slog.String(key.Name, name), slog.Any(key.Err, err))
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		}
	}
}

// probes are the server of readiness, metrics and profiles, from when the
// process is built, or waits, until its services have ended.
type probes struct {
	stop  context.CancelFunc
	ended chan struct{}
	err   error // set before ended is closed
}

// serveProbes serves them, unless it does already or there is no address.
func (r *running) serveProbes(ctx context.Context) error {
	if r.probes != nil || r.Config.Ops.Listen == "" {
		return nil
	}
	l, err := r.listener.listen(ctx, "ops.listen", r.Config.Ops.Listen)
	if err != nil {
		return err
	}
	l = r.bounded(l)
	p := &probes{ended: make(chan struct{})}
	ctx, p.stop = context.WithCancel(context.WithoutCancel(ctx))
	go func() {
		defer close(p.ended)
		p.err = ServeHTTP(ctx, r.ops(), l, time.Second)
	}()
	r.probes = p
	return nil
}

// failed blocks until they end or ctx does, and tells why they ended.
func (p *probes) failed(ctx context.Context) error {
	if p == nil {
		return nil
	}
	select {
	case <-p.ended:
		return p.err
	case <-ctx.Done():
		return nil
	}
}

// end stops them and waits until they have ended.
func (p *probes) end() {
	if p != nil {
		p.stop()
		<-p.ended
	}
}
