package desk_test

import (
	"testing"
	"time"

	"connectrpc.com/connect"
	"github.com/google/uuid"
	"google.golang.org/genproto/googleapis/rpc/errdetails"

	"github.com/parley-desk/parley/pkg/thread"
	deskv1 "github.com/parley-desk/parley/proto/gen/parley/desk/v1"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
)

func (c *caller) template(t *testing.T, psid, id, name string, parameters ...*threadv1.TemplateParameter) (*deskv1.TimelineItem, error) {
	t.Helper()
	r, err := c.desk.SendMessage(t.Context(), connect.NewRequest(&deskv1.SendMessageRequest{Ref: ref(psid), ClientId: id,
		Template: &threadv1.Template{Utility: &threadv1.UtilityTemplate{Name: name, Language: "en", Parameters: parameters}}}))
	if err != nil {
		return nil, err
	}
	return r.Msg.GetItem(), nil
}

// TestUtilityTemplates (S32): when the window is closed an agent sends what the page
// has approved, filled by the desk and masked, once; nothing else.
func TestUtilityTemplates(t *testing.T) {
	h := newHouse(t)
	mila, orlin := h.agent("mila"), h.agent("orlin")
	h.lead("p", "active", time.Now().Add(-48*time.Hour))
	list := func(c *caller) ([]*deskv1.ReadyTemplate, error) {
		r, err := c.desk.ListTemplates(t.Context(), connect.NewRequest(&deskv1.ListTemplatesRequest{Ref: ref("p")}))
		if err != nil {
			return nil, err
		}
		return r.Msg.GetTemplates(), nil
	}
	all, err := list(mila)
	if err != nil || len(all) != 2 || all[0].GetName() != "order_update" || len(all[0].GetBlanks()) != 2 || all[1].GetBlanks()[0] != "customer" {
		t.Fatalf("the page has %v, %v", all, err)
	}
	if _, err := list(orlin); connect.CodeOf(err) != connect.CodeNotFound {
		t.Errorf("a stranger lists templates: %v", err)
	}
	if _, err := mila.send(t.Context(), "p", uuid.NewString(), "x"); connect.CodeOf(err) != connect.CodeFailedPrecondition {
		t.Errorf("a text in the closed window: %v", err)
	}
	text := func(s string) *threadv1.TemplateParameter { return &threadv1.TemplateParameter{Text: s} }
	id := uuid.NewString()
	item, err := mila.template(t, "p", id, "order_update", text("4111 1111 1111 1111"), text("{{1}}"))
	if err != nil || item.GetText() != "Order ################### is {{1}}." || item.GetTemplate().GetUtility().GetText() != item.GetText() {
		t.Fatalf("it says %q, %v", item.GetText(), err)
	}
	if again, err := mila.template(t, "p", id, "order_update", text("A-17"), text("here")); err != nil || again.GetId() != item.GetId() {
		t.Errorf("the same command made %v, %v", again, err)
	}
	named := &threadv1.TemplateParameter{Name: "customer", Text: "Ana"}
	if item, err := mila.template(t, "p", uuid.NewString(), "ready", named); err != nil || item.GetText() != "Ana, it is ready." {
		t.Errorf("a named blank gives %q, %v", item.GetText(), err)
	}
	before := len(h.history("p"))
	for name, c := range map[string]struct {
		template   string
		parameters []*threadv1.TemplateParameter
		code       connect.Code
		field      string
	}{
		"unknown":            {"gone", nil, connect.CodeNotFound, ""},
		"one blank open":     {"order_update", []*threadv1.TemplateParameter{text("A-17")}, connect.CodeInvalidArgument, "template.utility.parameters"},
		"a name for one":     {"order_update", []*threadv1.TemplateParameter{text("A-17"), named}, connect.CodeInvalidArgument, "template.utility.parameters[1].name"},
		"none for a named":   {"ready", []*threadv1.TemplateParameter{text("Ana")}, connect.CodeInvalidArgument, "template.utility.parameters[0].name"},
		"one blank too many": {"ready", []*threadv1.TemplateParameter{named, text("x")}, connect.CodeInvalidArgument, "template.utility.parameters"},
	} {
		_, err := mila.template(t, "p", uuid.NewString(), c.template, c.parameters...)
		bad, _ := detail[*errdetails.BadRequest](err)
		if connect.CodeOf(err) != c.code || c.field != "" && (len(bad.GetFieldViolations()) != 1 || bad.GetFieldViolations()[0].GetField() != c.field) {
			t.Errorf("%s: %v with %v", name, err, bad)
		}
	}
	if _, err := orlin.template(t, "p", uuid.NewString(), "ready", named); err == nil {
		t.Error("a stranger sends a template")
	}
	if after := len(h.history("p")); after != before {
		t.Errorf("the thread got %d facts", after-before)
	}
}

// TestStickers: an agent sends a thumb, once, and again when it did not arrive; the
// timeline says that it is one and what it shows. On the second day it is refused,
// though the tag carries a text.
func TestStickers(t *testing.T) {
	h := newHouse(t)
	mila := h.agent("mila")
	h.lead("p", "active", time.Now())
	h.lead("q", "active", time.Now().Add(-25*time.Hour))
	sticker := func(psid, clientID, id string) (*deskv1.TimelineItem, error) {
		r, err := mila.desk.SendMessage(t.Context(), connect.NewRequest(&deskv1.SendMessageRequest{Ref: ref(psid), ClientId: clientID, Sticker: id}))
		if err != nil {
			return nil, err
		}
		return r.Msg.GetItem(), nil
	}
	id := uuid.NewString()
	item, err := sticker("p", id, thread.Thumb)
	if err != nil || item.GetSticker() != thread.Thumb || item.GetText() != thread.ThumbShows {
		t.Fatalf("it is %v, %v", item, err)
	}
	if again, err := sticker("p", id, thread.Thumb); err != nil || again.GetId() != item.GetId() {
		t.Errorf("the same command made %v, %v", again, err)
	}
	if _, err := sticker("p", uuid.NewString(), "767226160478561"); connect.CodeOf(err) != connect.CodeInvalidArgument {
		t.Errorf("a sticker of a catalogue: %v", err)
	}
	h.commit("p", thread.Of(&threadv1.SendRefused{Id: item.GetId(), Reason: "SERVER_ERROR"}))
	if again, err := mila.resend(t.Context(), "p", uuid.NewString(), item.GetId()); err != nil || again.GetSticker() != thread.Thumb {
		t.Errorf("it is repeated as %v, %v", again, err)
	}
	if _, err := sticker("q", uuid.NewString(), thread.Thumb); connect.CodeOf(err) != connect.CodeFailedPrecondition {
		t.Errorf("a thumb on the second day: %v", err)
	}
}

// TestATemplateIsRepeatedAsThePageHasItNow: what Meta refused is sent again with the
// page's words of today, and not when the page has it no more.
func TestATemplateIsRepeatedAsThePageHasItNow(t *testing.T) {
	h := newHouse(t)
	mila := h.agent("mila")
	h.lead("p", "active", time.Now().Add(-48*time.Hour))
	for _, name := range []string{"order_update", "gone"} {
		h.commit("p", thread.Of(&threadv1.SendRequested{Id: name, ClientId: uuid.NewString(), Agent: "mila", Human: true, Parts: []string{"Order A-17 was here."},
			Template: &threadv1.Template{Utility: &threadv1.UtilityTemplate{Name: name, Language: "en", Text: "Order A-17 was here.",
				Parameters: []*threadv1.TemplateParameter{{Text: "A-17"}, {Text: "here"}}}}}),
			thread.Of(&threadv1.SendRefused{Id: name, Reason: "TEMPLATE_REFUSED", Code: 100}))
	}
	item, err := mila.resend(t.Context(), "p", uuid.NewString(), "order_update")
	if err != nil || item.GetText() != "Order A-17 is here." || item.GetTemplate().GetUtility().GetText() != item.GetText() {
		t.Errorf("it is repeated as %v, %v", item, err)
	}
	if _, err := mila.resend(t.Context(), "p", uuid.NewString(), "gone"); connect.CodeOf(err) != connect.CodeNotFound {
		t.Errorf("one that is gone is repeated: %v", err)
	}
}
