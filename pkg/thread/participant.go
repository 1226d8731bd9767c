package thread

import (
	"slices"
	"time"

	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
)

// mostConsultants is how many may be asked into one conversation at a time
// (L102).
const mostConsultants = 5

// Refusal reasons of those with a part in a conversation.
const (
	TakesPart       = "TAKES_PART"         // the agent has a part in the conversation already, or has it
	ManyConsultants = "MANY_CONSULTANTS"   // as many are asked as may be; end a consult first
	NoConsult       = "NO_SUCH_CONSULT"    // the consult is over, or was answered
	NotPublic       = "CONSULT_NOT_PUBLIC" // a consultant may not write to the customer before the agent says so
)

// ParticipantOf is the part that agent has in c beside the one who has it; nil
// when there is none.
func ParticipantOf(c *threadv1.Conversation, agent string) *threadv1.Participant {
	for _, p := range c.GetParticipants() {
		if p.GetAgent() == agent && agent != "" {
			return p
		}
	}
	return nil
}

// Reads tells whether agent reads the conversation as it goes on: whoever has
// it, and those with a part in it who are there.
func Reads(c *threadv1.Conversation, agent string) bool {
	switch c.GetPhase() {
	case threadv1.Phase_PHASE_ACTIVE, threadv1.Phase_PHASE_WAITING, threadv1.Phase_PHASE_WRAP_UP:
		return agent != "" && c.GetAgent() == agent || present(ParticipantOf(c, agent))
	case threadv1.Phase_PHASE_OPEN, threadv1.Phase_PHASE_CLOSED, threadv1.Phase_PHASE_UNSPECIFIED:
	}
	return false
}

func present(p *threadv1.Participant) bool {
	return p.GetAttendance() == threadv1.Attendance_ATTENDANCE_PRESENT
}

func consults(p *threadv1.Participant) bool {
	return p.GetPart() == threadv1.Part_PART_CONSULTANT
}

// succeeds tells whether p is asked to take the conversation over.
func succeeds(p *threadv1.Participant) bool { return p.GetPart() == threadv1.Part_PART_SUCCESSOR }

// asked tells whether the one who has the conversation, or a supervisor, asked p.
func asked(p *threadv1.Participant) bool { return consults(p) || succeeds(p) }

// consultants are those asked for advice, whether there already or not.
func consultants(c *threadv1.Conversation) (all []*threadv1.Participant) {
	for _, p := range c.GetParticipants() {
		if consults(p) {
			all = append(all, p)
		}
	}
	return all
}

// writer is the named conversation when the agent may write to its customer.
func writer(s *threadv1.State, conversation, agent string) (*threadv1.Conversation, error) {
	c, err := current(s, conversation, agent)
	if err != nil {
		return nil, err
	}
	p := ParticipantOf(c, agent)
	switch {
	case p.GetPublic():
		return c, nil
	case consults(p) && present(p):
		return nil, refuse(s, NotPublic, agent)
	}
	return held(s, conversation, agent, threadv1.Phase_PHASE_ACTIVE)
}

// allowedBeside is what somebody with a part in a conversation may do.
func allowedBeside(c *threadv1.Conversation, p *threadv1.Participant) []string {
	var may []string
	if p.GetPublic() {
		may = append(may, "send")
	}
	switch {
	case p == nil:
		return nil
	case asked(p) && !present(p):
		return []string{"accept_consult", "decline_consult"}
	case p.GetPart() != threadv1.Part_PART_MONITOR:
		return append(may, "note", "leave")
	case c.GetPhase() == threadv1.Phase_PHASE_ACTIVE:
		return []string{"note", "join", "leave"}
	}
	return []string{"leave"}
}

// allowedAside is what the agent who has an active conversation may do about
// consults.
func allowedAside(c *threadv1.Conversation) (may []string) {
	asked := consultants(c)
	if len(asked) < mostConsultants {
		may = append(may, "consult")
	}
	if len(asked) > 0 {
		may = append(may, "end_consult")
	}
	if slices.ContainsFunc(asked, present) {
		may = append(may, "confer")
	}
	if slices.ContainsFunc(asked, func(p *threadv1.Participant) bool { return present(p) && !p.GetPublic() }) {
		may = append(may, "open_consult")
	}
	return may
}

// abide drops those who have no part in c any more, after its phase or its
// agent changed. Consults are of an agent at work; who took part goes back to
// reading along.
func abide(c *threadv1.Conversation, now time.Time) {
	c.Participants = slices.DeleteFunc(c.Participants, func(p *threadv1.Participant) bool {
		switch c.Phase {
		case threadv1.Phase_PHASE_ACTIVE:
			return p.Agent == c.Agent
		case threadv1.Phase_PHASE_WAITING, threadv1.Phase_PHASE_WRAP_UP:
			return asked(p) || p.Agent == c.Agent
		case threadv1.Phase_PHASE_OPEN, threadv1.Phase_PHASE_CLOSED, threadv1.Phase_PHASE_UNSPECIFIED:
		}
		return true
	})
	for _, p := range c.Participants {
		if c.Phase != threadv1.Phase_PHASE_ACTIVE && p.Part == threadv1.Part_PART_JOINED {
			p.Part, p.Public, p.SinceMs = threadv1.Part_PART_MONITOR, false, now.UnixMilli()
		}
	}
}

// endConsults ends all consults of c; nobody is asked to take it over any more.
func endConsults(c *threadv1.Conversation) {
	c.Participants = slices.DeleteFunc(c.Participants, asked)
}

// applyBeside is for the facts about those with a part in a conversation.
func applyBeside(s *threadv1.State, now time.Time, f *threadv1.Fact) error {
	switch k := f.GetKind().(type) {
	case *threadv1.Fact_AgentReacted:
		if k.AgentReacted.GetMid() == "" {
			return refuse(s, BadFact, k.AgentReacted.GetAgent())
		}
	case *threadv1.Fact_VariablesSet:
		return applyVariables(s, k.VariablesSet)
	case *threadv1.Fact_SkillsChanged:
		return applySkills(s, k.SkillsChanged)
	case *threadv1.Fact_LabelsChanged:
		return applyLabels(s, k.LabelsChanged)
	case *threadv1.Fact_DispositionsChosen:
		return applyDisposed(s, k.DispositionsChosen)
	case *threadv1.Fact_ConsultAsked:
		return applyAsked(s, now, k.ConsultAsked)
	case *threadv1.Fact_ConsultAnswered:
		return applyAnswered(s, now, k.ConsultAnswered)
	case *threadv1.Fact_ConsultOpened:
		return applyConsultOpened(s, now, k.ConsultOpened)
	case *threadv1.Fact_ConsultEnded:
		return applyConsultEnded(s, now, k.ConsultEnded)
	case *threadv1.Fact_MonitoringBegan:
		return applyMonitoring(s, now, k.MonitoringBegan.GetAgent())
	case *threadv1.Fact_SupervisorJoined:
		return applyJoined(s, now, k.SupervisorJoined.GetAgent())
	case *threadv1.Fact_SupervisorLeft:
		l := k.SupervisorLeft
		p := ParticipantOf(s.GetConversation(), l.GetAgent())
		if p == nil || consults(p) || l.GetJoined() != (p.GetPart() == threadv1.Part_PART_JOINED) {
			return refuse(s, WrongStatus, l.GetAgent())
		}
		dismiss(s, l.GetAgent())
	default:
		return applyAutomated(s, now, f)
	}
	return nil
}

// applyConsultEnded is by either side; an invitation to take the conversation over
// a supervisor takes back. One that lapses is ended by nobody.
func applyConsultEnded(s *threadv1.State, now time.Time, e *threadv1.ConsultEnded) error {
	p, err := consult(s, e.GetId(), e.GetAgent())
	if err != nil {
		return err
	}
	by := e.GetBy()
	switch {
	case e.GetHandOver() != succeeds(p):
		return refuse(s, BadFact, by)
	case e.GetLapsed() && (present(p) || p.GetUntilMs() == 0 || now.UnixMilli() < p.GetUntilMs()):
		return refuse(s, WrongStatus, by)
	case !e.GetLapsed() && !succeeds(p) && by != e.GetAgent() && by != s.Conversation.Agent:
		return refuse(s, NotYours, by)
	}
	dismiss(s, e.GetAgent())
	return nil
}

func dismiss(s *threadv1.State, agent string) {
	c := s.Conversation
	c.Participants = slices.DeleteFunc(c.Participants, func(p *threadv1.Participant) bool { return p.Agent == agent })
}

// consult is the participant of a consult.
func consult(s *threadv1.State, id, agent string) (*threadv1.Participant, error) {
	p := ParticipantOf(s.GetConversation(), agent)
	if !asked(p) || p.GetConsult() != id {
		return nil, refuse(s, NoConsult, agent)
	}
	return p, nil
}

func applyAsked(s *threadv1.State, now time.Time, a *threadv1.ConsultAsked) error {
	c, err := inPhase(s, threadv1.Phase_PHASE_ACTIVE)
	switch {
	case err != nil:
		return err
	case a.GetId() == "" || a.GetAgent() == "":
		return refuse(s, BadFact, a.GetBy())
	case a.GetBy() != c.Agent && !a.GetHandOver():
		return refuse(s, NotYours, a.GetBy())
	case a.GetAgent() == c.Agent || ParticipantOf(c, a.GetAgent()) != nil || a.GetHandOver() && slices.ContainsFunc(c.Participants, succeeds):
		return refuse(s, TakesPart, a.GetBy())
	case !a.GetHandOver() && len(consultants(c)) >= mostConsultants:
		return refuse(s, ManyConsultants, a.GetBy())
	}
	part := threadv1.Part_PART_CONSULTANT
	if a.GetHandOver() {
		part = threadv1.Part_PART_SUCCESSOR
	}
	s.Commands = remember(s.Commands, a.GetClientId(), keptCommands)
	c.Participants = append(c.Participants, &threadv1.Participant{
		Agent: a.GetAgent(), Part: part, UntilMs: a.GetUntilMs(), Attendance: threadv1.Attendance_ATTENDANCE_INVITED,
		SinceMs: now.UnixMilli(), By: a.GetBy(), Consult: a.GetId(), Question: a.GetQuestion(),
	})
	return nil
}

func applyAnswered(s *threadv1.State, now time.Time, a *threadv1.ConsultAnswered) error {
	p, err := consult(s, a.GetId(), a.GetAgent())
	if err != nil {
		return err
	}
	switch {
	case present(p):
		return refuse(s, WrongStatus, a.GetAgent())
	case a.GetHandOver() != succeeds(p), a.GetHandOver() && a.GetAccepted():
		return refuse(s, BadFact, a.GetAgent())
	}
	if !a.GetAccepted() {
		dismiss(s, a.GetAgent())
		return nil
	}
	p.Attendance, p.UntilMs, p.SinceMs = threadv1.Attendance_ATTENDANCE_PRESENT, 0, now.UnixMilli()
	return nil
}

func applyConsultOpened(s *threadv1.State, now time.Time, o *threadv1.ConsultOpened) error {
	p, err := consult(s, o.GetId(), o.GetAgent())
	switch {
	case err != nil:
		return err
	case o.GetBy() != s.Conversation.Agent:
		return refuse(s, NotYours, o.GetBy())
	case !present(p) || p.GetPublic():
		return refuse(s, WrongStatus, o.GetBy())
	}
	p.Public, p.SinceMs = true, now.UnixMilli()
	return nil
}

func applyMonitoring(s *threadv1.State, now time.Time, agent string) error {
	c := s.GetConversation()
	switch c.GetPhase() {
	case threadv1.Phase_PHASE_ACTIVE, threadv1.Phase_PHASE_WAITING, threadv1.Phase_PHASE_WRAP_UP:
	case threadv1.Phase_PHASE_OPEN, threadv1.Phase_PHASE_CLOSED:
		return refuse(s, WrongPhase, agent)
	case threadv1.Phase_PHASE_UNSPECIFIED:
		return refuse(s, Unanswerable, agent)
	}
	switch {
	case agent == "":
		return refuse(s, BadFact, agent)
	case agent == c.Agent || ParticipantOf(c, agent) != nil:
		return refuse(s, TakesPart, agent)
	}
	c.Participants = append(c.Participants, &threadv1.Participant{
		Agent: agent, Part: threadv1.Part_PART_MONITOR, Attendance: threadv1.Attendance_ATTENDANCE_PRESENT, SinceMs: now.UnixMilli(),
	})
	return nil
}

func applyJoined(s *threadv1.State, now time.Time, agent string) error {
	c, err := inPhase(s, threadv1.Phase_PHASE_ACTIVE)
	if err != nil {
		return err
	}
	p := ParticipantOf(c, agent)
	switch {
	case agent == "":
		return refuse(s, BadFact, agent)
	case agent == c.Agent || p != nil && p.Part != threadv1.Part_PART_MONITOR:
		return refuse(s, TakesPart, agent)
	case p == nil:
		p = &threadv1.Participant{Agent: agent, Attendance: threadv1.Attendance_ATTENDANCE_PRESENT}
		c.Participants = append(c.Participants, p)
	}
	p.Part, p.Public, p.SinceMs = threadv1.Part_PART_JOINED, true, now.UnixMilli()
	return nil
}
