package outbound_test

import (
	"errors"
	"slices"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/parley-desk/parley/pkg/directory"
	"github.com/parley-desk/parley/pkg/fault"
	"github.com/parley-desk/parley/pkg/thread"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
	outboundv1 "github.com/parley-desk/parley/proto/gen/parley/outbound/v1"
)

// TestActs: signs reach Meta and leave no trace in the log; a reaction is a fact
// once Meta has it; nobody acts in another's name; and of a page that rests Meta
// is not asked.
func TestActs(t *testing.T) {
	h := newHouse(t)
	h.start("a")
	for _, psid := range []string{"seen", "gone-1"} {
		h.pickedUp(psid)
	}
	for _, c := range []struct{ psid, agent, action, emoji, reason string }{
		{"seen", "mila", "typing_on", "", ""},
		{"seen", "mila", "mark_seen", "", ""},
		{"seen", "mila", "react", "❤", ""},
		{"seen", "orlin", "react", "👎", "NOT_YOURS"},
		{"seen", "mila", "dance", "", "ACTION_UNKNOWN"},
		{"gone-1", "mila", "react", "❤", "PERSON_UNAVAILABLE"},
		{"gone-1", "mila", "typing_on", "", ""}, // a sign that Meta does not take is nobody's trouble
	} {
		ask := &outboundv1.ActRequest{Page: pageID, Psid: c.psid, Conversation: "c-" + c.psid, Agent: c.agent, Action: c.action, Emoji: c.emoji}
		if c.action == "react" {
			ask.Mid = "m_in"
		}
		_, err := h.call(c.psid, "outbound.act", ask, &outboundv1.ActResponse{})
		if got := reasonOf(err); got != c.reason {
			t.Errorf("%s of %s by %s: %q, want %q (%v)", c.action, c.psid, c.agent, got, c.reason, err)
		}
	}
	var acts []string
	for _, m := range h.meta.posted("seen") {
		acts = append(acts, m.Action+m.Emoji)
	}
	if want := []string{"typing_on", "mark_seen", "react❤"}; !slices.Equal(acts, want) {
		t.Errorf("Meta got %v, want %v", acts, want)
	}
	if got := h.reactions("seen"); !slices.Equal(got, []string{"❤"}) {
		t.Errorf("the log has reactions %v", got)
	}
	if got := h.reactions("gone-1"); len(got) != 0 {
		t.Errorf("the log has reactions %v that Meta refused", got)
	}
}

// TestWhatWasReadMayBeKept from the customers of a page.
func TestWhatWasReadMayBeKept(t *testing.T) {
	h := newHouse(t)
	now := h.dir.Now()
	shop := proto.CloneOf(now.Pages["shop"])
	shop.MarkSeen = configv1.Switch_SWITCH_OFF
	h.dir = directory.Fixed(directory.NewSnapshot(now.Accounts["demo"], shop))
	h.start("a")
	h.pickedUp("seen")
	for _, action := range []string{"mark_seen", "typing_on"} {
		ask := &outboundv1.ActRequest{Page: pageID, Psid: "seen", Conversation: "c-seen", Agent: "mila", Action: action}
		if _, err := h.call("seen", "outbound.act", ask, &outboundv1.ActResponse{}); err != nil {
			t.Fatal(err)
		}
	}
	if got := h.meta.posted("seen"); len(got) != 1 || got[0].Action != "typing_on" {
		t.Errorf("Meta got %+v", got)
	}
}

// TestNoReactionWhileThePageRests: Meta said that all is used up.
func TestNoReactionWhileThePageRests(t *testing.T) {
	h := newHouse(t)
	h.start("a")
	h.pickedUp("seen")
	h.ask("full-1", "the last one for now")
	h.story("full-1", "succeeded")
	_, err := h.call("seen", "outbound.act", &outboundv1.ActRequest{Page: pageID, Psid: "seen", Conversation: "c-seen", Agent: "mila",
		Action: "react", Mid: "m_in", Emoji: "❤"}, &outboundv1.ActResponse{})
	if got := reasonOf(err); got != "THROTTLED" {
		t.Errorf("answered %q (%v), want THROTTLED", got, err)
	}
	if posts := h.meta.posted("seen"); len(posts) != 0 {
		t.Errorf("Meta was asked all the same: %v", posts)
	}
}

func reasonOf(err error) string {
	if r, ok := errors.AsType[*thread.Refusal](err); ok {
		return r.Reason
	}
	if f, ok := errors.AsType[*fault.Error](err); ok {
		return f.Reason
	}
	return ""
}

// reactions are what the log says of the page's reactions to a customer.
func (h *house) reactions(psid string) []string {
	h.t.Helper()
	var all []string
	for r, err := range h.bus.History(h.t.Context(), named(psid), 0) {
		if err != nil {
			h.t.Fatal(err)
		}
		for _, f := range r.Commit.GetFacts() {
			if a := f.GetAgentReacted(); a != nil {
				all = append(all, a.GetEmoji())
			}
		}
	}
	return all
}
