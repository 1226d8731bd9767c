package thread_test

import (
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/parley-desk/parley/pkg/thread"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
)

// TestTurnsOfTheSpecification walks every turn of L81 for asynchronous channels,
// and those that other numbers add, by the command that brings it about.
func TestTurnsOfTheSpecification(t *testing.T) {
	now := time.UnixMilli(3000)
	fact := func(kind any) func(*threadv1.State) ([]*threadv1.Fact, error) {
		return func(*threadv1.State) ([]*threadv1.Fact, error) { return []*threadv1.Fact{thread.Of(kind)}, nil }
	}
	closes := func(cause threadv1.Cause) func(*threadv1.State) ([]*threadv1.Fact, error) {
		return func(s *threadv1.State) ([]*threadv1.Fact, error) { return thread.CloseByTime(s, cause, "r"), nil }
	}
	force := func(s *threadv1.State) ([]*threadv1.Fact, error) { return thread.ForceClose(s, "c", "boss", "") }
	over := thread.Handover{Conversation: "c", By: "mila"}
	const auto, customer, agent = threadv1.Cause_CAUSE_AUTO_CLOSED, threadv1.Cause_CAUSE_CUSTOMER_SILENT, threadv1.Cause_CAUSE_AGENT_SILENT
	for _, c := range []struct {
		name     string
		from, to threadv1.Phase
		by       func(*threadv1.State) ([]*threadv1.Fact, error)
	}{
		{"L81: an agent picks", open, active, func(s *threadv1.State) ([]*threadv1.Fact, error) {
			s.Conversation.Offer, s.Conversation.Terms = nil, &threadv1.Terms{Pickable: true}
			return thread.Pick(s, "c", "mila")
		}},
		{"L81: it is offered and accepted", open, active, func(s *threadv1.State) ([]*threadv1.Fact, error) { return thread.AcceptOffer(s, "c", "mila", 7) }},
		{"L95: it is assigned without asking", open, active, func(s *threadv1.State) ([]*threadv1.Fact, error) {
			s.Conversation.Offer, s.Conversation.Terms = nil, &threadv1.Terms{AutoAssign: true}
			return thread.MakeOffer(s, "c", "front", &threadv1.OfferMade{Agent: "mila", Fence: 8, UntilMs: 9000})
		}},
		{"L84: what is only offered is nobody's yet", open, open, func(s *threadv1.State) ([]*threadv1.Fact, error) {
			s.Conversation.Offer = nil
			return thread.MakeOffer(s, "c", "front", &threadv1.OfferMade{Agent: "mila", Fence: 8, UntilMs: 9000})
		}},
		{"L81: the offer is rejected", open, open, func(s *threadv1.State) ([]*threadv1.Fact, error) { return thread.RejectOffer(s, "c", "mila", 7, "") }},
		{"L81: the offer times out", open, open, func(s *threadv1.State) ([]*threadv1.Fact, error) {
			return thread.EndOffer(s, "c", 7, threadv1.OfferOutcome_OFFER_OUTCOME_TIMED_OUT)
		}},
		{"L81: End", active, wrapUp, func(s *threadv1.State) ([]*threadv1.Fact, error) {
			return thread.End(s, "c", "mila", true, time.Time{})
		}},
		{"L81: the agent was away past the time-out", active, open, func(s *threadv1.State) ([]*threadv1.Fact, error) {
			return thread.Release(s, "c", "mila", threadv1.Cause_CAUSE_DISCONNECTED)
		}},
		{"L81: the agent gives it back", active, open, func(s *threadv1.State) ([]*threadv1.Fact, error) {
			return thread.Release(s, "c", "mila", threadv1.Cause_CAUSE_RELEASED)
		}},
		{"L81: transferred to another queue", active, open, func(s *threadv1.State) ([]*threadv1.Fact, error) { return over.ToQueue(s, "back") }},
		{"L81: X", active, waiting, func(s *threadv1.State) ([]*threadv1.Fact, error) { return thread.Park(s, "c", "mila") }},
		{"L89: a time-out rule sets it aside", active, waiting, func(s *threadv1.State) ([]*threadv1.Fact, error) { return thread.ParkByTime(s, "r"), nil }},
		{"L81: closed after End", wrapUp, closed, func(s *threadv1.State) ([]*threadv1.Fact, error) { return thread.Close(s, "c", "mila") }},
		{"L81: the agent comes back", waiting, active, func(s *threadv1.State) ([]*threadv1.Fact, error) { return thread.Resume(s, "c", "mila") }},
		{"L81: the customer writes again", waiting, open, fact(&threadv1.ConversationRevived{})},
		{"L81: no activity in Waiting", waiting, closed, closes(auto)},
		{"L87: Open, auto-close", open, closed, closes(auto)},
		{"L87: Active, auto-close", active, closed, closes(auto)},
		{"L87: Wrap-up, auto-close", wrapUp, closed, closes(auto)},
		{"L89: Open, the customer is silent", open, closed, closes(customer)},
		{"L89: Active, the customer is silent", active, closed, closes(customer)},
		{"L89: Waiting, the customer is silent", waiting, closed, closes(customer)},
		{"L89: Open, no agent answers", open, closed, closes(agent)},
		{"L89: Active, no agent answers", active, closed, closes(agent)},
		{"L89: Waiting, no agent answers", waiting, closed, closes(agent)},
		{"L108: Open, force close", open, closed, force},
		{"L108: Active, force close", active, closed, force},
		{"L108: Waiting, force close", waiting, closed, force},
		{"L108: Wrap-up, force close", wrapUp, closed, force},
		{"L85: a message after Closed begins another", closed, open, fact(&threadv1.ConversationOpened{Id: "c2"})},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := talk(t, c.from)
			facts, err := c.by(s)
			if err != nil {
				t.Fatal(err)
			}
			commit, err := thread.Extend(s, 1, now, "test", facts...)
			if err != nil {
				t.Fatal(err)
			}
			if got := commit.GetState().GetConversation().GetPhase(); got != c.to {
				t.Errorf("from %v to %v, want %v", c.from, got, c.to)
			}
		})
	}
}

// TestClosedStaysClosed (L82): nothing but another conversation follows.
func TestClosedStaysClosed(t *testing.T) {
	s := talk(t, closed)
	for name, facts := range map[string][]*threadv1.Fact{
		"auto-close": thread.CloseByTime(s, threadv1.Cause_CAUSE_AUTO_CLOSED, ""), "time-out rule": thread.ParkByTime(s, "r"),
	} {
		if len(facts) > 0 {
			t.Errorf("%s does something to a conversation that is over", name)
		}
	}
	if fact, _ := thread.Automatic(s, time.UnixMilli(3000), "i", "hello"); fact != nil {
		t.Error("something is sent in a conversation that is over")
	}
}

// TestSilence: who wrote last and since when the other is silent.
func TestSilence(t *testing.T) {
	const customer, agent, nobody = threadv1.Side_SIDE_CUSTOMER, threadv1.Side_SIDE_AGENT, threadv1.Side_SIDE_UNSPECIFIED
	says := func(sent int64) any { return &threadv1.MessageReceived{Mid: "m2", Text: "?", SentMs: sent} }
	reply := &threadv1.SendRequested{Id: "s", Agent: "mila", Parts: []string{"yes"}, Human: true}
	automatic := &threadv1.SendRequested{Id: "auto", Parts: []string{"are you there?"}}
	reached := &threadv1.TimeOutReached{Rule: "r", Silent: customer, Minutes: 10, ToldMinutes: 10}
	type step struct {
		at   int64
		kind any
	}
	for _, c := range []struct {
		name  string
		steps []step
		spoke threadv1.Side
		since int64
		told  int32
	}{
		{"just opened", nil, customer, 2000, 0},
		{"the customer goes on", []step{{3000, says(2500)}}, customer, 2000, 0},
		{"an agent answers", []step{{3000, reply}}, agent, 3000, 0},
		{"and writes again", []step{{3000, reply}, {4000, &threadv1.SendRequested{Id: "s2", Agent: "mila", Parts: []string{"?"}, Human: true}}}, agent, 4000, 0},
		{"the customer answers", []step{{3000, reply}, {4000, says(3900)}}, customer, 4000, 0},
		{"a machine's message answers nothing", []step{{3000, automatic}}, customer, 2000, 0},
		{"a rule had its turn", []step{{3000, reply}, {4000, reached}}, agent, 3000, 10},
		{"and what it sent does not begin the silence anew", []step{{3000, reply}, {4000, reached}, {4000, automatic}}, agent, 3000, 10},
		{"an agent who goes on does", []step{{3000, reply}, {4000, reached}, {5000, &threadv1.SendRequested{Id: "s3", Agent: "mila", Parts: []string{"?"}, Human: true}}}, agent, 5000, 0},
		{"somebody answers in the inbox of the page", []step{{3000, &threadv1.ExternalMessageSent{Mid: "x", SentMs: 2900}}}, agent, 3000, 0},
		{"an echo that is older than the question", []step{{3000, &threadv1.ExternalMessageSent{Mid: "x", SentMs: 900}}}, customer, 2000, 0},
		{"another app has the thread", []step{{3000, &threadv1.MessageReceived{Mid: "m2", SentMs: 2900, Standby: true}}}, nobody, 3000, 0},
		{"a tap is a message", []step{{3000, reply}, {4000, &threadv1.PostbackReceived{Title: "Yes", SentMs: 3900}}}, customer, 4000, 0},
		{"a note is none", []step{{3000, &threadv1.NoteAdded{Id: "n", Agent: "mila", Text: "x"}}}, customer, 2000, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := talk(t, active)
			for _, step := range c.steps {
				if err := thread.Apply(s, 1, time.UnixMilli(step.at), thread.Of(step.kind)); err != nil {
					t.Fatalf("%T: %v", step.kind, err)
				}
			}
			spoke, since := thread.SilenceOf(s)
			if spoke != c.spoke || since != c.since || s.GetConversation().GetToldMinutes() != c.told {
				t.Errorf("%v since %d, told %d; want %v since %d, told %d", spoke, since, s.GetConversation().GetToldMinutes(), c.spoke, c.since, c.told)
			}
		})
	}
}

// TestSilenceInLogsOfBefore: they did not keep it, and are read as well as can be.
func TestSilenceInLogsOfBefore(t *testing.T) {
	before := func(phase threadv1.Phase) *threadv1.State {
		s := talk(t, phase)
		s.Conversation.ActiveMs, s.Conversation.Spoke, s.Conversation.SpokeMs = 0, 0, 0
		return s
	}
	waits := before(active)
	if spoke, since := thread.SilenceOf(waits); spoke != threadv1.Side_SIDE_CUSTOMER || since != 2000 {
		t.Errorf("%v since %d, though the customer's message has no answer", spoke, since)
	}
	answered := before(active)
	answered.Unanswered, answered.NewestMs = 0, 2500
	if spoke, since := thread.SilenceOf(answered); spoke != threadv1.Side_SIDE_AGENT || since != 2500 {
		t.Errorf("%v since %d, though the agent wrote last", spoke, since)
	}
	after(t, answered, &threadv1.NoteAdded{Id: "n", Agent: "mila", Text: "x"})
	if spoke, since := thread.SilenceOf(answered); spoke != threadv1.Side_SIDE_AGENT || since != 2500 || thread.ActiveAt(answered.GetConversation()) != 2000 {
		t.Errorf("after a note: %v since %d, active at %d", spoke, since, thread.ActiveAt(answered.GetConversation()))
	}
	ran := before(waiting)
	after(t, ran, &threadv1.TimeOutReached{Rule: "r", Silent: threadv1.Side_SIDE_AGENT, Minutes: 5, ToldMinutes: 7})
	if spoke, _ := thread.SilenceOf(ran); spoke != threadv1.Side_SIDE_CUSTOMER || ran.GetConversation().GetToldMinutes() != 7 {
		t.Errorf("after a rule: %v, told %d", spoke, ran.GetConversation().GetToldMinutes())
	}
}

// TestActivity (L88): what begins the time of auto-close anew, and what does not.
func TestActivity(t *testing.T) {
	for _, c := range []struct {
		name string
		from threadv1.Phase
		kind any
		want bool
	}{
		{"a message", active, &threadv1.MessageReceived{Mid: "m2", SentMs: 5000}, true},
		{"a reply", active, &threadv1.SendRequested{Id: "s", Agent: "mila", Parts: []string{"a"}, Human: true}, true},
		{"a consult", active, &threadv1.ConsultAsked{Id: "q", Agent: "orlin", By: "mila"}, true},
		{"a supervisor who reads along", waiting, &threadv1.MonitoringBegan{Agent: "boss"}, true},
		{"a transfer", active, &threadv1.AgentAssigned{Agent: "orlin", Cause: threadv1.Cause_CAUSE_TRANSFERRED}, true},
		{"a transfer to a queue", active, &threadv1.ConversationReleased{Cause: threadv1.Cause_CAUSE_TRANSFERRED}, true},
		{"a machine's message", active, &threadv1.SendRequested{Id: "s", Parts: []string{"a"}}, false},
		{"a time-out rule", active, &threadv1.TimeOutReached{Rule: "r", Silent: threadv1.Side_SIDE_AGENT, Minutes: 5, ToldMinutes: 5}, false},
		{"a watermark", active, &threadv1.ReadReported{WatermarkMs: 5000}, false},
		{"an offer that ends", open, &threadv1.OfferEnded{Fence: 7, Outcome: threadv1.OfferOutcome_OFFER_OUTCOME_TIMED_OUT}, false},
	} {
		s := talk(t, c.from)
		was := thread.ActiveAt(s.GetConversation())
		if err := thread.Apply(s, 1, time.UnixMilli(6000), thread.Of(c.kind)); err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		if is := thread.ActiveAt(s.GetConversation()); (is == 6000) != c.want || !c.want && is != was {
			t.Errorf("%s: active at %d, was %d", c.name, is, was)
		}
	}
}

// TestAutomaticMessagesKeepTheWindow: a machine answers within a day, and never
// under the human-agent tag.
func TestAutomaticMessagesKeepTheWindow(t *testing.T) {
	wrote := time.UnixMilli(1000)
	for _, c := range []struct {
		name string
		at   time.Time
		edit func(*threadv1.State)
		why  string
	}{
		{"within a day", wrote.Add(23 * time.Hour), func(*threadv1.State) {}, ""},
		{"a day later", wrote.Add(24 * time.Hour), func(*threadv1.State) {}, thread.WindowClosed},
		{"a day later, with the tag", wrote.Add(25 * time.Hour), func(s *threadv1.State) { s.Conversation.MessageTag = true }, thread.WindowClosed},
		{"another app has the thread", wrote.Add(time.Minute), func(s *threadv1.State) { s.Standby, s.OwnerMs = true, wrote.UnixMilli() }, thread.ThreadOwned},
	} {
		s := talk(t, active)
		c.edit(s)
		fact, why := thread.Automatic(proto.CloneOf(s), c.at, "i", "Are you there?")
		if why != c.why || (fact == nil) != (c.why != "") {
			t.Errorf("%s: %q and %v, want %q", c.name, why, fact, c.why)
		}
		if fact.GetSendRequested().GetHuman() {
			t.Errorf("%s: it says a person wrote it", c.name)
		}
	}
}
