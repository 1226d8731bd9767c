package routing_test

import (
	"testing"
	"time"

	"github.com/parley-desk/parley/pkg/directory"
	"github.com/parley-desk/parley/pkg/rules"
	"github.com/parley-desk/parley/pkg/thread"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
	"github.com/parley-desk/parley/services/classification/internal/routing"
)

// open is a thread whose conversation c1 opened with this workstream.
func open(workstream string) *threadv1.State {
	s := thread.New("10", "70")
	s.Conversation = &threadv1.Conversation{Id: "c1", Phase: threadv1.Phase_PHASE_OPEN, Workstream: workstream}
	return s
}

func TestDecide(t *testing.T) {
	route := routing.Route{Outcome: rules.Outcome{Queue: "front", Rule: "workstream ws"}, Version: 7}
	profile := &threadv1.CustomerProfiled{Name: "Vesela"}
	s := open("ws")
	facts := routing.Decide(s, "c1", route, profile, "")
	if len(facts) != 2 || facts[0].GetCustomerProfiled() != profile || facts[1].GetConversationRouted().GetQueue() != "front" {
		t.Fatalf("facts: %v", facts)
	}
	for _, f := range facts {
		if err := thread.Apply(s, 1, time.UnixMilli(1), f); err != nil {
			t.Fatal(err)
		}
	}
	if s.GetConversation().GetQueue() != "front" || s.GetCustomer().GetName() != "Vesela" {
		t.Errorf("state: %v", s)
	}
	if len(routing.Decide(open("ws"), "c1", route, nil, "")) != 1 {
		t.Error("without a profile there is one fact")
	}
	if facts := routing.Decide(open("ws"), "c1", routing.Route{}, profile, ""); len(facts) != 1 || facts[0].GetCustomerProfiled() != profile {
		t.Errorf("what leads nowhere keeps the profile: %v", facts)
	}
	route.Classified = &threadv1.ConversationClassified{Rules: []string{"vip/gold"}}
	if facts := routing.Decide(open("ws"), "c1", route, nil, ""); len(facts) != 2 || facts[0].GetConversationClassified() != route.Classified ||
		facts[1].GetConversationRouted().GetVersion() != 7 {
		t.Errorf("classified: %v", facts)
	}
	route.Outcome = rules.Outcome{Rule: "overflow: front is full", Ends: true}
	if facts := routing.Decide(open("ws"), "c1", route, nil, ""); len(facts) != 2 ||
		facts[1].GetConversationClosed().GetCause() != threadv1.Cause_CAUSE_OVERFLOWED {
		t.Errorf("ends: %v", facts)
	}
	closed := open("ws")
	closed.Conversation.Phase = threadv1.Phase_PHASE_CLOSED
	for name, facts := range map[string][]*threadv1.Fact{
		"routed already":       routing.Decide(s, "c1", route, profile, ""),
		"another conversation": routing.Decide(open("ws"), "c0", route, profile, ""),
		"closed":               routing.Decide(closed, "c1", route, profile, ""),
		"no conversation":      routing.Decide(thread.New("10", "70"), "", route, profile, ""),
		"nowhere to go":        routing.Decide(open("ws"), "c1", routing.Route{}, nil, ""),
	} {
		if len(facts) != 0 {
			t.Errorf("%s: %v", name, facts)
		}
	}
}

func TestUnknown(t *testing.T) {
	now := time.UnixMilli(1_760_000_000_000)
	s := thread.New("10", "70")
	if !routing.Unknown(s, now, time.Hour) {
		t.Error("never looked up")
	}
	s.Customer = &threadv1.Customer{FetchedMs: now.Add(-time.Hour).UnixMilli()}
	if routing.Unknown(s, now, time.Hour) {
		t.Error("looked up an hour ago")
	}
	if !routing.Unknown(s, now.Add(time.Millisecond), time.Hour) {
		t.Error("looked up longer ago")
	}
}

// Who waits in a queue that is deleted goes elsewhere, as he is; who is offered to
// somebody, or has gone on, does not.
func TestOutOfAQueueThatIsGone(t *testing.T) {
	route := routing.Route{From: "night", Version: 7, Classified: &threadv1.ConversationClassified{Rules: []string{"vip/gold"}},
		Outcome: rules.Outcome{Queue: "front", Rule: "workstream ws", Passed: []string{"back: closed"}}}
	for name, c := range map[string]struct {
		change func(c *threadv1.Conversation)
		lost   bool
		moves  bool
	}{
		"it waits":             {func(*threadv1.Conversation) {}, true, true},
		"it is offered":        {func(c *threadv1.Conversation) { c.Offer = &threadv1.Offer{Agent: "mila"} }, false, false},
		"an agent has it":      {func(c *threadv1.Conversation) { c.Phase = threadv1.Phase_PHASE_ACTIVE }, false, false},
		"it is set aside":      {func(c *threadv1.Conversation) { c.Phase = threadv1.Phase_PHASE_WAITING }, false, false},
		"it is over":           {func(c *threadv1.Conversation) { c.Phase = threadv1.Phase_PHASE_CLOSED }, false, false},
		"it is elsewhere":      {func(c *threadv1.Conversation) { c.Queue = "front" }, false, false},
		"it is in none at all": {func(c *threadv1.Conversation) { c.Queue = "" }, false, true},
	} {
		s := open("ws")
		s.Conversation.Queue, s.Contact = "night", &threadv1.ContactLink{Contact: "ivan"}
		c.change(s.Conversation)
		was := s.GetConversation().GetQueue()
		d := directory.NewSnapshot(&configv1.Queue{Meta: &configv1.Meta{Id: "front"}})
		if got := routing.Lost(d, s); got != c.lost {
			t.Errorf("%s: lost is %t", name, got)
		}
		facts := routing.Decide(s, "c1", route, nil, "maria")
		if len(facts) > 0 != c.moves {
			t.Errorf("%s: %v", name, facts)
		}
		if was != "night" || !c.moves {
			continue
		}
		if r := facts[0].GetConversationRouted(); len(facts) != 1 || r.GetQueue() != "front" || r.GetVersion() != 7 || len(r.GetPassed()) != 2 || r.GetPassed()[0] != "night: gone" {
			t.Errorf("%s: %v", name, facts)
		}
	}
}
