package api

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"connectrpc.com/connect"

	"github.com/parley-desk/parley/pkg/rights"
	"github.com/parley-desk/parley/pkg/thread"
	deskv1 "github.com/parley-desk/parley/proto/gen/parley/desk/v1"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
	"github.com/parley-desk/parley/services/desk/internal/board"
)

// over gives a supervisor's command to a conversation, whoever has it, and shows
// what it led to.
func (s deskService) over(ctx context.Context, ref *deskv1.ConversationRef,
	command func(s *threadv1.State, by string) ([]*threadv1.Fact, error)) (*deskv1.ConversationView, error) {
	var c check
	if c.ref(ref); c.err() != nil {
		return nil, c.err()
	}
	by := callerOf(ctx).session.Agent
	state, revision, err := s.Bus.Update(ctx, threadOf(ref), func(state *threadv1.State, _ uint64) ([]*threadv1.Fact, error) {
		if !current(state, ref) || !s.beyond(ctx, state) {
			return nil, errForeign()
		}
		facts, err := command(state, by)
		return facts, s.supervised(err, state, by)
	})
	if err != nil {
		return nil, err
	}
	return s.show(state, revision, by), nil
}

// supervised is a refusal with what a supervisor may do instead.
func (s deskService) supervised(err error, state *threadv1.State, by string) error {
	r, ok := errors.AsType[*thread.Refusal](err)
	if !ok {
		return err
	}
	return &thread.Refusal{Reason: r.Reason, Phase: r.Phase, Allowed: append(thread.Allowed(state, by), s.World().Supervises(state, by)...)}
}

// AssignConversation gives a conversation that nobody has to an agent or to
// another queue (L106).
func (s deskService) AssignConversation(ctx context.Context, r *connect.Request[deskv1.AssignConversationRequest]) (*connect.Response[deskv1.AssignConversationResponse], error) {
	m := r.Msg
	h, err := s.handover(ctx, m.GetRef(), "", m.GetNote(), target{queue: m.GetToQueue(), agent: m.GetToAgent()})
	if err != nil {
		return nil, err
	}
	view, err := s.over(ctx, m.GetRef(), func(state *threadv1.State, _ string) ([]*threadv1.Fact, error) {
		switch {
		case m.GetToAgent() != "":
			return h.Assign(state, m.GetToAgent())
		case state.GetConversation().GetPhase() != threadv1.Phase_PHASE_OPEN:
			return nil, &thread.Refusal{Reason: thread.WrongPhase, Phase: state.GetConversation().GetPhase()}
		}
		return h.ToQueue(state, m.GetToQueue())
	})
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(&deskv1.AssignConversationResponse{Conversation: view}), nil
}

// ForceCloseConversation ends a conversation wherever it stands (L108).
func (s deskService) ForceCloseConversation(ctx context.Context, r *connect.Request[deskv1.ForceCloseConversationRequest]) (*connect.Response[deskv1.ForceCloseConversationResponse], error) {
	_, err := s.over(ctx, r.Msg.GetRef(), func(state *threadv1.State, by string) ([]*threadv1.Fact, error) {
		return thread.ForceClose(state, r.Msg.GetRef().GetConversation(), by, "")
	})
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(&deskv1.ForceCloseConversationResponse{}), nil
}

// MonitorConversation follows somebody else's conversation (L105).
func (s deskService) MonitorConversation(ctx context.Context, r *connect.Request[deskv1.MonitorConversationRequest]) (*connect.Response[deskv1.MonitorConversationResponse], error) {
	view, err := s.over(ctx, r.Msg.GetRef(), func(state *threadv1.State, by string) ([]*threadv1.Fact, error) {
		return thread.Monitor(state, r.Msg.GetRef().GetConversation(), by)
	})
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(&deskv1.MonitorConversationResponse{Conversation: view}), nil
}

// JoinConversation takes part in somebody else's conversation (L105).
func (s deskService) JoinConversation(ctx context.Context, r *connect.Request[deskv1.JoinConversationRequest]) (*connect.Response[deskv1.JoinConversationResponse], error) {
	view, err := s.over(ctx, r.Msg.GetRef(), func(state *threadv1.State, by string) ([]*threadv1.Fact, error) {
		return thread.Join(state, r.Msg.GetRef().GetConversation(), by)
	})
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(&deskv1.JoinConversationResponse{Conversation: view}), nil
}

// ListOngoing tells the live conversations of the queues that the supervisor looks
// after.
func (s deskService) ListOngoing(ctx context.Context, r *connect.Request[deskv1.ListOngoingRequest]) (*connect.Response[deskv1.ListOngoingResponse], error) {
	m := r.Msg
	size, err := pageSize(m.GetPageSize())
	if err != nil {
		return nil, err
	}
	now, world, by := s.Now(), s.World(), callerOf(ctx).session.Agent
	phases, labels, who, need := map[threadv1.Phase]int32{}, labelled{}, world.Who(by), callerOf(ctx).need
	found := s.Hub.Select(func(c *threadv1.Conversation) bool {
		if !who.Beyond(need, rights.Object{Queues: []string{c.GetQueue()}}) {
			return false
		}
		phases[c.GetPhase()]++
		labels.add(c.GetLabels())
		held := c.GetPhase() != threadv1.Phase_PHASE_OPEN && c.GetAgent() == m.GetHeldBy()
		return (m.GetQueue() == "" || c.GetQueue() == m.GetQueue()) && (m.GetHeldBy() == "" || held) &&
			(m.GetPhase() == threadv1.Phase_PHASE_UNSPECIFIED || c.GetPhase() == m.GetPhase()) && (m.GetLabel() == "" || thread.HasLabel(c.GetLabels(), m.GetLabel()))
	})
	page, next := cutPage(found, size, m.GetPageToken(), func(f board.Found) string {
		c := f.State.GetConversation()
		return fmt.Sprintf("%020d.%s", c.GetOpenedMs(), c.GetId())
	})
	response := &deskv1.ListOngoingResponse{NextPageToken: next, Total: int32(len(found)), Labels: labels.list()}
	for _, phase := range slices.Sorted(maps.Keys(phases)) {
		response.Phases = append(response.Phases, &deskv1.PhaseCount{Phase: phase, Count: phases[phase]})
	}
	for _, f := range page {
		response.Conversations = append(response.Conversations, board.View(f.State, f.Revision, by, now, world))
	}
	return connect.NewResponse(response), nil
}
