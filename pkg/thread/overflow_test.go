package thread_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"

	"github.com/parley-desk/parley/pkg/thread"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
)

// TestOverflow is L53: who waited too long moves on or ends, and nobody else.
func TestOverflow(t *testing.T) {
	queued := func() *threadv1.State {
		return after(t, talk(t, closed), &threadv1.ConversationOpened{Id: "c2"}, &threadv1.ConversationRouted{Queue: "front", Rule: "new"})
	}
	offered := after(t, queued(), &threadv1.OfferMade{Agent: "mila", Fence: 100, UntilMs: 1})
	for _, c := range []struct {
		name         string
		state        *threadv1.State
		conversation string
		from, to     string
		want         any
		reason       string
	}{
		{"moves on", queued(), "c2", "front", "back", &threadv1.ConversationRouted{Queue: "back",
			Rule: "overflow: waited 1m30s in front", Passed: []string{"front: waited 1m30s"}}, ""},
		{"ends", queued(), "c2", "front", "", &threadv1.ConversationClosed{Cause: threadv1.Cause_CAUSE_OVERFLOWED}, ""},
		{"is another by now", queued(), "c1", "front", "back", nil, thread.NotCurrent},
		{"is offered", offered, "c2", "front", "back", nil, thread.WrongStatus},
		{"has gone to another queue", queued(), "c2", "vip", "back", nil, thread.Stale},
		{"would stay where it is", queued(), "c2", "front", "front", nil, thread.BadFact},
		{"has an agent", talk(t, active), talk(t, active).GetConversation().GetId(), "front", "back", nil, thread.WrongPhase},
		{"was never opened", thread.New("1", "2"), "c2", "front", "back", nil, thread.Unanswerable},
	} {
		t.Run(c.name, func(t *testing.T) {
			facts, err := thread.Overflow(c.state, c.conversation, c.from, c.to, 90*time.Second+7*time.Millisecond)
			if r, ok := errors.AsType[*thread.Refusal](err); c.reason != "" && (!ok || r.Reason != c.reason) {
				t.Fatalf("refused by %v, want %s", err, c.reason)
			}
			if c.want == nil {
				return
			}
			if d := cmp.Diff([]*threadv1.Fact{thread.Of(c.want)}, facts, protocmp.Transform()); d != "" || err != nil {
				t.Fatalf("%v\n%s", err, d)
			}
			if _, err := thread.Extend(c.state, 1, time.UnixMilli(5000), "test", facts...); err != nil {
				t.Fatalf("the thread does not take it: %v", err)
			}
		})
	}
}

// TestWaitingStartsAnew has a conversation wait, be taken, and come back: its
// place in the queue stays, the time it has waited does not (L53).
func TestWaitingStartsAnew(t *testing.T) {
	s := thread.New("1", "2")
	for n, step := range []struct {
		fact  any
		since int64
	}{
		{&threadv1.ConversationOpened{Id: "c"}, 1000},
		{&threadv1.ConversationRouted{Queue: "front"}, 2000},
		{&threadv1.OfferMade{Agent: "mila", Fence: 1}, 2000},
		{&threadv1.OfferEnded{Fence: 1}, 2000},
		{&threadv1.ConversationRouted{Queue: "back"}, 5000},
		{&threadv1.AgentAssigned{Agent: "mila", Cause: threadv1.Cause_CAUSE_PICKED}, 6000},
		{&threadv1.ConversationReleased{Cause: threadv1.Cause_CAUSE_RELEASED}, 7000},
	} {
		if err := thread.Apply(s, uint64(n), time.UnixMilli(int64(n+1)*1000), thread.Of(step.fact)); err != nil {
			t.Fatal(err)
		}
		if got := thread.WaitingSince(s.GetConversation()).UnixMilli(); got != step.since {
			t.Errorf("after %T it waits since %d, want %d", step.fact, got, step.since)
		}
	}
	if q := s.GetConversation().GetQueuedMs(); q != 5000 {
		t.Errorf("its place in the queue is %d, want 5000", q)
	}
}
