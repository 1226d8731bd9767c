package api

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"connectrpc.com/connect"

	"github.com/parley-desk/parley/pkg/directory"
	"github.com/parley-desk/parley/pkg/thread"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
	deskv1 "github.com/parley-desk/parley/proto/gen/parley/desk/v1"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
)

// maxDropped is how many skills one command takes away: rules ask for no more.
const maxDropped = 100

// ListSkills tells which skills a conversation can need: those in use.
func (s deskService) ListSkills(ctx context.Context, r *connect.Request[deskv1.ListSkillsRequest]) (*connect.Response[deskv1.ListSkillsResponse], error) {
	var c check
	if c.ref(r.Msg.GetRef()); c.err() != nil {
		return nil, c.err()
	}
	if _, _, err := s.about(ctx, r.Msg.GetRef(), ""); err != nil {
		return nil, err
	}
	response := &deskv1.ListSkillsResponse{}
	for id, skill := range s.Directory.Now().Skills {
		if skill.GetInactive() {
			continue
		}
		scale := &deskv1.SkillScale{Skill: id, Name: cmp.Or(skill.GetMeta().GetDisplayName(), id), Type: skill.GetType(), Ratings: map[int32]string{}}
		scale.Lowest, scale.Highest = directory.Scale(skill)
		for _, rating := range skill.GetRatings() {
			scale.Ratings[rating.GetValue()] = rating.GetName()
		}
		response.Skills = append(response.Skills, scale)
	}
	slices.SortFunc(response.Skills, func(a, b *deskv1.SkillScale) int {
		return cmp.Or(cmp.Compare(a.GetType(), b.GetType()), cmp.Compare(a.GetName(), b.GetName()), cmp.Compare(a.GetSkill(), b.GetSkill()))
	})
	return connect.NewResponse(response), nil
}

// ChangeSkills says which skills a conversation needs (L73).
func (s deskService) ChangeSkills(ctx context.Context, r *connect.Request[deskv1.ChangeSkillsRequest]) (*connect.Response[deskv1.ChangeSkillsResponse], error) {
	m, by := r.Msg, callerOf(ctx).session.Agent
	change, err := s.skillsOf(m)
	if err != nil {
		return nil, err
	}
	change.By = by
	state, revision, err := s.Bus.Update(ctx, threadOf(m.GetRef()), func(state *threadv1.State, _ uint64) ([]*threadv1.Fact, error) {
		if !s.hands(ctx, state, m.GetRef(), m.GetClientId()) {
			return nil, errForeign()
		}
		if !s.beyond(ctx, state) && !thread.Done(state, m.GetClientId()) {
			if why := s.fixed(state, by); why != "" {
				return nil, s.refusal(state, by, why)
			}
		}
		var c check
		if c.that(len(m.GetNeeded())+len(m.GetDropped()) > 0, "needed", "give skills that are needed, or dropped"); c.err() != nil {
			return nil, c.err()
		}
		return thread.ChangeSkills(state, m.GetRef().GetConversation(), change)
	})
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(&deskv1.ChangeSkillsResponse{Conversation: s.show(state, revision, by)}), nil
}

// fixed is the reason why an agent does not say which skills a conversation needs;
// empty when the agent does.
func (s deskService) fixed(state *threadv1.State, agent string) string {
	c := state.GetConversation()
	switch {
	case c.GetAgent() != agent || c.GetPhase() == threadv1.Phase_PHASE_OPEN:
		return thread.NotYours
	case !s.Directory.Now().Workstreams[c.GetWorkstream()].GetAgentSkills():
		return thread.SkillsFixed
	}
	return ""
}

// skillsOf reads a change out of a request. What is needed must be a skill in use,
// on its scale; what is dropped may be gone.
func (s deskService) skillsOf(m *deskv1.ChangeSkillsRequest) (*threadv1.SkillsChanged, error) {
	var c check
	c.ref(m.GetRef())
	c.clientID(m.GetClientId())
	c.that(len(m.GetNeeded()) <= thread.MostSkills, "needed", "must be at most %d, are %d", thread.MostSkills, len(m.GetNeeded()))
	c.that(len(m.GetDropped()) <= maxDropped, "dropped", "must be at most %d, are %d", maxDropped, len(m.GetDropped()))
	if err := c.err(); err != nil {
		return nil, err
	}
	for i, id := range m.GetDropped() {
		c.that(id != "" && len(id) <= maxID, fmt.Sprintf("dropped[%d]", i), "must be the id of a skill")
	}
	change := &threadv1.SkillsChanged{Dropped: m.GetDropped(), ClientId: m.GetClientId()}
	for i, p := range m.GetNeeded() {
		change.Needed = append(change.Needed, s.need(&c, fmt.Sprintf("needed[%d]", i), p))
	}
	return change, c.err()
}

func (s deskService) need(c *check, at string, p *configv1.Proficiency) *threadv1.Need {
	skill := s.Directory.Now().Skills[p.GetSkill()]
	lowest, highest := directory.Scale(skill)
	v := p.GetValue()
	c.that(skill != nil && !skill.GetInactive(), at+".skill", "is no skill in use; ListSkills tells them")
	c.that(v == 0 || v >= lowest && v <= highest, at+".value", "must be on the scale of the skill, %d to %d", lowest, highest)
	n := &threadv1.Need{Skill: p.GetSkill(), Value: directory.Rating(skill, v)}
	n.Level = directory.Level(skill, n.GetValue())
	return n
}
