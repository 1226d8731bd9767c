// Package desk is the agents' side of the house: it serves the page, signs
// agents in, shows each of them live what is theirs to answer, and takes their
// commands to the threads.
//
// It keeps nothing of its own but sessions: what it shows is an index over
// THREAD that every process builds for itself, so any number of them may run
// and an agent may use any.
package desk

import (
	"context"
	"maps"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"github.com/parley-desk/parley/pkg/audit"
	"github.com/parley-desk/parley/pkg/budget"
	"github.com/parley-desk/parley/pkg/bus"
	"github.com/parley-desk/parley/pkg/contact"
	"github.com/parley-desk/parley/pkg/fault"
	"github.com/parley-desk/parley/pkg/host"
	"github.com/parley-desk/parley/pkg/session"
	"github.com/parley-desk/parley/pkg/standing"
	"github.com/parley-desk/parley/pkg/telemetry/key"
	"github.com/parley-desk/parley/pkg/thread"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
	"github.com/parley-desk/parley/proto/subject"
	"github.com/parley-desk/parley/services/desk/internal/api"
	"github.com/parley-desk/parley/services/desk/internal/board"
	"github.com/parley-desk/parley/services/desk/internal/device"
	"github.com/parley-desk/parley/services/desk/internal/door"
	"github.com/parley-desk/parley/services/desk/internal/feed"
	"github.com/parley-desk/parley/services/desk/internal/kin"
	"github.com/parley-desk/parley/services/desk/internal/page"
	"github.com/parley-desk/parley/services/desk/internal/reply"
	"github.com/parley-desk/parley/services/desk/internal/scan"
	"github.com/parley-desk/parley/services/desk/internal/transcript"
	"github.com/parley-desk/parley/services/desk/internal/upload"
	"github.com/parley-desk/parley/services/desk/web"
)

const (
	// attendance is how often distribution is told who is here; it takes an
	// agent for gone after 20 s.
	attendance = 5 * time.Second
	// reading is how long the log may take to give a thread's history for a
	// live change; the partition's other changes wait for it.
	reading = 5 * time.Second
	// tallying is how often agents are told how full their queues are.
	tallying = 3 * time.Second
	// counted is how much of the log figures are made of: an hour, and a minute for
	// clocks that are not the broker's.
	counted = time.Hour + time.Minute
	// lapsing is how often is looked for invitations that are over.
	lapsing = time.Second
	// settling is how long after a conversation went to another phase distribution
	// is asked for the agent's load: it learns of it from the same log.
	settling = 250 * time.Millisecond
)

// Desk is the service.
type Desk struct {
	cfg   Config
	deps  host.Deps
	page  *page.Page
	hub   *feed.Hub
	shelf *transcript.Shelf
	kin   *kin.Index
	api   *api.Server
	pages *standing.Board
	loads loads
	shed  *shed
	gate  *budget.Connections
	ready chan struct{} // closed when the board is complete
}

// New builds the desk; nothing is opened before Run.
func New(cfg Config, deps host.Deps) (host.Service, error) {
	built, err := page.New(web.Files(), page.Door{Federated: cfg.OIDC.label(), Local: cfg.LocalAccounts})
	if err != nil {
		return nil, fault.Wrap(err, "loading the page")
	}
	if deps.Contacts == nil {
		deps.Contacts = contact.NewFinder(deps.Bus, deps.Now)
	}
	agent := func(id string) *configv1.Agent { return deps.Directory.Now().Agents[id] }
	sessions := session.NewStore(deps.Bus.Bucket(subject.SessionBucket), deps.Secrets, agent, session.Limits{Idle: cfg.SessionIdle, Absolute: cfg.SessionAge}, deps.Now)
	pages := standing.New(deps.Bus.Bucket(subject.ProvisionBucket), deps.Directory)
	scanner, err := scan.New(cfg.ScanCommand, cfg.ScanICAP, cfg.ScanTimeout)
	if err != nil {
		return nil, fault.Wrap(err, "the scanner of files")
	}
	uploads := &upload.Store{Bucket: deps.Bus.Bucket(subject.UploadBucket), Files: deps.FileStore(), Log: deps.Bus, Scanner: scanner,
		Limits: upload.Limits{Files: cfg.Uploads, Age: cfg.UploadAge}, Now: deps.Now, Report: deps.Log}
	off := cfg.off()
	world := func() board.World { return board.World{Names: deps.Directory.Now(), Works: pages.Works, Off: off} }
	d := &Desk{
		cfg: cfg, deps: deps, page: built, pages: pages,
		hub:   feed.NewHub(feed.Limits{Events: cfg.Events, Streams: cfg.Streams, Sessions: cfg.Sessions}, world, deps.Now),
		shelf: transcript.NewShelf(deps.Bus, cfg.Items), kin: kin.New(),
		loads: loads{agents: map[string]bool{}, news: make(chan struct{}, 1)},
		ready: make(chan struct{}),
	}
	d.api = &api.Server{
		Log: deps.Log, Tracer: deps.Tracer, Now: deps.Now, Bus: deps.Bus, Directory: deps.Directory, World: world,
		Hub: d.hub, Shelf: d.shelf, Sessions: sessions, Door: door.New(sessions, deps.Secrets, agent, deps.Now),
		Devices: device.New(deps.Bus.Bucket(subject.SessionBucket), deps.Secrets, deps.Now), Origin: cfg.here(),
		Cookie: door.Cookie{Secure: cfg.secure(), Age: cfg.SessionAge}, Address: cfg.address, Local: cfg.LocalAccounts, Federated: cfg.federated(deps), Invitation: cfg.Invitation,
		Rate:  budget.NewRate(cfg.SessionRate, callers),
		Meter: api.NewMeter(deps.Registry), Ready: d.ready,
		Files: deps.FileStore(), Signer: deps.Secrets, Uploads: uploads, Looking: cfg.ScanTimeout,
		Contacts: deps.Contacts, Kin: d.kin, Lately: &api.Lately{},
		Audit:   audit.New(deps.Bus, deps.Secrets, deps.Now),
		Replies: &reply.Store{Bucket: deps.Bus.Bucket(subject.ReplyBucket), Most: cfg.PersonalReplies},
	}
	d.measure(deps.Registry)
	d.shed, d.gate = newShed(&d.cfg, deps.Registry, deps.Now), newGate(cfg.Connections, deps.Registry)
	deps.Health.Ready("desk.board", func(context.Context) error {
		select {
		case <-d.ready:
			return nil
		default:
			return fault.New(fault.Unavailable, "STARTING", "the board of live conversations is being read")
		}
	})
	return d, nil
}

func (d *Desk) measure(r prometheus.Registerer) {
	gauge := func(name, help string, value func() int) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help},
			func() float64 { return float64(value()) })
	}
	r.MustRegister(
		gauge("parley_desk_conversations", "Live conversations on the board.",
			func() int { n, _, _ := d.hub.Count(); return n }),
		gauge("parley_desk_feeds", "Agents whose events are kept.",
			func() int { _, n, _ := d.hub.Count(); return n }),
		gauge("parley_desk_streams", "Open streams of events.",
			func() int { _, _, n := d.hub.Count(); return n }),
		gauge("parley_desk_uploads", "Files of agents that were uploaded, wholly or not, and not sent yet, of the whole deployment.", d.api.Uploads.Count),
		gauge("parley_desk_contacts", "Contacts that this process can find.", func() int { n, _ := d.deps.Contacts.Book.Size(); return n }),
		gauge("parley_desk_linked_threads", "Threads whose customer is a known contact.", func() int { n, _ := d.kin.Size(); return n }),
		gauge("parley_desk_linked_contacts", "Contacts that are the customer of a thread or more.", func() int { _, n := d.kin.Size(); return n }),
		gauge("parley_desk_timeline_items", "Timeline items held in memory.", d.shelf.Items),
	)
}

// Run serves until ctx ends. Open streams then end at once, so that pages
// connect to another process.
func (d *Desk) Run(ctx context.Context) error {
	if err := d.deps.Directory.Wait(ctx); err != nil {
		return nil // ended before it began
	}
	listener, err := d.deps.Listen(ctx, "desk.listen", d.cfg.Listen)
	if err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return host.ServeHTTP(ctx, d.server(ctx), d.gate.Guard(listener), grace) })
	group.Go(func() error { return d.api.Sessions.Run(ctx) })
	if d.api.Federated != nil {
		group.Go(func() error { return bus.Serve(ctx, d.deps.Bus, "desk.issuer", d.api.ReachIssuer) })
	}
	group.Go(func() error { return d.api.Uploads.Run(ctx) })
	group.Go(func() error { return d.watch(ctx) })
	group.Go(func() error {
		return d.deps.Bus.FollowSince(ctx, d.deps.Now().Add(-counted), func(r bus.Record) { d.api.Follow(r.Commit) })
	})
	group.Go(func() error { return d.pages.Run(ctx) })
	group.Go(func() error { return d.deps.Contacts.Book.Run(ctx) })
	group.Go(func() error { d.attend(ctx); return nil })
	group.Go(func() error { d.tally(ctx); return nil })
	group.Go(func() error { d.lapse(ctx); return nil })
	return group.Wait()
}

func (d *Desk) server(ctx context.Context) *http.Server {
	mux := http.NewServeMux()
	d.api.Mount(mux, ctx.Done())
	mux.Handle("/", d.page)
	return d.cfg.server(d.deps.Log, d.shed.guard(page.Harden(d.cfg.sameOrigin(mux), d.cfg.images()...)))
}

// watch follows the log of threads: it keeps the board and tells the feeds.
func (d *Desk) watch(ctx context.Context) error {
	return d.deps.Bus.WatchThreads(ctx,
		sync.OnceFunc(func() { close(d.ready) }),
		func(r bus.Record) { d.follow(ctx, r) })
}

// follow takes one commit. Which items of the timeline it changed is worth
// knowing only for a conversation in the hands of an agent who has a feed.
func (d *Desk) follow(ctx context.Context, r bus.Record) {
	state := r.Commit.GetState()
	d.kin.Put(r.Thread, state.GetContact().GetContact())
	if thread.Erased(r.Commit) {
		d.shelf.Forget(r.Thread)
		d.loads.changed(d.hub.Put(r.Thread, r.Revision, state, nil))
		return
	}
	if !d.hub.Watched(r.Thread, state) {
		d.shelf.Follow(r)
		d.loads.changed(d.hub.Put(r.Thread, r.Revision, state, nil))
		return
	}
	ctx, cancel := context.WithTimeout(ctx, reading)
	defer cancel()
	items, err := d.shelf.Changes(ctx, r)
	d.loads.changed(d.hub.Put(r.Thread, r.Revision, state, board.Named(items, d.deps.Directory.Now())))
	if err != nil {
		d.deps.Log.WarnContext(ctx, "live change not told, pages start anew",
			key.Partition, r.Partition, key.Revision, r.Revision, key.Err, err)
		d.hub.Restart(r.Thread)
	}
}

// attend tells distribution who is here, asks it at once for the load of those
// for whom it changed, and keeps what the page shows up to the clock, to
// administrators' changes and to how pages stand.
func (d *Desk) attend(ctx context.Context) {
	tick := time.NewTicker(attendance)
	defer tick.Stop()
	heard, stale := true, true
	var settled <-chan time.Time // when the new loads are known
	for {
		changed, pages := d.deps.Directory.Changed(), d.pages.Changed()
		if stale {
			d.hub.Refresh()
		}
		stale = true
		var agents []string
		select {
		case <-ctx.Done():
			return
		case <-changed:
			continue
		case <-pages:
			continue
		case <-d.loads.news:
			if stale = false; settled == nil {
				settled = time.After(settling)
			}
			continue
		case <-settled:
			stale, settled = false, nil
			agents = d.loads.take()
		case <-tick.C:
			agents = d.hub.Present()
		}
		err := d.beat(ctx, agents)
		if (err == nil) != heard && ctx.Err() == nil {
			heard = err == nil
			d.deps.Log.WarnContext(ctx, "distribution changed whether it hears of agents",
				key.Ready, heard, key.Err, err)
		}
	}
}

// tally tells those who are here how full their queues are, as often as anybody
// reads it.
func (d *Desk) tally(ctx context.Context) {
	tick := time.NewTicker(tallying)
	defer tick.Stop()
	for told := true; ; {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		agents := d.hub.Present()
		if len(agents) == 0 {
			continue
		}
		asked, cancel := context.WithTimeout(ctx, attendance)
		err := d.api.Tally(asked, agents)
		cancel()
		if (err == nil) != told && ctx.Err() == nil {
			told = err == nil
			d.deps.Log.WarnContext(ctx, "distribution changed whether it tells of queues", key.Ready, told, key.Err, err)
		}
	}
}

// lapse ends the invitations that nobody answered in time. All processes of the
// desk do: whoever comes second finds nothing left to end.
func (d *Desk) lapse(ctx context.Context) {
	tick := time.NewTicker(lapsing)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		for _, t := range d.hub.Lapsed() {
			if err := d.api.Lapse(ctx, t); err != nil && ctx.Err() == nil {
				d.deps.Log.WarnContext(ctx, "an invitation lapses later", key.Page, t.Page, key.Err, err)
			}
		}
	}
}

func (d *Desk) beat(ctx context.Context, agents []string) error {
	ctx, cancel := context.WithTimeout(ctx, attendance)
	defer cancel()
	return d.api.Beat(ctx, agents)
}

// loads are the agents for whom distribution has another load than was told.
type loads struct {
	mu     sync.Mutex
	agents map[string]bool
	news   chan struct{} // that there are some; room for one
}

func (l *loads) changed(agents []string) {
	if len(agents) == 0 {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, agent := range agents {
		l.agents[agent] = true
	}
	select {
	case l.news <- struct{}{}:
	default:
	}
}

func (l *loads) take() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	agents := slices.Sorted(maps.Keys(l.agents))
	clear(l.agents)
	return agents
}

// newGate bounds the connections, and measures them.
func newGate(limit int, registry prometheus.Registerer) *budget.Connections {
	refused := prometheus.NewCounter(prometheus.CounterOpts{
		Name: "parley_desk_connections_refused_total",
		Help: "Connections closed when they came because as many as may be were open.",
	})
	gate := budget.NewConnections(limit, refused)
	registry.MustRegister(refused, prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "parley_desk_connections",
		Help: "Connections that are open.",
	}, gate.Open))
	return gate
}
