package thread_test

import (
	"testing"
	"time"

	"github.com/parley-desk/parley/pkg/thread"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
)

func TestWaitAndHandleTimes(t *testing.T) {
	state, revision := thread.New("1", "2"), uint64(0)
	at := func(second int64, kind any) {
		t.Helper()
		c, err := thread.Extend(state, revision, time.Unix(second, 0), "test", thread.Of(kind))
		if err != nil {
			t.Fatalf("second %d: %v", second, err)
		}
		state, revision = c.GetState(), revision+1
	}
	expect := func(second int64, waits, handles time.Duration) {
		t.Helper()
		if wait, handle := thread.Times(state.GetConversation(), time.Unix(second, 0)); wait != waits*time.Second || handle != handles*time.Second {
			t.Errorf("second %d: %v, %v", second, wait, handle)
		}
	}
	at(1, &threadv1.MessageReceived{Mid: "m", Text: "hi", SentMs: 1})
	expect(9, 0, 0)
	at(10, &threadv1.ConversationOpened{Id: "c1", Units: 1})
	expect(14, 4, 0)
	at(15, &threadv1.ConversationRouted{Queue: "front"})
	at(30, &threadv1.AgentAssigned{Agent: "mila", Cause: threadv1.Cause_CAUSE_PICKED})
	at(40, &threadv1.NoteAdded{Id: "n", Agent: "mila", Text: "x"})
	expect(45, 20, 15)
	at(50, &threadv1.ConversationParked{Agent: "mila"})
	expect(90, 20, 20)
	at(100, &threadv1.AgentAssigned{Agent: "mila", Cause: threadv1.Cause_CAUSE_RESUMED})
	at(105, &threadv1.AgentAssigned{Agent: "ivo", Cause: threadv1.Cause_CAUSE_TRANSFERRED})
	at(110, &threadv1.ConversationEnded{Agent: "ivo"})
	expect(115, 20, 35)
	expect(0, 20, 30) // another process's clock
	at(120, &threadv1.ConversationClosed{Cause: threadv1.Cause_CAUSE_WRAPPED_UP, By: "ivo"})
	expect(999, 20, 40)
	if state.GetConversation().GetBeforeRevision() != 0 {
		t.Error("something was before the first")
	}
	at(200, &threadv1.ConversationOpened{Id: "c2", Units: 1})
	if before := state.GetConversation().GetBeforeRevision(); before != revision-1 {
		t.Errorf("before it is %d, not %d", before, revision-1)
	}
	at(230, &threadv1.ConversationClosed{Cause: threadv1.Cause_CAUSE_FORCED})
	expect(999, 30, 0)
}
