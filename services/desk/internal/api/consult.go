package api

import (
	"context"
	"time"

	"connectrpc.com/connect"
	"github.com/google/uuid"

	"github.com/parley-desk/parley/pkg/directory"
	"github.com/parley-desk/parley/pkg/fault"
	"github.com/parley-desk/parley/pkg/thread"
	deskv1 "github.com/parley-desk/parley/proto/gen/parley/desk/v1"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
	"github.com/parley-desk/parley/proto/subject"
)

// AskConsult asks another agent for advice. Advice takes no capacity, so who is
// full may be asked.
func (s deskService) AskConsult(ctx context.Context, r *connect.Request[deskv1.AskConsultRequest]) (*connect.Response[deskv1.AskConsultResponse], error) {
	m := r.Msg
	var c check
	c.ref(m.GetRef())
	c.clientID(m.GetClientId())
	c.id("invitee", m.GetInvitee())
	c.most("question", m.GetQuestion(), maxReason)
	if err := c.err(); err != nil {
		return nil, err
	}
	id, err := uuid.NewV7()
	if err != nil {
		return nil, fault.Wrap(err, "making an id")
	}
	if err := s.reachable(ctx, m.GetRef(), m.GetClientId(), m.GetInvitee(), full); err != nil {
		return nil, err
	}
	view, err := s.turn(ctx, m.GetRef(), func(state *threadv1.State, agent string) ([]*threadv1.Fact, error) {
		return thread.AskConsult(state, m.GetRef().GetConversation(), agent, m.GetInvitee(), id.String(), m.GetClientId(), m.GetQuestion(), s.Now().Add(s.adviceLasts(state)))
	})
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(&deskv1.AskConsultResponse{Conversation: view}), nil
}

// adviceLasts is how long one has to answer who is asked for advice on the
// conversation of a thread.
func (s deskService) adviceLasts(state *threadv1.State) time.Duration {
	d := s.Directory.Now()
	if t := d.Templates[d.Workstreams[state.GetConversation().GetWorkstream()].GetNotifications().GetConsult()]; t != nil {
		return time.Duration(directory.AnswerSeconds(t)) * time.Second
	}
	return s.Invitation
}

// Lapse ends the invitations of a thread that are over.
func (s *Server) Lapse(ctx context.Context, t subject.Thread) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	_, _, err := s.Bus.Update(ctx, t, func(state *threadv1.State, _ uint64) ([]*threadv1.Fact, error) {
		return thread.Lapse(state, s.Now()), nil
	})
	return err
}

// AnswerConsult says yes or no to giving advice, or to taking the conversation
// over.
func (s deskService) AnswerConsult(ctx context.Context, r *connect.Request[deskv1.AnswerConsultRequest]) (*connect.Response[deskv1.AnswerConsultResponse], error) {
	m := r.Msg
	var c check
	c.ref(m.GetRef())
	c.most("reason", m.GetReason(), maxReason)
	if err := c.err(); err != nil {
		return nil, err
	}
	view, err := s.turn(ctx, m.GetRef(), func(state *threadv1.State, agent string) ([]*threadv1.Fact, error) {
		return thread.AnswerConsult(state, m.GetRef().GetConversation(), agent, m.GetAccept(), m.GetReason())
	})
	if err != nil {
		return nil, err
	}
	if !m.GetAccept() {
		view = nil
	}
	return connect.NewResponse(&deskv1.AnswerConsultResponse{Conversation: view}), nil
}

// OpenConsult lets a consultant write to the customer.
func (s deskService) OpenConsult(ctx context.Context, r *connect.Request[deskv1.OpenConsultRequest]) (*connect.Response[deskv1.OpenConsultResponse], error) {
	view, err := s.consult(ctx, r.Msg.GetRef(), r.Msg.GetConsultant(), thread.OpenConsult)
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(&deskv1.OpenConsultResponse{Conversation: view}), nil
}

// EndConsult ends a consult, or takes it back.
func (s deskService) EndConsult(ctx context.Context, r *connect.Request[deskv1.EndConsultRequest]) (*connect.Response[deskv1.EndConsultResponse], error) {
	view, err := s.consult(ctx, r.Msg.GetRef(), r.Msg.GetConsultant(), thread.EndConsult)
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(&deskv1.EndConsultResponse{Conversation: view}), nil
}

// consult gives a command about one consultant.
func (s deskService) consult(ctx context.Context, ref *deskv1.ConversationRef, consultant string,
	command func(s *threadv1.State, conversation, agent, consultant string) ([]*threadv1.Fact, error)) (*deskv1.ConversationView, error) {
	var c check
	c.ref(ref)
	if c.id("consultant", consultant); c.err() != nil {
		return nil, c.err()
	}
	return s.turn(ctx, ref, func(state *threadv1.State, agent string) ([]*threadv1.Fact, error) {
		return command(state, ref.GetConversation(), agent, consultant)
	})
}

// LeaveConversation ends the part that a consultant or a supervisor has.
func (s deskService) LeaveConversation(ctx context.Context, r *connect.Request[deskv1.LeaveConversationRequest]) (*connect.Response[deskv1.LeaveConversationResponse], error) {
	_, err := s.turn(ctx, r.Msg.GetRef(), func(state *threadv1.State, agent string) ([]*threadv1.Fact, error) {
		return thread.Leave(state, r.Msg.GetRef().GetConversation(), agent)
	})
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(&deskv1.LeaveConversationResponse{}), nil
}
