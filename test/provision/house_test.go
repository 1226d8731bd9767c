package provision_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/parley-desk/parley/pkg/bus"
	"github.com/parley-desk/parley/pkg/bus/bustest"
	"github.com/parley-desk/parley/pkg/host"
	adminv1 "github.com/parley-desk/parley/proto/gen/parley/admin/v1"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
	"github.com/parley-desk/parley/services/admin"
	"github.com/parley-desk/parley/services/admin/admintest"
	"github.com/parley-desk/parley/services/ingress"
	"github.com/parley-desk/parley/services/sandbox"
)

const (
	pageID    = "1020304050607080"
	token     = "page-token-of-the-shop"
	appID     = "424242424242424"
	appSecret = "app-secret-0123456789abcdef"
	verify    = "verify-token-0123456789"
	patience  = time.Minute
)

// house is admin and ingress on one log, facing a sandbox.
type house struct {
	t        *testing.T
	meta     string // address of the sandbox
	hook     string // callback URL of the account demo
	config   adminv1.ConfigServiceClient
	pages    adminv1.ProvisionServiceClient
	registry *prometheus.Registry
	hooks    *prometheus.Registry // of ingress
	bus      *bus.Bus
	admin    *admintest.Server
	account  *configv1.ChannelAccount
	page     *configv1.Page
}

// open starts everything: a page that is set up here, and not yet at Meta.
func open(t *testing.T, adjust func(*sandbox.Config)) *house {
	t.Helper()
	return openAt(t, func(string) string { return "https://hooks.example.com" }, adjust)
}

// openAt is open with another admin.webhook_url, made from the address of
// ingress.
func openAt(t *testing.T, webhookURL func(hook string) string, adjust func(*sandbox.Config)) *house {
	t.Helper()
	hook, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	cfg := sandbox.Config{Listen: "127.0.0.1:0", DataDir: t.TempDir(), AppID: appID, AppSecret: appSecret, VerifyToken: verify,
		Callback: "http://" + hook.Addr().String() + "/webhook/demo", Pages: []string{pageID + ":" + token + ":Shop"},
		RequireProof: true, HumanAgent: true, Live: true, ProfileExtras: true, Batch: 20, Parallel: 4, RetryMax: 20 * time.Millisecond}
	adjust(&cfg)
	meta, err := net.Listen("tcp", cfg.Listen)
	if err != nil {
		t.Fatal(err)
	}
	h := &house{t: t, meta: "http://" + meta.Addr().String(), hook: cfg.Callback}
	world, err := sandbox.New(cfg, host.Deps{Log: slog.New(slog.DiscardHandler), Registry: prometheus.NewRegistry(), Now: time.Now, Listen: given(meta)})
	run(t, world, err)

	s := admintest.StartFacing(t, bustest.Open(t), admin.Config{WebhookURL: webhookURL("http://" + hook.Addr().String())}, h.meta+"/graph")
	h.admin = s
	h.config, h.pages, h.registry = adminv1.NewConfigServiceClient(s.Dial(t)), adminv1.NewProvisionServiceClient(s.Dial(t)), s.Registry
	h.hooks, h.bus = prometheus.NewRegistry(), s.Bus
	door, err := ingress.New(ingress.Config{Listen: "127.0.0.1:0", MaxBody: 1 << 20, InFlight: 4 << 20, BrokerWait: time.Minute,
		HeaderTimeout: time.Minute, ReadTimeout: time.Minute, WriteTimeout: time.Hour, IdleTimeout: time.Hour, Connections: 64, Grace: 5 * time.Second},
		host.Deps{Log: slog.New(slog.DiscardHandler), Bus: s.Bus, Secrets: s.Secrets, Directory: s.Directory, Registry: h.hooks,
			Tracer: noop.NewTracerProvider().Tracer(""), Health: &host.Health{}, Now: time.Now, Listen: given(hook)})
	run(t, door, err)
	h.setUp()
	return h
}

// given opens the listener that is open already.
func given(l net.Listener) func(context.Context, string, string) (net.Listener, error) {
	return func(context.Context, string, string) (net.Listener, error) { return l, nil }
}

func run(t *testing.T, s host.Service, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		if err := s.Run(ctx); err != nil {
			t.Errorf("a service ended with %v", err)
		}
	})
	t.Cleanup(func() { cancel(); running.Wait() })
}

func value(v string) *configv1.Secret { return &configv1.Secret{Value: v} }
func meta(id string) *configv1.Meta   { return &configv1.Meta{Id: id} }

func (h *house) setUp() {
	h.t.Helper()
	h.account = &configv1.ChannelAccount{Meta: meta("demo"), AppId: appID, AppSecret: value(appSecret), VerifyToken: value(verify), GraphVersion: "v26.0"}
	h.page = &configv1.Page{Meta: meta("shop"), PageId: pageID, Account: "demo", Workstream: "facebook", AccessToken: value(token)}
	_, err := h.config.Apply(h.t.Context(), &adminv1.ApplyRequest{Resources: []*adminv1.Resource{
		{Kind: &adminv1.Resource_ChannelAccount{ChannelAccount: h.account}}, {Kind: &adminv1.Resource_Page{Page: h.page}},
		{Kind: &adminv1.Resource_Workstream{Workstream: &configv1.Workstream{Meta: meta("facebook"), Queue: "front", Units: 1, OfferSeconds: 60, MessageTag: true}}},
		{Kind: &adminv1.Resource_Queue{Queue: &configv1.Queue{Meta: meta("front")}}},
	}})
	if err != nil {
		h.t.Fatal(err)
	}
}

func (h *house) secret(v string) {
	h.t.Helper()
	h.account.AppSecret = value(v)
	if _, err := h.config.UpdateChannelAccount(h.t.Context(), &adminv1.UpdateChannelAccountRequest{ChannelAccount: h.account}); err != nil {
		h.t.Fatal(err)
	}
}

// token puts a token in force that is good at Meta: any other is refused.
func (h *house) token(v string) {
	h.t.Helper()
	h.describe(map[string]any{"value": v, "page": pageID})
	h.page.AccessToken = value(v)
	if _, err := h.config.UpdatePage(h.t.Context(), &adminv1.UpdatePageRequest{Page: h.page}); err != nil {
		h.t.Fatal(err)
	}
}

// detach takes the page out of its workstream.
func (h *house) detach() {
	h.t.Helper()
	h.page.Workstream = ""
	if _, err := h.config.UpdatePage(h.t.Context(), &adminv1.UpdatePageRequest{Page: h.page}); err != nil {
		h.t.Fatal(err)
	}
}

// at asks the sandbox for something and expects that it is done.
func (h *house) at(method, path string, body any) {
	h.t.Helper()
	raw, err := json.Marshal(body)
	if err != nil {
		h.t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(h.t.Context(), method, h.meta+path, bytes.NewReader(raw))
	if err != nil {
		h.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		h.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if said, _ := io.ReadAll(resp.Body); resp.StatusCode != http.StatusOK {
		h.t.Fatalf("%s %s: %d %s", method, path, resp.StatusCode, said)
	}
}

// describe makes a token at Meta what it says.
func (h *house) describe(token map[string]any) { h.t.Helper(); h.at("POST", "/sandbox/token", token) }

// writes lets a customer write to the page.
func (h *house) writes(text string) {
	h.t.Helper()
	h.at("POST", "/sandbox/customers/"+pageID+"/24681357924681357/messages", map[string]string{"text": text, "name": "Иван Петров"})
}

// becomes waits until the page is in that state, and gives how it stands then.
func (h *house) becomes(want adminv1.PageState) *adminv1.PageStatus {
	h.t.Helper()
	late, tick := time.NewTimer(patience), time.NewTicker(10*time.Millisecond)
	defer late.Stop()
	defer tick.Stop()
	for {
		got, err := h.pages.GetPageStatus(h.t.Context(), &adminv1.GetPageStatusRequest{Page: "shop"})
		if err == nil && got.GetState() == want {
			return got
		}
		select {
		case <-tick.C:
		case <-late.C:
			h.t.Fatalf("the page did not become %v: %v, %v", want, got, err)
		}
	}
}

// verified asks Meta now.
func (h *house) verified(want adminv1.PageState) *adminv1.PageStatus {
	h.t.Helper()
	got, err := h.pages.VerifyPage(h.t.Context(), &adminv1.VerifyPageRequest{Page: "shop"})
	if err != nil || got.GetState() != want {
		h.t.Fatalf("the page is %v, want %v: %v, %v", got.GetState(), want, got.GetChecks(), err)
	}
	return got
}

// check finds a check of a page that stands so.
func (h *house) check(s *adminv1.PageStatus, name string, want adminv1.Verdict) *adminv1.PageCheck {
	h.t.Helper()
	for _, c := range s.GetChecks() {
		if c.GetName() == name {
			if c.GetVerdict() != want {
				h.t.Errorf("%s is %v, want %v: %s", name, c.GetVerdict(), want, c.GetFound())
			}
			return c
		}
	}
	h.t.Fatalf("there is no check %s", name)
	return nil
}
