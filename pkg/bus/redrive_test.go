package bus_test

import (
	"bytes"
	"context"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/parley-desk/parley/pkg/bus"
	"github.com/parley-desk/parley/pkg/bus/bustest"
	"github.com/parley-desk/parley/pkg/fault"
	inboundv1 "github.com/parley-desk/parley/proto/gen/parley/inbound/v1"
	"github.com/parley-desk/parley/proto/subject"
)

// ward is a stage whose handler refuses what is ill, and notes the rest.
type ward struct {
	mu    sync.Mutex
	ill   map[string]bool
	seen  []string
	inner map[subject.Thread]int // handlers at work
	twice bool                   // two of one thread were
}

func (w *ward) event(_ context.Context, r bus.InboundRecord) error {
	w.mu.Lock()
	w.inner[r.Thread]++
	w.twice = w.twice || w.inner[r.Thread] > 1
	w.mu.Unlock()
	runtime.Gosched() // somebody else may come in
	w.mu.Lock()
	defer w.mu.Unlock()
	w.inner[r.Thread]--
	name := string(r.Event.GetRaw())
	if w.ill[name] {
		return fault.New(fault.Invalid, "ILL", "%s is ill", name)
	}
	w.seen = append(w.seen, name)
	return nil
}

func (w *ward) set(name string, ill bool) { w.mu.Lock(); defer w.mu.Unlock(); w.ill[name] = ill }

func (w *ward) crowded() bool { w.mu.Lock(); defer w.mu.Unlock(); return w.twice }

func (w *ward) times(name string) (n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, s := range w.seen {
		if s == name {
			n++
		}
	}
	return n
}

// letterOf finds the letter of an event by what it holds.
func letterOf(t *testing.T, b *bus.Bus, stage, raw string) (uint64, bool) {
	t.Helper()
	for _, d := range deadLetters(t, b) {
		if d.Stage == stage && bytes.Contains(d.Data, []byte(raw)) {
			return d.Sequence, true
		}
	}
	return 0, false
}

// sick begins a stage in which the events are dead letters, several threads' in
// one bundle.
func sick(t *testing.T, b *bus.Bus, events ...string) *ward {
	t.Helper()
	w := &ward{ill: map[string]bool{}, inner: map[subject.Thread]int{}}
	var bundle []*inboundv1.Event
	for i, name := range events {
		w.ill[name] = true
		bundle = append(bundle, event(i%3, name))
	}
	background(t, func(ctx context.Context) error { return b.FollowInbound(ctx, "ward", w.event) })
	if err := b.PublishInbound(t.Context(), bundle); err != nil {
		t.Fatal(err)
	}
	await(t, "the dead letters", func() bool { return len(deadLetters(t, b)) == len(events) })
	return w
}

// A letter leaves the list when its record was handled, and no sooner; then
// neither retry nor drop finds it.
func TestALetterStaysUntilItIsHandled(t *testing.T) {
	b := bustest.Open(t)
	w := sick(t, b, "event-0", "event-1", "event-2", "event-3")
	first, _ := letterOf(t, b, "ward", "event-3")
	if err := b.RetryDeadLetter(t.Context(), first, "local:mira"); !fault.Is(err, fault.Precondition) {
		t.Fatalf("what is ill ended with %v", err)
	}
	if n := len(deadLetters(t, b)); n != 4 {
		t.Fatalf("%d letters after a retry that failed, want 4", n)
	}
	w.set("event-3", false)
	if err := b.RetryDeadLetter(t.Context(), first, "local:mira"); err != nil {
		t.Fatal(err)
	}
	if n := w.times("event-3"); n != 1 {
		t.Errorf("handled %d times, want once", n)
	}
	if n := len(deadLetters(t, b)); n != 3 {
		t.Errorf("%d letters, want 3", n)
	}
	for what, err := range map[string]error{
		"again":       b.RetryDeadLetter(t.Context(), first, "local:mira"),
		"drop":        b.DropDeadLetter(t.Context(), first, "local:mira", "no matter"),
		"none":        b.RetryDeadLetter(t.Context(), 999, "local:mira"),
		"zero":        b.DropDeadLetter(t.Context(), 0, "local:mira", "no matter"),
		"settlement":  b.RetryDeadLetter(t.Context(), 5, "local:mira"),
		"beyond ever": b.RetryDeadLetter(t.Context(), 1<<62, "local:mira"),
	} {
		if !fault.Is(err, fault.NotFound) {
			t.Errorf("%s ended with %v", what, err)
		}
	}
	for _, c := range b.Checks(t.Context()) {
		if c.Name == "dead letters" && c.Detail != "given up: 3 records" {
			t.Errorf("doctor says %q", c.Detail)
		}
	}
}

// A stage that is not there takes nothing, and the letter waits for it.
func TestALetterWaitsForItsStage(t *testing.T) {
	b := bustest.Open(t)
	bad := func(context.Context, bus.InboundRecord) error { return fault.New(fault.Invalid, "BAD", "no good") }
	stop := background(t, func(ctx context.Context) error { return b.FollowInbound(ctx, "ward", bad) })
	if err := b.PublishInbound(t.Context(), []*inboundv1.Event{event(1, "x")}); err != nil {
		t.Fatal(err)
	}
	await(t, "the dead letter", func() bool { return len(deadLetters(t, b)) == 1 })
	stop()
	letter := deadLetters(t, b)[0].Sequence
	if err := b.RetryDeadLetter(t.Context(), letter, "local:mira"); !fault.Is(err, fault.Unavailable) {
		t.Errorf("without the stage it ended with %v", err)
	}
	if err := b.DropDeadLetter(t.Context(), letter, "local:mira", "a test"); err != nil || len(deadLetters(t, b)) != 0 {
		t.Errorf("dropped with %v, %d letters are left", err, len(deadLetters(t, b)))
	}
}

// Whatever is mended, retried, dropped and sent meanwhile, by several at a time:
// a letter is on the list if and only if it was neither handled nor dropped, a
// retry handles its record once and a drop never, and no thread is handled twice
// at a time.
func TestLettersAsTheModelHasThem(t *testing.T) {
	const most = 15 // each waits a second and more for the disk
	b := bustest.Open(t)
	w, run := sick(t, b), 0
	rapid.Check(t, func(rt *rapid.T) {
		if run++; run > most {
			return
		}
		m := letterModel{b: b, w: w, letters: map[string]uint64{}, open: map[string]bool{}}
		var bundle []*inboundv1.Event
		for i := range 4 {
			name := fmt.Sprintf("event-%d-%d", run, i)
			w.set(name, true)
			m.names, bundle = append(m.names, name), append(bundle, event(i%3, name))
		}
		if err := b.PublishInbound(context.Background(), bundle); err != nil {
			rt.Fatal(err)
		}
		await(t, "the dead letters", func() bool { return len(deadLetters(t, b)) == len(bundle) })
		for _, name := range m.names {
			m.letters[name], m.open[name] = first(letterOf(t, b, "ward", name)), true
		}
		for range rapid.IntRange(1, 12).Draw(rt, "deeds") {
			m.step(rt)
		}
		for _, name := range m.names {
			if _, listed := letterOf(t, b, "ward", name); listed != m.open[name] {
				rt.Fatalf("%s is listed: %v, want %v", name, listed, m.open[name])
			}
			_ = b.DropDeadLetter(context.Background(), m.letters[name], "rapid", "the run is over")
		}
	})
	if w.crowded() {
		t.Error("two of one thread were handled at a time")
	}
}

// letterModel is what should be on the list.
type letterModel struct {
	b       *bus.Bus
	w       *ward
	names   []string
	letters map[string]uint64
	open    map[string]bool
}

func (m *letterModel) step(rt *rapid.T) {
	name := rapid.SampledFrom(m.names).Draw(rt, "name")
	letter, ill, before := m.letters[name], m.w.ill[name], m.w.times(name)
	takes := m.open[name] && !ill
	switch rapid.SampledFrom([]string{"mend", "retry", "drop", "race", "traffic"}).Draw(rt, "deed") {
	case "mend":
		m.w.set(name, !ill)
		return
	case "retry":
		if err := m.b.RetryDeadLetter(context.Background(), letter, "rapid"); (err == nil) != takes {
			rt.Fatalf("a retry of %s ended with %v; open %v, ill %v", name, err, m.open[name], ill)
		}
		m.open[name] = m.open[name] && ill
	case "race":
		var both sync.WaitGroup
		for range 3 {
			both.Go(func() { _ = m.b.RetryDeadLetter(context.Background(), letter, "rapid") })
		}
		both.Wait()
		m.open[name] = m.open[name] && ill
	case "drop":
		if err := m.b.DropDeadLetter(context.Background(), letter, "rapid", "why not"); (err == nil) != m.open[name] {
			rt.Fatalf("a drop of %s ended with %v; open %v", name, err, m.open[name])
		}
		m.open[name], takes = false, false
	case "traffic":
		_ = m.b.PublishInbound(context.Background(), []*inboundv1.Event{event(len(name)%3, "well")})
		takes = false
	}
	if n := m.w.times(name) - before; takes && n != 1 || !takes && n != 0 {
		rt.Fatalf("%s was handled %d times more; to be taken: %v", name, n, takes)
	}
}

func first(letter uint64, _ bool) uint64 { return letter }

// A partition that nobody has come to the end of says by how much, and since when.
func TestLagTellsHowManyAndSinceWhen(t *testing.T) {
	b := bustest.Open(t)
	hang := make(chan struct{})
	stop := background(t, func(ctx context.Context) error {
		return b.FollowThreads(ctx, "slow", func(ctx context.Context, r bus.Record) error {
			if mids(r.Commit)[0] == "0" {
				return nil
			}
			select {
			case <-hang:
			case <-ctx.Done():
			}
			return ctx.Err()
		})
	})
	update(t, b, customer(1), "0")
	update(t, b, customer(1), "1")
	update(t, b, customer(1), "2")
	var mine bus.Lag
	await(t, "a checkpoint", func() bool {
		lags, err := b.Lags(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range lags {
			if l.Stage == "slow" && l.Behind == 2 {
				mine = l
			}
		}
		return mine.Stage != ""
	})
	if mine.Stream != subject.ThreadStream(mine.Partition) || mine.Oldest.IsZero() || time.Since(mine.Oldest) > time.Minute {
		t.Errorf("the lag is %+v", mine)
	}
	close(hang)
	await(t, "the end", func() bool {
		lags, err := b.Lags(t.Context())
		return err == nil && !slices.ContainsFunc(lags, func(l bus.Lag) bool { return l.Behind > 0 || !l.Oldest.IsZero() })
	})
	stop()
}
