package say

import (
	"strings"

	"github.com/parley-desk/parley/pkg/graph"
	"github.com/parley-desk/parley/pkg/thread"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
)

type trigger = threadv1.Trigger

// Call is what one fact calls for: of its triggers the first that is on is said.
type Call struct {
	Triggers []trigger
	Agent    string // whom it is about, by resource id
	Waits    bool   // only if the queue is closed, or none can take the conversation
}

func call(agent string, triggers ...trigger) Call { return Call{Triggers: triggers, Agent: agent} }

// Calls are what a commit calls for, in order; c is a commit of the log. What is
// ended and closed at once is asked about once.
func Calls(c *threadv1.Commit) []Call {
	var all []Call
	asks := false
	for _, f := range c.GetFacts() {
		for _, one := range ofFact(f, c.GetState().GetConversation()) {
			if len(one.Triggers) > 0 && one.Triggers[0] == threadv1.Trigger_TRIGGER_SURVEY {
				if asks {
					continue
				}
				asks = true
			}
			all = append(all, one)
		}
	}
	return all
}

// ofFact is what a fact calls for that led to conversation c.
func ofFact(f *threadv1.Fact, c *threadv1.Conversation) []Call {
	switch k := f.GetKind().(type) {
	case *threadv1.Fact_ConversationOpened:
		return []Call{call("", threadv1.Trigger_TRIGGER_NOTICE), call("", threadv1.Trigger_TRIGGER_GREETING), {Waits: k.ConversationOpened.GetWorkstream() == ""}}
	case *threadv1.Fact_ConversationRouted, *threadv1.Fact_ConversationRevived:
		return []Call{{Waits: true}}
	case *threadv1.Fact_MessageReceived:
		m := k.MessageReceived
		return []Call{{Waits: c.GetPhase() == threadv1.Phase_PHASE_OPEN && c.GetQueue() != "" && !m.GetStandby() && !f.GetStale()}}
	case *threadv1.Fact_AgentAssigned:
		return assigned(k.AgentAssigned, c.GetTransferred())
	case *threadv1.Fact_ConversationReleased:
		if k.ConversationReleased.GetCause() == threadv1.Cause_CAUSE_DISCONNECTED {
			return []Call{call(c.GetAgent(), threadv1.Trigger_TRIGGER_AGENT_DISCONNECTED)}
		}
	case *threadv1.Fact_ConversationEnded:
		agent := k.ConversationEnded.GetAgent()
		return []Call{call(agent, threadv1.Trigger_TRIGGER_AGENT_ENDED), call(agent, threadv1.Trigger_TRIGGER_SURVEY)}
	case *threadv1.Fact_ConversationClosed:
		if k.ConversationClosed.GetCause() == threadv1.Cause_CAUSE_OVERFLOWED {
			return []Call{call("", threadv1.Trigger_TRIGGER_OVERFLOW_ENDED)}
		}
		return []Call{call("", threadv1.Trigger_TRIGGER_SESSION_ENDED), call(c.GetAgent(), threadv1.Trigger_TRIGGER_SURVEY)}
	case *threadv1.Fact_SendRefused:
		if k.SendRefused.GetReason() == graph.ReasonPersonUnavailable && thread.Live(c) {
			return []Call{call(c.GetAgent(), threadv1.Trigger_TRIGGER_CUSTOMER_DISCONNECTED)}
		}
	}
	return beside(f)
}

// assigned is for an agent who has the conversation now. One who comes back to
// what was set aside was there all the time.
func assigned(a *threadv1.AgentAssigned, transferred bool) []Call {
	joined := threadv1.Trigger_TRIGGER_AGENT_JOINED
	switch cause := a.GetCause(); {
	case cause == threadv1.Cause_CAUSE_RESUMED:
		return nil
	case transferred:
		return []Call{call(a.GetAgent(), threadv1.Trigger_TRIGGER_TRANSFER_ACCEPTED, joined)}
	case cause == threadv1.Cause_CAUSE_ASSIGNED || cause == threadv1.Cause_CAUSE_AUTO_ASSIGNED:
		return []Call{call(a.GetAgent(), threadv1.Trigger_TRIGGER_AGENT_ASSIGNED, joined)}
	}
	return []Call{call(a.GetAgent(), joined)}
}

// beside is for those with a part in the conversation beside the agent. What the
// customer never saw of a consult is nothing to tell, unless somebody wants it.
func beside(f *threadv1.Fact) []Call {
	left, over := threadv1.Trigger_TRIGGER_CONSULTANT_LEFT, threadv1.Trigger_TRIGGER_CONSULT_ENDED
	switch k := f.GetKind().(type) {
	case *threadv1.Fact_ConsultAnswered:
		if a := k.ConsultAnswered; a.GetAccepted() {
			return []Call{call(a.GetAgent(), threadv1.Trigger_TRIGGER_CONSULT_ACCEPTED)}
		}
	case *threadv1.Fact_ConsultOpened:
		return []Call{call(k.ConsultOpened.GetAgent(), threadv1.Trigger_TRIGGER_CONSULTANT_JOINED)}
	case *threadv1.Fact_ConsultEnded:
		switch e := k.ConsultEnded; {
		case e.GetPublic():
			return []Call{call(e.GetAgent(), left, over)}
		case e.GetAttended():
			return []Call{call(e.GetAgent(), over)}
		}
	case *threadv1.Fact_SupervisorJoined:
		return []Call{call(k.SupervisorJoined.GetAgent(), threadv1.Trigger_TRIGGER_CONSULTANT_JOINED)}
	case *threadv1.Fact_SupervisorLeft:
		if k.SupervisorLeft.GetJoined() {
			return []Call{call(k.SupervisorLeft.GetAgent(), left)}
		}
	}
	return ofSurvey(f)
}

// Payloads of the answers to a notice, before the notice's name.
const (
	agree    = "parley:agree:"
	disagree = "parley:disagree:"
)

// press is an answer to a notice.
type press struct {
	notice, mid string
	agreed      bool
}

// consent reads the answer to a notice out of a message of the customer.
func consent(f *threadv1.Fact) (press, bool) {
	m := f.GetMessageReceived()
	if m.GetStandby() {
		return press{}, false
	}
	if notice, ok := strings.CutPrefix(m.GetQuickReply(), agree); ok {
		return press{notice, m.GetMid(), true}, true
	}
	notice, ok := strings.CutPrefix(m.GetQuickReply(), disagree)
	return press{notice, m.GetMid(), false}, ok
}

// Consents are the facts of an answer to a notice that the customer pressed in a
// commit, as s stands.
func Consents(c *threadv1.Commit, s *threadv1.State) []*threadv1.Fact {
	for _, f := range c.GetFacts() {
		if p, answered := consent(f); answered {
			return thread.Consent(s, p.notice, p.agreed, p.mid)
		}
	}
	return nil
}
