package bus_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/parley-desk/parley/pkg/bus"
	"github.com/parley-desk/parley/pkg/bus/bustest"
	"github.com/parley-desk/parley/pkg/fault"
	"github.com/parley-desk/parley/pkg/thread"
	inboundv1 "github.com/parley-desk/parley/proto/gen/parley/inbound/v1"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
	"github.com/parley-desk/parley/proto/subject"
)

// customer is the thread number n of the page of these tests.
func customer(n int) subject.Thread {
	return subject.Thread{Page: "1020304050", PSID: fmt.Sprintf("7%06d", n)}
}

// say gives a decision that adds one message of the customer.
func say(mid string) func(*threadv1.State, uint64) ([]*threadv1.Fact, error) {
	return func(s *threadv1.State, _ uint64) ([]*threadv1.Fact, error) {
		f := thread.Of(&threadv1.MessageReceived{Mid: mid, Text: "hello", SentMs: 1000})
		f.EventKey = "m:" + mid
		if thread.Seen(s, f.EventKey) {
			return nil, nil
		}
		return []*threadv1.Fact{f}, nil
	}
}

func mids(c *threadv1.Commit) []string {
	var all []string
	for _, f := range c.GetFacts() {
		all = append(all, f.GetMessageReceived().GetMid())
	}
	return all
}

func event(n int, raw string) *inboundv1.Event {
	t := customer(n)
	return &inboundv1.Event{Account: "demo", Page: t.Page, Psid: t.PSID, Raw: []byte(raw)}
}

// await fails the test when done is not true within half a minute.
func await(t *testing.T, what string, done func() bool) {
	t.Helper()
	deadline := time.After(90 * time.Second)
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !done() {
		select {
		case <-deadline:
			t.Fatalf("waited in vain for %s", what)
		case <-tick.C:
		}
	}
}

// background runs f until the test ends and checks that it ended for that reason.
func background(t *testing.T, f func(context.Context) error) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := f(ctx); !fault.Is(err, fault.Canceled) {
			t.Errorf("ended with %v, want canceled", err)
		}
	}()
	stop = sync.OnceFunc(func() { cancel(); <-done })
	t.Cleanup(stop)
	return stop
}

// tally collects what handlers saw, thread by thread.
type tally struct {
	mu    sync.Mutex
	order map[subject.Thread][]string
	count int
}

func (c *tally) add(t subject.Thread, mids ...string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.order == nil {
		c.order = map[subject.Thread][]string{}
	}
	c.order[t] = append(c.order[t], mids...)
	c.count += len(mids)
}

func (c *tally) n() int { c.mu.Lock(); defer c.mu.Unlock(); return c.count }

func (c *tally) of(t subject.Thread) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return fmt.Sprint(c.order[t])
}

func (c *tally) commit(_ context.Context, r bus.Record) error {
	c.add(r.Thread, mids(r.Commit)...)
	return nil
}

func update(t testing.TB, b *bus.Bus, thread subject.Thread, mid string) uint64 {
	t.Helper()
	_, rev, err := b.Update(t.Context(), thread, say(mid))
	if err != nil {
		t.Fatalf("update: %v", err)
	}
	return rev
}

func TestUpdateCommitsAndLoadReads(t *testing.T) {
	b := bustest.Open(t)
	s, rev, err := b.Load(t.Context(), customer(1))
	if err != nil || rev != 0 || s.GetPsid() != customer(1).PSID {
		t.Fatalf("new thread: %v at %d, %v", s, rev, err)
	}
	s, rev, err = b.Update(t.Context(), customer(1), say("a"))
	if err != nil {
		t.Fatal(err)
	}
	loaded, at, err := b.Load(t.Context(), customer(1))
	if err != nil || at != rev || loaded.GetUnanswered() != s.GetUnanswered() || !thread.Seen(loaded, "m:a") {
		t.Fatalf("loaded %v at %d, %v; want %v at %d", loaded, at, err, s, rev)
	}
	if _, again, err := b.Update(t.Context(), customer(1), say("a")); err != nil || again != rev {
		t.Fatalf("a decision without facts moved the thread to %d, %v", again, err)
	}
	want := &thread.Refusal{Reason: "WRONG_PHASE"}
	_, _, err = b.Update(t.Context(), customer(1), func(*threadv1.State, uint64) ([]*threadv1.Fact, error) { return nil, want })
	var got *thread.Refusal
	if !errors.As(err, &got) || got != want {
		t.Fatalf("refusal came back as %v", err)
	}
}

func TestFollowersSeeWhatWasPublished(t *testing.T) {
	b := bustest.Open(t)
	var events []*inboundv1.Event
	for i := range 40 {
		events = append(events, event(i%10, fmt.Sprint(i)))
	}
	if err := b.PublishInbound(t.Context(), events); err != nil {
		t.Fatal(err)
	}
	background(t, func(ctx context.Context) error {
		return b.FollowInbound(ctx, "intake", func(ctx context.Context, r bus.InboundRecord) error {
			_, _, err := b.Update(ctx, r.Thread, say(string(r.Event.GetRaw())))
			return err
		})
	})
	var seen tally
	background(t, func(ctx context.Context) error { return b.FollowThreads(ctx, "routing", seen.commit) })
	await(t, "40 commits", func() bool { return seen.n() == 40 })
	for i := range 10 {
		want := fmt.Sprint([]string{fmt.Sprint(i), fmt.Sprint(i + 10), fmt.Sprint(i + 20), fmt.Sprint(i + 30)})
		if got := seen.of(customer(i)); got != want {
			t.Errorf("thread %d: got %s, want %s", i, got, want)
		}
	}
}
