package desk_test

import (
	"slices"
	"testing"
	"time"

	"connectrpc.com/connect"
	"github.com/google/uuid"

	adminv1 "github.com/parley-desk/parley/proto/gen/parley/admin/v1"
	deskv1 "github.com/parley-desk/parley/proto/gen/parley/desk/v1"
	"github.com/parley-desk/parley/services/desk"
)

// TestWithheld (L104): what a deployment keeps from supervisors is no right of
// theirs, and what they see does not offer it.
func TestWithheld(t *testing.T) {
	h := newHouse(t, func(c *desk.Config) { c.Withhold = []string{"monitor", "transfer", "force_close", "adjust"} })
	h.lead("p", "active", time.Now())
	h.wait("waits", "front", 0, nil)
	sonya := h.agent("sonya")
	_, err := sonya.desk.MonitorConversation(t.Context(), connect.NewRequest(&deskv1.MonitorConversationRequest{Ref: ref("p")}))
	if connect.CodeOf(err) != connect.CodePermissionDenied {
		t.Errorf("reading along: %v", err)
	}
	adjust := method{path: adminv1.CrewService_AdjustCrewMember_FullMethodName}
	if got := h.post(sonya, adjust, []byte(`{"agent":"mila"}`)); got.code != "permission_denied" {
		t.Errorf("adjusting an agent: %+v", got)
	}
	who, err := sonya.sessions.WhoAmI(t.Context(), connect.NewRequest(&deskv1.WhoAmIRequest{}))
	if may := who.Msg.GetMe().GetMay(); err != nil || slices.Contains(may, "crew.adjust") || slices.Contains(may, "conversation.monitor") || !slices.Contains(may, "conversation.assign") {
		t.Errorf("may %q, %v", may, err)
	}
	_, err = sonya.desk.ForceCloseConversation(t.Context(), connect.NewRequest(&deskv1.ForceCloseConversationRequest{Ref: ref("p")}))
	if connect.CodeOf(err) != connect.CodePermissionDenied {
		t.Errorf("closing by force: %v", err)
	}
	_, err = sonya.desk.ActOnConversations(t.Context(), connect.NewRequest(&deskv1.ActOnConversationsRequest{
		ClientId: uuid.NewString(), Refs: []*deskv1.ConversationRef{ref("p")}, Action: &deskv1.ActOnConversationsRequest_ForceClose{ForceClose: true}}))
	if connect.CodeOf(err) != connect.CodePermissionDenied {
		t.Errorf("closing many by force: %v", err)
	}
	_, err = sonya.desk.TransferConversation(t.Context(), connect.NewRequest(&deskv1.TransferConversationRequest{Ref: ref("p"), ClientId: uuid.NewString(), Target: &deskv1.TransferConversationRequest_ToQueue{ToQueue: "back"}}))
	if connect.CodeOf(err) != connect.CodeNotFound {
		t.Errorf("handing somebody's over: %v", err)
	}
	list, err := sonya.desk.ListOngoing(t.Context(), connect.NewRequest(&deskv1.ListOngoingRequest{}))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range list.Msg.GetConversations() {
		if extra := slices.DeleteFunc(c.GetSupervise(), func(word string) bool { return word == "assign" }); len(extra) > 0 {
			t.Errorf("%s is offered %q", c.GetRef().GetPsid(), extra)
		}
	}
	if _, err := sonya.desk.AssignConversation(t.Context(), connect.NewRequest(&deskv1.AssignConversationRequest{Ref: ref("waits"), Target: &deskv1.AssignConversationRequest_ToAgent{ToAgent: "orlin"}})); err != nil {
		t.Errorf("assigning: %v", err)
	}
}
