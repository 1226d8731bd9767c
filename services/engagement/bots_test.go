package engagement_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/parley-desk/parley/pkg/bus"
	"github.com/parley-desk/parley/pkg/bus/bustest"
	"github.com/parley-desk/parley/pkg/directory"
	"github.com/parley-desk/parley/pkg/host"
	"github.com/parley-desk/parley/pkg/secret"
	"github.com/parley-desk/parley/pkg/thread"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
	"github.com/parley-desk/parley/proto/subject"
	"github.com/parley-desk/parley/services/engagement"
)

// station is a workstream with a bot that may take longer than a hand-over waits and a
// busy machine needs, and processes of engagement that know it.
type station struct {
	t     *testing.T
	box   *secret.Box
	world *directory.Snapshot
}

func newStation(t *testing.T, url string) *station {
	box, err := secret.Open(filepath.Join(t.TempDir(), "keyset.json"), true)
	if err != nil {
		t.Fatal(err)
	}
	ws := &configv1.Workstream{Meta: meta("facebook"), Bot: &configv1.Bot{Url: url, LimitSeconds: 30, MaySetVariables: true, MayEnd: true},
		Variables: []*configv1.Variable{{Name: "topic"}}}
	ws.BotSecret, err = box.Seal(directory.Place(ws, "bot_secret"), "a-secret-of-the-bot", 1)
	if err != nil {
		t.Fatal(err)
	}
	return &station{t, box, directory.NewSnapshot(ws, &configv1.Page{Meta: meta("shop"), PageId: "10", Workstream: "facebook"})}
}

// engage runs a process of engagement on b until it is stopped.
func (s *station) engage(b *bus.Bus) (stop func()) {
	s.t.Helper()
	service, err := engagement.New(engagement.Config{Parallel: 4, MessageKeep: time.Minute, PlaceAfter: time.Minute, PlaceGap: time.Minute, PlaceLook: time.Minute, BotLoopback: true},
		host.Deps{Log: slog.New(slog.DiscardHandler), Bus: b, Directory: directory.Fixed(s.world), Secrets: s.box, Registry: prometheus.NewRegistry(), Health: &host.Health{}, Now: time.Now})
	if err != nil {
		s.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(s.t.Context())
	done := make(chan error, 1)
	go func() { done <- service.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			s.t.Errorf("ended with %v", err)
		}
	})
	s.t.Cleanup(stop)
	return stop
}

// opens has a customer begin a conversation that a bot gets.
func opens(t *testing.T, b *bus.Bus, at subject.Thread) {
	t.Helper()
	happen(t, b, at, wrote(), &threadv1.ConversationOpened{Id: "c" + at.PSID, Workstream: "facebook", Units: 1, Bot: true})
}

// comes waits until a thread has come to where until says, and gives all facts.
func comes(t *testing.T, b *bus.Bus, at subject.Thread, until func(*threadv1.State) bool) (facts []*threadv1.Fact) {
	t.Helper()
	deadline, tick := time.After(time.Minute), time.NewTicker(5*time.Millisecond)
	defer tick.Stop()
	for {
		s, _, err := b.Load(t.Context(), at)
		if err != nil {
			t.Fatal(err)
		}
		if until(s) {
			break
		}
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("it came to %v", s)
		}
	}
	for r, err := range b.History(t.Context(), at, 0) {
		if err != nil {
			t.Fatal(err)
		}
		facts = append(facts, r.Commit.GetFacts()...)
	}
	return facts
}

// texts are those of the bot's messages.
func texts(facts []*threadv1.Fact) (all []string) {
	for _, f := range facts {
		if f.GetSendRequested().GetBot() != nil {
			all = append(all, f.GetSendRequested().GetParts()...)
		}
	}
	return all
}

func escalation(facts []*threadv1.Fact) *threadv1.BotEscalated {
	for _, f := range facts {
		if e := f.GetBotEscalated(); e != nil {
			return e
		}
	}
	return nil
}

func owesNothing(s *threadv1.State) bool {
	_, _, owes := thread.BotOwes(s.GetConversation())
	return !owes
}

// counting answers every request with its number in the conversation, as "1", "2".
func counting() (handler http.HandlerFunc, heard func() map[string]int) {
	var mu sync.Mutex
	asked := map[string]int{}
	return func(w http.ResponseWriter, r *http.Request) {
			var in struct {
				ID    string
				Event struct{ Text string }
			}
			_ = json.NewDecoder(r.Body).Decode(&in)
			mu.Lock()
			asked[in.ID]++
			mu.Unlock()
			_, _ = fmt.Fprintf(w, `{"version":1,"messages":[{"text":"%s: first"},{"text":"%s: second"}]}`, in.Event.Text, in.Event.Text)
		}, func() map[string]int {
			mu.Lock()
			defer mu.Unlock()
			return asked
		}
}

// TestABotAnswersInOrderAndOnce: processes come and go while customers write on;
// each of their messages is answered once, in the order in which it was written.
func TestABotAnswersInOrderAndOnce(t *testing.T) {
	handler, heard := counting()
	server := httptest.NewServer(handler)
	defer server.Close()
	broker := bustest.Broker(t)
	one, two := broker.Open(t, "one"), broker.Open(t, "two")
	s := newStation(t, server.URL)
	s.engage(one)
	const people, messages = 6, 5
	who := func(i int) subject.Thread { return subject.Thread{Page: "10", PSID: fmt.Sprint(100 + i)} }
	for i := range people {
		opens(t, one, who(i))
	}
	for n := range messages {
		stop := s.engage(two)
		for i := range people {
			happen(t, one, who(i), &threadv1.MessageReceived{Mid: fmt.Sprint("m", n), Text: fmt.Sprint(n), SentMs: time.Now().UnixMilli()})
		}
		stop()
	}
	want := []string{"hello: first", "hello: second"}
	for n := range messages {
		want = append(want, fmt.Sprint(n, ": first"), fmt.Sprint(n, ": second"))
	}
	for i := range people {
		if got := texts(comes(t, one, who(i), owesNothing)); !slices.Equal(got, want) {
			t.Errorf("%q, want %q", got, want)
		}
	}
	if got := len(heard()); got != people*(messages+1) {
		t.Errorf("asked under %d ids, want %d", got, people*(messages+1))
	}
}

// TestEveryFailureMakesItAnAgents: however a bot fails, an agent gets the
// conversation with the reason.
func TestEveryFailureMakesItAnAgents(t *testing.T) {
	behave := map[string]http.HandlerFunc{
		"BOT_REASON_ASKED": func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, `{"version":1,"variables":{"topic":"orders"},"then":"escalate","summary":"wants a refund"}`)
		},
		"BOT_REASON_LATE":        func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
		"BOT_REASON_FAILED":      func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) },
		"BOT_REASON_BAD_ANSWER":  func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "<html>") },
		"BOT_REASON_TOO_LARGE":   func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(make([]byte, 10<<20)) },
		"BOT_REASON_UNREACHABLE": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
	}
	for want, handler := range behave {
		t.Run(want, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body)
				handler(w, r)
			}))
			defer server.Close()
			b := bustest.Open(t)
			s := newStation(t, server.URL)
			if want == "BOT_REASON_LATE" { // any other bot has all the time that a busy machine takes
				s.world.Workstreams["facebook"].Bot.LimitSeconds = 2
			}
			s.engage(b)
			at := subject.Thread{Page: "10", PSID: "7"}
			opens(t, b, at)
			got := escalation(comes(t, b, at, func(s *threadv1.State) bool { return !thread.BotHas(s.GetConversation()) }))
			if got.GetReason().String() != want || got.GetReason() != threadv1.BotReason_BOT_REASON_ASKED && got.GetDetail() == "" {
				t.Errorf("%v, want %s", got, want)
			}
			now, _, _ := b.Load(t.Context(), at)
			if want == "BOT_REASON_ASKED" && now.GetConversation().GetVariables()["topic"] != "orders" {
				t.Errorf("what it found out is lost: %v", now.GetConversation())
			}
		})
	}
}

// TestWhatComesTooLateIsDropped: an agent has the conversation by the time the bot
// answers; the customer reads nothing of it, and it is noted.
func TestWhatComesTooLateIsDropped(t *testing.T) {
	b, at := bustest.Open(t), subject.Thread{Page: "10", PSID: "7"}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		happen(t, b, at, &threadv1.AgentAssigned{Agent: "mila", Cause: threadv1.Cause_CAUSE_ASSIGNED, By: "boss"})
		_, _ = io.WriteString(w, `{"version":1,"messages":[{"text":"too late"}]}`)
	}))
	defer server.Close()
	newStation(t, server.URL).engage(b)
	opens(t, b, at)
	facts := comes(t, b, at, func(s *threadv1.State) bool { return len(s.GetConversation().GetBot().GetAsks()) == 0 })
	if got := texts(facts); len(got) > 0 || facts[len(facts)-1].GetBotDropped() == nil {
		t.Errorf("%q, and then %v", got, facts[len(facts)-1])
	}
}

// TestABotDiesBetween: the process is stopped after the bot has got the request and
// before its answer is there. Whoever comes next asks under the same id, and the
// customer reads one answer.
func TestABotDiesBetween(t *testing.T) {
	var mu sync.Mutex
	var ids []string
	asked := make(chan struct{}, 9)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		mu.Lock()
		ids = append(ids, r.Header.Get("Parley-Request"))
		first := len(ids) == 1
		mu.Unlock()
		asked <- struct{}{}
		if first {
			<-r.Context().Done()
			return
		}
		_, _ = io.WriteString(w, `{"version":1,"messages":[{"text":"here I am"}]}`)
	}))
	defer server.Close()
	b, at := bustest.Open(t), subject.Thread{Page: "10", PSID: "7"}
	s := newStation(t, server.URL)
	stop := s.engage(b)
	opens(t, b, at)
	<-asked
	stop()
	s.engage(b)
	if got := texts(comes(t, b, at, owesNothing)); !slices.Equal(got, []string{"here I am"}) {
		t.Errorf("%q", got)
	}
	mu.Lock()
	defer mu.Unlock()
	if len(ids) < 2 || len(slices.Compact(ids)) != 1 || !strings.HasPrefix(ids[0], "c7:") {
		t.Errorf("asked under %q", ids)
	}
}

// TestABotThatIsGone: the workstream has none any more.
func TestABotThatIsGone(t *testing.T) {
	b, at := bustest.Open(t), subject.Thread{Page: "10", PSID: "7"}
	s := newStation(t, "http://127.0.0.1:1/")
	s.world.Workstreams["facebook"].Bot = nil
	opens(t, b, at)
	s.engage(b)
	got := escalation(comes(t, b, at, func(s *threadv1.State) bool { return !thread.BotHas(s.GetConversation()) }))
	if got.GetReason() != threadv1.BotReason_BOT_REASON_REMOVED {
		t.Errorf("%v", got)
	}
}
