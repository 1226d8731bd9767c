package say_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/parley-desk/parley/pkg/directory"
	"github.com/parley-desk/parley/pkg/graph"
	"github.com/parley-desk/parley/pkg/rules"
	"github.com/parley-desk/parley/pkg/thread"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
	"github.com/parley-desk/parley/services/engagement/internal/say"
)

// noon is a Monday in the hours of queue front, and no hour of queue night.
var noon = time.Date(2026, 3, 2, 10, 0, 0, 0, time.UTC)

func meta(id, name string) *configv1.Meta { return &configv1.Meta{Id: id, DisplayName: name} }

// house has the triggers on, in English.
func house(on ...threadv1.Trigger) *directory.Snapshot {
	day := &configv1.Schedule{Meta: meta("day", ""), TimeZone: "UTC", Week: []*configv1.WeekHours{
		{Days: []configv1.Weekday{1, 2, 3, 4, 5}, Open: []*configv1.Interval{{From: "08:00", To: "17:00"}}}}}
	holiday := &configv1.Schedule{Meta: meta("holiday", ""), TimeZone: "UTC", Week: day.GetWeek(),
		SpecialDays: []*configv1.SpecialDays{{Reason: "Liberation Day", From: "2026-03-02", Until: "2026-03-03"}}}
	night := &configv1.Schedule{Meta: meta("night", ""), TimeZone: "UTC", Week: []*configv1.WeekHours{
		{Days: []configv1.Weekday{1, 2, 3, 4, 5}, Open: []*configv1.Interval{{From: "20:00", To: "24:00"}}}}}
	agents := []string{"mila"}
	w := directory.NewSnapshot(day, holiday, night,
		&configv1.Agent{Meta: meta("mila", "Mila Petrova")}, &configv1.Agent{Meta: meta("orlin", "Orlin")},
		&configv1.Queue{Meta: meta("front", "Front desk"), Agents: agents, Schedule: "day"},
		&configv1.Queue{Meta: meta("back", ""), Agents: agents},
		&configv1.Queue{Meta: meta("night", "Night"), Agents: agents, Schedule: "night"},
		&configv1.Queue{Meta: meta("feast", ""), Agents: agents, Schedule: "holiday"},
		&configv1.Queue{Meta: meta("nobody", "")},
		&configv1.Workstream{Meta: meta("facebook", ""), Variables: []*configv1.Variable{{Name: "Tier", Initial: "silver"}}},
		&configv1.ChannelAccount{Meta: meta("demo", "")},
		&configv1.Page{Meta: meta("shop", ""), PageId: "10", Account: "demo", Workstream: "facebook", Language: "en"})
	for _, trigger := range on {
		id := strings.ToLower(strings.TrimPrefix(trigger.String(), "TRIGGER_"))
		w.Messages[id] = &configv1.AutomatedMessage{Meta: meta(id, ""), Trigger: trigger, Active: true}
	}
	return w
}

type trigger = threadv1.Trigger

// talk is a thread and its log.
type talk struct {
	t     interface{ Fatalf(string, ...any) }
	state *threadv1.State
	log   []*threadv1.Commit
	now   time.Time
}

func (l *talk) revision() uint64 { return uint64(len(l.log)) }

// commit has facts happen at one moment.
func (l *talk) commit(kinds ...any) *threadv1.Commit {
	facts := make([]*threadv1.Fact, len(kinds))
	for i, k := range kinds {
		if f, ok := k.(*threadv1.Fact); ok {
			facts[i] = f
			continue
		}
		facts[i] = thread.Of(k)
	}
	c, err := thread.Extend(l.state, l.revision(), l.now, "test", facts...)
	if err != nil {
		l.t.Fatalf("%v: %v", kinds, err)
	}
	l.log, l.state = append(l.log, c), c.GetState()
	return c
}

func received() *threadv1.MessageReceived {
	return &threadv1.MessageReceived{Mid: "m", Text: "hello", SentMs: noon.UnixMilli()}
}

// begun is a thread whose customer wrote at noon.
func begun(t interface{ Fatalf(string, ...any) }, kinds ...any) *talk {
	l := &talk{t: t, state: thread.New("10", "70"), now: noon}
	l.commit(received(), &threadv1.ConversationOpened{Id: "c", Workstream: "facebook", Units: 1, OfferSeconds: 60})
	if len(kinds) > 0 {
		l.commit(kinds...)
	}
	return l
}

func routed(queue string) *threadv1.ConversationRouted {
	return &threadv1.ConversationRouted{Queue: queue}
}

func by(agent string, cause threadv1.Cause) *threadv1.AgentAssigned {
	return &threadv1.AgentAssigned{Agent: agent, Cause: cause}
}

const picked = threadv1.Cause_CAUSE_PICKED

func world(w *directory.Snapshot, now time.Time) say.World {
	return say.World{Rules: rules.New(w), Now: now, Keep: 10 * time.Minute}
}

// answer is what the newest commit is answered by, in words.
func (l *talk) answer(w *directory.Snapshot) (texts []string) {
	facts, _ := say.Answer(l.state, l.revision(), l.log[len(l.log)-1], world(w, l.now))
	for _, f := range facts {
		texts = append(texts, words(f))
	}
	if len(facts) > 0 {
		l.commit(anySlice(facts)...)
	}
	return texts
}

func anySlice(facts []*threadv1.Fact) (all []any) {
	for _, f := range facts {
		all = append(all, f)
	}
	return all
}

func words(f *threadv1.Fact) string {
	if told := f.GetAgentTold(); told != nil {
		return "agent: " + told.GetText()
	}
	if c := f.GetConsentGiven(); c != nil {
		return fmt.Sprint("consent: ", c.GetAgreed())
	}
	return strings.Join(f.GetSendRequested().GetParts(), "|")
}

// Every trigger of L110 that Messenger has, by the commit that calls for it.
func TestEveryTrigger(t *testing.T) {
	open := []any{routed("front")}
	held := append(slices.Clone(open), by("mila", picked))
	consult := func(more ...any) []any {
		return append(slices.Clone(held), append([]any{&threadv1.ConsultAsked{Id: "q", Agent: "orlin", By: "mila"}}, more...)...)
	}
	yes := &threadv1.ConsultAnswered{Id: "q", Agent: "orlin", Accepted: true}
	public := &threadv1.ConsultOpened{Id: "q", Agent: "orlin", By: "mila"}
	ended := &threadv1.ConversationEnded{Agent: "mila"}
	send := &threadv1.SendRequested{Id: "s", Agent: "mila", Parts: []string{"hi"}, Human: true}
	said := map[trigger]bool{}
	for _, c := range []struct {
		name   string
		on     threadv1.Trigger
		before []any
		then   []any
		says   string // empty: nothing
	}{
		{"L110 agent assigned by a supervisor", threadv1.Trigger_TRIGGER_AGENT_ASSIGNED, open, []any{by("mila", threadv1.Cause_CAUSE_ASSIGNED)}, "Mila Petrova will help you."},
		{"L110 agent assigned without being asked", threadv1.Trigger_TRIGGER_AGENT_ASSIGNED, append(slices.Clone(open), &threadv1.OfferMade{Agent: "mila", Fence: 1}),
			[]any{&threadv1.AgentAssigned{Agent: "mila", Fence: 1, Cause: threadv1.Cause_CAUSE_AUTO_ASSIGNED}}, "Mila Petrova will help you."},
		{"L110 an agent who accepts is not assigned", threadv1.Trigger_TRIGGER_AGENT_ASSIGNED, open, []any{by("mila", picked)}, ""},
		{"L110 agent joined", threadv1.Trigger_TRIGGER_AGENT_JOINED, open, []any{by("mila", picked)}, "Mila Petrova has joined the conversation."},
		{"L110 agent joined, given", threadv1.Trigger_TRIGGER_AGENT_JOINED, open, []any{by("mila", threadv1.Cause_CAUSE_ASSIGNED)}, "Mila Petrova has joined the conversation."},
		{"L110 agent who comes back", threadv1.Trigger_TRIGGER_AGENT_JOINED, append(slices.Clone(held), &threadv1.ConversationParked{Agent: "mila"}),
			[]any{by("mila", threadv1.Cause_CAUSE_RESUMED)}, ""},
		{"L110 agent could not be assigned: nobody in the queue", threadv1.Trigger_TRIGGER_AGENT_NOT_ASSIGNED, nil, []any{routed("nobody")}, "Nobody can take your conversation"},
		{"L110 agent could not be assigned: no queue", threadv1.Trigger_TRIGGER_AGENT_NOT_ASSIGNED, nil, []any{routed("gone")}, "Nobody can take your conversation"},
		{"L110 nobody free is no failure", threadv1.Trigger_TRIGGER_AGENT_NOT_ASSIGNED, nil, []any{routed("back")}, ""},
		{"L110 agent disconnected", threadv1.Trigger_TRIGGER_AGENT_DISCONNECTED, held, []any{&threadv1.ConversationReleased{Cause: threadv1.Cause_CAUSE_DISCONNECTED}}, "We lost the connection to Mila Petrova."},
		{"L110 agent who gives it back", threadv1.Trigger_TRIGGER_AGENT_DISCONNECTED, held, []any{&threadv1.ConversationReleased{Cause: threadv1.Cause_CAUSE_RELEASED}}, ""},
		{"L83 L110 agent ended", threadv1.Trigger_TRIGGER_AGENT_ENDED, held, []any{ended}, "Mila Petrova has ended the conversation."},
		{"L83 X tells the customer nothing", threadv1.Trigger_TRIGGER_AGENT_ENDED, held, []any{&threadv1.ConversationParked{Agent: "mila"}}, ""},
		{"L110 session ended", threadv1.Trigger_TRIGGER_SESSION_ENDED, append(slices.Clone(held), ended), []any{&threadv1.ConversationClosed{Cause: threadv1.Cause_CAUSE_WRAPPED_UP}}, "This conversation is closed."},
		{"L108 participants are told of a forced close", threadv1.Trigger_TRIGGER_SESSION_ENDED, held, []any{&threadv1.ConversationClosed{Cause: threadv1.Cause_CAUSE_FORCED}}, "This conversation is closed."},
		{"L54 ended by overflow, whatever is on", 0, nil, []any{&threadv1.ConversationClosed{Cause: threadv1.Cause_CAUSE_OVERFLOWED}}, "We are sorry, we cannot take your conversation"},
		{"L54 overflow is no session that ended", threadv1.Trigger_TRIGGER_SESSION_ENDED, nil, []any{&threadv1.ConversationClosed{Cause: threadv1.Cause_CAUSE_OVERFLOWED}}, "We are sorry"},
		{"L110 consult accepted", threadv1.Trigger_TRIGGER_CONSULT_ACCEPTED, consult(), []any{yes}, "Orlin has been asked for advice."},
		{"L110 consult declined", threadv1.Trigger_TRIGGER_CONSULT_ACCEPTED, consult(), []any{&threadv1.ConsultAnswered{Id: "q", Agent: "orlin"}}, ""},
		{"L110 consultee joined the customer", threadv1.Trigger_TRIGGER_CONSULTANT_JOINED, consult(yes), []any{public}, "Orlin has joined the conversation."},
		{"L105 supervisor joined", threadv1.Trigger_TRIGGER_CONSULTANT_JOINED, held, []any{&threadv1.SupervisorJoined{Agent: "orlin"}}, "Orlin has joined the conversation."},
		{"L105 supervisor left", threadv1.Trigger_TRIGGER_CONSULTANT_LEFT, append(slices.Clone(held), &threadv1.SupervisorJoined{Agent: "orlin"}),
			[]any{&threadv1.SupervisorLeft{Agent: "orlin", Joined: true}}, "Orlin has left the conversation."},
		{"L105 a monitor is unseen", threadv1.Trigger_TRIGGER_CONSULTANT_LEFT, append(slices.Clone(held), &threadv1.MonitoringBegan{Agent: "orlin"}),
			[]any{&threadv1.SupervisorLeft{Agent: "orlin"}}, ""},
		{"L110 consultee left the customer", threadv1.Trigger_TRIGGER_CONSULTANT_LEFT, consult(yes, public),
			[]any{&threadv1.ConsultEnded{Id: "q", Agent: "orlin", By: "orlin", Attended: true, Public: true}}, "Orlin has left the conversation."},
		{"L110 consultee whom the customer never saw", threadv1.Trigger_TRIGGER_CONSULTANT_LEFT, consult(yes),
			[]any{&threadv1.ConsultEnded{Id: "q", Agent: "orlin", By: "orlin", Attended: true}}, ""},
		{"L110 consult ended", threadv1.Trigger_TRIGGER_CONSULT_ENDED, consult(yes), []any{&threadv1.ConsultEnded{Id: "q", Agent: "orlin", By: "mila", Attended: true}}, "The consultation with Orlin is over."},
		{"L110 consult that was never one", threadv1.Trigger_TRIGGER_CONSULT_ENDED, consult(), []any{&threadv1.ConsultEnded{Id: "q", Agent: "orlin", By: "mila"}}, ""},
		{"L110 customer disconnected, to the agent", threadv1.Trigger_TRIGGER_CUSTOMER_DISCONNECTED, append(slices.Clone(held), send),
			[]any{&threadv1.SendRefused{Id: "s", Reason: graph.ReasonPersonUnavailable}}, "agent: Messages no longer reach this customer"},
		{"L110 another refusal", threadv1.Trigger_TRIGGER_CUSTOMER_DISCONNECTED, append(slices.Clone(held), send), []any{&threadv1.SendRefused{Id: "s", Reason: "X"}}, ""},
		{"L110 out of operating hours", threadv1.Trigger_TRIGGER_OUT_OF_HOURS, nil, []any{routed("night")}, "We are closed at the moment."},
		{"L110 in operating hours", threadv1.Trigger_TRIGGER_OUT_OF_HOURS, nil, []any{routed("front")}, ""},
		{"L42 always open", threadv1.Trigger_TRIGGER_OUT_OF_HOURS, nil, []any{routed("back")}, ""},
		{"L110 holiday", threadv1.Trigger_TRIGGER_HOLIDAY, nil, []any{routed("feast")}, "We are closed for the holiday."},
		{"L110 holiday without a message of its own", threadv1.Trigger_TRIGGER_OUT_OF_HOURS, nil, []any{routed("feast")}, "We are closed at the moment."},
		{"L110 night is no holiday", threadv1.Trigger_TRIGGER_HOLIDAY, nil, []any{routed("night")}, ""},
		{"L110 back out of hours", threadv1.Trigger_TRIGGER_OUT_OF_HOURS, []any{routed("night"), by("mila", picked), &threadv1.ConversationParked{Agent: "mila"}},
			[]any{&threadv1.ConversationRevived{}}, "We are closed at the moment."},
		{"L110 written out of hours", threadv1.Trigger_TRIGGER_OUT_OF_HOURS, []any{routed("night")},
			[]any{&threadv1.MessageReceived{Mid: "m2", Text: "?", SentMs: noon.UnixMilli()}}, "We are closed at the moment."},
		{"L110 transfer to an agent accepted", threadv1.Trigger_TRIGGER_TRANSFER_ACCEPTED, held, []any{by("orlin", threadv1.Cause_CAUSE_TRANSFERRED)}, "Orlin has taken over the conversation."},
		{"L110 transfer to a queue accepted", threadv1.Trigger_TRIGGER_TRANSFER_ACCEPTED,
			append(slices.Clone(held), &threadv1.ConversationReleased{Cause: threadv1.Cause_CAUSE_TRANSFERRED}, routed("back")), []any{by("orlin", picked)}, "Orlin has taken over the conversation."},
		{"L110 transfer without a message of its own", threadv1.Trigger_TRIGGER_AGENT_JOINED, held, []any{by("orlin", threadv1.Cause_CAUSE_TRANSFERRED)}, "Orlin has joined the conversation."},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := begun(t, c.before...)
			l.commit(c.then...)
			w := house()
			if c.on != 0 {
				w = house(c.on)
			}
			got := l.answer(w)
			for _, f := range l.log[len(l.log)-1].GetFacts() {
				said[f.GetSendRequested().GetAutomated().GetTrigger()], said[f.GetAgentTold().GetAutomated().GetTrigger()] = true, true
			}
			if c.says == "" && len(got) > 0 || c.says != "" && (len(got) != 1 || !strings.HasPrefix(got[0], c.says)) {
				t.Errorf("said %q, want %q", got, c.says)
			}
			if again := l.answer(w); len(again) > 0 {
				t.Errorf("its own message is answered by %q", again)
			}
		})
	}
	for _, elsewhere := range []trigger{
		threadv1.Trigger_TRIGGER_NOTICE, threadv1.Trigger_TRIGGER_GREETING, // TestNoticeAndGreeting
		threadv1.Trigger_TRIGGER_POSITION_IN_QUEUE, threadv1.Trigger_TRIGGER_NEXT_IN_LINE, // TestPlaces
		threadv1.Trigger_TRIGGER_SURVEY, threadv1.Trigger_TRIGGER_SURVEY_COMMENT, threadv1.Trigger_TRIGGER_SURVEY_WRITE, threadv1.Trigger_TRIGGER_SURVEY_THANKS, // TestASurveyInMessenger
		threadv1.Trigger_TRIGGER_QUESTION, // TestQuestionsArePut
	} {
		said[elsewhere] = true
	}
	for n, name := range threadv1.Trigger_name {
		if n != 0 && !said[trigger(n)] {
			t.Errorf("no case has %s said", name)
		}
	}
}

// S49, L110: who writes for the first time is told that conversations are kept,
// and greeted; in the next conversation only greeted.
func TestNoticeAndGreeting(t *testing.T) {
	w := house(threadv1.Trigger_TRIGGER_NOTICE, threadv1.Trigger_TRIGGER_GREETING)
	w.Messages["notice"].AskConsent = true
	l := begun(t)
	if got := l.answer(w); len(got) != 2 || !strings.HasPrefix(got[0], "This conversation is recorded") || !strings.HasPrefix(got[1], "Hello!") {
		t.Fatalf("said %q", got)
	}
	asked := l.log[len(l.log)-1].GetFacts()[0].GetSendRequested()
	if len(asked.GetQuickReplies()) != 2 || asked.GetQuickReplies()[0].GetTitle() != "I agree" || asked.GetHuman() {
		t.Fatalf("asked %v", asked)
	}
	press := func(payload string) []string {
		l.commit(&threadv1.MessageReceived{Mid: payload, Text: "I agree", QuickReply: payload, SentMs: noon.UnixMilli()})
		return l.answer(w)
	}
	yes, no := asked.GetQuickReplies()[0].GetPayload(), asked.GetQuickReplies()[1].GetPayload()
	for _, step := range []struct {
		payload string
		want    []string
	}{{yes, []string{"consent: true"}}, {yes, nil}, {no, []string{"consent: false"}}, {"parley:agree:another", nil}, {"YES", nil}} {
		if got := press(step.payload); !slices.Equal(got, step.want) {
			t.Errorf("%s: %q, want %q", step.payload, got, step.want)
		}
	}
	l.commit(&threadv1.ConversationClosed{Cause: threadv1.Cause_CAUSE_FORCED})
	next := &threadv1.ConversationOpened{Id: "d", Workstream: "facebook"}
	l.commit(next)
	if got := l.answer(w); len(got) != 1 || !strings.HasPrefix(got[0], "Hello!") {
		t.Errorf("the next conversation: %q", got)
	}
	w.Messages["notice"].Texts = map[string]string{"en": "Another notice."}
	l.commit(&threadv1.ConversationClosed{Cause: threadv1.Cause_CAUSE_FORCED})
	l.commit(&threadv1.ConversationOpened{Id: "e", Workstream: "facebook"})
	if got := l.answer(w); len(got) != 2 || got[0] != "Another notice." || l.state.GetConsent().Agreed != nil {
		t.Errorf("another notice: %q, %v", got, l.state.GetConsent())
	}
}

// A page without a workstream has nobody who answers, and says so after it has
// greeted.
func TestAPageWithoutWorkstream(t *testing.T) {
	l := &talk{t: t, state: thread.New("10", "70"), now: noon}
	l.commit(received(), &threadv1.ConversationOpened{Id: "c"})
	got := l.answer(house(threadv1.Trigger_TRIGGER_GREETING, threadv1.Trigger_TRIGGER_AGENT_NOT_ASSIGNED))
	if len(got) != 2 || !strings.HasPrefix(got[0], "Hello!") || !strings.HasPrefix(got[1], "Nobody can") {
		t.Errorf("said %q", got)
	}
}

// What was said of the hours is said again when they have begun and ended once.
func TestHoursAreToldOnceANight(t *testing.T) {
	w := house(threadv1.Trigger_TRIGGER_OUT_OF_HOURS, threadv1.Trigger_TRIGGER_HOLIDAY)
	l := begun(t, routed("night"))
	write := func(at time.Time) int {
		l.now = at
		l.commit(&threadv1.MessageReceived{Mid: fmt.Sprint(at), Text: "?", SentMs: at.UnixMilli()})
		return len(l.answer(w))
	}
	if l.answer(w); l.state.GetConversation().GetSaid()[0].GetAgainMs() != noon.Add(10*time.Hour).UnixMilli() {
		t.Fatalf("said %v", l.state.GetConversation().GetSaid())
	}
	for _, c := range []struct {
		after time.Duration
		want  int
	}{{time.Minute, 0}, {9 * time.Hour, 0}, {11 * time.Hour, 0}, {15 * time.Hour, 1}, {16 * time.Hour, 0}} {
		if got := write(noon.Add(c.after)); got != c.want {
			t.Errorf("after %s: %d messages, want %d", c.after, got, c.want)
		}
	}
}

// Never outside the window, never while another app has the thread, never late,
// never to a page that is not there: nothing is committed, and it is counted.
func TestWhatPreventsAMessage(t *testing.T) {
	w := house(threadv1.Trigger_TRIGGER_GREETING)
	for _, c := range []struct {
		name   string
		change func(l *talk, w *say.World)
		result string
	}{
		{"nothing", func(*talk, *say.World) {}, say.Said},
		{"just in time", func(_ *talk, w *say.World) { w.Now = noon.Add(10 * time.Minute) }, say.Said},
		{"late", func(_ *talk, w *say.World) { w.Now = noon.Add(10*time.Minute + time.Millisecond) }, say.Late},
		{"the window closed", func(l *talk, _ *say.World) { l.state.WindowMs -= (24 * time.Hour).Milliseconds() }, say.Closed},
		{"only people may write", func(l *talk, _ *say.World) {
			l.state.WindowMs -= (24 * time.Hour).Milliseconds()
			l.state.Conversation.MessageTag = true
		}, say.Closed},
		{"the window never opened: an old event came again", func(l *talk, _ *say.World) { l.state.WindowMs = 0 }, say.Closed},
		{"another app has the thread", func(l *talk, _ *say.World) { l.state.Standby, l.state.OwnerMs = true, noon.UnixMilli() }, say.Foreign},
		{"the page is gone", func(_ *talk, w *say.World) { w.Rules = rules.New(directory.NewSnapshot()) }, ""},
		{"the conversation is another", func(l *talk, _ *say.World) { l.state.Conversation.Id = "next" }, ""},
		{"the thread has been answered", func(l *talk, _ *say.World) { l.state.Answered = 1 }, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := begun(t)
			in := world(w, noon)
			commit := &threadv1.Commit{Facts: l.log[0].GetFacts(), AtMs: l.log[0].GetAtMs(), State: thread.New("10", "70")}
			commit.State.Conversation = &threadv1.Conversation{Id: "c"}
			c.change(l, &in)
			facts, outcomes := say.Answer(l.state, 1, commit, in)
			result := ""
			if len(outcomes) > 0 {
				result = outcomes[0].Result
			}
			if result != c.result || (len(facts) > 0) != (c.result == say.Said) {
				t.Errorf("%q and %d facts, want %q", result, len(facts), c.result)
			}
		})
	}
}

// Echoes, messages of other apps, marks and what Meta tells call for nothing.
func TestWhatCallsForNothing(t *testing.T) {
	for _, k := range []any{
		&threadv1.ExternalMessageSent{Mid: "x", Text: "from a bot"}, &threadv1.ExternalMessageSent{Mid: "y", Standby: true}, &threadv1.SendEchoed{Id: "s"},
		&threadv1.SendSucceeded{Id: "s"}, &threadv1.DeliveryReported{}, &threadv1.ReadReported{}, &threadv1.ReactionChanged{}, &threadv1.EventKept{},
		&threadv1.SendRequested{Id: "s"}, &threadv1.NoteAdded{}, &threadv1.OfferMade{}, &threadv1.OfferEnded{}, &threadv1.ConversationParked{},
	} {
		for _, c := range say.Calls(&threadv1.Commit{Facts: []*threadv1.Fact{thread.Of(k)}, State: thread.New("10", "70")}) {
			if c.Waits || len(c.Triggers) > 0 {
				t.Errorf("%T calls for %+v", k, c)
			}
		}
	}
}

// L111: slugs and variables are put in place; what the customer's page names goes
// before.
func TestWordsAreFilledIn(t *testing.T) {
	w := house(threadv1.Trigger_TRIGGER_AGENT_JOINED)
	w.Pages["shop"].Messages = []*configv1.MessageOverride{{Trigger: threadv1.Trigger_TRIGGER_AGENT_JOINED,
		Texts: map[string]string{"en": "{AgentName}/{QueueName}/{$Tier$}/{$gone$}."}}}
	l := begun(t, routed("front"), by("mila", picked))
	if got := l.answer(w); !slices.Equal(got, []string{"Mila Petrova/Front desk/silver/."}) {
		t.Errorf("said %q", got)
	}
}
