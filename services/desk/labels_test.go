package desk_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect"
	"github.com/google/uuid"

	"github.com/parley-desk/parley/pkg/thread"
	deskv1 "github.com/parley-desk/parley/proto/gen/parley/desk/v1"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
)

func labels(psid, id string, removed []string, added ...string) *deskv1.LabelConversationRequest {
	return &deskv1.LabelConversationRequest{Ref: ref(psid), ClientId: id, Added: added, Removed: removed}
}

// label gives the command and tells which labels the conversation has then.
func (c *caller) label(ctx context.Context, r *deskv1.LabelConversationRequest) (string, error) {
	answer, err := c.desk.LabelConversation(ctx, connect.NewRequest(r))
	return strings.Join(answerOf(answer).GetLabels(), ", "), err
}

func answerOf(r *connect.Response[deskv1.LabelConversationResponse]) *deskv1.ConversationView {
	if r == nil {
		return nil
	}
	return r.Msg.GetConversation()
}

// TestAgentsLabel: the agent of a conversation gives it labels and takes them away, a
// command that is repeated once; the timeline says who did, and so does every page that
// shows it, at once.
func TestAgentsLabel(t *testing.T) {
	h := newHouse(t)
	h.lead("p", "active", time.Now())
	mila, id := h.agent("mila"), uuid.NewString()
	hers := h.follow(mila)
	for range 2 { // the answer was lost
		if got, err := mila.label(t.Context(), labels("p", id, nil, "  Late   delivery ", "VIP")); err != nil || got != "Late delivery, VIP" {
			t.Fatalf("labels are %q, %v", got, err)
		}
	}
	hers.until("the labels", func(e *deskv1.Event) bool {
		return slices.Equal(e.GetConversation().GetLabels(), []string{"Late delivery", "VIP"})
	})
	if got, err := mila.label(t.Context(), labels("p", uuid.NewString(), []string{"late delivery"}, "vip")); err != nil || got != "VIP" {
		t.Errorf("labels are %q, %v", got, err)
	}
	page, err := mila.desk.ListTimeline(t.Context(), connect.NewRequest(&deskv1.ListTimelineRequest{Ref: ref("p")}))
	if err != nil {
		t.Fatal(err)
	}
	var said []string
	for _, item := range page.Msg.GetItems() {
		if item.GetText() == "labels_changed" {
			said = append(said, item.GetAgentName()+": "+item.GetDetails()["labels"])
		}
	}
	if want := []string{display["mila"] + ": +Late delivery, +VIP", display["mila"] + ": +vip, −late delivery"}; !slices.Equal(said, want) {
		t.Errorf("the timeline says %q, want %q", said, want)
	}
}

// TestWhoLabels: who may write a note on it; a supervisor who reads it along may, too.
// What can be no label is refused by its field.
func TestWhoLabels(t *testing.T) {
	h := newHouse(t)
	mila, orlin, sonya := h.agent("mila"), h.agent("orlin"), h.agent("sonya")
	for _, p := range phases {
		h.lead(p.name, p.name, time.Now())
	}
	label := func(who *caller, psid string) string {
		_, err := who.label(t.Context(), labels(psid, uuid.NewString(), nil, "late"))
		if err == nil {
			return ""
		}
		return reasonOf(err)
	}
	for _, c := range []struct {
		who    *caller
		psid   string
		reason string
	}{
		{mila, "active", ""}, {mila, "waiting", ""}, {mila, "wrap-up", ""}, {mila, "offered", thread.WrongPhase},
		{orlin, "active", "not_found"}, {sonya, "active", "not_found"},
	} {
		if got := label(c.who, c.psid); got != c.reason {
			t.Errorf("of %s: %q, want %q", c.psid, got, c.reason)
		}
	}
	if _, err := sonya.desk.MonitorConversation(t.Context(), connect.NewRequest(&deskv1.MonitorConversationRequest{Ref: ref("active")})); err != nil {
		t.Fatal(err)
	}
	if _, err := sonya.label(t.Context(), labels("active", uuid.NewString(), nil, "1", "2", "3", "4", "5", "6", "7", "8", "9", "10")); reasonOf(err) != thread.TooManyLabels {
		t.Errorf("an eleventh: %v", err)
	}
	if got, err := sonya.label(t.Context(), labels("active", uuid.NewString(), []string{"LATE"}, "watched")); err != nil || got != "watched" {
		t.Errorf("by a supervisor who reads along: %q, %v", got, err)
	}
	for field, r := range map[string]*deskv1.LabelConversationRequest{
		"added":      labels("active", uuid.NewString(), nil),
		"added[1]":   labels("active", uuid.NewString(), nil, "late", strings.Repeat("я", 41)),
		"removed[0]": labels("active", uuid.NewString(), []string{" "}),
		"removed":    labels("active", uuid.NewString(), slices.Repeat([]string{"a"}, 11)),
		"client_id":  labels("active", "1", nil, "late"),
	} {
		if _, err := mila.label(t.Context(), r); connect.CodeOf(err) != connect.CodeInvalidArgument || !strings.Contains(err.Error(), field+": ") {
			t.Errorf("%s: %v", field, err)
		}
	}
}

// TestFloorByLabel: a supervisor is told which labels there are, each once, and
// finds what has one of them, whatever its case.
func TestFloorByLabel(t *testing.T) {
	h := newHouse(t)
	for psid, changed := range map[string]*threadv1.LabelsChanged{"a": {Added: []string{"VIP", "late"}}, "b": {Added: []string{"vip"}}, "c": nil} {
		h.lead(psid, "active", time.Now())
		if changed != nil {
			changed.By = "mila"
			h.commit(psid, thread.Of(changed))
		}
	}
	sonya := h.agent("sonya")
	found := func(label string) (psids, all string) {
		r, err := sonya.desk.ListOngoing(t.Context(), connect.NewRequest(&deskv1.ListOngoingRequest{Label: label}))
		if err != nil {
			t.Fatal(err)
		}
		var list []string
		for _, v := range r.Msg.GetConversations() {
			list = append(list, v.GetRef().GetPsid())
		}
		slices.Sort(list)
		return strings.Join(list, " "), strings.Join(r.Msg.GetLabels(), " ")
	}
	for label, want := range map[string]string{"": "a b c", "Vip": "a b", "late": "a", "lat": ""} {
		h.await("those with "+label, func() bool {
			got, all := found(label)
			return got == want && all == "late VIP"
		})
	}
}
