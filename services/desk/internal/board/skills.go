package board

import (
	"cmp"
	"slices"

	"github.com/parley-desk/parley/pkg/directory"
	"github.com/parley-desk/parley/pkg/thread"
	authv1 "github.com/parley-desk/parley/proto/gen/parley/auth/v1"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
	deskv1 "github.com/parley-desk/parley/proto/gen/parley/desk/v1"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
)

// steers tells whether agent says which skills a conversation needs (L73).
func (w World) steers(s *threadv1.State, agent string) bool {
	c := s.GetConversation()
	if !thread.Steerable(c) {
		return false
	}
	holds := c.GetAgent() == agent && c.GetPhase() != threadv1.Phase_PHASE_OPEN
	return holds && w.Names.Workstreams[c.GetWorkstream()].GetAgentSkills() ||
		w.Who(agent).Beyond(authv1.Permission_PERMISSION_CONVERSATION_SKILL, Object(s, false))
}

// skills are those that a conversation needs, by name.
func skills(c *threadv1.Conversation, world World) (all []*deskv1.NeededSkill) {
	for _, n := range c.GetSkills() {
		skill := world.Names.Skills[n.GetSkill()]
		_, highest := directory.Scale(skill)
		all = append(all, &deskv1.NeededSkill{Skill: n.GetSkill(), Name: cmp.Or(skill.GetMeta().GetDisplayName(), n.GetSkill()),
			Value: n.GetValue(), Highest: highest, Rating: rating(skill, n.GetValue())})
	}
	slices.SortFunc(all, func(a, b *deskv1.NeededSkill) int {
		return cmp.Or(cmp.Compare(a.GetName(), b.GetName()), cmp.Compare(a.GetSkill(), b.GetSkill()))
	})
	return all
}

// rating is what a value of a skill's scale is called; empty when it has no name.
func rating(skill *configv1.Skill, value int32) string {
	for _, r := range skill.GetRatings() {
		if r.GetValue() == value {
			return r.GetName()
		}
	}
	return ""
}
