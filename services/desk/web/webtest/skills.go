package webtest

import (
	"context"
	"slices"

	"connectrpc.com/connect"

	deskv1 "github.com/parley-desk/parley/proto/gen/parley/desk/v1"
)

// scales are the skills that conversations can need.
var scales = []*deskv1.SkillScale{
	{Skill: "refunds", Name: "Връщане на пари", Lowest: 1, Highest: 10},
	{Skill: "english", Name: "Английски", Type: "language", Lowest: 1, Highest: 3, Ratings: map[int32]string{1: "основно", 3: "свободно"}},
}

// Skilled lets agents say which skills conversations need, from the next one on.
func (h *House) Skilled() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.skilled = true
}

// ListSkills tells them.
func (desk) ListSkills(context.Context, *connect.Request[deskv1.ListSkillsRequest]) (*connect.Response[deskv1.ListSkillsResponse], error) {
	return connect.NewResponse(&deskv1.ListSkillsResponse{Skills: scales}), nil
}

// ChangeSkills does what it is told, to a conversation of the agent's or of somebody
// else's.
func (d desk) ChangeSkills(_ context.Context, r *connect.Request[deskv1.ChangeSkillsRequest]) (*connect.Response[deskv1.ChangeSkillsResponse], error) {
	d.note(r.Msg)
	d.h.mu.Lock()
	for _, v := range d.h.floor {
		if v.GetRef().GetConversation() == r.Msg.GetRef().GetConversation() {
			skill(v, r.Msg)
			d.h.mu.Unlock()
			return connect.NewResponse(&deskv1.ChangeSkillsResponse{}), nil
		}
	}
	d.h.mu.Unlock()
	v, err := d.change(r.Msg.GetRef(), func(v *deskv1.ConversationView) { skill(v, r.Msg) })
	return connect.NewResponse(&deskv1.ChangeSkillsResponse{Conversation: v}), err
}

func skill(v *deskv1.ConversationView, m *deskv1.ChangeSkillsRequest) {
	gone := func(id string) {
		v.Skills = slices.DeleteFunc(v.Skills, func(n *deskv1.NeededSkill) bool { return n.GetSkill() == id })
	}
	for _, p := range m.GetNeeded() {
		gone(p.GetSkill())
		scale := scales[slices.IndexFunc(scales, func(s *deskv1.SkillScale) bool { return s.GetSkill() == p.GetSkill() })]
		v.Skills = append(v.Skills, &deskv1.NeededSkill{Skill: p.GetSkill(), Name: scale.GetName(), Value: max(p.GetValue(), scale.GetLowest()), Highest: scale.GetHighest(), Rating: scale.GetRatings()[p.GetValue()]})
	}
	for _, id := range m.GetDropped() {
		gone(id)
	}
}
