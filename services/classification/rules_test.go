package classification_test

import (
	"context"
	"fmt"
	"strconv"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/parley-desk/parley/pkg/bus"
	"github.com/parley-desk/parley/pkg/directory"
	"github.com/parley-desk/parley/pkg/thread"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
	distributionv1 "github.com/parley-desk/parley/proto/gen/parley/distribution/v1"
	inboundv1 "github.com/parley-desk/parley/proto/gen/parley/inbound/v1"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
	"github.com/parley-desk/parley/proto/subject"
)

// ruled is the furnished directory with rules, and with queues for them.
func (h *house) ruled(t *testing.T, classify []*configv1.ClassificationRule, route []*configv1.RoutingRule, queues ...string) []directory.Resource {
	all := h.furnish(t)
	for _, r := range all {
		if ws, ok := r.(*configv1.Workstream); ok {
			ws.Classification, ws.Routing = []string{"sort"}, "routes"
			ws.Variables = []*configv1.Variable{{Name: "tier", Initial: "none"}, {Name: "copy"}}
		}
	}
	for _, q := range queues {
		all = append(all, &configv1.Queue{Meta: &configv1.Meta{Id: q}, Agents: []string{"mila"}})
	}
	return append(all, &configv1.Skill{Meta: &configv1.Meta{Id: "bulgarian"}, Lowest: 1, Highest: 5},
		&configv1.Ruleset{Meta: &configv1.Meta{Id: "sort"}, Classify: classify},
		&configv1.Ruleset{Meta: &configv1.Meta{Id: "routes"}, Route: route})
}

func shares(queues ...string) (s []*configv1.Share) {
	for _, q := range queues {
		s = append(s, &configv1.Share{Queue: q})
	}
	return s
}

// L31-L37: rules see the message and the customer, and what they find out is in
// the one commit that the conversation opens with.
func TestRulesClassifyAndRoute(t *testing.T) {
	h := start(t)
	h.set(t, h.ruled(t,
		[]*configv1.ClassificationRule{
			{Name: "broken", When: `int(variables.tier) > 1`, Set: &configv1.Attributes{Priority: proto.Int32(1)}},
			{Name: "greets", When: `message.text.lower().contains("здравей") && customer.name.startsWith("Vesela")`, Set: &configv1.Attributes{
				Priority: proto.Int32(700), Skills: []*configv1.Proficiency{{Skill: "bulgarian", Value: 3}}, Variables: map[string]string{"tier": "gold"}}},
		},
		[]*configv1.RoutingRule{
			{Name: "elsewhere", When: `page.id == "other"`, Queues: shares("front")},
			{Name: "gold", When: `variables.tier == "gold" && "bulgarian" in conversation.skills`, Queues: shares("vip")},
		}, "vip")...)
	h.say(t, "m1")
	s := h.await(t, "routed", routed)
	c := s.GetConversation()
	if c.GetQueue() != "vip" || c.GetRoutedBy() != "routes/gold" || c.GetPriority() != 700 || c.GetVariables()["tier"] != "gold" ||
		len(c.GetSkills()) != 1 || c.GetSkills()[0].GetValue() != 3 || c.GetVersion() != h.now().Version || c.GetVersion() == 0 {
		t.Errorf("conversation: %v", c)
	}
	if commits := h.commits(t); commits != 1 {
		t.Errorf("it took %d commits", commits)
	}
	if n := h.counted(t, "parley_classification_rule_failures_total"); n != 1 {
		t.Errorf("%v failures of rules are counted, want 1", n)
	}
}

// A conversation that had nowhere to go is classified by how it opened, though
// the customer wrote other things since.
func TestRulesReadHowItOpened(t *testing.T) {
	h := start(t)
	resources := h.ruled(t, nil, []*configv1.RoutingRule{{Name: "greets", When: `message.text == "Здравейте"`, Queues: shares("vip")}})
	for _, r := range resources {
		if ws, ok := r.(*configv1.Workstream); ok {
			ws.Queue = ""
		}
	}
	h.set(t, resources...)
	h.say(t, "m1")
	h.await(t, "the first message", func(s *threadv1.State) bool { return s.GetUnanswered() == 1 })
	now := time.Now().UnixMilli()
	h.store(t, fmt.Sprintf(`{"sender":{"id":%q},"recipient":{"id":%q},"timestamp":%d,"message":{"mid":"m2","text":"Има ли някой?"}}`, psid, shop, now), now)
	s := h.await(t, "the second message", func(s *threadv1.State) bool { return s.GetUnanswered() == 2 })
	if routed(s) || s.GetCustomer().GetName() == "" {
		t.Errorf("a conversation that waits for a queue: %v", s)
	}
	h.set(t, &configv1.Queue{Meta: &configv1.Meta{Id: "vip"}, Agents: []string{"mila"}})
	if s := h.await(t, "routed", routed); s.GetConversation().GetRoutedBy() != "routes/greets" {
		t.Errorf("routed by %q", s.GetConversation().GetRoutedBy())
	}
}

// Rules change while customers write: what one version found out and where that
// very version sends it belong together in every conversation.
func TestEveryConversationHasOneVersion(t *testing.T) {
	h := start(t)
	version := func(n int) []directory.Resource {
		tier := strconv.Itoa(n)
		resources := h.ruled(t,
			[]*configv1.ClassificationRule{{Name: "tier", Set: &configv1.Attributes{Variables: map[string]string{"tier": tier}}}},
			[]*configv1.RoutingRule{{Name: "v" + tier, When: `variables.copy == variables.tier && variables.tier == "` + tier + `"`, Queues: shares("q-" + tier)}},
			"q-"+tier)
		for _, r := range resources {
			if ws, ok := r.(*configv1.Workstream); ok {
				ws.Classification = []string{"sort", "more"}
			}
		}
		return append(resources, &configv1.Ruleset{Meta: &configv1.Meta{Id: "more"}, Classify: []*configv1.ClassificationRule{
			{Name: "copy", When: `variables.tier == "` + tier + `"`, Set: &configv1.Attributes{Variables: map[string]string{"copy": tier}}}}})
	}
	h.set(t, version(0)...)
	const customers, versions = 200, 20
	var threads []subject.Thread
	for i := range customers {
		threads = append(threads, subject.Thread{Page: shop, PSID: strconv.Itoa(9_000_000 + i)})
	}
	written := make(chan error, 1)
	go func() {
		now := time.Now().UnixMilli()
		for _, at := range threads {
			raw := fmt.Appendf(nil, `{"sender":{"id":%[1]q},"recipient":{"id":%[2]q},"timestamp":%[3]d,"message":{"mid":"m-%[1]s","text":"hello"}}`, at.PSID, shop, now)
			err := h.bus.PublishInbound(t.Context(), []*inboundv1.Event{{Account: "demo", Page: shop, Psid: at.PSID,
				Lane: inboundv1.Lane_LANE_MESSAGING, Raw: raw, ReceivedMs: now}})
			if err != nil {
				written <- err
				return
			}
		}
		written <- nil
	}()
	for n := 1; n < versions; n++ {
		h.set(t, version(n)...)
	}
	if err := <-written; err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, at := range threads {
		c := h.awaitAt(t, at, "routed", routed).GetConversation()
		tier := c.GetVariables()["tier"]
		if c.GetVariables()["copy"] != tier || c.GetQueue() != "q-"+tier || c.GetRoutedBy() != "routes/v"+tier {
			t.Errorf("mixed: %v", c)
		}
		seen[tier] = true
	}
	if len(seen) < 2 {
		t.Errorf("all conversations were classified by versions %v: nothing was tried", seen)
	}
}

// L51: which queue has room is asked, and a house that does not answer holds
// nobody up.
func TestRoutingAsksForRoom(t *testing.T) {
	h := start(t)
	resources := h.ruled(t, nil, []*configv1.RoutingRule{
		{Name: "small", Queues: shares("small")}, {Name: "large", Queues: shares("large")}}, "large")
	small := &configv1.Queue{Meta: &configv1.Meta{Id: "small"}, Agents: []string{"mila"}, Overflow: []*configv1.OverflowRule{
		{Condition: configv1.OverflowCondition_OVERFLOW_CONDITION_ITEMS, Items: 2, Action: configv1.OverflowAction_OVERFLOW_ACTION_END}}}
	h.set(t, append(resources, small)...)
	h.say(t, "m1")
	if s := h.await(t, "routed", routed); s.GetConversation().GetQueue() != "small" {
		t.Errorf("nobody answers, and it went to %q", s.GetConversation().GetQueue())
	}
	index := make(chan int32, 1)
	asked := make(chan *distributionv1.PlaceRequest, 1)
	go func() {
		_ = bus.Serve(t.Context(), h.bus, "distribution.place", func(_ context.Context, req *distributionv1.PlaceRequest) (*distributionv1.PlaceResponse, error) {
			asked <- req
			return &distributionv1.PlaceResponse{Index: <-index}, nil
		})
	}()
	index <- 0
	for h.bus.Call(t.Context(), "distribution.place", &distributionv1.PlaceRequest{}, &distributionv1.PlaceResponse{}) != nil {
		if t.Context().Err() != nil {
			t.Fatal("nobody serves")
		}
	}
	<-asked
	for i, want := range []string{"large", "ends"} {
		at := subject.Thread{Page: shop, PSID: strconv.Itoa(8_000_000 + i)}
		index <- []int32{1, -1}[i]
		if i == 1 { // with no other queue
			resources := h.ruled(t, nil, []*configv1.RoutingRule{{Name: "small", Queues: shares("small")}})
			h.set(t, append(resources, small)...)
		}
		now := time.Now().UnixMilli()
		raw := fmt.Appendf(nil, `{"sender":{"id":%[1]q},"recipient":{"id":%[2]q},"timestamp":%[3]d,"message":{"mid":"m-%[1]s","text":"hello"}}`, at.PSID, shop, now)
		if err := h.bus.PublishInbound(t.Context(), []*inboundv1.Event{{Account: "demo", Page: shop, Psid: at.PSID, Lane: inboundv1.Lane_LANE_MESSAGING, Raw: raw, ReceivedMs: now}}); err != nil {
			t.Fatal(err)
		}
		s := h.awaitAt(t, at, "routed or ended", func(s *threadv1.State) bool {
			return routed(s) || s.GetConversation().GetPhase() == threadv1.Phase_PHASE_CLOSED
		})
		req := <-asked
		if req.GetConversation() != s.GetConversation().GetId() || req.GetCandidates()[0].GetLimit() != 2 {
			t.Errorf("asked %v", req)
		}
		switch c := s.GetConversation(); {
		case want == "ends" && c.GetClosedBy() != threadv1.Cause_CAUSE_OVERFLOWED, want != "ends" && c.GetQueue() != want:
			t.Errorf("want %s: %v", want, c)
		}
	}
}

// S39, L31, L119: a workstream's bot has its conversations before any rule runs, though
// the customer is known at once; when it hands over, the rules run with what it set.
func TestABotComesBeforeTheRules(t *testing.T) {
	h := start(t)
	resources := h.ruled(t, nil, []*configv1.RoutingRule{{Name: "gold", When: `variables.tier == "gold" && message.text == "Здравейте"`, Queues: shares("vip")}}, "vip")
	for _, r := range resources {
		if ws, ok := r.(*configv1.Workstream); ok {
			ws.Bot = &configv1.Bot{Url: "https://bot.example.com"}
		}
	}
	h.set(t, resources...)
	h.say(t, "m1")
	s := h.await(t, "opened", func(s *threadv1.State) bool { return s.GetConversation() != nil })
	if !thread.BotHas(s.GetConversation()) || routed(s) || s.GetCustomer().GetName() != "Vesela Ivanova" || h.commits(t) != 1 {
		t.Fatalf("a conversation that its bot has: %v", s)
	}
	_, _, err := h.bus.Update(t.Context(), customer, func(s *threadv1.State, _ uint64) ([]*threadv1.Fact, error) {
		return thread.AnswerBot(s, time.Now(), thread.BotAnswer{Conversation: s.GetConversation().GetId(), Ask: s.GetConversation().GetBot().GetAsks()[0],
			Variables: map[string]string{"tier": "gold"}, Escalated: &threadv1.BotEscalated{Reason: threadv1.BotReason_BOT_REASON_ASKED}}), nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if c := h.await(t, "routed", routed).GetConversation(); c.GetQueue() != "vip" || c.GetRoutedBy() != "routes/gold" {
		t.Errorf("conversation: %v", c)
	}
}
