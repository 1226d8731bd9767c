package thread

import (
	"time"

	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
)

// Of wraps the message of a fact: Of(&threadv1.MessageReceived{...}). A
// message that is no fact gives an empty fact, which Apply refuses.
func Of(kind any) *threadv1.Fact {
	if f := ofMeta(kind); f != nil {
		return f
	}
	if f := ofLife(kind); f != nil {
		return f
	}
	if f := ofSend(kind); f != nil {
		return f
	}
	if f := ofBeside(kind); f != nil {
		return f
	}
	if f := ofContact(kind); f != nil {
		return f
	}
	if f := ofSurvey(kind); f != nil {
		return f
	}
	if f := ofQuestion(kind); f != nil {
		return f
	}
	return &threadv1.Fact{}
}

func ofMeta(kind any) *threadv1.Fact {
	switch k := kind.(type) {
	case *threadv1.MessageReceived:
		return &threadv1.Fact{Kind: &threadv1.Fact_MessageReceived{MessageReceived: k}}
	case *threadv1.MessageEdited:
		return &threadv1.Fact{Kind: &threadv1.Fact_MessageEdited{MessageEdited: k}}
	case *threadv1.MessageUnsent:
		return &threadv1.Fact{Kind: &threadv1.Fact_MessageUnsent{MessageUnsent: k}}
	case *threadv1.ReactionChanged:
		return &threadv1.Fact{Kind: &threadv1.Fact_ReactionChanged{ReactionChanged: k}}
	case *threadv1.PostbackReceived:
		return &threadv1.Fact{Kind: &threadv1.Fact_PostbackReceived{PostbackReceived: k}}
	case *threadv1.ReferralReceived:
		return &threadv1.Fact{Kind: &threadv1.Fact_ReferralReceived{ReferralReceived: k}}
	case *threadv1.DeliveryReported:
		return &threadv1.Fact{Kind: &threadv1.Fact_DeliveryReported{DeliveryReported: k}}
	case *threadv1.ReadReported:
		return &threadv1.Fact{Kind: &threadv1.Fact_ReadReported{ReadReported: k}}
	case *threadv1.ExternalMessageSent:
		return &threadv1.Fact{Kind: &threadv1.Fact_ExternalMessageSent{ExternalMessageSent: k}}
	case *threadv1.EventKept:
		return &threadv1.Fact{Kind: &threadv1.Fact_EventKept{EventKept: k}}
	case *threadv1.CustomerProfiled:
		return &threadv1.Fact{Kind: &threadv1.Fact_CustomerProfiled{CustomerProfiled: k}}
	case *threadv1.ControlMoved:
		return &threadv1.Fact{Kind: &threadv1.Fact_ControlMoved{ControlMoved: k}}
	case *threadv1.AttachmentKept:
		return &threadv1.Fact{Kind: &threadv1.Fact_AttachmentKept{AttachmentKept: k}}
	case *threadv1.AttachmentLost:
		return &threadv1.Fact{Kind: &threadv1.Fact_AttachmentLost{AttachmentLost: k}}
	case *threadv1.FilesErased:
		return &threadv1.Fact{Kind: &threadv1.Fact_FilesErased{FilesErased: k}}
	case *threadv1.FilesLapsed:
		return &threadv1.Fact{Kind: &threadv1.Fact_FilesLapsed{FilesLapsed: k}}
	case *threadv1.ThreadErased:
		return &threadv1.Fact{Kind: &threadv1.Fact_ThreadErased{ThreadErased: k}}
	}
	return nil
}

func ofLife(kind any) *threadv1.Fact {
	switch k := kind.(type) {
	case *threadv1.ConversationOpened:
		return &threadv1.Fact{Kind: &threadv1.Fact_ConversationOpened{ConversationOpened: k}}
	case *threadv1.ConversationRouted:
		return &threadv1.Fact{Kind: &threadv1.Fact_ConversationRouted{ConversationRouted: k}}
	case *threadv1.OfferMade:
		return &threadv1.Fact{Kind: &threadv1.Fact_OfferMade{OfferMade: k}}
	case *threadv1.OfferEnded:
		return &threadv1.Fact{Kind: &threadv1.Fact_OfferEnded{OfferEnded: k}}
	case *threadv1.AgentAssigned:
		return &threadv1.Fact{Kind: &threadv1.Fact_AgentAssigned{AgentAssigned: k}}
	case *threadv1.ConversationReleased:
		return &threadv1.Fact{Kind: &threadv1.Fact_ConversationReleased{ConversationReleased: k}}
	case *threadv1.ConversationParked:
		return &threadv1.Fact{Kind: &threadv1.Fact_ConversationParked{ConversationParked: k}}
	case *threadv1.ConversationRevived:
		return &threadv1.Fact{Kind: &threadv1.Fact_ConversationRevived{ConversationRevived: k}}
	case *threadv1.ConversationEnded:
		return &threadv1.Fact{Kind: &threadv1.Fact_ConversationEnded{ConversationEnded: k}}
	case *threadv1.ConversationClosed:
		return &threadv1.Fact{Kind: &threadv1.Fact_ConversationClosed{ConversationClosed: k}}
	case *threadv1.TimeOutReached:
		return &threadv1.Fact{Kind: &threadv1.Fact_TimeOutReached{TimeOutReached: k}}
	case *threadv1.ConversationClassified:
		return &threadv1.Fact{Kind: &threadv1.Fact_ConversationClassified{ConversationClassified: k}}
	}
	return nil
}

func ofSend(kind any) *threadv1.Fact {
	switch k := kind.(type) {
	case *threadv1.SendRequested:
		return &threadv1.Fact{Kind: &threadv1.Fact_SendRequested{SendRequested: k}}
	case *threadv1.SendAttempted:
		return &threadv1.Fact{Kind: &threadv1.Fact_SendAttempted{SendAttempted: k}}
	case *threadv1.SendSucceeded:
		return &threadv1.Fact{Kind: &threadv1.Fact_SendSucceeded{SendSucceeded: k}}
	case *threadv1.SendEchoed:
		return &threadv1.Fact{Kind: &threadv1.Fact_SendEchoed{SendEchoed: k}}
	case *threadv1.SendRefused:
		return &threadv1.Fact{Kind: &threadv1.Fact_SendRefused{SendRefused: k}}
	case *threadv1.SendDeferred:
		return &threadv1.Fact{Kind: &threadv1.Fact_SendDeferred{SendDeferred: k}}
	case *threadv1.SendUncertain:
		return &threadv1.Fact{Kind: &threadv1.Fact_SendUncertain{SendUncertain: k}}
	case *threadv1.SendUnconfirmed:
		return &threadv1.Fact{Kind: &threadv1.Fact_SendUnconfirmed{SendUnconfirmed: k}}
	case *threadv1.SendAbandoned:
		return &threadv1.Fact{Kind: &threadv1.Fact_SendAbandoned{SendAbandoned: k}}
	case *threadv1.NoteAdded:
		return &threadv1.Fact{Kind: &threadv1.Fact_NoteAdded{NoteAdded: k}}
	case *threadv1.AgentReacted:
		return &threadv1.Fact{Kind: &threadv1.Fact_AgentReacted{AgentReacted: k}}
	}
	return nil
}

func ofBeside(kind any) *threadv1.Fact {
	switch k := kind.(type) {
	case *threadv1.ConsultAsked:
		return &threadv1.Fact{Kind: &threadv1.Fact_ConsultAsked{ConsultAsked: k}}
	case *threadv1.ConsultAnswered:
		return &threadv1.Fact{Kind: &threadv1.Fact_ConsultAnswered{ConsultAnswered: k}}
	case *threadv1.ConsultOpened:
		return &threadv1.Fact{Kind: &threadv1.Fact_ConsultOpened{ConsultOpened: k}}
	case *threadv1.ConsultEnded:
		return &threadv1.Fact{Kind: &threadv1.Fact_ConsultEnded{ConsultEnded: k}}
	case *threadv1.MonitoringBegan:
		return &threadv1.Fact{Kind: &threadv1.Fact_MonitoringBegan{MonitoringBegan: k}}
	case *threadv1.SupervisorJoined:
		return &threadv1.Fact{Kind: &threadv1.Fact_SupervisorJoined{SupervisorJoined: k}}
	case *threadv1.SupervisorLeft:
		return &threadv1.Fact{Kind: &threadv1.Fact_SupervisorLeft{SupervisorLeft: k}}
	case *threadv1.AgentTold:
		return &threadv1.Fact{Kind: &threadv1.Fact_AgentTold{AgentTold: k}}
	case *threadv1.ConsentGiven:
		return &threadv1.Fact{Kind: &threadv1.Fact_ConsentGiven{ConsentGiven: k}}
	case *threadv1.VariablesSet:
		return &threadv1.Fact{Kind: &threadv1.Fact_VariablesSet{VariablesSet: k}}
	case *threadv1.SkillsChanged:
		return &threadv1.Fact{Kind: &threadv1.Fact_SkillsChanged{SkillsChanged: k}}
	case *threadv1.LabelsChanged:
		return &threadv1.Fact{Kind: &threadv1.Fact_LabelsChanged{LabelsChanged: k}}
	case *threadv1.DispositionsChosen:
		return &threadv1.Fact{Kind: &threadv1.Fact_DispositionsChosen{DispositionsChosen: k}}
	case *threadv1.BotAnswered:
		return &threadv1.Fact{Kind: &threadv1.Fact_BotAnswered{BotAnswered: k}}
	case *threadv1.BotEscalated:
		return &threadv1.Fact{Kind: &threadv1.Fact_BotEscalated{BotEscalated: k}}
	case *threadv1.BotDropped:
		return &threadv1.Fact{Kind: &threadv1.Fact_BotDropped{BotDropped: k}}
	}
	return nil
}

// apply changes s in place; on a refusal s may be half changed, so callers
// work on a copy.
func apply(s *threadv1.State, revision uint64, now time.Time, f *threadv1.Fact) error {
	if Seen(s, f.GetEventKey()) {
		return refuse(s, Repeated, "")
	}
	s.Recent = remember(s.Recent, f.GetEventKey(), keptKeys)
	hearMeta(s, now, f)
	switch k := f.GetKind().(type) {
	case *threadv1.Fact_MessageReceived:
		m := k.MessageReceived
		customerSpoke(s, m.GetSentMs(), firstLine(m.GetText(), m.GetAttachments()), !m.GetStandby() && !f.GetStale(), !m.GetSurvey())
		seen(s, m.GetStandby(), f.GetStale(), m.GetSentMs())
		askBot(s, revision, now, !m.GetStandby() && !f.GetStale())
		came(s, m.GetReferral(), m.GetSentMs())
		awaitFiles(s, f)
	case *threadv1.Fact_PostbackReceived:
		p := k.PostbackReceived
		customerSpoke(s, p.GetSentMs(), firstLine(p.GetTitle(), nil), !p.GetStandby() && !f.GetStale(), true)
		seen(s, p.GetStandby(), f.GetStale(), p.GetSentMs())
		askBot(s, revision, now, !p.GetStandby() && !f.GetStale())
		came(s, p.GetReferral(), p.GetSentMs())
	case *threadv1.Fact_ReactionChanged:
		if !f.GetStale() && !k.ReactionChanged.GetRemoved() {
			openWindow(s, k.ReactionChanged.GetSentMs())
		}
	case *threadv1.Fact_ReferralReceived:
		referred(s, k.ReferralReceived, f.GetStale())
	case *threadv1.Fact_MessageEdited:
	case *threadv1.Fact_MessageUnsent:
		forgetFiles(s, k.MessageUnsent.GetMid())
	case *threadv1.Fact_DeliveryReported:
		s.DeliveredMs = max(s.DeliveredMs, k.DeliveryReported.GetWatermarkMs())
	case *threadv1.Fact_ReadReported:
		s.ReadMs = max(s.ReadMs, k.ReadReported.GetWatermarkMs())
		s.DeliveredMs = max(s.DeliveredMs, k.ReadReported.GetWatermarkMs())
	case *threadv1.Fact_ExternalMessageSent:
		e := k.ExternalMessageSent
		pageSpoke(s, e.GetSentMs(), firstLine(e.GetText(), e.GetAttachments()))
		awaitFiles(s, f)
		if e.GetStandby() && !f.GetStale() {
			theirs(s, e.GetAppId(), e.GetSentMs())
		}
	case *threadv1.Fact_EventKept:
		applyKept(s, k.EventKept)
	case *threadv1.Fact_ControlMoved:
		if !f.GetStale() {
			applyControl(s, k.ControlMoved)
		}
	case *threadv1.Fact_CustomerProfiled:
		applyProfile(s, now, k.CustomerProfiled)
	default:
		if err := applyOwn(s, revision, now, f); err != nil {
			return err
		}
		touched(s, now, f)
	}
	return nil
}

// applyOwn is for the facts that our own stages decide.
func applyOwn(s *threadv1.State, revision uint64, now time.Time, f *threadv1.Fact) error {
	switch k := f.GetKind().(type) {
	case *threadv1.Fact_ConversationOpened:
		return applyOpened(s, revision, now, k.ConversationOpened)
	case *threadv1.Fact_ConversationClassified:
		return applyClassified(s, k.ConversationClassified)
	case *threadv1.Fact_ConversationRouted:
		return applyRouted(s, now, k.ConversationRouted)
	case *threadv1.Fact_OfferMade:
		return applyOfferMade(s, now, k.OfferMade)
	case *threadv1.Fact_OfferEnded:
		return applyOfferEnded(s, k.OfferEnded)
	case *threadv1.Fact_AgentAssigned:
		return applyAssigned(s, now, k.AgentAssigned)
	case *threadv1.Fact_ConversationReleased:
		return applyReleased(s, now, k.ConversationReleased)
	case *threadv1.Fact_ConversationParked:
		return leave(s, now, parked, k.ConversationParked.GetAgent())
	case *threadv1.Fact_ConversationRevived:
		return applyRevived(s, now, k.ConversationRevived)
	case *threadv1.Fact_ConversationEnded:
		return applyEnded(s, now, k.ConversationEnded)
	case *threadv1.Fact_ConversationClosed:
		return applyClosed(s, now, k.ConversationClosed)
	case *threadv1.Fact_TimeOutReached:
		return applyReached(s, k.TimeOutReached)
	case *threadv1.Fact_SendRequested:
		return applyRequested(s, revision, now, k.SendRequested)
	case *threadv1.Fact_NoteAdded:
		return applyNote(s, k.NoteAdded)
	case *threadv1.Fact_AttachmentKept:
		return applyFile(s, k.AttachmentKept.GetMessage(), k.AttachmentKept.GetIndex())
	case *threadv1.Fact_AttachmentLost:
		return applyFile(s, k.AttachmentLost.GetMessage(), k.AttachmentLost.GetIndex())
	case *threadv1.Fact_FilesErased:
		s.Files = nil
		return nil
	case *threadv1.Fact_FilesLapsed:
		return nil // what is still to be copied is not among them
	case *threadv1.Fact_ThreadErased:
		forget(s)
		return nil
	}
	if handled, err := applyContact(s, now, f); handled {
		return err
	}
	if handled, err := applyBot(s, now, f); handled {
		return err
	}
	if handled, err := applySurvey(s, now, f); handled {
		return err
	}
	if handled, err := applyQuestion(s, now, f); handled {
		return err
	}
	return applySend(s, now, f)
}
