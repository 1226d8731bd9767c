package device_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-desk/parley/pkg/bus"
	"github.com/parley-desk/parley/pkg/fault"
	"github.com/parley-desk/parley/pkg/secret"
	"github.com/parley-desk/parley/services/desk/internal/device"
)

// bucket is one in memory, with the preconditions of the real one.
type bucket struct {
	mu   sync.Mutex
	all  map[string]bus.Entry
	next uint64
}

func (b *bucket) Get(_ context.Context, key string) (bus.Entry, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if e, ok := b.all[key]; ok && e.Value != nil {
		return e, nil
	}
	return bus.Entry{}, fault.New(fault.NotFound, "", "no entry")
}

func (b *bucket) Write(_ context.Context, writes ...bus.Write) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, w := range writes {
		if b.all[w.Key].Revision != w.Revision {
			return fault.New(fault.Conflict, "", "somebody was faster")
		}
		b.next++
		b.all[w.Key] = bus.Entry{Key: w.Key, Value: w.Value, Revision: b.next}
	}
	return nil
}

func begin(t *testing.T) (*device.Waiting, *bucket) {
	t.Helper()
	box, err := secret.New()
	if err != nil {
		t.Fatal(err)
	}
	b := &bucket{all: map[string]bus.Entry{}}
	return device.New(b, box, time.Now), b
}

func reason(err error) string {
	var f *fault.Error
	if errors.As(err, &f) {
		return f.Reason
	}
	return ""
}

// TestOneAnswerForOneProgram: who types the code is told who asks; what is said counts
// once, and is taken out once.
func TestOneAnswerForOneProgram(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, b := begin(t)
		ctx := t.Context()
		word, code, err := w.Begin(ctx, "parleyctl on build-7", "192.0.2.7")
		if err != nil || len(code) != 9 || code[4] != '-' {
			t.Fatal(code, err)
		}
		collect := func(want string) {
			t.Helper()
			time.Sleep(device.Interval)
			if _, err := w.Collect(ctx, word); reason(err) != want {
				t.Errorf("%v, want %s", err, want)
			}
		}
		collect("DEVICE_PENDING")
		for _, typed := range []string{code, strings.ToLower(code), " " + strings.Replace(code, "-", " ", 1), strings.Replace(code, "-", "", 1)} {
			if r, err := w.Look(ctx, typed, "petar"); err != nil || r.Machine != "parleyctl on build-7" || r.Address != "192.0.2.7" || r.Agent != "" {
				t.Errorf("%q: %v, %v", typed, r, err)
			}
		}
		if _, err := w.Answer(ctx, code, "petar", true); err != nil {
			t.Fatal(err)
		}
		for name, err := range map[string]error{"shown again": func() error { _, err := w.Look(ctx, code, "petar"); return err }(),
			"answered again": func() error { _, err := w.Answer(ctx, code, "mila", false); return err }()} {
			if reason(err) != "NO_SUCH_CODE" {
				t.Errorf("%s: %v", name, err)
			}
		}
		time.Sleep(device.Interval)
		other := secret.NewText(word.Reveal()[:strings.IndexByte(word.Reveal(), '.')] + ".AAAAAAAAAAAAAAAAAAAAAA")
		if _, err := w.Collect(ctx, other); reason(err) != "DEVICE_EXPIRED" {
			t.Errorf("with another word: %v", err)
		}
		time.Sleep(device.Interval)
		if r, err := w.Collect(ctx, word); err != nil || r.Agent != "petar" {
			t.Errorf("%v, %v", r, err)
		}
		collect("DEVICE_EXPIRED")
		for key, e := range b.all {
			if strings.Contains(key, strings.Replace(code, "-", "", 1)) || strings.Contains(string(e.Value), word.Reveal()[65:]) {
				t.Error("the bucket has what opens it")
			}
		}
	})
}

// TestTwoCollectOne: of programs with one word one is answered.
func TestTwoCollectOne(t *testing.T) {
	w, _ := begin(t)
	word, code, err := w.Begin(t.Context(), "p", "a")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Answer(t.Context(), code, "petar", true); err != nil {
		t.Fatal(err)
	}
	got := make(chan error, 3)
	for range cap(got) {
		go func() { _, err := w.Collect(t.Context(), word); got <- err }()
	}
	answered := 0
	for range cap(got) {
		if err := <-got; err == nil {
			answered++
		} else if reason(err) != "DEVICE_EXPIRED" {
			t.Error(err)
		}
	}
	if answered != 1 {
		t.Errorf("%d were answered", answered)
	}
}

// TestRefusedAndLate: a no is told, and nothing is answered after its time.
func TestRefusedAndLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, _ := begin(t)
		refused, code, _ := w.Begin(t.Context(), "p", "a")
		if _, err := w.Answer(t.Context(), code, "mila", false); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Collect(t.Context(), refused); reason(err) != "DEVICE_REFUSED" || !fault.Is(err, fault.Denied) {
			t.Errorf("refused: %v", err)
		}
		late, code, _ := w.Begin(t.Context(), "p", "a")
		allowed, second, _ := w.Begin(t.Context(), "p", "a")
		if _, err := w.Answer(t.Context(), second, "mila", true); err != nil {
			t.Fatal(err)
		}
		time.Sleep(device.Age)
		if _, err := w.Answer(t.Context(), code, "mila", true); reason(err) != "NO_SUCH_CODE" {
			t.Errorf("answered late: %v", err)
		}
		for _, word := range []secret.Text{late, allowed} {
			if _, err := w.Collect(t.Context(), word); reason(err) != "DEVICE_EXPIRED" {
				t.Errorf("collected late: %v", err)
			}
		}
	})
}

// TestLimits: codes cannot be searched for, nor the bucket filled, nor asked all the
// time; and who does it stops nobody else.
func TestLimits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, b := begin(t)
		_, code, err := w.Begin(t.Context(), "p", "192.0.2.1")
		if err != nil {
			t.Fatal(err)
		}
		tries := 0
		for range 1000 {
			if _, err = w.Look(t.Context(), "BBBB-BBBB", "mila"); reason(err) == "TOO_MANY_TRIES" {
				break
			}
			tries++
		}
		if f := new(fault.Error); tries != 10 || !errors.As(err, &f) || f.Kind != fault.Exhausted || f.RetryAfter <= 0 {
			t.Errorf("%d tries, then %v", tries, err)
		}
		if _, err := w.Look(t.Context(), code, "petar"); err != nil {
			t.Errorf("somebody else: %v", err)
		}
		for range 20 { // right ones are not counted
			if _, err := w.Look(t.Context(), code, "petar"); err != nil {
				t.Fatal(err)
			}
		}
		begun := 1
		for range 100 {
			if _, _, err = w.Begin(t.Context(), "p", "192.0.2.1"); err != nil {
				break
			}
			begun++
		}
		if begun != 5 || reason(err) != "TOO_MANY_TRIES" {
			t.Errorf("an address began %d, then %v", begun, err)
		}
		for i := range 1000 {
			_, _, _ = w.Begin(t.Context(), "p", strings.Repeat("x", i))
		}
		if len(b.all) > 40 {
			t.Errorf("%d requests stand in the bucket", len(b.all))
		}
		time.Sleep(time.Minute)
		word, _, err := w.Begin(t.Context(), "p", "192.0.2.1")
		if err != nil {
			t.Fatalf("after a while: %v", err)
		}
		for range 10 {
			_, err = w.Collect(t.Context(), word)
		}
		if reason(err) != "DEVICE_SLOW_DOWN" {
			t.Errorf("asked all the time: %v", err)
		}
	})
}
