package outbound

import (
	"context"
	"errors"

	"github.com/parley-desk/parley/pkg/fault"
	"github.com/parley-desk/parley/pkg/graph"
	"github.com/parley-desk/parley/pkg/thread"
	outboundv1 "github.com/parley-desk/parley/proto/gen/parley/outbound/v1"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
	"github.com/parley-desk/parley/proto/subject"
)

// takeControl takes a thread from the app that has it at Meta, for the agent who
// has its conversation in hand. What the log says is looked at before Meta is
// asked and after: an agent who lost the conversation meanwhile changes nothing
// here, and what Meta gave shows with the next message.
func (s *service) takeControl(ctx context.Context, r *outboundv1.TakeControlRequest) (*outboundv1.TakeControlResponse, error) {
	t := subject.Thread{Page: r.GetPage(), PSID: r.GetPsid()}
	state, revision, err := s.deps.Bus.Load(ctx, t)
	if err != nil {
		return nil, err
	}
	facts, err := thread.TakeControl(state, s.deps.Now(), r.GetConversation(), r.GetAgent())
	if err != nil || len(facts) == 0 {
		return &outboundv1.TakeControlResponse{Revision: revision}, err
	}
	page, usable := s.pages.Connection(t.Page)
	if !usable {
		return nil, refusal(state, graph.ReasonPageDisconnected)
	}
	if err := s.deps.Graph.TakeControl(ctx, page, t.PSID); err != nil {
		var f *fault.Error
		if errors.As(err, &f) && (f.Kind == fault.Precondition || f.Kind == fault.Denied || f.Kind == fault.NotFound) {
			return nil, refusal(state, f.Reason)
		}
		return nil, err
	}
	_, revision, err = s.deps.Bus.Update(ctx, t, func(state *threadv1.State, _ uint64) ([]*threadv1.Fact, error) {
		return thread.TakeControl(state, s.deps.Now(), r.GetConversation(), r.GetAgent())
	})
	return &outboundv1.TakeControlResponse{Revision: revision}, err
}

// refusal is Meta's no as the desk tells it.
func refusal(state *threadv1.State, reason string) error {
	return &thread.Refusal{Reason: reason, Phase: state.GetConversation().GetPhase()}
}
