package bus

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nuid"
	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/parley-desk/parley/pkg/fault"
	"github.com/parley-desk/parley/pkg/telemetry/key"
	"github.com/parley-desk/parley/proto/subject"
)

// Config says how to reach the broker. Settings of the process fill it.
type Config struct {
	URL         string        // nats://host:port, several separated by commas; empty with Embedded
	Door        Door          // who this process is to the brokers, and how the way there is guarded
	Service     string        // what this process runs, one part of a subject: whose answers nobody else may listen to; may be empty
	MonitorURL  string        // https://host:8222, or http, of every broker, separated by commas: where sync_always is read from
	Embedded    bool          // run the broker in this process, without a socket
	DataDir     string        // of the embedded broker; locked while open
	Partitions  int           // of a new deployment; an existing one must agree; 0 takes what is there, or 4 embedded and 16 otherwise
	Replicas    int           // of every stream; 1 or 3; 0 means 1
	AllowUnsafe bool          // start without sync_always or with fewer replicas
	Instance    string        // name of this process, unique in the deployment
	LeaseTTL    time.Duration // how long a frozen process keeps its partitions; 0 means 4 s, at least 1 s
	Restore     *Restore      // put this in place first; the broker must be empty; nil: nothing
}

// Tools are what the bus reports with, and how it starts a broker of its own,
// which it needs with Config.Embedded alone. Every one may be nil.
type Tools struct {
	Log      *slog.Logger
	Registry prometheus.Registerer
	Tracer   trace.Tracer
	Broker   Starter
}

// Starter starts a broker in this process that keeps its data in dir, locked
// while it runs, and has written what it acknowledges.
type Starter func(dir string, log *slog.Logger) (Broker, error)

// Broker is a NATS server in this process. It is an alias, as there, for
// package broker to give one without knowing the bus, whose own tests run it.
type Broker = interface {
	InProcessConn() (net.Conn, error)
	// Store tells how many bytes it holds, and how many it may.
	Store() (held uint64, limit int64, err error)
	// Stop returns when it has ended.
	Stop()
}

// Bus is a connection to the log.
type Bus struct {
	cfg     Config
	log     *slog.Logger
	tracer  trace.Tracer
	metrics *metrics
	broker  Broker // nil with an external one
	nc      *nats.Conn
	js      jetstream.JetStream
	id      string // of this connection: a restarted process is another one
	streams map[string]jetstream.Stream
	inbound []*collector // by partition
	threads []*writer
	states  *stateCache
	turns   turns
	tails   sync.Mutex
	tailOf  map[string]*tail // by stream, while somebody follows it
	members sync.Map         // prefix of a group in LEASE to how many share its slots
	copies  int              // replicas that every stream has at least
	safety  sync.Mutex
	unsafe  []Check // what AllowUnsafe let pass, or nobody could refuse
	untold  int     // brokers that are still to tell how they write

	life   context.Context // ends when Close begins
	end    context.CancelFunc
	door   sync.Mutex     // orders arrivals and Close
	guests sync.WaitGroup // everything that Close waits for
}

// Open connects, or starts the embedded broker, checks durability, and ensures
// streams and buckets. fault.Precondition says what is wrong with the
// deployment and how to mend it: data directory in use, another number of
// partitions, a broker that may lose what it acknowledged.
func Open(ctx context.Context, cfg Config, tools Tools) (*Bus, error) {
	cfg, err := cfg.complete()
	if err != nil {
		return nil, err
	}
	if cfg.Embedded && tools.Broker == nil {
		return nil, fault.New(fault.Invalid, "BROKER_MISSING", "this program runs no broker of its own; say where one is")
	}
	b := &Bus{cfg: cfg, log: tools.Log, tracer: tools.Tracer, id: cfg.Instance + "-" + nuid.Next(),
		streams: map[string]jetstream.Stream{}, tailOf: map[string]*tail{}, states: newStateCache(stateCacheSize), turns: turns{slot: map[subject.Thread]*turn{}}}
	if b.log == nil {
		b.log = slog.New(slog.DiscardHandler)
	}
	if b.tracer == nil {
		b.tracer = noop.NewTracerProvider().Tracer("bus")
	}
	if b.metrics, err = newMetrics(tools.Registry); err != nil {
		return nil, fault.Wrap(err, "register metrics of the bus")
	}
	b.life, b.end = context.WithCancel(context.WithoutCancel(ctx))
	if err := b.start(ctx, tools.Broker); err != nil {
		b.stop()
		return nil, err
	}
	return b, nil
}

func (c Config) complete() (Config, error) {
	switch {
	case c.Embedded && c.DataDir == "":
		return c, fault.New(fault.Invalid, "DATA_DIR_MISSING", "an embedded broker needs a data directory")
	case c.Embedded && c.Replicas > 1:
		return c, fault.New(fault.Invalid, "REPLICAS_INVALID", "an embedded broker keeps one replica, not %d; use an external cluster", c.Replicas)
	case !c.Embedded && c.URL == "":
		return c, fault.New(fault.Invalid, "URL_MISSING", "say where the broker is, or run it embedded")
	case c.Partitions < 0 || c.Partitions > maxPartitions:
		return c, fault.New(fault.Invalid, "PARTITIONS_INVALID", "partitions must be 1 to %d, not %d", maxPartitions, c.Partitions)
	}
	if c.Replicas == 0 {
		c.Replicas = 1
	}
	if c.Instance == "" {
		c.Instance = "parley"
	}
	if c.LeaseTTL == 0 {
		c.LeaseTTL = 4 * time.Second
	}
	c.LeaseTTL = max(c.LeaseTTL.Round(time.Second), time.Second) // the broker counts in seconds
	return c, nil
}

func (b *Bus) start(ctx context.Context, broker Starter) error {
	var err error
	if b.cfg.Embedded {
		if b.broker, err = broker(b.cfg.DataDir, b.log); err != nil {
			return err
		}
	}
	if err := b.connect(); err != nil {
		return err
	}
	if err := b.checkDurability(ctx); err != nil {
		return err
	}
	if err := b.fill(ctx); err != nil {
		return err
	}
	if err := b.ensure(ctx); err != nil {
		return err
	}
	for p := range b.cfg.Partitions {
		b.inbound = append(b.inbound, newCollector(b, p))
		b.threads = append(b.threads, newWriter(b, subject.ThreadStream(p)))
	}
	return nil
}

// fill puts a backup in place, if there is to be one. A house in which that was
// broken off is none.
func (b *Bus) fill(ctx context.Context) error {
	if b.cfg.Restore != nil {
		return b.putBack(ctx, b.cfg.Restore)
	}
	half, err := b.restoring(ctx)
	if half {
		return fault.New(fault.Precondition, "RESTORE_UNFINISHED",
			"a restore into this broker was not finished; run parley backup restore again, which begins it anew")
	}
	return err
}

// connect opens the one connection of the process. Nothing is buffered while
// it is away: a publish fails at once and its caller decides.
func (b *Bus) connect() error {
	opts := []nats.Option{nats.Name("parley/" + b.cfg.Instance), nats.MaxReconnects(-1), nats.ReconnectWait(50 * time.Millisecond),
		nats.ReconnectJitter(20*time.Millisecond, 20*time.Millisecond), nats.PingInterval(5 * time.Second),
		nats.MaxPingsOutstanding(2), nats.ReconnectBufSize(-1), nats.Timeout(5 * time.Second),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			if err != nil {
				b.log.WarnContext(b.life, "broker connection lost", key.Err, err)
			}
		}),
		nats.ReconnectHandler(func(*nats.Conn) { b.log.InfoContext(b.life, "broker connection restored") }),
		nats.IgnoreAuthErrorAbort(), // a user that is replaced may be known again in a moment
		nats.PermissionErrOnSubscribe(true),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
			if errors.Is(err, nats.ErrPermissionViolation) && strings.Contains(err.Error(), forbidden) {
				return // as it should be
			}
			b.log.WarnContext(b.life, "broker reported an error", key.Err, err)
		})}
	if b.cfg.Service != "" {
		opts = append(opts, nats.CustomInboxPrefix(subject.Inbox(b.cfg.Service)))
	}
	if b.broker != nil {
		opts = append(opts, nats.InProcessServer(b.broker))
	}
	guarded, err := b.cfg.Door.options()
	if err != nil {
		return err
	}
	opts = append(opts, guarded...)
	nc, err := nats.Connect(b.cfg.URL, opts...)
	if errors.Is(err, nats.ErrAuthorization) {
		return &fault.Error{Kind: fault.Denied, Reason: "BROKER_DENIED", Message: "the broker does not take the user of bus.nkey, bus.creds or bus.url", Cause: err}
	}
	if err != nil {
		return &fault.Error{Kind: fault.Unavailable, Reason: "BROKER_AWAY", Message: "connect to the broker", Cause: err}
	}
	b.nc = nc
	b.js, err = jetstream.New(nc, jetstream.WithPublishAsyncMaxPending(1<<15), jetstream.WithPublishAsyncTimeout(ackTimeout),
		jetstream.WithDefaultTimeout(ackTimeout))
	return fault.Wrap(err, "open jetstream")
}

// Close ends what still follows or serves, hands its leases over, drains and
// disconnects; an embedded broker is shut down. When ctx ends first, it
// disconnects all the same and says so; leases then lapse by themselves.
func (b *Bus) Close(ctx context.Context) error {
	b.door.Lock()
	b.end()
	b.door.Unlock()
	done := make(chan struct{})
	go func() { b.guests.Wait(); close(done) }()
	var err error
	select {
	case <-done:
	case <-ctx.Done():
		err = fault.Wrap(ctx.Err(), "hand over the partitions")
	}
	b.stop()
	<-done // the broken connection ends the rest
	return err
}

// stop takes down what start put up, as far as it came.
func (b *Bus) stop() {
	b.end()
	if b.nc != nil {
		b.nc.Close()
	}
	if b.broker != nil {
		b.broker.Stop()
	}
	b.metrics.unregister()
}

// enter counts a call that lasts; its context ends with the caller's or when
// the bus closes. Call leave when it is over.
func (b *Bus) enter(ctx context.Context) (_ context.Context, leave func()) {
	ctx, cancel := context.WithCancel(ctx)
	b.door.Lock()
	defer b.door.Unlock()
	if b.life.Err() != nil {
		cancel()
		return ctx, cancel
	}
	b.guests.Add(1)
	stop := context.AfterFunc(b.life, cancel)
	return ctx, func() { stop(); cancel(); b.guests.Done() }
}

// Partitions is how many partitions the deployment has.
func (b *Bus) Partitions() int { return b.cfg.Partitions }

// Ping is nil while the broker answers; for readiness.
func (b *Bus) Ping(ctx context.Context) error {
	if b.nc.Status() != nats.CONNECTED {
		return fault.New(fault.Unavailable, "BROKER_AWAY", "broker connection is %s", b.nc.Status())
	}
	ctx, cancel := context.WithTimeout(ctx, ackTimeout)
	defer cancel()
	if err := b.nc.FlushWithContext(ctx); err != nil {
		return brokerFault(err, "ping the broker")
	}
	return nil
}
