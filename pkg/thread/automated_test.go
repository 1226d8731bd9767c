package thread_test

import (
	"fmt"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	"github.com/parley-desk/parley/pkg/thread"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
)

const (
	notice   = threadv1.Trigger_TRIGGER_NOTICE
	greeting = threadv1.Trigger_TRIGGER_GREETING
	place    = threadv1.Trigger_TRIGGER_POSITION_IN_QUEUE
	next     = threadv1.Trigger_TRIGGER_NEXT_IN_LINE
)

// anyAutomated draws what an automated message is said for, in one of the first
// conversations of a log.
func anyAutomated(t *rapid.T, n int) *threadv1.Automated {
	a := &threadv1.Automated{
		Trigger:      threadv1.Trigger(rapid.Int32Range(0, int32(len(threadv1.Trigger_name))-1).Draw(t, "trigger")),
		Conversation: fmt.Sprint("c", rapid.IntRange(0, n).Draw(t, "conversation")),
		Answers:      uint64(rapid.IntRange(0, n).Draw(t, "answers")),
	}
	if a.Trigger == place || a.Trigger == next {
		a.Answers, a.Position = 0, rapid.Int32Range(0, 9).Draw(t, "position")
	}
	if a.Trigger == notice {
		a.Notice = "n1"
	}
	return a
}

// auto is an automated message that answers a commit of conversation c.
func auto(id string, trigger threadv1.Trigger, answers uint64) *threadv1.SendRequested {
	return &threadv1.SendRequested{Id: id, Parts: []string{"text"}, Automated: &threadv1.Automated{Trigger: trigger, Conversation: "c", Answers: answers, Notice: "n1"}}
}

func at(position int32) *threadv1.SendRequested {
	trigger := place
	if position == 1 {
		trigger = next
	}
	return &threadv1.SendRequested{Id: fmt.Sprint("p", position), Parts: []string{"text"},
		Automated: &threadv1.Automated{Trigger: trigger, Conversation: "c", Position: position}}
}

// What was said once is refused whenever it comes again, and so is what answers
// an older commit or tells a place that is not nearer.
func TestAnAutomatedMessageIsSaidOnce(t *testing.T) {
	ended := func(conversation string) *threadv1.SendRequested {
		a := auto("x", threadv1.Trigger_TRIGGER_SESSION_ENDED, 9)
		a.Automated.Conversation = conversation
		return a
	}
	for _, c := range []struct {
		name   string
		phase  threadv1.Phase
		before []any
		then   any
		reason string // empty: it is said
	}{
		{"the first", open, nil, auto("a", greeting, 3), ""},
		{"of the same commit, another", open, []any{auto("a", notice, 3)}, auto("b", greeting, 3), ""},
		{"of the same commit, the same", open, []any{auto("a", greeting, 3)}, auto("b", greeting, 3), thread.Stale},
		{"the same of a later commit", open, []any{auto("a", greeting, 3)}, auto("b", greeting, 4), ""},
		{"of an older commit", open, []any{auto("a", notice, 3)}, auto("b", greeting, 2), thread.Stale},
		{"in a conversation that is over", closed, nil, ended("c"), ""},
		{"in another conversation", open, nil, ended("d"), thread.NotCurrent},
		{"for nothing", open, nil, auto("a", 0, 3), thread.BadFact},
		{"for no commit", open, nil, auto("a", greeting, 0), thread.BadFact},
		{"a place", open, nil, at(4), ""},
		{"a nearer place", open, []any{at(4)}, at(3), ""},
		{"the next in line", open, []any{at(2)}, at(1), ""},
		{"the same place", open, []any{at(4)}, at(4), thread.Stale},
		{"a farther place", open, []any{at(2), at(1)}, at(3), thread.Stale},
		{"a farther place in another queue", open, []any{at(2), &threadv1.OfferEnded{Fence: 7}, &threadv1.ConversationRouted{Queue: "back"}}, at(3), ""},
		{"the same place in the same queue", open, []any{at(2), &threadv1.OfferEnded{Fence: 7}, &threadv1.ConversationRouted{Queue: "front"}}, at(2), thread.Stale},
		{"no place", open, nil, at(0), thread.Stale},
		{"a place that nobody waits at", active, nil, at(2), thread.Stale},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := after(t, talk(t, c.phase), c.before...)
			r, _ := c.then.(*threadv1.SendRequested)
			r.Id = "then"
			err := thread.Apply(s, 9, time.UnixMilli(9), thread.Of(r))
			if c.reason == "" && err != nil || c.reason != "" && refusal(err) != c.reason {
				t.Errorf("%v, want %q", err, c.reason)
			}
		})
	}
}

// An automated message is no answer of a person's: the customer still waits for
// one, lists show what the customer said, and nobody has to decide about it.
func TestAnAutomatedMessageIsNoAnswer(t *testing.T) {
	s := after(t, talk(t, open), &threadv1.MessageReceived{Mid: "m", Text: "hello?", SentMs: 3000})
	before := s.GetUnanswered()
	s = after(t, s, auto("a", greeting, 3))
	if s.GetUnanswered() != before || before == 0 || s.GetPreview() != "hello?" {
		t.Errorf("unanswered %d, was %d; preview %q", s.GetUnanswered(), before, s.GetPreview())
	}
	s = after(t, s, &threadv1.SendAttempted{Id: "a", Attempt: 1}, &threadv1.SendUncertain{Id: "a"}, &threadv1.SendUnconfirmed{Id: "a"})
	if len(s.GetSends()) != 0 {
		t.Errorf("left open: %v", s.GetSends())
	}
}

// S49: what a customer was told and said of conversations being kept is kept with
// the thread; what did not arrive was not told.
func TestConsentIsKeptWithTheThread(t *testing.T) {
	told := after(t, talk(t, open), auto("a", notice, 3))
	if c := told.GetConsent(); c.GetNotice() != "n1" || c.Agreed != nil || c.GetToldMs() == 0 {
		t.Fatalf("told: %v", c)
	}
	if thread.Consent(told, "n2", true, "m") != nil {
		t.Error("an answer to another notice")
	}
	for _, agreed := range []bool{true, false} {
		s := after(t, proto.CloneOf(told), thread.Consent(told, "n1", agreed, "m")[0].GetConsentGiven())
		if c := s.GetConsent(); c.Agreed == nil || c.GetAgreed() != agreed || c.GetAnsweredMs() == 0 {
			t.Errorf("%v: %v", agreed, c)
		}
		if thread.Consent(s, "n1", agreed, "m") != nil || thread.Consent(s, "n1", !agreed, "m") == nil {
			t.Error("an answer counts once, and another one counts")
		}
		s = after(t, s, &threadv1.SendRefused{Id: "a", Reason: "X"})
		if s.GetConsent().Agreed == nil {
			t.Error("an answer is forgotten")
		}
	}
	if s := after(t, told, &threadv1.SendRefused{Id: "a", Reason: thread.WindowClosed}); s.GetConsent() != nil {
		t.Errorf("told by what was not sent: %v", s.GetConsent())
	}
}

// Two followers of a log answer its commits, each in order, each a commit again
// now and then, at any pace. The customer reads each message once.
func TestTwoFollowersSayEverythingOnce(t *testing.T) {
	triggers := []threadv1.Trigger{notice, greeting, threadv1.Trigger_TRIGGER_AGENT_JOINED}
	rapid.Check(t, func(t *rapid.T) {
		s := thread.New("1", "2")
		if err := thread.Apply(s, 0, time.UnixMilli(1), thread.Of(&threadv1.ConversationOpened{Id: "c"})); err != nil {
			t.Fatal(err)
		}
		const commits = 6
		wanted := map[string]bool{}
		said := map[string]int{}
		calls := make([][]threadv1.Trigger, commits+1) // what each commit calls for
		for r := 1; r <= commits; r++ {
			for _, trigger := range triggers {
				if rapid.Bool().Draw(t, "wanted") {
					calls[r] = append(calls[r], trigger)
					wanted[fmt.Sprint(r, trigger)] = true
				}
			}
		}
		answer := func(r int) { // as a handler does under the precondition of a commit
			if thread.Answered(s, uint64(r)) {
				return
			}
			after := proto.CloneOf(s)
			for _, trigger := range calls[r] {
				if err := thread.Apply(after, 1, time.UnixMilli(int64(r)), thread.Of(auto(fmt.Sprint(r, trigger), trigger, uint64(r)))); err != nil {
					t.Fatalf("commit %d, %v: %v", r, trigger, err)
				}
				said[fmt.Sprint(r, trigger)]++
			}
			s = after
		}
		at := [2]int{}
		for at[0] < commits || at[1] < commits {
			who := rapid.IntRange(0, 1).Draw(t, "who")
			if back := rapid.IntRange(0, 9).Draw(t, "again"); back == 0 {
				at[who] = rapid.IntRange(0, at[who]).Draw(t, "from") // it died, and begins at its checkpoint
			}
			if at[who] < commits {
				at[who]++
				answer(at[who])
			}
		}
		for key := range wanted {
			if said[key] != 1 {
				t.Fatalf("%s was said %d times", key, said[key])
			}
		}
		if len(said) != len(wanted) {
			t.Fatalf("said %v, wanted %v", said, wanted)
		}
	})
}

// Whoever gets a conversation that was handed over is known by it.
func TestTransferred(t *testing.T) {
	handed := threadv1.Cause_CAUSE_TRANSFERRED
	accepted := []any{&threadv1.OfferMade{Agent: "orlin", Fence: 8}, &threadv1.AgentAssigned{Agent: "orlin", Fence: 8, Cause: threadv1.Cause_CAUSE_ACCEPTED}}
	for _, c := range []struct {
		name  string
		facts []any
		want  bool
	}{
		{"handed to a queue", append([]any{&threadv1.ConversationReleased{Cause: handed}, &threadv1.ConversationRouted{Queue: "back"}}, accepted...), true},
		{"handed to an agent", []any{&threadv1.AgentAssigned{Agent: "orlin", Cause: handed}}, true},
		{"given back", append([]any{&threadv1.ConversationReleased{Cause: threadv1.Cause_CAUSE_RELEASED}}, accepted...), false},
		{"set aside since", []any{&threadv1.AgentAssigned{Agent: "orlin", Cause: handed}, &threadv1.ConversationParked{Agent: "orlin"}, &threadv1.ConversationRevived{}}, false},
	} {
		if got := after(t, talk(t, active), c.facts...).GetConversation().GetTransferred(); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}

// A consult that ends tells whether it was answered, and seen by the customer.
func TestTheEndOfAConsultTellsWhatItWas(t *testing.T) {
	s := talk(t, active)
	s.Conversation.Participants = []*threadv1.Participant{
		{Agent: "a", Part: threadv1.Part_PART_CONSULTANT, Consult: "1", Attendance: threadv1.Attendance_ATTENDANCE_INVITED},
		{Agent: "b", Part: threadv1.Part_PART_CONSULTANT, Consult: "2", Attendance: threadv1.Attendance_ATTENDANCE_PRESENT},
		{Agent: "d", Part: threadv1.Part_PART_CONSULTANT, Consult: "3", Attendance: threadv1.Attendance_ATTENDANCE_PRESENT, Public: true}}
	for agent, want := range map[string][2]bool{"a": {false, false}, "b": {true, false}, "d": {true, true}} {
		facts, err := thread.EndConsult(s, "c", s.GetConversation().GetAgent(), agent)
		if err != nil {
			t.Fatal(err)
		}
		if e := facts[0].GetConsultEnded(); e.GetAttended() != want[0] || e.GetPublic() != want[1] {
			t.Errorf("%s: %v", agent, e)
		}
		if agent == "a" {
			continue
		}
		facts, err = thread.Leave(s, "c", agent)
		if err != nil || facts[0].GetConsultEnded().GetPublic() != want[1] || !facts[0].GetConsultEnded().GetAttended() {
			t.Errorf("%s leaves: %v %v", agent, facts, err)
		}
	}
}
