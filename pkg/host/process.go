package host

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"github.com/parley-desk/parley/pkg/bus"
	"github.com/parley-desk/parley/pkg/bus/broker"
	"github.com/parley-desk/parley/pkg/contact"
	"github.com/parley-desk/parley/pkg/directory"
	"github.com/parley-desk/parley/pkg/files"
	"github.com/parley-desk/parley/pkg/files/s3"
	"github.com/parley-desk/parley/pkg/graph"
	"github.com/parley-desk/parley/pkg/keyspace"
	"github.com/parley-desk/parley/pkg/secret"
	"github.com/parley-desk/parley/pkg/stamp"
	"github.com/parley-desk/parley/pkg/telemetry"
	"github.com/parley-desk/parley/pkg/telemetry/key"
)

// Config is the settings of a process, whatever it runs.
type Config struct {
	DataDir  string           `koanf:"data_dir" default:".data" help:"Folder of the embedded broker, the keyset and other files."`
	Instance string           `koanf:"instance" default:"" help:"Name of this process, unique in the deployment; made up when empty."`
	Grace    time.Duration    `koanf:"grace" default:"20s" help:"How long the process may take to end before it is cut off."`
	Memory   int64            `koanf:"memory" default:"0" help:"Bytes of memory that the process keeps to: near them it gives up what it can have again, and works more slowly before it takes more. 0 takes GOMEMLIMIT, and without that nine tenths of what its container or machine has."`
	Log      telemetry.Config `koanf:"log"`
	Ops      OpsConfig        `koanf:"ops"`
	Bus      BusConfig        `koanf:"bus"`
	Redis    RedisConfig      `koanf:"redis"`
	Graph    GraphConfig      `koanf:"graph"`
	Secrets  SecretsConfig    `koanf:"secrets"`
	Files    FilesConfig      `koanf:"files"`
}

// OpsConfig is where probes and metrics are served.
type OpsConfig struct {
	Listen string `koanf:"listen" default:"127.0.0.1:9090" help:"Address of /livez, /readyz, /startupz, /metrics and /debug/pprof; empty for none."`
}

// BusConfig says which broker holds the log.
type BusConfig struct {
	URL         string        `koanf:"url" default:"" secret:"login" help:"NATS servers, nats://host:port, separated by commas; empty runs one in this process."`
	NKey        string        `koanf:"nkey" default:"" help:"File of the seed of this process's NKey, readable by nobody else: its user at the brokers. parley access create makes one for every service."`
	Creds       string        `koanf:"creds" default:"" help:"File of NATS credentials (a JWT with its seed) instead, readable by nobody else."`
	CA          string        `koanf:"ca" default:"" help:"PEM file of the authorities that sign the certificates of the brokers; they are then reached by TLS. Read again at every connection."`
	Cert        string        `koanf:"cert" default:"" help:"PEM file of a certificate that this process shows the brokers, for those that ask. Read again at every connection."`
	Key         string        `koanf:"key" default:"" help:"PEM file of its key, readable by nobody else."`
	Plain       bool          `koanf:"plain" default:"false" help:"Start although brokers that are not on this machine are reached in the clear. Right on a network that nobody else is on. Doctor says so for ever."`
	MonitorURL  string        `koanf:"monitor_url" default:"" secret:"login" help:"Monitoring address of every broker, https://host:8222 or http, separated by commas: where sync_always is read from. Whom https trusts, bus.ca says."`
	Partitions  int           `koanf:"partitions" default:"0" help:"Partitions of a new deployment, 1 to 256; 0 takes 4 embedded and 16 otherwise. An existing deployment keeps its number: 0 takes it, another one is refused."`
	Replicas    int           `koanf:"replicas" default:"0" help:"Copies of every stream, 1, 3 or 5; 0 takes 1 embedded and 3 otherwise."`
	AllowUnsafe bool          `koanf:"allow_unsafe_durability" default:"false" help:"Start although the broker may lose what it acknowledged. Doctor says so for ever."`
	LeaseTTL    time.Duration `koanf:"lease_ttl" default:"4s" help:"How long a frozen process keeps its partitions."`
}

// RedisConfig says where presence and capacity are.
type RedisConfig struct {
	URL          string `koanf:"url" default:"" secret:"login" help:"redis://user:password@host:port/0; empty runs one in this process, which needs the embedded broker too."`
	User         string `koanf:"user" default:"" help:"User of the password in redis.password_file."`
	PasswordFile string `koanf:"password_file" default:"" help:"File of the password for Redis, readable by nobody else, in place of one in redis.url. Read again at every connection. parley access create makes one for every service that needs Redis."`
	CA           string `koanf:"ca" default:"" help:"PEM file of the authorities that sign the certificate of Redis; it is then reached by TLS. Read again at every connection."`
	Cert         string `koanf:"cert" default:"" help:"PEM file of a certificate that this process shows Redis, if it asks. Read again at every connection."`
	Key          string `koanf:"key" default:"" help:"PEM file of its key, readable by nobody else."`
	Plain        bool   `koanf:"plain" default:"false" help:"Start although a Redis that is not on this machine is reached in the clear. Right on a network that nobody else is on."`
}

func (c BusConfig) door() bus.Door {
	return bus.Door{NKey: c.NKey, Creds: c.Creds, CA: c.CA, Cert: c.Cert, Key: c.Key}
}

func (c RedisConfig) door() keyspace.Door {
	return keyspace.Door{User: c.User, PasswordFile: c.PasswordFile, CA: c.CA, Cert: c.Cert, Key: c.Key}
}

// guarded refuses a way to the brokers or Redis that others may listen to, and
// halves of a pair.
func (c *Config) guarded() error {
	switch busAt, redisAt := bus.Clear(c.Bus.URL, c.Bus.door()), keyspace.Clear(c.Redis.URL, c.Redis.door()); {
	case c.Bus.NKey != "" && c.Bus.Creds != "":
		return errors.New("bus.nkey and bus.creds are both set; a process has one user at the brokers")
	case (c.Bus.Cert == "") != (c.Bus.Key == ""):
		return errors.New("bus.cert and bus.key belong together; set both or none")
	case (c.Redis.Cert == "") != (c.Redis.Key == ""):
		return errors.New("redis.cert and redis.key belong together; set both or none")
	case c.Redis.User != "" && c.Redis.PasswordFile == "":
		return errors.New("redis.user is set, but redis.password_file is not; name the file of its password")
	case busAt != "" && !c.Bus.Plain:
		return fmt.Errorf("bus.url reaches the broker at %s in the clear; set bus.ca and give the brokers certificates, or set bus.plain where nobody else is on that network", busAt)
	case redisAt != "" && !c.Redis.Plain:
		return fmt.Errorf("redis.url reaches Redis at %s in the clear; set redis.ca and give it a certificate, or set redis.plain where nobody else is on that network", redisAt)
	}
	return nil
}

// GraphConfig says where Meta is.
type GraphConfig struct {
	URL     string        `koanf:"url" default:"https://graph.facebook.com" help:"Address of the Graph API."`
	Timeout time.Duration `koanf:"timeout" default:"15s" help:"How long one call may take."`
}

// SecretsConfig says where the keyset is, and what it is wrapped with.
type SecretsConfig struct {
	Keyset string    `koanf:"keyset" default:"" help:"File of the keyset that seals secrets, readable by nobody else; keyset.json in data_dir when empty."`
	KMS    KMSConfig `koanf:"kms"`
}

// KMSConfig says which key of a key management service wraps the keyset.
type KMSConfig struct {
	Key       string `koanf:"key" default:"" help:"Key that wraps the keyset, hcvault://host:8200/transit/keys/parley of HashiCorp Vault or OpenBao; empty keeps the keyset in clear. One in clear is taken until parley keyset wrap has wrapped it."`
	Token     string `koanf:"token" default:"" secret:"true" help:"Token for the key management service."`
	TokenFile string `koanf:"token_file" default:"" help:"File of the token instead, read before each use; an agent may renew it."`
	CA        string `koanf:"ca" default:"" help:"PEM file of the authorities that sign the certificate of the key management service; those of the system when empty."`
}

// Wrap is the key as the keyset uses it; nil when none is set.
func (c KMSConfig) Wrap() (secret.Wrap, error) {
	return secret.NewWrap(secret.KMS{Key: c.Key, Token: secret.NewText(c.Token), TokenFile: c.TokenFile, CA: c.CA})
}

// FilesConfig says where the files of customers and agents are.
type FilesConfig struct {
	S3 S3Config `koanf:"s3"`
}

// S3Config names a bucket for files. Without an endpoint they are in the log's
// own broker.
type S3Config struct {
	Endpoint  string        `koanf:"endpoint" default:"" help:"Address of an S3-compatible store for files, https://s3.eu-central-1.amazonaws.com; empty keeps them in the broker. Files that are there stay there, and are read there."`
	Region    string        `koanf:"region" default:"us-east-1" help:"Region of the bucket, as its requests are signed for."`
	Bucket    string        `koanf:"bucket" default:"" help:"Bucket for files; it must be there."`
	Prefix    string        `koanf:"prefix" default:"" help:"Folder in the bucket; empty for none."`
	AccessKey string        `koanf:"access_key" default:"" help:"Id of the key that may list, read, write and delete in the bucket."`
	SecretKey string        `koanf:"secret_key" default:"" secret:"true" help:"Secret of that key."`
	Timeout   time.Duration `koanf:"timeout" default:"10s" help:"How long one request to the store may take; a request carries at most 128 KB of a file."`
}

// open is the bucket, in front of what the broker has; the broker alone without
// one.
func (c FilesConfig) open(broker files.Store, now func() time.Time) (files.Store, error) {
	if c.S3.Endpoint == "" {
		return broker, nil
	}
	bucket, err := s3.New(s3.Config{Endpoint: c.S3.Endpoint, Region: c.S3.Region, Bucket: c.S3.Bucket, Prefix: c.S3.Prefix,
		AccessKey: c.S3.AccessKey, SecretKey: secret.NewText(c.S3.SecretKey), Timeout: c.S3.Timeout, Now: now}, nil)
	if err != nil {
		return nil, err
	}
	return files.Moving(bucket, broker, s3.Mine), nil
}

// Validate names the first setting that cannot be.
func (c *Config) Validate() error {
	switch {
	case c.DataDir == "":
		return errors.New("data_dir is empty; name a folder")
	case c.Grace <= 0:
		return fmt.Errorf("grace is %s; it must be positive", c.Grace)
	case c.Bus.Partitions < 0 || c.Bus.Partitions > 256:
		return fmt.Errorf("bus.partitions is %d; it must be 1 to 256, or 0", c.Bus.Partitions)
	case c.Files.S3.Timeout <= 0:
		return fmt.Errorf("files.s3.timeout is %s; it must be positive", c.Files.S3.Timeout)
	case c.Bus.URL == "" && c.Bus.Replicas > 1:
		return fmt.Errorf("bus.replicas is %d, but the embedded broker keeps one copy; set bus.url or leave it 0", c.Bus.Replicas)
	}
	if _, err := c.Files.open(nil, nil); err != nil {
		return err
	}
	if err := cmp.Or(c.guarded(), c.memoryEnough()); err != nil {
		return err
	}
	return c.Log.Validate()
}

// Process is what Run needs to know.
type Process struct {
	Name   string // of the program
	Config Config
	Stages []Stage
	Out    io.Writer // of logs
	// Heard is told every listener that opens. May be nil.
	Heard func(setting string, addr net.Addr)
	// Started is called once, when every service runs. May be nil.
	Started func()
	// Restore is put in place of an empty house before anything else; nil: nothing.
	Restore *bus.Restore
	// Work is done in place of what the stages do, with what they use; the process
	// ends with it. May be nil.
	Work func(ctx context.Context, d Deps) error
	// Setup starts telemetry in another way, for tests. May be nil.
	Setup func(ctx context.Context, cfg telemetry.Config, name, instance string, out io.Writer) (*telemetry.Telemetry, error)
}

// Run opens what the stages share, builds and runs them until ctx ends or one
// of them fails, and closes everything in order.
func Run(ctx context.Context, p Process) error {
	if p.Config.Instance == "" {
		p.Config.Instance = instanceName(p.Name)
	}
	setup := p.Setup
	if setup == nil {
		setup = func(ctx context.Context, cfg telemetry.Config, name, instance string, out io.Writer) (*telemetry.Telemetry, error) {
			return telemetry.Setup(ctx, cfg, name, instance, out)
		}
	}
	tel, err := setup(ctx, p.Config.Log, p.Name, p.Config.Instance, p.Out)
	if err != nil {
		return err
	}
	keepTo(p.Config.Memory)
	build := stamp.Read()
	tel.Log.InfoContext(ctx, "starting", slog.String(key.Service, p.Name), slog.String(key.Version, build.Version),
		slog.String(key.Commit, build.Commit), slog.String(key.Go, build.Go))
	tel.Registry.MustRegister(info(build))
	r := &running{Process: p, tel: tel, health: &Health{}}
	r.listener = listener{log: tel.Log, heard: p.Heard}
	err = r.run(ctx)
	return errors.Join(err, r.close(ctx))
}

// info is a metric that is always 1: its labels say which build the process is.
func info(build stamp.Stamp) prometheus.Collector {
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "parley_build_info", Help: "Always 1; the labels say which build the process is.",
		ConstLabels: prometheus.Labels{"version": build.Version, "commit": build.Commit, "go": build.Go},
	}, func() float64 { return 1 })
}

// running is a process at work.
type running struct {
	Process
	tel       *telemetry.Telemetry
	health    *Health
	listener  listener
	deps      Deps
	directory *directory.Directory
	probes    *probes // nil until they are served
	closers   []func(context.Context) error
}

func (r *running) run(ctx context.Context) error {
	defer func() { r.probes.end() }()
	switch err := r.open(ctx); {
	case err != nil && ctx.Err() != nil && errors.Is(err, context.Canceled):
		return nil // asked to end while it waited
	case err != nil:
		return err
	}
	if r.Work != nil {
		return r.Work(ctx, r.depsOf(Stage{Name: r.Name}))
	}
	services := make([]Service, 0, len(r.Stages))
	for _, s := range r.Stages {
		service, err := s.Build(r.depsOf(s))
		if err != nil {
			return fmt.Errorf("%s: %w", s.Name, err)
		}
		services = append(services, service)
	}
	return r.serve(ctx, services)
}

// serve runs the services and the probes until ctx ends or one of them fails.
// Then readiness goes first, the services after it, and the probes, which tell
// of it, when the services are done.
func (r *running) serve(ctx context.Context, services []Service) error {
	group, asked := errgroup.WithContext(ctx)
	work, endWork := context.WithCancelCause(context.WithoutCancel(ctx))
	defer endWork(nil)
	context.AfterFunc(asked, func() {
		r.health.draining.Store(true)
		endWork(context.Cause(asked))
	})
	if err := r.serveProbes(ctx); err != nil {
		return err
	}
	group.Go(func() error { return r.probes.failed(asked) })
	var working sync.WaitGroup
	start := func(name string, run func(context.Context) error) {
		working.Add(1)
		group.Go(func() error {
			defer working.Done()
			err := run(work)
			switch {
			case work.Err() != nil && (err == nil || errors.Is(err, context.Canceled)):
				return nil
			case err == nil:
				return fmt.Errorf("%s stopped without being asked to", name)
			}
			return fmt.Errorf("%s: %w", name, err)
		})
	}
	if r.directory != nil {
		start("directory", r.directory.Run)
	}
	for i, s := range r.Stages {
		start(s.Name, services[i].Run)
	}
	r.health.started.Store(true)
	if r.Started != nil {
		r.Started()
	}
	return group.Wait()
}

func (r *running) uses() Uses {
	var all Uses
	for _, s := range r.Stages {
		all |= s.Uses
	}
	return all
}

// open opens what the stages share; what was opened is closed in reverse even
// if a later part fails.
func (r *running) open(ctx context.Context) error {
	cfg, uses := r.Config, r.uses()
	r.deps = Deps{Instance: cfg.Instance, DataDir: cfg.DataDir, Health: r.health, Now: time.Now, Listen: r.listener.listen}
	if uses&Bus != 0 {
		if err := r.openLog(ctx); err != nil {
			return err
		}
	}
	if uses&Redis != 0 {
		if cfg.Redis.URL == "" && cfg.Bus.URL != "" {
			return errors.New("redis.url is empty although bus.url is set; name the Redis that all processes share")
		}
	}
	if uses&Redis != 0 || uses&RedisGlance != 0 && cfg.Redis.URL != "" {
		if err := r.await(ctx, "redis", r.openRedis); err != nil {
			return err
		}
	}
	if uses&Graph != 0 {
		client, err := graph.New(graph.Config{BaseURL: cfg.Graph.URL, Timeout: cfg.Graph.Timeout},
			r.shared(), r.tel.Registry, r.tel.Traces.Tracer("graph"))
		if err != nil {
			return err
		}
		r.deps.Graph = client
	}
	return nil
}

func (r *running) openRedis(ctx context.Context) error {
	url := r.Config.Redis.URL
	rdb, closer, err := keyspace.Open(ctx, keyspace.Config{URL: url, Door: r.Config.Redis.door(), Embedded: url == "", Lazy: r.uses()&Redis == 0})
	if err != nil {
		return err
	}
	r.deps.Redis = rdb
	r.closers = append(r.closers, func(context.Context) error { return closer() })
	return nil
}

// shared is the log of what the stages of a process share; it is the process'
// own when it runs one stage.
func (r *running) shared() *slog.Logger { return r.tel.Log.With(slog.String(key.Service, r.Name)) }

func (r *running) openLog(ctx context.Context) error {
	cfg := r.Config
	embedded := cfg.Bus.URL == ""
	replicas := cfg.Bus.Replicas
	if replicas == 0 && !embedded {
		replicas = 3
	}
	if embedded {
		makeRoomForTheDisk()
	}
	var opened *bus.Bus
	err := r.await(ctx, "bus", func(ctx context.Context) (err error) {
		opened, err = bus.Open(ctx, bus.Config{
			URL: cfg.Bus.URL, Door: cfg.Bus.door(), Service: strings.TrimPrefix(r.Name, "parley-"), MonitorURL: cfg.Bus.MonitorURL, Embedded: embedded, DataDir: filepath.Join(cfg.DataDir, "nats"),
			Partitions: cfg.Bus.Partitions, Replicas: replicas,
			AllowUnsafe: cfg.Bus.AllowUnsafe, Instance: cfg.Instance, LeaseTTL: cfg.Bus.LeaseTTL, Restore: r.Restore,
		}, bus.Tools{Log: r.shared(), Registry: r.tel.Registry, Tracer: r.tel.Traces.Tracer("bus"), Broker: broker.Start})
		return err
	})
	if err != nil {
		return err
	}
	r.closers = append(r.closers, opened.Close)
	r.directory = directory.New(opened)
	r.deps.Bus, r.deps.Directory = opened, r.directory
	r.deps.Contacts = contact.NewFinder(opened, r.deps.Now)
	if r.deps.Files, err = cfg.Files.open(opened.Files(), r.deps.Now); err != nil {
		return err
	}
	r.health.Ready("bus", opened.Ping)
	return r.openKeyset(ctx, embedded && r.Restore == nil)
}

// openKeyset opens the keyset, making one for a log of the process's own.
func (r *running) openKeyset(ctx context.Context, create bool) error {
	return r.await(ctx, "keyset", func(ctx context.Context) (err error) {
		r.deps.Secrets, err = r.Config.OpenKeyset(ctx, create)
		return err
	})
}

// KeysetFile is where the keyset is.
func (c *Config) KeysetFile() string {
	if c.Secrets.Keyset != "" {
		return c.Secrets.Keyset
	}
	return filepath.Join(c.DataDir, "keyset.json")
}

// OpenKeyset opens the keyset of the settings; create makes one that is not there.
func (c *Config) OpenKeyset(ctx context.Context, create bool) (*secret.Box, error) {
	wrap, err := c.Secrets.KMS.Wrap()
	if err != nil {
		return nil, err
	}
	return secret.OpenWrapped(ctx, c.KeysetFile(), create, wrap)
}

// makeRoomForTheDisk lets twice as many goroutines run as there are processors,
// unless GOMAXPROCS in the environment says how many. One that waits for the
// disk keeps its place for a while, and the embedded broker hardly does
// anything else: a place for each processor and no more, and everybody waits
// for the disk with it (docs/performance.md).
var makeRoomForTheDisk = sync.OnceFunc(func() {
	if os.Getenv("GOMAXPROCS") == "" {
		runtime.GOMAXPROCS(2 * runtime.GOMAXPROCS(0))
	}
})

func (r *running) depsOf(s Stage) Deps {
	d := r.deps
	d.Log = r.tel.Log.With(slog.String(key.Service, s.Name))
	d.Registry = prometheus.WrapRegistererWith(prometheus.Labels{"service": s.Name}, r.tel.Registry)
	d.Tracer = r.tel.Traces.Tracer(s.Name)
	return d
}

// close gives up what open opened, the last first, within the grace time.
func (r *running) close(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), r.Config.Grace)
	defer cancel()
	var errs []error
	for i := len(r.closers) - 1; i >= 0; i-- {
		errs = append(errs, r.closers[i](ctx))
	}
	return errors.Join(append(errs, r.tel.Stop(ctx))...)
}

func instanceName(program string) string {
	host, err := os.Hostname()
	if err != nil {
		host = "host"
	}
	return fmt.Sprintf("%s-%s-%d-%s", program, host, os.Getpid(), strings.ToLower(rand.Text()[:6]))
}
