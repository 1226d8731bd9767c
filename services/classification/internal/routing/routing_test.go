package routing_test

import (
	"testing"
	"time"

	"github.com/parley-desk/parley/pkg/directory"
	"github.com/parley-desk/parley/pkg/thread"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
	"github.com/parley-desk/parley/services/classification/internal/routing"
)

func meta(id string) *configv1.Meta { return &configv1.Meta{Id: id} }

func page(workstream string) *configv1.Page {
	return &configv1.Page{Meta: meta("shop"), PageId: "10", Workstream: workstream}
}

func workstream(id, queue, fallback string) *configv1.Workstream {
	return &configv1.Workstream{Meta: meta(id), Queue: queue, FallbackQueue: fallback}
}

func queue(id string, agents ...string) *configv1.Queue {
	return &configv1.Queue{Meta: meta(id), Agents: agents}
}

// open is a thread whose conversation c1 opened with this workstream.
func open(workstream string) *threadv1.State {
	s := thread.New("10", "70")
	s.Conversation = &threadv1.Conversation{Id: "c1", Phase: threadv1.Phase_PHASE_OPEN, Workstream: workstream}
	return s
}

func TestChoose(t *testing.T) {
	type world = []directory.Resource
	for _, c := range []struct {
		name   string
		opened string // workstream the conversation opened with
		world  world
		want   routing.Route
	}{
		{"its queue", "ws", world{page("ws"), workstream("ws", "front", "back"), queue("front", "mila"), queue("back", "orlin")},
			routing.Route{Queue: "front", Rule: "workstream ws"}},
		{"the page has moved on, the conversation has not", "ws", world{page("new"), workstream("ws", "front", ""), workstream("new", "back", ""), queue("front", "mila"), queue("back", "orlin")},
			routing.Route{Queue: "front", Rule: "workstream ws"}},
		{"its workstream is gone", "ws", world{page("new"), workstream("new", "back", ""), queue("back", "orlin")},
			routing.Route{Queue: "back", Rule: "workstream new"}},
		{"opened without, has one now", "", world{page("ws"), workstream("ws", "front", ""), queue("front", "mila")},
			routing.Route{Queue: "front", Rule: "workstream ws"}},
		{"queue is gone", "ws", world{page("ws"), workstream("ws", "front", "back"), queue("back")},
			routing.Route{Queue: "back", Rule: "fallback: queue front is gone"}},
		{"no queue named", "ws", world{page("ws"), workstream("ws", "", "back"), queue("back", "orlin")},
			routing.Route{Queue: "back", Rule: "fallback: workstream has no queue"}},
		{"nobody in the queue", "ws", world{page("ws"), workstream("ws", "front", "back"), queue("front"), queue("back", "orlin")},
			routing.Route{Queue: "back", Rule: "fallback: queue front has no agents"}},
		{"nobody in either", "ws", world{page("ws"), workstream("ws", "front", "back"), queue("front"), queue("back")},
			routing.Route{Queue: "front", Rule: "workstream ws"}},
		{"nobody, no fallback", "ws", world{page("ws"), workstream("ws", "front", ""), queue("front")},
			routing.Route{Queue: "front", Rule: "workstream ws"}},
		{"both are gone", "ws", world{page("ws"), workstream("ws", "front", "back")},
			routing.Route{Rule: "fallback: queue front is gone"}},
		{"page without workstream", "", world{page(""), queue("front", "mila")},
			routing.Route{Rule: "fallback: page has no workstream"}},
		{"page is gone", "", world{queue("front", "mila")},
			routing.Route{Rule: "fallback: page is not connected"}},
	} {
		if got := routing.Choose(directory.NewSnapshot(c.world...), open(c.opened)); got != c.want {
			t.Errorf("%s: %+v, want %+v", c.name, got, c.want)
		}
	}
}

func TestDecide(t *testing.T) {
	route := routing.Route{Queue: "front", Rule: "workstream ws"}
	profile := &threadv1.CustomerProfiled{Name: "Vesela"}
	s := open("ws")
	facts := routing.Decide(s, "c1", route, profile)
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
	if len(routing.Decide(open("ws"), "c1", route, nil)) != 1 {
		t.Error("without a profile there is one fact")
	}
	closed := open("ws")
	closed.Conversation.Phase = threadv1.Phase_PHASE_CLOSED
	for name, facts := range map[string][]*threadv1.Fact{
		"routed already":       routing.Decide(s, "c1", route, profile),
		"another conversation": routing.Decide(open("ws"), "c0", route, profile),
		"closed":               routing.Decide(closed, "c1", route, profile),
		"no conversation":      routing.Decide(thread.New("10", "70"), "", route, profile),
		"nowhere to go":        routing.Decide(open("ws"), "c1", routing.Route{}, profile),
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
