package trace_test

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/parley-desk/parley/cli"
	"github.com/parley-desk/parley/pkg/host"
	"github.com/parley-desk/parley/pkg/settings"
	"github.com/parley-desk/parley/pkg/telemetry"
	"github.com/parley-desk/parley/services/all"
	"github.com/parley-desk/parley/test/load"
)

const page = "1020304050607080"

// house runs every stage in this process and records its spans and logs.
type house struct {
	spans     *tracetest.SpanRecorder
	logs      *buffer
	addresses map[string]string
	server    string
}

type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) { b.mu.Lock(); defer b.mu.Unlock(); return b.b.Write(p) }
func (b *buffer) String() string              { b.mu.Lock(); defer b.mu.Unlock(); return b.b.String() }

func free(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func start(t *testing.T) *house {
	t.Helper()
	dir, sandbox, hook := t.TempDir(), free(t), free(t)
	h := &house{spans: tracetest.NewSpanRecorder(), logs: &buffer{}, addresses: map[string]string{}, server: "unix://" + filepath.Join(dir, "admin.sock")}
	p := host.Process{Name: "parley", Stages: all.Stages(), Out: h.logs}
	sections := []settings.Section{{Target: &p.Config}}
	for _, s := range p.Stages {
		sections = append(sections, settings.Section{Name: s.Name, Target: s.Config})
	}
	set, err := settings.Define(sections...)
	if err != nil {
		t.Fatal(err)
	}
	env := map[string]string{
		"PARLEY_DATA_DIR": dir, "PARLEY_ADMIN_SOCKET": filepath.Join(dir, "admin.sock"), "PARLEY_SANDBOX_DATA_DIR": filepath.Join(dir, "sandbox"),
		"PARLEY_SANDBOX_LISTEN": sandbox, "PARLEY_GRAPH_URL": "http://" + sandbox + "/graph", "PARLEY_INGRESS_LISTEN": hook,
		"PARLEY_SANDBOX_CALLBACK": "http://" + hook + "/webhook/demo", "PARLEY_DESK_LISTEN": "127.0.0.1:0", "PARLEY_OPS_LISTEN": "127.0.0.1:0",
		"PARLEY_LOG_LEVEL": "debug", "PARLEY_SANDBOX_ECHO_DELAY": "10ms", "PARLEY_SANDBOX_RECEIPT_DELAY": "10ms",
	}
	if _, err := set.Load(settings.Source{Lookup: func(k string) (string, bool) { v, ok := env[k]; return v, ok }}); err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	p.Heard = func(setting string, a net.Addr) { mu.Lock(); defer mu.Unlock(); h.addresses[setting] = a.String() }
	p.Setup = func(ctx context.Context, cfg telemetry.Config, name, instance string, out io.Writer) (*telemetry.Telemetry, error) {
		return telemetry.Setup(ctx, cfg, name, instance, out, sdktrace.SpanProcessor(h.spans))
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- host.Run(ctx, p) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("the house: %v", err)
		}
	})
	await(t, "all listeners", func() bool { mu.Lock(); defer mu.Unlock(); return len(h.addresses) >= 5 })
	return h
}

func await(t *testing.T, what string, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	end := time.After(40 * time.Second)
	for !holds() {
		select {
		case <-tick.C:
		case <-end:
			t.Fatalf("never: %s", what)
		}
	}
}

// traces are the names of the spans of each trace that holds a span called
// first.
func (h *house) traces(first string) [][]string {
	byTrace := map[string][]string{}
	begun := map[string]bool{}
	for _, s := range h.spans.Ended() {
		id := s.SpanContext().TraceID().String()
		byTrace[id] = append(byTrace[id], s.Name())
		begun[id] = begun[id] || s.Name() == first
	}
	var out [][]string
	for id, names := range byTrace {
		if begun[id] {
			out = append(out, names)
		}
	}
	return out
}

func TestAMessageAndItsAnswerAreOneTraceEach(t *testing.T) {
	h := start(t)
	var words bytes.Buffer
	if code := cli.Main([]string{"apply", "-f", "../../deploy/sample/house.yaml", "--server", h.server}, strings.NewReader(""), io.Discard, &words); code != 0 {
		t.Fatal(words.String())
	}
	agent := &load.Agent{Desk: "http://" + h.addresses["desk.listen"], Name: "mila", Password: "parley-demo"}
	ctx, cancel := context.WithCancel(t.Context())
	home := make(chan error, 1)
	go func() { home <- agent.Run(ctx) }()
	crowd := load.NewCrowd(load.Plan{Sandbox: "http://" + h.addresses["sandbox.listen"], Page: page, Conversations: 1, Messages: 1, Seed: 7})
	if err := crowd.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	holds := func(first string, want ...string) func() bool {
		return func() bool {
			for _, names := range h.traces(first) {
				if !slices.ContainsFunc(want, func(w string) bool { return !slices.Contains(names, w) }) {
					return true
				}
			}
			return false
		}
	}
	defer func() {
		if t.Failed() {
			for _, s := range h.spans.Ended() {
				t.Logf("%s %s", s.SpanContext().TraceID(), s.Name())
			}
		}
	}()
	// HTTP, INBOUND, THREAD, and the stages that follow it.
	await(t, "the webhook's trace reaches the queue", holds("receive webhook",
		"send inbound.event", "process inbound.event", "send thread.commit", "process thread.commit", "graph profile"))
	// The desk's API, THREAD, outbound, the Graph API.
	await(t, "the reply's trace reaches Meta", holds("desk SendMessage",
		"send thread.commit", "process thread.commit", "outbound send", "graph send"))
	cancel()
	if err := <-home; err != nil {
		t.Fatal(err)
	}
	h.nothingOfTheCustomer(t)
}

// nothingOfTheCustomer looks for text, name and page-scoped id, and for
// secrets, in everything telemetry gave out.
func (h *house) nothingOfTheCustomer(t *testing.T) {
	t.Helper()
	var out strings.Builder
	out.WriteString(h.logs.String())
	for _, s := range h.spans.Ended() {
		out.WriteString(s.Name())
		for _, a := range s.Attributes() {
			out.WriteString(" " + string(a.Key) + "=" + a.Value.Emit())
		}
		for _, e := range s.Events() {
			out.WriteString(" " + e.Name)
			for _, a := range e.Attributes {
				out.WriteString(" " + a.Value.Emit())
			}
		}
	}
	resp, err := http.Get("http://" + h.addresses["ops.listen"] + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	metrics, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	out.Write(metrics)
	for _, canary := range []string{"Въпрос", "Клиент", "1000007000000000", "demo-page-token", "demo-app-secret", "parley-demo"} {
		if at := strings.Index(out.String(), canary); at >= 0 {
			t.Errorf("telemetry holds %q: …%s…", canary, out.String()[max(0, at-120):min(out.Len(), at+60)])
		}
	}
}
