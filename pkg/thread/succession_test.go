package thread_test

import (
	"slices"
	"testing"
	"time"

	"github.com/parley-desk/parley/pkg/thread"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
)

// TestSuccession (L107): the agent of an active conversation keeps it, and may go
// on with it, until the one whom a supervisor asked takes it; whoever does not
// leaves it where it is.
func TestSuccession(t *testing.T) {
	at := time.UnixMilli(3000)
	sonya := thread.Handover{Conversation: "c", By: "sonya", Supervisor: true, Ask: "h", Patience: time.Minute}
	give := func(agent string) wish {
		return func(s *threadv1.State, now time.Time, _ string) ([]*threadv1.Fact, error) {
			h := sonya
			h.Ask = "h-" + agent
			return h.ToAgent(s, now, agent)
		}
	}
	answer := func(accept bool) wish {
		return func(s *threadv1.State, _ time.Time, agent string) ([]*threadv1.Fact, error) {
			return thread.AnswerConsult(s, "c", agent, accept, "")
		}
	}
	lapse := func(after time.Duration) wish {
		return func(s *threadv1.State, now time.Time, _ string) ([]*threadv1.Fact, error) {
			return thread.Lapse(s, now.Add(after)), nil
		}
	}
	for name, c := range map[string]struct {
		before []any
		by     string
		do     wish
		reason string
		later  time.Duration
		has    string
		asked  string // to take it over
		phase  threadv1.Phase
	}{
		"is asked":                 {nil, "", lapse(0), "", 0, "mila", "orlin", active},
		"says yes":                 {nil, "orlin", answer(true), "", 0, "orlin", "", active},
		"says no":                  {nil, "orlin", answer(false), "", 0, "mila", "", active},
		"somebody else says yes":   {nil, "petar", answer(true), thread.NoConsult, 0, "mila", "orlin", active},
		"has a moment left":        {nil, "", lapse(time.Minute - 1), "", time.Minute, "mila", "orlin", active},
		"does not answer":          {nil, "", lapse(time.Minute), "", time.Minute, "mila", "", active},
		"the first one goes on":    {nil, "mila", wishes["note"], "", 0, "mila", "orlin", active},
		"the first one sets aside": {nil, "mila", wishes["park"], "", 0, "mila", "", waiting},
		"the first one ends":       {nil, "mila", wishes["end"], "", 0, "mila", "", wrapUp},
		"the first one gives back": {nil, "mila", wishes["release"], "", 0, "mila", "", open},
		"the first one cannot end it": {nil, "mila", func(s *threadv1.State, _ time.Time, a string) ([]*threadv1.Fact, error) {
			return thread.EndConsult(s, "c", a, "orlin")
		}, thread.NoConsult, 0, "mila", "orlin", active},
		"is asked once more":      {nil, "", give("orlin"), "", 0, "mila", "orlin", active},
		"another is asked":        {nil, "", give("petar"), "", 0, "mila", "petar", active},
		"one who reads along":     {[]any{&threadv1.MonitoringBegan{Agent: "rada"}}, "", give("rada"), "", 0, "rada", "", active},
		"one who is asked advice": {[]any{&threadv1.ConsultAsked{Id: "q", Agent: "rada", By: "mila"}}, "", give("rada"), thread.TakesPart, 0, "mila", "orlin", active},
		"the supervisor himself":  {nil, "", give("sonya"), "", 0, "sonya", "", active},
	} {
		t.Run(name, func(t *testing.T) {
			s := after(t, talk(t, active), c.before...)
			facts, err := sonya.ToAgent(s, at, "orlin")
			if err != nil {
				t.Fatal(err)
			}
			commit, err := thread.Extend(s, 1, at, "test", facts...)
			if err != nil {
				t.Fatal(err)
			}
			s = commit.GetState()
			facts, err = c.do(s, at, c.by)
			if c.reason != "" {
				if refusal(err) != c.reason {
					t.Fatalf("refused by %v, want %s", err, c.reason)
				}
			} else if err != nil {
				t.Fatal(err)
			}
			if len(facts) > 0 {
				if commit, err = thread.Extend(s, 2, at.Add(c.later), "test", facts...); err != nil {
					t.Fatal(err)
				}
				s = commit.GetState()
			}
			got := s.GetConversation()
			n := slices.IndexFunc(got.GetParticipants(), func(p *threadv1.Participant) bool { return p.GetPart() == threadv1.Part_PART_SUCCESSOR })
			asked := ""
			if n >= 0 {
				asked = got.GetParticipants()[n].GetAgent()
			}
			if got.GetAgent() != c.has || asked != c.asked || got.GetPhase() != c.phase {
				t.Errorf("%s has it in %v and %q is asked; want %s, %v, %q", got.GetAgent(), got.GetPhase(), asked, c.has, c.phase, c.asked)
			}
		})
	}
}

// TestNobodyIsAskedWhereNobodyIs: what is given without asking is given at once
// by a supervisor, too.
func TestNobodyIsAskedWhereNobodyIs(t *testing.T) {
	s := talk(t, active)
	s.Conversation.Terms = &threadv1.Terms{AutoAssign: true}
	h := thread.Handover{Conversation: "c", By: "sonya", Supervisor: true, Ask: "h", Patience: time.Minute}
	facts, err := h.ToAgent(s, time.UnixMilli(3000), "orlin")
	if err != nil || len(facts) != 1 || facts[0].GetAgentAssigned().GetAgent() != "orlin" {
		t.Errorf("got %v, %v", facts, err)
	}
}

// TestAnInvitationLapses: one who was asked for advice and does not answer in time
// is not asked any more; who answered stays.
func TestAnInvitationLapses(t *testing.T) {
	s := after(t, talk(t, active), &threadv1.ConsultAsked{Id: "q1", Agent: "orlin", By: "mila", UntilMs: 5000},
		&threadv1.ConsultAsked{Id: "q2", Agent: "petar", By: "mila", UntilMs: 4000}, &threadv1.ConsultAsked{Id: "q3", Agent: "rada", By: "mila", UntilMs: 4000},
		&threadv1.ConsultAsked{Id: "q4", Agent: "vera", By: "mila"}, &threadv1.ConsultAnswered{Id: "q2", Agent: "petar", Accepted: true})
	if first := thread.Lapses(s.GetConversation()); first != 4000 {
		t.Errorf("the first invitation lapses at %d, want 4000", first)
	}
	facts := thread.Lapse(s, time.UnixMilli(4000))
	if len(facts) != 1 || facts[0].GetConsultEnded().GetAgent() != "rada" || !facts[0].GetConsultEnded().GetLapsed() {
		t.Fatalf("%v end", facts)
	}
	if _, err := thread.Extend(s, 1, time.UnixMilli(3999), "test", facts...); refusal(err) != thread.WrongStatus {
		t.Errorf("too early: %v", err)
	}
	commit, err := thread.Extend(s, 1, time.UnixMilli(4000), "test", facts...)
	if err != nil {
		t.Fatal(err)
	}
	if left := thread.Lapses(commit.GetState().GetConversation()); left != 5000 || len(commit.GetState().GetConversation().GetParticipants()) != 3 {
		t.Errorf("then %v take part, and the next lapses at %d", commit.GetState().GetConversation().GetParticipants(), left)
	}
	if again := thread.Lapse(commit.GetState(), time.UnixMilli(4000)); len(again) != 0 {
		t.Errorf("it lapses again: %v", again)
	}
	answered := after(t, commit.GetState(), &threadv1.ConsultAnswered{Id: "q1", Agent: "orlin", Accepted: true})
	if late := thread.Lapse(answered, time.UnixMilli(9000)); len(late) != 0 {
		t.Errorf("an answered one lapses: %v", late)
	}
}
