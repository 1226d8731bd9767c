package past_test

import (
	"testing"
	"time"

	"github.com/parley-desk/parley/pkg/thread"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
	"github.com/parley-desk/parley/services/desk/internal/past"
)

// story folds facts, each at its second.
type story struct {
	t     *testing.T
	state *threadv1.State
	past  past.Past
	n     uint64
}

func (s *story) at(second int64, kinds ...any) {
	s.t.Helper()
	var facts []*threadv1.Fact
	for _, k := range kinds {
		facts = append(facts, thread.Of(k))
	}
	c, err := thread.Extend(s.state, s.n, time.Unix(second, 0), "test", facts...)
	if err != nil {
		s.t.Fatalf("second %d: %v", second, err)
	}
	s.state, s.n = c.GetState(), s.n+1
	s.past.Add(c)
}

func TestWaitAndHandleTimes(t *testing.T) {
	s := &story{t: t, state: thread.New("1", "2")}
	s.at(1, &threadv1.MessageReceived{Mid: "m", Text: "hi", SentMs: 1})
	if s.past.Last() != nil {
		t.Error("there is a conversation before one opened")
	}
	s.at(10, &threadv1.ConversationOpened{Id: "c1", Units: 1})
	if wait, handle := s.past.Last().At(14_000); wait != 4000 || handle != 0 {
		t.Errorf("while it waits: %d, %d", wait, handle)
	}
	s.at(15, &threadv1.ConversationRouted{Queue: "front"})
	s.at(30, &threadv1.AgentAssigned{Agent: "mila", Cause: threadv1.Cause_CAUSE_PICKED})
	s.at(40, &threadv1.NoteAdded{Id: "n", Agent: "mila", Text: "x"})
	s.at(50, &threadv1.ConversationParked{Agent: "mila"})
	s.at(100, &threadv1.AgentAssigned{Agent: "mila", Cause: threadv1.Cause_CAUSE_RESUMED})
	s.at(110, &threadv1.ConversationEnded{Agent: "mila"})
	if wait, handle := s.past.Last().At(115_000); wait != 20_000 || handle != 35_000 {
		t.Errorf("in wrap-up: %d, %d", wait, handle)
	}
	s.at(120, &threadv1.ConversationClosed{Cause: threadv1.Cause_CAUSE_WRAPPED_UP, By: "mila"})
	s.at(200, &threadv1.ConversationOpened{Id: "c2", Units: 1})
	s.at(230, &threadv1.ConversationClosed{Cause: threadv1.Cause_CAUSE_FORCED})
	s.at(300, &threadv1.ConversationOpened{Id: "c3", Units: 1})
	before, count := s.past.Before(20)
	if count != 2 || len(before) != 2 || before[0].State.GetId() != "c2" || before[1].State.GetId() != "c1" {
		t.Fatalf("%d before: %v", count, before)
	}
	for i, want := range [][2]int64{{30_000, 0}, {20_000, 40_000}} {
		if wait, handle := before[i].At(999_000); wait != want[0] || handle != want[1] {
			t.Errorf("%s: %d, %d", before[i].State.GetId(), wait, handle)
		}
	}
	if before[1].ClosedMS != 120_000 || before[1].State.GetAgent() != "mila" {
		t.Errorf("%+v", before[1])
	}
	if some, count := s.past.Before(1); len(some) != 1 || count != 2 {
		t.Errorf("%d of %d", len(some), count)
	}
}
