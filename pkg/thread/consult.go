package thread

import (
	"slices"
	"time"

	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
)

// AskConsult asks another agent for advice on a conversation that agent has: id
// is a new consult's, clientID the command's. Unanswered it lapses at until.
func AskConsult(s *threadv1.State, conversation, agent, invitee, id, clientID, question string, until time.Time) ([]*threadv1.Fact, error) {
	if Done(s, clientID) {
		return nil, nil
	}
	c, err := held(s, conversation, agent, threadv1.Phase_PHASE_ACTIVE)
	switch {
	case err != nil:
		return nil, err
	case invitee == agent || ParticipantOf(c, invitee) != nil:
		return nil, refuse(s, TakesPart, agent)
	case len(consultants(c)) >= mostConsultants:
		return nil, refuse(s, ManyConsultants, agent)
	}
	return one(&threadv1.ConsultAsked{Id: id, Agent: invitee, By: agent, Question: question, ClientId: clientID, UntilMs: until.UnixMilli()}), nil
}

// AnswerConsult is the answer of an agent who was asked for advice, or to take
// the conversation over.
func AnswerConsult(s *threadv1.State, conversation, agent string, accept bool, reason string) ([]*threadv1.Fact, error) {
	c, err := current(s, conversation, agent)
	if err != nil {
		return nil, err
	}
	p := ParticipantOf(c, agent)
	switch {
	case accept && c.Phase == threadv1.Phase_PHASE_ACTIVE && c.Agent == agent:
		return nil, nil
	case succeeds(p) && accept:
		return one(&threadv1.AgentAssigned{Agent: agent, Cause: threadv1.Cause_CAUSE_TRANSFERRED, By: p.GetBy()}), nil
	case succeeds(p):
		return one(&threadv1.ConsultAnswered{Id: p.GetConsult(), Agent: agent, Reason: reason, HandOver: true}), nil
	case !consults(p), present(p) && !accept:
		return nil, refuse(s, NoConsult, agent)
	case present(p):
		return nil, nil
	}
	return one(&threadv1.ConsultAnswered{Id: p.GetConsult(), Agent: agent, Accepted: accept, Reason: reason}), nil
}

// OpenConsult lets a consultant write to the customer.
func OpenConsult(s *threadv1.State, conversation, agent, consultant string) ([]*threadv1.Fact, error) {
	c, err := held(s, conversation, agent, threadv1.Phase_PHASE_ACTIVE)
	if err != nil {
		return nil, err
	}
	p := ParticipantOf(c, consultant)
	switch {
	case !consults(p):
		return nil, refuse(s, NoConsult, agent)
	case !present(p):
		return nil, refuse(s, WrongStatus, agent)
	case p.GetPublic():
		return nil, nil
	}
	return one(&threadv1.ConsultOpened{Id: p.GetConsult(), Agent: consultant, By: agent}), nil
}

// EndConsult ends a consult of a conversation that agent has, answered or not.
// Who was asked ends it with Leave.
func EndConsult(s *threadv1.State, conversation, agent, consultant string) ([]*threadv1.Fact, error) {
	c, err := held(s, conversation, agent, threadv1.Phase_PHASE_ACTIVE)
	if err != nil {
		return nil, err
	}
	p := ParticipantOf(c, consultant)
	if !consults(p) {
		return nil, refuse(s, NoConsult, agent)
	}
	return one(&threadv1.ConsultEnded{Id: p.GetConsult(), Agent: consultant, By: agent, Attended: present(p), Public: p.GetPublic()}), nil
}

// Lapse ends the invitations of the latest conversation that were not answered
// in time. Whoever asked goes on without.
func Lapse(s *threadv1.State, now time.Time) (facts []*threadv1.Fact) {
	for _, p := range s.GetConversation().GetParticipants() {
		if until := p.GetUntilMs(); !present(p) && until > 0 && until <= now.UnixMilli() {
			facts = append(facts, Of(&threadv1.ConsultEnded{Id: p.GetConsult(), Agent: p.GetAgent(), Lapsed: true, HandOver: succeeds(p)}))
		}
	}
	return facts
}

// Lapses is when the first invitation of a conversation does, ms since 1970; 0:
// none will.
func Lapses(c *threadv1.Conversation) (ms int64) {
	for _, p := range c.GetParticipants() {
		if until := p.GetUntilMs(); !present(p) && until > 0 && (ms == 0 || until < ms) {
			ms = until
		}
	}
	return ms
}

// Leave ends the part that agent has in a conversation: as a consultant who is
// there, or as a supervisor.
func Leave(s *threadv1.State, conversation, agent string) ([]*threadv1.Fact, error) {
	c, err := current(s, conversation, agent)
	if err != nil {
		return nil, err
	}
	p := ParticipantOf(c, agent)
	switch {
	case !present(p):
		return nil, refuse(s, NoConsult, agent)
	case consults(p):
		return one(&threadv1.ConsultEnded{Id: p.GetConsult(), Agent: agent, By: agent, Attended: true, Public: p.GetPublic()}), nil
	}
	return one(&threadv1.SupervisorLeft{Agent: agent, Joined: p.GetPart() == threadv1.Part_PART_JOINED}), nil
}

// Confer writes to those who were asked for advice; the customer does not see
// it. The agent who has the conversation says so expressly, consultants have
// nothing else to write notes to. A supervisor who reads along writes so to the agent.
func Confer(s *threadv1.State, conversation, agent, id, clientID, text string) ([]*threadv1.Fact, error) {
	if Done(s, clientID) {
		return nil, nil
	}
	c, err := current(s, conversation, agent)
	if err != nil {
		return nil, err
	}
	p := ParticipantOf(c, agent)
	whispers := p.GetPart() == threadv1.Part_PART_MONITOR && c.Phase == threadv1.Phase_PHASE_ACTIVE
	if !whispers && (!consults(p) || !present(p)) {
		if c, err = held(s, conversation, agent, threadv1.Phase_PHASE_ACTIVE); err != nil {
			return nil, err
		}
		if !slices.ContainsFunc(consultants(c), present) {
			return nil, refuse(s, NoConsult, agent)
		}
	}
	return one(&threadv1.NoteAdded{Id: id, Agent: agent, Text: text, ClientId: clientID, Consult: true}), nil
}
