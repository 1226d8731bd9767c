package api

import (
	"context"
	"slices"

	"connectrpc.com/connect"
	"github.com/google/uuid"

	"github.com/parley-desk/parley/pkg/fault"
	"github.com/parley-desk/parley/pkg/rights"
	"github.com/parley-desk/parley/pkg/rules"
	"github.com/parley-desk/parley/pkg/thread"
	authv1 "github.com/parley-desk/parley/proto/gen/parley/auth/v1"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
	deskv1 "github.com/parley-desk/parley/proto/gen/parley/desk/v1"
	distributionv1 "github.com/parley-desk/parley/proto/gen/parley/distribution/v1"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
	"github.com/parley-desk/parley/proto/subject"
)

// target is who gets a conversation.
type target struct{ queue, agent string }

// TransferConversation hands an active conversation to another queue or agent.
func (s deskService) TransferConversation(ctx context.Context, r *connect.Request[deskv1.TransferConversationRequest]) (*connect.Response[deskv1.TransferConversationResponse], error) {
	m := r.Msg
	var c check
	c.ref(m.GetRef())
	c.clientID(m.GetClientId())
	if err := c.err(); err != nil {
		return nil, err
	}
	h, err := s.handover(ctx, m.GetRef(), m.GetClientId(), m.GetNote(), target{queue: m.GetToQueue(), agent: m.GetToAgent()})
	if err != nil {
		return nil, err
	}
	_, _, err = s.Bus.Update(ctx, threadOf(m.GetRef()), func(state *threadv1.State, _ uint64) ([]*threadv1.Fact, error) {
		h.Supervisor = s.beyond(ctx, state)
		switch {
		case !s.hands(ctx, state, m.GetRef(), m.GetClientId()):
			return nil, errForeign()
		case m.GetToQueue() == "":
			return h.ToAgent(state, s.Now(), m.GetToAgent())
		case state.GetConversation().GetPhase() == threadv1.Phase_PHASE_OPEN && !thread.Done(state, m.GetClientId()):
			return nil, s.refusal(state, h.By, thread.WrongPhase) // it is nobody's yet: assigning is the word
		}
		return h.ToQueue(state, m.GetToQueue())
	})
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(&deskv1.TransferConversationResponse{}), nil
}

// hands tells whether the caller may hear of handing a conversation over: one to
// which the caller may do it, and one the caller has just handed over by this
// command.
func (s deskService) hands(ctx context.Context, state *threadv1.State, ref *deskv1.ConversationRef, clientID string) bool {
	return current(state, ref) && (s.may(ctx, state, true) || thread.Done(state, clientID))
}

// handover is a hand-over by the caller to somebody who can have it now.
func (s deskService) handover(ctx context.Context, ref *deskv1.ConversationRef, clientID, note string, to target) (h thread.Handover, err error) {
	var c check
	c.ref(ref)
	c.most("note", note, maxNote)
	c.that((to.queue == "") != (to.agent == ""), "target", "give to_queue or to_agent")
	c.that(len(to.queue)+len(to.agent) <= maxID, "target", "must have at most %d bytes", maxID)
	if err := c.err(); err != nil {
		return h, err
	}
	id, err := uuid.NewV7()
	if err != nil {
		return h, fault.Wrap(err, "making an id")
	}
	ask, err := uuid.NewV7()
	if err != nil {
		return h, fault.Wrap(err, "making an id")
	}
	h = thread.Handover{Conversation: ref.GetConversation(), By: callerOf(ctx).session.Agent, Supervisor: s.who(ctx).Reach(callerOf(ctx).need) > rights.Own,
		ClientID: clientID, NoteID: id.String(), Note: note, Ask: ask.String(), Patience: s.Invitation}
	if to.queue != "" {
		return h, s.enterable(ctx, ref, clientID, to.queue)
	}
	whom := free
	if h.Supervisor {
		whom = full
	}
	return h, s.reachable(ctx, ref, clientID, to.agent, whom)
}

// enterable refuses a queue that does not take conversations now (L103).
func (s deskService) enterable(ctx context.Context, ref *deskv1.ConversationRef, clientID, queue string) error {
	state, done, err := s.about(ctx, ref, clientID)
	if err != nil || done {
		return err
	}
	if why := s.unfit(queue); why != "" {
		return s.refusal(state, callerOf(ctx).session.Agent, why)
	}
	return nil
}

// unfit is the reason why a queue takes nothing now; empty when it does.
func (s deskService) unfit(queue string) string {
	switch obstacle, _ := s.rules.Of(s.Directory.Now()).Obstacle(queue, s.Now()); obstacle {
	case rules.QueueUnknown:
		return thread.QueueUnknown
	case rules.QueueEmpty:
		return thread.QueueEmpty
	case rules.QueueClosed:
		return thread.QueueClosed
	case rules.NoObstacle:
	}
	return ""
}

// about reads a conversation that the caller wants to do something with, and
// tells whether that is done.
func (s deskService) about(ctx context.Context, ref *deskv1.ConversationRef, clientID string) (state *threadv1.State, done bool, err error) {
	state, _, err = s.Bus.Load(ctx, threadOf(ref))
	switch {
	case err != nil:
		return nil, false, fault.Wrap(err, "reading the conversation")
	case !s.hands(ctx, state, ref, clientID):
		return nil, false, errForeign()
	}
	return state, thread.Done(state, clientID), nil
}

// whom is who can be asked: with full, also those who have all they can have.
type whom bool

const (
	free whom = false
	full whom = true
)

// reachable refuses an agent who is not there or wants to be left alone.
func (s deskService) reachable(ctx context.Context, ref *deskv1.ConversationRef, clientID, agent string, w whom) error {
	state, done, err := s.about(ctx, ref, clientID)
	if err != nil || done {
		return err
	}
	by := callerOf(ctx).session.Agent
	known := s.Directory.Now().Agents[agent]
	if !works(known) {
		return s.refusal(state, by, thread.AgentUnknown)
	}
	standings, err := s.roster(ctx, []string{agent})
	switch {
	case err != nil:
		return err
	case !attends(standings[agent], w):
		return s.refusal(state, by, thread.AgentUnavailable)
	}
	return nil
}

// works tells whether somebody can be given a conversation or be asked about it.
func works(a *configv1.Agent) bool { return can(a, authv1.Permission_PERMISSION_CONVERSATION_HANDLE) }

// attends tells whether an agent is there and may be asked. Who is not to be
// disturbed because all capacity is used has not said so.
func attends(standing *distributionv1.AgentStanding, w whom) bool {
	switch standing.GetPresence() {
	case distributionv1.Presence_PRESENCE_AVAILABLE, distributionv1.Presence_PRESENCE_BUSY:
		return true
	case distributionv1.Presence_PRESENCE_DO_NOT_DISTURB:
		return w == full && standing.GetSource() == distributionv1.Source_SOURCE_LOAD
	default:
		return false
	}
}

// roster tells where agents stand; of one whom distribution does not know,
// nothing.
func (s deskService) roster(ctx context.Context, agents []string) (map[string]*distributionv1.AgentStanding, error) {
	standings := make(map[string]*distributionv1.AgentStanding, len(agents))
	for some := range slices.Chunk(agents, subject.MostAsked) {
		response := &distributionv1.RosterResponse{}
		if err := s.Bus.Call(ctx, "distribution.roster", &distributionv1.RosterRequest{Agents: some}, response); err != nil {
			return nil, fault.Wrap(err, "asking where agents stand")
		}
		for _, standing := range response.GetStandings() {
			standings[standing.GetAgent()] = standing
		}
	}
	return standings, nil
}

// refusal is what the state does not allow, with what it allows instead.
func (s deskService) refusal(state *threadv1.State, by, reason string) error {
	return &thread.Refusal{Reason: reason, Phase: state.GetConversation().GetPhase(), Allowed: thread.Allowed(state, by)}
}
