package thread_test

import (
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/parley-desk/parley/pkg/thread"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
)

// TestARestoredThreadPostsNothingByItself: whatever its sends had come to, none is for
// outbound to drive; those that a person wrote are for their agent, and an echo still
// proves them.
func TestARestoredThreadPostsNothingByItself(t *testing.T) {
	send := func(id string, status threadv1.SendStatus, attempt int32, agent string) *threadv1.Send {
		return &threadv1.Send{Id: id, Conversation: "c", Agent: agent, Parts: 2, Status: status, Attempt: attempt}
	}
	s := &threadv1.State{Page: "1", Psid: "a", Conversation: &threadv1.Conversation{Id: "c", Phase: threadv1.Phase_PHASE_ACTIVE, Agent: "mila"}, Sends: []*threadv1.Send{
		send("decided", threadv1.SendStatus_SEND_STATUS_UNCONFIRMED, 1, "mila"),
		send("uncertain", threadv1.SendStatus_SEND_STATUS_UNCERTAIN, 2, "mila"),
		send("attempted", threadv1.SendStatus_SEND_STATUS_ATTEMPTED, 1, "mila"),
		send("automated", threadv1.SendStatus_SEND_STATUS_REQUESTED, 0, ""),
		send("deferred", threadv1.SendStatus_SEND_STATUS_REQUESTED, 3, "mila"),
		send("waiting", threadv1.SendStatus_SEND_STATUS_REQUESTED, 0, "mila"),
	}}
	now := time.Now()
	for _, fact := range thread.Unconfirm(proto.CloneOf(s), now.UnixMilli()) {
		if err := thread.Apply(s, 9, now, fact); err != nil {
			t.Fatalf("%v: %v", fact, err)
		}
	}
	if next := thread.NextSend(s); next != nil {
		t.Errorf("outbound would drive %v", next)
	}
	var left []string
	for _, one := range s.GetSends() {
		left = append(left, one.GetId())
		if one.GetStatus() != threadv1.SendStatus_SEND_STATUS_UNCONFIRMED {
			t.Errorf("%s is %s", one.GetId(), one.GetStatus())
		}
	}
	if len(left) != 5 {
		t.Errorf("left are %v, want all but what nobody wrote", left)
	}
	if more := thread.Unconfirm(s, now.UnixMilli()); len(more) > 0 {
		t.Errorf("a second time it does %v", more)
	}
	echo := thread.Echoed(s, thread.Echo{ID: "waiting", Attempt: 1, Mid: "m"})
	if echo.GetSendSucceeded() == nil {
		t.Errorf("an echo of a reply that was sent after the backup proves nothing: %v", echo)
	}
}
