package thread_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/parley-desk/parley/pkg/thread"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
)

const inbox = "263902037430900" // app id of the page's own inbox

func TestWhoHasTheThread(t *testing.T) {
	at := func(s int) int64 { return int64(s) * 1000 }
	open := []any{
		&threadv1.MessageReceived{Mid: "m1", Text: "hello", SentMs: at(1)},
		&threadv1.ConversationOpened{Id: "c1", Units: 1},
		&threadv1.AgentAssigned{Agent: "mila", Cause: threadv1.Cause_CAUSE_PICKED},
	}
	asked := &threadv1.SendRequested{Id: "s", ClientId: "x", Agent: "mila", Parts: []string{"a"}, Human: true}
	tried := &threadv1.SendAttempted{Id: "s", Attempt: 1, DeadlineMs: at(99)}
	for name, c := range map[string]struct {
		facts []any
		app   string
		owned bool
	}{
		"nobody else":                {nil, "", false},
		"taken by the inbox":         {[]any{&threadv1.ControlMoved{How: "take", ToApp: inbox, SentMs: at(2)}}, inbox, true},
		"taken by nobody knows":      {[]any{&threadv1.ControlMoved{How: "take", FromApp: "42", SentMs: at(2)}}, "", true},
		"passed to an app":           {[]any{&threadv1.ControlMoved{How: "pass", ToApp: "77", SentMs: at(2)}}, "77", true},
		"passed back":                {[]any{&threadv1.ControlMoved{How: "take", ToApp: inbox, SentMs: at(2)}, &threadv1.ControlMoved{How: "pass", ToApp: "42", Ours: true, SentMs: at(3)}}, "", false},
		"passed to nobody":           {[]any{&threadv1.ControlMoved{How: "take", ToApp: inbox, SentMs: at(2)}, &threadv1.ControlMoved{How: "pass", SentMs: at(3)}}, "", false},
		"told in the wrong order":    {[]any{&threadv1.ControlMoved{How: "pass", ToApp: "42", Ours: true, SentMs: at(3)}, &threadv1.ControlMoved{How: "take", ToApp: inbox, SentMs: at(2)}}, "", false},
		"asked for":                  {[]any{&threadv1.ControlMoved{How: "request", ToApp: inbox, SentMs: at(2)}}, "", false},
		"a message in standby":       {[]any{&threadv1.MessageReceived{Mid: "m2", SentMs: at(2), Standby: true}}, "", true},
		"it is remembered who":       {[]any{&threadv1.ControlMoved{How: "take", ToApp: inbox, SentMs: at(2)}, &threadv1.MessageReceived{Mid: "m2", SentMs: at(3), Standby: true}}, inbox, true},
		"an echo in standby":         {[]any{&threadv1.ExternalMessageSent{Mid: "m2", AppId: inbox, SentMs: at(2), Standby: true}}, inbox, true},
		"an echo of another app":     {[]any{&threadv1.ExternalMessageSent{Mid: "m2", AppId: "77", SentMs: at(2)}}, "", false},
		"a message to us after":      {[]any{&threadv1.ControlMoved{How: "take", ToApp: inbox, SentMs: at(2)}, &threadv1.MessageReceived{Mid: "m2", SentMs: at(3)}}, "", false},
		"a send is refused":          {[]any{asked, tried, &threadv1.SendRefused{Id: "s", Reason: "THREAD_OWNED"}}, "", true},
		"a send is taken":            {[]any{asked, &threadv1.ControlMoved{How: "take", ToApp: inbox, SentMs: at(2)}, tried, &threadv1.SendSucceeded{Id: "s", Mid: "m3", Proof: "answer"}}, "", false},
		"a send that left before is": {[]any{asked, tried, &threadv1.ControlMoved{How: "take", ToApp: inbox, SentMs: at(20)}, &threadv1.SendSucceeded{Id: "s", Mid: "m3", Proof: "answer"}}, inbox, true},
		"an agent took it":           {[]any{&threadv1.ControlMoved{How: "take", ToApp: inbox, SentMs: at(2)}, &threadv1.ControlMoved{How: thread.Taken, Ours: true, SentMs: at(10), Agent: "mila"}}, "", false},
		"a log of before":            {[]any{&threadv1.EventKept{Kind: "take_thread_control", Standby: true, SentMs: at(2)}}, "", true},
	} {
		t.Run(name, func(t *testing.T) {
			s, now := thread.New("1", "2"), time.UnixMilli(at(10))
			for i, f := range append(append([]any{}, open...), c.facts...) {
				if err := thread.Apply(s, uint64(i), now, thread.Of(f)); err != nil {
					t.Fatal(err)
				}
			}
			o, owned := thread.OwnerAt(s, now)
			if o.App != c.app || owned != c.owned {
				t.Errorf("it has %+v, %v; want %q, %v", o, owned, c.app, c.owned)
			}
			_, err := thread.RequestSend(s, now, "c1", "mila", "s2", "y", "hi")
			if r, _ := err.(*thread.Refusal); owned != (r != nil && r.Reason == thread.ThreadOwned) {
				t.Errorf("sending: %v", err)
			}
			facts, err := thread.TakeControl(s, now, "c1", "mila")
			if err != nil || owned && len(facts) != 1 {
				t.Fatalf("taking it gives %v, %v", facts, err)
			}
			for _, f := range facts {
				if err := thread.Apply(s, 99, now, f); err != nil {
					t.Fatal(err)
				}
			}
			if _, owned := thread.OwnerAt(s, now); owned {
				t.Error("it was taken and is another's")
			}
			if _, err := thread.TakeControl(s, now, "c1", "orlin"); err == nil {
				t.Error("an agent took control of another's conversation")
			}
		})
	}
}

// Whoever has a thread, it is anybody's again a day after the last sign of it,
// and an older word never overrules a newer one.
func TestOwnershipEndsAndOlderWordsCountForNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := thread.New("1", "2")
		var newest int64
		owned := false
		for i := range rapid.IntRange(1, 20).Draw(t, "words") {
			ms := rapid.Int64Range(0, 50).Draw(t, "at")
			mine := rapid.Bool().Draw(t, "ours")
			m := &threadv1.ControlMoved{How: "pass", ToApp: "7", Ours: mine, SentMs: ms}
			if err := thread.Apply(s, uint64(i), time.UnixMilli(1), thread.Of(m)); err != nil {
				t.Fatal(err)
			}
			if ms >= newest {
				newest, owned = ms, !mine
			}
		}
		if _, got := thread.OwnerAt(s, time.UnixMilli(newest)); got != owned {
			t.Fatalf("owned %v, want %v", got, owned)
		}
		if o, got := thread.OwnerAt(s, time.UnixMilli(newest).Add(24*time.Hour)); got {
			t.Fatalf("a day later %+v has it", o)
		}
	})
}
