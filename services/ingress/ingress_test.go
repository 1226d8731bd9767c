package ingress_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/parley-desk/parley/pkg/bus"
	"github.com/parley-desk/parley/pkg/bus/bustest"
	"github.com/parley-desk/parley/pkg/directory"
	"github.com/parley-desk/parley/pkg/fault"
	"github.com/parley-desk/parley/pkg/host"
	"github.com/parley-desk/parley/pkg/secret"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
	"github.com/parley-desk/parley/services/ingress"
)

// settings give everything the time that a busy machine takes.
func settings() ingress.Config {
	return ingress.Config{Listen: "127.0.0.1:0", MaxBody: 1 << 20, InFlight: 4 << 20, BrokerWait: time.Minute,
		HeaderTimeout: time.Hour, ReadTimeout: time.Hour, WriteTimeout: time.Hour,
		IdleTimeout: time.Hour, Connections: 64, Grace: time.Minute}
}

// running is an ingress at work, over a log of its own, for the account demo.
type running struct {
	t        *testing.T
	log      *bus.Bus
	registry *prometheus.Registry
	opened   chan string
	addr     string
	ask      context.CancelFunc // to end
	ended    chan error
}

// build makes one that does not run yet.
func build(t *testing.T, cfg ingress.Config) (*running, host.Service) {
	t.Helper()
	r := &running{t: t, log: bustest.Open(t), registry: prometheus.NewRegistry(), opened: make(chan string, 1), ended: make(chan error, 1)}
	box, err := secret.New()
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := box.Seal("channelAccounts/demo#app_secret", "app-secret", 1)
	if err != nil {
		t.Fatal(err)
	}
	service, err := ingress.New(cfg, host.Deps{
		Log: slog.New(slog.DiscardHandler), Bus: r.log, Secrets: box, Registry: r.registry,
		Directory: directory.Fixed(directory.NewSnapshot(&configv1.ChannelAccount{Meta: &configv1.Meta{Id: "demo"}, AppSecret: sealed})),
		Tracer:    noop.NewTracerProvider().Tracer("test"), Health: &host.Health{}, Now: time.Now,
		Listen: func(ctx context.Context, _, addr string) (net.Listener, error) {
			l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", addr)
			if err == nil {
				r.opened <- l.Addr().String()
			}
			return l, err
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return r, service
}

func start(t *testing.T, cfg ingress.Config) *running {
	t.Helper()
	r, service := build(t, cfg)
	ctx, ask := context.WithCancel(t.Context())
	r.ask = ask
	go func() { r.ended <- service.Run(ctx) }()
	t.Cleanup(ask)
	select {
	case r.addr = <-r.opened:
	case err := <-r.ended:
		t.Fatalf("ended at once: %v", err)
	}
	return r
}

// end asks it to end and waits until it has.
func (r *running) end() {
	r.t.Helper()
	r.ask()
	if err := <-r.ended; err != nil {
		r.t.Errorf("ended with %v", err)
	}
}

// sign is the header of a body that Meta sends for the account demo.
func sign(body string) string {
	mac := hmac.New(sha256.New, []byte("app-secret"))
	mac.Write([]byte(body))
	return "sha256=" + hex.EncodeToString(mac.Sum(nil))
}

// post sends a signed body by client and gives the status of the answer.
func (r *running) post(client *http.Client, url, body string) int {
	r.t.Helper()
	req, err := http.NewRequestWithContext(r.t.Context(), http.MethodPost, url+"/webhook/demo", strings.NewReader(body))
	if err != nil {
		r.t.Fatal(err)
	}
	req.Header.Set("X-Hub-Signature-256", sign(body))
	resp, err := client.Do(req)
	if err != nil {
		r.t.Errorf("no answer: %v", err)
		return 0
	}
	_, _ = io.Copy(io.Discard, resp.Body)
	_ = resp.Body.Close()
	return resp.StatusCode
}

// From a socket to the log: what was answered 200 is there, in the order of the
// body, byte for byte.
func TestWebhookReachesTheLog(t *testing.T) {
	r := start(t, settings())
	items := []string{
		`{"sender":{"id":"7"},"recipient":{"id":"1"},"message":{"mid":"m1","text":"\u0417\/<"}}`,
		`{"sender":{"id":"7"},"recipient":{"id":"1"},"read":{"watermark":1760000000000}}`,
		`{"sender":{"id":"7"},"recipient":{"id":"1"}, "hologram" : {} }`,
	}
	body := `{"object":"page","entry":[{"id":"1","time":1760000000000,"messaging":[` + strings.Join(items, ",") + `]}]}`
	if status := r.post(http.DefaultClient, "http://"+r.addr, body); status != http.StatusOK {
		t.Fatalf("answered %d", status)
	}
	var got []string
	all := make(chan struct{})
	reading, stop := context.WithTimeout(t.Context(), time.Minute)
	defer stop()
	go func() {
		_ = r.log.FollowInbound(reading, "test", func(_ context.Context, rec bus.InboundRecord) error {
			if got = append(got, string(rec.Event.GetRaw())); len(got) == len(items) {
				close(all)
			}
			return nil
		})
	}()
	select {
	case <-all:
	case <-reading.Done():
		t.Fatalf("stored: %q", got)
	}
	if !slices.Equal(got, items) {
		t.Errorf("stored: %q", got)
	}
	r.end()
}

func TestSettings(t *testing.T) {
	good := settings()
	if err := good.Validate(); err != nil {
		t.Fatal(err)
	}
	for field, spoil := range map[string]func(*ingress.Config){
		"listen":        func(c *ingress.Config) { c.Listen = "" },
		"max_body":      func(c *ingress.Config) { c.MaxBody = 1000 },
		"in_flight":     func(c *ingress.Config) { c.InFlight = c.MaxBody - 1 },
		"broker_wait":   func(c *ingress.Config) { c.BrokerWait = 0 },
		"read_timeout":  func(c *ingress.Config) { c.ReadTimeout = 0 },
		"write_timeout": func(c *ingress.Config) { c.WriteTimeout = c.BrokerWait },
		"grace":         func(c *ingress.Config) { c.Grace = 0 },
		"connections":   func(c *ingress.Config) { c.Connections = 0 },
		"tls.key":       func(c *ingress.Config) { c.TLS.Cert = "tls.crt" },
		"tls.cert":      func(c *ingress.Config) { c.TLS.Key = "tls.key" },
	} {
		c := settings()
		spoil(&c)
		var bad *fault.Error
		if err := c.Validate(); !errors.As(err, &bad) || bad.Kind != fault.Invalid || len(bad.Violations) != 1 || bad.Violations[0].Field != field {
			t.Errorf("%s: %v", field, err)
		}
	}
}
