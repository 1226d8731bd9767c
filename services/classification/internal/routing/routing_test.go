package routing_test

import (
	"testing"
	"time"

	"github.com/parley-desk/parley/pkg/rules"
	"github.com/parley-desk/parley/pkg/thread"
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
