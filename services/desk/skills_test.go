package desk_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect"
	"github.com/google/uuid"

	"github.com/parley-desk/parley/pkg/thread"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
	deskv1 "github.com/parley-desk/parley/proto/gen/parley/desk/v1"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
)

func asksFor(psid, id string, dropped []string, needed ...*configv1.Proficiency) *deskv1.ChangeSkillsRequest {
	return &deskv1.ChangeSkillsRequest{Ref: ref(psid), ClientId: id, Needed: needed, Dropped: dropped}
}

func skill(id string, value int32) *configv1.Proficiency {
	return &configv1.Proficiency{Skill: id, Value: value}
}

// skills gives the command and tells what the conversation needs then.
func (c *caller) skills(ctx context.Context, r *deskv1.ChangeSkillsRequest) (string, error) {
	answer, err := c.desk.ChangeSkills(ctx, connect.NewRequest(r))
	if err != nil {
		return "", err
	}
	var all []string
	for _, n := range answer.Msg.GetConversation().GetSkills() {
		all = append(all, strings.TrimSpace(fmt.Sprint(n.GetName(), " ", n.GetValue(), "/", n.GetHighest(), " ", n.GetRating())))
	}
	return strings.Join(all, ", "), nil
}

// TestAgentsSayWhichSkills (L73): the agent of a conversation says which skills it
// needs, once, and the timeline says who did.
func TestAgentsSayWhichSkills(t *testing.T) {
	h := newHouse(t)
	h.lead("p", "active", time.Now())
	mila, id := h.agent("mila"), uuid.NewString()
	for range 2 { // the answer was lost
		got, err := mila.skills(t.Context(), asksFor("p", id, nil, skill("bulgarian", 5), skill("billing", 0)))
		if err != nil || got != "Bulgarian 5/5 native, billing 1/10" {
			t.Fatalf("needed is %q, %v", got, err)
		}
	}
	if got, err := mila.skills(t.Context(), asksFor("p", uuid.NewString(), []string{"billing"}, skill("bulgarian", 3))); err != nil || got != "Bulgarian 3/5" {
		t.Errorf("needed is %q, %v", got, err)
	}
	var facts []*threadv1.SkillsChanged
	for _, f := range h.history("p") {
		if c := f.GetSkillsChanged(); c != nil {
			facts = append(facts, c)
		}
	}
	if len(facts) != 2 || facts[0].GetBy() != "mila" || facts[1].GetNeeded()[0].GetLevel() != 50 {
		t.Errorf("the log says %v", facts)
	}
	page, err := mila.desk.ListTimeline(t.Context(), connect.NewRequest(&deskv1.ListTimelineRequest{Ref: ref("p")}))
	if err != nil {
		t.Fatal(err)
	}
	var said []string
	for _, item := range page.Msg.GetItems() {
		if item.GetText() == "skills_changed" {
			said = append(said, item.GetAgentName()+": "+item.GetDetails()["skills"])
		}
	}
	if want := []string{display["mila"] + ": +Bulgarian 5, +billing 1", display["mila"] + ": +Bulgarian 3, −billing"}; !slices.Equal(said, want) {
		t.Errorf("the timeline says %q, want %q", said, want)
	}
	list, err := mila.desk.ListSkills(t.Context(), connect.NewRequest(&deskv1.ListSkillsRequest{Ref: ref("p")}))
	if err != nil {
		t.Fatal(err)
	}
	if all := list.Msg.GetSkills(); len(all) != 2 || all[0].GetSkill() != "billing" || all[1].GetLowest() != 1 || all[1].GetHighest() != 5 || all[1].GetRatings()[5] != "native" {
		t.Errorf("what it can need is %v", all)
	}
}

// TestWhoMaySayWhichSkills (L73): an agent of the agent's own where the workstream
// says so, a supervisor of what waits, is offered or is somebody's, in queues that
// are the supervisor's; and what is no skill in use, or not on its scale, is refused.
func TestWhoMaySayWhichSkills(t *testing.T) {
	h := newHouse(t)
	mila, orlin, sonya, irina := h.agent("mila"), h.agent("orlin"), h.agent("sonya"), h.agent("irina")
	for _, p := range phases {
		h.lead(p.name, p.name, time.Now())
	}
	h.commit("fixed", thread.Of(&threadv1.ConversationOpened{Id: "c-fixed", Workstream: "claims", Units: 1}), thread.Of(&threadv1.ConversationRouted{Queue: "front"}),
		thread.Of(&threadv1.AgentAssigned{Agent: "mila", Fence: 1, Cause: threadv1.Cause_CAUSE_PICKED}))
	h.commit("waits", thread.Of(&threadv1.ConversationOpened{Id: "c-waits", Workstream: "facebook", Units: 1}), thread.Of(&threadv1.ConversationRouted{Queue: "front"}))
	for _, c := range []struct {
		who    *caller
		psid   string
		reason string
	}{
		{mila, "active", ""}, {mila, "waiting", ""}, {mila, "offered", thread.NotYours}, {mila, "wrap-up", thread.WrongPhase},
		{mila, "fixed", thread.SkillsFixed}, {mila, "waits", "not_found"},
		{orlin, "active", "not_found"}, {irina, "active", "not_found"},
		{sonya, "active", ""}, {sonya, "waiting", ""}, {sonya, "offered", ""}, {sonya, "waits", ""}, {sonya, "fixed", ""},
		{sonya, "wrap-up", thread.WrongPhase}, {sonya, "closed", thread.WrongPhase},
	} {
		_, err := c.who.skills(t.Context(), asksFor(c.psid, uuid.NewString(), []string{"telex"}, skill("billing", 4)))
		if got := reasonOf(err); (c.reason == "" && err != nil) || (c.reason != "" && got != c.reason) {
			t.Errorf("of %s: %v, want %q", c.psid, err, c.reason)
		}
	}
	for field, r := range map[string]*deskv1.ChangeSkillsRequest{
		"needed[0].skill": asksFor("active", uuid.NewString(), nil, skill("chess", 1)),
		"needed[1].skill": asksFor("active", uuid.NewString(), nil, skill("billing", 1), skill("telex", 1)),
		"needed[0].value": asksFor("active", uuid.NewString(), nil, skill("bulgarian", 6)),
		"dropped[0]":      asksFor("active", uuid.NewString(), []string{""}),
		"needed":          asksFor("active", uuid.NewString(), nil),
		"client_id":       asksFor("active", "1", []string{"billing"}),
	} {
		if _, err := mila.skills(t.Context(), r); connect.CodeOf(err) != connect.CodeInvalidArgument || !strings.Contains(err.Error(), field+": ") {
			t.Errorf("%s: %v", field, err)
		}
	}
	h.await("the desk to offer it", func() bool {
		r, err := sonya.desk.ListOngoing(t.Context(), connect.NewRequest(&deskv1.ListOngoingRequest{}))
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for _, v := range r.Msg.GetConversations() {
			if slices.Contains(v.GetAllowed(), "skills") && len(v.GetSkills()) == 1 {
				n++
			}
		}
		return n == 5
	})
}

// TestTargetsBySkill (L73): who has most of what is needed comes first, and nobody
// is left out for it.
func TestTargetsBySkill(t *testing.T) {
	h := newHouse(t)
	h.lead("p", "active", time.Now())
	mila := h.agent("mila")
	order := func() (all []string) {
		r, err := mila.desk.ListTargets(t.Context(), connect.NewRequest(&deskv1.ListTargetsRequest{Ref: ref("p")}))
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range r.Msg.GetAgents() {
			if knows[a.GetAgent()] != nil {
				all = append(all, fmt.Sprint(a.GetAgent(), " ", a.GetMatched(), "/", a.GetNeeded()))
			}
		}
		return all
	}
	for _, c := range []struct {
		needed []*configv1.Proficiency
		want   []string
	}{
		{[]*configv1.Proficiency{skill("bulgarian", 4)}, []string{"vera 1/1", "orlin 0/1"}},
		{[]*configv1.Proficiency{skill("bulgarian", 2), skill("billing", 5)}, []string{"orlin 2/2", "vera 1/2"}},
	} {
		if _, err := mila.skills(t.Context(), asksFor("p", uuid.NewString(), nil, c.needed...)); err != nil {
			t.Fatal(err)
		}
		if got := order(); !slices.Equal(got, c.want) {
			t.Errorf("%v: %q, want %q", c.needed, got, c.want)
		}
	}
}
