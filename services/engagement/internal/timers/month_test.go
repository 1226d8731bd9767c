package timers_test

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"

	"github.com/parley-desk/parley/pkg/directory"
	"github.com/parley-desk/parley/pkg/thread"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
	"github.com/parley-desk/parley/proto/subject"
)

const (
	month         = 30 * day
	conversations = 10_000
)

// TestAMonth: ten thousand conversations live through a month in which all
// processes die three times for some hours. Every deadline is kept within a
// second of its moment, or of the moment in which somebody lives again; nothing
// happens early, and nothing is said twice in one silence. The log, folded anew,
// is the state that all of it led to.
func TestAMonth(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLedger()
		set := &configv1.AutoClose{OpenMinutes: 3 * 24 * 60, ActiveMinutes: 5 * 24 * 60, WaitingMinutes: 2 * 24 * 60, WrapUpMinutes: 60}
		aside := &configv1.TimeOutRule{Name: "aside", Silence: configv1.Silence_SILENCE_CUSTOMER, Minutes: 4 * 60, Turn: configv1.TimeOutTurn_TIME_OUT_TURN_PARK}
		late := &configv1.TimeOutRule{Name: "late", Silence: configv1.Silence_SILENCE_AGENT, Minutes: 90, FallbackLanguage: "en",
			CustomerTexts: []*configv1.LocalText{{Language: "en", Text: "One moment, please."}}}
		world := directory.Fixed(front(set, nudge(60), aside, end(36*60), late))
		begin := time.Now()
		var deaths [][2]time.Duration
		stop := start(t, l, world)
		at := time.Duration(0)
		for _, e := range events(rand.New(rand.NewPCG(1, 2))) {
			if next := len(deaths); next < 3 && e.at > time.Duration(next+1)*7*day {
				stop()
				deaths = append(deaths, [2]time.Duration{at, at + 5*time.Hour})
				time.Sleep(5 * time.Hour)
				at += 5 * time.Hour
				stop = start(t, l, world)
				time.Sleep(time.Second)
				at += time.Second
			}
			time.Sleep(max(0, e.at-at))
			at = max(at, e.at)
			l.live(t, who(e.who), e.dice)
		}
		time.Sleep(10 * day)
		synctest.Wait()
		stop()
		judge(t, l, begin, deaths)
	})
}

type event struct {
	at   time.Duration
	who  int
	dice uint64
}

// events are when somebody does something in a month, in order.
func events(r *rand.Rand) []event {
	var all []event
	for n := range conversations {
		at := time.Duration(r.Int64N(int64(month)))
		for range 2 + r.IntN(10) {
			all = append(all, event{at, n, r.Uint64()})
			if at += time.Duration(r.ExpFloat64() * float64(3*time.Hour)); at > month {
				break
			}
		}
	}
	slices.SortFunc(all, func(a, b event) int { return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.who, b.who)) })
	return all
}

// live has somebody do in a thread what its state allows.
func (l *ledger) live(t *testing.T, who subject.Thread, dice uint64) {
	t.Helper()
	id := fmt.Sprintf("%s-%x", who.PSID, dice)
	_, _, err := l.Update(t.Context(), who, func(s *threadv1.State, _ uint64) ([]*threadv1.Fact, error) {
		wrote := thread.Of(&threadv1.MessageReceived{Mid: "m" + id, Text: "hi", SentMs: time.Now().UnixMilli()})
		c, pick := s.GetConversation(), dice%10
		switch {
		case !thread.Live(c):
			return []*threadv1.Fact{wrote, opened("c" + id)}, nil
		case c.GetPhase() == threadv1.Phase_PHASE_OPEN && pick < 7:
			return []*threadv1.Fact{assigned("mila")}, nil
		case c.GetPhase() == threadv1.Phase_PHASE_ACTIVE && pick < 5:
			return []*threadv1.Fact{reply("s" + id)}, nil
		case c.GetPhase() == threadv1.Phase_PHASE_ACTIVE && pick == 5:
			return thread.Park(s, c.GetId(), "mila")
		case c.GetPhase() == threadv1.Phase_PHASE_ACTIVE && pick == 6:
			return thread.End(s, c.GetId(), "mila", true, time.Now().Add(time.Duration(dice%300)*time.Minute))
		case c.GetPhase() == threadv1.Phase_PHASE_ACTIVE && pick == 7:
			return thread.AddNote(s, c.GetId(), "mila", "n"+id, "", "note")
		case c.GetPhase() == threadv1.Phase_PHASE_WAITING && pick < 6:
			return []*threadv1.Fact{wrote, thread.Of(&threadv1.ConversationRevived{})}, nil
		case c.GetPhase() == threadv1.Phase_PHASE_WAITING:
			return thread.Resume(s, c.GetId(), "mila")
		}
		return []*threadv1.Fact{wrote}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// judge goes through the log with a mind of its own.
func judge(t *testing.T, l *ledger, begin time.Time, deaths [][2]time.Duration) {
	t.Helper()
	naive, replayed, did := map[subject.Thread]*episode{}, map[subject.Thread]*threadv1.State{}, map[string]int{}
	since := func(ms int64) time.Duration { return time.UnixMilli(ms).Sub(begin) }
	// awake is when a deadline can be kept at the earliest.
	awake := func(due time.Duration) time.Duration {
		for _, d := range deaths {
			if due >= d[0] && due < d[1] {
				due = d[1]
			}
		}
		return due
	}
	for _, r := range l.commits() {
		e, s := naive[r.Thread], replayed[r.Thread]
		if e == nil {
			e, s = &episode{}, thread.New(r.Thread.Page, r.Thread.PSID)
			naive[r.Thread], replayed[r.Thread] = e, s
		}
		at := since(r.Commit.GetAtMs())
		due, what := e.due()
		if made := byTime(r.Commit); made != "" {
			did[made]++
			if at < due || due == never {
				t.Fatalf("%s at %v, due at %v (%s)", made, at, due, what)
			}
		} else if due != never && at > awake(due)+time.Second {
			t.Fatalf("%s was due at %v, and had not happened at %v", what, due, at)
		}
		if made := byTime(r.Commit); made != "" && at > awake(due)+time.Second {
			t.Fatalf("%s at %v, due at %v", made, at, due)
		}
		for _, f := range r.Commit.GetFacts() {
			if err := thread.Apply(s, r.Previous, time.UnixMilli(r.Commit.GetAtMs()), f); err != nil {
				t.Fatal(err)
			}
			e.take(t, f, at, since)
		}
	}
	for who, s := range replayed {
		if !proto.Equal(l.state(who), s) {
			t.Fatalf("the log of %v does not lead to its state:\n%s", who, gocmp.Diff(l.state(who), s, protocmp.Transform()))
		}
		if due, what := naive[who].due(); due != never && due < month {
			t.Fatalf("%s was due at %v and never happened", what, due)
		}
	}
	t.Logf("%d commits of %d threads; time did %v", len(l.commits()), len(replayed), did)
	for _, what := range []string{"auto_closed", "nudge", "aside", "end", "late"} {
		if did[what] < 100 {
			t.Errorf("%s happened only %d times", what, did[what])
		}
	}
}
