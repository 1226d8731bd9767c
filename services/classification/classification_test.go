package classification_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/parley-desk/parley/pkg/bus"
	"github.com/parley-desk/parley/pkg/bus/bustest"
	"github.com/parley-desk/parley/pkg/contact"
	"github.com/parley-desk/parley/pkg/directory"
	"github.com/parley-desk/parley/pkg/graph"
	"github.com/parley-desk/parley/pkg/host"
	"github.com/parley-desk/parley/pkg/secret"
	"github.com/parley-desk/parley/pkg/thread"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
	inboundv1 "github.com/parley-desk/parley/proto/gen/parley/inbound/v1"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
	"github.com/parley-desk/parley/proto/subject"
	"github.com/parley-desk/parley/services/classification"
)

const (
	shop = "1020304050607080"
	psid = "7409218844331520"
)

var customer = subject.Thread{Page: shop, PSID: psid}

// house is a running classification over a log of its own and a stand-in for Meta.
type house struct {
	contacts *contact.Finder
	bus      *bus.Bus
	box      *secret.Box
	config   chan bus.Entry
	version  uint64 // of the directory
	now      func() *directory.Snapshot
	meta     atomic.Pointer[http.HandlerFunc]
	url      string        // of the stand-in for Meta
	stop     func()        // ends the process
	wait     time.Duration // for a name
	registry *prometheus.Registry
}

// counted is what a counter of the process stands at, its labels together.
func (h *house) counted(t *testing.T, name string) (sum float64) {
	t.Helper()
	families, err := h.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if f.GetName() == name {
				sum += m.GetCounter().GetValue()
			}
		}
	}
	return sum
}

// Watch makes the house the source of its directory.
func (h *house) Watch(ctx context.Context, ready func(), handle func(bus.Entry)) error {
	ready()
	for {
		select {
		case e := <-h.config:
			handle(e)
		case <-ctx.Done():
			return nil
		}
	}
}

// set writes resources as one change of the directory, and waits for it.
func (h *house) set(t *testing.T, resources ...directory.Resource) {
	t.Helper()
	for _, r := range resources {
		value, err := directory.Encode(r)
		if err != nil {
			t.Fatal(err)
		}
		h.config <- bus.Entry{Key: directory.Key(r), Value: value}
	}
	before := h.now()
	h.version++
	marker, err := directory.EncodeVersion(&configv1.ConfigVersion{Number: h.version})
	if err != nil {
		t.Fatal(err)
	}
	h.config <- bus.Entry{Key: directory.Marker, Value: marker}
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for h.now() == before {
		select {
		case <-t.Context().Done():
			t.Fatal("the directory does not change")
		case <-tick.C:
		}
	}
}

func (h *house) seal(t *testing.T, place, value string) *configv1.Secret {
	t.Helper()
	s, err := h.box.Seal(place, value, 1)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func start(t *testing.T) *house { t.Helper(); return startWith(t, 30*time.Second) }

// startWith starts one that waits so long for a name; for longer than a busy machine
// takes, where the name comes.
func startWith(t *testing.T, wait time.Duration) *house {
	t.Helper()
	box, err := secret.New()
	if err != nil {
		t.Fatal(err)
	}
	h := &house{bus: bustest.Open(t), box: box, config: make(chan bus.Entry), wait: wait}
	h.contacts = contact.NewFinder(h.bus, time.Now)
	h.answer(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"first_name":"Vesela","last_name":"Ivanova","id":"`+psid+`"}`)
	})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { (*h.meta.Load())(w, r) }))
	t.Cleanup(server.Close)
	h.url = server.URL
	h.stop = h.run(t)
	return h
}

// run starts a process of classification, which ends with the test or by stop.
func (h *house) run(t *testing.T) (stop func()) {
	t.Helper()
	log, registry, tracer := slog.New(slog.DiscardHandler), prometheus.NewRegistry(), noop.NewTracerProvider().Tracer("test")
	h.registry = registry
	client, err := graph.New(graph.Config{BaseURL: h.url}, log, registry, tracer)
	if err != nil {
		t.Fatal(err)
	}
	d := directory.Follow(h)
	h.now = d.Now
	service, err := classification.New(classification.Config{ProfileWait: h.wait, RoomWait: 30 * time.Second, ProfileAge: time.Hour}, host.Deps{
		Log: log, Bus: h.bus, Directory: d, Secrets: h.box, Graph: client, Registry: registry, Tracer: tracer,
		Health: &host.Health{}, Now: time.Now, Contacts: h.contacts,
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 2)
	go func() { done <- d.Run(ctx) }()
	go func() { done <- service.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		running := ctx.Err() == nil
		cancel()
		for range 2 {
			if err := <-done; err != nil && running {
				t.Errorf("ended with %v", err)
			}
		}
	})
	t.Cleanup(stop)
	return stop
}

func (h *house) answer(f http.HandlerFunc) { h.meta.Store(&f) }

// furnish is the directory with a page, its workstream and a queue with an agent.
func (h *house) furnish(t *testing.T) []directory.Resource {
	return []directory.Resource{
		&configv1.ChannelAccount{Meta: &configv1.Meta{Id: "demo"}, AppSecret: h.seal(t, "channelAccounts/demo#app_secret", "app-secret"), GraphVersion: "v26.0"},
		&configv1.Page{Meta: &configv1.Meta{Id: "shop"}, PageId: shop, Account: "demo", Workstream: "facebook",
			AccessToken: h.seal(t, "pages/shop#access_token", "page-token")},
		&configv1.Workstream{Meta: &configv1.Meta{Id: "facebook"}, Queue: "front", Units: 2, OfferSeconds: 30, MessageTag: true},
		&configv1.Queue{Meta: &configv1.Meta{Id: "front"}, Agents: []string{"mila"}},
	}
}

// say stores a message of the customer, as ingress would.
func (h *house) say(t *testing.T, mid string) {
	t.Helper()
	now := time.Now().UnixMilli()
	raw := fmt.Sprintf(`{"sender":{"id":%q},"recipient":{"id":%q},"timestamp":%d,"message":{"mid":%q,"text":"Здравейте"}}`, psid, shop, now, mid)
	h.store(t, raw, now)
}

func (h *house) store(t *testing.T, raw string, now int64) {
	t.Helper()
	err := h.bus.PublishInbound(t.Context(), []*inboundv1.Event{{Account: "demo", Page: shop, Psid: psid,
		Lane: inboundv1.Lane_LANE_MESSAGING, Raw: []byte(raw), ReceivedMs: now}})
	if err != nil {
		t.Fatal(err)
	}
}

// await reads the customer's thread until it is as it should be.
func (h *house) await(t *testing.T, what string, done func(*threadv1.State) bool) *threadv1.State {
	t.Helper()
	return h.awaitAt(t, customer, what, done)
}

func (h *house) awaitAt(t *testing.T, at subject.Thread, what string, done func(*threadv1.State) bool) *threadv1.State {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		s, _, err := h.bus.Load(ctx, at)
		if err == nil && done(s) {
			return s
		}
		select {
		case <-ctx.Done():
			t.Fatalf("it did not come to this: %s; the thread is %v, error %v", what, s, err)
		case <-tick.C:
		}
	}
}

func routed(s *threadv1.State) bool { return s.GetConversation().GetQueue() != "" }

// facts counts the facts of the customer's thread by their kind.
func (h *house) facts(t *testing.T) map[string]int {
	t.Helper()
	count := map[string]int{}
	for rec, err := range h.bus.History(t.Context(), customer, 0) {
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range rec.Commit.GetFacts() {
			r := f.ProtoReflect()
			count[string(r.WhichOneof(r.Descriptor().Oneofs().ByName("kind")).Name())]++
		}
	}
	return count
}

func (h *house) commits(t *testing.T) (n int) {
	t.Helper()
	for _, err := range h.bus.History(t.Context(), customer, 0) {
		if err != nil {
			t.Fatal(err)
		}
		n++
	}
	return n
}

// S39: a workstream works without a bot, and without a rule (S37).
func TestCustomerIsFiledNamedAndRouted(t *testing.T) {
	h := start(t)
	h.set(t, h.furnish(t)...)
	h.say(t, "m1")
	s := h.await(t, "routed", routed)
	c := s.GetConversation()
	if c.GetQueue() != "front" || c.GetUnits() != 2 || c.GetOfferSeconds() != 30 || !c.GetMessageTag() || c.GetWorkstream() != "facebook" {
		t.Errorf("conversation: %v", c)
	}
	if s.GetCustomer().GetName() != "Vesela Ivanova" || s.GetUnanswered() != 1 {
		t.Errorf("state: %v", s)
	}
	// Every stage reads every commit, so what is known together is written together.
	if commits := h.commits(t); commits != 1 {
		t.Errorf("it took %d commits to file the message and route the conversation", commits)
	}
	// Meta sends everything twice, and then something new.
	h.say(t, "m1")
	h.say(t, "m2")
	h.await(t, "the second message", func(s *threadv1.State) bool { return s.GetUnanswered() == 2 })
	if got := h.facts(t); got["message_received"] != 2 || got["conversation_opened"] != 1 || got["conversation_routed"] != 1 {
		t.Errorf("facts: %v", got)
	}
}

// A mid is one message of one page: Meta may use it again on another, and a
// customer may even have the same id there.
func TestSameMidOnTwoPagesIsTwoMessages(t *testing.T) {
	h := start(t)
	const outlet = "2020304050607080"
	h.set(t, append(h.furnish(t), &configv1.Page{Meta: &configv1.Meta{Id: "outlet"}, PageId: outlet, Account: "demo", Workstream: "facebook"})...)
	now := time.Now().UnixMilli()
	var all []*inboundv1.Event
	for _, mid := range []string{"m1", "m1", "last"} { // Meta sends the first twice
		for _, page := range []string{shop, outlet} {
			all = append(all, &inboundv1.Event{Account: "demo", Page: page, Psid: psid, Lane: inboundv1.Lane_LANE_MESSAGING, ReceivedMs: now,
				Raw: fmt.Appendf(nil, `{"sender":{"id":%q},"recipient":{"id":%q},"timestamp":%d,"message":{"mid":%q,"text":"%[4]s at %[2]s"}}`, psid, page, now, mid)})
		}
	}
	if err := h.bus.PublishInbound(t.Context(), all); err != nil {
		t.Fatal(err)
	}
	for _, page := range []string{shop, outlet} {
		at := subject.Thread{Page: page, PSID: psid}
		h.awaitAt(t, at, "the last message", func(s *threadv1.State) bool { return routed(s) && thread.Seen(s, "m:last") })
		var texts []string
		for rec, err := range h.bus.History(t.Context(), at, 0) {
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range rec.Commit.GetFacts() {
				if m := f.GetMessageReceived(); m != nil {
					texts = append(texts, m.GetText())
				}
			}
		}
		if want := []string{"m1 at " + page, "last at " + page}; !slices.Equal(texts, want) {
			t.Errorf("page %s has %q, want %q", page, texts, want)
		}
	}
}

func TestNameDoesNotHoldUpRouting(t *testing.T) {
	for name, answer := range map[string]http.HandlerFunc{
		"refused":   func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadRequest) },
		"no answer": func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
	} {
		t.Run(name, func(t *testing.T) {
			h := startWith(t, 300*time.Millisecond)
			h.answer(answer)
			h.set(t, h.furnish(t)...)
			h.say(t, "m1")
			if s := h.await(t, "routed", routed); s.GetCustomer().GetName() != "" || s.GetCustomer().GetFetchedMs() == 0 {
				t.Errorf("customer: %v", s.GetCustomer())
			}
		})
	}
}

// A conversation with nowhere to go is not lost: it is routed when an
// administrator has made the place.
func TestRoutingWaitsForTheDirectory(t *testing.T) {
	h := start(t)
	all := h.furnish(t)
	h.set(t, all[0], &configv1.Page{Meta: &configv1.Meta{Id: "shop"}, PageId: shop, Account: "demo"})
	h.say(t, "m1")
	s := h.await(t, "opened", func(s *threadv1.State) bool { return s.GetConversation() != nil })
	if routed(s) {
		t.Fatalf("routed to %q", s.GetConversation().GetQueue())
	}
	h.set(t, all[1:3]...) // a workstream, but not its queue
	h.set(t, all[3])
	s = h.await(t, "routed", routed)
	if got := s.GetConversation(); got.GetQueue() != "front" || got.GetRoutedBy() != "workstream facebook" {
		t.Errorf("conversation: %v", got)
	}
}

// The process that knew of it dies; the next one finds it in the log.
func TestRoutingAfterTheProcessThatWaitedDied(t *testing.T) {
	h := start(t)
	all := h.furnish(t)
	h.set(t, all[0], &configv1.Page{Meta: &configv1.Meta{Id: "shop"}, PageId: shop, Account: "demo"})
	h.say(t, "m1")
	h.await(t, "opened", func(s *threadv1.State) bool { return s.GetConversation() != nil })
	h.stop()
	h.run(t)
	h.set(t, all...)
	h.await(t, "routed", routed)
}

// Nobody is forgotten in a queue that is deleted: who waits there goes where the
// rules send them now, and who comes back to it later does, too. One that the
// directory has not heard of yet is not taken for deleted.
func TestNobodyIsLeftInAQueueThatIsDeleted(t *testing.T) {
	h := start(t)
	resources := h.ruled(t, nil, []*configv1.RoutingRule{{Name: "night", Queues: shares("night")}}, "night", "back")
	h.set(t, resources...)
	h.say(t, "m1")
	h.await(t, "routed", func(s *threadv1.State) bool { return s.GetConversation().GetQueue() == "night" })
	routes := &configv1.Ruleset{Meta: &configv1.Meta{Id: "routes"}, Route: []*configv1.RoutingRule{{Name: "back", Queues: shares("back")}}}
	h.config <- bus.Entry{Key: "queues.night"}
	h.set(t, routes)
	s := h.await(t, "routed anew", func(s *threadv1.State) bool { return s.GetConversation().GetQueue() == "back" })
	if c := s.GetConversation(); c.GetRoutedBy() != "routes/back" || c.GetVersion() != h.now().Version {
		t.Errorf("conversation: %v", c)
	}
	commit := func(at subject.Thread, facts ...*threadv1.Fact) {
		t.Helper()
		if _, _, err := h.bus.Update(t.Context(), at, func(*threadv1.State, uint64) ([]*threadv1.Fact, error) { return facts, nil }); err != nil {
			t.Fatal(err)
		}
	}
	into := func(queue string) *threadv1.Fact {
		return thread.Of(&threadv1.ConversationRouted{Queue: queue, Rule: "transfer: boss"})
	}
	value, err := directory.Encode(&configv1.Queue{Meta: &configv1.Meta{Id: "new"}})
	if err != nil {
		t.Fatal(err)
	}
	if err := h.bus.Bucket(subject.ConfigBucket).Write(t.Context(), bus.Write{Key: "queues.new", Value: value, Revision: bus.AnyRevision}); err != nil {
		t.Fatal(err)
	}
	other := subject.Thread{Page: shop, PSID: "8000001"}
	commit(other, thread.Of(&threadv1.ConversationOpened{Id: "c", Workstream: "facebook", Units: 1}), into("new"))
	for range 3 { // by desks that have not heard of it
		commit(customer, into("night"))
		h.await(t, "routed anew", func(s *threadv1.State) bool { return s.GetConversation().GetQueue() == "back" })
	}
	if s, _, err := h.bus.Load(t.Context(), other); err != nil || s.GetConversation().GetQueue() != "new" {
		t.Errorf("who is in a queue that is new: %v, %v", s.GetConversation(), err)
	}
}

// S36: a page that nobody connected keeps what its customers say, and opens nothing.
func TestPageThatIsNotOurs(t *testing.T) {
	h := start(t)
	h.say(t, "m1")
	s := h.await(t, "kept", func(s *threadv1.State) bool { return s.GetUnanswered() == 1 })
	if s.GetConversation() != nil {
		t.Errorf("conversation: %v", s.GetConversation())
	}
}

// Meta repeats for days; by then the thread's state may have forgotten.
func TestRepetitionThatTheStateHasForgotten(t *testing.T) {
	h := start(t)
	h.set(t, h.furnish(t)...)
	now := time.Now().UnixMilli()
	item := func(mid string, at int64) string {
		return fmt.Sprintf(`{"sender":{"id":%q},"recipient":{"id":%q},"timestamp":%d,"message":{"mid":%q}}`, psid, shop, at, mid)
	}
	h.store(t, item("first", now), now)
	for i := range 130 {
		h.store(t, item(fmt.Sprint("m", i), now+int64(i)), now)
	}
	h.await(t, "all of them", func(s *threadv1.State) bool { return s.GetUnanswered() == 131 })
	h.store(t, item("first", now), now)
	h.store(t, item("late", now), now)
	s := h.await(t, "the one that is new", func(s *threadv1.State) bool { return thread.Seen(s, "m:late") })
	if s.GetUnanswered() != 132 {
		t.Errorf("%d messages, want 132", s.GetUnanswered())
	}
}

func TestSettings(t *testing.T) {
	for _, c := range []struct {
		cfg  classification.Config
		want string
	}{
		{classification.Config{ProfileWait: 2 * time.Second, RoomWait: time.Second, ProfileAge: time.Hour}, ""},
		{classification.Config{ProfileAge: time.Hour}, "settings"},
		{classification.Config{ProfileWait: time.Hour, RoomWait: time.Second, ProfileAge: time.Hour}, "settings"},
		{classification.Config{ProfileWait: time.Second}, "settings"},
	} {
		err := c.cfg.Validate()
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v", c.cfg, err)
		}
	}
}
