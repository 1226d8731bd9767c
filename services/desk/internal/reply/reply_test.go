package reply_test

import (
	"strings"
	"testing"

	"github.com/parley-desk/parley/pkg/directory"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
	deskv1 "github.com/parley-desk/parley/proto/gen/parley/desk/v1"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
	"github.com/parley-desk/parley/services/desk/internal/reply"
)

// TestWhoSeesWhat (L115): language of the page, language of the agent and
// workstream decide; the page's language comes first.
func TestWhoSeesWhat(t *testing.T) {
	shared := func(id, locale string, streams ...string) *configv1.CannedReply {
		return &configv1.CannedReply{Meta: &configv1.Meta{Id: id, DisplayName: id}, Locale: locale, Text: id, Workstreams: streams}
	}
	for _, c := range []struct{ page, agent, workstream, want string }{
		{"bg", "en", "shop", "bg any en-GB"},
		{"bg-BG", "", "shop", "bg any"},
		{"", "en", "shop", "any en-GB"},
		{"", "", "shop", "any bg de en-GB"},
		{"de", "en", "other", "de any elsewhere en-GB"},
	} {
		world := directory.NewSnapshot(shared("bg", "bg"), shared("de", "de"), shared("en-GB", "en-GB"), shared("any", ""), shared("elsewhere", "", "other"),
			&configv1.Page{Meta: &configv1.Meta{Id: "p"}, PageId: "1", Language: c.page}, &configv1.Agent{Meta: &configv1.Meta{Id: "mila"}, Language: c.agent})
		state := &threadv1.State{Page: "1", Conversation: &threadv1.Conversation{Workstream: c.workstream}}
		var got []string
		for _, r := range reply.Fitting(world, state, "mila", nil) {
			got = append(got, r.GetTitle())
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("page %q, agent %q: %v, want %s", c.page, c.agent, got, c.want)
		}
	}
}

// What the customer may press goes with a shared reply; without a payload the
// title comes back.
func TestAnswersGoWithAReply(t *testing.T) {
	world := directory.NewSnapshot(&configv1.CannedReply{Meta: &configv1.Meta{Id: "when"}, Text: "When?",
		QuickReplies: []*configv1.ReplyAnswer{{Title: "Today", Payload: "TODAY"}, {Title: "Tomorrow"}}})
	all := reply.Fitting(world, &threadv1.State{Conversation: &threadv1.Conversation{}}, "mila", nil)
	if len(all) != 1 || len(all[0].GetQuickReplies()) != 2 {
		t.Fatalf("%v", all)
	}
	if q := all[0].GetQuickReplies(); q[0].GetPayload() != "TODAY" || q[1].GetTitle() != "Tomorrow" || q[1].GetPayload() != "Tomorrow" {
		t.Errorf("%v", q)
	}
}

func TestFilledIn(t *testing.T) {
	world := directory.NewSnapshot(
		&configv1.Workstream{Meta: &configv1.Meta{Id: "shop"}, Variables: []*configv1.Variable{{Name: "order"}, {Name: "tier", Initial: "basic"}}},
		&configv1.Agent{Meta: &configv1.Meta{Id: "mila", DisplayName: "Mila Yordanova"}, Nickname: "Mimi"}, &configv1.Agent{Meta: &configv1.Meta{Id: "orlin", DisplayName: "Orlin"}})
	state := &threadv1.State{Customer: &threadv1.Customer{Name: "Ana Petrova"},
		Conversation: &threadv1.Conversation{Workstream: "shop", Variables: map[string]string{"order": "{AgentNickname}"}}}
	own := []*deskv1.PersonalReply{{Text: "{CustomerLastName} {AgentLastName} {AgentNickname} {$order$} {$tier$} {$gone$}|"}}
	for agent, want := range map[string]string{"mila": "Petrova Yordanova Mimi {AgentNickname} basic |", "orlin": "Petrova  Orlin {AgentNickname} basic |"} {
		if got := reply.Fitting(world, state, agent, own)[0].GetText(); got != want {
			t.Errorf("%s says %q, want %q", agent, got, want)
		}
	}
	state.Conversation.Variables["order"] = strings.Repeat("я", 40_000)
	if got := []rune(reply.Fitting(world, state, "mila", own)[0].GetText()); len(got) != 20_000 {
		t.Errorf("%d characters", len(got))
	}
}
