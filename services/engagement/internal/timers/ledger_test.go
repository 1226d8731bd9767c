package timers_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/protobuf/proto"

	"github.com/parley-desk/parley/pkg/bus"
	"github.com/parley-desk/parley/pkg/thread"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
	"github.com/parley-desk/parley/proto/subject"
	"github.com/parley-desk/parley/services/engagement/internal/timers"
)

// ledger is a log of threads in memory, of one partition, for virtual time. It
// keeps what a broker promises: an order, and a precondition on every commit.
type ledger struct {
	mu     sync.Mutex
	log    []bus.Record
	last   map[subject.Thread]bus.Record
	news   chan struct{}
	refuse int           // so many commits fail before one succeeds
	slow   time.Duration // how late readers hear of a commit
	now    func() time.Time
}

func newLedger() *ledger {
	return &ledger{last: map[subject.Thread]bus.Record{}, news: make(chan struct{}), now: time.Now}
}

var errAway = errors.New("the broker is away")

// Update is as that of bus.Bus, at the ledger's time.
func (l *ledger) Update(_ context.Context, t subject.Thread, decide func(*threadv1.State, uint64) ([]*threadv1.Fact, error)) (*threadv1.State, uint64, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.refuse > 0 {
		l.refuse--
		return nil, 0, errAway
	}
	base, revision := thread.New(t.Page, t.PSID), uint64(0)
	if r, known := l.last[t]; known {
		base, revision = r.Commit.GetState(), r.Revision
	}
	facts, err := decide(base, revision)
	if err != nil || len(facts) == 0 {
		return proto.CloneOf(base), revision, err
	}
	commit, err := thread.Extend(base, revision, l.now(), "test", facts...)
	if err != nil {
		return nil, 0, err
	}
	r := bus.Record{Thread: t, Revision: uint64(len(l.log)) + 1, Previous: revision, Commit: commit}
	l.log, l.last[t] = append(l.log, r), r
	close(l.news)
	l.news = make(chan struct{})
	return proto.CloneOf(commit.GetState()), r.Revision, nil
}

// commits are all there are.
func (l *ledger) commits() []bus.Record {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.log)
}

// KeepThreads is as that of bus.Bus, for whoever asks.
func (l *ledger) KeepThreads(ctx context.Context, _ string, begin func(context.Context, int) bus.Keeper) error {
	k := begin(ctx, 0)
	defer k.End()
	l.mu.Lock()
	at := len(l.log)
	known := make([]bus.Record, 0, len(l.last))
	for _, r := range l.last {
		known = append(known, r)
	}
	l.mu.Unlock()
	for _, r := range known {
		k.Handle(r)
	}
	for {
		l.mu.Lock()
		some, news := l.log[at:], l.news
		l.mu.Unlock()
		if len(some) > 0 && l.slow > 0 {
			time.Sleep(l.slow)
		}
		for _, r := range some {
			k.Handle(r)
		}
		at += len(some)
		select {
		case <-news:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (l *ledger) state(t subject.Thread) *threadv1.State {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.last[t].Commit.GetState()
}

// commit has facts happen in a thread.
func (l *ledger) commit(t testing.TB, who subject.Thread, facts ...*threadv1.Fact) {
	t.Helper()
	if _, _, err := l.Update(t.Context(), who, func(*threadv1.State, uint64) ([]*threadv1.Fact, error) { return facts, nil }); err != nil {
		t.Fatal(err)
	}
}

func who(n int) subject.Thread {
	return subject.Thread{Page: "10", PSID: fmt.Sprint(7000000000000000 + n)}
}

// start runs timers over a ledger until the test, or what it gives, ends them.
func start(t testing.TB, l *ledger, world timers.World) (stop func()) {
	t.Helper()
	return startEvery(t, l, world, time.Hour)
}

// startEvery is start with timers that look at the clock so often: every second
// is much work in a month of virtual time.
func startEvery(t testing.TB, l *ledger, world timers.World, glance time.Duration) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var run sync.WaitGroup
	clock := &timers.Timers{Threads: l, World: world, Places: make(chan struct{}, 8), Glance: glance, Now: l.now,
		Meter: timers.NewMeter(prometheus.NewRegistry()), Log: slog.New(slog.DiscardHandler)}
	run.Go(func() { _ = clock.Run(ctx, "engagement") })
	end := func() { cancel(); run.Wait() }
	t.Cleanup(end)
	return end
}

func opened(id string) *threadv1.Fact {
	return thread.Of(&threadv1.ConversationOpened{Id: id, Workstream: "front", Units: 1, OfferSeconds: 60})
}

func assigned(agent string) *threadv1.Fact {
	return thread.Of(&threadv1.AgentAssigned{Agent: agent, Cause: threadv1.Cause_CAUSE_ASSIGNED})
}
