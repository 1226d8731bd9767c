package thread

import (
	"time"

	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
)

// Refusal reasons of handing a conversation over.
const (
	SameQueue        = "SAME_QUEUE"        // the conversation is in that queue; release it instead
	SameAgent        = "SAME_AGENT"        // the agent has the conversation
	QueueUnknown     = "NO_SUCH_QUEUE"     // there is no such queue
	QueueEmpty       = "QUEUE_EMPTY"       // the queue has no agents, so nobody would take it
	QueueClosed      = "QUEUE_CLOSED"      // the queue is out of its hours
	AgentUnknown     = "NO_SUCH_AGENT"     // there is no such agent
	AgentUnavailable = "AGENT_UNAVAILABLE" // the agent is away, offline, inactive or not to be disturbed
)

// patience is how much longer than an offer lasts a conversation waits for the
// agent it is handed to, so that the offer can be made and answered.
const patience = 15 * time.Second

// Handover gives a conversation to somebody else. Whether the queue is open and
// the agent there is for the caller to know.
type Handover struct {
	Conversation string
	By           string        // who hands it over: the agent who has it, or a supervisor
	Supervisor   bool          // By need not have it
	ClientID     string        // of the command
	NoteID, Note string        // what the next one should know; no note when empty
	Ask          string        // id for asking the next one, where one is asked
	Patience     time.Duration // how long the next one has to answer, where no template says it
}

// ToQueue puts the conversation into another queue, to wait there. By leaves it
// at once. A supervisor moves also one that nobody has yet (L103, L106).
func (h Handover) ToQueue(s *threadv1.State, queue string) ([]*threadv1.Fact, error) {
	if Done(s, h.ClientID) {
		return nil, nil
	}
	c, err := current(s, h.Conversation, h.By)
	if err != nil {
		return nil, err
	}
	rule := "transfer: " + h.By
	open := c.Phase == threadv1.Phase_PHASE_OPEN && h.Supervisor
	switch {
	case open && c.Queue == queue && c.RoutedBy == rule:
		return nil, nil
	case !open && c.Phase != threadv1.Phase_PHASE_ACTIVE:
		return nil, refuse(s, WrongPhase, h.By)
	case !open && c.Agent != h.By && !h.Supervisor:
		return nil, refuse(s, NotYours, h.By)
	case c.Queue == queue:
		return nil, refuse(s, SameQueue, h.By)
	}
	facts := h.note()
	if open {
		facts = append(facts, revoked(c)...)
	} else {
		facts = append(facts, Of(&threadv1.ConversationReleased{Cause: threadv1.Cause_CAUSE_TRANSFERRED, By: h.By, ClientId: h.ClientID}))
	}
	to := &threadv1.ConversationRouted{Queue: queue, Rule: rule}
	if open {
		to.ClientId = h.ClientID
	}
	return append(facts, Of(to)), nil
}

// ToAgent hands the conversation to another agent. From the agent who has it
// it goes back to its queue, where the other is asked before anybody else: so
// nobody is loaded beyond capacity, and no customer waits for one who does not
// answer (L103). A supervisor's word takes it from the agent who has it when the
// other says yes, and at once where nobody has to be asked (L107).
func (h Handover) ToAgent(s *threadv1.State, now time.Time, agent string) ([]*threadv1.Fact, error) {
	if Done(s, h.ClientID) {
		return nil, nil
	}
	c, err := current(s, h.Conversation, h.By)
	if err != nil {
		return nil, err
	}
	if h.Supervisor && (c.Agent != h.By || agent == h.By) {
		switch {
		case c.Phase == threadv1.Phase_PHASE_ACTIVE && c.Agent == agent:
			return nil, nil
		case c.Phase != threadv1.Phase_PHASE_ACTIVE && c.Phase != threadv1.Phase_PHASE_WAITING:
			return nil, refuse(s, WrongPhase, h.By)
		}
		return h.pass(s, c, now, agent)
	}
	if _, err := held(s, h.Conversation, h.By, threadv1.Phase_PHASE_ACTIVE); err != nil {
		return nil, err
	}
	if agent == h.By {
		return nil, refuse(s, SameAgent, h.By)
	}
	lasts, _ := asks(c.GetTerms().GetTransfer(), c)
	until := now.Add(lasts + patience)
	return append(h.note(), Of(&threadv1.ConversationReleased{Cause: threadv1.Cause_CAUSE_TRANSFERRED, By: h.By,
		Prefer: agent, PreferUntilMs: until.UnixMilli(), ClientId: h.ClientID})), nil
}

// pass is a supervisor's hand-over to an agent. The agent at work keeps the
// conversation until the other takes it, so that the customer never has nobody
// (L107 has the first one advise meanwhile; here the first one may go on as well).
// Nobody is asked about a conversation that is set aside, that is given without
// asking, or that the agent reads already.
func (h Handover) pass(s *threadv1.State, c *threadv1.Conversation, now time.Time, agent string) ([]*threadv1.Fact, error) {
	p, lasts := ParticipantOf(c, agent), h.Patience
	asked, given := asks(c.GetTerms().GetTransfer(), c)
	if c.GetTerms().GetTransfer() != nil {
		lasts = asked
	}
	switch {
	case succeeds(p): // is asked already
		return nil, nil
	case c.Phase == threadv1.Phase_PHASE_WAITING || given || agent == h.By || present(p):
		return append(h.note(), Of(&threadv1.AgentAssigned{Agent: agent, Cause: threadv1.Cause_CAUSE_TRANSFERRED, By: h.By})), nil
	case p != nil:
		return nil, refuse(s, TakesPart, h.By)
	}
	facts := h.note()
	for _, other := range c.GetParticipants() {
		if succeeds(other) { // who was asked before is not any more
			facts = append(facts, Of(&threadv1.ConsultEnded{Id: other.GetConsult(), Agent: other.GetAgent(), By: h.By, HandOver: true}))
		}
	}
	return append(facts, Of(&threadv1.ConsultAsked{Id: h.Ask, Agent: agent, By: h.By, ClientId: h.ClientID,
		UntilMs: now.Add(lasts).UnixMilli(), HandOver: true})), nil
}

// Assign gives a conversation that nobody has to an agent, whatever the agent's
// capacity (L68, L106). It is for supervisors.
func (h Handover) Assign(s *threadv1.State, agent string) ([]*threadv1.Fact, error) {
	c, err := current(s, h.Conversation, h.By)
	switch {
	case err != nil:
		return nil, err
	case c.Phase == threadv1.Phase_PHASE_ACTIVE && c.Agent == agent:
		return nil, nil
	case c.Phase != threadv1.Phase_PHASE_OPEN:
		return nil, refuse(s, WrongPhase, h.By)
	}
	return append(append(h.note(), revoked(c)...),
		Of(&threadv1.AgentAssigned{Agent: agent, Cause: threadv1.Cause_CAUSE_ASSIGNED, By: h.By})), nil
}

func (h Handover) note() []*threadv1.Fact {
	if h.Note == "" {
		return nil
	}
	return one(&threadv1.NoteAdded{Id: h.NoteID, Agent: h.By, Text: h.Note})
}

// revoked ends the offer that is out, if there is one.
func revoked(c *threadv1.Conversation) []*threadv1.Fact {
	if c.GetOffer() == nil {
		return nil
	}
	return one(&threadv1.OfferEnded{Fence: c.Offer.Fence, Outcome: threadv1.OfferOutcome_OFFER_OUTCOME_REVOKED, Agent: c.Offer.Agent})
}

// ForceClose ends a conversation wherever it stands (L108).
func ForceClose(s *threadv1.State, conversation, by, clientID string) ([]*threadv1.Fact, error) {
	if Done(s, clientID) {
		return nil, nil
	}
	c, err := current(s, conversation, by)
	switch {
	case err != nil:
		return nil, err
	case c.Phase == threadv1.Phase_PHASE_CLOSED && c.ClosedBy == threadv1.Cause_CAUSE_FORCED:
		return nil, nil
	case !Live(c):
		return nil, refuse(s, WrongPhase, by)
	}
	return append(revoked(c), Of(&threadv1.ConversationClosed{Cause: threadv1.Cause_CAUSE_FORCED, By: by, ClientId: clientID})), nil
}

// Monitor lets a supervisor read a conversation of somebody else along (L105).
func Monitor(s *threadv1.State, conversation, by string) ([]*threadv1.Fact, error) {
	c, err := current(s, conversation, by)
	if err != nil {
		return nil, err
	}
	if p := ParticipantOf(c, by); p != nil && p.GetPart() == threadv1.Part_PART_MONITOR {
		return nil, nil
	}
	if !follows(c, by) {
		return nil, refuse(s, reasonAside(c, by), by)
	}
	return one(&threadv1.MonitoringBegan{Agent: by}), nil
}

// Join lets a supervisor write to the customer beside the agent, who is told
// (L105).
func Join(s *threadv1.State, conversation, by string) ([]*threadv1.Fact, error) {
	c, err := current(s, conversation, by)
	if err != nil {
		return nil, err
	}
	p := ParticipantOf(c, by)
	switch {
	case p.GetPart() == threadv1.Part_PART_JOINED:
		return nil, nil
	case c.Phase != threadv1.Phase_PHASE_ACTIVE:
		return nil, refuse(s, WrongPhase, by)
	case p.GetPart() != threadv1.Part_PART_MONITOR && !follows(c, by):
		return nil, refuse(s, TakesPart, by)
	}
	return one(&threadv1.SupervisorJoined{Agent: by}), nil
}

// follows tells whether somebody can begin to read c along.
func follows(c *threadv1.Conversation, by string) bool { return reasonAside(c, by) == "" }

func reasonAside(c *threadv1.Conversation, by string) string {
	switch c.Phase {
	case threadv1.Phase_PHASE_ACTIVE, threadv1.Phase_PHASE_WAITING, threadv1.Phase_PHASE_WRAP_UP:
		if c.Agent == by || ParticipantOf(c, by) != nil {
			return TakesPart
		}
		return ""
	case threadv1.Phase_PHASE_OPEN, threadv1.Phase_PHASE_CLOSED, threadv1.Phase_PHASE_UNSPECIFIED:
	}
	return WrongPhase
}

// Supervises is what a supervisor may do with the latest conversation now,
// whoever has it: assign, transfer, monitor, join, force_close. What he may do
// by his own part in it is told by Allowed.
func Supervises(s *threadv1.State, by string) []string {
	c := s.GetConversation()
	var may []string
	switch c.GetPhase() {
	case threadv1.Phase_PHASE_OPEN:
		may = []string{"assign"}
	case threadv1.Phase_PHASE_ACTIVE, threadv1.Phase_PHASE_WAITING:
		may = []string{"transfer"}
	case threadv1.Phase_PHASE_WRAP_UP, threadv1.Phase_PHASE_CLOSED, threadv1.Phase_PHASE_UNSPECIFIED:
	}
	if c != nil && follows(c, by) {
		may = append(may, "monitor")
	}
	if p := ParticipantOf(c, by); c.GetPhase() == threadv1.Phase_PHASE_ACTIVE &&
		(p.GetPart() == threadv1.Part_PART_MONITOR || follows(c, by)) {
		may = append(may, "join")
	}
	if Live(c) {
		may = append(may, "force_close")
	}
	return may
}
