package drive

import (
	"context"
	"iter"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/trace"

	"github.com/parley-desk/parley/pkg/bus"
	"github.com/parley-desk/parley/pkg/fault"
	"github.com/parley-desk/parley/pkg/files"
	"github.com/parley-desk/parley/pkg/graph"
	"github.com/parley-desk/parley/pkg/thread"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
	"github.com/parley-desk/parley/proto/subject"
	"github.com/parley-desk/parley/services/outbound/internal/attempt"
)

// Threads is the part of the bus that a driver needs; *bus.Bus is one.
type Threads interface {
	Load(ctx context.Context, t subject.Thread) (*threadv1.State, uint64, error)
	Update(ctx context.Context, t subject.Thread, decide func(*threadv1.State, uint64) ([]*threadv1.Fact, error)) (*threadv1.State, uint64, error)
	History(ctx context.Context, t subject.Thread, after uint64) iter.Seq2[bus.Record, error]
}

// Meta is the part of the Graph API that a driver needs; *graph.Client is one.
type Meta interface {
	Send(ctx context.Context, page graph.Page, m graph.Message) graph.Outcome
	Upload(ctx context.Context, page graph.Page, f graph.File) (id string, out graph.Outcome)
	CreatePersona(ctx context.Context, page graph.Page, name, picture string) (id string, err error)
	DeletePersona(ctx context.Context, page graph.Page, id string) error
	RecentMessages(ctx context.Context, page graph.Page, psid string) ([]graph.Recent, error)
}

// World is what a driver works with.
type World struct {
	Threads  Threads
	Meta     Meta
	Files    files.Store
	Shelf    Shelf
	Patience time.Duration // with which a file is uploaded
	Names    Names
	Face     time.Duration // how long a message waits for such a name
	Pages    *Pages
	Signer   graph.Signer
	Policy   attempt.Policy
	Now      func() time.Time
	Log      *slog.Logger
	Registry prometheus.Registerer
	Tracer   trace.Tracer
}

// Driver drives the sends of threads, each thread by one goroutine at a time.
type Driver struct {
	World

	steps   *prometheus.CounterVec
	dropped *prometheus.CounterVec
	faces   *faces
	running sync.WaitGroup
	mu      sync.Mutex
	workers map[subject.Thread]*worker
}

// New makes a driver that drives nothing yet.
func New(w World) (*Driver, error) {
	d := &Driver{World: w, workers: map[subject.Thread]*worker{},
		steps: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "parley_outbound_facts_total",
			Help: "Facts about sends committed by outbound, by kind and reason or proof.",
		}, []string{"fact", "reason"}),
		dropped: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "parley_outbound_dropped_total",
			Help: "Automated messages that were dropped, by reason: WINDOW_CLOSED, LAPSED, or what Meta refused them for.",
		}, []string{"reason"})}
	threads := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "parley_outbound_threads",
		Help: "Threads with an open send that this process drives.",
	}, func() float64 {
		d.mu.Lock()
		defer d.mu.Unlock()
		return float64(len(d.workers))
	})
	d.faces = newFaces(d)
	for _, c := range []prometheus.Collector{d.steps, d.dropped, d.faces.asked, threads} {
		if err := w.Registry.Register(c); err != nil {
			return nil, fault.Wrap(err, "register metrics of outbound")
		}
	}
	return d, nil
}

// Wake has the thread driven until it has no send to drive, and tells its
// goroutine to look again when it has one. It does not block. The goroutine
// ends with ctx, but for a POST that has begun.
func (d *Driver) Wake(ctx context.Context, t subject.Thread) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.wake(ctx, t)
}

// Follow is Wake by a commit of the thread, which the goroutine then need not
// read itself. Whoever calls it does so for every commit, in order. One that is
// overtaken sets nothing going: the later one does, and what this one leaves open
// is mostly done.
func (d *Driver) Follow(ctx context.Context, r bus.Record) {
	d.mu.Lock()
	defer d.mu.Unlock()
	w := d.workers[r.Thread]
	if !r.Overtaken && (w != nil || thread.NextSend(r.Commit.GetState()) != nil) {
		w = d.wake(ctx, r.Thread)
	}
	if w != nil { // one that is there also learns what ended its last send
		w.note(r)
	}
}

// wake is Wake with the lock held, and gives the goroutine; nil when there is none.
func (d *Driver) wake(ctx context.Context, t subject.Thread) *worker {
	if w := d.workers[t]; w != nil {
		select {
		case w.woken <- struct{}{}:
		default: // it has yet to see the last call
		}
		return w
	}
	if ctx.Err() != nil {
		return nil
	}
	w := &worker{Driver: d, thread: t, woken: make(chan struct{}, 1), asked: map[string]request{}}
	d.workers[t] = w
	d.running.Go(func() { w.run(ctx) })
	return w
}

// Wait blocks until every goroutine has ended; call it when the contexts given
// to Wake have ended and Wake is called no more.
func (d *Driver) Wait() { d.running.Wait() }

// retire takes the worker off the list; false when it was woken meanwhile and
// must look again.
func (d *Driver) retire(w *worker) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(w.woken) > 0 {
		return false
	}
	delete(d.workers, w.thread)
	return true
}
