package thread

import (
	"slices"

	"google.golang.org/protobuf/proto"

	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
)

// MostSkills is how many skills people may have a conversation need. Each
// combination that waits is a list of its own at distribution.
const MostSkills = 20

// Steerable tells whether it still matters which skills c needs: it waits for an
// agent, or may come to do so again.
func Steerable(c *threadv1.Conversation) bool {
	switch c.GetPhase() {
	case threadv1.Phase_PHASE_OPEN, threadv1.Phase_PHASE_ACTIVE, threadv1.Phase_PHASE_WAITING:
		return true
	case threadv1.Phase_PHASE_WRAP_UP, threadv1.Phase_PHASE_CLOSED, threadv1.Phase_PHASE_UNSPECIFIED:
	}
	return false
}

// ChangeSkills says which skills a conversation needs (L73). What changes nothing
// is no fact. Whether there are such skills, and whether whoever asks may say it,
// is the caller's to know.
func ChangeSkills(s *threadv1.State, conversation string, change *threadv1.SkillsChanged) ([]*threadv1.Fact, error) {
	c, err := current(s, conversation, change.GetBy())
	switch {
	case err != nil:
		return nil, err
	case Done(s, change.GetClientId()):
		return nil, nil
	case !Steerable(c):
		return nil, refuse(s, WrongPhase, change.GetBy())
	}
	after := needs(c.GetSkills(), change)
	switch {
	case slices.EqualFunc(c.GetSkills(), after, func(a, b *threadv1.Need) bool { return proto.Equal(a, b) }):
		return nil, nil
	case len(after) > max(MostSkills, len(c.GetSkills())-1): // rules may have asked for more; taking some of these away is right
		return nil, refuse(s, TooManySkills, change.GetBy())
	}
	return one(change), nil
}

// needs are what is needed after a change. What is both needed and dropped is
// needed.
func needs(before []*threadv1.Need, change *threadv1.SkillsChanged) []*threadv1.Need {
	var after []*threadv1.Need
	for _, n := range before {
		if !slices.Contains(change.GetDropped(), n.GetSkill()) {
			after = append(after, n)
		}
	}
	for _, n := range change.GetNeeded() {
		after = with(after, n)
	}
	return after
}

// applySkills leaves an offer and the agent who has it alone: they were found for
// what was needed then, and the customer is not passed on because of a list.
func applySkills(s *threadv1.State, change *threadv1.SkillsChanged) error {
	switch c := s.GetConversation(); {
	case c == nil:
		return refuse(s, Unanswerable, change.GetBy())
	case !Steerable(c):
		return refuse(s, WrongPhase, change.GetBy())
	case change.GetBy() == "" || len(change.GetNeeded())+len(change.GetDropped()) == 0:
		return refuse(s, BadFact, change.GetBy())
	}
	s.Conversation.Skills = needs(s.Conversation.GetSkills(), change)
	s.Commands = remember(s.Commands, change.GetClientId(), keptCommands)
	return nil
}
