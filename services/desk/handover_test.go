package desk_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect"
	"github.com/google/uuid"

	"github.com/parley-desk/parley/pkg/thread"
	deskv1 "github.com/parley-desk/parley/proto/gen/parley/desk/v1"
	distributionv1 "github.com/parley-desk/parley/proto/gen/parley/distribution/v1"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
	"github.com/parley-desk/parley/services/desk"
)

func toQueue(psid, id, queue string) *deskv1.TransferConversationRequest {
	return &deskv1.TransferConversationRequest{Ref: ref(psid), ClientId: id, Note: "Wants a refund.",
		Target: &deskv1.TransferConversationRequest_ToQueue{ToQueue: queue}}
}

func toAgent(psid, id, agent string) *deskv1.TransferConversationRequest {
	return &deskv1.TransferConversationRequest{Ref: ref(psid), ClientId: id,
		Target: &deskv1.TransferConversationRequest_ToAgent{ToAgent: agent}}
}

func (c *caller) transfer(t *testing.T, r *deskv1.TransferConversationRequest) error {
	_, err := c.desk.TransferConversation(t.Context(), connect.NewRequest(r))
	return err
}

// stand says where an agent stands from now on.
func (h *house) stand(agent string, p distributionv1.Presence, source distributionv1.Source) {
	h.stands.Store(agent, &distributionv1.AgentStanding{Agent: agent, Presence: p, Source: source, Used: 3, Capacity: 3})
}

func reasonOf(err error) string {
	if r, ok := detail[*deskv1.Refusal](err); ok {
		return r.GetReason()
	}
	return fmt.Sprint(connect.CodeOf(err))
}

// TestTransfer (L103): a conversation goes to a queue or an agent who can have
// it, with a note, once, and leaves the page of who had it.
func TestTransfer(t *testing.T) {
	h := newHouse(t)
	mila := h.agent("mila")
	stream := h.follow(mila)
	stream.until("the snapshot", func(e *deskv1.Event) bool { return e.GetSnapshot() != nil })
	h.lead("q", "active", time.Now())
	id := uuid.NewString()
	for range 2 { // the answer may be lost
		if err := mila.transfer(t, toQueue("q", id, "back")); err != nil {
			t.Fatal(err)
		}
	}
	stream.until("it is gone", func(e *deskv1.Event) bool { return e.GetRemoved().GetPsid() == "q" })
	facts := h.history("q")
	last := facts[len(facts)-3:]
	if last[0].GetNoteAdded().GetText() != "Wants a refund." || last[1].GetConversationReleased().GetBy() != "mila" ||
		last[2].GetConversationRouted().GetQueue() != "back" || last[2].GetConversationRouted().GetRule() != "transfer: mila" {
		t.Errorf("the thread got %v", last)
	}

	h.lead("a", "active", time.Now())
	before := time.Now()
	if err := mila.transfer(t, toAgent("a", uuid.NewString(), "orlin")); err != nil {
		t.Fatal(err)
	}
	facts = h.history("a")
	if r := facts[len(facts)-1].GetConversationReleased(); r.GetPrefer() != "orlin" || time.UnixMilli(r.GetPreferUntilMs()).Sub(before) < 70*time.Second {
		t.Errorf("the thread got %v", r)
	}
	if err := mila.transfer(t, toAgent("a", uuid.NewString(), "orlin")); connect.CodeOf(err) != connect.CodeNotFound {
		t.Errorf("once more, by who has it no longer: %v", err)
	}
}

// TestTransferIsRefused with the reason, and then nothing is changed.
func TestTransferIsRefused(t *testing.T) {
	h := newHouse(t)
	mila := h.agent("mila")
	h.lead("p", "active", time.Now())
	before := len(h.history("p"))
	for name, c := range map[string]struct {
		to     *deskv1.TransferConversationRequest
		as     distributionv1.Presence
		reason string
	}{
		"no such queue":           {toQueue("p", uuid.NewString(), "nowhere"), 0, thread.QueueUnknown},
		"a queue without agents":  {toQueue("p", uuid.NewString(), "empty"), 0, thread.QueueEmpty},
		"a queue that is closed":  {toQueue("p", uuid.NewString(), "night"), 0, thread.QueueClosed},
		"the queue it is in":      {toQueue("p", uuid.NewString(), "front"), 0, thread.SameQueue},
		"nobody":                  {&deskv1.TransferConversationRequest{Ref: ref("p"), ClientId: uuid.NewString()}, 0, "invalid_argument"},
		"no such agent":           {toAgent("p", uuid.NewString(), "rada"), 0, thread.AgentUnknown},
		"one who is no agent":     {toAgent("p", uuid.NewString(), "petar"), 0, thread.AgentUnknown},
		"oneself":                 {toAgent("p", uuid.NewString(), "mila"), 0, thread.SameAgent},
		"one who is offline":      {toAgent("p", uuid.NewString(), "orlin"), distributionv1.Presence_PRESENCE_OFFLINE, thread.AgentUnavailable},
		"one who is away":         {toAgent("p", uuid.NewString(), "orlin"), distributionv1.Presence_PRESENCE_AWAY, thread.AgentUnavailable},
		"one who is inactive":     {toAgent("p", uuid.NewString(), "orlin"), distributionv1.Presence_PRESENCE_INACTIVE, thread.AgentUnavailable},
		"one who is full":         {toAgent("p", uuid.NewString(), "orlin"), distributionv1.Presence_PRESENCE_DO_NOT_DISTURB, thread.AgentUnavailable},
		"a note without measure ": {&deskv1.TransferConversationRequest{Ref: ref("p"), ClientId: uuid.NewString(), Note: strings.Repeat("x", 4001), Target: toQueue("", "", "back").GetTarget()}, 0, "invalid_argument"},
	} {
		h.stand("orlin", c.as, distributionv1.Source_SOURCE_LOAD)
		if err := mila.transfer(t, c.to); reasonOf(err) != c.reason {
			t.Errorf("%s: %v, want %s", name, err, c.reason)
		}
	}
	if after := len(h.history("p")); after != before {
		t.Errorf("the thread got %d facts", after-before)
	}
}

// TestTargets: who can have it comes first, and of who cannot is said why.
func TestTargets(t *testing.T) {
	h := newHouse(t)
	h.lead("p", "active", time.Now())
	h.stand("orlin", distributionv1.Presence_PRESENCE_DO_NOT_DISTURB, distributionv1.Source_SOURCE_LOAD)
	list := func(c *caller, consult bool, search string) (all []string) {
		r, err := c.desk.ListTargets(t.Context(), connect.NewRequest(&deskv1.ListTargetsRequest{Ref: ref("p"), Consult: consult, Search: search}))
		if err != nil {
			t.Fatal(err)
		}
		for _, q := range r.Msg.GetQueues() {
			all = append(all, strings.TrimSuffix(q.GetQueue()+" "+q.GetHidden(), " "))
		}
		for _, a := range r.Msg.GetAgents() {
			all = append(all, strings.TrimSuffix(a.GetAgent()+" "+a.GetHidden(), " "))
		}
		return all
	}
	mila := h.agent("mila")
	for name, c := range map[string]struct{ got, want []string }{
		"to hand it over": {list(mila, false, ""), []string{"back", "empty QUEUE_EMPTY", "night QUEUE_CLOSED", "front SAME_QUEUE", "vip", "sonya", "vera", "irina", "orlin AGENT_UNAVAILABLE"}},
		"for advice":      {list(mila, true, ""), []string{"sonya", "vera", "irina", "orlin"}},
		"by name":         {list(mila, false, "СОНЯ"), []string{"sonya"}},
		"of a supervisor": {list(h.agent("sonya"), false, "r"), []string{"front SAME_QUEUE", "irina", "orlin", "vera"}},
	} {
		slices.Sort(c.got)
		slices.Sort(c.want)
		if !slices.Equal(c.got, c.want) {
			t.Errorf("%s: %q, want %q", name, c.got, c.want)
		}
	}
}

// TestConsult (L102), as both pages see it.
func TestConsult(t *testing.T) {
	h := newHouse(t)
	mila, orlin := h.agent("mila"), h.agent("orlin")
	his := h.follow(orlin)
	his.until("the snapshot", func(e *deskv1.Event) bool { return e.GetSnapshot() != nil })
	h.lead("p", "active", time.Now())
	h.stand("orlin", distributionv1.Presence_PRESENCE_AWAY, 0)
	ask := func() (*connect.Response[deskv1.AskConsultResponse], error) {
		return mila.desk.AskConsult(t.Context(), connect.NewRequest(&deskv1.AskConsultRequest{Ref: ref("p"), ClientId: uuid.NewString(), Invitee: "orlin", Question: "Refund?"}))
	}
	if _, err := ask(); reasonOf(err) != thread.AgentUnavailable {
		t.Errorf("asking one who is away: %v", err)
	}
	h.stand("orlin", distributionv1.Presence_PRESENCE_BUSY, 0)
	asked, err := ask()
	if err != nil || len(asked.Msg.GetConversation().GetBeside()) != 1 {
		t.Fatalf("%v, %v", asked, err)
	}
	if _, err := ask(); reasonOf(err) != thread.TakesPart {
		t.Errorf("asking twice: %v", err)
	}
	allowed := func(of ...string) func(*deskv1.Event) bool {
		return func(e *deskv1.Event) bool { return slices.Equal(e.GetConversation().GetAllowed(), of) }
	}
	seen := his.until("the invitation", allowed("accept_consult", "decline_consult"))
	view := seen[len(seen)-1].GetConversation()
	if view.GetPart().GetQuestion() != "Refund?" || view.GetPart().GetByName() != "Мила Йорданова" || view.GetAgent() != "mila" {
		t.Errorf("the invitation shows %v", view)
	}
	if slices.ContainsFunc(seen, func(e *deskv1.Event) bool { return e.GetTimeline() != nil }) {
		t.Error("who is only asked is told the history")
	}
	if _, err := orlin.desk.AnswerConsult(t.Context(), connect.NewRequest(&deskv1.AnswerConsultRequest{Ref: ref("p"), Accept: true})); err != nil {
		t.Fatal(err)
	}
	his.until("the conversation", allowed("note", "leave"))
	if _, err := orlin.send(t.Context(), "p", uuid.NewString(), "x"); reasonOf(err) != thread.NotPublic {
		t.Errorf("writing to the customer before it is allowed: %v", err)
	}
	if err := orlin.transfer(t, toQueue("p", uuid.NewString(), "back")); reasonOf(err) != thread.NotYours {
		t.Errorf("a consultant transfers: %v", err)
	}
	note, err := orlin.note(t.Context(), "p", uuid.NewString(), "Within 14 days.")
	if err != nil || note.GetDetails()["consult"] != "true" {
		t.Errorf("what he says: %v, %v", note, err)
	}
	his.until("what he said", saying("Within 14 days."))
	said, err := mila.desk.AddNote(t.Context(), connect.NewRequest(&deskv1.AddNoteRequest{Ref: ref("p"), ClientId: uuid.NewString(), Text: "Thanks.", Consult: true}))
	if err != nil || said.Msg.GetItem().GetDetails()["consult"] != "true" {
		t.Errorf("what she says: %v, %v", said, err)
	}
	if _, err := mila.desk.OpenConsult(t.Context(), connect.NewRequest(&deskv1.OpenConsultRequest{Ref: ref("p"), Consultant: "orlin"})); err != nil {
		t.Fatal(err)
	}
	his.until("to be let in", allowed("send", "note", "leave"))
	if item, err := orlin.send(t.Context(), "p", uuid.NewString(), "Здравейте, аз съм Орлин."); err != nil || item.GetAgent() != "orlin" {
		t.Errorf("writing to the customer: %v, %v", item, err)
	}
	if err := commands["park"].give(t.Context(), mila, "p"); err != nil {
		t.Fatal(err)
	}
	his.until("the end", func(e *deskv1.Event) bool { return e.GetRemoved().GetPsid() == "p" })
}

// TestAConsultEnds by who asked, by who was asked, and by a no.
func TestAConsultEnds(t *testing.T) {
	h := newHouse(t)
	mila, orlin := h.agent("mila"), h.agent("orlin")
	for name, end := range map[string]func(psid string) error{
		"no": func(psid string) error {
			_, err := orlin.desk.AnswerConsult(t.Context(), connect.NewRequest(&deskv1.AnswerConsultRequest{Ref: ref(psid), Reason: "lunch"}))
			return err
		},
		"taken back": func(psid string) error {
			_, err := mila.desk.EndConsult(t.Context(), connect.NewRequest(&deskv1.EndConsultRequest{Ref: ref(psid), Consultant: "orlin"}))
			return err
		},
		"left": func(psid string) error {
			if _, err := orlin.desk.AnswerConsult(t.Context(), connect.NewRequest(&deskv1.AnswerConsultRequest{Ref: ref(psid), Accept: true})); err != nil {
				return err
			}
			_, err := orlin.desk.LeaveConversation(t.Context(), connect.NewRequest(&deskv1.LeaveConversationRequest{Ref: ref(psid)}))
			return err
		},
	} {
		h.lead(name, "active", time.Now())
		if _, err := mila.desk.AskConsult(t.Context(), connect.NewRequest(&deskv1.AskConsultRequest{Ref: ref(name), ClientId: uuid.NewString(), Invitee: "orlin"})); err != nil {
			t.Fatal(err)
		}
		if err := end(name); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := orlin.note(t.Context(), name, uuid.NewString(), "x"); connect.CodeOf(err) != connect.CodeNotFound {
			t.Errorf("%s: after it he may still write: %v", name, err)
		}
	}
}

// TestAnInvitationLapses: who does not answer is asked no more, and who asked
// reads it in the conversation.
func TestAnInvitationLapses(t *testing.T) {
	h := newHouse(t, func(c *desk.Config) { c.Invitation = time.Millisecond })
	mila, orlin := h.agent("mila"), h.agent("orlin")
	hers, his := h.follow(mila), h.follow(orlin)
	h.lead("p", "active", time.Now())
	if _, err := mila.desk.AskConsult(t.Context(), connect.NewRequest(&deskv1.AskConsultRequest{Ref: ref("p"), ClientId: uuid.NewString(), Invitee: "orlin"})); err != nil {
		t.Fatal(err)
	}
	his.until("the end of the invitation", func(e *deskv1.Event) bool { return e.GetRemoved().GetPsid() == "p" })
	hers.until("that nobody answered", func(e *deskv1.Event) bool {
		i := e.GetTimeline().GetItem()
		return i.GetText() == "consult_lapsed" && i.GetAgent() == "orlin"
	})
	if _, err := orlin.desk.AnswerConsult(t.Context(), connect.NewRequest(&deskv1.AnswerConsultRequest{Ref: ref("p"), Accept: true})); err == nil {
		t.Error("he may answer after that")
	}
}

// TestAConsultIsAskedByItsTemplate (L90): who is asked for advice has the time of the
// workstream's template for it, and reads what it says.
func TestAConsultIsAskedByItsTemplate(t *testing.T) {
	h := newHouse(t)
	mila, orlin := h.agent("mila"), h.agent("orlin")
	his := h.follow(orlin)
	h.commit("p", thread.Of(&threadv1.MessageReceived{Mid: "m-p", Text: "Счупено е.", SentMs: time.Now().UnixMilli()}),
		thread.Of(&threadv1.ConversationOpened{Id: "c-p", Workstream: "claims", Units: 1, OfferSeconds: 60}), thread.Of(&threadv1.ConversationRouted{Queue: "front"}),
		thread.Of(&threadv1.AgentAssigned{Agent: "mila", Fence: 1, Cause: threadv1.Cause_CAUSE_PICKED}))
	before := time.Now()
	if _, err := mila.desk.AskConsult(t.Context(), connect.NewRequest(&deskv1.AskConsultRequest{Ref: ref("p"), ClientId: uuid.NewString(), Invitee: "orlin"})); err != nil {
		t.Fatal(err)
	}
	his.until("the question, by its template", func(e *deskv1.Event) bool {
		v := e.GetConversation()
		return len(v.GetNotification().GetTexts()) == 1 && v.GetNotification().GetTexts()[0].GetTitle() == "Мила Йорданова wants to know" && v.GetPart().GetUntilMs() >= before.Add(5*time.Minute).UnixMilli()
	})
}

// TestASupervisorHandsOver (L107): the agent at work keeps the conversation until
// the next one says yes.
func TestASupervisorHandsOver(t *testing.T) {
	h := newHouse(t)
	mila, orlin, sonya := h.agent("mila"), h.agent("orlin"), h.agent("sonya")
	hers, his := h.follow(mila), h.follow(orlin)
	h.lead("p", "active", time.Now())
	id := uuid.NewString()
	for range 2 { // the answer may be lost
		if err := sonya.transfer(t, toAgent("p", id, "orlin")); err != nil {
			t.Fatal(err)
		}
	}
	seen := his.until("the invitation", func(e *deskv1.Event) bool { return slices.Contains(e.GetConversation().GetAllowed(), "accept_consult") })
	part := seen[len(seen)-1].GetConversation().GetPart()
	if part.GetPart() != threadv1.Part_PART_SUCCESSOR || part.GetBy() != "sonya" || time.Until(time.UnixMilli(part.GetUntilMs())) > time.Minute {
		t.Errorf("the invitation shows %v", part)
	}
	hers.until("who is asked", func(e *deskv1.Event) bool { return e.GetTimeline().GetItem().GetText() == "handover_asked" })
	if _, err := mila.send(t.Context(), "p", uuid.NewString(), "Един момент, моля."); err != nil {
		t.Errorf("meanwhile she writes: %v", err)
	}
	for range 2 {
		got, err := orlin.desk.AnswerConsult(t.Context(), connect.NewRequest(&deskv1.AnswerConsultRequest{Ref: ref("p"), Accept: true}))
		if err != nil || got.Msg.GetConversation().GetAgent() != "orlin" || !slices.Contains(got.Msg.GetConversation().GetAllowed(), "end") {
			t.Fatalf("he says yes: %v, %v", got, err)
		}
	}
	hers.until("that it is hers no longer", func(e *deskv1.Event) bool { return e.GetRemoved().GetPsid() == "p" })
	facts := h.history("p")
	if a := facts[len(facts)-1].GetAgentAssigned(); a.GetAgent() != "orlin" || a.GetBy() != "sonya" || a.GetCause() != threadv1.Cause_CAUSE_TRANSFERRED {
		t.Errorf("the thread got %v", facts[len(facts)-1])
	}
}
