package sandbox_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/parley-desk/parley/pkg/fault"
	"github.com/parley-desk/parley/pkg/host"
	"github.com/parley-desk/parley/services/sandbox"
	"github.com/parley-desk/parley/services/sandbox/internal/courier"
)

func TestWebhookIsSignedOverEscapedBytes(t *testing.T) {
	t.Parallel()
	in := newIngress(t)
	m := start(t, config(t, in))
	m.write(psid, "Здравей 👋 a/b <&>")
	await(t, "the webhook", func() bool { return len(in.taken(isMessage)) == 1 })
	if got := in.taken(isMessage)[0]; got.Message.Text != "Здравей 👋 a/b <&>" || got.Sender.ID != psid || got.Recipient.ID != page {
		t.Errorf("taken %+v", got)
	}
	body := in.bodies[0]
	if !bytes.Contains(body, []byte(`\u0417\u0434`)) || !bytes.Contains(body, []byte(`\ud83d\udc4b a\/b <&>`)) {
		t.Errorf("the body is not escaped as Meta does it: %s", body)
	}
}

func TestSignatureKnownAnswer(t *testing.T) {
	t.Parallel()
	// Computed with another implementation of HMAC-SHA256.
	const want = "sha256=424e406ac23e52e0e085c7f54f829c7c3384facb9058f85bd74d48616e9f66d6"
	if got := courier.Sign("sesame", courier.Escape([]byte(`{"text":"äöå"}`))); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestFailedWebhooksComeAgainInOrder(t *testing.T) {
	t.Parallel()
	in := newIngress(t)
	in.setRefuse(7)
	m := start(t, config(t, in))
	var want []string
	for i := range 30 {
		text := fmt.Sprint("message ", i)
		want = append(want, text)
		m.write(psid, text)
	}
	await(t, "all messages", func() bool { return len(in.taken(isMessage)) >= len(want) })
	var got []string
	for _, it := range in.taken(isMessage) {
		got = append(got, it.Message.Text)
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestBulkOfManyThreadsIsBatched(t *testing.T) {
	t.Parallel()
	in := newIngress(t)
	m := start(t, config(t, in))
	var bulk []sandbox.Message
	for i := range 60 {
		bulk = append(bulk, sandbox.Message{Page: page, PSID: fmt.Sprint(10000 + i%20), Text: fmt.Sprint(i)})
	}
	m.post("/sandbox/messages", bulk)
	await(t, "all messages", func() bool { return len(in.taken(isMessage)) == len(bulk) })
	if in.posts >= len(bulk) {
		t.Errorf("%d POSTs for %d events: nothing was batched", in.posts, len(bulk))
	}
	next := map[string]int{}
	for _, it := range in.taken(isMessage) {
		var n, first int
		fmt.Sscan(it.Message.Text, &n)
		fmt.Sscan(it.Sender.ID, &first)
		if want := first - 10000 + 20*next[it.Sender.ID]; n != want {
			t.Errorf("thread %s has %d where %d was due", it.Sender.ID, n, want)
		}
		next[it.Sender.ID]++
	}
}

func TestCopiesComeTwice(t *testing.T) {
	t.Parallel()
	in := newIngress(t)
	m := start(t, config(t, in))
	m.post("/sandbox/customers/"+page+"/"+psid+"/messages", sandbox.Message{Text: "twice", Copies: 2})
	await(t, "both copies", func() bool { return len(in.taken(isMessage)) == 2 })
	got := in.taken(isMessage)
	if got[0].Message.MID != got[1].Message.MID {
		t.Error("the copies have different mids")
	}
}

func TestRestartKeepsUndeliveredWebhooks(t *testing.T) {
	t.Parallel()
	in := newIngress(t)
	in.setRefuse(-1)
	cfg := config(t, in)
	m := start(t, cfg)
	m.write(psid, "before the restart")
	await(t, "an attempt", func() bool { in.mu.Lock(); defer in.mu.Unlock(); return in.posts > 0 })
	m.stop()
	in.setRefuse(0)
	start(t, cfg)
	// At least once: the last POST of the stopped sandbox may still be taken.
	await(t, "the webhook", func() bool { return len(in.taken(isMessage)) >= 1 })
}

// What the API has acknowledged is in the file, whatever becomes of the process;
// a line that a power cut tore is not, and must not be in the way.
func TestJournalSurvivesAKill(t *testing.T) {
	t.Parallel()
	in := newIngress(t)
	in.setRefuse(-1)
	cfg := config(t, in)
	m := start(t, cfg)
	m.write(psid, "acknowledged")
	file, err := os.ReadFile(filepath.Join(cfg.DataDir, "journal.ndjson"))
	if err != nil {
		t.Fatal(err)
	}
	m.stop()
	cfg.DataDir = t.TempDir() // the disk as it was at the moment of the kill
	torn := append(file, []byte(`{"seq":99,"kind":"customer_wr`)...)
	if err := os.WriteFile(filepath.Join(cfg.DataDir, "journal.ndjson"), torn, 0o600); err != nil {
		t.Fatal(err)
	}
	in.setRefuse(0)
	after := start(t, cfg)
	await(t, "the webhook", func() bool { return len(in.taken(isMessage)) >= 1 })
	after.write(psid, "afterwards")
	for i, r := range after.records() {
		if r.Seq != uint64(i+1) {
			t.Fatalf("record %d has sequence %d", i, r.Seq)
		}
	}
}

// Two sandboxes with one folder would write one journal.
func TestASecondSandboxIsKeptOffTheJournal(t *testing.T) {
	t.Parallel()
	cfg := config(t, newIngress(t))
	first := start(t, cfg)
	service, err := sandbox.New(cfg, host.Deps{Log: slog.New(slog.DiscardHandler), Registry: prometheus.NewRegistry(), Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	err = service.Run(t.Context())
	if !fault.Is(err, fault.Precondition) {
		t.Fatalf("the second one: %v, want a refusal", err)
	}
	for _, word := range []string{"process " + strconv.Itoa(os.Getpid()), cfg.DataDir, "--sandbox.data-dir"} {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("%q does not say %q", err, word)
		}
	}
	first.stop()
	start(t, cfg)
}

func TestFailingForTooLongUnsubscribes(t *testing.T) {
	t.Parallel()
	in := newIngress(t)
	in.setRefuse(-1)
	cfg := config(t, in)
	cfg.GiveUp = 10 * time.Millisecond
	m := start(t, cfg)
	m.write(psid, "never taken")
	await(t, "the unsubscription", func() bool {
		return slices.ContainsFunc(m.records(), func(r sandbox.Record) bool { return r.Kind == sandbox.PageUnsubscribed })
	})
	in.setRefuse(0)
	resp, err := m.graph(t.Context(), "POST", "/me/subscribed_apps", map[string]string{"subscribed_fields": "messages"})
	if got := read(resp, err); got.status != 200 {
		t.Fatalf("subscribing again: %+v", got)
	}
	m.write(psid, "taken")
	await(t, "the webhook", func() bool { return len(in.taken(isMessage)) == 1 })
	if got := in.taken(isMessage)[0].Message.Text; got != "taken" {
		t.Errorf("%q came; Meta does not bring again what it gave up", got)
	}
}

func TestVerification(t *testing.T) {
	t.Parallel()
	in := newIngress(t)
	m := start(t, config(t, in))
	if got := m.post("/sandbox/verify", nil); got["verified"] != true {
		t.Errorf("got %v", got)
	}
	resp, err := http.Post(m.url+"/sandbox/verify", "application/json", strings.NewReader(`{"verify_token":"another-token"}`))
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusBadGateway {
		t.Errorf("with a token that ingress does not have: %d", resp.StatusCode)
	}
	if got := m.post("/sandbox/verify", map[string]string{"verify_token": "demo-verify-token"}); got["verified"] != true {
		t.Errorf("with the token that is entered: %v", got)
	}
}

// A secret that was reset is the app's from then on, after a restart too. In the
// name of the app a page is unsubscribed, whatever became of its token.
func TestResetSecret(t *testing.T) {
	t.Parallel()
	const next = "app-secret-of-tomorrow"
	cfg := config(t, newIngress(t))
	first := start(t, cfg)
	first.post("/sandbox/secret", map[string]string{"value": next})
	first.post("/sandbox/token", map[string]any{"value": token, "dead": true})
	first.stop()
	m := start(t, cfg)
	unsubscribe := func(page, secret string) int {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodDelete, m.url+"/graph/v26.0/"+page+"/subscribed_apps", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+cfg.AppID+"|"+secret)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		return resp.StatusCode
	}
	if got := unsubscribe(page, secret); got == http.StatusOK {
		t.Error("the secret before is still good")
	}
	if got := unsubscribe("7", next); got == http.StatusOK {
		t.Error("a page that there is not is unsubscribed")
	}
	if got := unsubscribe(page, next); got != http.StatusOK {
		t.Errorf("with the new secret: %d", got)
	}
	if !slices.ContainsFunc(m.records(), func(r sandbox.Record) bool { return r.Kind == sandbox.PageUnsubscribed }) {
		t.Error("the page is not unsubscribed")
	}
}
