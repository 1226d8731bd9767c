package webhook

import (
	"testing"
	"time"
)

// TestBreaker: who fails is asked by one at a time, ever less often and at most
// half a minute apart; and by all once it works.
func TestBreaker(t *testing.T) {
	b, now := &breaker{}, time.UnixMilli(0)
	for n := range patience {
		if _, open := b.open(now); open {
			t.Fatalf("left alone after %d failures", n)
		}
		b.failed(now)
	}
	for n, want := range []time.Duration{1, 2, 4, 8, 16, 30, 30} {
		want *= time.Second
		if left, open := b.open(now); !open || left != want {
			t.Fatalf("pause %d: open %t for %v, want %v", n, open, left, want)
		}
		now = now.Add(want)
		if _, open := b.open(now); open {
			t.Fatalf("pause %d: nobody tries after it", n)
		}
		if _, open := b.open(now); !open {
			t.Fatalf("pause %d: a second one tries before the first knows", n)
		}
		b.failed(now)
	}
	b.worked()
	if _, open := b.open(now); open {
		t.Error("left alone although it works")
	}
}
