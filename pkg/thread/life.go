package thread

import (
	"time"

	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
)

func enter(c *threadv1.Conversation, p threadv1.Phase, now time.Time) {
	c.Phase = p
	c.EnteredMs = now.UnixMilli()
}

func applyOpened(s *threadv1.State, now time.Time, o *threadv1.ConversationOpened) error {
	if Live(s.Conversation) {
		return refuse(s, WrongPhase, "")
	}
	if o.GetId() == "" {
		return refuse(s, BadFact, "")
	}
	c := &threadv1.Conversation{
		Id:           o.GetId(),
		Workstream:   o.GetWorkstream(),
		MessageTag:   o.GetMessageTag(),
		Units:        o.GetUnits(),
		OfferSeconds: o.GetOfferSeconds(),
		OpenedMs:     now.UnixMilli(),
	}
	enter(c, threadv1.Phase_PHASE_OPEN, now)
	s.Conversation = c
	s.Conversations++
	return nil
}

// inPhase is the latest conversation when it is in phase p.
func inPhase(s *threadv1.State, p threadv1.Phase) (*threadv1.Conversation, error) {
	if s.GetConversation() == nil {
		return nil, refuse(s, Unanswerable, "")
	}
	if s.Conversation.Phase != p {
		return nil, refuse(s, WrongPhase, "")
	}
	return s.Conversation, nil
}

func applyRouted(s *threadv1.State, now time.Time, r *threadv1.ConversationRouted) error {
	c, err := inPhase(s, threadv1.Phase_PHASE_OPEN)
	if err != nil {
		return err
	}
	if c.Offer != nil {
		return refuse(s, WrongStatus, "")
	}
	if r.GetQueue() == "" {
		return refuse(s, BadFact, "")
	}
	if c.Queue != r.GetQueue() {
		c.QueuedMs = now.UnixMilli()
	}
	c.Queue, c.Priority, c.RoutedBy = r.GetQueue(), r.GetPriority(), r.GetRule()
	return nil
}

func applyOfferMade(s *threadv1.State, now time.Time, o *threadv1.OfferMade) error {
	c, err := inPhase(s, threadv1.Phase_PHASE_OPEN)
	if err != nil {
		return err
	}
	switch {
	case c.Offer != nil:
		return refuse(s, WrongStatus, "")
	case o.GetFence() <= s.Fence:
		return refuse(s, Stale, "")
	case o.GetAgent() == "" || c.Queue == "":
		return refuse(s, BadFact, "")
	}
	s.Fence = o.GetFence()
	c.Offer = &threadv1.Offer{
		Agent:   o.GetAgent(),
		Fence:   o.GetFence(),
		Epoch:   o.GetEpoch(),
		MadeMs:  now.UnixMilli(),
		UntilMs: o.GetUntilMs(),
	}
	return nil
}

func applyOfferEnded(s *threadv1.State, e *threadv1.OfferEnded) error {
	c, err := inPhase(s, threadv1.Phase_PHASE_OPEN)
	if err != nil {
		return err
	}
	if c.Offer.GetFence() != e.GetFence() || c.Offer == nil {
		return refuse(s, OfferGone, "")
	}
	c.Offer = nil
	return nil
}

// applyAssigned is by an accepted offer (the fence must be the offer's), or
// without one: picked, resumed, assigned or transferred.
func applyAssigned(s *threadv1.State, now time.Time, a *threadv1.AgentAssigned) error {
	c := s.GetConversation()
	if a.GetAgent() == "" {
		return refuse(s, BadFact, "")
	}
	switch a.GetCause() {
	case threadv1.Cause_CAUSE_ACCEPTED:
		if c.GetPhase() != threadv1.Phase_PHASE_OPEN {
			return refuse(s, WrongPhase, a.GetAgent())
		}
		if c.Offer == nil || c.Offer.Fence != a.GetFence() || c.Offer.Agent != a.GetAgent() {
			return refuse(s, OfferGone, a.GetAgent())
		}
	case threadv1.Cause_CAUSE_RESUMED:
		if c.GetPhase() != threadv1.Phase_PHASE_WAITING {
			return refuse(s, WrongPhase, a.GetAgent())
		}
	case threadv1.Cause_CAUSE_PICKED, threadv1.Cause_CAUSE_ASSIGNED, threadv1.Cause_CAUSE_TRANSFERRED:
		if !Live(c) || c.Phase == threadv1.Phase_PHASE_WRAP_UP {
			return refuse(s, WrongPhase, a.GetAgent())
		}
	default:
		return refuse(s, BadFact, a.GetAgent())
	}
	s.Fence = max(s.Fence, a.GetFence())
	c.Offer, c.Agent, c.Fence = nil, a.GetAgent(), a.GetFence()
	enter(c, threadv1.Phase_PHASE_ACTIVE, now)
	return nil
}

func applyReleased(s *threadv1.State, now time.Time) error {
	c := s.GetConversation()
	if p := c.GetPhase(); p != threadv1.Phase_PHASE_ACTIVE && p != threadv1.Phase_PHASE_WAITING {
		return refuse(s, WrongPhase, "")
	}
	enter(c, threadv1.Phase_PHASE_OPEN, now)
	return nil
}

func applyParked(s *threadv1.State, now time.Time, p *threadv1.ConversationParked) error {
	c, err := inPhase(s, threadv1.Phase_PHASE_ACTIVE)
	if err != nil {
		return err
	}
	if c.Agent != p.GetAgent() {
		return refuse(s, NotYours, p.GetAgent())
	}
	enter(c, threadv1.Phase_PHASE_WAITING, now)
	return nil
}

func applyRevived(s *threadv1.State, now time.Time) error {
	c, err := inPhase(s, threadv1.Phase_PHASE_WAITING)
	if err != nil {
		return err
	}
	enter(c, threadv1.Phase_PHASE_OPEN, now)
	c.QueuedMs = now.UnixMilli()
	return nil
}

func applyEnded(s *threadv1.State, now time.Time, e *threadv1.ConversationEnded) error {
	c, err := inPhase(s, threadv1.Phase_PHASE_ACTIVE)
	if err != nil {
		return err
	}
	if c.Agent != e.GetAgent() {
		return refuse(s, NotYours, e.GetAgent())
	}
	enter(c, threadv1.Phase_PHASE_WRAP_UP, now)
	c.WrapUpBlocks = e.GetBlocks()
	if c.WrapUpBlocks {
		c.DueMs = e.GetDueMs()
	}
	return nil
}

func applyClosed(s *threadv1.State, now time.Time, e *threadv1.ConversationClosed) error {
	c := s.GetConversation()
	if !Live(c) {
		return refuse(s, WrongPhase, "")
	}
	if e.GetCause() == threadv1.Cause_CAUSE_WRAPPED_UP && c.Phase != threadv1.Phase_PHASE_WRAP_UP {
		return refuse(s, WrongPhase, e.GetBy())
	}
	enter(c, threadv1.Phase_PHASE_CLOSED, now)
	c.Offer, c.ClosedBy, c.DueMs = nil, e.GetCause(), 0
	return nil
}
