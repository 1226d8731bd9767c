package timeline_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"

	"github.com/parley-desk/parley/pkg/directory"
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
