package engagement_test

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/parley-desk/parley/pkg/bus"
	"github.com/parley-desk/parley/pkg/bus/bustest"
	"github.com/parley-desk/parley/pkg/directory"
	"github.com/parley-desk/parley/pkg/host"
	"github.com/parley-desk/parley/pkg/thread"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
	"github.com/parley-desk/parley/proto/subject"
	"github.com/parley-desk/parley/services/engagement"
)

var ivan = subject.Thread{Page: "10", PSID: "7000000000000001"}

// run has the service live on a bus, by a clock that is ahead, until the test or
// what it gives ends it.
func run(t *testing.T, b *bus.Bus, ahead *atomic.Int64) (stop func()) {
	t.Helper()
	rule := &configv1.TimeOutRule{Name: "nudge", Silence: configv1.Silence_SILENCE_CUSTOMER, Minutes: 60, FallbackLanguage: "en",
		CustomerTexts: []*configv1.LocalText{{Language: "en", Text: "Are you there?"}}}
	service, err := engagement.New(engagement.Config{Parallel: 4, MessageKeep: time.Hour, PlaceAfter: time.Minute, PlaceGap: time.Minute, PlaceLook: time.Minute}, host.Deps{
		Bus: b, Log: slog.New(slog.DiscardHandler), Registry: prometheus.NewRegistry(), Health: &host.Health{},
		Directory: directory.Fixed(directory.NewSnapshot(&configv1.Workstream{Meta: &configv1.Meta{Id: "front"}, TimeOutRules: []*configv1.TimeOutRule{rule}})),
		Now:       func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) },
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var life sync.WaitGroup
	life.Go(func() {
		if err := service.Run(ctx); err != nil {
			t.Errorf("it ended with %v", err)
		}
	})
	end := sync.OnceFunc(func() { cancel(); life.Wait() })
	t.Cleanup(end)
	return end
}

func commit(t *testing.T, b *bus.Bus, kinds ...any) {
	t.Helper()
	_, _, err := b.Update(t.Context(), ivan, func(*threadv1.State, uint64) ([]*threadv1.Fact, error) {
		var facts []*threadv1.Fact
		for _, k := range kinds {
			facts = append(facts, thread.Of(k))
		}
		return facts, nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// await waits until the thread stands as wanted.
func await(t *testing.T, b *bus.Bus, what string, ok func(*threadv1.State) bool) {
	t.Helper()
	deadline := time.After(time.Minute)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		s, _, err := b.Load(t.Context(), ivan)
		if err != nil {
			t.Fatal(err)
		}
		if ok(s) {
			return
		}
		select {
		case <-deadline:
			t.Fatalf("waited in vain for %s: %v", what, s)
		case <-tick.C:
		}
	}
}

// TestOnTheLog: over a real log a rule sends, and after a death of the service the
// next one, which begins with nothing, closes what fell due meanwhile.
func TestOnTheLog(t *testing.T) {
	b, ahead := bustest.Open(t), &atomic.Int64{}
	stop := run(t, b, ahead)
	commit(t, b, &threadv1.MessageReceived{Mid: "m", Text: "hi", SentMs: time.Now().UnixMilli()},
		&threadv1.ConversationOpened{Id: "c1", Workstream: "front", Units: 1, OfferSeconds: 60},
		&threadv1.AgentAssigned{Agent: "mila", Cause: threadv1.Cause_CAUSE_ASSIGNED},
		&threadv1.SendRequested{Id: "s", Agent: "mila", Parts: []string{"hello"}, Human: true})
	ahead.Store(int64(61 * time.Minute))
	await(t, b, "the message of the rule", func(s *threadv1.State) bool {
		return len(s.GetSends()) == 2 && s.GetConversation().GetToldMinutes() == 60
	})
	stop()
	ahead.Store(int64(31 * 24 * time.Hour))
	run(t, b, ahead)
	await(t, b, "the end", func(s *threadv1.State) bool {
		return s.GetConversation().GetClosedBy() == threadv1.Cause_CAUSE_AUTO_CLOSED
	})
	sent := 0
	for r, err := range b.History(t.Context(), ivan, 0) {
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range r.Commit.GetFacts() {
			if m := f.GetSendRequested(); m != nil && !m.GetHuman() {
				sent++
			}
		}
	}
	if sent != 1 {
		t.Errorf("the rule spoke %d times in one silence", sent)
	}
	// After Closed the next message begins another conversation in the thread.
	commit(t, b, &threadv1.MessageReceived{Mid: "m2", Text: "hi", SentMs: time.Now().UnixMilli()},
		&threadv1.ConversationOpened{Id: "c2", Workstream: "front", Units: 1, OfferSeconds: 60})
	await(t, b, "another conversation", func(s *threadv1.State) bool { return s.GetConversation().GetId() == "c2" && s.GetConversations() == 2 })
}
