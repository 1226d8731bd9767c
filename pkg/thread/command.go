package thread

import (
	"time"

	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
)

// The commands: each is a wish of somebody, decided on the state as it stands.
// It gives the facts to commit, none when the wish is fulfilled already, or a
// *Refusal.

// current is the latest conversation when it is the one named.
func current(s *threadv1.State, conversation, agent string) (*threadv1.Conversation, error) {
	c := s.GetConversation()
	if c == nil {
		return nil, refuse(s, Unanswerable, agent)
	}
	if c.Id != conversation {
		return nil, refuse(s, NotCurrent, agent)
	}
	return c, nil
}

// held is the named conversation when the agent has it in one of the phases.
func held(s *threadv1.State, conversation, agent string, in ...threadv1.Phase) (*threadv1.Conversation, error) {
	c, err := current(s, conversation, agent)
	if err != nil {
		return nil, err
	}
	for _, p := range in {
		if c.Phase != p {
			continue
		}
		if c.Agent != agent {
			return nil, refuse(s, NotYours, agent)
		}
		return c, nil
	}
	return nil, refuse(s, WrongPhase, agent)
}

func one(kind any) []*threadv1.Fact { return []*threadv1.Fact{Of(kind)} }

// MakeOffer makes an offer, under a fence not used before, of an open
// conversation of queue. Where the workstream says so, the agent has the
// conversation with it and is not asked (L95).
func MakeOffer(s *threadv1.State, conversation, queue string, o *threadv1.OfferMade) ([]*threadv1.Fact, error) {
	c, err := current(s, conversation, o.GetAgent())
	if err != nil {
		return nil, err
	}
	offered := c.Phase == threadv1.Phase_PHASE_OPEN && c.Offer.GetFence() == o.GetFence() && c.Offer.GetAgent() == o.GetAgent()
	assigned := c.Phase == threadv1.Phase_PHASE_ACTIVE && c.Fence == o.GetFence() && c.Agent == o.GetAgent()
	if offered || assigned {
		return nil, nil
	}
	if c.Queue != queue {
		return nil, refuse(s, Stale, o.GetAgent())
	}
	facts := one(o)
	if Given(s) {
		facts = append(facts, Of(&threadv1.AgentAssigned{Agent: o.GetAgent(), Fence: o.GetFence(), Cause: threadv1.Cause_CAUSE_AUTO_ASSIGNED}))
	}
	return facts, nil
}

// Pick gives an agent a waiting conversation that agents may pick (L22).
func Pick(s *threadv1.State, conversation, agent string) ([]*threadv1.Fact, error) {
	c, err := current(s, conversation, agent)
	switch {
	case err != nil:
		return nil, err
	case c.Phase == threadv1.Phase_PHASE_ACTIVE && c.Agent == agent:
		return nil, nil
	case c.Phase != threadv1.Phase_PHASE_OPEN:
		return nil, refuse(s, WrongPhase, agent)
	case !c.GetTerms().GetPickOnly() && !c.GetTerms().GetPickable():
		return nil, refuse(s, NotPickable, agent)
	case c.Offer != nil:
		return nil, refuse(s, Offered, agent)
	}
	return one(&threadv1.AgentAssigned{Agent: agent, Cause: threadv1.Cause_CAUSE_PICKED}), nil
}

// AcceptOffer takes the conversation offered to agent under fence.
func AcceptOffer(s *threadv1.State, conversation, agent string, fence int64) ([]*threadv1.Fact, error) {
	c, err := current(s, conversation, agent)
	if err != nil {
		return nil, err
	}
	if c.Phase == threadv1.Phase_PHASE_ACTIVE && c.Agent == agent && c.Fence == fence {
		return nil, nil
	}
	if c.Phase != threadv1.Phase_PHASE_OPEN || c.Offer.GetFence() != fence || c.Offer.GetAgent() != agent {
		return nil, refuse(s, OfferGone, agent)
	}
	return one(&threadv1.AgentAssigned{Agent: agent, Fence: fence, Cause: threadv1.Cause_CAUSE_ACCEPTED}), nil
}

// RejectOffer declines the offer under fence.
func RejectOffer(s *threadv1.State, conversation, agent string, fence int64, reason string) ([]*threadv1.Fact, error) {
	c, err := current(s, conversation, agent)
	if err != nil {
		return nil, err
	}
	if c.Phase != threadv1.Phase_PHASE_OPEN || c.Offer.GetFence() != fence || c.Offer.GetAgent() != agent {
		return nil, refuse(s, OfferGone, agent)
	}
	return one(&threadv1.OfferEnded{Fence: fence, Outcome: threadv1.OfferOutcome_OFFER_OUTCOME_REJECTED, Reason: reason, Agent: agent}), nil
}

// EndOffer ends the offer under fence without the agent: timed out, revoked or
// undelivered.
func EndOffer(s *threadv1.State, conversation string, fence int64, outcome threadv1.OfferOutcome) ([]*threadv1.Fact, error) {
	c, err := current(s, conversation, "")
	if err != nil {
		return nil, err
	}
	if c.Phase != threadv1.Phase_PHASE_OPEN || c.Offer == nil || c.Offer.Fence != fence {
		return nil, refuse(s, OfferGone, "")
	}
	return one(&threadv1.OfferEnded{Fence: fence, Outcome: outcome, Agent: c.Offer.Agent}), nil
}

// Resume brings the agent back to a conversation set aside.
func Resume(s *threadv1.State, conversation, agent string) ([]*threadv1.Fact, error) {
	c, err := current(s, conversation, agent)
	if err != nil {
		return nil, err
	}
	if c.Phase == threadv1.Phase_PHASE_ACTIVE && c.Agent == agent {
		return nil, nil
	}
	if _, err := held(s, conversation, agent, threadv1.Phase_PHASE_WAITING); err != nil {
		return nil, err
	}
	return one(&threadv1.AgentAssigned{Agent: agent, Fence: c.Fence, Cause: threadv1.Cause_CAUSE_RESUMED}), nil
}

// End begins wrap-up. blocks keeps the agent's capacity, until due, or until
// the conversation closes when due is zero (L24).
func End(s *threadv1.State, conversation, agent string, blocks bool, due time.Time) ([]*threadv1.Fact, error) {
	c, err := held(s, conversation, agent, threadv1.Phase_PHASE_ACTIVE, threadv1.Phase_PHASE_WRAP_UP)
	if err != nil {
		return nil, err
	}
	if c.Phase == threadv1.Phase_PHASE_WRAP_UP {
		return nil, nil
	}
	fact := &threadv1.ConversationEnded{Agent: agent, Blocks: blocks}
	if blocks && !due.IsZero() {
		fact.DueMs = due.UnixMilli()
	}
	return one(fact), nil
}

// Close closes a conversation in wrap-up.
func Close(s *threadv1.State, conversation, agent string) ([]*threadv1.Fact, error) {
	c, err := held(s, conversation, agent, threadv1.Phase_PHASE_WRAP_UP, threadv1.Phase_PHASE_CLOSED)
	if err != nil {
		return nil, err
	}
	if c.Phase == threadv1.Phase_PHASE_CLOSED {
		return nil, nil
	}
	return one(&threadv1.ConversationClosed{Cause: threadv1.Cause_CAUSE_WRAPPED_UP, By: agent}), nil
}

// Park sets an active conversation aside (L83).
func Park(s *threadv1.State, conversation, agent string) ([]*threadv1.Fact, error) {
	c, err := held(s, conversation, agent, threadv1.Phase_PHASE_ACTIVE, threadv1.Phase_PHASE_WAITING)
	if err != nil {
		return nil, err
	}
	if c.Phase == threadv1.Phase_PHASE_WAITING {
		return nil, nil
	}
	return one(&threadv1.ConversationParked{Agent: agent}), nil
}

// Release gives an active conversation of agent back to its queue.
func Release(s *threadv1.State, conversation, agent string, cause threadv1.Cause) ([]*threadv1.Fact, error) {
	if _, err := held(s, conversation, agent, threadv1.Phase_PHASE_ACTIVE); err != nil {
		return nil, err
	}
	return one(&threadv1.ConversationReleased{Cause: cause}), nil
}

// RequestSend writes text to the customer: id is a new intent id, clientID the
// command's. It is refused when it could not leave now (PassageOf), and while another
// app has the thread. Beside the agent who has the conversation those may write
// who take part in it for the customer to see.
func RequestSend(s *threadv1.State, now time.Time, conversation, agent, id, clientID, text string) ([]*threadv1.Fact, error) {
	return request(s, now, conversation, &threadv1.SendRequested{
		Id: id, ClientId: clientID, Agent: agent, Parts: Split(text), Human: true,
	})
}

// Request is RequestSend for a message with more to it than its text.
func Request(s *threadv1.State, now time.Time, conversation string, r *threadv1.SendRequested) ([]*threadv1.Fact, error) {
	return request(s, now, conversation, r)
}

// RepeatSend sends parts of the send repeated once more under a new intent.
// An open send must be not confirmed; it is given up by the same commit.
func RepeatSend(s *threadv1.State, now time.Time, conversation, agent, id, clientID, repeats string, parts []string) ([]*threadv1.Fact, error) {
	return Repeat(s, now, conversation, &threadv1.SendRequested{
		Id: id, ClientId: clientID, Agent: agent, Parts: parts, Human: true, Repeats: repeats,
	})
}

// Repeat is RepeatSend for a message with more to it than its text.
func Repeat(s *threadv1.State, now time.Time, conversation string, r *threadv1.SendRequested) ([]*threadv1.Fact, error) {
	facts, err := request(s, now, conversation, r)
	if err != nil || len(facts) == 0 {
		return nil, err
	}
	repeats, agent := r.GetRepeats(), r.GetAgent()
	if open := FindSend(s, repeats); open != nil {
		if open.Status != threadv1.SendStatus_SEND_STATUS_UNCONFIRMED {
			return nil, refuse(s, WrongStatus, agent)
		}
		facts = append([]*threadv1.Fact{Of(&threadv1.SendAbandoned{Id: repeats, Agent: agent})}, facts...)
	}
	return facts, nil
}

func request(s *threadv1.State, now time.Time, conversation string, r *threadv1.SendRequested) ([]*threadv1.Fact, error) {
	if Done(s, r.GetClientId()) {
		return nil, nil
	}
	if _, err := writer(s, conversation, r.GetAgent()); err != nil {
		return nil, err
	}
	if len(r.GetParts()) == 0 || len(r.GetFiles()) > len(r.GetParts()) {
		return nil, refuse(s, BadFact, r.GetAgent())
	}
	one := &threadv1.Send{RequestedMs: now.UnixMilli(), Utility: r.GetTemplate().GetUtility() != nil, Sticker: r.GetSticker() != ""}
	if PassageOf(s, one, true, now).Kind == Closed {
		return nil, refuse(s, WindowClosed, r.GetAgent())
	}
	if _, owned := OwnerAt(s, now); owned {
		return nil, refuse(s, ThreadOwned, r.GetAgent())
	}
	return []*threadv1.Fact{Of(r)}, nil
}

// Act allows a sign to the customer, or gives the fact of a reaction to the
// message mid: to whoever may write, while a message could leave.
func Act(s *threadv1.State, now time.Time, conversation, agent, mid, emoji string) ([]*threadv1.Fact, error) {
	if _, err := writer(s, conversation, agent); err != nil {
		return nil, err
	}
	if WindowAt(s, now).Kind == Closed {
		return nil, refuse(s, WindowClosed, agent)
	}
	if _, owned := OwnerAt(s, now); owned {
		return nil, refuse(s, ThreadOwned, agent)
	}
	if mid == "" {
		return nil, nil
	}
	return one(&threadv1.AgentReacted{Mid: mid, Emoji: emoji, Agent: agent}), nil
}

// AbandonSend leaves a send as it is: one that is not confirmed, or that is
// uncertain, so that those behind it do not wait until it is proved or not.
func AbandonSend(s *threadv1.State, conversation, agent, id string) ([]*threadv1.Fact, error) {
	if _, err := held(s, conversation, agent, threadv1.Phase_PHASE_ACTIVE, threadv1.Phase_PHASE_WRAP_UP); err != nil {
		return nil, err
	}
	return one(&threadv1.SendAbandoned{Id: id, Agent: agent}), nil
}

// AddNote writes a private note on a conversation that the agent has, has set
// aside, or takes part in; of a consultant it is said in the consult.
func AddNote(s *threadv1.State, conversation, agent, id, clientID, text string) ([]*threadv1.Fact, error) {
	if Done(s, clientID) {
		return nil, nil
	}
	p := ParticipantOf(s.GetConversation(), agent)
	switch {
	case consults(p), p.GetPart() == threadv1.Part_PART_MONITOR:
		return Confer(s, conversation, agent, id, clientID, text)
	case p.GetPart() == threadv1.Part_PART_JOINED && s.Conversation.Id == conversation:
	default:
		if _, err := held(s, conversation, agent, threadv1.Phase_PHASE_ACTIVE, threadv1.Phase_PHASE_WAITING, threadv1.Phase_PHASE_WRAP_UP); err != nil {
			return nil, err
		}
	}
	return one(&threadv1.NoteAdded{Id: id, Agent: agent, Text: text, ClientId: clientID}), nil
}
