package drive_test

import (
	"context"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/parley-desk/parley/pkg/bus"
	"github.com/parley-desk/parley/pkg/directory"
	"github.com/parley-desk/parley/pkg/graph"
	"github.com/parley-desk/parley/pkg/thread"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
	"github.com/parley-desk/parley/proto/subject"
	"github.com/parley-desk/parley/services/outbound/internal/drive"
)

func expect(t *testing.T, log *memory, want ...string) {
	t.Helper()
	if got := log.facts(); !slices.Equal(got, want) {
		t.Errorf("facts\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestPartsGoOneAfterAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		box := keys(t)
		log := newMemory(asked([]string{"one", "two"}, []string{"three"})...)
		meta := &meta{answer: func(n int, _ graph.Message) graph.Outcome {
			time.Sleep(time.Second)
			return sent("m" + strconv.Itoa(n))
		}}
		stop := process(t, log, meta, connected(t, box), box)
		time.Sleep(10 * time.Second)
		stop()
		expect(t, log, "attempted", "succeeded answer", "attempted", "succeeded answer", "attempted", "succeeded answer")
		for i, want := range []string{"one", "two", "three"} {
			if got := meta.posts[i]; got.Text != want || got.PSID != customer.PSID || got.MessagingType != "RESPONSE" {
				t.Errorf("POST %d was %+v", i, got)
			}
		}
		if m, ok := graph.ParseMetadata(box, meta.posts[1].Metadata); !ok || m != (graph.Metadata{Intent: "s0", Part: 1, Attempt: 1}) {
			t.Errorf("metadata %+v", m)
		}
		if meta.most != 1 {
			t.Errorf("%d POSTs of one thread at once", meta.most)
		}
	})
}

// What one customer is sent keeps the distance that is set, also what was asked
// for when nothing was left to send.
func TestRequestsForOneCustomerKeepApart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		box := keys(t)
		began := time.Now()
		log := newMemory(asked([]string{"one", "two"})...)
		var at []time.Duration
		meta := &meta{answer: func(n int, _ graph.Message) graph.Outcome {
			at = append(at, time.Since(began).Round(time.Millisecond))
			return sent("m_" + strconv.Itoa(n))
		}}
		stop := process(t, log, meta, connected(t, box), box)
		for i, quiet := range []time.Duration{150 * time.Millisecond, 10 * time.Second} {
			time.Sleep(quiet)
			id := "more" + strconv.Itoa(i)
			log.say(thread.Of(&threadv1.SendRequested{Id: id, ClientId: id, Agent: "mila", Human: true, Parts: []string{id}}))
		}
		time.Sleep(time.Second)
		stop()
		want := []time.Duration{0, 100 * time.Millisecond, 200 * time.Millisecond, 10150 * time.Millisecond}
		if !slices.Equal(at, want) {
			t.Errorf("requests came at %v, want %v", at, want)
		}
	})
}

func TestEchoProvesAnUncertainPart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		box := keys(t)
		log := newMemory(asked([]string{"one"}, []string{"two"})...)
		meta := &meta{answer: func(n int, _ graph.Message) graph.Outcome {
			if n == 1 {
				return unknown()
			}
			return sent("m2")
		}}
		stop := process(t, log, meta, connected(t, box), box)
		defer stop()
		time.Sleep(59 * time.Second)
		expect(t, log, "attempted", "uncertain TIMEOUT") // and the second waits for the first
		log.say(thread.Of(&threadv1.SendSucceeded{Id: "s0", Mid: "m1", Proof: "echo", SentMs: time.Now().UnixMilli()}))
		time.Sleep(time.Minute)
		expect(t, log, "attempted", "uncertain TIMEOUT", "succeeded echo", "attempted", "succeeded answer")
		if meta.reads != 0 {
			t.Error("the conversation was read, though the echo had come")
		}
	})
}

func TestTheConversationProvesAnUncertainPart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		box := keys(t)
		log := newMemory(asked([]string{"one"})...)
		start := time.Now()
		var reads int
		meta := &meta{
			answer: func(int, graph.Message) graph.Outcome { return unknown() },
			recent: func() ([]graph.Recent, error) {
				if reads++; reads == 1 {
					return nil, unavailable() // tried again
				}
				if waited := time.Since(start); waited < 60*time.Second {
					t.Errorf("read after %s, before the echo had its time", waited)
				}
				return []graph.Recent{{MessageID: "m1", From: customer.Page, Text: "one", Created: start.Add(time.Second).Truncate(time.Second)}}, nil
			},
		}
		stop := process(t, log, meta, connected(t, box), box)
		time.Sleep(2 * time.Minute)
		stop()
		expect(t, log, "attempted", "uncertain TIMEOUT", "succeeded conversation")
		if len(meta.posts) != 1 || reads != 2 {
			t.Errorf("%d POSTs, %d reads", len(meta.posts), reads)
		}
	})
}

func TestNothingProvesIt(t *testing.T) {
	for name, recent := range map[string]func() ([]graph.Recent, error){
		"not in the conversation": func() ([]graph.Recent, error) { return nil, nil },
		"no conversation":         func() ([]graph.Recent, error) { return nil, unavailable() },
		"said before": func() ([]graph.Recent, error) {
			return []graph.Recent{{MessageID: "other", From: customer.Page, Text: "one", Created: time.Now().Add(-65 * time.Second)}}, nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				box := keys(t)
				log := newMemory(asked([]string{"one"}, []string{"two"})...)
				log.say(thread.Of(&threadv1.ExternalMessageSent{Mid: "other", Text: "one", SentMs: time.Now().UnixMilli()}))
				meta := &meta{recent: recent, answer: func(n int, _ graph.Message) graph.Outcome {
					if n == 1 {
						return unknown()
					}
					return sent("m2")
				}}
				stop := process(t, log, meta, connected(t, box), box)
				time.Sleep(10 * time.Minute)
				stop()
				expect(t, log, "attempted", "uncertain TIMEOUT", "unconfirmed", "attempted", "succeeded answer")
				if len(meta.posts) != 2 {
					t.Errorf("%d POSTs", len(meta.posts))
				}
			})
		})
	}
}

// A process died between the commit of its attempt and the commit of the
// answer. Whether it had posted nobody knows, so nobody posts again.
func TestAnAttemptOfTheDeadIsNeverPosted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		box := keys(t)
		log := newMemory(asked([]string{"one"})...)
		log.say(thread.Of(&threadv1.SendAttempted{Id: "s0", Attempt: 1, DeadlineMs: time.Now().Add(5 * time.Second).UnixMilli(), MessagingType: "RESPONSE"}))
		meta := &meta{answer: func(int, graph.Message) graph.Outcome { return sent("m1") }}
		stop := process(t, log, meta, connected(t, box), box)
		time.Sleep(34 * time.Second)
		expect(t, log, "attempted")
		time.Sleep(2 * time.Second)
		expect(t, log, "attempted", "uncertain CRASH")
		time.Sleep(10 * time.Minute)
		stop()
		expect(t, log, "attempted", "uncertain CRASH", "unconfirmed")
		if len(meta.posts) != 0 {
			t.Errorf("%d POSTs", len(meta.posts))
		}
	})
}

func TestTwoProcessesPostOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		box := keys(t)
		log := newMemory(asked([]string{"one", "two", "three"})...)
		meta := &meta{answer: func(n int, _ graph.Message) graph.Outcome {
			time.Sleep(time.Second)
			return sent("m" + strconv.Itoa(n))
		}}
		first := process(t, log, meta, connected(t, box), box)
		second := process(t, log, meta, connected(t, box), box)
		time.Sleep(time.Minute)
		first()
		second()
		if len(meta.posts) != 3 || meta.most != 1 {
			t.Errorf("%d POSTs, %d at once", len(meta.posts), meta.most)
		}
	})
}

// A process that was frozen between its commit and its POST finds its time over.
func TestAFrozenProcessDoesNotPost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		box := keys(t)
		log := newMemory(asked([]string{"one"})...)
		frozen := false
		log.before = func(facts []*threadv1.Fact) error {
			if facts[0].GetSendAttempted() != nil && !frozen {
				frozen = true
				time.Sleep(6 * time.Second)
			}
			return nil
		}
		meta := &meta{answer: func(int, graph.Message) graph.Outcome { return sent("m1") }}
		stop := process(t, log, meta, connected(t, box), box)
		time.Sleep(time.Minute)
		stop()
		expect(t, log, "attempted", "deferred LATE", "attempted", "succeeded answer")
		if len(meta.posts) != 1 {
			t.Errorf("%d POSTs", len(meta.posts))
		}
	})
}

func TestLaterIsTriedAgainWhenMetaAllows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		box := keys(t)
		log := newMemory(asked([]string{"one"})...)
		var times []time.Duration
		start := time.Now()
		meta := &meta{answer: func(n int, _ graph.Message) graph.Outcome {
			times = append(times, time.Since(start))
			switch n {
			case 1:
				return later(0)
			case 2:
				return later(30 * time.Second)
			}
			return sent("m1")
		}}
		stop := process(t, log, meta, connected(t, box), box)
		time.Sleep(5 * time.Minute)
		stop()
		expect(t, log, "attempted", "deferred THROTTLED", "attempted", "deferred THROTTLED", "attempted", "succeeded answer")
		if want := []time.Duration{0, 2 * time.Second, 32 * time.Second}; !slices.Equal(times, want) {
			t.Errorf("POSTs at %v, want %v", times, want)
		}
	})
}

// following is a directory that an administrator changes.
func following(t *testing.T) (*directory.Directory, config) {
	t.Helper()
	settings := config{entries: make(chan bus.Entry)}
	d := directory.Follow(settings)
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	go func() { _ = d.Run(ctx) }()
	return d, settings
}

func disconnected() graph.Outcome {
	return graph.Outcome{Class: graph.Parked, Reason: graph.ReasonPageDisconnected, Code: 190, Subcode: 460}
}

func TestADisconnectedPageHoldsItsSends(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		box, notes := keys(t), &shelf{entries: map[string]bus.Entry{}}
		d, settings := following(t)
		log := newMemory(asked([]string{"one"}, []string{"two"})...)
		meta := &meta{answer: func(n int, _ graph.Message) graph.Outcome {
			if n == 1 {
				return disconnected()
			}
			return sent("m" + strconv.Itoa(n))
		}}
		stop := processWith(t, log, meta, d, box, notes)
		defer func() { stop() }()
		time.Sleep(time.Hour)
		want := []string{"deferred PAGE_DISCONNECTED"}
		expect(t, log, want...)
		settings.connect(t, box, "a token that Meta does not take")
		time.Sleep(time.Second)
		want = append(want, "attempted", "deferred PAGE_DISCONNECTED")
		expect(t, log, want...)
		if used, _ := notes.noted(t); used.GetCode() != 190 || used.GetSubcode() != 460 {
			t.Errorf("noted: %v", used)
		}

		// A process that starts meanwhile knows as much, and posts nothing.
		stop()
		stop = processWith(t, log, meta, d, box, notes)
		time.Sleep(policy().Park - 2*time.Second)
		expect(t, log, want...)
		settings.connect(t, box, "a good one")
		time.Sleep(time.Second)
		expect(t, log, append(want, "attempted", "succeeded answer", "attempted", "succeeded answer")...)
		if used, _ := notes.noted(t); used.GetCode() != 0 {
			t.Errorf("noted at last: %v", used)
		}
		if posts := meta.posted(); !slices.Equal(posts, []string{"one", "one", "two"}) {
			t.Errorf("POSTs %q", posts)
		}
	})
}

// While the page is disconnected its window closes: the agent learns it then,
// not when somebody mends the page.
func TestAParkedSendLearnsThatItsWindowClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		box := keys(t)
		d, _ := following(t)
		log := newMemory(asked([]string{"one"})...)
		stop := process(t, log, &meta{}, d, box)
		defer stop()
		time.Sleep(24*time.Hour - 2*time.Minute)
		expect(t, log, "deferred PAGE_DISCONNECTED")
		time.Sleep(2 * time.Minute)
		expect(t, log, "deferred PAGE_DISCONNECTED", "refused WINDOW_CLOSED")
	})
}

// Many threads of a page send when its token dies. The first answer ends it for
// all; until a new token comes one send tries the page now and then, and then
// one goes ahead of all the others.
func TestOneSendTriesAPageForAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		box, notes := keys(t), &shelf{entries: map[string]bus.Entry{}}
		d, settings := following(t)
		settings.connect(t, box, "old")
		time.Sleep(time.Second)
		var dead atomic.Bool
		dead.Store(true)
		meta := &meta{answer: func(n int, _ graph.Message) graph.Outcome {
			time.Sleep(100 * time.Millisecond)
			if dead.Load() {
				return disconnected()
			}
			return sent("m" + strconv.Itoa(n))
		}}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		pages, ended := pages(ctx, d, box, notes, func() int { return 1 })
		const people, early = 50, 5
		logs := map[string]*memory{}
		threads := crowd{logs}
		driver, err := drive.New(drive.World{Threads: threads, Meta: meta, Pages: pages, Signer: box, Policy: policy(), Now: time.Now,
			Log: slog.New(slog.DiscardHandler), Registry: prometheus.NewRegistry(), Tracer: noop.NewTracerProvider().Tracer("")})
		if err != nil {
			t.Fatal(err)
		}
		for i := range people {
			logs[strconv.Itoa(i)] = newMemory(asked([]string{"one"})...)
		}
		ask := func(from, to int) {
			for i := from; i < to; i++ {
				driver.Wake(ctx, subject.Thread{Page: customer.Page, PSID: strconv.Itoa(i)})
			}
		}
		ask(0, early)
		time.Sleep(time.Second)
		ask(early, people)
		time.Sleep(time.Second)
		if _, writes := notes.noted(t); len(meta.posted()) != early || writes != 1 {
			t.Errorf("%d POSTs with a dead token, noted %d times", len(meta.posted()), writes)
		}
		time.Sleep(time.Hour)
		if tries := len(meta.posted()) - early; tries < 5 || tries > 6 {
			t.Errorf("tried %d times in an hour", tries)
		}
		before := len(meta.posted())
		settings.connect(t, box, "dead as well")
		time.Sleep(time.Minute)
		if n := len(meta.posted()) - before; n != 1 {
			t.Errorf("%d POSTs with a new token that is dead as well", n)
		}
		dead.Store(false)
		settings.connect(t, box, "good")
		time.Sleep(2 * time.Second)
		for psid, log := range logs {
			if facts := log.facts(); facts[len(facts)-1] != "succeeded answer" {
				t.Errorf("%s: %q", psid, facts)
			}
		}
		if n := len(meta.posted()) - before; n != 1+people {
			t.Errorf("%d POSTs after it, want each once", n-1)
		}
		cancel()
		driver.Wait()
		ended()
	})
}

// What was learnt of a page is written as soon as the broker is back, at the
// latest when the process ends.
func TestWhatWasLearntOfAPageIsWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		box, notes := keys(t), &shelf{entries: map[string]bus.Entry{}, away: true}
		log := newMemory(asked([]string{"one"})...)
		stop := processWith(t, log, &meta{answer: func(int, graph.Message) graph.Outcome { return disconnected() }}, connected(t, box), box, notes)
		time.Sleep(time.Minute)
		expect(t, log, "attempted", "deferred PAGE_DISCONNECTED")
		notes.mu.Lock()
		notes.away = false
		notes.mu.Unlock()
		time.Sleep(2 * time.Second)
		if used, writes := notes.noted(t); writes != 1 || used.GetCode() != 190 {
			t.Errorf("noted %d times: %v", writes, used)
		}
		stop()
	})
}

// The answer is known in one place only, so it is kept until the log takes it,
// also when the process is being stopped.
func TestAnAnswerOutlivesTroubleAndShutdown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		box := keys(t)
		log := newMemory(asked([]string{"one"})...)
		var refusals atomic.Int32
		log.before = func(facts []*threadv1.Fact) error {
			if facts[0].GetSendSucceeded() != nil && refusals.Add(1) < 5 {
				return unavailable()
			}
			return nil
		}
		meta := &meta{answer: func(int, graph.Message) graph.Outcome {
			time.Sleep(10 * time.Second)
			return sent("m1")
		}}
		stop := process(t, log, meta, connected(t, box), box)
		time.Sleep(time.Second)
		stop()
		expect(t, log, "attempted", "succeeded answer")
	})
}

// An attempt that is in the log and in no process any more would leave the
// message in doubt, so a stop waits for what has begun.
func TestAStopWhileAnAttemptIsStored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		box := keys(t)
		log := newMemory(asked([]string{"one", "two"})...)
		log.before = func(facts []*threadv1.Fact) error {
			if facts[0].GetSendAttempted() != nil {
				time.Sleep(time.Second)
			}
			return nil
		}
		meta := &meta{answer: func(int, graph.Message) graph.Outcome { return sent("m1") }}
		stop := process(t, log, meta, connected(t, box), box)
		time.Sleep(500 * time.Millisecond)
		stop()
		expect(t, log, "attempted", "succeeded answer")
	})
}

func TestAClosedWindowIsRefusedWithoutMeta(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		box := keys(t)
		log := newMemory(asked([]string{"one"})...)
		time.Sleep(25 * time.Hour)
		meta := &meta{answer: func(int, graph.Message) graph.Outcome { return sent("m1") }}
		stop := process(t, log, meta, connected(t, box), box)
		time.Sleep(time.Second)
		stop()
		expect(t, log, "refused WINDOW_CLOSED")
		if len(meta.posts) != 0 {
			t.Error("Meta was asked")
		}
	})
}

// A log that lost the text of a send does not stop those behind it (P4).
func TestASendWhoseTextIsGoneIsSetAside(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		box := keys(t)
		log := newMemory(asked([]string{"one"}, []string{"two"})...)
		log.state.Sends[0].AfterRevision = 1 // where no commit follows that holds it
		meta := &meta{answer: func(int, graph.Message) graph.Outcome { return sent("m1") }}
		stop := process(t, log, meta, connected(t, box), box)
		time.Sleep(time.Second)
		stop()
		expect(t, log, "refused TEXT_MISSING", "attempted", "succeeded answer")
		if len(meta.posts) != 1 || meta.posts[0].Text != "two" {
			t.Errorf("POSTs %+v", meta.posts)
		}
	})
}
