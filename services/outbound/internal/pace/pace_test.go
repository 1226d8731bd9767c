package pace_test

import (
	"context"
	"errors"
	"log/slog"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/redis/go-redis/v9"

	"github.com/parley-desk/parley/pkg/graph"
	"github.com/parley-desk/parley/pkg/keyspace/keyspacetest"
	"github.com/parley-desk/parley/services/outbound/internal/pace"
)

// process is one process's pace with its metrics.
func process(t *testing.T, rdb redis.UniversalClient, members func() int) (*pace.Pace, *prometheus.Registry) {
	t.Helper()
	registry := prometheus.NewRegistry()
	p, err := pace.New(pace.Settings{Room: 8, Failures: 3, Pause: 10 * time.Second}, rdb, members, slog.New(slog.DiscardHandler), registry)
	if err != nil {
		t.Fatal(err)
	}
	return p, registry
}

func one() int { return 1 }

// call makes a call that ends with out.
func call(t *testing.T, p *pace.Pace, page string, out graph.Outcome) pace.Rest {
	t.Helper()
	turn, rest, err := p.Begin(t.Context(), page, pace.Text)
	if err != nil {
		t.Fatal(err)
	}
	if turn != nil {
		turn.End(t.Context(), &out)
	}
	return rest
}

func sent() graph.Outcome { return graph.Outcome{Class: graph.Sent, MessageID: "m"} }

func broken() graph.Outcome {
	return graph.Outcome{Class: graph.Uncertain, Reason: graph.ReasonServerError}
}

// However many processes there are without Redis, and whether they come or go, a
// page is not used faster than Meta allows.
func TestProcessesAloneShareEvenly(t *testing.T) {
	for _, c := range []struct {
		name                string
		members, then       int
		sends, media, reads int // of all of them, at most, in 20 seconds
	}{
		{"one", 1, 1, 6000, 200, 20},
		{"four", 4, 4, 6000, 200, 20},
		{"more than reads a second", 5, 5, 6000, 200, 20},
		{"two of four went away", 4, 2, 6000, 200, 20},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				members := c.members
				var processes []*pace.Pace
				for range members {
					p, _ := process(t, nil, func() int { return members })
					processes = append(processes, p)
				}
				count := func(k pace.Kind) (n int) {
					for end := time.Now().Add(10 * time.Second); time.Now().Before(end); n++ {
						if _, err := processes[n%members].Wait(t.Context(), "p", k); err != nil {
							t.Fatal(err)
						}
					}
					return n
				}
				all := map[pace.Kind]int{}
				for range 2 {
					for _, k := range []pace.Kind{pace.Text, pace.Media, pace.Read} {
						all[k] += count(k)
					}
					members = c.then
				}
				for k, most := range map[pace.Kind]int{pace.Text: c.sends, pace.Media: c.media, pace.Read: c.reads} {
					// Each member has a burst, and its last call may end behind time.
					if all[k] > most+2*c.members+1 || all[k] < most*8/10 {
						t.Errorf("%d calls of kind %d, want about %d", all[k], k, most)
					}
				}
			})
		})
	}
}

// With Redis a process may use what the others leave, and all of them together no
// more than Meta allows; another page is not concerned.
func TestProcessesShareByRedis(t *testing.T) {
	keyspacetest.Each(t, func(t *testing.T, rdb redis.UniversalClient) {
		a, registry := process(t, rdb, func() int { return 50 })
		b, _ := process(t, rdb, func() int { return 50 })
		start := time.Now()
		var calls sync.WaitGroup
		for range 10 {
			for _, p := range []*pace.Pace{a, b} {
				calls.Go(func() {
					if _, err := p.Wait(t.Context(), "busy", pace.Media); err != nil {
						t.Error(err)
					}
				})
			}
		}
		calls.Wait()
		// 20 calls, 9 a second: one at once and 19 that wait for each other.
		if took := time.Since(start); took < 19*time.Second/9-100*time.Millisecond {
			t.Errorf("20 media took %v, faster than Meta allows", took)
		}
		start = time.Now()
		for range 20 {
			if _, err := a.Wait(t.Context(), "other", pace.Text); err != nil {
				t.Fatal(err)
			}
		}
		// Its even share would be less than 6 a second.
		if took := time.Since(start); took > 2*time.Second {
			t.Errorf("20 texts of a page that nobody else uses took %v", took)
		}
		if got := testutil.ToFloat64(gathered(t, registry, "parley_outbound_rates_shared")); got != 1 {
			t.Errorf("shared is %v, want 1", got)
		}
	})
}

// slow stands for a Redis that takes ten milliseconds to give turns a millisecond
// apart, or to fail.
type slow struct {
	turns []int // of each question
	fails bool
	given int
}

func (s *slow) DialHook(next redis.DialHook) redis.DialHook { return next }
func (s *slow) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}
func (s *slow) ProcessHook(redis.ProcessHook) redis.ProcessHook {
	return func(_ context.Context, cmd redis.Cmder) error {
		args := cmd.Args()
		turns := args[len(args)-1].(int)
		s.turns = append(s.turns, turns)
		time.Sleep(10 * time.Millisecond)
		if s.fails {
			return errors.New("gone")
		}
		var reply []any
		for range turns {
			reply = append(reply, "0", strconv.Itoa(1000*s.given), "0")
			s.given++
		}
		cmd.(*redis.Cmd).SetVal(reply)
		return nil
	}
}

// Calls that come while Redis is being asked are asked for together, each has a
// turn of its own, and one that no longer wants it takes none of the others'.
func TestCallsThatWaitAreAskedForTogether(t *testing.T) {
	for _, fails := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			rdb, redis := redis.NewClient(&redis.Options{}), &slow{fails: fails}
			defer func() { _ = rdb.Close() }()
			rdb.AddHook(redis)
			p, _ := process(t, rdb, one)
			gone, leave := context.WithCancel(t.Context())
			start, at := time.Now(), make(chan time.Duration, 101)
			var calls sync.WaitGroup
			for i := range cap(at) {
				calls.Go(func() {
					ctx := t.Context()
					if i == 50 {
						ctx = gone
					}
					if _, err := p.Wait(ctx, "p", pace.Text); (err != nil) != (i == 50) {
						t.Errorf("call %d: %v", i, err)
					}
					at <- time.Since(start)
				})
			}
			time.Sleep(5 * time.Millisecond)
			leave()
			calls.Wait()
			asked := 0
			for _, n := range redis.turns {
				asked += n
			}
			if len(redis.turns) > 2 || asked != cap(at) {
				t.Errorf("Redis was asked for %v turns, want %d in two questions at most", redis.turns, cap(at))
			}
			close(at)
			seen := map[time.Duration]bool{}
			for d := range at {
				if seen[d] = true; !fails && d > 121*time.Millisecond {
					t.Errorf("a call waited %v", d)
				}
			}
			if !fails && len(seen) < cap(at)-2 {
				t.Errorf("%d calls left at %d moments", cap(at), len(seen))
			}
		})
	}
}

// What one process hears from Meta holds for all of them, and for that page only.
func TestARestHoldsForAllProcesses(t *testing.T) {
	keyspacetest.Each(t, func(t *testing.T, rdb redis.UniversalClient) {
		a, _ := process(t, rdb, one)
		b, _ := process(t, rdb, one)
		out := sent()
		out.Usage = graph.Usage{Percent: 100, Regain: 3 * time.Minute}
		if rest := call(t, a, "full", out); rest.For != 0 {
			t.Fatalf("rests before Meta said so: %+v", rest)
		}
		for _, p := range []*pace.Pace{a, b} {
			if rest := call(t, p, "full", sent()); rest.Reason != graph.ReasonThrottled || rest.For > 3*time.Minute || rest.For < 2*time.Minute {
				t.Errorf("rest %+v, want three minutes for the page being throttled", rest)
			}
			if rest := call(t, p, "other", sent()); rest.For != 0 {
				t.Errorf("another page rests too: %+v", rest)
			}
			if _, err := p.Wait(t.Context(), "full", pace.Read); err != nil {
				t.Errorf("a reading waits as well: %v", err)
			}
		}
	})
}

func TestWithoutRedisAProcessGoesOnByItself(t *testing.T) {
	rdb := keyspacetest.Embedded(t)
	p, registry := process(t, rdb, one)
	if rest := call(t, p, "p", sent()); rest.For != 0 {
		t.Fatal(rest)
	}
	if err := rdb.Close(); err != nil {
		t.Fatal(err)
	}
	if rest := call(t, p, "p", sent()); rest.For != 0 {
		t.Fatal(rest)
	}
	if got := testutil.ToFloat64(gathered(t, registry, "parley_outbound_rates_shared")); got != 0 {
		t.Errorf("shared is %v while Redis is gone, want 0", got)
	}
}

func TestUsageSlowsThePageDown(t *testing.T) {
	for _, c := range []struct {
		percent   int
		least     time.Duration // for 54 calls behind the burst, 270 a second
		most      time.Duration
		mustStand bool
	}{
		{79, 0, 250 * time.Millisecond, false},
		{90, 390 * time.Millisecond, 450 * time.Millisecond, false},
		{95, 780 * time.Millisecond, 850 * time.Millisecond, false},
		{100, 0, 0, true},
	} {
		synctest.Test(t, func(t *testing.T) {
			p, _ := process(t, nil, one)
			for range 31 {
				_ = call(t, p, "p", sent())
			}
			out := sent()
			out.Usage.Percent = c.percent
			_ = call(t, p, "p", out)
			rest := pace.Rest{}
			start := time.Now()
			for range 54 {
				rest = call(t, p, "p", sent())
			}
			if took := time.Since(start); took < c.least || took > c.most {
				t.Errorf("at %d percent 54 calls took %v, want %v to %v", c.percent, took, c.least, c.most)
			}
			if (rest.For > 0) != c.mustStand {
				t.Errorf("at %d percent: rest %+v", c.percent, rest)
			}
		})
	}
}

func TestMoreThanTheInboxCanFollowIsCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, registry := process(t, nil, one)
		for range 300 {
			_ = call(t, p, "p", sent())
		}
		if got := testutil.ToFloat64(gathered(t, registry, "parley_outbound_inbox_stalls_total")); got < 200 || got > 260 {
			t.Errorf("%v of 300 messages in a second count as beyond 40 a second", got)
		}
	})
}

// A page whose calls fail at Meta is left alone, then tried by one call; others go on.
func TestBreakerOfAPage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, _ := process(t, nil, one)
		for range 3 {
			if rest := call(t, p, "sick", broken()); rest.For != 0 {
				t.Fatalf("left alone too early: %+v", rest)
			}
		}
		if rest := call(t, p, "sick", sent()); rest.Reason != pace.ReasonMetaFailing || rest.For <= 0 || rest.For > 10*time.Second {
			t.Errorf("rest %+v, want the page left alone for ten seconds", rest)
		}
		if rest := call(t, p, "well", sent()); rest.For != 0 {
			t.Errorf("another page is left alone: %+v", rest)
		}
		time.Sleep(10*time.Second + time.Millisecond)
		turn, _, err := p.Begin(t.Context(), "sick", pace.Text)
		if err != nil || turn == nil {
			t.Fatalf("nobody may try: %v", err)
		}
		if rest := call(t, p, "sick", sent()); rest.Reason != pace.ReasonMetaFailing || rest.For <= 0 {
			t.Errorf("a second one tries at the same time: %+v", rest)
		}
		turn.End(t.Context(), nil) // it was not made after all
		time.Sleep(10*time.Second + time.Millisecond)
		if rest := call(t, p, "sick", sent()); rest.For != 0 {
			t.Errorf("nobody may try again: %+v", rest)
		}
		if rest := call(t, p, "sick", sent()); rest.For != 0 {
			t.Errorf("still left alone after a success: %+v", rest)
		}
	})
}

// That Meta refuses, or has no room, says that it works.
func TestAnAnswerIsNoFailure(t *testing.T) {
	p, _ := process(t, nil, one)
	for range 20 {
		if rest := call(t, p, "p", graph.Outcome{Class: graph.Refused, Reason: graph.ReasonWindowClosed}); rest.For != 0 {
			t.Fatalf("left alone for refusals: %+v", rest)
		}
	}
}

// Calls that hang take up the room of their page and of no other.
func TestHangingCallsKeepToTheirPage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, _ := process(t, nil, one)
		for range 8 {
			if _, _, err := p.Begin(t.Context(), "hangs", pace.Text); err != nil {
				t.Fatal(err)
			}
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if _, _, err := p.Begin(ctx, "hangs", pace.Text); err == nil {
			t.Error("a ninth call found room")
		}
		if rest := call(t, p, "other", sent()); rest.For != 0 {
			t.Error(rest)
		}
	})
}

// gathered is the one metric of that name, as a collector of its own.
func gathered(t *testing.T, registry *prometheus.Registry, name string) prometheus.Collector {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == name {
			g := prometheus.NewGauge(prometheus.GaugeOpts{Name: name})
			g.Set(f.GetMetric()[0].GetGauge().GetValue() + f.GetMetric()[0].GetCounter().GetValue())
			return g
		}
	}
	t.Fatalf("there is no metric %s", name)
	return nil
}
