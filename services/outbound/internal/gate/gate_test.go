package gate_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/parley-desk/parley/pkg/standing"
	"github.com/parley-desk/parley/services/outbound/internal/gate"
)

var (
	policy = gate.Policy{Backoff: 2 * time.Second, Park: 10 * time.Minute}
	start  = time.UnixMilli(1_700_000_000_000)
)

// A page dies, is found dead, gets a new token and works.
func TestAPageDiesAndHeals(t *testing.T) {
	var g gate.Gate
	now := start
	enter := func(want bool) gate.Pass {
		t.Helper()
		pass, ok := g.Enter(now)
		if ok != want {
			t.Fatalf("after %s a send passes: %v", now.Sub(start), ok)
		}
		return pass
	}
	g.See(policy, "one", standing.Works, now)
	first, second := enter(true), enter(true)
	if !g.Leave(policy, first, true, gate.Refused, now) {
		t.Fatal("the first refusal is no news")
	}
	g.See(policy, "one", standing.Dead, now)
	if g.Leave(policy, second, true, gate.Refused, now) {
		t.Error("the second is news as well")
	}
	enter(false)
	now = now.Add(policy.Park)
	try := enter(true)
	enter(false)
	if !try.Try || !g.Leave(policy, try, true, gate.Refused, now) {
		t.Error("a try that was refused is no news: the checks may be far behind")
	}
	enter(false)

	g.See(policy, "two", standing.Doubtful, now)
	try = enter(true)
	enter(false)
	if g.Leave(policy, gate.Pass{}, true, gate.Refused, now) {
		t.Error("what Meta said of the old token counts")
	}
	if !g.Leave(policy, try, true, gate.Taken, now) {
		t.Error("that it works is no news")
	}
	g.See(policy, "two", standing.Works, now)
	if pass := enter(true); pass.Try || !g.Open() {
		t.Error("it is not open")
	}
}

// The checks find a token good that Meta refuses: it is tried less and less.
func TestADisagreementIsTriedLessAndLess(t *testing.T) {
	var g gate.Gate
	now := start
	g.See(policy, "one", standing.Works, now)
	var tries []time.Duration
	for now.Sub(start) < time.Hour {
		if pass, ok := g.Enter(now); ok {
			tries = append(tries, now.Sub(start))
			if g.Leave(policy, pass, true, gate.Refused, now) {
				g.See(policy, "one", standing.Dead, now)
				g.See(policy, "one", standing.Doubtful, now.Add(time.Millisecond))
			}
		}
		now = now.Add(time.Second)
	}
	if len(tries) < 10 || len(tries) > 16 {
		t.Errorf("%d tries in an hour: %v", len(tries), tries)
	}
	// When it had been dead to both, the first that heals it goes at once.
	g.See(policy, "one", standing.Works, now)
	g.See(policy, "one", standing.Dead, now)
	now = now.Add(time.Hour)
	pass, _ := g.Enter(now)
	g.Leave(policy, pass, true, gate.Refused, now)
	g.See(policy, "one", standing.Doubtful, now)
	if _, ok := g.Enter(now); !ok {
		t.Error("a token that is found good again is not tried at once")
	}
}

// Whatever happens, at most one send tries a page that is not known to work,
// a dead one at most once in every Park, and the gate never stays shut.
func TestAPageIsTriedByOneAtATime(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var g gate.Gate
		now := start
		basis, s := "one", standing.Works
		var passes []gate.Pass // of the present set-up
		var last time.Time     // try of a dead page
		learn := func(news bool, w gate.Word) {
			if !news {
				return
			}
			if s = standing.Works; w == gate.Refused {
				s = standing.Dead
			}
			g.See(policy, basis, s, now)
		}
		see := func(t *rapid.T) {
			s = rapid.SampledFrom([]standing.Standing{standing.Works, standing.Doubtful, standing.Dead}).Draw(t, "standing")
			g.See(policy, basis, s, now)
		}
		g.See(policy, basis, s, now)
		t.Repeat(map[string]func(*rapid.T){
			"": func(t *rapid.T) {
				tries := 0
				for _, p := range passes {
					if p.Try {
						tries++
					}
				}
				if tries > 1 || g.Open() != (s == standing.Works) {
					t.Fatalf("%d tries at once, open %v, %d", tries, g.Open(), s)
				}
				if tries == 0 && g.Next().After(now.Add(policy.Park)) {
					t.Fatalf("shut for %s", g.Next().Sub(now))
				}
			},
			"time": func(t *rapid.T) {
				now = now.Add(time.Duration(rapid.SampledFrom([]int{1, 3, 60, 601}).Draw(t, "seconds")) * time.Second)
			},
			"word": see,
			"renew": func(t *rapid.T) {
				basis += "+"
				passes, last = nil, time.Time{}
				see(t)
			},
			"enter": func(t *rapid.T) {
				pass, ok := g.Enter(now)
				if !ok {
					return
				}
				if pass.Try && s == standing.Dead {
					if !last.IsZero() && now.Sub(last) < policy.Park {
						t.Fatalf("tried again after %s", now.Sub(last))
					}
					last = now
				}
				passes = append(passes, pass)
			},
			"leave": func(t *rapid.T) {
				if len(passes) == 0 {
					t.Skip("nobody is out")
				}
				i := rapid.IntRange(0, len(passes)-1).Draw(t, "who")
				w := rapid.SampledFrom([]gate.Word{gate.Silent, gate.Taken, gate.Refused}).Draw(t, "word")
				pass := passes[i]
				passes = append(passes[:i:i], passes[i+1:]...)
				news := g.Leave(policy, pass, true, w, now)
				if news && w == gate.Silent {
					t.Fatal("silence is news")
				}
				learn(news, w)
			},
		})
	})
}
