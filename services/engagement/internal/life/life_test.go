package life_test

import (
	"testing"
	"time"

	"github.com/parley-desk/parley/pkg/directory"
	"github.com/parley-desk/parley/pkg/thread"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
	"github.com/parley-desk/parley/services/engagement/internal/life"
)

const (
	customer = configv1.Silence_SILENCE_CUSTOMER
	agent    = configv1.Silence_SILENCE_AGENT
	closes   = configv1.TimeOutTurn_TIME_OUT_TURN_CLOSE
	parks    = configv1.TimeOutTurn_TIME_OUT_TURN_PARK
)

var noon = time.UnixMilli(1_790_000_000_000)

// talk is a conversation that opened at noon, with what happened since, each
// some minutes after noon.
type step struct {
	minute int
	kind   any
}

func talk(t *testing.T, steps ...step) *threadv1.State {
	t.Helper()
	s := thread.New("10", "70")
	all := append([]step{
		{0, &threadv1.MessageReceived{Mid: "m", Text: "hi", SentMs: noon.UnixMilli()}},
		{0, &threadv1.ConversationOpened{Id: "c", Workstream: "front", Units: 1}},
	}, steps...)
	for _, one := range all {
		if err := thread.Apply(s, 1, minute(one.minute), thread.Of(one.kind)); err != nil {
			t.Fatalf("%T: %v", one.kind, err)
		}
	}
	return s
}

func minute(n int) time.Time { return noon.Add(time.Duration(n) * time.Minute) }

var (
	mila   = &threadv1.AgentAssigned{Agent: "mila", Cause: threadv1.Cause_CAUSE_PICKED}
	reply  = &threadv1.SendRequested{Id: "s", Agent: "mila", Parts: []string{"hello"}, Human: true}
	parked = &threadv1.ConversationParked{Agent: "mila"}
	ended  = &threadv1.ConversationEnded{Agent: "mila", Blocks: true}
)

func says(bg, en string) []*configv1.LocalText {
	return []*configv1.LocalText{{Language: "bg", Text: bg}, {Language: "en", Text: en}}
}

// world has one page in Bulgarian, with a workstream, and two agents.
func world(close *configv1.AutoClose, rules ...*configv1.TimeOutRule) *life.Plans {
	for _, r := range rules {
		r.FallbackLanguage = "en"
	}
	return life.NewPlans(directory.NewSnapshot(
		&configv1.Page{Meta: &configv1.Meta{Id: "shop"}, PageId: "10", Workstream: "front", Language: "bg"},
		&configv1.Agent{Meta: &configv1.Meta{Id: "mila"}, Language: "bg"},
		&configv1.Agent{Meta: &configv1.Meta{Id: "orlin"}},
		&configv1.Workstream{Meta: &configv1.Meta{Id: "front"}, AutoClose: close, TimeOutRules: rules},
	))
}

// TestAutoClose (L87, L88): when a conversation that nobody touches is closed.
func TestAutoClose(t *testing.T) {
	short := &configv1.AutoClose{OpenMinutes: 5, ActiveMinutes: 10, WaitingMinutes: 15, WrapUpMinutes: 20}
	held := func(minutes int) *threadv1.ConversationEnded {
		return &threadv1.ConversationEnded{Agent: "mila", Blocks: true, DueMs: minute(minutes).UnixMilli()}
	}
	for _, c := range []struct {
		name  string
		set   *configv1.AutoClose
		steps []step
		want  int // minutes after noon
	}{
		{"L87: Open, 30 days", nil, nil, 30 * 24 * 60},
		{"L87: Active, 30 days", nil, []step{{1, mila}}, 30*24*60 + 1},
		{"L87: Waiting, a week where nothing is set", nil, []step{{1, mila}, {2, parked}}, 7*24*60 + 2},
		{"L87: Wrap-up, 1 day", nil, []step{{1, mila}, {2, ended}}, 24*60 + 2},
		{"L88: Open, as set", short, nil, 5},
		{"L88: Active, as set", short, []step{{1, mila}}, 11},
		{"L23: Waiting, as set", short, []step{{1, mila}, {2, parked}}, 17},
		{"L88: Wrap-up, as set", short, []step{{1, mila}, {2, ended}}, 22},
		{"L88: wrap-up keeps capacity for longer", short, []step{{1, mila}, {2, held(50)}}, 50},
		{"L88: wrap-up keeps capacity for less", short, []step{{1, mila}, {2, held(10)}}, 22},
		{"A14: a message begins the time anew", short, []step{{1, mila}, {4, reply}}, 14},
		{"L88: a consult does", short, []step{{1, mila}, {6, &threadv1.ConsultAsked{Id: "q", Agent: "orlin", By: "mila"}}}, 16},
		{"L88: its answer does", short, []step{{1, mila}, {6, &threadv1.ConsultAsked{Id: "q", Agent: "orlin", By: "mila"}},
			{8, &threadv1.ConsultAnswered{Id: "q", Agent: "orlin", Accepted: true}}}, 18},
		{"L88: monitoring does", short, []step{{1, mila}, {2, parked}, {9, &threadv1.MonitoringBegan{Agent: "boss"}}}, 24},
		{"L88: a transfer does", short, []step{{1, mila}, {9, &threadv1.AgentAssigned{Agent: "orlin", Cause: threadv1.Cause_CAUSE_TRANSFERRED}}}, 19},
		{"L88: a transfer to a queue does", short, []step{{1, mila}, {9, &threadv1.ConversationReleased{Cause: threadv1.Cause_CAUSE_TRANSFERRED}}}, 14},
		{"L28: so does the customer who comes back", short, []step{{1, mila}, {2, parked}, {9, &threadv1.ConversationRevived{}}}, 14},
	} {
		t.Run(c.name, func(t *testing.T) {
			plans, s := world(c.set), talk(t, c.steps...)
			due(t, plans, s, c.want)
			facts := propose(t, plans, s, c.want)
			if got := facts[len(facts)-1].GetConversationClosed(); got.GetCause() != threadv1.Cause_CAUSE_AUTO_CLOSED {
				t.Errorf("%v", facts)
			}
		})
	}
}

func due(t *testing.T, plans *life.Plans, s *threadv1.State, want int) {
	t.Helper()
	st, _ := life.StandOf(s)
	plan := plans.Of("10", "front")
	if at := plan.Next(st); at != minute(want).UnixMilli() {
		t.Fatalf("due %v after noon, want %d min", time.UnixMilli(at).Sub(noon), want)
	}
	if facts := plan.Propose(s, minute(want).Add(-time.Millisecond), plans); len(facts) > 0 {
		t.Fatalf("it happens early: %v", facts)
	}
}

// propose gives what happens at a minute, which the thread must take.
func propose(t *testing.T, plans *life.Plans, s *threadv1.State, at int) []*threadv1.Fact {
	t.Helper()
	facts := plans.Of("10", "front").Propose(s, minute(at), plans)
	if len(facts) == 0 {
		t.Fatal("nothing happens")
	}
	if _, err := thread.Extend(s, 1, minute(at), "test", facts...); err != nil {
		t.Fatalf("%v: %v", facts, err)
	}
	return facts
}

// TestTimeOutRules (L89): when a rule is due, and what it does.
func TestTimeOutRules(t *testing.T) {
	nudge := func() *configv1.TimeOutRule {
		return &configv1.TimeOutRule{Name: "nudge", Silence: customer, Minutes: 10, CustomerTexts: says("Там ли сте?", "Are you there?")}
	}
	sorry := &configv1.TimeOutRule{Name: "sorry", Silence: agent, Minutes: 5, AgentTexts: says("Клиентът чака.", "The customer waits.")}
	const toCustomer, toAgent, over, aside = "Там ли сте?", "Клиентът чака.", "closed", "parked"
	for _, c := range []struct {
		name  string
		rules []*configv1.TimeOutRule
		steps []step
		due   int
		want  []string
	}{
		{"the customer is silent", []*configv1.TimeOutRule{nudge()}, []step{{1, mila}, {2, reply}}, 12, []string{toCustomer}},
		{"in Waiting too", []*configv1.TimeOutRule{nudge()}, []step{{1, mila}, {2, reply}, {3, parked}}, 12, []string{toCustomer}},
		{"in Open too, the agent gone", []*configv1.TimeOutRule{nudge()}, []step{{1, mila}, {2, reply}, {3, &threadv1.ConversationReleased{Cause: threadv1.Cause_CAUSE_DISCONNECTED}}}, 12, []string{toCustomer}},
		{"the agent is silent", []*configv1.TimeOutRule{sorry}, []step{{1, mila}}, 5, []string{toAgent}},
		{"since the first message that has no answer", []*configv1.TimeOutRule{sorry}, []step{{1, mila}, {4, &threadv1.MessageReceived{Mid: "m2", SentMs: minute(4).UnixMilli()}}}, 5, []string{toAgent}},
		{"it closes", []*configv1.TimeOutRule{{Name: "end", Silence: customer, Minutes: 10, Turn: closes}}, []step{{1, mila}, {2, reply}}, 12, []string{over}},
		{"with a farewell", []*configv1.TimeOutRule{{Name: "end", Silence: customer, Minutes: 10, Turn: closes, CustomerTexts: says("Довиждане", "Bye")}}, []step{{1, mila}, {2, reply}}, 12, []string{"Довиждане", over}},
		{"it sets aside", []*configv1.TimeOutRule{{Name: "aside", Silence: customer, Minutes: 10, Turn: parks}}, []step{{1, mila}, {2, reply}}, 12, []string{aside}},
		{"not what somebody has just taken up again", []*configv1.TimeOutRule{{Name: "aside", Silence: customer, Minutes: 10, Turn: parks}}, []step{{1, mila}, {2, reply}, {3, parked},
			{60, &threadv1.AgentAssigned{Agent: "mila", Cause: threadv1.Cause_CAUSE_RESUMED}}}, 70, []string{aside}},
		{"the shorter first", []*configv1.TimeOutRule{{Name: "end", Silence: customer, Minutes: 20, Turn: closes}, nudge()}, []step{{1, mila}, {2, reply}}, 12, []string{toCustomer}},
		{"of a tie the lower priority number", []*configv1.TimeOutRule{{Name: "end", Silence: customer, Minutes: 10, Turn: closes, Priority: 2}, nudge()}, []step{{1, mila}, {2, reply}}, 12, []string{toCustomer}},
		{"not one that is inactive", []*configv1.TimeOutRule{{Name: "end", Silence: customer, Minutes: 5, Turn: closes, Inactive: true}, nudge()}, []step{{1, mila}, {2, reply}}, 12, []string{toCustomer}},
		{"a silence of before a rule counts from the rule on", []*configv1.TimeOutRule{{Name: "end", Silence: customer, Minutes: 10, Turn: closes, SinceMs: minute(30).UnixMilli()}}, []step{{1, mila}, {2, reply}}, 40, []string{over}},
	} {
		t.Run(c.name, func(t *testing.T) {
			plans, s := world(nil, c.rules...), talk(t, c.steps...)
			due(t, plans, s, c.due)
			var got []string
			for _, f := range propose(t, plans, s, c.due) {
				switch k := f.GetKind().(type) {
				case *threadv1.Fact_TimeOutReached:
					if k.TimeOutReached.GetText() != "" {
						got = append(got, k.TimeOutReached.GetText())
					}
				case *threadv1.Fact_SendRequested:
					got = append(got, k.SendRequested.GetParts()...)
				case *threadv1.Fact_ConversationClosed:
					got = append(got, over)
				case *threadv1.Fact_ConversationParked:
					got = append(got, aside)
				}
			}
			if len(got) != len(c.want) {
				t.Fatalf("%q, want %q", got, c.want)
			}
			for i := range got {
				if got[i] != c.want[i] {
					t.Errorf("%q, want %q", got, c.want)
				}
			}
		})
	}
}

// TestARuleRunsOnceInASilence: neither the rule's own message nor the time after
// it begins another; what the customer writes does.
func TestARuleRunsOnceInASilence(t *testing.T) {
	plans := world(nil, &configv1.TimeOutRule{Name: "nudge", Silence: customer, Minutes: 10, CustomerTexts: says("Там ли сте?", "Are you there?")})
	s := talk(t, step{1, mila}, step{2, reply})
	first := propose(t, plans, s, 12)
	for _, f := range first {
		if err := thread.Apply(s, 2, minute(12), f); err != nil {
			t.Fatal(err)
		}
	}
	if again := plans.Of("10", "front").Propose(s, minute(600), plans); len(again) > 0 {
		t.Fatalf("again in the same silence: %v", again)
	}
	for _, step := range []step{{700, &threadv1.MessageReceived{Mid: "m2", SentMs: minute(700).UnixMilli()}},
		{701, &threadv1.SendRequested{Id: "s2", Agent: "mila", Parts: []string{"yes"}, Human: true}}} {
		if err := thread.Apply(s, 3, minute(step.minute), thread.Of(step.kind)); err != nil {
			t.Fatal(err)
		}
	}
	second := propose(t, plans, s, 711)
	if a, b := first[1].GetSendRequested().GetId(), second[1].GetSendRequested().GetId(); a == b || a == "" {
		t.Errorf("two silences, and messages %q and %q", a, b)
	}
}

// TestDeciderTwiceIsOneMessage: whoever decides it, the message has the same id.
func TestDeciderTwiceIsOneMessage(t *testing.T) {
	plans := world(nil, &configv1.TimeOutRule{Name: "nudge", Silence: customer, Minutes: 10, CustomerTexts: says("Там ли сте?", "Are you there?")})
	s := talk(t, step{1, mila}, step{2, reply})
	a, b := propose(t, plans, s, 12), propose(t, plans, s, 19)
	if a[1].GetSendRequested().GetId() != b[1].GetSendRequested().GetId() {
		t.Errorf("%v and %v", a, b)
	}
}

// TestLanguages (L89): the page's for the customer, the desk's for the agent, and
// the fallback for who has none of those given.
func TestLanguages(t *testing.T) {
	plans := world(nil, &configv1.TimeOutRule{Name: "nudge", Silence: agent, Minutes: 10, CustomerTexts: says("Момент", "One moment"), AgentTexts: says("Чака", "Waits")})
	for agent, want := range map[string]string{"mila": "Чака", "orlin": "Waits", "gone": "Waits"} {
		s := talk(t, step{1, &threadv1.AgentAssigned{Agent: agent, Cause: threadv1.Cause_CAUSE_PICKED}})
		facts := propose(t, plans, s, 10)
		if got := facts[0].GetTimeOutReached().GetText(); got != want {
			t.Errorf("%s reads %q, want %q", agent, got, want)
		}
		if got := facts[1].GetSendRequested().GetParts()[0]; got != "Момент" {
			t.Errorf("the customer reads %q", got)
		}
	}
}

// TestTheWindowIsKept: a rule runs all the same, and says why it sent nothing.
func TestTheWindowIsKept(t *testing.T) {
	plans := world(nil, &configv1.TimeOutRule{Name: "end", Silence: customer, Minutes: 25 * 60, Turn: closes, CustomerTexts: says("Довиждане", "Bye")})
	s := talk(t, step{1, mila}, step{2, reply})
	s.Conversation.MessageTag = true
	facts := propose(t, plans, s, 25*60+2)
	if len(facts) != 2 || facts[0].GetTimeOutReached().GetUnsent() != thread.WindowClosed || facts[1].GetConversationClosed().GetCause() != threadv1.Cause_CAUSE_CUSTOMER_SILENT {
		t.Errorf("%v", facts)
	}
}

// TestNobodyCatchesUp: after a time in which nobody was awake, what should have
// been said long ago is left out.
func TestNobodyCatchesUp(t *testing.T) {
	rule := func(name string, minutes int32, turn configv1.TimeOutTurn) *configv1.TimeOutRule {
		r := &configv1.TimeOutRule{Name: name, Silence: customer, Minutes: minutes, Turn: turn}
		if turn == 0 {
			r.CustomerTexts = says(name, name)
		}
		return r
	}
	for _, c := range []struct {
		name  string
		rules []*configv1.TimeOutRule
		runs  string
		told  int32
	}{
		{"the last of messages", []*configv1.TimeOutRule{rule("a", 10, 0), rule("b", 20, 0), rule("c", 2000, 0)}, "b", 20},
		{"the first that closes", []*configv1.TimeOutRule{rule("a", 10, 0), rule("b", 20, closes), rule("c", 30, closes), rule("d", 40, parks), rule("e", 50, 0)}, "b", 50},
		{"the first that sets aside", []*configv1.TimeOutRule{rule("a", 10, 0), rule("b", 20, parks), rule("c", 30, 0)}, "b", 30},
	} {
		plans, s := world(nil, c.rules...), talk(t, step{1, mila}, step{2, reply})
		got := propose(t, plans, s, 100)[0].GetTimeOutReached()
		if got.GetRule() != c.runs || got.GetToldMinutes() != c.told {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}

// TestWrapUpHasNoRules: nobody is waited for there.
func TestWrapUpHasNoRules(t *testing.T) {
	plans := world(nil, &configv1.TimeOutRule{Name: "end", Silence: agent, Minutes: 10, Turn: closes})
	due(t, plans, talk(t, step{1, mila}, step{2, ended}), 24*60+2)
}

// TestWhoseConfiguration: the workstream that the conversation opened with, as it
// is now; without it the one the page has now; without that what is usual.
func TestWhoseConfiguration(t *testing.T) {
	set := func(id string, minutes int32) *configv1.Workstream {
		return &configv1.Workstream{Meta: &configv1.Meta{Id: id}, AutoClose: &configv1.AutoClose{OpenMinutes: minutes}}
	}
	page := &configv1.Page{Meta: &configv1.Meta{Id: "shop"}, PageId: "10", Workstream: "new"}
	for _, c := range []struct {
		name  string
		world []directory.Resource
		want  int64
	}{
		{"its own", []directory.Resource{page, set("front", 5), set("new", 7)}, 5},
		{"its own is gone", []directory.Resource{page, set("new", 7)}, 7},
		{"none", nil, 30 * 24 * 60},
	} {
		plan := life.NewPlans(directory.NewSnapshot(c.world...)).Of("10", "front")
		st, _ := life.StandOf(talk(t))
		if got := (plan.Next(st) - noon.UnixMilli()) / 60_000; got != c.want {
			t.Errorf("%s: %d minutes, want %d", c.name, got, c.want)
		}
	}
}

// TestABotThatOwesIsTakenAsDead: in bounded time, whatever became of who asked it,
// and at once when the workstream has none any more.
func TestABotThatOwesIsTakenAsDead(t *testing.T) {
	s := thread.New("10", "70")
	for _, k := range []any{&threadv1.MessageReceived{Mid: "m", Text: "hi", SentMs: noon.UnixMilli()},
		&threadv1.ConversationOpened{Id: "c", Workstream: "front", Units: 1, Bot: true}} {
		if err := thread.Apply(s, 1, noon, thread.Of(k)); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		name  string
		bot   *configv1.Bot
		after time.Duration
		want  threadv1.BotReason
	}{
		{"what is usual", &configv1.Bot{}, 40 * time.Second, threadv1.BotReason_BOT_REASON_LATE},
		{"as set", &configv1.Bot{LimitSeconds: 2}, 32 * time.Second, threadv1.BotReason_BOT_REASON_LATE},
		{"there is none any more", nil, 0, threadv1.BotReason_BOT_REASON_REMOVED},
	} {
		plan := life.NewPlan(&configv1.Workstream{Meta: &configv1.Meta{Id: "front"}, Bot: c.bot})
		st, _ := life.StandOf(s)
		if at := plan.Next(st); at != noon.Add(c.after).UnixMilli() {
			t.Errorf("%s: due %v after noon", c.name, time.UnixMilli(at).Sub(noon))
		}
		facts := plan.Propose(s, noon.Add(c.after), nil)
		if len(facts) != 1 || facts[0].GetBotEscalated().GetReason() != c.want {
			t.Errorf("%s: %v", c.name, facts)
		}
		if early := plan.Propose(s, noon.Add(c.after-time.Millisecond), nil); len(early) > 0 {
			t.Errorf("%s: it happens early: %v", c.name, early)
		}
	}
	if err := thread.Apply(s, 2, noon, thread.Of(&threadv1.BotAnswered{Ask: 1})); err != nil {
		t.Fatal(err)
	}
	if st, _ := life.StandOf(s); life.NewPlan(nil).Next(st) != noon.Add(30*24*time.Hour).UnixMilli() {
		t.Error("a bot that owes nothing is taken as dead")
	}
}

// TestQuestionsAreNotWaitedForForEver (L114): when their time is over, also of ones
// that could not be put, the conversation is to be routed with what there is. Who
// was given it meanwhile asks for themselves.
func TestQuestionsAreNotWaitedForForEver(t *testing.T) {
	began := &threadv1.QuestionsBegan{Variables: []string{"topic", "order"}, UntilMs: minute(5).UnixMilli()}
	answers := []step{{2, &threadv1.QuestionAsked{Variable: "topic"}}, {3, &threadv1.QuestionAnswered{Variable: "topic", Result: threadv1.QuestionResult_QUESTION_RESULT_FIT, Value: "sales"}}}
	soon := &configv1.AutoClose{OpenMinutes: 3}
	for _, c := range []struct {
		name  string
		steps []step
		set   *configv1.AutoClose
		due   int
		ends  bool
	}{
		{"nothing was asked", []step{{0, began}}, nil, 5, true},
		{"one was answered", append([]step{{0, began}}, answers...), nil, 5, true},
		{"although it would be closed sooner for that nobody came", []step{{0, began}}, soon, 5, true},
		{"all were answered", append([]step{{0, began}}, append(answers, step{4, &threadv1.QuestionsEnded{}})...), nil, 30*24*60 + 4, false},
		{"a supervisor gave it to an agent", []step{{0, began}, {1, mila}}, nil, 30*24*60 + 1, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			plans, s := world(c.set), talk(t, c.steps...)
			due(t, plans, s, c.due)
			facts := propose(t, plans, s, c.due)
			if len(facts) != 1 || facts[0].GetQuestionsEnded().GetTimedOut() != c.ends || (facts[0].GetConversationClosed() == nil) != c.ends {
				t.Errorf("%v", facts)
			}
		})
	}
}

// TestTheCustomersOwnLanguage: of a page that has none, as for all that is said by
// itself.
func TestTheCustomersOwnLanguage(t *testing.T) {
	plans := life.NewPlans(directory.NewSnapshot(&configv1.Page{Meta: &configv1.Meta{Id: "shop"}, PageId: "10", Workstream: "front"},
		&configv1.Workstream{Meta: &configv1.Meta{Id: "front"}, TimeOutRules: []*configv1.TimeOutRule{{Name: "nudge", Silence: customer, Minutes: 10,
			FallbackLanguage: "en", CustomerTexts: says("Там ли сте?", "Are you there?")}}}))
	for locale, want := range map[string]string{"bg_BG": "Там ли сте?", "fr_FR": "Are you there?", "": "Are you there?"} {
		s := talk(t, step{1, mila}, step{2, reply})
		s.Customer = &threadv1.Customer{Locale: locale}
		if got := propose(t, plans, s, 12)[1].GetSendRequested().GetParts()[0]; got != want {
			t.Errorf("%q reads %q", locale, got)
		}
	}
}
