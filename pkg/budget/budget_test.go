package budget_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/parley-desk/parley/pkg/budget"
)

func TestThrottleKeepsItsRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		th := budget.NewThrottle(1, time.Second, 2)
		for _, key := range []string{"a", "b", "c"} {
			if th.Take(key, time.Now()) != 0 {
				t.Errorf("%s is throttled for another's failures", key)
			}
		}
		if th.Take("c", time.Now()) == 0 {
			t.Error("c has two tries")
		}
		th.Give("c")
		if th.Take("c", time.Now()) != 0 {
			t.Error("c has no try back")
		}
	})
}

// TestThrottleGivesWhatItSays: of any takes at any times a key gets its burst and one
// more every while, never less, and no more; whatever others do.
func TestThrottleGivesWhatItSays(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		burst, every := rapid.IntRange(1, 5).Draw(r, "burst"), time.Duration(rapid.IntRange(1, 4).Draw(r, "every"))*time.Second
		th := budget.NewThrottle(burst, every, 4)
		now, tokens := time.Now(), float64(burst)
		for range rapid.IntRange(1, 60).Draw(r, "steps") {
			passed := time.Duration(rapid.IntRange(0, 6).Draw(r, "wait")) * time.Second
			now, tokens = now.Add(passed), min(float64(burst), tokens+float64(passed)/float64(every))
			if rapid.Bool().Draw(r, "other") {
				th.Take(fmt.Sprint(rapid.IntRange(0, 2).Draw(r, "key")), now)
				continue
			}
			const little = 1e-9
			if wait := th.Take("mine", now); (wait == 0) != (tokens >= 1-little) {
				r.Fatalf("with %v it waits %v", tokens, wait)
			} else if wait == 0 {
				tokens--
			} else if missing := time.Duration((1 - tokens) * float64(every)); (wait - missing).Abs() > time.Millisecond {
				r.Fatalf("it waits %v, and %v are missing", wait, missing)
			}
		}
	})
}

// TestNewKeysTakeNoMoreRoom: who comes with ever new keys fills nothing.
func TestNewKeysTakeNoMoreRoom(t *testing.T) {
	th, now := budget.NewThrottle(1, time.Hour, 1000), time.Now()
	fill := func() {
		for i := range 100_000 {
			th.Take(fmt.Sprint(i), now)
		}
	}
	fill()
	if got := testing.AllocsPerRun(1, func() { th.Take("a", now) }); got > 50 {
		t.Errorf("a take costs %v allocations", got)
	}
	if th.Take("99999", now) == 0 {
		t.Error("who came last is forgotten")
	}
}

func TestRate(t *testing.T) {
	if none := budget.NewRate(0, 1); none.Take("a", time.Now()) != 0 {
		t.Error("no rate is a rate")
	}
	synctest.Test(t, func(t *testing.T) {
		th, got := budget.NewRate(10, 100), 0
		for range 100 { // 10 s
			for range 5 {
				if th.Take("a", time.Now()) == 0 {
					got++
				}
			}
			time.Sleep(100 * time.Millisecond)
		}
		if got < 115 || got > 120 {
			t.Errorf("%d in 10 s, of 10 a second and 20 at once", got)
		}
	})
}

func TestAddress(t *testing.T) {
	for text, want := range map[string]string{"192.0.2.7": "192.0.2.7", "2001:db8:1:2:3::4": "2001:db8:1:2::/64", "2001:db8:1:2:ffff::": "2001:db8:1:2::/64", "fe80::1%eth0": "fe80::/64", "::ffff:192.0.2.7": "::ffff:192.0.2.7", "": "", "@": "@"} {
		if got := budget.Address(text); got != want {
			t.Errorf("%q is %q, want %q", text, got, want)
		}
	}
}

func TestRoom(t *testing.T) {
	r := budget.NewRoom(2)
	if !r.Enter() || !r.Enter() || r.Enter() || r.Enter() {
		t.Error("not two have room")
	}
	if r.Leave(); !r.Enter() || r.Enter() {
		t.Error("one place was left")
	}
	none := budget.NewRoom(0)
	if none.Leave(); !none.Enter() {
		t.Error("no bound is a bound")
	}
}
