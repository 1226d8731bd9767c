package api

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"connectrpc.com/connect"

	"github.com/parley-desk/parley/pkg/directory"
	"github.com/parley-desk/parley/pkg/thread"
	deskv1 "github.com/parley-desk/parley/proto/gen/parley/desk/v1"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
)

// maxVariables is how many one command sets.
const maxVariables = 100

// SetVariables sets context variables of a conversation (L116).
func (s deskService) SetVariables(ctx context.Context, r *connect.Request[deskv1.SetVariablesRequest]) (*connect.Response[deskv1.SetVariablesResponse], error) {
	values := r.Msg.GetVariables()
	var c check
	c.ref(r.Msg.GetRef())
	c.clientID(r.Msg.GetClientId())
	c.that(len(values) > 0 && len(values) <= maxVariables, "variables", "must be 1 to %d, are %d", maxVariables, len(values))
	if err := c.err(); err != nil {
		return nil, err
	}
	view, err := s.turn(ctx, r.Msg.GetRef(), func(state *threadv1.State, agent string) ([]*threadv1.Fact, error) {
		if c := state.GetConversation(); c.GetAgent() != agent || c.GetPhase() == threadv1.Phase_PHASE_OPEN {
			return nil, &thread.Refusal{Reason: thread.NotYours, Phase: c.GetPhase(), Allowed: thread.Allowed(state, agent)}
		}
		facts, err := thread.SetVariables(state, r.Msg.GetRef().GetConversation(), &threadv1.VariablesSet{
			Variables: values, Agent: agent, ClientId: r.Msg.GetClientId()})
		if err != nil || len(facts) == 0 {
			return nil, err
		}
		var c check
		declared := s.Directory.Now().Workstreams[state.GetConversation().GetWorkstream()].GetVariables()
		for _, name := range slices.Sorted(maps.Keys(values)) {
			v := directory.Variable(declared, name)
			c.that(v != nil, fmt.Sprintf("variables[%q]", name), "is none of the workstream's variables; case matters")
			c.that(v == nil || directory.Fits(v, values[name]), fmt.Sprintf("variables[%q]", name), "must be UTF-8 of at most %d characters, and of a number decimal", directory.MaxValue)
		}
		return facts, c.err()
	})
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(&deskv1.SetVariablesResponse{Conversation: view}), nil
}
