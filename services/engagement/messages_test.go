package engagement_test

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/parley-desk/parley/pkg/bus"
	"github.com/parley-desk/parley/pkg/bus/bustest"
	"github.com/parley-desk/parley/pkg/directory"
	"github.com/parley-desk/parley/pkg/host"
	"github.com/parley-desk/parley/pkg/thread"
	"github.com/parley-desk/parley/pkg/wording"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
	distributionv1 "github.com/parley-desk/parley/proto/gen/parley/distribution/v1"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
	"github.com/parley-desk/parley/proto/subject"
	"github.com/parley-desk/parley/services/engagement"
)

func meta(id string) *configv1.Meta { return &configv1.Meta{Id: id} }

// furnished is a world in which all automated messages are on, in English.
func furnished() *directory.Snapshot {
	w := directory.NewSnapshot(
		&configv1.Agent{Meta: &configv1.Meta{Id: "mila", DisplayName: "Mila"}},
		&configv1.Queue{Meta: meta("front"), Agents: []string{"mila"}},
		&configv1.Workstream{Meta: meta("facebook"), Queue: "front"},
		&configv1.ChannelAccount{Meta: meta("demo")},
		&configv1.Page{Meta: meta("shop"), PageId: "10", Account: "demo", Workstream: "facebook", Language: "en"})
	for n, name := range threadv1.Trigger_name {
		if wording.Settable(threadv1.Trigger(n)) {
			w.Messages[name] = &configv1.AutomatedMessage{Meta: meta(name), Trigger: threadv1.Trigger(n), Active: true}
		}
	}
	return w
}

// process runs engagement on b until it is stopped; registry has its metrics.
func process(t *testing.T, b *bus.Bus, registry *prometheus.Registry) (stop func()) {
	t.Helper()
	service, err := engagement.New(engagement.Config{Parallel: 4, MessageKeep: time.Minute, PlaceAfter: time.Millisecond,
		PlaceGap: time.Millisecond, PlaceLook: 5 * time.Millisecond},
		host.Deps{Log: slog.New(slog.DiscardHandler), Bus: b, Directory: directory.Fixed(furnished()), Registry: registry, Health: &host.Health{}, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- service.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("ended with %v", err)
		}
	})
	t.Cleanup(stop)
	return stop
}

// happen commits facts to a thread.
func happen(t *testing.T, b *bus.Bus, at subject.Thread, kinds ...any) {
	t.Helper()
	_, _, err := b.Update(t.Context(), at, func(*threadv1.State, uint64) (facts []*threadv1.Fact, _ error) {
		for _, k := range kinds {
			facts = append(facts, thread.Of(k))
		}
		return facts, nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// said are the texts of all automated messages of a thread.
func said(t *testing.T, b *bus.Bus, at subject.Thread) (texts []string) {
	t.Helper()
	for r, err := range b.History(t.Context(), at, 0) {
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range r.Commit.GetFacts() {
			if s := f.GetSendRequested(); s.GetAutomated() != nil {
				texts = append(texts, s.GetParts()[0])
			}
		}
	}
	return texts
}

// hears waits until a thread's messages begin as wanted, one after another.
func hears(t *testing.T, b *bus.Bus, at subject.Thread, want ...string) {
	t.Helper()
	deadline, tick := time.After(time.Minute), time.NewTicker(5*time.Millisecond)
	defer tick.Stop()
	for {
		got := said(t, b, at)
		if len(got) == len(want) {
			for i := range want {
				if !strings.HasPrefix(got[i], want[i]) {
					t.Fatalf("said %q, want %q", got, want)
				}
			}
			return
		}
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("said %q, want %q", got, want)
		}
	}
}

func wrote() *threadv1.MessageReceived {
	return &threadv1.MessageReceived{Mid: "m", Text: "hello", SentMs: time.Now().UnixMilli()}
}

// Two processes, one of which stops and comes again while conversations go on:
// each customer reads everything once.
func TestProcessesComeAndGo(t *testing.T) {
	broker := bustest.Broker(t)
	one, two := broker.Open(t, "one"), broker.Open(t, "two")
	process(t, one, prometheus.NewRegistry())
	const people = 12
	who := func(i int) subject.Thread { return subject.Thread{Page: "10", PSID: fmt.Sprint(100 + i)} }
	steps := []func(at subject.Thread){
		func(at subject.Thread) {
			happen(t, one, at, wrote(), &threadv1.ConversationOpened{Id: "c" + at.PSID, Workstream: "facebook", Units: 1})
		},
		func(at subject.Thread) {
			happen(t, one, at, &threadv1.ConversationRouted{Queue: "front"})
			happen(t, one, at, &threadv1.AgentAssigned{Agent: "mila", Cause: threadv1.Cause_CAUSE_PICKED})
		},
		func(at subject.Thread) { happen(t, one, at, &threadv1.ConversationEnded{Agent: "mila"}) },
		func(at subject.Thread) {
			happen(t, one, at, &threadv1.ConversationClosed{Cause: threadv1.Cause_CAUSE_WRAPPED_UP, By: "mila"})
		},
	}
	for _, step := range steps {
		stop := process(t, two, prometheus.NewRegistry())
		for i := range people {
			step(who(i))
		}
		stop()
	}
	for i := range people {
		hears(t, one, who(i), "This conversation is recorded", "Hello!", "Mila has joined", "Mila has ended", "This conversation is closed")
	}
	again := process(t, two, prometheus.NewRegistry())
	happen(t, one, who(0), wrote())
	again()
	if got := said(t, one, who(0)); len(got) != 5 {
		t.Errorf("said %q", got)
	}
}

// Customers who wait are told their places as distribution tells them, ever
// nearer; that it is away for a while holds nothing up.
func TestPlacesAreTold(t *testing.T) {
	b := bustest.Open(t)
	registry := prometheus.NewRegistry()
	var place atomic.Int32
	place.Store(3)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	process(t, b, registry)
	at := subject.Thread{Page: "10", PSID: "7"}
	happen(t, b, at, wrote(), &threadv1.ConversationOpened{Id: "c", Workstream: "facebook", Units: 1}, &threadv1.ConversationRouted{Queue: "front"})
	const notice, hello = "This conversation is recorded", "Hello!"
	hears(t, b, at, notice, hello)
	go func() { // distribution comes
		_ = bus.Serve(ctx, b, "distribution.position", func(_ context.Context, r *distributionv1.PositionRequest) (*distributionv1.PositionResponse, error) {
			out := &distributionv1.PositionResponse{}
			for range r.GetThreads() {
				out.Positions = append(out.Positions, &distributionv1.Position{Queue: "front", Position: place.Load()})
			}
			return out, nil
		})
	}()
	hears(t, b, at, notice, hello, "You are number 3 in line.")
	place.Store(4)
	happen(t, b, at, wrote())
	place.Store(2)
	hears(t, b, at, notice, hello, "You are number 3 in line.", "You are number 2 in line.")
	place.Store(1)
	hears(t, b, at, notice, hello, "You are number 3 in line.", "You are number 2 in line.", "You are next in line.")
	await(t, b, "four triggers that are counted, each after its words are there", func(*threadv1.State) bool {
		n, err := testutil.GatherAndCount(registry, "parley_engagement_messages_total")
		return err == nil && n == 4
	})
}

// Settings that cannot work are refused with their names.
func TestSettings(t *testing.T) {
	good := engagement.Config{Parallel: 1, MessageKeep: 1, PlaceAfter: 1, PlaceGap: 1, PlaceLook: 1}
	if err := good.Validate(); err != nil {
		t.Fatal(err)
	}
	for field, change := range map[string]func(c *engagement.Config){
		"parallel": func(c *engagement.Config) { c.Parallel = 0 }, "message_keep": func(c *engagement.Config) { c.MessageKeep = 0 },
		"place_after": func(c *engagement.Config) { c.PlaceAfter = -1 }, "place_gap": func(c *engagement.Config) { c.PlaceGap = 0 },
		"place_look": func(c *engagement.Config) { c.PlaceLook = 0 },
	} {
		c := good
		change(&c)
		if err := c.Validate(); err == nil || !strings.Contains(err.Error(), "engagement."+field) {
			t.Errorf("%s: %v", field, err)
		}
	}
}
