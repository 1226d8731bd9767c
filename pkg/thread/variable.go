package thread

import (
	"maps"

	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
)

// SetVariables sets context variables of a conversation that is not closed. What
// has these values already is not set again. Whether they are declared is the
// caller's to know.
func SetVariables(s *threadv1.State, conversation string, set *threadv1.VariablesSet) ([]*threadv1.Fact, error) {
	c, err := current(s, conversation, set.GetAgent())
	switch {
	case err != nil:
		return nil, err
	case Done(s, set.GetClientId()):
		return nil, nil
	case !Live(c):
		return nil, refuse(s, WrongPhase, set.GetAgent())
	}
	for name, value := range set.GetVariables() {
		if c.GetVariables()[name] != value {
			return one(set), nil
		}
	}
	return nil, nil
}

func applyVariables(s *threadv1.State, set *threadv1.VariablesSet) error {
	switch c := s.GetConversation(); {
	case c == nil:
		return refuse(s, Unanswerable, set.GetAgent())
	case !Live(c):
		return refuse(s, WrongPhase, set.GetAgent())
	case len(set.GetVariables()) == 0:
		return refuse(s, BadFact, set.GetAgent())
	case c.Variables == nil:
		c.Variables = map[string]string{}
	}
	maps.Copy(s.Conversation.Variables, set.GetVariables())
	maps.DeleteFunc(s.Conversation.Variables, func(_, value string) bool { return value == "" })
	s.Commands = remember(s.Commands, set.GetClientId(), keptCommands)
	return nil
}
