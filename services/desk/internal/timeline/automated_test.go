package timeline_test

import (
	"testing"

	"github.com/parley-desk/parley/pkg/thread"
	deskv1 "github.com/parley-desk/parley/proto/gen/parley/desk/v1"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
)

// An automated message is nobody's, and none that failed asks the agent for
// anything.
func TestAutomatedMessages(t *testing.T) {
	automated := &threadv1.Automated{Trigger: threadv1.Trigger_TRIGGER_AGENT_JOINED, Answers: 1}
	hello := thread.Of(&threadv1.SendRequested{Id: "a", Parts: []string{"Mila has joined."}, Automated: automated})
	attempted := thread.Of(&threadv1.SendAttempted{Id: "a", Attempt: 1})
	for name, c := range map[string]struct {
		facts  []*threadv1.Fact
		want   deskv1.Delivery
		reason string
	}{
		"on its way": {[]*threadv1.Fact{attempted}, deskv1.Delivery_DELIVERY_SENDING, ""},
		"sent":       {[]*threadv1.Fact{attempted, answered("a", 0, "m")}, deskv1.Delivery_DELIVERY_SENT, ""},
		"refused":    {[]*threadv1.Fact{thread.Of(&threadv1.SendRefused{Id: "a", Reason: "WINDOW_CLOSED"})}, deskv1.Delivery_DELIVERY_ABANDONED, "WINDOW_CLOSED"},
		"not confirmed": {[]*threadv1.Fact{attempted, thread.Of(&threadv1.SendUncertain{Id: "a"}), thread.Of(&threadv1.SendUnconfirmed{Id: "a"})},
			deskv1.Delivery_DELIVERY_ABANDONED, ""},
		"sent after all": {[]*threadv1.Fact{attempted, thread.Of(&threadv1.SendUnconfirmed{Id: "a"}), echoed("a", 0, "m", 9)}, deskv1.Delivery_DELIVERY_SENT, ""},
	} {
		l := (&log{}).commit(hello)
		for _, f := range c.facts {
			l.commit(f)
		}
		item := l.fold().Find("a")
		if item.GetAuthor() != deskv1.Author_AUTHOR_AUTOMATED || item.GetDetails()["trigger"] != "agent_joined" || item.GetAgent() != "" ||
			item.GetText() != "Mila has joined." || item.GetDelivery() != c.want || item.GetReason() != c.reason {
			t.Errorf("%s: %v", name, item)
		}
	}
}

// What agents are told, and what customers say to a notice, are turns of the
// conversation.
func TestToldAndConsented(t *testing.T) {
	l := (&log{}).commit(thread.Of(&threadv1.AgentTold{Text: "gone", Automated: &threadv1.Automated{Trigger: threadv1.Trigger_TRIGGER_CUSTOMER_DISCONNECTED}})).
		commit(thread.Of(&threadv1.ConsentGiven{Notice: "n", Agreed: true})).commit(thread.Of(&threadv1.ConsentGiven{Notice: "n"}))
	items, _ := l.fold().Page(0, 10)
	if len(items) != 3 {
		t.Fatalf("%d items", len(items))
	}
	for i, want := range []string{"agent_told", "consent_given", "consent_refused"} {
		if items[i].GetAuthor() != deskv1.Author_AUTHOR_SYSTEM || items[i].GetText() != want {
			t.Errorf("%v, want %s", items[i], want)
		}
	}
	if d := items[0].GetDetails(); d["text"] != "gone" || d["trigger"] != "customer_disconnected" {
		t.Errorf("told %v", d)
	}
}

// What a bot writes is the bot's, asks nothing of the agent when it fails, and why
// the bot gave the conversation up is a turn of it, with what it found out.
func TestBot(t *testing.T) {
	l := (&log{}).commit(thread.Of(&threadv1.SendRequested{Id: "b", Parts: []string{"Hello"}, Bot: &threadv1.BotReply{},
		QuickReplies: []*threadv1.QuickReply{{Title: "Orders", Payload: "orders"}}})).
		commit(thread.Of(&threadv1.SendRefused{Id: "b", Reason: "WINDOW_CLOSED"})).
		commit(thread.Of(&threadv1.VariablesSet{Variables: map[string]string{"topic": "orders"}, Bot: true})).
		commit(thread.Of(&threadv1.BotEscalated{Reason: threadv1.BotReason_BOT_REASON_LATE, Detail: "no answer in time", Summary: "refund"})).
		commit(thread.Of(&threadv1.BotDropped{Ask: 1}))
	items, _ := l.fold().Page(0, 10)
	if len(items) != 4 {
		t.Fatalf("%d items", len(items))
	}
	if b := items[0]; b.GetAuthor() != deskv1.Author_AUTHOR_BOT || b.GetDelivery() != deskv1.Delivery_DELIVERY_ABANDONED || len(b.GetQuickReplies()) != 1 {
		t.Errorf("%v", b)
	}
	if d := items[1].GetDetails(); items[1].GetText() != "variables_set" || d["bot"] == "" || d["by"] != "" {
		t.Errorf("%v", items[1])
	}
	if d := items[2].GetDetails(); items[2].GetText() != "bot_escalated" || d["reason"] != "late" || d["detail"] != "no answer in time" || d["summary"] != "refund" {
		t.Errorf("%v", items[2])
	}
	if items[3].GetText() != "bot_dropped" {
		t.Errorf("%v", items[3])
	}
}
