package trace_test

import (
	"bytes"
	"cmp"
	"context"
	"io"
	"maps"
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

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"

	"github.com/parley-desk/parley/cli"
	"github.com/parley-desk/parley/pkg/host"
	"github.com/parley-desk/parley/pkg/host/hosttest"
	"github.com/parley-desk/parley/pkg/settings"
	"github.com/parley-desk/parley/pkg/telemetry"
	adminv1 "github.com/parley-desk/parley/proto/gen/parley/admin/v1"
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
	dir       string // of everything that is kept
	password  string // of agents
	stop      func() // ends it, before the test does
}

type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) { b.mu.Lock(); defer b.mu.Unlock(); return b.b.Write(p) }
func (b *buffer) String() string              { b.mu.Lock(); defer b.mu.Unlock(); return b.b.String() }

// start runs the house with these settings besides its own, as variables.
func start(t *testing.T, more ...map[string]string) *house {
	t.Helper()
	dir, sandbox, hook := t.TempDir(), hosttest.Free(t), hosttest.Free(t)
	for _, m := range more {
		dir = cmp.Or(m["PARLEY_DATA_DIR"], dir)
	}
	h := &house{spans: tracetest.NewSpanRecorder(), logs: &buffer{}, addresses: map[string]string{}, server: "unix://" + filepath.Join(dir, "admin.sock"),
		dir: dir, password: "parley-demo"}
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
	for _, m := range more {
		maps.Copy(env, m)
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
	h.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("the house: %v", err)
		}
	})
	t.Cleanup(h.stop)
	await(t, "all listeners", func() bool { mu.Lock(); defer mu.Unlock(); return len(h.addresses) >= 5 })
	return h
}

func await(t *testing.T, what string, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	end := time.After(2 * time.Minute)
	for !holds() {
		select {
		case <-tick.C:
		case <-end:
			t.Fatalf("never: %s", what)
		}
	}
}

// trace is what happened in one trace: its id and how often each span is in it.
type trace struct {
	id    string
	spans map[string]int
}

// traces are those that hold a span called first.
func (h *house) traces(first string) []trace {
	byID := map[string]map[string]int{}
	for _, s := range h.spans.Ended() {
		id := s.SpanContext().TraceID().String()
		if byID[id] == nil {
			byID[id] = map[string]int{}
		}
		byID[id][s.Name()]++
	}
	var out []trace
	for id, spans := range byID {
		if spans[first] > 0 {
			out = append(out, trace{id, spans})
		}
	}
	return out
}

// each waits until there are n traces that begin with first and each holds
// every wanted span, and gives them.
func (h *house) each(t *testing.T, n int, first string, want ...string) (found []trace) {
	t.Helper()
	await(t, first+" leads to "+strings.Join(want, ", "), func() bool {
		found = h.traces(first)
		return len(found) == n && !slices.ContainsFunc(found, func(one trace) bool {
			return slices.ContainsFunc(want, func(w string) bool { return one.spans[w] == 0 })
		})
	})
	return found
}

// apply brings in the sample house.
func (h *house) apply(t *testing.T) {
	t.Helper()
	var words bytes.Buffer
	if code := cli.Main([]string{"apply", "-f", "../../deploy/sample/house.yaml", "--server", h.server}, strings.NewReader(""), io.Discard, &words); code != 0 {
		t.Fatal(words.String())
	}
}

// work has mila answer two customers.
func (h *house) work(t *testing.T) {
	t.Helper()
	t.Cleanup(h.serve(t))
	h.crowd(t, 7, 8)
}

// serve has mila at her desk, until she is sent home.
func (h *house) serve(t *testing.T) (leave func()) {
	t.Helper()
	agent := &load.Agent{Desk: "http://" + h.addresses["desk.listen"], Name: "mila", Password: h.password}
	ctx, cancel := context.WithCancel(t.Context())
	home := make(chan error, 1)
	go func() { home <- agent.Run(ctx) }()
	return sync.OnceFunc(func() {
		cancel()
		if err := <-home; err != nil {
			t.Error(err)
		}
	})
}

// crowd has customers write, by what they are made of.
func (h *house) crowd(t *testing.T, seeds ...uint64) {
	t.Helper()
	for n, seed := range seeds { // one after the other: Meta may put events that wait together into one webhook
		crowd := load.NewCrowd(load.Plan{Sandbox: "http://" + h.addresses["sandbox.listen"], Pages: []string{page}, Conversations: 1, Messages: 1, Seed: seed})
		if err := crowd.Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		await(t, "the webhook is received", func() bool { return len(h.traces("receive webhook")) > n })
	}
}

func (h *house) showIfFailed(t *testing.T) {
	t.Cleanup(func() {
		if t.Failed() {
			for _, s := range h.spans.Ended() {
				t.Logf("%s %s", s.SpanContext().TraceID(), s.Name())
			}
		}
	})
}

func TestAMessageAndItsAnswerAreOneTraceEach(t *testing.T) {
	h := start(t)
	h.showIfFailed(t)
	h.apply(t)
	h.work(t)
	// HTTP, INBOUND, THREAD, and the stages that follow it up to the offer: the
	// event is filed, routed and offered, which is three commits.
	received := h.each(t, 2, "receive webhook", "send inbound.event", "process inbound.event", "process thread.commit", "graph profile")
	await(t, "the offer is in the webhook's trace", func() bool {
		received = h.traces("receive webhook")
		return !slices.ContainsFunc(received, func(one trace) bool { return one.spans["send thread.commit"] < 3 })
	})
	// The desk's API, THREAD, outbound, the Graph API: each answer by itself.
	sent := h.each(t, 2, "desk SendMessage", "send thread.commit", "process thread.commit", "outbound send", "graph send")
	for _, one := range sent {
		if one.spans["graph send"] != 1 {
			t.Errorf("%d requests to Meta in the trace of one answer", one.spans["graph send"])
		}
	}
	h.nothingOfTheCustomer(t)
}

// TestCallersTraceGoesOn holds for both APIs that whoever calls with a trace of
// its own finds the call in it.
func TestCallersTraceGoesOn(t *testing.T) {
	h := start(t)
	h.showIfFailed(t)
	const id = "4bf92f3577b34da6a3ce929d0e0e4736"
	const parent = "00-" + id + "-00f067aa0ba902b7-01"
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost,
		"http://"+h.addresses["desk.listen"]+"/parley.desk.v1.SessionService/WhoAmI", strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("traceparent", parent)
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	conn, err := grpc.NewClient(h.server, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	ctx := metadata.AppendToOutgoingContext(t.Context(), "traceparent", parent)
	if _, err := adminv1.NewOperateServiceClient(conn).Doctor(ctx, &adminv1.DoctorRequest{}); err != nil {
		t.Fatal(err)
	}
	await(t, "both calls are in the caller's trace", func() bool {
		for _, one := range h.traces("desk WhoAmI") {
			if one.id == id && one.spans["/parley.admin.v1.OperateService/Doctor"] == 1 {
				return true
			}
		}
		return false
	})
}

// TestFailuresTellNothingOfTheCustomer refuses, delays and loses answers, and
// sends what is no event: failures are logged, but not what they were about.
func TestFailuresTellNothingOfTheCustomer(t *testing.T) {
	h := start(t)
	h.apply(t)
	rules := `{"rules":[{"match":{"call":"messages","nth":1},"do":"error","code":190,"status":400,"message":"token of Клиент 1000007000000000"},` +
		`{"match":{"call":"profile"},"do":"html"},{"match":{"call":"messages","nth":2},"do":"error","code":551,"subcode":1545041,"status":400}]}`
	resp, err := http.Post("http://"+h.addresses["sandbox.listen"]+"/sandbox/script", "application/json", strings.NewReader(rules))
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode >= 300 {
		t.Fatalf("the script was not taken: %s", resp.Status)
	}
	h.work(t)
	h.each(t, 2, "desk SendMessage", "graph send")
	h.nothingOfTheCustomer(t)
}

// nothingOfTheCustomer looks for text, name and page-scoped id, and for
// secrets, in everything telemetry gave out.
func (h *house) nothingOfTheCustomer(t *testing.T) {
	t.Helper()
	out := h.telemetry(t)
	for _, canary := range []string{"Въпрос", "Клиент", "1000007000000000", "demo-page-token", "demo-app-secret", "parley-demo"} {
		if at := strings.Index(out, canary); at >= 0 {
			t.Errorf("telemetry holds %q: …%s…", canary, out[max(0, at-120):min(len(out), at+60)])
		}
	}
}

// telemetry is everything that logs, traces and metrics hold.
func (h *house) telemetry(t *testing.T) string {
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
	return out.String()
}
