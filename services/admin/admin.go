// Package admin is the control plane: a gRPC API on which administrators and
// programs set the resources of the house and read it out.
package admin

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/url"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/reflection"

	"github.com/parley-desk/parley/pkg/audit"
	"github.com/parley-desk/parley/pkg/backup"
	"github.com/parley-desk/parley/pkg/budget"
	"github.com/parley-desk/parley/pkg/bus"
	"github.com/parley-desk/parley/pkg/contact"
	"github.com/parley-desk/parley/pkg/erasure"
	"github.com/parley-desk/parley/pkg/fault"
	"github.com/parley-desk/parley/pkg/files"
	"github.com/parley-desk/parley/pkg/host"
	"github.com/parley-desk/parley/pkg/keyfile"
	"github.com/parley-desk/parley/pkg/keyspace"
	"github.com/parley-desk/parley/pkg/session"
	adminv1 "github.com/parley-desk/parley/proto/gen/parley/admin/v1"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
	"github.com/parley-desk/parley/proto/gen/parley/contact/v1/contactv1grpc"
	"github.com/parley-desk/parley/proto/gen/parley/crm/v1/crmv1grpc"
	"github.com/parley-desk/parley/proto/subject"
	"github.com/parley-desk/parley/services/admin/internal/change"
	"github.com/parley-desk/parley/services/admin/internal/clients"
	"github.com/parley-desk/parley/services/admin/internal/commit"
	"github.com/parley-desk/parley/services/admin/internal/configure"
	"github.com/parley-desk/parley/services/admin/internal/copies"
	"github.com/parley-desk/parley/services/admin/internal/crew"
	"github.com/parley-desk/parley/services/admin/internal/enrol"
	"github.com/parley-desk/parley/services/admin/internal/errand"
	"github.com/parley-desk/parley/services/admin/internal/explain"
	"github.com/parley-desk/parley/services/admin/internal/guard"
	"github.com/parley-desk/parley/services/admin/internal/history"
	"github.com/parley-desk/parley/services/admin/internal/hours"
	"github.com/parley-desk/parley/services/admin/internal/operate"
	"github.com/parley-desk/parley/services/admin/internal/people"
	"github.com/parley-desk/parley/services/admin/internal/probe"
	"github.com/parley-desk/parley/services/admin/internal/queues"
	"github.com/parley-desk/parley/services/admin/internal/records"
	"github.com/parley-desk/parley/services/admin/internal/rekey"
	"github.com/parley-desk/parley/services/admin/internal/repair"
	"github.com/parley-desk/parley/services/admin/internal/requests"
	"github.com/parley-desk/parley/services/admin/internal/rewind"
	"github.com/parley-desk/parley/services/admin/internal/sessions"
	"github.com/parley-desk/parley/services/admin/internal/surveys"
	"github.com/parley-desk/parley/services/admin/internal/takeout"
	"github.com/parley-desk/parley/services/admin/internal/told"
	"github.com/parley-desk/parley/services/admin/internal/trial"
	"github.com/parley-desk/parley/services/admin/internal/variables"
)

// Limits of the API (SG3).
const (
	maxMessage     = 1 << 20 // bytes, after decompression
	maxStreams     = 100     // of one connection
	connectTime    = 3 * time.Second
	pingInterval   = 10 * time.Second // of clients, at the least
	connectionAge  = 30 * time.Minute
	connectionRest = time.Minute // for calls in work when a connection is old
	socketMode     = 0o600
	longestDelay   = 24 * time.Hour // P14
)

// Config are the settings of admin.
type Config struct {
	Socket      string        `koanf:"socket" default:"" help:"Path of the unix socket of the admin API; only the user of the process can open it. Empty for admin.sock in the data folder."`
	Listen      string        `koanf:"listen" default:"" help:"Address of the admin API on TCP, with mutual TLS 1.3; empty for none."`
	TLS         TLS           `koanf:"tls"`
	Connections int           `koanf:"connections" default:"1024" help:"Connections open at once on TCP; one too many is closed when it comes."`
	Calls       int           `koanf:"calls" default:"256" help:"Calls in work at once on TCP, without streams; beyond them they are UNAVAILABLE unread. 0: no bound."`
	CallerRate  int           `koanf:"caller_rate" default:"100" help:"Calls a second that one caller may make on TCP or with a token, and one address before it is known who calls; twice as many at once. Beyond them they are RESOURCE_EXHAUSTED. 0: no bound."`
	Tokens      bool          `koanf:"tokens" default:"false" help:"Let who brings a token in at admin.listen without a client certificate. Without it a token needs a certificate beside it there; at the socket none does."`
	Grants      []string      `koanf:"grants" default:"" help:"Roles of callers on TCP, as NAME=ROLE; NAME is a URI, DNS name or mail address in their certificate, ROLE is admin, operator, auditor or crm."`
	WebhookURL  string        `koanf:"webhook_url" default:"" help:"Address under which Meta reaches ingress, such as https://hooks.example.com; shown to those who set up a webhook at Meta, and called when a page is tested."`
	Reflection  bool          `koanf:"reflection" default:"false" help:"Let callers ask for the schema of the API, as grpcurl does."`
	Erase       Erase         `koanf:"erase"`
	Backup      Backup        `koanf:"backup"`
	Grace       time.Duration `koanf:"grace" default:"10s" help:"How long calls in work may take at the end of the process."`
}

// Erase is what becomes of requests that Meta passes on to delete a person's data.
type Erase struct {
	Requests bool          `koanf:"requests" default:"false" help:"Order the erasure of a person when Meta passes a request on and says which customer it is; without it an administrator orders it."`
	Delay    time.Duration `koanf:"delay" default:"1h" help:"How long after such a request the erasure begins; until then it can be stopped."`
}

// Backup is what becomes of backups.
type Backup struct {
	Keys     string `koanf:"keys" default:"" help:"Folder for the keys of backups, on another disk than the house and not with the backups, that every process of admin reaches. Without it no backup can be made. A backup whose key is gone can be opened by nobody."`
	KeepDays int    `koanf:"keep_days" default:"30" help:"Days after which the key of a backup is destroyed by itself, and with it everybody whom the house has erased since; that of the newest that is whole stays. 0: when parleyctl backup forget is run."`
}

// TLS are the files of mutual TLS, in PEM.
type TLS struct {
	Cert     string `koanf:"cert" default:"" help:"Certificate of the admin API, a file; read again when it is replaced."`
	Key      string `koanf:"key" default:"" help:"Key of that certificate, a file."`
	ClientCA string `koanf:"client_ca" default:"" help:"Authorities whose client certificates are taken, a file."`
}

// Validate checks that the settings can work together.
func (c *Config) Validate() error {
	var wrong []fault.Violation
	check := func(ok bool, field, description string) {
		if !ok {
			wrong = append(wrong, fault.Violation{Field: field, Description: description})
		}
	}
	complete := c.TLS.Cert != "" && c.TLS.Key != "" && (c.TLS.ClientCA != "" || c.Tokens)
	check(c.Listen == "" || complete, "listen", "needs tls.cert and tls.key, and tls.client_ca unless tokens is set: the API is open to nobody who is not known")
	_, err := guard.ParseGrants(c.Grants)
	check(err == nil, "grants", errorText(err))
	public, err := url.Parse(c.WebhookURL)
	check(err == nil && (c.WebhookURL == "" || public.Host != "" && (public.Scheme == "https" || public.Scheme == "http" && local(public))),
		"webhook_url", "must be an https address, as Meta takes no other; http only for 127.0.0.1, in development")
	check(c.Connections > 0 || c.Listen == "", "connections", "must be at least 1, or nobody gets in")
	check(c.Calls >= 0, "calls", "must be 0 or more")
	check(c.CallerRate >= 0 && c.CallerRate <= 1_000_000, "caller_rate", "must be 0 to 1000000")
	check(c.Grace > 0, "grace", "must be longer than nothing")
	check(c.Erase.Delay >= 0 && c.Erase.Delay <= longestDelay, "erase.delay", "must be 0 to 24h: that is how long it may take to carry a request out")
	check(c.Backup.KeepDays >= 0 && c.Backup.KeepDays <= 3650, "backup.keep_days", "must be 0 to 3650")
	if len(wrong) == 0 {
		return nil
	}
	f := fault.New(fault.Invalid, "ADMIN_SETTINGS", "the settings of admin cannot work")
	f.Violations = wrong
	return f
}

// local tells whether an address is of this machine.
func local(u *url.URL) bool {
	return u.Hostname() == "localhost" || net.ParseIP(u.Hostname()).IsLoopback()
}

// owner is the user of this process, whose files and socket these are.
func owner() string {
	if u, err := user.Current(); err == nil {
		return u.Username
	}
	return strconv.Itoa(os.Getuid())
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// New builds the service. It opens nothing before Run.
func New(cfg Config, deps host.Deps) (host.Service, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	grants, err := guard.ParseGrants(cfg.Grants)
	if err != nil {
		return nil, err
	}
	prober, err := probe.New(deps)
	if err != nil {
		return nil, err
	}
	repairer, err := repair.New(deps, prober)
	if err != nil {
		return nil, err
	}
	if deps.Contacts == nil {
		deps.Contacts = contact.NewFinder(deps.Bus, deps.Now)
	}
	agent := func(id string) *configv1.Agent { return deps.Directory.Now().Agents[id] }
	s := &service{cfg: cfg, gate: newGate(cfg.Connections, deps.Registry), deps: deps, prober: prober, repairer: repairer, health: health.NewServer(), guard: &guard.Guard{
		Log: deps.Log, Tracer: deps.Tracer, Now: deps.Now, Owner: owner(), Grants: grants, Audit: audit.New(deps.Bus, deps.Secrets, deps.Now),
		Clients: &clients.Store{Bucket: deps.Bus.Bucket(subject.ClientBucket), Sealer: deps.Secrets, Now: deps.Now}, Agent: agent, Shed: guard.NewShed(cfg.Calls, cfg.CallerRate, deps.Registry, deps.Now),
		Sessions: session.NewStore(deps.Bus.Bucket(subject.SessionBucket), deps.Secrets, agent, session.Limits{}, deps.Now)}}
	deps.Health.Ready("bus", deps.Bus.Ping)
	return s, nil
}

type service struct {
	cfg      Config
	deps     host.Deps
	prober   *probe.Prober
	repairer *repair.Repairer
	guard    *guard.Guard
	gate     *budget.Connections
	health   *health.Server
}

// provisioning is ProvisionService, put together of those who do its parts.
type provisioning struct {
	*connecting
	*repairing
	*trying
}

type (
	connecting = probe.Service
	repairing  = repair.Service
	trying     = trial.Service
)

// Run serves once the directory is complete: before, everything would seem to
// be missing and could be created over what is there.
func (s *service) Run(ctx context.Context) error {
	if err := s.deps.Directory.Wait(ctx); err != nil {
		return nil //nolint:nilerr // ended before there was anything to serve
	}
	doors, err := s.open(ctx)
	if err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return s.prober.Run(ctx) })
	group.Go(func() error { return s.repairer.Run(ctx) })
	group.Go(func() error { return s.deps.Contacts.Book.Run(ctx) })
	group.Go(func() error { return s.errands(ctx) })
	group.Go(func() error { return s.copies().Run(ctx) })
	group.Go(func() error {
		return bus.Serve(ctx, s.deps.Bus, enrol.Method, (&enrol.Enroller{Guard: s.guard, Committer: s.committer()}).Run)
	})
	if s.cfg.Erase.Requests {
		group.Go(func() error { return s.deps.Bus.Lead(ctx, "deletion-requests", s.clerk().Run) })
	}
	for _, d := range doors {
		group.Go(func() error {
			err := d.server.Serve(d.listener)
			if errors.Is(err, grpc.ErrServerStopped) && ctx.Err() != nil {
				return nil // stopped before it began
			}
			return err
		})
		group.Go(func() error {
			<-ctx.Done()
			s.health.Shutdown()
			force := time.AfterFunc(s.cfg.Grace, d.server.Stop)
			defer force.Stop()
			d.server.GracefulStop()
			return nil
		})
	}
	return group.Wait()
}

// book is what people asked of their data, and what was done.
func (s *service) book() *erasure.Book {
	return &erasure.Book{Bucket: s.deps.Bus.Bucket(subject.PrivacyBucket), Box: s.deps.Secrets}
}

// copies gives out backups, and forgets them.
func (s *service) copies() *copies.Service {
	d := s.deps
	return &copies.Service{Log: d.Bus, Box: d.Secrets, Book: s.book(), Audit: s.guard.Audit, Diary: d.Log, Now: d.Now, FilesApart: files.Apart(d.FileStore()),
		Shelf: backup.Shelf(s.cfg.Backup.Keys), Days: s.cfg.Backup.KeepDays}
}

// clerk orders what people ask through Meta.
func (s *service) clerk() *requests.Clerk {
	d := s.deps
	return &requests.Clerk{Book: s.book(), Log: d.Bus, Now: d.Now,
		Who: s.prober.Customers, Delay: s.cfg.Erase.Delay, Diary: d.Log}
}

// errands does what administrators ask at the desk, until ctx ends.
func (s *service) errands(ctx context.Context) error {
	runner := errand.New(s.guard, s.deps.Directory)
	s.register(runner)
	return bus.Serve(ctx, s.deps.Bus, errand.Method, runner.Run)
}

// door is one way in.
type door struct {
	server   *grpc.Server
	listener net.Listener
}

// open opens all doors or none.
func (s *service) open(ctx context.Context) (doors []door, err error) {
	defer func() {
		if err != nil {
			for _, d := range doors {
				_ = d.listener.Close()
			}
		}
	}()
	l, err := s.listenUnix(ctx)
	if err != nil {
		return nil, err
	}
	doors = append(doors, door{s.server(insecure.NewCredentials()), l})
	if s.cfg.Listen != "" {
		creds, err := s.credentials()
		if err != nil {
			return doors, err
		}
		l, err := s.deps.Listen(ctx, "admin.listen", s.cfg.Listen)
		if err != nil {
			return doors, err
		}
		doors = append(doors, door{s.server(creds), s.gate.Guard(l)})
	}
	return doors, nil
}

// listenUnix opens the socket that only the user of the process can connect to.
func (s *service) listenUnix(ctx context.Context) (net.Listener, error) {
	path := s.cfg.Socket
	switch {
	case path == "":
		path = filepath.Join(s.deps.DataDir, "admin.sock")
	case !strings.Contains(path, "/"):
		path = "./" + path
	}
	l, err := s.deps.Listen(ctx, "admin.socket", path)
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(path, socketMode); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

func (s *service) server(creds credentials.TransportCredentials) *grpc.Server {
	srv := grpc.NewServer(
		grpc.Creds(creds),
		grpc.ChainUnaryInterceptor(s.guard.Unary),
		grpc.ChainStreamInterceptor(s.guard.Stream),
		grpc.MaxRecvMsgSize(maxMessage),
		grpc.MaxConcurrentStreams(maxStreams),
		grpc.ConnectionTimeout(connectTime),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: pingInterval, PermitWithoutStream: true}),
		grpc.KeepaliveParams(keepalive.ServerParameters{MaxConnectionAge: connectionAge, MaxConnectionAgeGrace: connectionRest}),
	)
	s.register(srv)
	grpc_health_v1.RegisterHealthServer(srv, s.health)
	if s.cfg.Reflection {
		reflection.Register(srv)
	}
	for name := range srv.GetServiceInfo() {
		s.health.SetServingStatus(name, grpc_health_v1.HealthCheckResponse_SERVING)
	}
	return srv
}

// committer changes the configuration.
func (s *service) committer() *commit.Committer {
	d := s.deps
	return &commit.Committer{Planner: change.Planner{Box: d.Secrets, Now: d.Now}, Directory: d.Directory,
		Bucket: d.Bus.Bucket(subject.ConfigBucket), History: &history.Ledger{Bucket: d.Bus.Bucket(subject.HistoryBucket)}, Audit: s.guard.Audit}
}

// register puts what the control plane does behind a door.
func (s *service) register(srv grpc.ServiceRegistrar) {
	d := s.deps
	committer := s.committer()
	ledger := committer.History
	adminv1.RegisterConfigServiceServer(srv, &configure.Service{Directory: d.Directory, Replies: d.Bus.Bucket(subject.ReplyBucket), Box: d.Secrets, Committer: committer, Now: d.Now,
		Unsubscribe: s.prober.Unsubscribe, Admit: s.prober.Admit, Signed: s.prober.Signed})
	adminv1.RegisterCrewServiceServer(srv, &crew.Service{Directory: d.Directory, Committer: committer})
	adminv1.RegisterAuditServiceServer(srv, &records.Service{Audit: s.guard.Audit, Box: d.Secrets})
	adminv1.RegisterHistoryServiceServer(srv, &rewind.Service{Directory: d.Directory, Committer: committer, Ledger: ledger, Box: d.Secrets, Unsubscribe: s.prober.Unsubscribe})
	adminv1.RegisterKeyServiceServer(srv, &rekey.Service{Box: d.Secrets, Directory: d.Directory, Committer: committer})
	adminv1.RegisterProvisionServiceServer(srv, provisioning{
		&probe.Service{Prober: s.prober, Committer: committer, WebhookURL: s.cfg.WebhookURL}, &repair.Service{Repairer: s.repairer},
		&trial.Service{Directory: d.Directory, Box: d.Secrets, Log: d.Bus, Now: d.Now, WebhookURL: s.cfg.WebhookURL}})
	privacy := d.Bus.Bucket(subject.PrivacyBucket)
	book, backups := s.book(), s.copies()
	operator := &operate.Service{Clients: s.guard.Clients.Examine, Backups: backups.Examine, Log: d.Bus, Directory: d.Directory, Box: d.Secrets, Book: book, Now: d.Now, Pages: s.prober.Statuses, Call: d.Bus.Call}
	if d.Redis != nil {
		operator.Redis = func(ctx context.Context) (keyspace.Standing, error) { return keyspace.Stand(ctx, d.Redis) }
	}
	adminv1.RegisterOperateServiceServer(srv, operator)
	adminv1.RegisterPrivacyServiceServer(srv, &requests.Service{Bucket: privacy, Book: book, Log: d.Bus,
		Directory: d.Directory, Contacts: contact.Open(d.Bus, d.Now), Now: d.Now, Caller: guard.Caller, Who: s.prober.Customers,
		Takeout: takeout.Writer{Log: d.Bus, Files: d.FileStore(), Uploads: d.Bus.Bucket(subject.UploadBucket), Contacts: contact.Open(d.Bus, d.Now), Now: d.Now}})
	adminv1.RegisterRoutingServiceServer(srv, &explain.Service{Log: d.Bus, Directory: d.Directory, Planner: committer.Planner, Now: d.Now,
		Room: explain.AskForRoom(d.Bus), Contact: d.Contacts.Store.Resolve, Caller: guard.Who, Why: explain.AskWhy(d.Bus)})
	adminv1.RegisterSurveyServiceServer(srv, &surveys.Service{Log: d.Bus})
	adminv1.RegisterVariableServiceServer(srv, &variables.Service{Log: d.Bus, Directory: d.Directory, Caller: guard.Caller})
	adminv1.RegisterScheduleServiceServer(srv, &hours.Service{Directory: d.Directory, Now: d.Now})
	adminv1.RegisterSessionServiceServer(srv, &sessions.Service{Store: s.guard.Sessions, Caller: guard.Session})
	adminv1.RegisterQueueServiceServer(srv, &queues.Service{Directory: d.Directory, Call: d.Bus.Call, Caller: guard.Who})
	adminv1.RegisterClientServiceServer(srv, &clients.Service{Store: s.guard.Clients, World: d.Directory.Now, Caller: guard.Who})
	contactv1grpc.RegisterContactServiceServer(srv, &people.Service{Contacts: d.Contacts, Log: d.Bus, Now: d.Now})
	crmv1grpc.RegisterCrmServiceServer(srv, &told.Service{Log: d.Bus})
	adminv1.RegisterBackupServiceServer(srv, backups)
}

// credentials make the connection TLS 1.3, with certificates on both sides unless
// tokens may come without, or there is none.
func (s *service) credentials() (credentials.TransportCredentials, error) {
	files := s.cfg.TLS
	cert, err := host.OpenCertificate(s.deps, "admin.tls", files.Cert, files.Key)
	if err != nil {
		return nil, err
	}
	config := &tls.Config{MinVersion: tls.VersionTLS13, GetCertificate: cert.Get, ClientAuth: tls.RequireAndVerifyClientCert}
	if s.cfg.Tokens {
		config.ClientAuth = tls.VerifyClientCertIfGiven
	}
	if config.ClientCAs, err = keyfile.Authorities("admin.tls.client_ca", files.ClientCA); config.ClientCAs == nil {
		config.ClientCAs = x509.NewCertPool() // empty it trusts nobody; nil would be the machine's
	}
	return credentials.NewTLS(config), err
}

// newGate bounds the connections, and measures them.
func newGate(limit int, registry prometheus.Registerer) *budget.Connections {
	refused := prometheus.NewCounter(prometheus.CounterOpts{
		Name: "parley_admin_connections_refused_total",
		Help: "Connections closed when they came because as many as may be were open.",
	})
	gate := budget.NewConnections(limit, refused)
	registry.MustRegister(refused, prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "parley_admin_connections",
		Help: "Connections that are open.",
	}, gate.Open))
	return gate
}
