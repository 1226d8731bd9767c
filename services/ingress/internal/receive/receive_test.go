package receive_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/parley-desk/parley/pkg/directory"
	"github.com/parley-desk/parley/pkg/fault"
	"github.com/parley-desk/parley/pkg/secret"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
	inboundv1 "github.com/parley-desk/parley/proto/gen/parley/inbound/v1"
	privacyv1 "github.com/parley-desk/parley/proto/gen/parley/privacy/v1"
	"github.com/parley-desk/parley/services/ingress/internal/receive"
)

const body = `{"object":"page","entry":[{"id":"1","messaging":[{"sender":{"id":"7"},"recipient":{"id":"1"},"message":{"mid":"m"}}]}]}`

// broker stands in for the log. While away is set it stores nothing.
type broker struct {
	mu     sync.Mutex
	stored []*inboundv1.Event
	asked  []*privacyv1.Request
	away   func(context.Context) error
}

func (b *broker) publish(ctx context.Context, events []*inboundv1.Event) error {
	if b.away != nil {
		return b.away(ctx)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.stored = append(b.stored, events...)
	return nil
}

// world is a handler over sealed secrets, and what is around it.
type world struct {
	*httptest.Server
	broker   broker
	registry *prometheus.Registry
	log      bytes.Buffer
	box      *secret.Box
	snapshot *directory.Snapshot
	reveals  int
	notes    notes
}

// notes are what the handler noticed.
type notes struct {
	mu       sync.Mutex
	verified []string
	signed   []string
	events   int
}

func (n *notes) sign(s string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.signed = append(n.signed, s)
}

func (n *notes) see(verified []string, events int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.verified, n.events = append(n.verified, verified...), n.events+events
}

func start(t testing.TB, limits receive.Limits) *world {
	t.Helper()
	box, err := secret.New()
	if err != nil {
		t.Fatal(err)
	}
	w := &world{registry: prometheus.NewRegistry(), box: box}
	w.snapshot = directory.NewSnapshot(
		w.account(t, "demo", "new-secret", "old-secret", "token"),
		w.account(t, "bare", "", "", ""),
	)
	damaged := w.account(t, "demo", "x", "", "")
	damaged.Meta.Id = "damaged" // its secret was sealed for another place
	w.snapshot.Accounts["damaged"] = damaged
	handler, err := receive.New(limits, receive.World{
		Snapshot: func() *directory.Snapshot { return w.snapshot },
		Reveal: func(place string, s *configv1.Secret) (secret.Text, error) {
			w.reveals++
			return box.Reveal(place, s)
		},
		Verified: func(account, fingerprint string) { w.notes.see([]string{account + " " + fingerprint}, 0) },
		Heard:    func(events []*inboundv1.Event) { w.notes.see(nil, len(events)) },
		Keep:     w.broker.keep, Find: w.broker.find, Deauthorized: func(account string) { w.notes.see([]string{account + " deauthorized"}, 0) },
		Signed: func(account, fingerprint string, previous bool) {
			w.notes.sign(fmt.Sprint(account, " ", fingerprint, " ", previous))
		},
		Publish: w.broker.publish, Now: time.Now, Registry: w.registry,
		Log: slog.New(slog.NewTextHandler(&w.log, nil)), Tracer: marked{},
	})
	if err != nil {
		t.Fatal(err)
	}
	w.Server = httptest.NewServer(handler)
	t.Cleanup(w.Close)
	return w
}

func (w *world) account(t testing.TB, id, current, previous, verify string) *configv1.ChannelAccount {
	t.Helper()
	seal := func(name, value string) *configv1.Secret {
		if value == "" {
			return nil
		}
		s, err := w.box.Seal("channelAccounts/"+id+"#"+name, value, 1)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	return &configv1.ChannelAccount{Meta: &configv1.Meta{Id: id}, AppSecret: seal("app_secret", current),
		PreviousSecret: seal("previous_secret", previous), VerifyToken: seal("verify_token", verify)}
}

func sign(key, body string) string {
	mac := hmac.New(sha256.New, []byte(key))
	mac.Write([]byte(body))
	return "sha256=" + hex.EncodeToString(mac.Sum(nil))
}

// post sends body with these headers, and gives status, headers and body of the answer.
func (w *world) post(t *testing.T, path, body string, header ...string) (int, http.Header, string) {
	t.Helper()
	return w.send(t, path, strings.NewReader(body), header...)
}

func (w *world) send(t *testing.T, path string, body io.Reader, header ...string) (int, http.Header, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.URL+path, body)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Add(header[i], header[i+1])
	}
	return do(t, req)
}

func do(t *testing.T, req *http.Request) (int, http.Header, string) {
	t.Helper()
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, resp.Header, string(text)
}

var roomy = receive.Limits{Body: 1 << 20, Flight: 4 << 20, Broker: time.Second}

const signature = "X-Hub-Signature-256"

func TestSignedWebhookIsStored(t *testing.T) {
	w := start(t, roomy)
	for i, key := range []string{"new-secret", "old-secret"} {
		status, header, text := w.post(t, "/webhook/demo", body, signature, sign(key, body))
		if status != http.StatusOK || text != "" || header.Get("X-Content-Type-Options") != "nosniff" {
			t.Fatalf("%s: %d %q", key, status, text)
		}
		if len(w.broker.stored) != i+1 || w.broker.stored[i].GetPsid() != "7" || w.broker.stored[i].GetAccount() != "demo" {
			t.Fatalf("%s: stored %v", key, w.broker.stored)
		}
	}
	for _, which := range []string{"current", "previous"} {
		if n := w.metric(t, "parley_ingress_signatures_total", "demo", which); n != 1 {
			t.Errorf("signed with the %s secret: %v, want 1", which, n)
		}
	}
	demo := w.snapshot.Accounts["demo"]
	want := []string{"demo " + demo.GetAppSecret().GetFingerprint() + " false", "demo " + demo.GetPreviousSecret().GetFingerprint() + " true"}
	if !slices.Equal(w.notes.signed, want) {
		t.Errorf("noted %q, want %q", w.notes.signed, want)
	}
	if w.reveals != 4 {
		t.Errorf("secrets were opened %d times for one snapshot, want 4", w.reveals)
	}
}

func TestSignedNonsenseIsStored(t *testing.T) {
	w := start(t, roomy)
	for _, odd := range []string{"", "not JSON", `{"object":"page"`, `{"entry":[{"messaging":[7]}]}`} {
		before := len(w.broker.stored)
		if status, _, _ := w.post(t, "/webhook/demo", odd, signature, sign("new-secret", odd)); status != http.StatusOK {
			t.Errorf("%q: %d", odd, status)
		}
		if len(w.broker.stored) != before+1 || w.broker.stored[before].GetDefect() == "" {
			t.Errorf("%q was not kept with a defect", odd)
		}
	}
}

// TestRefusals (SI2, SI7, SI8): no signature is a wrong one, what is too long or packed
// is not read, and no answer tells strangers which accounts there are.
func TestRefusals(t *testing.T) {
	w := start(t, receive.Limits{Body: 1 << 10, Flight: 4 << 10, Broker: time.Second})
	long := strings.Repeat("x", 1<<10+1)
	for _, c := range []struct {
		name, path, body string
		header           []string
		status           int
	}{
		{"no signature", "/webhook/demo", body, nil, 401},
		{"wrong signature", "/webhook/demo", body, []string{signature, sign("guess", body)}, 401},
		{"of another body", "/webhook/demo", body, []string{signature, sign("new-secret", body+" ")}, 401},
		{"sha1 alone", "/webhook/demo", body, []string{"X-Hub-Signature", "sha1=00"}, 401},
		{"two signatures", "/webhook/demo", body, []string{signature, sign("new-secret", body), signature, sign("x", body)}, 401},
		{"account without secret", "/webhook/bare", body, []string{signature, sign("", body)}, 401},
		{"account that is not there", "/webhook/other", body, []string{signature, sign("new-secret", body)}, 401},
		{"unsigned, to no account", "/webhook/other", body, nil, 401},
		{"too long, to no account", "/webhook/other", long, nil, 413},
		{"no account", "/webhook/", body, nil, 404},
		{"another path", "/", body, nil, 404},
		{"secrets of another place", "/webhook/damaged", body, []string{signature, sign("x", body)}, 503},
		{"compressed", "/webhook/demo", body, []string{"Content-Encoding", "gzip", signature, sign("new-secret", body)}, 415},
		{"too long", "/webhook/demo", long, []string{signature, sign("new-secret", long)}, 413},
	} {
		status, _, text := w.post(t, c.path, c.body, c.header...)
		if status != c.status {
			t.Errorf("%s: %d, want %d", c.name, status, c.status)
		}
		if c.path != "/" && c.path != "/webhook/" && text != "" {
			t.Errorf("%s: the answer says %q", c.name, text)
		}
	}
	if status, _, _ := w.send(t, "/webhook/demo", struct{ io.Reader }{strings.NewReader(long)}, signature, sign("new-secret", long)); status != 413 {
		t.Errorf("too long without saying so: %d", status)
	}
	if status, _, _ := w.send(t, "/webhook/demo", struct{ io.Reader }{strings.NewReader(body)}, "Content-Encoding", "identity", signature, sign("new-secret", body)); status != 200 {
		t.Errorf("length not said: %d", status)
	}
	if len(w.broker.stored) != 1 {
		t.Errorf("%d events are stored, want the last one alone", len(w.broker.stored))
	}
	if strings.Contains(w.log.String(), "new-secret") || strings.Contains(w.log.String(), `"mid"`) {
		t.Errorf("the log says too much: %s", w.log.String())
	}
}

func TestBrokerAway(t *testing.T) {
	for name, away := range map[string]func(context.Context) error{
		"refuses": func(context.Context) error { return fault.New(fault.Unavailable, "", "no broker") },
		"hangs":   func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() },
	} {
		t.Run(name, func(t *testing.T) {
			w := start(t, receive.Limits{Body: 1 << 10, Flight: 4 << 10, Broker: 20 * time.Millisecond})
			w.broker.away = away
			status, header, _ := w.post(t, "/webhook/demo", body, signature, sign("new-secret", body))
			if status != 503 || header.Get("Retry-After") == "" {
				t.Errorf("%d, Retry-After %q", status, header.Get("Retry-After"))
			}
			// Meta sends it again, and then it counts.
			if n := w.metric(t, "parley_ingress_events_total", "messaging"); n != 0 {
				t.Errorf("%v events count although none is stored", n)
			}
			w.broker.away = nil
			if status, _, _ := w.post(t, "/webhook/demo", body, signature, sign("new-secret", body)); status != 200 {
				t.Errorf("again: %d", status)
			}
			if n := w.metric(t, "parley_ingress_events_total", "messaging"); n != 1 {
				t.Errorf("%v events count, want 1", n)
			}
		})
	}
}

// A body that is announced takes its bytes of the budget until it is answered,
// however slowly it comes; others are turned away meanwhile, and served after.
func TestByteBudget(t *testing.T) {
	w := start(t, receive.Limits{Body: 1 << 10, Flight: 1 << 10, Broker: time.Second})
	slow, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", w.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = slow.Close() }()
	_, _ = fmt.Fprintf(slow, "POST /webhook/demo HTTP/1.1\r\nHost: x\r\nContent-Length: 1024\r\n\r\n")
	await(t, func() bool { return w.inFlight(t) == 1024 })
	status, header, _ := w.post(t, "/webhook/demo", body, signature, sign("new-secret", body))
	if status != 503 || header.Get("Retry-After") == "" {
		t.Errorf("over the budget: %d, Retry-After %q", status, header.Get("Retry-After"))
	}
	_, _ = io.WriteString(slow, strings.Repeat("x", 1024))
	resp, err := http.ReadResponse(bufio.NewReader(slow), nil)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	await(t, func() bool { return w.inFlight(t) == 0 })
	if status, _, _ := w.post(t, "/webhook/demo", body, signature, sign("new-secret", body)); status != 200 {
		t.Errorf("within the budget again: %d", status)
	}
}

func (w *world) inFlight(t *testing.T) float64 {
	t.Helper()
	return w.metric(t, "parley_ingress_in_flight_bytes")
}

// metric reads a counter or gauge with these label values, in the order of
// their names; 0 when it has not been counted yet.
func (w *world) metric(t *testing.T, name string, labels ...string) float64 {
	t.Helper()
	families, err := w.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			var values []string
			for _, l := range m.GetLabel() {
				values = append(values, l.GetValue())
			}
			if f.GetName() == name && slices.Equal(values, labels) {
				return m.GetCounter().GetValue() + m.GetGauge().GetValue()
			}
		}
	}
	return 0
}

func await(t *testing.T, done func() bool) {
	t.Helper()
	deadline := time.After(time.Minute)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !done() {
		select {
		case <-deadline:
			t.Fatal("it did not come to that")
		case <-tick.C:
		}
	}
}

// TestVerification (SI4): who knows the token gets the challenge back, as digits and
// nothing else.
func TestVerification(t *testing.T) {
	w := start(t, roomy)
	for _, c := range []struct {
		name, account, mode, token, challenge string
		status                                int
	}{
		{"right", "demo", "subscribe", "token", "1158201444", 200},
		{"64 digits", "demo", "subscribe", "token", strings.Repeat("9", 64), 200},
		{"65 digits", "demo", "subscribe", "token", strings.Repeat("9", 65), 400},
		{"script", "demo", "subscribe", "token", "<script>", 400},
		{"no challenge", "demo", "subscribe", "token", "", 400},
		{"other mode", "demo", "unsubscribe", "token", "1", 400},
		{"wrong token", "demo", "subscribe", "guess", "1", 403},
		{"no token", "demo", "subscribe", "", "1", 403},
		{"account without token", "bare", "subscribe", "", "1", 403},
		{"unknown account", "other", "subscribe", "token", "1", 403},
	} {
		query := url.Values{"hub.mode": {c.mode}, "hub.verify_token": {c.token}, "hub.challenge": {c.challenge}}
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.URL+"/webhook/"+c.account+"?"+query.Encode(), nil)
		if err != nil {
			t.Fatal(err)
		}
		status, header, text := do(t, req)
		if status != c.status {
			t.Errorf("%s: %d, want %d", c.name, status, c.status)
		}
		if want := c.challenge; status == 200 && (text != want || !strings.HasPrefix(header.Get("Content-Type"), "text/plain")) {
			t.Errorf("%s: %q as %s", c.name, text, header.Get("Content-Type"))
		}
		if status != 200 && text != "" || header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: answered %q, nosniff %q", c.name, text, header.Get("X-Content-Type-Options"))
		}
	}
	mark := "demo " + w.snapshot.Accounts["demo"].GetVerifyToken().GetFingerprint()
	if len(w.notes.verified) != 2 || w.notes.verified[0] != mark || w.notes.verified[1] != mark {
		t.Errorf("noticed %q, want twice %q: what was refused verifies nothing", w.notes.verified, mark)
	}
}

// Only what was signed and stored shows that a page is heard.
func TestOnlyStoredEventsAreNoticed(t *testing.T) {
	w := start(t, roomy)
	refuse := func(context.Context) error { return fault.New(fault.Unavailable, "", "no broker") }
	for _, c := range []struct {
		key  string
		away func(context.Context) error
		want int
	}{{"guess", nil, 0}, {"new-secret", refuse, 0}, {"new-secret", nil, 1}} {
		w.broker.away = c.away
		w.post(t, "/webhook/demo", body, signature, sign(c.key, body))
		if w.notes.events != c.want {
			t.Errorf("signed with %s: noticed %d events, want %d", c.key, w.notes.events, c.want)
		}
	}
}

func TestOtherMethods(t *testing.T) {
	w := start(t, roomy)
	for _, method := range []string{http.MethodPut, http.MethodDelete, http.MethodPatch} {
		req, err := http.NewRequestWithContext(t.Context(), method, w.URL+"/webhook/demo", nil)
		if err != nil {
			t.Fatal(err)
		}
		if status, _, _ := do(t, req); status != http.StatusMethodNotAllowed {
			t.Errorf("%s: %d", method, status)
		}
	}
}

// A rotation in the directory counts from the next request on.
func TestSecretsFollowTheDirectory(t *testing.T) {
	w := start(t, roomy)
	if status, _, _ := w.post(t, "/webhook/demo", body, signature, sign("old-secret", body)); status != 200 {
		t.Fatalf("before: %d", status)
	}
	w.snapshot = directory.NewSnapshot(w.account(t, "demo", "newer-secret", "new-secret", "token"))
	for key, want := range map[string]int{"newer-secret": 200, "new-secret": 200, "old-secret": 401} {
		if status, _, _ := w.post(t, "/webhook/demo", body, signature, sign(key, body)); status != want {
			t.Errorf("%s after the rotation: %d, want %d", key, status, want)
		}
	}
}

// marked is a tracer whose spans can be told from none.
type marked struct{ noop.Tracer }

type mark struct{}

func (m marked) Start(ctx context.Context, name string, o ...trace.SpanStartOption) (context.Context, trace.Span) {
	return m.Tracer.Start(context.WithValue(ctx, mark{}, name), name, o...)
}

// The publisher gets the context of the request's span, so that a trace goes
// on through the log.
func TestSpanReachesTheLog(t *testing.T) {
	w := start(t, roomy)
	var span any
	w.broker.away = func(ctx context.Context) error { span = ctx.Value(mark{}); return nil }
	if status, _, _ := w.post(t, "/webhook/demo", body, signature, sign("new-secret", body)); status != 200 || span != "receive webhook" {
		t.Errorf("status %d, span %v", status, span)
	}
}

// BenchmarkWebhook is a batch of 20 events from the socket to the broker's door,
// beside a handler that only reads the body and checks its signature.
func BenchmarkWebhook(b *testing.B) {
	item := `{"sender":{"id":"7409218844331520"},"recipient":{"id":"1020304050607080"},"timestamp":1760000000123,"message":{"mid":"m_KXGKDUpO6xbVdAmZFBVpzU1AhKVJdAIUnUH4cwkvb_K3iZsWhowDRyJ_DcowEpJjncaBwdCIoRrixvCbbO1PcA","text":"\u0417\u0434\u0440\u0430"}}`
	text := `{"object":"page","entry":[{"id":"1020304050607080","time":1760000000456,"messaging":[` + strings.TrimSuffix(strings.Repeat(item+",", 20), ",") + `]}]}`
	header := sign("new-secret", text)
	plain := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		raw, _ := io.ReadAll(r.Body)
		mac := hmac.New(sha256.New, []byte("new-secret"))
		mac.Write(raw)
		sum, _ := hex.DecodeString(strings.TrimPrefix(r.Header.Get(signature), "sha256="))
		if !hmac.Equal(mac.Sum(nil), sum) {
			w.WriteHeader(http.StatusUnauthorized)
		}
	})
	w := start(b, roomy)
	w.broker.away = func(context.Context) error { return nil }
	for name, handler := range map[string]http.Handler{"plain HMAC": plain, "ingress": w.Config.Handler} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				req := httptest.NewRequest(http.MethodPost, "/webhook/demo", strings.NewReader(text))
				req.Header.Set(signature, header)
				rec := httptest.NewRecorder()
				handler.ServeHTTP(rec, req)
				if rec.Code != http.StatusOK {
					b.Fatal(rec.Code)
				}
			}
		})
	}
}
