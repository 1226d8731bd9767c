package outbound_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/trace/noop"
	"google.golang.org/protobuf/proto"

	"github.com/parley-desk/parley/pkg/bus"
	"github.com/parley-desk/parley/pkg/bus/bustest"
	"github.com/parley-desk/parley/pkg/directory"
	"github.com/parley-desk/parley/pkg/fault"
	"github.com/parley-desk/parley/pkg/graph"
	"github.com/parley-desk/parley/pkg/host"
	"github.com/parley-desk/parley/pkg/secret"
	"github.com/parley-desk/parley/pkg/thread"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
	provisionv1 "github.com/parley-desk/parley/proto/gen/parley/provision/v1"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
	"github.com/parley-desk/parley/proto/subject"
	"github.com/parley-desk/parley/services/outbound"
	"github.com/parley-desk/parley/services/outbound/internal/attempt"
)

const (
	pageID  = "102030"
	patient = 30 * time.Second // more than any step takes on a busy machine
)

// config shortens what is waited for in vain; what a busy machine may take long for has
// its time.
func config() outbound.Config {
	return outbound.Config{
		Start: 20 * time.Second, Orphan: 21 * time.Second, Echo: 1500 * time.Millisecond, Check: 30 * time.Second, CheckAgain: 100 * time.Millisecond,
		Backoff: 50 * time.Millisecond, BackoffMax: 100 * time.Millisecond, Attempts: 3, Patience: time.Minute, Park: time.Minute,
		OrphanGrace: 200 * time.Millisecond, Persona: 2 * time.Second, Upload: 30 * time.Second, Room: 64, Failures: 50, Pause: 100 * time.Millisecond,
	}
}

// meta is a Graph API over HTTP: what a person's id begins with says how it
// answers.
type meta struct {
	*httptest.Server
	mu    sync.Mutex
	posts map[string][]message // by PSID
}

type message struct {
	Text, Metadata, Type string
	Action, Emoji        string
	at                   time.Time
}

func newMeta(t *testing.T) *meta {
	t.Helper()
	m := &meta{posts: map[string][]message{}}
	m.Server = httptest.NewServer(m)
	t.Cleanup(m.Close)
	return m
}

func (m *meta) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodGet {
		m.conversation(w, r.URL.Query().Get("user_id"))
		return
	}
	answer := func(status int, body string) {
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
	var body struct {
		Recipient     struct{ ID string }
		MessagingType string `json:"messaging_type"`
		Message       struct{ Text, Metadata string }
		Action        string `json:"sender_action"`
		Payload       struct{ Reaction string }
	}
	_ = json.NewDecoder(r.Body).Decode(&body)
	psid := body.Recipient.ID
	if strings.HasSuffix(r.URL.Path, "/"+pageID+"/take_thread_control") {
		answer(m.control(psid))
		return
	}
	m.mu.Lock()
	m.posts[psid] = append(m.posts[psid], message{Text: body.Message.Text, Metadata: body.Message.Metadata, Type: body.MessagingType,
		Action: body.Action, Emoji: body.Payload.Reaction, at: time.Now()})
	n := len(m.posts[psid])
	m.mu.Unlock()

	switch kind, _, _ := strings.Cut(psid, "-"); {
	case kind == "gone":
		answer(400, `{"error":{"code":551,"fbtrace_id":"T"}}`)
	case kind == "busy" && n == 1:
		answer(400, `{"error":{"code":80006}}`)
	case kind == "full":
		w.Header().Set("X-App-Usage", `{"call_count":100}`)
		answer(200, `{"recipient_id":"`+psid+`","message_id":"m_full"}`)
	case kind == "always":
		answer(429, `slow down`)
	case kind == "expired":
		answer(401, `{"error":{"code":190,"error_subcode":463}}`)
	case kind == "broken":
		answer(500, `<html>`)
	case kind == "nameless":
		answer(200, `{}`)
	case kind == "reset":
		if conn, _, err := w.(http.Hijacker).Hijack(); err == nil {
			_ = conn.(*net.TCPConn).SetLinger(0)
			_ = conn.Close()
		}
	default:
		answer(200, `{"recipient_id":"`+psid+`","message_id":"m_`+psid+strconv.Itoa(n)+`"}`)
	}
}

// conversation shows the messages of people who got theirs; others' are empty.
func (m *meta) conversation(w http.ResponseWriter, psid string) {
	list := []any{}
	if strings.HasPrefix(psid, "got") || strings.HasPrefix(psid, "nameless") {
		for i, p := range m.posted(psid) {
			list = append(list, map[string]any{"id": "m_" + psid + strconv.Itoa(i+1), "message": p.Text, "from": map[string]any{"id": pageID},
				"created_time": p.at.UTC().Format("2006-01-02T15:04:05-0700")})
		}
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"data": []any{map[string]any{"messages": map[string]any{"data": list}}}})
}

func (m *meta) posted(psid string) []message {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.posts[psid])
}

// house is what several processes of one deployment share.
type house struct {
	t      *testing.T
	meta   *meta
	broker *bustest.Remote
	box    *secret.Box
	dir    *directory.Directory
	bus    *bus.Bus      // of the other services
	off    time.Duration // by which the clocks of its processes are fast
	answer time.Duration // within which Meta answers
	orphan time.Duration
}

func newHouse(t *testing.T) *house {
	t.Helper()
	box, err := secret.New()
	if err != nil {
		t.Fatal(err)
	}
	seal := func(place string) *configv1.Secret {
		s, err := box.Seal(place, "value", 1)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	h := &house{t: t, meta: newMeta(t), broker: bustest.Broker(t), box: box, answer: 20 * time.Second, orphan: config().Orphan}
	h.dir = directory.Fixed(directory.NewSnapshot(
		&configv1.ChannelAccount{Meta: &configv1.Meta{Id: "demo"}, GraphVersion: "v26.0", AppSecret: seal("channelAccounts/demo#app_secret")},
		&configv1.Page{Meta: &configv1.Meta{Id: "shop"}, PageId: pageID, Account: "demo", AccessToken: seal("pages/shop#access_token")}))
	h.bus = h.broker.Open(t, "others")
	return h
}

func (h *house) graph() *graph.Client {
	h.t.Helper()
	c, err := graph.New(graph.Config{BaseURL: h.meta.URL, Timeout: h.answer}, slog.New(slog.DiscardHandler),
		prometheus.NewRegistry(), noop.NewTracerProvider().Tracer(""))
	if err != nil {
		h.t.Fatal(err)
	}
	return c
}

// start runs a process of outbound until the test or stop ends it.
func (h *house) start(instance string) (stop func()) {
	h.t.Helper()
	cfg := config()
	cfg.Orphan = h.orphan
	service, err := outbound.New(cfg, host.Deps{
		Log: slog.New(slog.DiscardHandler), Instance: instance, Bus: h.broker.Open(h.t, instance), Directory: h.dir, Secrets: h.box,
		Graph: h.graph(), Registry: prometheus.NewRegistry(), Tracer: noop.NewTracerProvider().Tracer(""), Health: new(host.Health), Now: func() time.Time { return time.Now().Add(h.off) },
	})
	if err != nil {
		h.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := service.Run(ctx); err != nil {
			h.t.Errorf("%s: %v", instance, err)
		}
	}()
	stop = sync.OnceFunc(func() { cancel(); <-ended })
	h.t.Cleanup(stop)
	return stop
}

func named(psid string) subject.Thread { return subject.Thread{Page: pageID, PSID: psid} }

// ask has the customer write and an agent answer with these parts.
func (h *house) ask(psid string, parts ...string) {
	h.t.Helper()
	h.commit(psid,
		thread.Of(&threadv1.MessageReceived{Mid: "m_in", Text: "hello", SentMs: time.Now().UnixMilli()}),
		thread.Of(&threadv1.ConversationOpened{Id: "c-" + psid, Workstream: "facebook", Units: 1, OfferSeconds: 60}),
		thread.Of(&threadv1.ConversationRouted{Queue: "front"}),
		thread.Of(&threadv1.AgentAssigned{Agent: "mila", Cause: threadv1.Cause_CAUSE_PICKED}),
		thread.Of(&threadv1.SendRequested{Id: "i-" + psid, ClientId: "x-" + psid, Agent: "mila", Parts: parts, Human: true}))
}

func (h *house) commit(psid string, facts ...*threadv1.Fact) {
	h.t.Helper()
	if _, _, err := h.bus.Update(h.t.Context(), named(psid), func(*threadv1.State, uint64) ([]*threadv1.Fact, error) { return facts, nil }); err != nil {
		h.t.Fatal(err)
	}
}

// story waits until the thread's last send fact begins with end, and gives all send
// facts but attempts that came to nothing because a busy machine took more than the
// deadline's five seconds to store them: those are put off and made anew at any time.
func (h *house) story(psid, end string) []string {
	h.t.Helper()
	ctx, cancel := context.WithTimeout(h.t.Context(), patient)
	defer cancel()
	for {
		var facts []string
		for record, err := range h.bus.History(ctx, named(psid), 0) {
			if err != nil {
				h.t.Fatalf("%s: waiting for %q: %v", psid, end, err)
			}
			for _, f := range record.Commit.GetFacts() {
				facts = append(facts, tell(f)...)
			}
		}
		for i := slices.Index(facts, late); i > 0; i = slices.Index(facts, late) {
			facts = slices.Delete(facts, i-1, i+1) // with its attempt
		}
		if len(facts) > 0 && strings.HasPrefix(facts[len(facts)-1], end) {
			return facts
		}
		select {
		case <-ctx.Done():
			h.t.Fatalf("%s: waited for %q, have %q", psid, end, facts)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

const late = "deferred " + attempt.ReasonLate

func tell(f *threadv1.Fact) []string {
	switch k := f.GetKind().(type) {
	case *threadv1.Fact_SendAttempted:
		return []string{"attempted"}
	case *threadv1.Fact_SendSucceeded:
		return []string{"succeeded " + k.SendSucceeded.GetProof() + " " + k.SendSucceeded.GetMid()}
	case *threadv1.Fact_SendRefused:
		return []string{"refused " + k.SendRefused.GetReason()}
	case *threadv1.Fact_SendDeferred:
		return []string{"deferred " + k.SendDeferred.GetReason()}
	case *threadv1.Fact_SendUncertain:
		return []string{"uncertain " + k.SendUncertain.GetReason()}
	case *threadv1.Fact_SendUnconfirmed:
		return []string{"unconfirmed"}
	}
	return nil
}

func TestEveryOutcome(t *testing.T) {
	h := newHouse(t)
	h.start("a")
	for _, c := range []struct {
		psid  string
		want  []string
		posts int
	}{
		{"fine", []string{"attempted", "succeeded answer m_fine1", "attempted", "succeeded answer m_fine2"}, 2},
		{"gone", []string{"attempted", "refused PERSON_UNAVAILABLE"}, 1},
		{"busy", []string{"attempted", "deferred THROTTLED", "attempted", "succeeded answer m_busy2", "attempted", "succeeded answer m_busy3"}, 3},
		{"always", []string{"attempted", "deferred THROTTLED", "attempted", "deferred THROTTLED", "attempted", "refused THROTTLED"}, 3},
		{"broken", []string{"attempted", "uncertain SERVER_ERROR", "unconfirmed"}, 1},
		{"reset", []string{"attempted", "uncertain RESET", "unconfirmed"}, 1},
	} {
		t.Run(c.psid, func(t *testing.T) {
			t.Parallel()
			h := *h
			h.t = t
			h.ask(c.psid, "one", "two")
			got := h.story(c.psid, c.want[len(c.want)-1])
			if !slices.Equal(got, c.want) {
				t.Errorf("facts %q, want %q", got, c.want)
			}
			if posts := h.meta.posted(c.psid); len(posts) != c.posts {
				t.Errorf("%d POSTs, want %d", len(posts), c.posts)
			}
		})
	}
}

// The first send that meets a dead token parks those of the whole page, in every
// process, and says so to whoever checks pages.
func TestADeadTokenParksThePage(t *testing.T) {
	h := newHouse(t)
	stop := h.start("a")
	h.ask("expired", "one")
	if got, want := h.story("expired", "deferred"), []string{"attempted", "deferred PAGE_DISCONNECTED"}; !slices.Equal(got, want) {
		t.Errorf("facts %q, want %q", got, want)
	}
	used := &provisionv1.TokenUsed{}
	h.note(subject.TokenKey(pageID), used)
	if used.GetCode() != 190 || used.GetSubcode() != 463 || used.GetBasis() == "" {
		t.Errorf("noted %v", used)
	}
	h.start("b") // not before: who takes the thread over in that moment may not have heard, and tries it once
	stop()
	h.start("c")
	for i := range 4 { // in several partitions, so in several processes
		psid := "fine-" + strconv.Itoa(i)
		h.ask(psid, "one")
		if got, want := h.story(psid, "deferred"), []string{"deferred PAGE_DISCONNECTED"}; !slices.Equal(got, want) {
			t.Errorf("%s: facts %q, want %q", psid, got, want)
		}
	}
	if n := len(h.meta.posted("expired")); n != 1 {
		t.Errorf("%d POSTs with the dead token", n)
	}
}

// note waits for an entry of PROVISION.
func (h *house) note(at string, m proto.Message) {
	h.t.Helper()
	ctx, cancel := context.WithTimeout(h.t.Context(), patient)
	defer cancel()
	for {
		e, err := h.bus.Bucket(subject.ProvisionBucket).Get(ctx, at)
		if err == nil {
			if err := proto.Unmarshal(e.Value, m); err != nil {
				h.t.Fatal(err)
			}
			return
		}
		select {
		case <-ctx.Done():
			h.t.Fatalf("waited for %s: %v", at, err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func TestTheConversationProvesAnAnswerWithoutName(t *testing.T) {
	h := newHouse(t)
	h.start("a")
	h.ask("nameless", "one")
	want := []string{"attempted", "uncertain UNREADABLE", "succeeded conversation m_nameless1"}
	if got := h.story("nameless", "succeeded"); !slices.Equal(got, want) {
		t.Errorf("facts %q, want %q", got, want)
	}
}

// The process that made the attempt is killed around its POST. Its successor
// finds the open attempt in the log and cannot tell the two cases apart, so it
// asks Meta and never posts.
func TestACrashAroundThePost(t *testing.T) {
	for _, c := range []struct {
		psid string
		post bool // the POST had gone out
		want []string
	}{
		{"got", true, []string{"attempted", "uncertain CRASH", "succeeded conversation m_got1"}},
		{"lost", false, []string{"attempted", "uncertain CRASH", "unconfirmed"}},
	} {
		t.Run(c.psid, func(t *testing.T) {
			h := newHouse(t)
			h.ask(c.psid, "one")
			h.commit(c.psid, thread.Of(&threadv1.SendAttempted{Id: "i-" + c.psid, Attempt: 1, DeadlineMs: time.Now().Add(time.Second).UnixMilli(), MessagingType: "RESPONSE"}))
			posts := 0
			if c.post {
				posts = 1
				page := graph.Page{ID: pageID, Token: secret.NewText("value"), Version: "v26.0"}
				if out := h.graph().Send(t.Context(), page, graph.Message{PSID: c.psid, Text: "one", MessagingType: "RESPONSE"}); out.Class != graph.Sent {
					t.Fatalf("outcome %+v", out)
				}
			}
			h.answer, h.orphan = 2*time.Second, 2500*time.Millisecond // it posts nothing
			h.start("successor")
			if got := h.story(c.psid, c.want[len(c.want)-1]); !slices.Equal(got, c.want) {
				t.Errorf("facts %q, want %q", got, c.want)
			}
			if n := len(h.meta.posted(c.psid)); n != posts {
				t.Errorf("%d POSTs, want %d", n, posts)
			}
		})
	}
}

// A process took a send from the log, let the checkpoint pass it, and died.
func TestASendBelowTheCheckpointIsFound(t *testing.T) {
	h := newHouse(t)
	h.ask("below", "one")
	ctx, cancel := context.WithCancel(t.Context())
	err := h.broker.Open(t, "dead").FollowThreads(ctx, "outbound", func(_ context.Context, r bus.Record) error {
		if r.Thread.PSID == "below" {
			cancel()
		}
		return nil
	})
	if err != nil && ctx.Err() == nil {
		t.Fatal(err)
	}
	h.start("successor")
	if got, want := h.story("below", "succeeded"), []string{"attempted", "succeeded answer m_below1"}; !slices.Equal(got, want) {
		t.Errorf("facts %q, want %q", got, want)
	}
}

func TestTwoProcessesAndAHandOver(t *testing.T) {
	h := newHouse(t)
	stop := h.start("a")
	h.start("b")
	const people = 20
	for i := range people {
		if i == people/2 {
			stop()
		}
		h.ask("p-"+strconv.Itoa(i), "one", "two")
	}
	for i := range people {
		psid := "p-" + strconv.Itoa(i)
		want := []string{"attempted", "succeeded answer m_" + psid + "1", "attempted", "succeeded answer m_" + psid + "2"}
		if got := h.story(psid, want[3]); !slices.Equal(got, want) {
			t.Errorf("%s: facts %q, want %q", psid, got, want)
		}
		if posts := h.meta.posted(psid); len(posts) != 2 || posts[0].Text != "one" || posts[1].Text != "two" {
			t.Errorf("%s: POSTs %+v", psid, posts)
		}
	}
}

func TestSettingsThatCannotWork(t *testing.T) {
	good := config()
	if err := good.Validate(); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*outbound.Config){
		"no start":        func(c *outbound.Config) { c.Start = 0 },
		"no attempts":     func(c *outbound.Config) { c.Attempts = 0 },
		"backoff shrinks": func(c *outbound.Config) { c.BackoffMax = c.Backoff / 2 },
		"park too long":   func(c *outbound.Config) { c.Park = c.Patience + 1 },
		"no room":         func(c *outbound.Config) { c.Room = 0 },
		"never a failure": func(c *outbound.Config) { c.Failures = 0 },
		"orphans too old": func(c *outbound.Config) { c.Orphan = c.Echo + c.Check },
	} {
		t.Run(name, func(t *testing.T) {
			c := config()
			change(&c)
			if c.Validate() == nil {
				t.Error("accepted")
			}
		})
	}
}

// A request that may still be answered is nobody's orphan.
func TestOrphansOutlastARequest(t *testing.T) {
	h := newHouse(t)
	c := config()
	c.Orphan = h.answer
	_, err := outbound.New(c, host.Deps{Directory: h.dir, Secrets: h.box, Graph: h.graph(), Registry: prometheus.NewRegistry(), Health: new(host.Health)})
	f := new(fault.Error)
	if !errors.As(err, &f) || len(f.Violations) != 1 || f.Violations[0].Field != "orphan" || !strings.Contains(f.Violations[0].Description, "graph.timeout (20s), is 20s") {
		t.Fatalf("error %v", err)
	}
}
