package thread_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/parley-desk/parley/pkg/thread"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
)

// needs writes the skills that a conversation needs in one line.
func needs(s *threadv1.State) string {
	var all []string
	for _, n := range s.GetConversation().GetSkills() {
		all = append(all, fmt.Sprint(n.GetSkill(), n.GetValue()))
	}
	return strings.Join(all, " ")
}

func change(client string, needed []*threadv1.Need, dropped ...string) *threadv1.SkillsChanged {
	return &threadv1.SkillsChanged{By: "mila", ClientId: client, Needed: needed, Dropped: dropped}
}

func need(skill string, value int32) *threadv1.Need {
	return &threadv1.Need{Skill: skill, Value: value}
}

// waits is a thread whose conversation needs skills, waits in a queue, and to which
// more has happened since.
func waits(t *testing.T, skills []*threadv1.Need, more ...*threadv1.Fact) *threadv1.State {
	t.Helper()
	s := thread.New("1", "2")
	facts := []*threadv1.Fact{thread.Of(&threadv1.ConversationOpened{Id: "c"}), thread.Of(&threadv1.ConversationClassified{Skills: skills}), thread.Of(&threadv1.ConversationRouted{Queue: "front"})}
	for n, f := range append(facts, more...) {
		if err := thread.Apply(s, uint64(n), time.UnixMilli(int64(n)), f); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// offer and accepted are an agent who is offered it, and has it.
func offer(agent string) *threadv1.Fact {
	return thread.Of(&threadv1.OfferMade{Agent: agent, Fence: 1, UntilMs: 60_000})
}

func accepted(agent string) *threadv1.Fact {
	return thread.Of(&threadv1.AgentAssigned{Agent: agent, Fence: 1, Cause: threadv1.Cause_CAUSE_ACCEPTED})
}

// TestChangeSkills (L73): skills come, change and go, each command once; what
// changes nothing is no fact.
func TestChangeSkills(t *testing.T) {
	s := waits(t, []*threadv1.Need{need("billing", 2)}, offer("mila"), accepted("mila"))
	for _, c := range []struct {
		change *threadv1.SkillsChanged
		facts  int
		want   string
	}{
		{change("1", []*threadv1.Need{need("bg", 5)}), 1, "billing2 bg5"},
		{change("1", []*threadv1.Need{need("bg", 9)}), 0, "billing2 bg5"},
		{change("2", []*threadv1.Need{need("bg", 5)}, "none"), 0, "billing2 bg5"},
		{change("3", []*threadv1.Need{need("bg", 7)}, "billing"), 1, "bg7"},
		{change("4", nil, "bg"), 1, ""},
	} {
		facts, err := thread.ChangeSkills(s, "c", c.change)
		for _, f := range facts {
			if err := thread.Apply(s, 1, time.UnixMilli(5), f); err != nil {
				t.Fatal(err)
			}
		}
		if needs(s) != c.want || len(facts) != c.facts || err != nil {
			t.Errorf("%v: %d facts, %q, %v; want %q", c.change, len(facts), needs(s), err, c.want)
		}
	}
	if _, err := thread.ChangeSkills(s, "other", change("5", nil, "bg")); reasonOf(err) != thread.NotCurrent {
		t.Errorf("of another conversation: %v", err)
	}
}

// TestSkillsStayWithTheConversation (L73): whoever is offered it or has it keeps it,
// and a queue that it is handed to reuses what it needs.
func TestSkillsStayWithTheConversation(t *testing.T) {
	changed := thread.Of(change("1", []*threadv1.Need{need("bg", 5)}))
	s := waits(t, nil, offer("orlin"), changed)
	if s.GetConversation().GetOffer().GetAgent() != "orlin" {
		t.Errorf("the offer became %v", s.GetConversation().GetOffer())
	}
	s = waits(t, nil, offer("mila"), accepted("mila"), changed)
	if s.GetConversation().GetAgent() != "mila" || s.GetConversation().GetPhase() != threadv1.Phase_PHASE_ACTIVE {
		t.Errorf("the agent became %v", s.GetConversation())
	}
	facts, err := thread.Handover{Conversation: "c", By: "mila"}.ToQueue(s, "back")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range facts {
		if err := thread.Apply(s, 9, time.UnixMilli(9), f); err != nil {
			t.Fatal(err)
		}
	}
	if c := s.GetConversation(); c.GetQueue() != "back" || c.GetPhase() != threadv1.Phase_PHASE_OPEN || needs(s) != "bg5" {
		t.Errorf("handed over it is %v", c)
	}
}

// TestSkillsOfWhatIsOver do not change, and there is a limit to them, which what
// rules asked for may exceed.
func TestSkillsOfWhatIsOver(t *testing.T) {
	over := wrapped(t)
	if _, err := thread.ChangeSkills(over, "c", change("1", []*threadv1.Need{need("bg", 5)})); reasonOf(err) != thread.WrongPhase {
		t.Errorf("in wrap-up: %v", err)
	}
	if err := thread.Apply(over, 1, time.UnixMilli(5), thread.Of(change("1", nil, "bg"))); reasonOf(err) != thread.WrongPhase {
		t.Errorf("the fact in wrap-up: %v", err)
	}
	var many []*threadv1.Need
	for n := range thread.MostSkills + 2 {
		many = append(many, need(fmt.Sprint("s", n), 1))
	}
	s := waits(t, many)
	if _, err := thread.ChangeSkills(s, "c", change("1", []*threadv1.Need{need("bg", 5)}, "s0")); reasonOf(err) != thread.TooManySkills {
		t.Errorf("one for one, of too many: %v", err)
	}
	if facts, err := thread.ChangeSkills(s, "c", change("1", nil, "s0")); err != nil || len(facts) != 1 {
		t.Errorf("one less of too many: %v, %v", facts, err)
	}
	for _, f := range []*threadv1.SkillsChanged{{Needed: many[:1]}, {By: "mila"}} {
		if err := thread.Apply(s, 1, time.UnixMilli(5), thread.Of(f)); reasonOf(err) != thread.BadFact {
			t.Errorf("%v: %v", f, err)
		}
	}
}
