package desk_test

import (
	"testing"

	"connectrpc.com/connect"

	deskv1 "github.com/parley-desk/parley/proto/gen/parley/desk/v1"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
)

// TestWhoPicksTooLate hears that somebody else has it, by a moment or by more.
func TestWhoPicksTooLate(t *testing.T) {
	h := newHouse(t)
	mila := h.agent("mila")
	h.wait(raced, "front", 0, &threadv1.Terms{PickOnly: true})
	for _, late := range []string{"by a moment", "by more"} {
		_, err := mila.desk.PickConversation(t.Context(), connect.NewRequest(&deskv1.PickConversationRequest{Ref: ref(raced)}))
		if reason := refusal(err); reason != "NO_SUCH_CONVERSATION" {
			t.Errorf("%s: %q, %v", late, reason, err)
		}
	}
}
