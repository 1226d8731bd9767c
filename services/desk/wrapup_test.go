package desk_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect"

	"github.com/parley-desk/parley/pkg/thread"
	deskv1 "github.com/parley-desk/parley/proto/gen/parley/desk/v1"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
	"github.com/parley-desk/parley/proto/subject"
)

// TestClosingSaysWhatBecame (L117): where the workstream wants dispositions and a
// note, a conversation closes with them and not without; history shows them.
func TestClosingSaysWhatBecame(t *testing.T) {
	h := newHouse(t)
	h.commit("p", thread.Of(&threadv1.MessageReceived{Mid: "m-p", Text: "Счупено е.", SentMs: time.Now().UnixMilli()}),
		thread.Of(&threadv1.ConversationOpened{Id: "c-p", Workstream: "claims", Units: 1, OfferSeconds: 60}), thread.Of(&threadv1.ConversationRouted{Queue: "front"}),
		thread.Of(&threadv1.AgentAssigned{Agent: "mila", Fence: 1, Cause: threadv1.Cause_CAUSE_PICKED}))
	mila := h.agent("mila")
	r, err := mila.desk.EndConversation(t.Context(), connect.NewRequest(&deskv1.EndConversationRequest{Ref: ref("p")}))
	if err != nil {
		t.Fatal(err)
	}
	form := r.Msg.GetConversation().GetWrapUpForm()
	if len(form.GetOptions()) != 3 || form.GetOptions()[0].GetName() != "Paid" || form.GetMost() != 2 || !form.GetRequired() || !form.GetNoteRequired() {
		t.Errorf("the form is %v", form)
	}
	closing := func(note string, codes ...string) error {
		_, err := mila.desk.CloseConversation(t.Context(), connect.NewRequest(&deskv1.CloseConversationRequest{Ref: ref("p"), Dispositions: codes, Note: note}))
		return err
	}
	for reason, err := range map[string]error{thread.DispositionMissing: closing("n"), thread.NoteMissing: closing(" ", "paid")} {
		refusal, _ := detail[*deskv1.Refusal](err)
		if connect.CodeOf(err) != connect.CodeFailedPrecondition || refusal.GetReason() != reason || !slices.Contains(refusal.GetAllowed(), "close") {
			t.Errorf("%s: %v, %v", reason, err, refusal)
		}
	}
	for field, err := range map[string]error{
		"dispositions":    closing("n", "paid", "refused", "third"),
		"dispositions[0]": closing("n", "gone"),
		"dispositions[1]": closing("n", "paid", "paid"),
		"note":            closing(strings.Repeat("я", 4001), "paid"),
	} {
		if connect.CodeOf(err) != connect.CodeInvalidArgument || !strings.HasPrefix(err.Error(), "invalid_argument: "+field+":") {
			t.Errorf("%s: %v", field, err)
		}
	}
	if err := closing("n", "old"); connect.CodeOf(err) != connect.CodeInvalidArgument {
		t.Errorf("a code that is not to be chosen any more: %v", err)
	}
	for range 2 { // the answer was lost
		if err := closing("Върнахме парите.", "paid", "third"); err != nil {
			t.Fatal(err)
		}
	}
	var told []string
	for _, f := range h.history("p") {
		if d := f.GetDispositionsChosen(); d != nil {
			told = append(told, d.GetAgent(), d.GetDispositions()[0].GetName(), d.GetDispositions()[1].GetCode())
		}
		if n := f.GetNoteAdded(); n != nil {
			told = append(told, n.GetText())
		}
	}
	if got := strings.Join(told, "|"); got != "mila|Paid|third|Върнахме парите." {
		t.Errorf("the log says %s", got)
	}
	state, _, err := h.bus.Load(t.Context(), subject.Thread{Page: pageID, PSID: "p"})
	if err != nil || !slices.Equal(state.GetConversation().GetDispositions(), []string{"paid", "third"}) || state.GetConversation().GetPhase() != threadv1.Phase_PHASE_CLOSED {
		t.Errorf("state %v, %v", state, err)
	}
}
