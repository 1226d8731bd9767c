package api

import (
	"context"
	"errors"
	"time"

	"connectrpc.com/connect"

	"github.com/parley-desk/parley/pkg/fault"
	"github.com/parley-desk/parley/pkg/thread"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
	deskv1 "github.com/parley-desk/parley/proto/gen/parley/desk/v1"
	distributionv1 "github.com/parley-desk/parley/proto/gen/parley/distribution/v1"
	outboundv1 "github.com/parley-desk/parley/proto/gen/parley/outbound/v1"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
)

// AcceptOffer takes the conversation that is offered.
func (s deskService) AcceptOffer(ctx context.Context, r *connect.Request[deskv1.AcceptOfferRequest]) (*connect.Response[deskv1.AcceptOfferResponse], error) {
	if err := checkOffer(r.Msg.GetRef(), r.Msg.GetFence(), ""); err != nil {
		return nil, err
	}
	view, err := s.answer(ctx, r.Msg.GetRef(), &distributionv1.AnswerOfferRequest{
		Fence: r.Msg.GetFence(), Accept: true})
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(&deskv1.AcceptOfferResponse{Conversation: view}), nil
}

// RejectOffer declines it.
func (s deskService) RejectOffer(ctx context.Context, r *connect.Request[deskv1.RejectOfferRequest]) (*connect.Response[deskv1.RejectOfferResponse], error) {
	if err := checkOffer(r.Msg.GetRef(), r.Msg.GetFence(), r.Msg.GetReason()); err != nil {
		return nil, err
	}
	_, err := s.answer(ctx, r.Msg.GetRef(), &distributionv1.AnswerOfferRequest{
		Fence: r.Msg.GetFence(), Reason: r.Msg.GetReason()})
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(&deskv1.RejectOfferResponse{}), nil
}

func checkOffer(ref *deskv1.ConversationRef, fence int64, reason string) error {
	var c check
	c.ref(ref)
	c.that(fence > 0, "fence", "must be the fence of the offer")
	c.that(len(reason) <= maxReason, "reason", "must have at most %d bytes", maxReason)
	return c.err()
}

// answer gives an answer to an offer to distribution, which alone knows
// whether the agent's capacity is still reserved for it.
func (s deskService) answer(ctx context.Context, ref *deskv1.ConversationRef, a *distributionv1.AnswerOfferRequest) (*deskv1.ConversationView, error) {
	agent := callerOf(ctx).session.Agent
	if _, _, err := s.load(ctx, ref, true); err != nil {
		if fault.Is(err, fault.NotFound) {
			// The offer lapsed, or there never was one: both are told alike.
			return nil, refused(connect.CodeNotFound, &deskv1.Refusal{Reason: thread.OfferGone})
		}
		return nil, err
	}
	a.Page, a.Psid, a.Conversation, a.Agent = ref.GetPage(), ref.GetPsid(), ref.GetConversation(), agent
	if err := s.Bus.Call(ctx, "distribution.answer", a, &distributionv1.AnswerOfferResponse{}); err != nil {
		return nil, s.explain(ctx, ref, err)
	}
	if !a.GetAccept() {
		return nil, nil
	}
	return s.reload(ctx, ref)
}

// explain adds to a refusal of another service how the conversation stands, if
// it is still the agent's, and what the agent may do instead.
func (s deskService) explain(ctx context.Context, ref *deskv1.ConversationRef, err error) error {
	r, ok := errors.AsType[*thread.Refusal](err)
	if !ok {
		return fault.Wrap(err, "asking the service that decides it")
	}
	refusal := &deskv1.Refusal{Reason: r.Reason}
	agent := callerOf(ctx).session.Agent
	if state, _, err := s.load(ctx, ref, true); err == nil {
		refusal.Phase, refusal.Allowed = state.GetConversation().GetPhase(), thread.Allowed(state, agent)
	}
	return refused(connect.CodeFailedPrecondition, refusal)
}

func (s deskService) reload(ctx context.Context, ref *deskv1.ConversationRef) (*deskv1.ConversationView, error) {
	agent := callerOf(ctx).session.Agent
	state, revision, err := s.load(ctx, ref, true)
	if err != nil {
		return nil, err
	}
	return s.show(state, revision, agent), nil
}

// ResumeConversation brings a conversation that was set aside back.
func (s deskService) ResumeConversation(ctx context.Context, r *connect.Request[deskv1.ResumeConversationRequest]) (*connect.Response[deskv1.ResumeConversationResponse], error) {
	ref, agent := r.Msg.GetRef(), callerOf(ctx).session.Agent
	var c check
	if c.ref(ref); c.err() != nil {
		return nil, c.err()
	}
	if _, _, err := s.load(ctx, ref, true); err != nil {
		return nil, err
	}
	err := s.Bus.Call(ctx, "distribution.resume", &distributionv1.ResumeRequest{
		Page: ref.GetPage(), Psid: ref.GetPsid(), Conversation: ref.GetConversation(), Agent: agent,
	}, &distributionv1.ResumeResponse{})
	if err != nil {
		return nil, s.explain(ctx, ref, err)
	}
	view, err := s.reload(ctx, ref)
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(&deskv1.ResumeConversationResponse{Conversation: view}), nil
}

// TakeControl takes the thread from the other app that has it at Meta.
func (s deskService) TakeControl(ctx context.Context, r *connect.Request[deskv1.TakeControlRequest]) (*connect.Response[deskv1.TakeControlResponse], error) {
	ref, agent := r.Msg.GetRef(), callerOf(ctx).session.Agent
	var c check
	if c.ref(ref); c.err() != nil {
		return nil, c.err()
	}
	if _, _, err := s.load(ctx, ref, true); err != nil {
		return nil, err
	}
	err := s.Bus.Call(ctx, "outbound.control", &outboundv1.TakeControlRequest{
		Page: ref.GetPage(), Psid: ref.GetPsid(), Conversation: ref.GetConversation(), Agent: agent,
	}, &outboundv1.TakeControlResponse{})
	if err != nil {
		return nil, s.explain(ctx, ref, err)
	}
	view, err := s.reload(ctx, ref)
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(&deskv1.TakeControlResponse{Conversation: view}), nil
}

// EndConversation ends an active conversation; wrap-up begins, and keeps the
// agent's capacity as the workstream says (L24).
func (s deskService) EndConversation(ctx context.Context, r *connect.Request[deskv1.EndConversationRequest]) (*connect.Response[deskv1.EndConversationResponse], error) {
	view, err := s.turn(ctx, r.Msg.GetRef(), func(state *threadv1.State, agent string) ([]*threadv1.Fact, error) {
		blocks, due := wrapUp(s.Directory.Now().Workstreams[state.GetConversation().GetWorkstream()], s.Now())
		return thread.End(state, r.Msg.GetRef().GetConversation(), agent, blocks, due)
	})
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(&deskv1.EndConversationResponse{Conversation: view}), nil
}

// wrapUp tells whether wrap-up keeps capacity and until when; zero: until the
// conversation closes.
func wrapUp(w *configv1.Workstream, now time.Time) (blocks bool, due time.Time) {
	switch w.GetWrapUp() {
	case configv1.WrapUp_WRAP_UP_NEVER:
		return false, time.Time{}
	case configv1.WrapUp_WRAP_UP_TIMED:
		return true, now.Add(time.Duration(w.GetWrapUpSeconds()) * time.Second)
	default:
		return true, time.Time{}
	}
}

// ParkConversation sets an active one aside.
func (s deskService) ParkConversation(ctx context.Context, r *connect.Request[deskv1.ParkConversationRequest]) (*connect.Response[deskv1.ParkConversationResponse], error) {
	view, err := s.turn(ctx, r.Msg.GetRef(), func(state *threadv1.State, agent string) ([]*threadv1.Fact, error) {
		return thread.Park(state, r.Msg.GetRef().GetConversation(), agent)
	})
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(&deskv1.ParkConversationResponse{Conversation: view}), nil
}

// ReleaseConversation gives an active one back to its queue.
func (s deskService) ReleaseConversation(ctx context.Context, r *connect.Request[deskv1.ReleaseConversationRequest]) (*connect.Response[deskv1.ReleaseConversationResponse], error) {
	_, err := s.turn(ctx, r.Msg.GetRef(), func(state *threadv1.State, agent string) ([]*threadv1.Fact, error) {
		return thread.Release(state, r.Msg.GetRef().GetConversation(), agent, threadv1.Cause_CAUSE_RELEASED)
	})
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(&deskv1.ReleaseConversationResponse{}), nil
}

// turn gives a command to the conversation of ref and shows what it led to.
func (s deskService) turn(ctx context.Context, ref *deskv1.ConversationRef,
	command func(*threadv1.State, string) ([]*threadv1.Fact, error)) (*deskv1.ConversationView, error) {
	var c check
	if c.ref(ref); c.err() != nil {
		return nil, c.err()
	}
	agent := callerOf(ctx).session.Agent
	state, revision, err := s.act(ctx, ref, func(state *threadv1.State, _ uint64) ([]*threadv1.Fact, error) {
		return command(state, agent)
	})
	if err != nil {
		return nil, err
	}
	return s.show(state, revision, agent), nil
}
