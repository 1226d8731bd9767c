package thread_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"
	"pgregory.net/rapid"

	"github.com/parley-desk/parley/pkg/thread"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
)

// checkParticipants holds what must be true of those with a part in a
// conversation, in every reachable state.
func checkParticipants(t *rapid.T, c *threadv1.Conversation) {
	asked, next, seen := 0, 0, map[string]bool{c.GetAgent(): true}
	for _, p := range c.GetParticipants() {
		if seen[p.Agent] || p.Agent == "" {
			t.Fatalf("%q has the conversation and a part in it, or two parts", p.Agent)
		}
		seen[p.Agent] = true
		monitors := p.Part == threadv1.Part_PART_MONITOR
		if c.Phase != active && (!monitors || c.Phase != waiting && c.Phase != wrapUp) {
			t.Fatalf("%v has a part in %v", p.Part, c.Phase)
		}
		if p.Part == threadv1.Part_PART_CONSULTANT {
			asked++
		}
		if p.Part == threadv1.Part_PART_SUCCESSOR {
			next++
		}
		if p.Public && (monitors || p.Attendance != threadv1.Attendance_ATTENDANCE_PRESENT) {
			t.Fatalf("%v who is %v may write", p.Part, p.Attendance)
		}
	}
	if asked > 5 || next > 1 {
		t.Fatalf("%d are asked for advice and %d to take over", asked, next)
	}
}

// wish is a command by the name under which pages are told that it is allowed.
type wish func(s *threadv1.State, now time.Time, agent string) ([]*threadv1.Fact, error)

// somebody is another participant for whom ok holds; nobody, when there is none.
func somebody(s *threadv1.State, ok func(*threadv1.Participant) bool) string {
	for _, p := range s.GetConversation().GetParticipants() {
		if p.GetPart() == threadv1.Part_PART_CONSULTANT && ok(p) {
			return p.GetAgent()
		}
	}
	return "nobody"
}

func id(s *threadv1.State) string { return s.GetConversation().GetId() }

var wishes = map[string]wish{
	"accept": func(s *threadv1.State, _ time.Time, a string) ([]*threadv1.Fact, error) {
		return thread.AcceptOffer(s, id(s), a, s.GetConversation().GetOffer().GetFence())
	},
	"reject": func(s *threadv1.State, _ time.Time, a string) ([]*threadv1.Fact, error) {
		return thread.RejectOffer(s, id(s), a, s.GetConversation().GetOffer().GetFence(), "")
	},
	"send": func(s *threadv1.State, now time.Time, a string) ([]*threadv1.Fact, error) {
		return thread.RequestSend(s, now, id(s), a, "new", "press", "hello")
	},
	"note": func(s *threadv1.State, _ time.Time, a string) ([]*threadv1.Fact, error) {
		return thread.AddNote(s, id(s), a, "new", "press", "x")
	},
	"end": func(s *threadv1.State, _ time.Time, a string) ([]*threadv1.Fact, error) {
		return thread.End(s, id(s), a, true, time.Time{})
	},
	"close": func(s *threadv1.State, _ time.Time, a string) ([]*threadv1.Fact, error) {
		return thread.Close(s, id(s), a)
	},
	"park": func(s *threadv1.State, _ time.Time, a string) ([]*threadv1.Fact, error) {
		return thread.Park(s, id(s), a)
	},
	"resume": func(s *threadv1.State, _ time.Time, a string) ([]*threadv1.Fact, error) {
		return thread.Resume(s, id(s), a)
	},
	"release": func(s *threadv1.State, _ time.Time, a string) ([]*threadv1.Fact, error) {
		return thread.Release(s, id(s), a, threadv1.Cause_CAUSE_RELEASED)
	},
	"transfer": func(s *threadv1.State, now time.Time, a string) ([]*threadv1.Fact, error) {
		return thread.Handover{Conversation: id(s), By: a, ClientID: "press"}.ToAgent(s, now, "next")
	},
	"consult": func(s *threadv1.State, _ time.Time, a string) ([]*threadv1.Fact, error) {
		return thread.AskConsult(s, id(s), a, "next", "q", "press", "", time.UnixMilli(1))
	},
	"confer": func(s *threadv1.State, _ time.Time, a string) ([]*threadv1.Fact, error) {
		if s.GetConversation().GetAgent() != a {
			return nil, errors.New("of consultants it is a note")
		}
		return thread.Confer(s, id(s), a, "new", "press", "x")
	},
	"open_consult": func(s *threadv1.State, _ time.Time, a string) ([]*threadv1.Fact, error) {
		return thread.OpenConsult(s, id(s), a, somebody(s, func(p *threadv1.Participant) bool {
			return p.GetAttendance() == threadv1.Attendance_ATTENDANCE_PRESENT && !p.GetPublic()
		}))
	},
	"end_consult": func(s *threadv1.State, _ time.Time, a string) ([]*threadv1.Fact, error) {
		return thread.EndConsult(s, id(s), a, somebody(s, func(*threadv1.Participant) bool { return true }))
	},
	"accept_consult": func(s *threadv1.State, _ time.Time, a string) ([]*threadv1.Fact, error) {
		return thread.AnswerConsult(s, id(s), a, true, "")
	},
	"decline_consult": func(s *threadv1.State, _ time.Time, a string) ([]*threadv1.Fact, error) {
		return thread.AnswerConsult(s, id(s), a, false, "busy")
	},
	"leave": func(s *threadv1.State, _ time.Time, a string) ([]*threadv1.Fact, error) {
		return thread.Leave(s, id(s), a)
	},
}

// rights are the commands of supervisors, as wishes are those of agents.
var rights = map[string]wish{
	"assign": func(s *threadv1.State, _ time.Time, a string) ([]*threadv1.Fact, error) {
		return thread.Handover{Conversation: id(s), By: a, Supervisor: true}.Assign(s, "next")
	},
	"transfer": func(s *threadv1.State, now time.Time, a string) ([]*threadv1.Fact, error) {
		if s.GetConversation().GetAgent() == a && s.GetConversation().GetPhase() == active {
			return thread.Handover{Conversation: id(s), By: a, Supervisor: true, ClientID: "press"}.ToQueue(s, "back")
		}
		return thread.Handover{Conversation: id(s), By: "boss", Supervisor: true, ClientID: "press", Ask: "h"}.ToAgent(s, now, "next")
	},
	"monitor": func(s *threadv1.State, _ time.Time, a string) ([]*threadv1.Fact, error) {
		return thread.Monitor(s, id(s), a)
	},
	"join": func(s *threadv1.State, _ time.Time, a string) ([]*threadv1.Fact, error) {
		return thread.Join(s, id(s), a)
	},
	"force_close": func(s *threadv1.State, _ time.Time, a string) ([]*threadv1.Fact, error) {
		return thread.ForceClose(s, id(s), a, "")
	},
}

// happens gives a command and tells whether it made something happen.
func happens(t *rapid.T, s *threadv1.State, now time.Time, name, agent string, command wish) bool {
	facts, err := command(s, now, agent)
	if err != nil || len(facts) == 0 {
		return false
	}
	if _, err := thread.Extend(s, 99, now, "test/1", facts...); err != nil {
		t.Fatalf("%s by %s in %v gives facts that do not apply: %v", name, agent, s.GetConversation().GetPhase(), err)
	}
	return true
}

// What a page is told is allowed happens when it is asked for, and nothing else
// does: in every state, for whoever has the conversation, has a part in it or
// has none.
func TestWhatIsAllowedHappensAndNothingElse(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := anyLog(t).state
		if rapid.Bool().Draw(t, "company") {
			s = anyCompany(t)
		}
		now := time.UnixMilli(100)
		for _, agent := range []string{"mila", "orlin", "sonya", "a"} {
			may := thread.Allowed(s, agent)
			for _, name := range may {
				if wishes[name] == nil && name != "join" {
					t.Fatalf("%s is allowed and no command", name)
				}
			}
			_, owned := thread.OwnerAt(s, now)
			for name, command := range wishes {
				got := happens(t, s, now, name, agent, command)
				mute := name == "send" && (owned || thread.WindowAt(s, now).Kind == thread.Closed)
				if allowed := slices.Contains(may, name) && !mute; got != allowed {
					t.Fatalf("%s by %s in %v happens: %t, of %v", name, agent, s.GetConversation(), got, may)
				}
			}
			over := thread.Supervises(s, agent)
			if slices.Contains(may, "join") && !slices.Contains(over, "join") {
				t.Fatal("a supervisor is told that he may join and may not")
			}
			for name, command := range rights {
				if got := happens(t, s, now, name, agent, command); got != slices.Contains(over, name) {
					t.Fatalf("%s by supervisor %s in %v happens: %t, of %v", name, agent, s.GetConversation(), got, over)
				}
			}
		}
	})
}

// anyCompany draws a conversation of mila's and others with a part in it; half
// of the time she goes on to another phase with it.
func anyCompany(t *rapid.T) *threadv1.State {
	s := thread.New("1", "2")
	for n, fact := range []any{
		&threadv1.MessageReceived{Mid: "m", Text: "hi", SentMs: 99}, &threadv1.ConversationOpened{Id: "c", OfferSeconds: 60},
		&threadv1.ConversationRouted{Queue: "front"}, &threadv1.AgentAssigned{Agent: "mila", Cause: threadv1.Cause_CAUSE_PICKED},
	} {
		if err := thread.Apply(s, uint64(n), time.UnixMilli(100), thread.Of(fact)); err != nil {
			t.Fatal(err)
		}
	}
	for range rapid.IntRange(0, 20).Draw(t, "facts") {
		agent := rapid.SampledFrom([]string{"orlin", "sonya", "a", "b", "c", "d", "e"}).Draw(t, "beside")
		before := proto.CloneOf(s)
		_ = thread.Apply(s, 9, time.UnixMilli(100), thread.Of(rapid.SampledFrom([]any{ // what does not fit changes nothing
			&threadv1.ConsultAsked{Id: "q", Agent: agent, By: "mila"},
			&threadv1.ConsultAsked{Id: "q", Agent: agent, By: "mila"},
			&threadv1.ConsultAsked{Id: "s", Agent: agent, By: "boss", HandOver: true, UntilMs: 100},
			&threadv1.ConsultAnswered{Id: "s", Agent: agent, HandOver: true},
			&threadv1.ConsultEnded{Id: "s", Agent: agent, HandOver: true, Lapsed: true},
			&threadv1.ConsultAnswered{Id: "q", Agent: agent, Accepted: rapid.Bool().Draw(t, "accepts")},
			&threadv1.ConsultOpened{Id: "q", Agent: agent, By: "mila"},
			&threadv1.ConsultEnded{Id: "q", Agent: agent, By: agent},
			&threadv1.MonitoringBegan{Agent: agent},
			&threadv1.SupervisorJoined{Agent: agent},
			&threadv1.SupervisorLeft{Agent: agent, Joined: true},
		}).Draw(t, "fact")))
		checkState(t, before, s)
	}
	if rapid.Bool().Draw(t, "on") {
		_ = thread.Apply(s, 9, time.UnixMilli(100), thread.Of(rapid.SampledFrom([]any{
			&threadv1.ConversationParked{Agent: "mila"}, &threadv1.ConversationEnded{Agent: "mila"},
			&threadv1.AgentAssigned{Agent: "a", Cause: threadv1.Cause_CAUSE_TRANSFERRED},
			&threadv1.ConversationReleased{Cause: threadv1.Cause_CAUSE_TRANSFERRED, By: "mila", Prefer: "orlin"},
		}).Draw(t, "next")))
		checkState(t, s, s)
	}
	return s
}

// advised is a conversation of mila's in which orlin gives advice.
func advised(t *testing.T) *threadv1.State {
	t.Helper()
	return after(t, talk(t, active), &threadv1.ConsultAsked{Id: "q", Agent: "orlin", By: "mila", Question: "Refund?"},
		&threadv1.ConsultAnswered{Id: "q", Agent: "orlin", Accepted: true})
}

func refusal(err error) string {
	if r := new(thread.Refusal); errors.As(err, &r) {
		return r.Reason
	}
	return fmt.Sprint(err)
}

// TestConsult is L102: who advises reads, speaks in private, writes to the
// customer when let, and neither consults nor transfers.
func TestConsult(t *testing.T) {
	at := time.UnixMilli(3000)
	s := advised(t)
	if !thread.Reads(s.GetConversation(), "orlin") {
		t.Error("a consultant does not read along")
	}
	if _, err := thread.RequestSend(s, at, "c", "orlin", "i", "cl", "hello"); refusal(err) != thread.NotPublic {
		t.Errorf("writing to the customer: %v", err)
	}
	if _, err := thread.AskConsult(s, "c", "orlin", "sonya", "q2", "cl", "", at); refusal(err) != thread.NotYours {
		t.Errorf("a consultant consults: %v", err)
	}
	if _, err := (thread.Handover{Conversation: "c", By: "orlin"}).ToAgent(s, at, "sonya"); refusal(err) != thread.NotYours {
		t.Errorf("a consultant transfers: %v", err)
	}
	facts, err := thread.AddNote(s, "c", "orlin", "n", "cl", "Yes, within 14 days.")
	if err != nil || !facts[0].GetNoteAdded().GetConsult() {
		t.Errorf("what a consultant says: %v, %v", facts, err)
	}
	facts, err = thread.OpenConsult(s, "c", "mila", "orlin")
	if err != nil {
		t.Fatal(err)
	}
	s = after(t, s, facts[0].GetConsultOpened())
	if facts, err := thread.RequestSend(s, at, "c", "orlin", "i", "cl", "hello"); err != nil || facts[0].GetSendRequested().GetAgent() != "orlin" {
		t.Errorf("writing when let: %v, %v", facts, err)
	}
	for name, end := range map[string]any{
		"parked": &threadv1.ConversationParked{Agent: "mila"}, "ended": &threadv1.ConversationEnded{Agent: "mila"},
		"released":      &threadv1.ConversationReleased{Cause: threadv1.Cause_CAUSE_RELEASED},
		"given another": &threadv1.AgentAssigned{Agent: "sonya", Cause: threadv1.Cause_CAUSE_TRANSFERRED},
		"given to him":  &threadv1.AgentAssigned{Agent: "orlin", Cause: threadv1.Cause_CAUSE_TRANSFERRED},
		"forced":        &threadv1.ConversationClosed{Cause: threadv1.Cause_CAUSE_FORCED},
	} {
		if left := after(t, advised(t), end).GetConversation().GetParticipants(); len(left) != 0 {
			t.Errorf("%s: %v have a part in it", name, left)
		}
	}
	full := talk(t, active)
	for n := range 5 {
		full = after(t, full, &threadv1.ConsultAsked{Id: fmt.Sprint("q", n), Agent: fmt.Sprint("a", n), By: "mila"})
	}
	if _, err := thread.AskConsult(full, "c", "mila", "orlin", "q", "cl", "", at); refusal(err) != thread.ManyConsultants {
		t.Errorf("a sixth: %v", err)
	}
}

// TestAMonitorStaysUnseen (L105): it reads along until the conversation waits
// for an agent again, may whisper to the agent while that one has it, and takes part
// only when it says so.
func TestAMonitorStaysUnseen(t *testing.T) {
	at := time.UnixMilli(3000)
	s := after(t, talk(t, active), &threadv1.MonitoringBegan{Agent: "sonya"})
	if _, err := thread.RequestSend(s, at, "c", "sonya", "i", "cl", "hello"); refusal(err) != thread.NotYours {
		t.Errorf("a message: %v", err)
	}
	if facts, err := thread.AddNote(s, "c", "sonya", "n", "cl", "x"); err != nil || len(facts) != 1 || !facts[0].GetNoteAdded().GetConsult() {
		t.Errorf("a whisper: %v, %v", facts, err)
	}
	over := after(t, proto.CloneOf(s), &threadv1.ConversationEnded{Agent: "mila"})
	if _, err := thread.AddNote(over, "c", "sonya", "n", "cl", "x"); refusal(err) != thread.WrongPhase && refusal(err) != thread.NotYours {
		t.Errorf("a whisper in wrap-up: %v", err)
	}
	s = after(t, s, &threadv1.SupervisorJoined{Agent: "sonya"})
	if _, err := thread.RequestSend(s, at, "c", "sonya", "i", "cl", "hello"); err != nil {
		t.Errorf("a message of one who joined: %v", err)
	}
	s = after(t, s, &threadv1.ConversationEnded{Agent: "mila"})
	if p := thread.ParticipantOf(s.GetConversation(), "sonya"); p.GetPart() != threadv1.Part_PART_MONITOR || p.GetPublic() {
		t.Errorf("in wrap-up it is %v", p)
	}
}

// TestHandover is L103 and L106 to L108: the facts say who did it.
func TestHandover(t *testing.T) {
	at := time.UnixMilli(3000)
	mila := thread.Handover{Conversation: "c", By: "mila", ClientID: "cl"}
	sonya := thread.Handover{Conversation: "c", By: "sonya", Supervisor: true, Ask: "h", Patience: time.Minute}
	noted := mila
	noted.NoteID, noted.Note = "n", "Wants a refund."
	note := &threadv1.NoteAdded{Id: "n", Agent: "mila", Text: "Wants a refund."}
	routed := func(by string) any { return &threadv1.ConversationRouted{Queue: "back", Rule: "transfer: " + by} }
	released := func(by, client string) *threadv1.ConversationReleased {
		return &threadv1.ConversationReleased{Cause: threadv1.Cause_CAUSE_TRANSFERRED, By: by, ClientId: client}
	}
	revoked := &threadv1.OfferEnded{Fence: 7, Outcome: threadv1.OfferOutcome_OFFER_OUTCOME_REVOKED, Agent: "mila"}
	given := func(cause threadv1.Cause) any {
		return &threadv1.AgentAssigned{Agent: "orlin", Cause: cause, By: "sonya"}
	}
	preferred := released("mila", "cl")
	preferred.Prefer, preferred.PreferUntilMs = "orlin", at.Add(15*time.Second).UnixMilli()
	toQueue := func(h thread.Handover, queue string) wish {
		return func(s *threadv1.State, _ time.Time, _ string) ([]*threadv1.Fact, error) { return h.ToQueue(s, queue) }
	}
	toAgent := func(h thread.Handover, agent string) wish {
		return func(s *threadv1.State, now time.Time, _ string) ([]*threadv1.Fact, error) {
			return h.ToAgent(s, now, agent)
		}
	}
	assign := func(s *threadv1.State, _ time.Time, _ string) ([]*threadv1.Fact, error) {
		return sonya.Assign(s, "orlin")
	}
	for name, c := range map[string]struct {
		phase  threadv1.Phase
		give   wish
		want   []any
		reason string
	}{
		"to a queue":                     {active, toQueue(mila, "back"), []any{released("mila", "cl"), routed("mila")}, ""},
		"to a queue with a note":         {active, toQueue(noted, "back"), []any{note, released("mila", "cl"), routed("mila")}, ""},
		"to the queue it is in":          {active, toQueue(mila, "front"), nil, thread.SameQueue},
		"to a queue before it is his":    {open, toQueue(mila, "back"), nil, thread.WrongPhase},
		"to a queue by a supervisor":     {active, toQueue(sonya, "back"), []any{released("sonya", ""), routed("sonya")}, ""},
		"out of a queue by a supervisor": {open, toQueue(sonya, "back"), []any{revoked, routed("sonya")}, ""},
		"set aside, to a queue":          {waiting, toQueue(sonya, "back"), nil, thread.WrongPhase},
		"to an agent":                    {active, toAgent(mila, "orlin"), []any{preferred}, ""},
		"to oneself":                     {active, toAgent(mila, "mila"), nil, thread.SameAgent},
		"to an agent in wrap-up":         {wrapUp, toAgent(mila, "orlin"), nil, thread.WrongPhase},
		"to an agent by a supervisor": {active, toAgent(sonya, "orlin"), []any{&threadv1.ConsultAsked{Id: "h", Agent: "orlin", By: "sonya",
			UntilMs: at.Add(time.Minute).UnixMilli(), HandOver: true}}, ""},
		"to oneself, by a supervisor":  {active, toAgent(sonya, "sonya"), []any{&threadv1.AgentAssigned{Agent: "sonya", Cause: threadv1.Cause_CAUSE_TRANSFERRED, By: "sonya"}}, ""},
		"set aside, by a supervisor":   {waiting, toAgent(sonya, "orlin"), []any{given(threadv1.Cause_CAUSE_TRANSFERRED)}, ""},
		"to whom it is already":        {active, toAgent(sonya, "mila"), nil, ""},
		"assigned while it is offered": {open, assign, []any{revoked, given(threadv1.Cause_CAUSE_ASSIGNED)}, ""},
		"assigned although one has it": {active, assign, nil, thread.WrongPhase},
		"closed by force": {open, func(s *threadv1.State, _ time.Time, _ string) ([]*threadv1.Fact, error) {
			return thread.ForceClose(s, "c", "sonya", "")
		}, []any{revoked, &threadv1.ConversationClosed{Cause: threadv1.Cause_CAUSE_FORCED, By: "sonya"}}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := talk(t, c.phase)
			facts, err := c.give(s, at, "")
			if c.reason != "" {
				if refusal(err) != c.reason {
					t.Fatalf("refused by %v, want %s", err, c.reason)
				}
				return
			}
			var want []*threadv1.Fact
			for _, kind := range c.want {
				want = append(want, thread.Of(kind))
			}
			if d := cmp.Diff(want, facts, protocmp.Transform()); d != "" || err != nil {
				t.Fatalf("%v\n%s", err, d)
			}
			if len(facts) == 0 {
				return
			}
			commit, err := thread.Extend(s, 1, at, "test", facts...)
			if err != nil {
				t.Fatalf("the thread does not take it: %v", err)
			}
			if again, err := c.give(commit.GetState(), at, ""); err != nil || len(again) != 0 {
				t.Errorf("given again it makes %v, %v", again, err)
			}
		})
	}
}

// TestWhoIsWaitedFor: a hand-over to an agent and affinity (L28) name one who is
// asked first, until he has it, it goes elsewhere, or is over.
func TestWhoIsWaitedFor(t *testing.T) {
	handed := &threadv1.ConversationReleased{Cause: threadv1.Cause_CAUSE_TRANSFERRED, By: "mila", Prefer: "orlin", PreferUntilMs: 9000}
	parked := func(affinity int32) *threadv1.State {
		s := talk(t, active)
		s.Conversation.Terms = &threadv1.Terms{AffinitySeconds: affinity}
		return after(t, s, &threadv1.ConversationParked{Agent: "mila"}, &threadv1.ConversationRevived{})
	}
	for name, c := range map[string]struct {
		s      *threadv1.State
		prefer string
		until  int64
	}{
		"handed over":           {after(t, talk(t, active), handed), "orlin", 9000},
		"and taken":             {after(t, talk(t, active), handed, &threadv1.AgentAssigned{Agent: "orlin", Cause: threadv1.Cause_CAUSE_PICKED}), "", 0},
		"and routed again":      {after(t, talk(t, active), handed, &threadv1.ConversationRouted{Queue: "front"}), "orlin", 9000},
		"and put elsewhere":     {after(t, talk(t, active), handed, &threadv1.ConversationRouted{Queue: "back"}), "", 0},
		"and closed":            {after(t, talk(t, active), handed, &threadv1.ConversationClosed{Cause: threadv1.Cause_CAUSE_FORCED}), "", 0},
		"revived":               {parked(0), "", 0},
		"revived, for a minute": {parked(60), "mila", 62_000},
		"revived, for ever":     {parked(-1), "mila", 0},
	} {
		got := c.s.GetConversation()
		if got.GetPrefer() != c.prefer || got.GetPreferUntilMs() != c.until {
			t.Errorf("%s: waits for %q until %d", name, got.GetPrefer(), got.GetPreferUntilMs())
		}
	}
	if at := talk(t, active).GetConversation().GetAssignedMs(); at != 2000 {
		t.Errorf("assigned at %d", at)
	}
}
