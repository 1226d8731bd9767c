// Package ingress takes Meta's webhooks: it checks the signature, splits the
// body, stores every event, and then answers 200.
package ingress

import (
	"context"
	"crypto/tls"
	"log/slog"
	"net/http"
	"net/url"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"github.com/parley-desk/parley/pkg/budget"
	"github.com/parley-desk/parley/pkg/fault"
	"github.com/parley-desk/parley/pkg/host"
	link "github.com/parley-desk/parley/pkg/survey"
	"github.com/parley-desk/parley/proto/subject"
	"github.com/parley-desk/parley/services/ingress/internal/ledger"
	"github.com/parley-desk/parley/services/ingress/internal/notice"
	"github.com/parley-desk/parley/services/ingress/internal/receive"
	"github.com/parley-desk/parley/services/ingress/internal/survey"
)

// Config are the settings of ingress.
type Config struct {
	Listen        string        `koanf:"listen" default:"127.0.0.1:8081" help:"Address of the webhook."`
	PublicURL     string        `koanf:"public_url" default:"" help:"Address under which people reach ingress, such as https://hooks.example.com: where they see how far a request to delete their data is; set engagement.public_url to the same for surveys. Empty for the one that Meta called."`
	MaxBody       int           `koanf:"max_body" default:"8388608" help:"Bytes of one webhook body; longer ones get 413."`
	InFlight      int           `koanf:"in_flight" default:"268435456" help:"Bytes of all bodies in work at once; beyond them requests get 503."`
	BrokerWait    time.Duration `koanf:"broker_wait" default:"8s" help:"How long a webhook waits for the broker before it gets 503."`
	HeaderTimeout time.Duration `koanf:"header_timeout" default:"3s" help:"How long the headers of a request may take."`
	ReadTimeout   time.Duration `koanf:"read_timeout" default:"15s" help:"How long a whole request may take to arrive."`
	WriteTimeout  time.Duration `koanf:"write_timeout" default:"20s" help:"How long a request may take from its headers to the end of its answer."`
	IdleTimeout   time.Duration `koanf:"idle_timeout" default:"60s" help:"How long an idle connection stays open."`
	Connections   int           `koanf:"connections" default:"4096" help:"Connections open at once; one too many is closed when it comes."`
	TLS           TLS           `koanf:"tls"`
	Grace         time.Duration `koanf:"grace" default:"15s" help:"How long requests in work may take at the end of the process."`
}

// TLS are the files that webhooks are encrypted with, in PEM.
type TLS struct {
	Cert string `koanf:"cert" default:"" help:"Certificate of the webhook, a file; read again when it is replaced. Empty for plain HTTP, behind a proxy that ends TLS."`
	Key  string `koanf:"key" default:"" help:"Key of that certificate, a file; read again when it is replaced."`
}

const (
	// maxHeader is how many bytes the headers of a request may take.
	maxHeader = 16 << 10
	// slack is how many more than it is told net/http takes.
	slack = 4 << 10
	// maxStreams is how many requests one connection may make at a time.
	maxStreams = 100
)

// Validate checks that the settings can work together.
func (c *Config) Validate() error {
	var wrong []fault.Violation
	check := func(ok bool, field, description string) {
		if !ok {
			wrong = append(wrong, fault.Violation{Field: field, Description: description})
		}
	}
	check(c.Listen != "", "listen", "must be an address, such as 127.0.0.1:8081")
	public, err := url.Parse(c.PublicURL)
	check(err == nil && (c.PublicURL == "" || public.Host != "" && (public.Scheme == "https" || public.Scheme == "http")), "public_url", "must be an address such as https://hooks.example.com")
	check(c.MaxBody >= 64<<10, "max_body", "must be at least 65536 bytes, or Meta's batches are refused for ever")
	check(c.InFlight >= c.MaxBody, "in_flight", "must be at least max_body, or no long body ever gets in")
	check(c.BrokerWait > 0, "broker_wait", "must be longer than nothing")
	check(c.HeaderTimeout > 0 && c.ReadTimeout > 0 && c.IdleTimeout > 0, "read_timeout", "this and header_timeout and idle_timeout must be longer than nothing")
	check(c.WriteTimeout > c.BrokerWait, "write_timeout", "must be longer than broker_wait, or the answer cannot be given")
	check(c.Connections > 0, "connections", "must be at least 1, or nobody gets in")
	check(c.TLS.Key != "" || c.TLS.Cert == "", "tls.key", "is needed for tls.cert")
	check(c.TLS.Cert != "" || c.TLS.Key == "", "tls.cert", "is needed for tls.key")
	check(c.Grace > 0, "grace", "must be longer than nothing")
	if len(wrong) == 0 {
		return nil
	}
	f := fault.New(fault.Invalid, "INGRESS_SETTINGS", "the settings of ingress cannot work")
	f.Violations = wrong
	return f
}

// New builds the service. It opens nothing before Run.
func New(cfg Config, deps host.Deps) (host.Service, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	book := notice.New(deps.Bus.Bucket(subject.ProvisionBucket), deps.Directory.Now, deps.Now, deps.Log)
	requests := ledger.New(deps.Bus.Bucket(subject.PrivacyBucket))
	handler, err := receive.New(
		receive.Limits{Body: int64(cfg.MaxBody), Flight: int64(cfg.InFlight), Broker: cfg.BrokerWait, PublicURL: cfg.PublicURL},
		receive.World{Snapshot: deps.Directory.Now, Reveal: deps.Secrets.Reveal, Publish: deps.Bus.PublishInbound,
			Verified: book.Verified, Heard: book.Heard, Signed: book.Signed, Deauthorized: book.Deauthorized, Keep: requests.Keep, Find: requests.Find,
			Now: deps.Now, Log: deps.Log, Registry: deps.Registry, Tracer: deps.Tracer})
	if err != nil {
		return nil, err
	}
	pages, err := (&survey.Handler{Threads: deps.Bus, Snapshot: deps.Directory.Now, Now: deps.Now, Wait: cfg.BrokerWait, Log: deps.Log,
		Open: func(token string) (link.Link, error) { return link.Open(deps.Secrets, token) }}).Serve(deps.Registry)
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.Handle("/", handler)
	mux.Handle("/survey/", pages)
	deps.Health.Ready("bus", deps.Bus.Ping)
	return &service{cfg: cfg, deps: deps, handler: mux, gate: newGate(cfg.Connections, deps.Registry), book: book}, nil
}

type service struct {
	cfg     Config
	deps    host.Deps
	handler http.Handler
	gate    *budget.Connections
	book    *notice.Book
}

// Run listens once the directory is complete: before, every account would be
// unknown and Meta would be told so.
func (s *service) Run(ctx context.Context) error {
	if err := s.deps.Directory.Wait(ctx); err != nil {
		return nil
	}
	srv, err := s.server()
	if err != nil {
		return err
	}
	l, err := s.deps.Listen(ctx, "ingress.listen", s.cfg.Listen)
	if err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	noticing, last := context.WithCancel(context.WithoutCancel(ctx))
	group.Go(func() error { return s.book.Run(noticing) })
	group.Go(func() error { return s.book.Pulse(noticing) })
	group.Go(func() error {
		defer last() // when no request is in work any more
		return host.ServeHTTP(ctx, srv, s.gate.Guard(l), s.cfg.Grace)
	})
	return group.Wait()
}

func (s *service) server() (*http.Server, error) {
	srv := &http.Server{
		Handler:           s.handler,
		ReadHeaderTimeout: s.cfg.HeaderTimeout,
		ReadTimeout:       s.cfg.ReadTimeout,
		WriteTimeout:      s.cfg.WriteTimeout,
		IdleTimeout:       s.cfg.IdleTimeout,
		MaxHeaderBytes:    maxHeader - slack,
		HTTP2:             &http.HTTP2Config{MaxConcurrentStreams: maxStreams},
		ErrorLog:          slog.NewLogLogger(s.deps.Log.Handler(), slog.LevelDebug),
	}
	if s.cfg.TLS.Cert == "" {
		return srv, nil
	}
	cert, err := host.OpenCertificate(s.deps, "ingress.tls", s.cfg.TLS.Cert, s.cfg.TLS.Key)
	if err != nil {
		return nil, err
	}
	srv.TLSConfig = &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: cert.Get}
	return srv, nil
}

// newGate bounds the connections, and measures them.
func newGate(limit int, registry prometheus.Registerer) *budget.Connections {
	refused := prometheus.NewCounter(prometheus.CounterOpts{
		Name: "parley_ingress_connections_refused_total",
		Help: "Connections closed when they came because as many as may be were open.",
	})
	gate := budget.NewConnections(limit, refused)
	registry.MustRegister(refused, prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "parley_ingress_connections",
		Help: "Connections that are open.",
	}, gate.Open))
	return gate
}
