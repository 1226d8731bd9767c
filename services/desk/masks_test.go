package desk_test

import (
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect"
	"github.com/google/uuid"
	"google.golang.org/protobuf/encoding/prototext"

	"github.com/parley-desk/parley/pkg/thread"
	deskv1 "github.com/parley-desk/parley/proto/gen/parley/desk/v1"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
)

// TestWhatAgentsWriteIsMaskedBeforeItIsKept (L19): of a text, of its quick replies
// and of a template nothing that a rule hides reaches the log, from which it would
// be sent, quoted and exported.
func TestWhatAgentsWriteIsMaskedBeforeItIsKept(t *testing.T) {
	const card, rest = "4111 1111 1111 1111", " is not to be told"
	h := newHouse(t)
	h.lead("p", "active", time.Now())
	mila := h.agent("mila")
	item, err := mila.send(t.Context(), "p", uuid.NewString(), card+rest)
	if err != nil || item.GetText() != strings.Repeat("#", len(card))+rest {
		t.Fatalf("the agent reads %q, %v", item.GetText(), err)
	}
	for _, m := range []*deskv1.SendMessageRequest{
		{Text: "choose", QuickReplies: []*threadv1.QuickReply{{Title: "4111111111111111", Payload: "card"}}},
		{Template: &threadv1.Template{Button: &threadv1.ButtonTemplate{Text: "of " + card,
			Buttons: []*threadv1.Button{{Title: "4111111111111111", Url: "https://example.com/"}}}}},
	} {
		m.Ref, m.ClientId = ref("p"), uuid.NewString()
		if _, err := mila.desk.SendMessage(t.Context(), connect.NewRequest(m)); err != nil {
			t.Fatal(err)
		}
	}
	for _, f := range h.history("p") {
		if text := prototext.Format(f); strings.Contains(text, "1111") {
			t.Errorf("the log has it: %s", text)
		}
	}
}

// TestWhatIsRepeatedIsMaskedAsOfToday (L19): a message of before the rule does not
// leave as it was written.
func TestWhatIsRepeatedIsMaskedAsOfToday(t *testing.T) {
	const card = "4111 1111 1111 1111"
	h := newHouse(t)
	h.lead("p", "active", time.Now())
	h.commit("p", thread.Of(&threadv1.SendRequested{Id: "s", ClientId: uuid.NewString(), Agent: "mila", Human: true, Parts: []string{card}}),
		thread.Of(&threadv1.SendRefused{Id: "s", Reason: "SERVER_ERROR"}))
	item, err := h.agent("mila").resend(t.Context(), "p", uuid.NewString(), "s")
	if err != nil || item.GetText() != strings.Repeat("#", len(card)) {
		t.Errorf("it is repeated as %q, %v", item.GetText(), err)
	}
}
