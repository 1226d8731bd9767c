package sandbox_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/parley-desk/parley/pkg/host"
	"github.com/parley-desk/parley/services/sandbox"
	"github.com/parley-desk/parley/services/sandbox/internal/courier"
	"github.com/parley-desk/parley/services/sandbox/internal/graphapi"
)

const (
	page   = "1020304050607080"
	token  = "demo-page-token-shop"
	secret = "demo-app-secret-0123456789abcdef"
	psid   = "24681357924681357"
)

// ingress is the callback of the tests: it checks signatures, answers what it is
// told to, and keeps what it took.
type ingress struct {
	*httptest.Server
	mu     sync.Mutex
	refuse int // so many POSTs are answered 503 first; negative: all
	posts  int
	bodies [][]byte
	items  []item // of the POSTs answered 200
}

type item struct {
	Sender    struct{ ID string }
	Recipient struct{ ID string }
	Timestamp int64
	Message   *struct {
		MID, Text, Metadata string
		IsEcho              bool        `json:"is_echo"`
		AppID               json.Number `json:"app_id"`
		Attachments         []struct {
			Type    string
			Payload struct {
				Sticker json.Number `json:"sticker_id"`
			}
		}
	}
	Delivery *struct{ MIDs []string }
	Read     *struct{ Watermark int64 }
	Postback *struct{ Title string }
}

func newIngress(t *testing.T) *ingress {
	t.Helper()
	in := &ingress{}
	in.Server = httptest.NewServer(in)
	t.Cleanup(in.Close)
	return in
}

func (in *ingress) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodGet {
		if r.FormValue("hub.verify_token") != "demo-verify-token" {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		io.WriteString(w, r.FormValue("hub.challenge"))
		return
	}
	body, err := io.ReadAll(r.Body)
	in.mu.Lock()
	defer in.mu.Unlock()
	in.posts++
	if err != nil || r.Header.Get("X-Hub-Signature-256") != courier.Sign(secret, body) {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	if in.refuse != 0 {
		in.refuse--
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	var envelope struct{ Entry []struct{ Messaging []item } }
	if json.Unmarshal(body, &envelope) != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	in.bodies = append(in.bodies, body)
	for _, e := range envelope.Entry {
		in.items = append(in.items, e.Messaging...)
	}
}

func (in *ingress) setRefuse(n int) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.refuse = n
}

// taken are the items that keep(item) wants, in the order they came.
func (in *ingress) taken(keep func(item) bool) []item {
	in.mu.Lock()
	defer in.mu.Unlock()
	var out []item
	for _, it := range in.items {
		if keep(it) {
			out = append(out, it)
		}
	}
	return out
}

// isMessage keeps what customers wrote, isEcho what pages sent.
func isMessage(it item) bool { return it.Message != nil && !it.Message.IsEcho }
func isEcho(it item) bool    { return it.Message != nil && it.Message.IsEcho }

func config(t *testing.T, in *ingress) sandbox.Config {
	t.Helper()
	return sandbox.Config{
		Listen: "127.0.0.1:0", DataDir: t.TempDir(), AppID: "424242424242424", AppSecret: secret,
		VerifyToken: "demo-verify-token", Callback: in.URL, Pages: []string{page + ":" + token + ":Магазин Витоша"},
		Subscribed: true, RequireProof: true, HumanAgent: true, Live: true, ProfileExtras: true,
		Templates: []string{"order_update:en:Order {{1}} is {{2}}.", "paid:en:Thank you: it is paid.", "order_named:en_US:{{customer}}, {{order_id}} is ready."},
		EchoDelay: time.Millisecond, ReceiptDelay: time.Millisecond, Batch: 20, Parallel: 4, RetryMax: 20 * time.Millisecond,
	}
}

// meta is a running sandbox.
type meta struct {
	t    *testing.T
	url  string
	stop func()
}

func start(t *testing.T, cfg sandbox.Config) *meta {
	t.Helper()
	addr := make(chan string, 1)
	service, err := sandbox.New(cfg, host.Deps{
		Registry: prometheus.NewRegistry(),
		Log:      slog.New(slog.DiscardHandler), Now: time.Now,
		Listen: func(ctx context.Context, _, at string) (net.Listener, error) {
			l, err := new(net.ListenConfig).Listen(ctx, "tcp", at)
			if err == nil {
				addr <- l.Addr().String()
			}
			return l, err
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- service.Run(ctx) }()
	m := &meta{t: t}
	m.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("the sandbox ended with %v", err)
		}
	})
	t.Cleanup(m.stop)
	select {
	case a := <-addr:
		m.url = "http://" + a
	case err := <-done:
		done <- err
		t.Fatalf("the sandbox did not start: %v", err)
	}
	return m
}

// post posts JSON and expects 200.
func (m *meta) post(path string, body any) map[string]any {
	m.t.Helper()
	raw, err := json.Marshal(body)
	if err != nil {
		m.t.Fatal(err)
	}
	resp, err := http.Post(m.url+path, "application/json", bytes.NewReader(raw))
	if err != nil {
		m.t.Fatal(err)
	}
	defer resp.Body.Close()
	var out map[string]any
	if err := json.NewDecoder(resp.Body).Decode(&out); err != nil || resp.StatusCode != http.StatusOK {
		m.t.Fatalf("POST %s: %s %v %v", path, resp.Status, out, err)
	}
	return out
}

func (m *meta) write(psid, text string) {
	m.t.Helper()
	m.post("/sandbox/customers/"+page+"/"+psid+"/messages", sandbox.Message{Text: text, Name: "Иван Петров"})
}

// graph makes a Graph call with token and proof.
func (m *meta) graph(ctx context.Context, method, path string, body any) (*http.Response, error) {
	m.t.Helper()
	raw, err := json.Marshal(body)
	if err != nil {
		m.t.Fatal(err)
	}
	sep := "?"
	if strings.Contains(path, "?") {
		sep = "&"
	}
	url := m.url + "/graph/v26.0" + path + sep + "appsecret_proof=" + graphapi.Proof(secret, token)
	// No GetBody: net/http must not repeat the call by itself.
	req, err := http.NewRequestWithContext(ctx, method, url, io.NopCloser(bytes.NewReader(raw)))
	if err != nil {
		m.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+token)
	return http.DefaultClient.Do(req)
}

type sendBody map[string]any

func reply(psid, text, metadata string) sendBody {
	return sendBody{"recipient": map[string]string{"id": psid}, "messaging_type": "RESPONSE",
		"message": map[string]string{"text": text, "metadata": metadata}}
}

// answered is an answer of the Graph API that was read to its end.
type answered struct {
	status    int
	mid       string
	code, sub int
	raw       string
	err       error
}

func (m *meta) send(body sendBody) answered {
	m.t.Helper()
	ctx, cancel := context.WithTimeout(m.t.Context(), time.Minute)
	defer cancel()
	resp, err := m.graph(ctx, http.MethodPost, "/"+page+"/messages", body)
	return read(resp, err)
}

func read(resp *http.Response, err error) answered {
	if err != nil {
		return answered{err: err}
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	var out struct {
		MessageID string `json:"message_id"`
		Error     struct {
			Code    int
			Subcode int `json:"error_subcode"`
		}
	}
	if err == nil {
		err = json.Unmarshal(raw, &out)
	}
	return answered{resp.StatusCode, out.MessageID, out.Error.Code, out.Error.Subcode, string(raw), err}
}

// records reads the journal through the API.
func (m *meta) records() []sandbox.Record {
	m.t.Helper()
	resp, err := http.Get(m.url + "/sandbox/journal")
	if err != nil {
		m.t.Fatal(err)
	}
	defer resp.Body.Close()
	var out []sandbox.Record
	for r, err := range sandbox.ReadJournal(resp.Body) {
		if err != nil {
			m.t.Fatal(err)
		}
		out = append(out, r)
	}
	return out
}

// sends are the Send API calls of the journal.
func (m *meta) sends() []sandbox.Record {
	m.t.Helper()
	var out []sandbox.Record
	for _, r := range m.records() {
		if r.Kind == sandbox.SendReceived {
			out = append(out, r)
		}
	}
	return out
}

// await polls until ok holds; it fails the test after a minute.
func await(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.NewTimer(time.Minute)
	defer deadline.Stop()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline.C:
			t.Fatalf("waited in vain for %s", what)
		}
	}
}
