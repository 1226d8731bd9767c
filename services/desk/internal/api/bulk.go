package api

import (
	"context"
	"errors"
	"time"

	"connectrpc.com/connect"
	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"github.com/parley-desk/parley/pkg/fault"
	"github.com/parley-desk/parley/pkg/rights"
	"github.com/parley-desk/parley/pkg/thread"
	authv1 "github.com/parley-desk/parley/proto/gen/parley/auth/v1"
	deskv1 "github.com/parley-desk/parley/proto/gen/parley/desk/v1"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
)

const (
	// mostRefs is how many conversations one command is about (L108).
	mostRefs = 1000
	// abreast is how many of them are written at a time.
	abreast = 16
	// spare is what is left of a command's patience for the answer.
	spare = 2 * time.Second
	// notDone is the reason of what was not tried, or failed for none of its own.
	notDone = "NOT_DONE"
)

// ActOnConversations does one thing to many conversations (L108). Each is a commit
// of its own: what one of them does not allow keeps no other from it.
func (s deskService) ActOnConversations(ctx context.Context, r *connect.Request[deskv1.ActOnConversationsRequest]) (*connect.Response[deskv1.ActOnConversationsResponse], error) {
	m := r.Msg
	if err := checkMany(m); err != nil {
		return nil, err
	}
	callerOf(ctx).need = authv1.Permission_PERMISSION_CONVERSATION_ASSIGN
	if m.GetForceClose() {
		callerOf(ctx).need = authv1.Permission_PERMISSION_CONVERSATION_FORCE_CLOSE
	}
	if need := callerOf(ctx).need; s.who(ctx).Reach(need) == rights.None {
		return nil, lacking(need, "ActOnConversations")
	}
	if queue := m.GetToQueue(); queue != "" {
		if why := s.unfit(queue); why != "" {
			return nil, &thread.Refusal{Reason: why}
		}
	}
	response := &deskv1.ActOnConversationsResponse{Outcomes: make([]*deskv1.Outcome, len(m.GetRefs()))}
	ctx, cancel := context.WithTimeout(ctx, patience-spare)
	defer cancel()
	var group errgroup.Group
	group.SetLimit(abreast)
	for n, ref := range m.GetRefs() {
		group.Go(func() error {
			response.Outcomes[n] = s.one(ctx, ref, m)
			return nil
		})
	}
	_ = group.Wait() // each has its own outcome
	for _, o := range response.Outcomes {
		if o.GetReason() == "" {
			response.Done++
		}
	}
	return connect.NewResponse(response), nil
}

func checkMany(m *deskv1.ActOnConversationsRequest) error {
	var c check
	c.that(len(m.GetRefs()) > 0 && len(m.GetRefs()) <= mostRefs, "refs", "must name 1 to %d conversations, names %d", mostRefs, len(m.GetRefs()))
	c.clientID(m.GetClientId())
	c.that((m.GetToQueue() != "") != m.GetForceClose(), "action", "give to_queue, or force_close: true")
	c.that(len(m.GetToQueue()) <= maxID, "to_queue", "must have at most %d bytes", maxID)
	c.that(m.GetNote() == "" || m.GetToQueue() != "", "note", "goes with to_queue only")
	c.most("note", m.GetNote(), maxNote)
	for _, ref := range m.GetRefs() {
		if c.ref(ref); len(c) > 0 {
			break // one example is enough
		}
	}
	return c.err()
}

// one does it to one of them.
func (s deskService) one(ctx context.Context, ref *deskv1.ConversationRef, m *deskv1.ActOnConversationsRequest) *deskv1.Outcome {
	out := &deskv1.Outcome{Ref: ref, Reason: notDone}
	id, err := uuid.NewV7()
	if err != nil || ctx.Err() != nil {
		return out
	}
	by := callerOf(ctx).session.Agent
	h := thread.Handover{Conversation: ref.GetConversation(), By: by, Supervisor: true,
		ClientID: m.GetClientId(), NoteID: id.String(), Note: m.GetNote()}
	state, _, err := s.Bus.Update(ctx, threadOf(ref), func(state *threadv1.State, _ uint64) ([]*threadv1.Fact, error) {
		c := state.GetConversation()
		out.Phase = c.GetPhase()
		switch {
		case thread.Done(state, m.GetClientId()):
			return nil, nil
		case !current(state, ref) || !s.beyond(ctx, state):
			out.Phase = threadv1.Phase_PHASE_UNSPECIFIED
			return nil, errForeign()
		case m.GetForceClose():
			return thread.ForceClose(state, c.GetId(), by, m.GetClientId())
		case c.GetPhase() != threadv1.Phase_PHASE_OPEN:
			return nil, &thread.Refusal{Reason: thread.WrongPhase, Phase: c.GetPhase()}
		}
		return h.ToQueue(state, m.GetToQueue())
	})
	switch r, f := new(thread.Refusal), new(fault.Error); {
	case err == nil:
		out.Reason, out.Phase = "", state.GetConversation().GetPhase()
	case errors.As(err, &r):
		out.Reason = r.Reason
	case errors.As(err, &f) && f.Kind == fault.NotFound:
		out.Reason, out.Phase = f.Reason, threadv1.Phase_PHASE_UNSPECIFIED
	}
	return out
}
