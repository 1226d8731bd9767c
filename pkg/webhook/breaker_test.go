package webhook

import (
	"testing"
	"time"
)

// TestBreaker: who fails is asked by one at a time, ever less often and at most
// half a minute apart; and by all once it works.
func TestBreaker(t *testing.T) {
	b, now := &Breaker{}, time.UnixMilli(0)
	for n := range patience {
		if _, open := b.Open(now); open {
			t.Fatalf("left alone after %d failures", n)
		}
		b.Failed(now)
	}
	for n, want := range []time.Duration{1, 2, 4, 8, 16, 30, 30} {
		want *= time.Second
		if left, open := b.Open(now); !open || left != want {
			t.Fatalf("pause %d: open %t for %v, want %v", n, open, left, want)
		}
		now = now.Add(want)
		if _, open := b.Open(now); open {
			t.Fatalf("pause %d: nobody tries after it", n)
		}
		if _, open := b.Open(now); !open {
			t.Fatalf("pause %d: a second one tries before the first knows", n)
		}
		b.Failed(now)
	}
	if !b.Resting(now) || b.Resting(now.Add(30*time.Second)) || b.Resting(now.Add(-time.Minute)) {
		t.Error("it does not rest, or does for ever")
	}
	b.Worked()
	if _, open := b.Open(now); open {
		t.Error("left alone although it works")
	}
}

// TestFirst: who wants the other side left alone for longer at first says so.
func TestFirst(t *testing.T) {
	b, now := &Breaker{First: longest}, time.UnixMilli(0)
	for range patience {
		b.Failed(now)
	}
	for range 3 {
		if left, open := b.Open(now); !open || left != longest {
			t.Fatalf("open %t for %v", open, left)
		}
		now = now.Add(longest)
		if _, open := b.Open(now); open {
			t.Fatal("nobody tries after it")
		}
		b.Failed(now)
	}
}
