// Package sandbox stands in for Meta: a Graph API, a sender of webhooks, and a
// customer's telephone in the browser. It is for development, demonstrations
// and tests; it speaks HTTP only and shares nothing with the other services.
//
// Everything it does goes to a journal first, so a test can compare what
// customers and agents wrote with what the house made of it. See README.md.
package sandbox

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"github.com/parley-desk/parley/pkg/budget"
	"github.com/parley-desk/parley/pkg/fault"
	"github.com/parley-desk/parley/pkg/host"
	"github.com/parley-desk/parley/services/sandbox/internal/clerk"
	"github.com/parley-desk/parley/services/sandbox/internal/courier"
	"github.com/parley-desk/parley/services/sandbox/internal/graphapi"
	"github.com/parley-desk/parley/services/sandbox/internal/journal"
	"github.com/parley-desk/parley/services/sandbox/internal/phone"
	"github.com/parley-desk/parley/services/sandbox/internal/script"
	"github.com/parley-desk/parley/services/sandbox/internal/world"
)

// Record is one line of the journal; Send, Post and Event are parts of it.
type (
	Record = journal.Record
	Send   = journal.Send
	Post   = journal.Post
	Event  = journal.Event
	Thread = journal.Thread
	// EventID names a webhook event; its Seq is that of its record.
	EventID = journal.EventID
)

// The kinds of records that a reader of the journal needs.
const (
	CustomerWrote    = journal.CustomerWrote
	SendReceived     = journal.SendReceived
	WebhookSent      = journal.WebhookSent
	PageUnsubscribed = journal.PageUnsubscribed
)

// EventIDOf names the event at index of the record seq.
func EventIDOf(seq uint64, index int) EventID { return journal.ID(seq, index) }

// Message is what a customer writes through the API of the sandbox.
type Message = phone.Wrote

// ReadJournal yields the records of a journal, as GET /sandbox/journal gives
// them, in order. It ends after the first error.
func ReadJournal(r io.Reader) iter.Seq2[Record, error] { return journal.Read(r) }

// Config is the app and the pages as Meta would know them. The defaults are the
// sample world.
type Config struct {
	Listen        string        `koanf:"listen" default:"127.0.0.1:8082" help:"Address of the Graph API and the phone page."`
	DataDir       string        `koanf:"data_dir" default:".data/sandbox" help:"Folder of the journal."`
	PublicURL     string        `koanf:"public_url" default:"" help:"Where others reach the sandbox; http:// and the listen address when empty."`
	AppID         string        `koanf:"app_id" default:"424242424242424" help:"App id, digits."`
	AppSecret     string        `koanf:"app_secret" default:"demo-app-secret-0123456789abcdef" help:"App secret; signs webhooks."`
	BotSecret     string        `koanf:"bot_secret" default:"demo-bot-secret-0123456789" help:"What the bot at /bot is asked with; empty: there is none."`
	VerifyToken   string        `koanf:"verify_token" default:"demo-verify-token" help:"Verify token of the callback."`
	Callback      string        `koanf:"callback" default:"http://127.0.0.1:8081/webhook/demo" help:"Where webhooks are sent to."`
	Pages         []string      `koanf:"pages" default:"1020304050607080:demo-page-token-shop:Магазин Витоша" help:"Pages, each id:token:name."`
	Templates     []string      `koanf:"templates" default:"order_update:bg:Поръчка {{1}} е {{2}}. Благодарим Ви!,order_update:en:Order {{1}} is {{2}}. Thank you!" help:"Utility templates that all pages have approved, each name:language:body."`
	Subscribed    bool          `koanf:"subscribed" default:"true" help:"Pages begin subscribed to every field."`
	RequireProof  bool          `koanf:"require_proof" default:"true" help:"Calls need appsecret_proof."`
	HumanAgent    bool          `koanf:"human_agent" default:"true" help:"The app has the Human Agent feature."`
	DefaultApp    bool          `koanf:"default_app" default:"true" help:"The app is the default one of its pages, so it may take threads that other apps have."`
	Live          bool          `koanf:"live" default:"true" help:"The app is published and approved for pages_messaging; else only people with a role in it can write."`
	ProfileExtras bool          `koanf:"profile_extras" default:"true" help:"The app may read locale and timezone."`
	EchoDelay     time.Duration `koanf:"echo_delay" default:"120ms" help:"From a delivered message to its echo."`
	ReceiptDelay  time.Duration `koanf:"receipt_delay" default:"400ms" help:"From the echo to the delivery receipt."`
	Batch         int           `koanf:"batch" default:"20" help:"Most events in one webhook POST."`
	Parallel      int           `koanf:"parallel" default:"8" help:"Most webhook POSTs at a time."`
	RetryMax      time.Duration `koanf:"retry_max" default:"15s" help:"Longest wait between two attempts of a webhook."`
	GiveUp        time.Duration `koanf:"give_up" default:"1h" help:"A callback that fails so long unsubscribes the page; 0 is never."`
}

// answerWithin is how long Meta waits for the answer to a webhook.
const answerWithin = 5 * time.Second

// Validate says what is wrong with the settings.
func (c *Config) Validate() error {
	var bad []fault.Violation
	add := func(field, why string) { bad = append(bad, fault.Violation{Field: field, Description: why}) }
	if c.AppID == "" || strings.Trim(c.AppID, "0123456789") != "" {
		add("app_id", "must be digits")
	}
	if c.AppSecret == "" {
		add("app_secret", "must not be empty: webhooks are signed with it")
	}
	if c.Batch < 1 || c.Batch > 1000 {
		add("batch", "must be 1 to 1000")
	}
	if c.Parallel < 1 {
		add("parallel", "must be at least 1")
	}
	if _, err := c.pages(); err != nil {
		add("pages", err.Error())
	}
	if _, err := c.templates(); err != nil {
		add("templates", err.Error())
	}
	if len(bad) == 0 {
		return nil
	}
	e := fault.New(fault.Invalid, "BAD_SETTINGS", "settings of the sandbox are wrong")
	e.Violations = bad
	return e
}

func (c *Config) pages() ([]world.Page, error) {
	var out []world.Page
	for _, line := range c.Pages {
		parts := strings.SplitN(line, ":", 3)
		if len(parts) != 3 || parts[0] == "" || strings.Trim(parts[0], "0123456789") != "" || parts[1] == "" {
			return nil, fmt.Errorf("%q must be id:token:name", line)
		}
		out = append(out, world.Page{ID: parts[0], Token: parts[1], Name: parts[2]})
	}
	return out, nil
}

func (c *Config) templates() ([]graphapi.Template, error) {
	var out []graphapi.Template
	for _, line := range c.Templates {
		parts := strings.SplitN(line, ":", 3)
		if len(parts) != 3 || parts[0] == "" || parts[1] == "" || parts[2] == "" {
			return nil, fmt.Errorf("%q must be name:language:body", line)
		}
		out = append(out, graphapi.Template{Name: parts[0], Language: parts[1], Body: parts[2]})
	}
	return out, nil
}

// Service is the sandbox as a service of a process.
type Service struct {
	cfg       Config
	deps      host.Deps
	pages     []world.Page
	templates []graphapi.Template
}

// New checks the settings; it opens nothing.
func New(cfg Config, deps host.Deps) (host.Service, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	pages, err := cfg.pages()
	if err != nil {
		return nil, err
	}
	templates, err := cfg.templates()
	if err != nil {
		return nil, err
	}
	return &Service{cfg: cfg, deps: deps, pages: pages, templates: templates}, nil
}

// Run opens the journal, listens and blocks until ctx ends.
func (s *Service) Run(ctx context.Context) (err error) {
	w, err := world.Open(s.cfg.DataDir, s.pages, s.deps.Now)
	if err != nil {
		return fault.Wrap(err, "open the sandbox's world")
	}
	defer func() { err = errors.Join(err, w.Close()) }()
	if err := s.subscribe(w); err != nil {
		return fault.Wrap(err, "subscribe pages")
	}
	listener, err := s.deps.Listen(ctx, "sandbox.listen", s.cfg.Listen)
	if err != nil {
		return fault.Wrap(err, "listen for the sandbox")
	}
	handler, err := s.handler(w, cmp.Or(s.cfg.PublicURL, "http://"+listener.Addr().String()))
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	carrier := courier.New(courier.Settings{Callback: s.cfg.Callback, Secret: s.cfg.AppSecret, Batch: s.cfg.Batch,
		Parallel: s.cfg.Parallel, Answer: answerWithin, RetryMax: s.cfg.RetryMax, GiveUp: s.cfg.GiveUp}, w, s.deps.Log)
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return carrier.Run(ctx) })
	group.Go(func() error {
		return host.ServeHTTP(ctx, s.server(ctx, handler), s.gate().Guard(listener), time.Second)
	})
	return group.Wait()
}

// What the listener takes at most: it plays Meta, and everybody on the way to it
// otherwise is somebody who tries something out (P13).
const (
	connections = 4096
	header      = 16 << 10
	slack       = 4 << 10 // more than it is told net/http takes
	headerTime  = 3 * time.Second
	bodyTime    = 30 * time.Second // an album's file is long
	idleTime    = time.Minute
)

// server serves until ctx ends, and its live streams with it.
func (s *Service) server(ctx context.Context, handler http.Handler) *http.Server {
	return &http.Server{Handler: handler, ReadHeaderTimeout: headerTime, ReadTimeout: bodyTime, IdleTimeout: idleTime, MaxHeaderBytes: header - slack,
		BaseContext: func(net.Listener) context.Context { return ctx }}
}

// gate bounds the connections.
func (s *Service) gate() *budget.Connections {
	refused := prometheus.NewCounter(prometheus.CounterOpts{
		Name: "parley_sandbox_connections_refused_total",
		Help: "Connections closed when they came because as many as may be were open.",
	})
	s.deps.Registry.MustRegister(refused)
	return budget.NewConnections(connections, refused)
}

// subscribe subscribes the pages that the journal has never heard of.
func (s *Service) subscribe(w *world.World) error {
	if !s.cfg.Subscribed {
		return nil
	}
	return w.Commit(func(st *world.State, _ time.Time) ([]journal.Record, error) {
		var out []journal.Record
		for _, p := range s.pages {
			if _, known := st.Subscribed[p.ID]; !known {
				out = append(out, journal.Record{Kind: journal.PageSubscribed, Page: p.ID, Fields: world.Fields()})
			}
		}
		return out, nil
	})
}

// handler puts the Graph API and the phone page together; url is where others
// reach them.
func (s *Service) handler(w *world.World, url string) (http.Handler, error) {
	var rules []byte
	w.View(func(st *world.State) { rules = st.Rules })
	played, err := script.Parse(rules)
	if err != nil {
		return nil, fault.Wrap(err, "read the script of the journal")
	}
	albums := phone.Albums{Dir: filepath.Join(s.cfg.DataDir, "media"), Media: url + "/media", Now: w.Now}
	graph := graphapi.New(graphapi.Settings{AppID: s.cfg.AppID, AppSecret: s.cfg.AppSecret,
		RequireProof: s.cfg.RequireProof, Live: s.cfg.Live, HumanAgent: s.cfg.HumanAgent, DefaultApp: s.cfg.DefaultApp, ProfileExtras: s.cfg.ProfileExtras, Templates: s.templates,
		EchoDelay: s.cfg.EchoDelay, ReceiptDelay: s.cfg.ReceiptDelay, Media: albums.Media, Keep: albums.Keep}, w, played)
	verify := func(ctx context.Context, token string) error {
		return courier.Verify(ctx, s.cfg.Callback, cmp.Or(token, s.cfg.VerifyToken))
	}
	pages, err := phone.New(w, s.cfg.AppID, albums, graph.Play, verify).Handler()
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.Handle("/graph/", http.StripPrefix("/graph", graph))
	if s.cfg.BotSecret != "" {
		mux.Handle("/bot", clerk.Handler(s.cfg.BotSecret, s.deps.Now))
	}
	mux.Handle("/", pages)
	return mux, nil
}
