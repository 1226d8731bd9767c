package desk_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"connectrpc.com/connect"
	"github.com/google/uuid"

	"github.com/parley-desk/parley/pkg/thread"
	deskv1 "github.com/parley-desk/parley/proto/gen/parley/desk/v1"
	distributionv1 "github.com/parley-desk/parley/proto/gen/parley/distribution/v1"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
)

// TestMonitorAndJoin (L105): a supervisor reads somebody's conversation along
// and nobody sees it, until the supervisor joins.
func TestMonitorAndJoin(t *testing.T) {
	h := newHouse(t)
	mila, sonya := h.agent("mila"), h.agent("sonya")
	hers := h.follow(sonya)
	hers.until("the snapshot", func(e *deskv1.Event) bool { return e.GetSnapshot() != nil })
	h.lead("p", "active", time.Now())
	view, err := sonya.desk.MonitorConversation(t.Context(), connect.NewRequest(&deskv1.MonitorConversationRequest{Ref: ref("p")}))
	if err != nil || !slices.Equal(view.Msg.GetConversation().GetAllowed(), []string{"note", "join", "leave", "skills"}) {
		t.Fatalf("%v, %v", view, err)
	}
	hers.until("the conversation", inPhase("p", threadv1.Phase_PHASE_ACTIVE))
	if page, err := sonya.desk.ListTimeline(t.Context(), connect.NewRequest(&deskv1.ListTimelineRequest{Ref: ref("p")})); err != nil || len(page.Msg.GetItems()) == 0 {
		t.Errorf("the history: %v, %v", page, err)
	}
	list, err := mila.desk.ListConversations(t.Context(), connect.NewRequest(&deskv1.ListConversationsRequest{}))
	if err != nil || len(list.Msg.GetConversations()[0].GetBeside()) != 0 {
		t.Errorf("the agent sees %v, %v", list, err)
	}
	if _, err := sonya.send(t.Context(), "p", uuid.NewString(), "x"); reasonOf(err) != thread.NotYours {
		t.Errorf("writing while only reading along: %v", err)
	}
	h.commit("p", thread.Of(&threadv1.MessageReceived{Mid: "m9", Text: "Ало?", SentMs: time.Now().UnixMilli()}))
	hers.until("a message", saying("Ало?"))
	if _, err := sonya.desk.JoinConversation(t.Context(), connect.NewRequest(&deskv1.JoinConversationRequest{Ref: ref("p")})); err != nil {
		t.Fatal(err)
	}
	hers.until("the line about it", saying("supervisor_joined"))
	if item, err := sonya.send(t.Context(), "p", uuid.NewString(), "Аз ще помогна."); err != nil || item.GetAgentName() != "Соня Колева" {
		t.Errorf("writing: %v, %v", item, err)
	}
	list, err = mila.desk.ListConversations(t.Context(), connect.NewRequest(&deskv1.ListConversationsRequest{}))
	if err != nil || len(list.Msg.GetConversations()[0].GetBeside()) != 1 {
		t.Errorf("the agent sees %v, %v", list, err)
	}
	if _, err := sonya.desk.LeaveConversation(t.Context(), connect.NewRequest(&deskv1.LeaveConversationRequest{Ref: ref("p")})); err != nil {
		t.Fatal(err)
	}
	hers.until("the end", func(e *deskv1.Event) bool { return e.GetRemoved().GetPsid() == "p" })
}

// TestASupervisorDisposes (L106 to L108) of conversations of others; the facts
// say who it was.
func TestASupervisorDisposes(t *testing.T) {
	h := newHouse(t)
	sonya := h.agent("sonya")
	h.stand("orlin", distributionv1.Presence_PRESENCE_DO_NOT_DISTURB, distributionv1.Source_SOURCE_LOAD) // full is no reason
	assign := func(psid string) error {
		_, err := sonya.desk.AssignConversation(t.Context(), connect.NewRequest(&deskv1.AssignConversationRequest{Ref: ref(psid),
			Target: &deskv1.AssignConversationRequest_ToAgent{ToAgent: "orlin"}, Note: "VIP"}))
		return err
	}
	enqueue := func(psid string) error {
		_, err := sonya.desk.AssignConversation(t.Context(), connect.NewRequest(&deskv1.AssignConversationRequest{Ref: ref(psid),
			Target: &deskv1.AssignConversationRequest_ToQueue{ToQueue: "back"}}))
		return err
	}
	force := func(psid string) error {
		_, err := sonya.desk.ForceCloseConversation(t.Context(), connect.NewRequest(&deskv1.ForceCloseConversationRequest{Ref: ref(psid)}))
		return err
	}
	transfer := func(psid string) error { return sonya.transfer(t, toAgent(psid, uuid.NewString(), "orlin")) }
	move := func(psid string) error { return sonya.transfer(t, toQueue(psid, uuid.NewString(), "back")) }
	for name, c := range map[string]struct {
		give func(string) error
		in   []string // phases in which it is obeyed
	}{
		"assign":   {assign, []string{"offered"}},
		"enqueue":  {enqueue, []string{"offered"}},
		"force":    {force, []string{"offered", "active", "waiting", "wrap-up"}},
		"transfer": {transfer, []string{"active", "waiting"}},
		"move":     {move, []string{"active"}},
	} {
		for _, p := range phases {
			psid := name + "-" + p.name
			h.lead(psid, p.name, time.Now())
			err := c.give(psid)
			if obeyed := slices.Contains(c.in, p.name); obeyed && err != nil || !obeyed && reasonOf(err) != thread.WrongPhase {
				t.Errorf("%s in %s: %v", name, p.name, err)
			}
			if err != nil {
				continue
			}
			facts := h.history(psid)
			last := facts[len(facts)-1]
			by := last.GetAgentAssigned().GetBy() + last.GetConsultAsked().GetBy() + last.GetConversationClosed().GetBy() + facts[len(facts)-2].GetConversationReleased().GetBy()
			if by != "sonya" && last.GetConversationRouted().GetRule() != "transfer: sonya" {
				t.Errorf("%s in %s: that it was she is not in %v", name, p.name, last)
			}
		}
	}
	if err := assign("never-was"); connect.CodeOf(err) != connect.CodeNotFound {
		t.Errorf("one that never was: %v", err)
	}
}

// TestASupervisorSetsPresence (L79), and it is said whose word it is.
func TestASupervisorSetsPresence(t *testing.T) {
	h := newHouse(t)
	r, err := h.agent("sonya").desk.SetAgentPresence(t.Context(), connect.NewRequest(&deskv1.SetAgentPresenceRequest{
		OfAgent: "mila", Presence: distributionv1.Presence_PRESENCE_AVAILABLE}))
	if err != nil || r.Msg.GetStanding().GetAgent() != "mila" || r.Msg.GetStanding().GetSource() != distributionv1.Source_SOURCE_SUPERVISOR {
		t.Errorf("%v, %v", r, err)
	}
	_, err = h.agent("sonya").desk.SetAgentPresence(t.Context(), connect.NewRequest(&deskv1.SetAgentPresenceRequest{
		OfAgent: "nobody", Presence: distributionv1.Presence_PRESENCE_AVAILABLE}))
	if connect.CodeOf(err) != connect.CodeNotFound {
		t.Errorf("of nobody: %v", err)
	}
}

// wait has a conversation wait in a queue.
func (h *house) wait(psid, queue string, priority int32, terms *threadv1.Terms) {
	h.commit(psid, thread.Of(&threadv1.MessageReceived{Mid: "m-" + psid, Text: "Къде е?", SentMs: time.Now().UnixMilli()}),
		thread.Of(&threadv1.ConversationOpened{Id: "c-" + psid, Terms: terms}))
	c := thread.Of(&threadv1.ConversationRouted{Queue: queue, Priority: priority})
	h.commit(psid, c)
}

// TestOngoing lists the live conversations of everybody, page by page.
func TestOngoing(t *testing.T) {
	h := newHouse(t)
	for _, p := range phases {
		h.lead(p.name, p.name, time.Now())
	}
	h.wait("back", "back", 0, nil)
	sonya := h.agent("sonya")
	list := func(r *deskv1.ListOngoingRequest) (all []string) {
		for r.PageSize = 2; ; {
			page, err := sonya.desk.ListOngoing(t.Context(), connect.NewRequest(r))
			if err != nil {
				t.Fatal(err)
			}
			for _, v := range page.Msg.GetConversations() {
				all = append(all, v.GetRef().GetPsid())
			}
			if r.PageToken = page.Msg.GetNextPageToken(); r.PageToken == "" {
				slices.Sort(all)
				return all
			}
		}
	}
	h.await("all of them", func() bool { return len(list(&deskv1.ListOngoingRequest{})) == 5 })
	for name, c := range map[string]struct {
		r    *deskv1.ListOngoingRequest
		want string
	}{
		"all":     {&deskv1.ListOngoingRequest{}, "[active back offered waiting wrap-up]"},
		"a queue": {&deskv1.ListOngoingRequest{Queue: "back"}, "[back]"},
		"a phase": {&deskv1.ListOngoingRequest{Phase: threadv1.Phase_PHASE_ACTIVE}, "[active]"},
		"an agent": {&deskv1.ListOngoingRequest{HeldBy: "mila"},
			"[active waiting wrap-up]"},
	} {
		if got := fmt.Sprint(list(c.r)); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}

// TestAgents tells a supervisor who is there and what everybody has in hand.
func TestAgents(t *testing.T) {
	h := newHouse(t)
	for _, p := range phases {
		h.lead(p.name, p.name, time.Now())
	}
	h.commit("active", thread.Of(&threadv1.MessageReceived{Mid: "m9", Text: "Ало?", SentMs: time.Now().UnixMilli()}))
	h.stand("orlin", distributionv1.Presence_PRESENCE_AWAY, distributionv1.Source_SOURCE_AGENT)
	sonya := h.agent("sonya")
	list := func(r *deskv1.ListAgentsRequest) *deskv1.ListAgentsResponse {
		page, err := sonya.desk.ListAgents(t.Context(), connect.NewRequest(r))
		if err != nil {
			t.Fatal(err)
		}
		return page.Msg
	}
	h.await("what mila has", func() bool { return list(&deskv1.ListAgentsRequest{Search: "MIL"}).GetAgents()[0].GetUnanswered() == 1 })
	all := list(&deskv1.ListAgentsRequest{})
	if all.GetTotal() != 2 || all.GetPresent() != 1 || len(all.GetAgents()) != 2 {
		t.Fatalf("%v", all)
	}
	mila, orlin := all.GetAgents()[0], all.GetAgents()[1]
	if mila.GetAgent() != "mila" {
		mila, orlin = orlin, mila
	}
	if mila.GetActive() != 1 || mila.GetWrapUp() != 1 || mila.GetWaiting() != 1 || mila.GetUnanswered() != 1 || mila.GetStanding().GetCapacity() != 3 {
		t.Errorf("mila: %v", mila)
	}
	if !slices.Equal(orlin.GetQueues(), []string{"Back office", "Front desk", "night", "vip"}) || orlin.GetActive() != 0 ||
		orlin.GetStanding().GetPresence() != distributionv1.Presence_PRESENCE_AWAY {
		t.Errorf("orlin: %v", orlin)
	}
	if len(orlin.GetSkills()) != len(knows["orlin"]) || orlin.GetHandleMs() != 0 {
		t.Errorf("orlin knows %v, and took %d ms for nothing", orlin.GetSkills(), orlin.GetHandleMs())
	}
	if back := list(&deskv1.ListAgentsRequest{Queue: "back"}); back.GetTotal() != 1 || back.GetAgents()[0].GetAgent() != "orlin" {
		t.Errorf("of a queue: %v", back)
	}
	first := list(&deskv1.ListAgentsRequest{PageSize: 1})
	rest := list(&deskv1.ListAgentsRequest{PageSize: 1, PageToken: first.GetNextPageToken()})
	if first.GetNextPageToken() == "" || rest.GetNextPageToken() != "" || rest.GetAgents()[0].GetAgent() == first.GetAgents()[0].GetAgent() {
		t.Errorf("pages: %v, then %v", first, rest)
	}
	if _, err := sonya.desk.ListAgents(t.Context(), connect.NewRequest(&deskv1.ListAgentsRequest{Queue: "none"})); connect.CodeOf(err) != connect.CodeNotFound {
		t.Errorf("of a queue that does not exist: %v", err)
	}
}

// TestOpenItems (L97): what waits in the agent's queues and may be picked is
// listed by priority and time, and picked.
func TestOpenItems(t *testing.T) {
	h := newHouse(t)
	pick, push := &threadv1.Terms{PickOnly: true}, &threadv1.Terms{}
	h.wait("first", "front", 0, pick)
	h.wait("second", "front", 0, &threadv1.Terms{Pickable: true})
	h.wait("urgent", "front", 9, pick)
	h.wait("pushed", "front", 0, push)
	h.wait("elsewhere", "back", 0, pick)
	h.lead("offered", "offered", time.Now())
	mila := h.agent("mila")
	list := func() (all []string) {
		for r := (&deskv1.ListOpenItemsRequest{PageSize: 2}); ; {
			page, err := mila.desk.ListOpenItems(t.Context(), connect.NewRequest(r))
			if err != nil {
				t.Fatal(err)
			}
			for _, i := range page.Msg.GetItems() {
				all = append(all, i.GetRef().GetPsid())
			}
			if r.PageToken = page.Msg.GetNextPageToken(); r.PageToken == "" {
				return all
			}
		}
	}
	h.await("all of them", func() bool { return fmt.Sprint(list()) == "[urgent first second]" })
	take := func(psid string) error {
		_, err := mila.desk.PickConversation(t.Context(), connect.NewRequest(&deskv1.PickConversationRequest{Ref: ref(psid)}))
		return err
	}
	for range 2 {
		if err := take("first"); err != nil {
			t.Fatal(err)
		}
	}
	h.await("it to be gone", func() bool { return fmt.Sprint(list()) == "[urgent second]" })
	for _, foreign := range []string{"pushed", "elsewhere", "never-was"} {
		if err := take(foreign); connect.CodeOf(err) != connect.CodeNotFound {
			t.Errorf("%s: %v", foreign, err)
		}
	}
}

// TestAnOfferIsShown (S43): distribution hears of it and tells how long there is.
func TestAnOfferIsShown(t *testing.T) {
	h := newHouse(t)
	h.lead("p", "offered", time.Now())
	show := func(agent string) (int64, error) {
		r, err := h.agent(agent).desk.ShowOffer(t.Context(), connect.NewRequest(&deskv1.ShowOfferRequest{Ref: ref("p"), Fence: 2}))
		if err != nil {
			return 0, err
		}
		return r.Msg.GetUntilMs(), nil
	}
	if until, err := show("mila"); err != nil || until != 2000 {
		t.Errorf("until %d, %v", until, err)
	}
	if _, err := show("orlin"); connect.CodeOf(err) != connect.CodeNotFound {
		t.Errorf("an offer to somebody else: %v", err)
	}
}

// TestQueueFigures: agents are told how full their queues are, and where in them
// what waits stands; supervisors, of all queues.
func TestQueueFigures(t *testing.T) {
	h := newHouse(t)
	h.wait("first", "front", 0, &threadv1.Terms{PickOnly: true})
	h.wait("pushed", "front", 0, &threadv1.Terms{})
	h.wait("elsewhere", "back", 0, &threadv1.Terms{})
	of := func(agent string) (all []string, since int64) {
		got, err := h.agent(agent).desk.ListQueues(t.Context(), connect.NewRequest(&deskv1.ListQueuesRequest{}))
		if err != nil {
			t.Fatal(err)
		}
		for _, q := range got.Msg.GetQueues() {
			all = append(all, fmt.Sprintf("%s %d %d %d %d", q.GetQueue(), q.GetWaiting(), q.GetReady(), q.GetWaitSeconds(), q.GetAgents()))
			since = max(since, q.GetSinceMs())
		}
		return all, since
	}
	h.await("the queue of mila", func() bool { all, _ := of("mila"); return fmt.Sprint(all) == "[front 2 2 90 2]" })
	h.await("all queues", func() bool {
		all, since := of("sonya")
		return fmt.Sprint(all) == "[empty 0 2 90 0 night 0 2 90 1 back 1 2 90 1 front 2 2 90 2]" && since > 0
	})
	mila := h.agent("mila")
	stream := h.follow(mila)
	stream.until("the figures", func(e *deskv1.Event) bool {
		q := e.GetQueues().GetQueues()
		return len(q) == 1 && q[0].GetName() == "Front desk" && q[0].GetWaiting() == 2
	})
	h.wait("third", "front", 0, &threadv1.Terms{PickOnly: true})
	stream.until("one more", func(e *deskv1.Event) bool {
		return e.GetQueues() != nil && e.GetQueues().GetQueues()[0].GetWaiting() == 3
	})
	page, err := mila.desk.ListOpenItems(t.Context(), connect.NewRequest(&deskv1.ListOpenItemsRequest{}))
	if err != nil || len(page.Msg.GetItems()) != 2 || page.Msg.GetItems()[1].GetPosition() != 2 {
		t.Errorf("got %v, %v; want two items with their places", page, err)
	}
}
