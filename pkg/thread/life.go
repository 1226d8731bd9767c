package thread

import (
	"maps"
	"slices"
	"time"

	"google.golang.org/protobuf/proto"

	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
)

func applyOpened(s *threadv1.State, revision uint64, now time.Time, o *threadv1.ConversationOpened) error {
	phase, err := turn(s, opened, threadv1.Cause_CAUSE_UNSPECIFIED, "")
	if err != nil {
		return err
	}
	if o.GetId() == "" {
		return refuse(s, BadFact, "")
	}
	c := &threadv1.Conversation{
		Id:               o.GetId(),
		Workstream:       o.GetWorkstream(),
		MessageTag:       o.GetMessageTag(),
		Units:            o.GetUnits(),
		OfferSeconds:     o.GetOfferSeconds(),
		OpenedMs:         now.UnixMilli(),
		Terms:            proto.CloneOf(o.GetTerms()),
		CapacityProfiles: slices.Clone(o.GetCapacityProfiles()),
		Variables:        maps.Clone(o.GetVariables()),
	}
	if s.GetConversation() != nil {
		c.BeforeRevision = revision
	}
	if now.Sub(time.UnixMilli(s.GetReferralMs())) <= referralLast {
		c.Referral = s.GetReferral()
	}
	s.Referral = nil
	enter(c, phase, now)
	if o.GetBot() {
		c.Bot = &threadv1.BotPart{Asks: []uint64{revision}, SinceMs: now.UnixMilli()}
	}
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
		forgetPlace(c)
		prefer(c, "", 0) // it was for the queue it leaves
	}
	c.Queue, c.RoutedBy, c.Questions = r.GetQueue(), r.GetRule(), nil
	if r.GetPriority() != 0 {
		c.Priority = r.GetPriority()
	}
	if r.GetVersion() != 0 {
		c.Version = r.GetVersion()
	}
	s.Commands = remember(s.Commands, r.GetClientId(), keptCommands)
	return nil
}

// applyClassified is for a conversation that no agent has.
func applyClassified(s *threadv1.State, k *threadv1.ConversationClassified) error {
	c, err := inPhase(s, threadv1.Phase_PHASE_OPEN)
	if err != nil {
		return err
	}
	if c.Offer != nil {
		return refuse(s, WrongStatus, "")
	}
	if k.Priority != nil {
		c.Priority = k.GetPriority()
	}
	for _, need := range k.GetSkills() {
		c.Skills = with(c.Skills, need)
	}
	for _, profile := range k.GetCapacityProfiles() {
		if !slices.Contains(c.CapacityProfiles, profile) {
			c.CapacityProfiles = append(c.CapacityProfiles, profile)
		}
	}
	for name, value := range k.GetVariables() {
		if c.Variables == nil {
			c.Variables = map[string]string{}
		}
		c.Variables[name] = value
	}
	c.Version = k.GetVersion()
	return nil
}

// with is needs and one more; the latest word on a skill counts (L34).
func with(needs []*threadv1.Need, need *threadv1.Need) []*threadv1.Need {
	for i, n := range needs {
		if n.GetSkill() == need.GetSkill() {
			needs[i] = proto.CloneOf(need)
			return needs
		}
	}
	return append(needs, proto.CloneOf(need))
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

// applyAssigned is by an accepted offer, which it must name, by the agent who
// comes back to what he set aside, or by neither: picked, assigned, transferred.
func applyAssigned(s *threadv1.State, now time.Time, a *threadv1.AgentAssigned) error {
	if a.GetAgent() == "" {
		return refuse(s, BadFact, "")
	}
	phase, err := turn(s, assigned, a.GetCause(), a.GetAgent())
	if err != nil {
		return err
	}
	c := s.Conversation
	switch a.GetCause() {
	case threadv1.Cause_CAUSE_ACCEPTED, threadv1.Cause_CAUSE_AUTO_ASSIGNED:
		if c.Offer == nil || c.Offer.Fence != a.GetFence() || c.Offer.Agent != a.GetAgent() {
			return refuse(s, OfferGone, a.GetAgent())
		}
	case threadv1.Cause_CAUSE_RESUMED:
		if c.Agent != a.GetAgent() {
			return refuse(s, NotYours, a.GetAgent())
		}
	}
	s.Fence = max(s.Fence, a.GetFence())
	if c.Agent != a.GetAgent() {
		endConsults(c)
	}
	c.Questions = nil // whoever has it asks by themselves
	c.Offer, c.Agent, c.Fence, c.AssignedMs = nil, a.GetAgent(), a.GetFence(), now.UnixMilli()
	if a.GetCause() == threadv1.Cause_CAUSE_TRANSFERRED {
		c.Transferred, c.HandedBy = true, a.GetBy()
	}
	retag(c, a.MessageTag)
	prefer(c, "", 0)
	enter(c, phase, now)
	return nil
}

// retag takes over how the human-agent tag is set now, if that is said: what is
// opened again goes by the setting of that moment (S33).
func retag(c *threadv1.Conversation, tag *bool) {
	if tag != nil {
		c.MessageTag = *tag
	}
}

func applyReleased(s *threadv1.State, now time.Time, r *threadv1.ConversationReleased) error {
	phase, err := turn(s, released, r.GetCause(), "")
	if err != nil {
		return err
	}
	enter(s.Conversation, phase, now)
	waits(s.Conversation)
	if r.GetCause() == threadv1.Cause_CAUSE_TRANSFERRED {
		s.Conversation.Transferred, s.Conversation.HandedBy = true, r.GetBy()
	}
	prefer(s.Conversation, r.GetPrefer(), r.GetPreferUntilMs())
	s.Commands = remember(s.Commands, r.GetClientId(), keptCommands)
	return nil
}

// waits begins a wait for an agent, of a conversation that nobody handed over.
func waits(c *threadv1.Conversation) {
	c.Transferred, c.HandedBy = false, ""
	forgetPlace(c)
}

// prefer has an open conversation wait for agent before others are asked, until
// a time, 0 for as long as it takes; for nobody when agent is empty.
func prefer(c *threadv1.Conversation, agent string, untilMS int64) {
	c.Prefer, c.PreferUntilMs = agent, untilMS
}

// leave takes the latest conversation on by a fact that only the agent who has
// it can bring about.
func leave(s *threadv1.State, now time.Time, fact, agent string) error {
	phase, err := turn(s, fact, threadv1.Cause_CAUSE_UNSPECIFIED, agent)
	if err != nil {
		return err
	}
	if s.Conversation.Agent != agent {
		return refuse(s, NotYours, agent)
	}
	enter(s.Conversation, phase, now)
	return nil
}

func applyEnded(s *threadv1.State, now time.Time, e *threadv1.ConversationEnded) error {
	if err := leave(s, now, ended, e.GetAgent()); err != nil {
		return err
	}
	c := s.Conversation
	if c.WrapUpBlocks = e.GetBlocks(); c.WrapUpBlocks {
		c.DueMs = e.GetDueMs()
	}
	return nil
}

func applyRevived(s *threadv1.State, now time.Time, r *threadv1.ConversationRevived) error {
	phase, err := turn(s, revived, threadv1.Cause_CAUSE_UNSPECIFIED, "")
	if err != nil {
		return err
	}
	c := s.Conversation
	enter(c, phase, now)
	waits(c)
	retag(c, r.MessageTag)
	c.QueuedMs = now.UnixMilli()
	switch affinity := c.GetTerms().GetAffinitySeconds(); {
	case affinity < 0:
		prefer(c, c.Agent, 0)
	case affinity > 0:
		prefer(c, c.Agent, now.Add(time.Duration(affinity)*time.Second).UnixMilli())
	}
	return nil
}

func applyClosed(s *threadv1.State, now time.Time, e *threadv1.ConversationClosed) error {
	phase, err := turn(s, closed, e.GetCause(), e.GetBy())
	if err != nil {
		return err
	}
	c := s.Conversation
	enter(c, phase, now)
	c.Offer, c.ClosedBy, c.DueMs, c.Questions = nil, e.GetCause(), 0, nil
	prefer(c, "", 0)
	s.Commands = remember(s.Commands, e.GetClientId(), keptCommands)
	dropUndecided(s)
	return nil
}
