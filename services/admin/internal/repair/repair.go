package repair

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"
	"google.golang.org/protobuf/proto"

	"github.com/parley-desk/parley/pkg/bus"
	"github.com/parley-desk/parley/pkg/erasure"
	"github.com/parley-desk/parley/pkg/fault"
	"github.com/parley-desk/parley/pkg/graph"
	"github.com/parley-desk/parley/pkg/host"
	"github.com/parley-desk/parley/pkg/telemetry/key"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
	inboundv1 "github.com/parley-desk/parley/proto/gen/parley/inbound/v1"
	provisionv1 "github.com/parley-desk/parley/proto/gen/parley/provision/v1"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
	"github.com/parley-desk/parley/proto/subject"
)

const (
	role    = "gap-repair" // one process of all does it
	atOnce  = 4            // pages at a time
	longest = time.Minute  // between two looks at what is due
)

// Log is the part of bus.Bus that threads are read from and messages put into.
type Log interface {
	Load(ctx context.Context, t subject.Thread) (*threadv1.State, uint64, error)
	PublishInbound(ctx context.Context, events []*inboundv1.Event) error
}

// Graph is the part of graph.Client that is asked.
type Graph interface {
	Conversations(ctx context.Context, page graph.Page, after string, limit int) ([]graph.Conversation, string, error)
	BareConversation(ctx context.Context, page graph.Page, after string) ([]graph.Conversation, string, error)
}

// Connections are how pages act at Meta; *probe.Prober is one.
type Connections interface {
	// Connection opens what a call on behalf of a page needs, or says why it
	// cannot.
	Connection(page *configv1.Page) (on graph.Page, trouble string)
	// Rest is how long Meta wants to be left alone by the app of a page.
	Rest(page *configv1.Page) time.Duration
	// Heed remembers what an answer says about asking too much.
	Heed(page *configv1.Page, err error)
}

// Erased tells who asked to be forgotten; *erasure.Book is one.
type Erased interface {
	// Until is up to when threads were erased, ms since 1970 UTC, by fingerprint.
	Until(ctx context.Context) (map[string]int64, error)
	OfThread(t subject.Thread) string
}

// Repairer does the jobs. Its methods may be called from any goroutine.
type Repairer struct {
	deps   host.Deps
	log    Log
	graph  Graph
	pages  Connections
	erased Erased
	bucket *bus.Bucket
	mirror *mirror
	short  prometheus.Counter
}

// New makes a repairer and registers its metrics; nothing is done before Run.
func New(deps host.Deps, pages Connections) (*Repairer, error) {
	r := &Repairer{deps: deps, log: deps.Bus, graph: deps.Graph, pages: pages,
		erased: &erasure.Book{Bucket: deps.Bus.Bucket(subject.PrivacyBucket), Box: deps.Secrets}, bucket: deps.Bus.Bucket(subject.ProvisionBucket), mirror: newMirror(),
		short: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "parley_repair_short_total",
			Help: "Conversations of which more was missed than Meta shows: older messages are not there.",
		})}
	gauge := func(name, help string, value func(all, held int) int) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, func() float64 { return float64(value(r.mirror.jobs())) })
	}
	for _, c := range []prometheus.Collector{r.short,
		gauge("parley_repair_jobs", "Pages for which missed messages are being fetched.", func(all, _ int) int { return all }),
		gauge("parley_repair_jobs_held", "Those of them that cannot go on now.", func(_, held int) int { return held }),
	} {
		if err := deps.Registry.Register(c); err != nil {
			return nil, fault.Wrap(err, "register metrics of repairs")
		}
	}
	return r, nil
}

// Run follows what is found, and does the jobs while this process leads. It
// returns nil when ctx ends.
func (r *Repairer) Run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	ready := make(chan struct{})
	group.Go(func() error { return r.bucket.Watch(ctx, func() { close(ready) }, r.mirror.take) })
	group.Go(func() error {
		select {
		case <-ready:
		case <-ctx.Done():
			return nil
		}
		return r.deps.Bus.Lead(ctx, role, r.lead)
	})
	err := group.Wait()
	if ctx.Err() != nil && (fault.Is(err, fault.Canceled) || err == nil) {
		return nil
	}
	return err
}

// lead does jobs when they are due, several pages at a time, until ctx ends.
func (r *Repairer) lead(ctx context.Context) error {
	var jobs sync.WaitGroup
	defer jobs.Wait()
	running, done := map[string]bool{}, make(chan string)
	for {
		news, changed := r.mirror.next(), r.deps.Directory.Changed()
		wait := longest
		pages := r.deps.Directory.Now().Pages
		r.forget(ctx, pages)
		for _, id := range slices.Sorted(maps.Keys(pages)) {
			if running[id] || len(running) == atOnce {
				continue
			}
			left, err := r.due(ctx, pages[id])
			if err != nil && ctx.Err() == nil {
				r.deps.Log.WarnContext(ctx, "what a page missed cannot be planned yet", slog.String(key.Page, pages[id].GetPageId()), slog.Any(key.Err, err))
			}
			if left > 0 {
				wait = min(wait, left)
				continue
			}
			running[id] = true
			jobs.Go(func() {
				r.work(ctx, id)
				select {
				case done <- id:
				case <-ctx.Done():
				}
			})
		}
		timer := time.NewTimer(wait)
		select {
		case <-news:
		case <-changed:
		case <-timer.C:
		case id := <-done:
			delete(running, id)
		case <-ctx.Done():
			timer.Stop()
			return nil
		}
		timer.Stop()
	}
}

// forget drops what was done about pages that are gone: who adds one again has
// missed nothing of it.
func (r *Repairer) forget(ctx context.Context, pages map[string]*configv1.Page) {
	for _, at := range r.mirror.strays(func(id string) bool { return pages[id] != nil }) {
		if err := r.bucket.Write(ctx, bus.Write{Key: at, Revision: bus.AnyRevision}); err != nil && ctx.Err() == nil {
			r.deps.Log.WarnContext(ctx, "a repair of a page that is gone is not forgotten yet", slog.Any(key.Err, err))
			return
		}
	}
}

// due tells how long until the page's job can go on; longest when it has none.
// Evidence that led to no job yet leads to one.
func (r *Repairer) due(ctx context.Context, page *configv1.Page) (time.Duration, error) {
	evidence, repair, revision := r.mirror.look(page)
	now := r.deps.Now().UnixMilli()
	if next := Plan(repair, evidence, now); next != nil {
		if err := r.put(ctx, page.GetMeta().GetId(), next, revision); err != nil {
			return longest, err // somebody else was first, or the broker is away
		}
		r.deps.Log.InfoContext(ctx, "a page may have missed messages; they are fetched",
			slog.String(key.Page, page.GetPageId()), slog.String(key.Reason, next.GetJob().GetWhy()))
		repair = next
	}
	job := repair.GetJob()
	if job == nil {
		return longest, nil
	}
	return max(r.pages.Rest(page), time.Duration(job.GetRetryMs()-now)*time.Millisecond), nil
}

func (r *Repairer) put(ctx context.Context, page string, repair *provisionv1.Repair, revision uint64) error {
	value, err := proto.Marshal(repair)
	if err != nil {
		return fault.Wrap(err, "encoding a repair")
	}
	return r.bucket.Write(ctx, bus.Write{Key: subject.RepairKey(page), Value: value, Revision: revision})
}

// stored reads what was done about a page from the broker itself.
func (r *Repairer) stored(ctx context.Context, page *configv1.Page) (*provisionv1.Repair, uint64, error) {
	e, err := r.bucket.Get(ctx, subject.RepairKey(page.GetMeta().GetId()))
	if err != nil && !fault.Is(err, fault.NotFound) {
		return nil, 0, err
	}
	return of(decode(e, &provisionv1.Repair{}), page.GetPageId()), e.Revision, nil
}
