package thread_test

import (
	"testing"
	"time"

	"github.com/parley-desk/parley/pkg/thread"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
)

// approached is an open conversation that waits in a queue, with a template for
// each use.
func approached(t *testing.T, known, transferred bool) *threadv1.State {
	t.Helper()
	s := after(t, thread.New("page", "psid"), &threadv1.MessageReceived{Mid: "m"})
	if known {
		after(t, s, &threadv1.ContactLinked{Contact: "ana", Source: threadv1.LinkSource_LINK_SOURCE_AGENT})
	}
	after(t, s, &threadv1.ConversationOpened{Id: "c", Units: 1, OfferSeconds: 60, Terms: &threadv1.Terms{
		Known:    &threadv1.Approach{Template: "known", Seconds: 20},
		Unknown:  &threadv1.Approach{Template: "unknown", Seconds: 30, AutoAssign: true},
		Transfer: &threadv1.Approach{Template: "transfer", Seconds: 40}}},
		&threadv1.ConversationRouted{Queue: "front"})
	if transferred {
		after(t, s, &threadv1.AgentAssigned{Agent: "mila", Cause: threadv1.Cause_CAUSE_PICKED},
			&threadv1.ConversationReleased{Cause: threadv1.Cause_CAUSE_TRANSFERRED, By: "mila"})
	}
	return s
}

// TestEachUseHasItsTemplate is L90: a conversation that comes in of a known contact,
// one of an unknown customer, one that was handed over. What a template says goes
// before what the workstream says itself (L91, L95).
func TestEachUseHasItsTemplate(t *testing.T) {
	for _, c := range []struct {
		use                string
		known, transferred bool
		change             func(*threadv1.Terms)
		lasts              time.Duration
		given              bool
	}{
		{"known", true, false, nil, 20 * time.Second, false},
		{"unknown", false, false, nil, 30 * time.Second, true},
		{"transfer", false, true, nil, 40 * time.Second, false},
		{"transfer", true, true, nil, 40 * time.Second, false},
		{"unknown", false, false, func(o *threadv1.Terms) { o.AutoAssign = true }, 30 * time.Second, true},
		{"known", true, false, func(o *threadv1.Terms) { o.AutoAssign = true }, 20 * time.Second, false},
		{"", false, false, func(o *threadv1.Terms) { o.Unknown = nil }, time.Minute, false},
		{"", false, false, func(o *threadv1.Terms) { o.Unknown, o.AutoAssign = nil, true }, time.Minute, true},
		{"", true, true, func(o *threadv1.Terms) { o.Transfer, o.AutoAssign = nil, true }, time.Minute, true},
	} {
		s := approached(t, c.known, c.transferred)
		if c.change != nil {
			c.change(s.Conversation.Terms)
		}
		if by := s.GetConversation().GetHandedBy(); (by == "mila") != c.transferred {
			t.Errorf("%+v: handed over by %q", c, by)
		}
		if got := thread.Approach(s).GetTemplate(); got != c.use || thread.OfferLasts(s) != c.lasts || thread.Given(s) != c.given {
			t.Errorf("%+v: template %q, %v, given %t", c, got, thread.OfferLasts(s), thread.Given(s))
		}
		facts, err := thread.MakeOffer(s, "c", "front", &threadv1.OfferMade{Agent: "orlin", Fence: 7})
		if err != nil {
			t.Fatal(err)
		}
		if assigned := len(facts) == 2 && facts[1].GetAgentAssigned().GetCause() == threadv1.Cause_CAUSE_AUTO_ASSIGNED; assigned != c.given {
			t.Errorf("%+v: the offer is %v", c, facts)
		}
	}
}

// TestWhatReturnsComesIn: a conversation that was handed over, set aside, and is
// opened again by its customer is one that comes in (L30, L90).
func TestWhatReturnsComesIn(t *testing.T) {
	s := after(t, approached(t, true, true), &threadv1.AgentAssigned{Agent: "orlin", Cause: threadv1.Cause_CAUSE_PICKED},
		&threadv1.ConversationParked{Agent: "orlin"}, &threadv1.ConversationRevived{})
	if got := thread.Approach(s).GetTemplate(); got != "known" || s.GetConversation().GetHandedBy() != "" {
		t.Errorf("asked by %q of %q, want the one for known contacts", got, s.GetConversation().GetHandedBy())
	}
}

// TestHandedOverByItsTemplate: who a conversation is handed to has the time of the
// template for that, from an agent and from a supervisor, and gets it at once where
// it says so (L90, L91).
func TestHandedOverByItsTemplate(t *testing.T) {
	at := time.UnixMilli(3000)
	for name, c := range map[string]struct {
		supervisor bool
		transfer   *threadv1.Approach
		until      time.Duration // 0: at once
	}{
		"an agent's, by the template":          {false, &threadv1.Approach{Seconds: 40}, 55 * time.Second},
		"an agent's, as is built in":           {false, nil, 75 * time.Second},
		"a supervisor's, by the template":      {true, &threadv1.Approach{Seconds: 40}, 40 * time.Second},
		"a supervisor's, as is built in":       {true, nil, 2 * time.Minute},
		"a supervisor's, given":                {true, &threadv1.Approach{Seconds: 40, AutoAssign: true}, 0},
		"an agent's, given when there is room": {false, &threadv1.Approach{Seconds: 10, AutoAssign: true}, 25 * time.Second},
	} {
		s := after(t, approached(t, true, false), &threadv1.AgentAssigned{Agent: "mila", Cause: threadv1.Cause_CAUSE_PICKED})
		s.Conversation.Terms.Transfer = c.transfer
		h := thread.Handover{Conversation: "c", By: "mila", Ask: "h", Patience: 2 * time.Minute}
		if c.supervisor {
			h.By, h.Supervisor = "sonya", true
		}
		facts, err := h.ToAgent(s, at, "orlin")
		if err != nil || len(facts) != 1 {
			t.Fatalf("%s: %v, %v", name, facts, err)
		}
		var until int64
		switch f := facts[0]; {
		case f.GetConversationReleased() != nil:
			until = f.GetConversationReleased().GetPreferUntilMs()
		case f.GetConsultAsked() != nil:
			until = f.GetConsultAsked().GetUntilMs()
		case f.GetAgentAssigned().GetAgent() != "orlin":
			t.Errorf("%s: %v", name, f)
		}
		want := int64(0)
		if c.until != 0 {
			want = at.Add(c.until).UnixMilli()
		}
		if until != want {
			t.Errorf("%s: until %d, want %d", name, until, want)
		}
	}
}
