package pace

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"

	"github.com/parley-desk/parley/pkg/fault"
	"github.com/parley-desk/parley/pkg/graph"
)

const (
	// longestWait is how far ahead a turn is given.
	longestWait = 10 * time.Second
	// longestRest bounds what an answer can have a page rest; after that one
	// call finds out whether Meta means it still.
	longestRest = time.Hour
	// shortestRest is that of a page that has used up all, when Meta names no time.
	shortestRest = time.Minute
	// tight is the percentage from which on a page is slowed down, and
	// stretchedFor how long that holds without news.
	tight        = 80
	stretchedFor = time.Minute
)

// Settings of the breaker and of the room.
type Settings struct {
	Room     int           // calls of a page that may be on their way at once
	Failures int           // calls that failed one after another until a page is given a pause
	Pause    time.Duration // how long that is
}

// Pace keeps the paces of all pages in this process.
type Pace struct {
	settings Settings
	rdb      redis.UniversalClient // nil: nothing is shared
	members  func() int
	log      *slog.Logger
	metrics  metrics

	mu       sync.Mutex
	pages    map[string]*page
	again    time.Time // when Redis is asked again
	together bool      // Redis gave the last turn
}

type metrics struct {
	shared prometheus.Gauge
	stalls prometheus.Counter
	rests  *prometheus.CounterVec
}

// New makes a Pace. Without rdb, or while it is away, the process keeps to its
// even share among members.
func New(s Settings, rdb redis.UniversalClient, members func() int, log *slog.Logger, registry prometheus.Registerer) (*Pace, error) {
	p := &Pace{settings: s, rdb: rdb, members: members, log: log, pages: map[string]*page{}, together: rdb != nil, metrics: metrics{
		shared: prometheus.NewGauge(prometheus.GaugeOpts{Name: "parley_outbound_rates_shared",
			Help: "1 while Redis shares Meta's rates among the processes of outbound, 0 while each keeps to its even part."}),
		stalls: prometheus.NewCounter(prometheus.CounterOpts{Name: "parley_outbound_inbox_stalls_total",
			Help: "Messages beyond 40 a second of one page, from where on Meta's own inbox of the page stalls."}),
		rests: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "parley_outbound_rests_total",
			Help: "Sends that found their page resting, because Meta had asked for it or kept failing."}, []string{"reason"}),
	}}
	p.metrics.shared.Set(float64(flag(rdb != nil)))
	for _, c := range []prometheus.Collector{p.metrics.shared, p.metrics.stalls, p.metrics.rests} {
		if err := registry.Register(c); err != nil {
			return nil, fault.Wrap(err, "register metrics of the pace")
		}
	}
	return p, nil
}

// Turn is the right to make one call for a page. Whoever has one ends it.
type Turn struct {
	pace  *Pace
	page  *page
	id    string
	trial bool // the breaker lets one call through to try
}

// Rest is that a page makes no calls for a while, and why: a reason of a send.
type Rest struct {
	For    time.Duration
	Reason string
}

// Begin blocks until the page may make a call of the kind, or ctx ends. Of a
// page that rests it tells so at once instead.
func (p *Pace) Begin(ctx context.Context, id string, k Kind) (*Turn, Rest, error) {
	page := p.page(id)
	if err := page.enter(ctx); err != nil {
		return nil, Rest{}, err
	}
	t := &Turn{pace: p, page: page, id: id}
	rest, err := p.begin(ctx, t, k)
	if err != nil || rest.For > 0 {
		page.leave()
		t = nil
	}
	if rest.For > 0 {
		p.metrics.rests.WithLabelValues(rest.Reason).Inc()
	}
	return t, rest, err
}

func (p *Pace) begin(ctx context.Context, t *Turn, k Kind) (Rest, error) {
	if left := t.page.broken(); left > 0 {
		return Rest{left, ReasonMetaFailing}, nil
	}
	if rest, err := p.wait(ctx, t.id, k); err != nil || rest > 0 {
		return restOf(rest), err
	}
	trial, left := t.page.try()
	if left > 0 {
		return Rest{left, ReasonMetaFailing}, nil
	}
	t.trial = trial
	return Rest{}, nil
}

// Wait is Begin for a call that only has its rate, and of which nothing is learnt
// about the page: a reading, a sign, a reaction.
func (p *Pace) Wait(ctx context.Context, id string, k Kind) (Rest, error) {
	rest, err := p.wait(ctx, id, k)
	return restOf(rest), err
}

// restOf is a rest that Meta asked for.
func restOf(d time.Duration) Rest {
	if d == 0 {
		return Rest{}
	}
	return Rest{d, graph.ReasonThrottled}
}

// wait blocks until the turn; a rest is told at once.
func (p *Pace) wait(ctx context.Context, id string, k Kind) (rest time.Duration, err error) {
	for {
		w, ok := p.shared(ctx, id, k)
		if !ok {
			w = p.alone(id, k)
		}
		if k.counts() {
			w.rest = max(w.rest, p.page(id).resting())
		}
		if w.rest > 0 {
			return w.rest, ctx.Err()
		}
		if w.stalls {
			p.metrics.stalls.Inc()
		}
		if err := sleep(ctx, w.wait); err != nil {
			return 0, err
		}
		if !w.none {
			return 0, nil
		}
	}
}

// End gives the turn back; out is what became of the call, nil when none was
// made. What it says of the page is heeded from now on.
func (t *Turn) End(ctx context.Context, out *graph.Outcome) {
	t.page.leave()
	t.page.judge(out, t.trial)
	if out == nil {
		return
	}
	u := out.Usage
	rest := max(u.Regain, out.RetryAfter)
	if out.Class != graph.Later {
		rest = u.Regain
	}
	switch {
	case u.Percent >= 100 && rest == 0, out.Reason == graph.ReasonPageRestricted:
		rest = max(rest, shortestRest)
	}
	t.pace.heed(ctx, t.id, min(rest, longestRest), u.Percent)
}

func (p *Pace) heed(ctx context.Context, id string, rest time.Duration, percent int) {
	stretch := stretched(percent)
	if rest == 0 && stretch <= 1000 {
		return
	}
	p.page(id).heed(rest, stretch)
	p.tell(ctx, id, rest, stretch)
}

// stretched is by how much turns come further apart, in thousandths: twice at
// 90 percent, twenty times at 99.
func stretched(percent int) int64 {
	return 1000 * (100 - tight) / int64(max(1, 100-max(percent, tight)))
}

func (p *Pace) page(id string) *page {
	p.mu.Lock()
	defer p.mu.Unlock()
	found := p.pages[id]
	if found == nil {
		found = newPage(p.settings)
		p.pages[id] = found
	}
	return found
}

func sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
