package timeline

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"google.golang.org/protobuf/proto"

	"github.com/parley-desk/parley/pkg/thread"
	deskv1 "github.com/parley-desk/parley/proto/gen/parley/desk/v1"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
)

// fold is the folding of one commit.
type fold struct {
	*Timeline
	conversation string
	at           int64 // when the writer decided, ms since 1970 UTC
	state        *threadv1.State
	index        int32
	late         bool
	recovered    bool
}

func (f *fold) apply(fact *threadv1.Fact) {
	switch k := fact.GetKind().(type) {
	case *threadv1.Fact_MessageReceived:
		f.received(k.MessageReceived, thread.MessageOf(fact))
	case *threadv1.Fact_MessageEdited:
		f.edited(k.MessageEdited)
	case *threadv1.Fact_MessageUnsent:
		f.unsent(k.MessageUnsent)
	case *threadv1.Fact_ReactionChanged:
		f.reacted(k.ReactionChanged)
	case *threadv1.Fact_AgentReacted:
		if e := f.byMid[k.AgentReacted.GetMid()]; e != nil { // else it is older than this log, and nobody sees it
			f.change(e).OurReaction = k.AgentReacted.GetEmoji()
		}
	case *threadv1.Fact_PostbackReceived:
		f.postback(k.PostbackReceived)
	case *threadv1.Fact_ExternalMessageSent:
		f.external(k.ExternalMessageSent, thread.MessageOf(fact))
	case *threadv1.Fact_NoteAdded:
		f.note(k.NoteAdded)
	case *threadv1.Fact_DeliveryReported:
		f.deliveryReported(k.DeliveryReported)
	case *threadv1.Fact_AttachmentKept:
		f.kept(k.AttachmentKept)
	case *threadv1.Fact_AttachmentLost:
		f.lost(k.AttachmentLost)
	case *threadv1.Fact_FilesErased:
		f.erased()
	case *threadv1.Fact_FilesLapsed:
		f.lapsed(k.FilesLapsed.GetObjects())
	case *threadv1.Fact_ThreadErased:
		now := f.revision
		*f.Timeline = *New()
		f.revision = now
	case *threadv1.Fact_ReadReported:
		f.readReported(k.ReadReported)
	default:
		if !f.sending(fact) {
			f.system(fact)
		}
	}
}

// add puts a new item at the end, or gives the one that has its id.
func (f *fold) add(id string, author deskv1.Author) *entry {
	if id == "" {
		id = place(f.revision, f.index)
	}
	if e := f.byID[id]; e != nil {
		return e
	}
	e := &entry{item: &deskv1.TimelineItem{
		Id: id, Revision: f.revision, Index: f.index, Conversation: f.conversation,
		AtMs: f.at, Author: author, ChangedRevision: f.revision, Late: f.late, Recovered: f.recovered,
	}}
	f.entries = append(f.entries, e)
	f.byID[id] = e
	return e
}

// change gives the item to write to: a copy, when others may hold it.
func (f *fold) change(e *entry) *deskv1.TimelineItem {
	if e.item.GetChangedRevision() != f.revision {
		e.item = proto.CloneOf(e.item)
		e.item.ChangedRevision = f.revision
	}
	return e.item
}

// message is the item of a message of the customer. What refers to a message
// may come before it; then the item waits here for its message.
func (f *fold) message(mid string) *entry {
	if e := f.byMid[mid]; e != nil && mid != "" {
		return e
	}
	e := f.add(mid, deskv1.Author_AUTHOR_CUSTOMER)
	if mid != "" {
		f.byMid[mid] = e
	}
	return e
}

func (f *fold) received(m *threadv1.MessageReceived, key string) {
	e := f.message(m.GetMid())
	if e.known {
		return
	}
	if key != "" {
		f.byMid[key] = e // where Meta gave no mid, files know their message by this
	}
	e.known = true
	item := f.change(e)
	item.AtMs, item.ReplyTo = orNow(m.GetSentMs(), f.at), m.GetReplyTo()
	detail(item, "quick_reply", m.GetQuickReply())
	detail(item, "unsupported", flag(m.GetUnsupported()))
	detail(item, "standby", flag(m.GetStandby()))
	details(item, referral(m.GetReferral()))
	if item.GetUnsent() {
		return
	}
	f.pressed(e, m.GetQuickReply(), answers)
	f.attach(item, m.GetAttachments(), key)
	if !item.GetEdited() {
		item.Text = m.GetText()
	}
}

func (f *fold) edited(m *threadv1.MessageEdited) {
	e := f.message(m.GetMid())
	if e.item.GetUnsent() || e.item.GetEdited() && m.GetEdit() <= e.edit {
		return
	}
	e.edit = m.GetEdit()
	item := f.change(e)
	item.Text, item.Edited = m.GetText(), true
	if !e.known {
		item.AtMs = orNow(m.GetSentMs(), f.at)
	}
}

func (f *fold) unsent(m *threadv1.MessageUnsent) {
	e := f.message(m.GetMid())
	item := f.change(e)
	item.Unsent, item.Text, item.Attachments, item.Files = true, "", nil, nil
	f.unpressed(e)
	if !e.known {
		item.AtMs = orNow(m.GetSentMs(), f.at)
	}
}

func (f *fold) reacted(m *threadv1.ReactionChanged) {
	reaction, word := m.GetEmoji(), "reacted_earlier"
	if reaction == "" {
		reaction = m.GetReaction()
	}
	if m.GetRemoved() {
		reaction, word = "", "unreacted_earlier"
	}
	if e := f.byMid[m.GetMid()]; e != nil {
		f.change(e).Reaction = reaction
		return
	}
	// To a message older than this log: then it is a turn of its own.
	f.turned(word, "", map[string]string{"reaction": reaction})
}

func (f *fold) postback(m *threadv1.PostbackReceived) {
	e := f.message(m.GetMid())
	if e.known {
		return
	}
	e.known = true
	item := f.change(e)
	item.AtMs, item.Text = orNow(m.GetSentMs(), f.at), m.GetTitle()
	detail(item, "pressed", flag(true))
	detail(item, "postback", m.GetPayload())
	f.pressed(e, m.GetPayload(), buttons)
	detail(item, "standby", flag(m.GetStandby()))
	details(item, referral(m.GetReferral()))
}

func (f *fold) external(m *threadv1.ExternalMessageSent, key string) {
	e := f.byMid[m.GetMid()]
	if e != nil && m.GetMid() != "" && e.known {
		return
	}
	if e == nil || m.GetMid() == "" {
		e = f.add(m.GetMid(), deskv1.Author_AUTHOR_EXTERNAL)
	}
	if m.GetMid() != "" {
		f.byMid[m.GetMid()] = e
	} else if key != "" {
		f.byMid[key] = e
	}
	e.known = true
	item := f.change(e)
	item.Author = deskv1.Author_AUTHOR_EXTERNAL
	item.AtMs = orNow(m.GetSentMs(), f.at)
	detail(item, "app_id", m.GetAppId())
	detail(item, "standby", flag(m.GetStandby()))
	if !item.GetUnsent() {
		item.Text = m.GetText()
		f.attach(item, m.GetAttachments(), key)
	}
}

func (f *fold) note(m *threadv1.NoteAdded) {
	item := f.change(f.add(m.GetId(), deskv1.Author_AUTHOR_NOTE))
	item.Agent, item.Text, item.ClientId = m.GetAgent(), m.GetText(), m.GetClientId()
	detail(item, "consult", flag(m.GetConsult()))
}

// system notes the turns a conversation took. Offers as such are not history:
// only how they ended is. Neither is the look-up of a profile.
func (f *fold) system(fact *threadv1.Fact) {
	if word, agent, values := turn(fact); word != "" {
		f.turned(word, agent, values)
	}
}

// turned adds one turn.
func (f *fold) turned(word, agent string, values map[string]string) {
	item := f.change(f.add("", deskv1.Author_AUTHOR_SYSTEM))
	item.Text, item.Agent = word, agent
	details(item, values)
}

// turn gives the machine word of a system item, the agent it is about and the
// values for its sentence; no word when it is not shown.
func turn(fact *threadv1.Fact) (word, agent string, values map[string]string) {
	switch k := fact.GetKind().(type) {
	case *threadv1.Fact_ConversationOpened:
		return "conversation_opened", "", map[string]string{"workstream": k.ConversationOpened.GetWorkstream()}
	case *threadv1.Fact_ConversationRouted:
		m := k.ConversationRouted
		return "conversation_routed", "", map[string]string{"queue": m.GetQueue(), "rule": m.GetRule()}
	case *threadv1.Fact_ConversationClassified:
		return classified(k.ConversationClassified)
	case *threadv1.Fact_OfferEnded:
		m := k.OfferEnded
		return "offer_ended", "", map[string]string{
			"outcome": machineWord(m.GetOutcome().String(), "OFFER_OUTCOME_"), "reason": m.GetReason()}
	case *threadv1.Fact_AgentAssigned:
		m := k.AgentAssigned
		return "agent_assigned", m.GetAgent(), map[string]string{"agent": m.GetAgent(), "cause": cause(m.GetCause()), "by": m.GetBy()}
	case *threadv1.Fact_ConversationReleased:
		m := k.ConversationReleased
		return "conversation_released", "", map[string]string{"cause": cause(m.GetCause()), "by": m.GetBy(), "prefer": m.GetPrefer()}
	case *threadv1.Fact_ConversationParked:
		m := k.ConversationParked
		return "conversation_parked", m.GetAgent(), map[string]string{"agent": m.GetAgent(), "time_out": m.GetRule()}
	case *threadv1.Fact_ConversationRevived:
		return "conversation_revived", "", nil
	case *threadv1.Fact_ConversationEnded:
		agent := k.ConversationEnded.GetAgent()
		return "conversation_ended", agent, map[string]string{"agent": agent}
	case *threadv1.Fact_ConversationClosed:
		m := k.ConversationClosed
		return "conversation_closed", m.GetBy(), map[string]string{"agent": m.GetBy(), "cause": cause(m.GetCause()), "time_out": m.GetRule()}
	case *threadv1.Fact_TimeOutReached:
		return reached(k.TimeOutReached)
	case *threadv1.Fact_ReferralReceived:
		return "referral_received", "", referral(k.ReferralReceived.GetReferral())
	case *threadv1.Fact_ControlMoved:
		m := k.ControlMoved
		return control(m), m.GetAgent(), map[string]string{"app": m.GetToApp()}
	case *threadv1.Fact_EventKept:
		m := k.EventKept
		return "event_kept", "", map[string]string{"kind": m.GetKind(), "summary": m.GetSummary()}
	}
	return beside(fact)
}

// beside is the turn of somebody with a part in the conversation. That a
// supervisor reads along is for the record and not for the page.
func beside(fact *threadv1.Fact) (word, agent string, values map[string]string) {
	switch k := fact.GetKind().(type) {
	case *threadv1.Fact_ConsultAsked:
		m := k.ConsultAsked
		return asked(m.GetHandOver()) + "_asked", m.GetAgent(), map[string]string{"by": m.GetBy(), "question": m.GetQuestion()}
	case *threadv1.Fact_ConsultAnswered:
		m := k.ConsultAnswered
		if !m.GetAccepted() {
			return asked(m.GetHandOver()) + "_declined", m.GetAgent(), map[string]string{"reason": m.GetReason()}
		}
		return "consult_accepted", m.GetAgent(), nil
	case *threadv1.Fact_ConsultOpened:
		m := k.ConsultOpened
		return "consult_opened", m.GetAgent(), map[string]string{"by": m.GetBy()}
	case *threadv1.Fact_ConsultEnded:
		m := k.ConsultEnded
		if m.GetLapsed() {
			return "consult_lapsed", m.GetAgent(), nil
		}
		return asked(m.GetHandOver()) + "_ended", m.GetAgent(), map[string]string{"by": m.GetBy()}
	case *threadv1.Fact_AgentTold:
		m := k.AgentTold
		return "agent_told", "", map[string]string{"text": m.GetText(), "trigger": machineWord(m.GetAutomated().GetTrigger().String(), "TRIGGER_")}
	case *threadv1.Fact_ConsentGiven:
		if k.ConsentGiven.GetAgreed() {
			return "consent_given", "", nil
		}
		return "consent_refused", "", nil
	case *threadv1.Fact_VariablesSet:
		m := k.VariablesSet
		return "variables_set", m.GetAgent(), map[string]string{"variables": listed(m.GetVariables()), "by": m.GetProgram(), "bot": flag(m.GetBot())}
	case *threadv1.Fact_SkillsChanged:
		return skillsTurn(k.SkillsChanged)
	case *threadv1.Fact_LabelsChanged:
		m := k.LabelsChanged
		return "labels_changed", m.GetBy(), map[string]string{"labels": signed(m.GetAdded(), m.GetRemoved())}
	case *threadv1.Fact_DispositionsChosen:
		var names []string
		for _, d := range k.DispositionsChosen.GetDispositions() {
			names = append(names, d.GetName())
		}
		return "dispositions_chosen", k.DispositionsChosen.GetAgent(), map[string]string{"dispositions": strings.Join(names, ", ")}
	case *threadv1.Fact_SupervisorJoined:
		return "supervisor_joined", k.SupervisorJoined.GetAgent(), nil
	case *threadv1.Fact_SupervisorLeft:
		if k.SupervisorLeft.GetJoined() {
			return "supervisor_left", k.SupervisorLeft.GetAgent(), nil
		}
	}
	return botTurn(fact)
}

// botTurn is what a bot did beside writing.
func botTurn(fact *threadv1.Fact) (word, agent string, values map[string]string) {
	switch k := fact.GetKind().(type) {
	case *threadv1.Fact_BotEscalated:
		m := k.BotEscalated
		return "bot_escalated", "", map[string]string{"reason": machineWord(m.GetReason().String(), "BOT_REASON_"), "detail": m.GetDetail(), "summary": m.GetSummary()}
	case *threadv1.Fact_BotDropped:
		return "bot_dropped", "", nil
	}
	return survey(fact)
}

// asked is what somebody was asked for: advice, or to take the conversation over.
func asked(handOver bool) string {
	what := "consult"
	if handOver {
		what = "handover"
	}
	return what
}

// classified is what rules found out; rules that failed alone are not shown.
func classified(m *threadv1.ConversationClassified) (word, agent string, values map[string]string) {
	var skills []string
	for _, need := range m.GetSkills() {
		skills = append(skills, need.GetSkill())
	}
	values = map[string]string{"skills": strings.Join(skills, ", "), "variables": listed(m.GetVariables())}
	if m.Priority != nil {
		values["priority"] = strconv.Itoa(int(m.GetPriority()))
	} else if len(skills)+len(m.GetVariables()) == 0 {
		return "", "", nil
	}
	return "conversation_classified", "", values
}

// skillsTurn is what a person said of the skills that are needed: "+bulgarian 5"
// is, and at least so well, "−billing" is no more.
func skillsTurn(m *threadv1.SkillsChanged) (word, agent string, values map[string]string) {
	var needed []string
	for _, n := range m.GetNeeded() {
		needed = append(needed, n.GetSkill()+" "+strconv.Itoa(int(n.GetValue())))
	}
	return "skills_changed", m.GetBy(), map[string]string{"skills": signed(needed, m.GetDropped())}
}

// signed are what came and what went, in one line.
func signed(came, went []string) string {
	var all []string
	for _, one := range came {
		all = append(all, "+"+one)
	}
	for _, one := range went {
		all = append(all, "−"+one)
	}
	return strings.Join(all, ", ")
}

// reached is a time-out rule that ran. What it does to the conversation, and what
// the customer gets, are items of their own: it is shown for what it tells the
// agent, and when the customer could not be told.
func reached(m *threadv1.TimeOutReached) (word, agent string, values map[string]string) {
	if m.GetText() == "" && m.GetUnsent() == "" {
		return "", "", nil
	}
	return "time_out_reached", "", map[string]string{"time_out": m.GetRule(), "silent": machineWord(m.GetSilent().String(), "SIDE_"),
		"minutes": strconv.Itoa(int(m.GetMinutes())), "message": m.GetText(), "unsent": m.GetUnsent()}
}

// listed are context variables in one line.
func listed(variables map[string]string) string {
	var all []string
	for _, name := range slices.Sorted(maps.Keys(variables)) {
		all = append(all, name+": "+variables[name])
	}
	return strings.Join(all, ", ")
}

// control is the machine word of a thread that passed between apps.
func control(m *threadv1.ControlMoved) string {
	switch {
	case m.GetHow() == "request":
		return "control_requested"
	case m.GetHow() == thread.Taken:
		return "control_taken"
	case m.GetOurs():
		return "control_returned"
	case m.GetToApp() == "" && m.GetHow() == "pass":
		return "control_released"
	}
	return "control_lost"
}

func cause(c threadv1.Cause) string { return machineWord(c.String(), "CAUSE_") }

// machineWord is the name of an enum's value as a machine word: CAUSE_TIMED_OUT
// without its prefix is timed_out.
func machineWord(name, prefix string) string {
	w := strings.ToLower(strings.TrimPrefix(name, prefix))
	if w == "unspecified" {
		return ""
	}
	return w
}

func referral(r *threadv1.Referral) map[string]string {
	if r == nil {
		return nil
	}
	return map[string]string{"ref": r.GetRef(), "source": r.GetSource(), "type": r.GetType(),
		"ad_id": r.GetAdId(), "ad_title": r.GetAdTitle()}
}

func details(item *deskv1.TimelineItem, values map[string]string) {
	for k, v := range values {
		detail(item, k, v)
	}
}

// detail sets one value; an empty one is left out.
func detail(item *deskv1.TimelineItem, key, value string) {
	if value == "" {
		return
	}
	if item.Details == nil {
		item.Details = map[string]string{}
	}
	item.Details[key] = value
}

func flag(b bool) string {
	if b {
		return strconv.FormatBool(b)
	}
	return ""
}

// orNow is Meta's time, or the writer's where Meta gave none.
func orNow(meta, writer int64) int64 {
	if meta > 0 {
		return meta
	}
	return writer
}
