package timeline_test

import (
	"maps"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"

	"github.com/parley-desk/parley/pkg/directory"
	"github.com/parley-desk/parley/pkg/thread"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
	"github.com/parley-desk/parley/services/desk/internal/board"
)

// What rules found out is shown in words of people; what failed alone is not.
func TestWhatRulesFoundIsShown(t *testing.T) {
	found := &threadv1.ConversationClassified{Priority: proto.Int32(0), Rules: []string{"sort/vip"},
		Skills:    []*threadv1.Need{{Skill: "bulgarian", Value: 3}, {Skill: "billing", Value: 1}},
		Variables: map[string]string{"tier": "gold", "age": "12"}}
	nothing := &threadv1.ConversationClassified{Failed: []string{"sort/vip"}}
	items, _ := new(log).commit(&threadv1.Fact{Kind: &threadv1.Fact_ConversationClassified{ConversationClassified: found}}).
		commit(&threadv1.Fact{Kind: &threadv1.Fact_ConversationClassified{ConversationClassified: nothing}}).fold().Page(0, 10)
	want := map[string]string{"priority": "0", "skills": "bulgarian, billing", "variables": "age: 12, tier: gold"}
	if len(items) != 1 || items[0].GetText() != "conversation_classified" || cmp.Diff(want, items[0].GetDetails()) != "" {
		t.Fatalf("items %v", items)
	}
	world := directory.NewSnapshot(&configv1.Skill{Meta: &configv1.Meta{Id: "bulgarian", DisplayName: "Bulgarian"}})
	if got := board.Named(items, world)[0].GetDetails()["skills"]; got != "Bulgarian, billing" {
		t.Errorf("skills %q", got)
	}
	if items[0].GetDetails()["skills"] != "bulgarian, billing" {
		t.Error("naming changed the timeline's own item")
	}
}

// TestSkillsAreNamed (L73): a person's change of the skills is a line with who did
// it, and skills in it have their names.
func TestSkillsAreNamed(t *testing.T) {
	items, _ := new(log).commit(thread.Of(&threadv1.SkillsChanged{By: "mila", Needed: []*threadv1.Need{{Skill: "bulgarian", Value: 5}, {Skill: "dutch", Value: 1}}, Dropped: []string{"bulgarian", "billing"}})).fold().Page(0, 10)
	if len(items) != 1 || items[0].GetText() != "skills_changed" || items[0].GetAgent() != "mila" {
		t.Fatalf("items %v", items)
	}
	world := directory.NewSnapshot(&configv1.Skill{Meta: &configv1.Meta{Id: "bulgarian", DisplayName: "Bulgarian"}})
	if got, want := board.Named(items, world)[0].GetDetails()["skills"], "+Bulgarian 5, +dutch 1, −Bulgarian, −billing"; got != want {
		t.Errorf("skills %q, want %q", got, want)
	}
}

// TestTimeOuts: what a rule tells the agent is a line, so is that the customer
// could not be told; what it does to the conversation says that a rule did it.
func TestTimeOuts(t *testing.T) {
	reached := func(text, unsent string) *threadv1.Fact {
		return thread.Of(&threadv1.TimeOutReached{Rule: "nudge", Silent: threadv1.Side_SIDE_CUSTOMER, Minutes: 10, ToldMinutes: 10, Text: text, Unsent: unsent})
	}
	for _, c := range []struct {
		name string
		fact *threadv1.Fact
		word string
		want map[string]string
	}{
		{"nothing to tell", reached("", ""), "", nil},
		{"the agent is told", reached("Ask again.", ""), "time_out_reached", map[string]string{"time_out": "nudge", "silent": "customer", "minutes": "10", "message": "Ask again."}},
		{"the customer could not be", reached("", "WINDOW_CLOSED"), "time_out_reached", map[string]string{"time_out": "nudge", "silent": "customer", "minutes": "10", "unsent": "WINDOW_CLOSED"}},
		{"closed", thread.Of(&threadv1.ConversationClosed{Cause: threadv1.Cause_CAUSE_CUSTOMER_SILENT, Rule: "end"}), "conversation_closed", map[string]string{"cause": "customer_silent", "time_out": "end"}},
		{"auto-closed", thread.Of(&threadv1.ConversationClosed{Cause: threadv1.Cause_CAUSE_AUTO_CLOSED}), "conversation_closed", map[string]string{"cause": "auto_closed"}},
		{"set aside", thread.Of(&threadv1.ConversationParked{Agent: "mila", Rule: "aside"}), "conversation_parked", map[string]string{"agent": "mila", "time_out": "aside"}},
	} {
		items, _ := new(log).commit(c.fact).fold().Page(0, 10)
		if (len(items) == 0) != (c.word == "") {
			t.Errorf("%s: %v", c.name, items)
			continue
		}
		if c.word != "" && (items[0].GetText() != c.word || !maps.Equal(items[0].GetDetails(), c.want)) {
			t.Errorf("%s: %s %v", c.name, items[0].GetText(), items[0].GetDetails())
		}
	}
}
