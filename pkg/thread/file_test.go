package thread_test

import (
	"errors"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/parley-desk/parley/pkg/thread"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
)

// TestFilesWaitOnce: what a message brings waits until one fact says what became
// of it, and a second changes nothing.
func TestFilesWaitOnce(t *testing.T) {
	s := thread.New("10", "20")
	message := func(mid string) *threadv1.Fact {
		f := thread.Of(&threadv1.MessageReceived{Mid: mid, Attachments: []*threadv1.Attachment{
			{Type: "image", Url: "https://a"}, {Type: "location"}, {Type: "fallback", Url: "https://b"},
			{Type: "file", Url: "https://c"}, {Type: "file", Refused: "OFF"}, {Type: "video", Url: "https://d", Refused: "OFF"}}})
		f.EventKey = "m:" + mid
		return f
	}
	steps := []struct {
		name    string
		fact    *threadv1.Fact
		refused bool
		left    int
	}{
		{"two files", message("a"), false, 2},
		{"no mid", message(""), false, 4},
		{"kept", thread.Of(&threadv1.AttachmentKept{Message: "a", Index: 0}), false, 3},
		{"kept again", thread.Of(&threadv1.AttachmentKept{Message: "a", Index: 0}), true, 3},
		{"lost after kept", thread.Of(&threadv1.AttachmentLost{Message: "a", Index: 0}), true, 3},
		{"never there", thread.Of(&threadv1.AttachmentLost{Message: "a", Index: 1}), true, 3},
		{"by the event's key", thread.Of(&threadv1.AttachmentLost{Message: "m:", Index: 3}), false, 2},
		{"taken back", thread.Of(&threadv1.MessageUnsent{Mid: "a"}), false, 1},
		{"kept after it was taken back", thread.Of(&threadv1.AttachmentKept{Message: "a", Index: 3}), true, 1},
	}
	for i, step := range steps {
		err := thread.Apply(s, uint64(i), time.UnixMilli(0), step.fact)
		var refusal *thread.Refusal
		if step.refused != errors.As(err, &refusal) || !step.refused && err != nil {
			t.Fatalf("%s: %v", step.name, err)
		}
		if got := len(s.GetFiles()); got != step.left {
			t.Fatalf("%s: %d files wait, not %d", step.name, got, step.left)
		}
	}
	if !thread.Pending(s, "m:", 0) || thread.Pending(s, "a", 0) {
		t.Errorf("waiting: %v", s.GetFiles())
	}
	elsewhere := thread.Of(&threadv1.ExternalMessageSent{Mid: "x", Attachments: []*threadv1.Attachment{{Type: "image", Url: "https://e"}, {Type: "template"}}})
	if err := thread.Apply(s, 98, time.UnixMilli(0), elsewhere); err != nil || !thread.Pending(s, "x", 0) || thread.Pending(s, "x", 1) {
		t.Errorf("of a message from elsewhere wait %v (%v)", s.GetFiles(), err)
	}
	for range 2 { // whoever reads the log again erases again
		if err := thread.Apply(s, 99, time.UnixMilli(0), thread.Of(&threadv1.FilesErased{By: "admin"})); err != nil || len(s.GetFiles()) != 0 {
			t.Errorf("erased, and waiting: %v (%v)", s.GetFiles(), err)
		}
	}
}

// TestWaitingFilesAreBounded: a state must stay small, whoever sends what.
func TestWaitingFilesAreBounded(t *testing.T) {
	s := thread.New("10", "20")
	flood := &threadv1.MessageReceived{Mid: "flood"}
	for range 5000 {
		flood.Attachments = append(flood.Attachments, &threadv1.Attachment{Type: "image", Url: "https://a"})
	}
	if err := thread.Apply(s, 1, time.UnixMilli(0), thread.Of(flood)); err != nil || len(s.GetFiles()) > 200 {
		t.Errorf("%d files wait (%v)", len(s.GetFiles()), err)
	}
}

// TestWhoIsErasedIsNew holds that nothing is left in the state, in whatever phase the
// conversation is, that nobody goes on with what was, and that who writes next
// begins as anybody does.
func TestWhoIsErasedIsNew(t *testing.T) {
	for _, phase := range []threadv1.Phase{threadv1.Phase_PHASE_OPEN, threadv1.Phase_PHASE_ACTIVE, threadv1.Phase_PHASE_WAITING, threadv1.Phase_PHASE_WRAP_UP, threadv1.Phase_PHASE_CLOSED} {
		s := talk(t, phase)
		c, err := thread.Extend(s, 9, time.UnixMilli(9000), "w", thread.Of(&threadv1.ThreadErased{Erasure: "e"}))
		if err != nil {
			t.Fatalf("%v: %v", phase, err)
		}
		if !thread.Erased(c) || !proto.Equal(c.GetState(), thread.New(s.GetPage(), s.GetPsid())) {
			t.Errorf("%v: left %v", phase, c.GetState())
		}
		for _, late := range []any{&threadv1.SendRequested{Id: "s", Agent: "mila", Parts: []string{"x"}}, &threadv1.SendSucceeded{Id: "s1", Mid: "m"},
			&threadv1.ConversationClosed{Cause: threadv1.Cause_CAUSE_WRAPPED_UP}, &threadv1.AgentAssigned{Agent: "mila", Cause: threadv1.Cause_CAUSE_PICKED}} {
			if err := thread.Apply(proto.CloneOf(c.GetState()), 10, time.UnixMilli(9001), thread.Of(late)); err == nil {
				t.Errorf("%v: %T goes on with what was", phase, late)
			}
		}
		fresh := after(t, c.GetState(), &threadv1.MessageReceived{Mid: "m9"}, &threadv1.ConversationOpened{Id: "c9", Workstream: "w", Units: 1, OfferSeconds: 60})
		if fresh.GetConversations() != 1 || fresh.GetConversation().GetId() != "c9" {
			t.Errorf("%v: who writes next is %v", phase, fresh)
		}
	}
}
