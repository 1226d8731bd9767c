package timers_test

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-desk/parley/pkg/directory"
	"github.com/parley-desk/parley/pkg/thread"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
)

const day = 24 * time.Hour

// TestRestart: what fell due while no process lived happens when one lives again.
func TestRestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLedger()
		stop := start(t, l, directory.Fixed(directory.NewSnapshot()))
		l.commit(t, who(1), opened("c1"))
		stop()
		time.Sleep(31 * day)
		if !thread.Live(l.state(who(1)).GetConversation()) {
			t.Fatal("closed by nobody")
		}
		start(t, l, directory.Fixed(directory.NewSnapshot()))
		time.Sleep(time.Second)
		synctest.Wait()
		if thread.Live(l.state(who(1)).GetConversation()) {
			t.Error("overdue, and not closed within a second")
		}
	})
}

// front is a world with one workstream.
func front(set *configv1.AutoClose, rules ...*configv1.TimeOutRule) *directory.Snapshot {
	return directory.NewSnapshot(
		&configv1.Page{Meta: &configv1.Meta{Id: "shop"}, PageId: "10", Workstream: "front"},
		&configv1.Workstream{Meta: &configv1.Meta{Id: "front"}, AutoClose: set, TimeOutRules: rules})
}

func nudge(minutes int32) *configv1.TimeOutRule {
	return &configv1.TimeOutRule{Name: "nudge", Silence: configv1.Silence_SILENCE_CUSTOMER, Minutes: minutes, FallbackLanguage: "en",
		CustomerTexts: []*configv1.LocalText{{Language: "en", Text: "Are you there?"}}}
}

func end(minutes int32) *configv1.TimeOutRule {
	return &configv1.TimeOutRule{Name: "end", Silence: configv1.Silence_SILENCE_CUSTOMER, Minutes: minutes, Turn: configv1.TimeOutTurn_TIME_OUT_TURN_CLOSE}
}

func reply(id string) *threadv1.Fact {
	return thread.Of(&threadv1.SendRequested{Id: id, Agent: "mila", Parts: []string{"hello"}, Human: true})
}

func hello(mid string, at time.Time) *threadv1.Fact {
	return thread.Of(&threadv1.MessageReceived{Mid: mid, Text: "hi", SentMs: at.UnixMilli()})
}

// automatic is what machines sent, with the time after begin.
func (l *ledger) automatic(begin time.Time) []time.Duration {
	var all []time.Duration
	for _, r := range l.commits() {
		for _, f := range r.Commit.GetFacts() {
			if m := f.GetSendRequested(); m != nil && !m.GetHuman() {
				all = append(all, time.UnixMilli(r.Commit.GetAtMs()).Sub(begin))
			}
		}
	}
	return all
}

// TestEveryTimer (L86 to L89): in virtual time each comes within a second of its
// moment, instead of five minutes, and none before.
func TestEveryTimer(t *testing.T) {
	set := &configv1.AutoClose{OpenMinutes: 5, ActiveMinutes: 60, WaitingMinutes: 15, WrapUpMinutes: 20}
	active, aside := threadv1.Phase_PHASE_ACTIVE, &configv1.TimeOutRule{Name: "aside", Silence: configv1.Silence_SILENCE_CUSTOMER, Minutes: 7, Turn: configv1.TimeOutTurn_TIME_OUT_TURN_PARK}
	parked := thread.Of(&threadv1.ConversationParked{Agent: "mila"})
	held := func(d time.Duration) *threadv1.Fact {
		return thread.Of(&threadv1.ConversationEnded{Agent: "mila", Blocks: true, DueMs: time.Now().Add(d).UnixMilli()})
	}
	for _, c := range []struct {
		name  string
		rules []*configv1.TimeOutRule
		facts func() []*threadv1.Fact
		after time.Duration
		want  threadv1.Phase
	}{
		{"L87: Open", nil, func() []*threadv1.Fact { return nil }, 5 * time.Minute, threadv1.Phase_PHASE_CLOSED},
		{"L87: Active", nil, func() []*threadv1.Fact { return []*threadv1.Fact{assigned("mila")} }, time.Hour, threadv1.Phase_PHASE_CLOSED},
		{"L81: Waiting", nil, func() []*threadv1.Fact { return []*threadv1.Fact{assigned("mila"), parked} }, 15 * time.Minute, threadv1.Phase_PHASE_CLOSED},
		{"L87: Wrap-up", nil, func() []*threadv1.Fact { return []*threadv1.Fact{assigned("mila"), held(time.Minute)} }, 20 * time.Minute, threadv1.Phase_PHASE_CLOSED},
		{"L88: Wrap-up that blocks for longer", nil, func() []*threadv1.Fact { return []*threadv1.Fact{assigned("mila"), held(50 * time.Minute)} }, 50 * time.Minute, threadv1.Phase_PHASE_CLOSED},
		{"L89: a rule closes", []*configv1.TimeOutRule{end(10)}, func() []*threadv1.Fact { return []*threadv1.Fact{assigned("mila"), reply("s")} }, 10 * time.Minute, threadv1.Phase_PHASE_CLOSED},
		{"L89: a rule sets aside", []*configv1.TimeOutRule{aside}, func() []*threadv1.Fact { return []*threadv1.Fact{assigned("mila"), reply("s")} }, 7 * time.Minute, threadv1.Phase_PHASE_WAITING},
		{"L114: answers are waited for no longer", nil, func() []*threadv1.Fact {
			return []*threadv1.Fact{thread.Of(&threadv1.QuestionsBegan{Variables: []string{"order"}, UntilMs: time.Now().Add(2 * time.Minute).UnixMilli()})}
		}, 2 * time.Minute, threadv1.Phase_PHASE_OPEN},
		{"L89: a rule speaks", []*configv1.TimeOutRule{nudge(9)}, func() []*threadv1.Fact { return []*threadv1.Fact{assigned("mila"), reply("s")} }, 9 * time.Minute, active},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := newLedger()
				start(t, l, directory.Fixed(front(set, c.rules...)))
				l.commit(t, who(1), append([]*threadv1.Fact{hello("m", time.Now()), opened("c1")}, c.facts()...)...)
				revision := len(l.commits())
				time.Sleep(c.after - time.Millisecond)
				synctest.Wait()
				if len(l.commits()) != revision {
					t.Fatalf("something happened before %v: %v", c.after, l.commits()[revision:])
				}
				time.Sleep(time.Second)
				synctest.Wait()
				if len(l.commits()) != revision+1 || l.state(who(1)).GetConversation().GetPhase() != c.want {
					t.Errorf("%d commits, %v; want one, %v", len(l.commits())-revision, l.state(who(1)).GetConversation().GetPhase(), c.want)
				}
			})
		})
	}
}

// TestTheClockIsSet: forward, and what is due by the new time happens within a
// second; back, and it waits for its time.
func TestTheClockIsSet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var shift atomic.Int64
		l := newLedger()
		l.now = func() time.Time { return time.Now().Add(time.Duration(shift.Load())) }
		startEvery(t, l, directory.Fixed(front(&configv1.AutoClose{OpenMinutes: 60})), time.Second)
		l.commit(t, who(1), opened("c1"))
		shift.Store(int64(-30 * time.Minute)) // back by half an hour
		time.Sleep(61 * time.Minute)
		synctest.Wait()
		if !thread.Live(l.state(who(1)).GetConversation()) {
			t.Fatal("closed by a clock that is not there yet")
		}
		shift.Store(0)
		time.Sleep(time.Second)
		synctest.Wait()
		if thread.Live(l.state(who(1)).GetConversation()) {
			t.Fatal("the clock was set forward, and a second later nothing had happened")
		}
		if l.commit(t, who(2), opened("c2")); !thread.Live(l.state(who(2)).GetConversation()) {
			t.Fatal("nothing opened")
		}
		shift.Store(int64(2 * time.Hour))
		time.Sleep(time.Second)
		synctest.Wait()
		if thread.Live(l.state(who(2)).GetConversation()) {
			t.Error("two hours ahead, and still open")
		}
	})
}

// TestConfigurationChanges: what is due follows the configuration at once, in both
// directions.
func TestConfigurationChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, world := newLedger(), &shifting{}
		world.set(front(nil))
		startEvery(t, l, world, time.Hour)
		l.commit(t, who(1), hello("m", time.Now()), opened("c1"))
		time.Sleep(time.Minute)
		world.set(front(&configv1.AutoClose{OpenMinutes: 10}))
		time.Sleep(5 * time.Minute)
		world.set(front(&configv1.AutoClose{OpenMinutes: 20}))
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		if !thread.Live(l.state(who(1)).GetConversation()) {
			t.Fatal("closed by the configuration of before")
		}
		world.set(front(&configv1.AutoClose{OpenMinutes: 16}))
		time.Sleep(time.Second)
		synctest.Wait()
		if thread.Live(l.state(who(1)).GetConversation()) {
			t.Error("the new configuration has it closed already, and it is not")
		}
	})
}

// TestTheBrokerIsAway: what is due is tried until it is done, and done once.
func TestTheBrokerIsAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLedger()
		start(t, l, directory.Fixed(front(nil, nudge(10))))
		begin := time.Now()
		l.commit(t, who(1), hello("m", begin), opened("c1"), assigned("mila"), reply("s"))
		l.mu.Lock()
		l.refuse = 6
		l.mu.Unlock()
		time.Sleep(3 * time.Hour)
		synctest.Wait()
		if got := l.automatic(begin); len(got) != 1 || got[0] > 11*time.Minute {
			t.Errorf("sent after %v, want once, within a minute of ten", got)
		}
	})
}

// TestTwoAreAwake: a process that was frozen and one that took over carry out the
// same timers, and everything happens once.
func TestTwoAreAwake(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLedger()
		l.slow = 3 * time.Second // and neither hears at once what the other did
		start(t, l, directory.Fixed(front(nil, nudge(10), end(60))))
		start(t, l, directory.Fixed(front(nil, nudge(10), end(60))))
		begin := time.Now()
		for n := range 50 {
			l.commit(t, who(n), hello(fmt.Sprint("m", n), begin), opened("c"), assigned("mila"), reply("s"))
		}
		time.Sleep(2 * time.Hour)
		synctest.Wait()
		if got := l.automatic(begin); len(got) != 50 {
			t.Errorf("%d messages in 50 silences", len(got))
		}
		for n := range 50 {
			if c := l.state(who(n)).GetConversation(); c.GetClosedBy() != threadv1.Cause_CAUSE_CUSTOMER_SILENT {
				t.Errorf("%v", c)
			}
		}
	})
}

// shifting is a world that changes.
type shifting struct {
	mu      sync.Mutex
	now     *directory.Snapshot
	changed chan struct{}
}

func (s *shifting) set(now *directory.Snapshot) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.changed != nil {
		close(s.changed)
	}
	s.now, s.changed = now, make(chan struct{})
}

func (s *shifting) Now() *directory.Snapshot {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now
}

func (s *shifting) Changed() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.changed
}

// TestABotNobodyWaitsFor: the process that asked it is dead, and the conversation is
// taken from it within a second of its moment.
func TestABotNobodyWaitsFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, world := newLedger(), front(nil)
		world.Workstreams["front"].Bot = &configv1.Bot{LimitSeconds: 2}
		start(t, l, directory.Fixed(world))
		l.commit(t, who(1), hello("m", time.Now()), thread.Of(&threadv1.ConversationOpened{Id: "c1", Workstream: "front", Units: 1, Bot: true}))
		time.Sleep(32*time.Second - time.Millisecond)
		synctest.Wait()
		if !thread.BotHas(l.state(who(1)).GetConversation()) {
			t.Fatal("it was taken as dead too early")
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if c := l.state(who(1)).GetConversation(); thread.BotHas(c) || c.GetBot().GetEscalated() != threadv1.BotReason_BOT_REASON_LATE {
			t.Errorf("it has it still: %v", c)
		}
	})
}
