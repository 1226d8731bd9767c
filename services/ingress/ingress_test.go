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

func settings() ingress.Config {
	return ingress.Config{Listen: "127.0.0.1:0", MaxBody: 1 << 20, InFlight: 4 << 20, BrokerWait: 5 * time.Second,
		HeaderTimeout: 3 * time.Second, ReadTimeout: 15 * time.Second, WriteTimeout: 20 * time.Second,
		IdleTimeout: time.Minute, Grace: 5 * time.Second}
}

// From a socket to the log: what was answered 200 is there, in the order of the
// body, byte for byte.
func TestWebhookReachesTheLog(t *testing.T) {
	log := bustest.Open(t)
	box, err := secret.New()
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := box.Seal("channelAccounts/demo#app_secret", "app-secret", 1)
	if err != nil {
		t.Fatal(err)
	}
	opened := make(chan net.Listener, 1)
	service, err := ingress.New(settings(), host.Deps{
		Log: slog.New(slog.DiscardHandler), Bus: log, Secrets: box, Registry: prometheus.NewRegistry(),
		Directory: directory.Fixed(directory.NewSnapshot(&configv1.ChannelAccount{Meta: &configv1.Meta{Id: "demo"}, AppSecret: sealed})),
		Tracer:    noop.NewTracerProvider().Tracer("test"), Health: &host.Health{}, Now: time.Now,
		Listen: func(ctx context.Context, _, addr string) (net.Listener, error) {
			l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", addr)
			if err == nil {
				opened <- l
			}
			return l, err
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- service.Run(ctx) }()
	l := <-opened

	items := []string{
		`{"sender":{"id":"7"},"recipient":{"id":"1"},"message":{"mid":"m1","text":"\u0417\/<"}}`,
		`{"sender":{"id":"7"},"recipient":{"id":"1"},"read":{"watermark":1760000000000}}`,
		`{"sender":{"id":"7"},"recipient":{"id":"1"}, "hologram" : {} }`,
	}
	body := `{"object":"page","entry":[{"id":"1","time":1760000000000,"messaging":[` + strings.Join(items, ",") + `]}]}`
	mac := hmac.New(sha256.New, []byte("app-secret"))
	mac.Write([]byte(body))
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+l.Addr().String()+"/webhook/demo", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-Hub-Signature-256", "sha256="+hex.EncodeToString(mac.Sum(nil)))
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, resp.Body)
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("answered %d", resp.StatusCode)
	}
	var got []string
	all := make(chan struct{})
	reading, stop := context.WithTimeout(ctx, 20*time.Second)
	defer stop()
	go func() {
		_ = log.FollowInbound(reading, "test", func(_ context.Context, r bus.InboundRecord) error {
			if got = append(got, string(r.Event.GetRaw())); len(got) == len(items) {
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
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("ended with %v", err)
	}
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
	} {
		c := settings()
		spoil(&c)
		var bad *fault.Error
		if err := c.Validate(); !errors.As(err, &bad) || bad.Kind != fault.Invalid || len(bad.Violations) != 1 || bad.Violations[0].Field != field {
			t.Errorf("%s: %v", field, err)
		}
	}
}
