package outbound_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/parley-desk/parley/pkg/fault"
	"github.com/parley-desk/parley/pkg/thread"
	outboundv1 "github.com/parley-desk/parley/proto/gen/parley/outbound/v1"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
)

// control answers who wants to take a person's thread.
func (m *meta) control(psid string) (status int, body string) {
	switch kind, _, _ := strings.Cut(psid, "-"); kind {
	case "blocked":
		return 400, `{"error":{"code":27}}`
	case "kept":
		return 403, `{"error":{"code":10,"error_subcode":2018300}}`
	case "forbidden":
		return 403, `{"error":{"code":200}}`
	case "expired":
		return 401, `{"error":{"code":190,"error_subcode":463}}`
	case "broken":
		return 500, `<html>`
	}
	return 200, `{"success":true}`
}

// pickedUp has a customer write and mila pick the conversation.
func (h *house) pickedUp(psid string) {
	h.commit(psid,
		thread.Of(&threadv1.MessageReceived{Mid: "m_in", Text: "hello", SentMs: time.Now().UnixMilli()}),
		thread.Of(&threadv1.ConversationOpened{Id: "c-" + psid, Workstream: "facebook", Units: 1, OfferSeconds: 60}),
		thread.Of(&threadv1.AgentAssigned{Agent: "mila", Cause: threadv1.Cause_CAUSE_PICKED}))
}

// call asks outbound about a thread, once somebody serves, and gives how the
// thread stands then.
func (h *house) call(psid, name string, ask, answer proto.Message) (*threadv1.State, error) {
	h.t.Helper()
	ctx, cancel := context.WithTimeout(h.t.Context(), patient)
	defer cancel()
	var err error
	for ctx.Err() == nil {
		err = h.bus.Call(ctx, name, ask, answer)
		f := new(fault.Error)
		if !errors.As(err, &f) || f.Reason != "NOBODY_SERVES" {
			break
		}
	}
	s, _, lost := h.bus.Load(ctx, named(psid))
	if lost != nil {
		h.t.Fatal(lost)
	}
	return s, err
}

func TestControlIsTaken(t *testing.T) {
	h := newHouse(t)
	h.start("a")
	taken := func(psid, agent string) (*threadv1.State, error) {
		return h.call(psid, "outbound.control", &outboundv1.TakeControlRequest{Page: pageID, Psid: psid, Conversation: "c-" + psid, Agent: agent}, &outboundv1.TakeControlResponse{})
	}
	for _, c := range []struct{ psid, agent, reason string }{
		{"free", "mila", ""},
		{"blocked", "mila", "CONTROL_BLOCKED"},
		{"kept", "mila", "CONTROL_REFUSED"},
		{"forbidden", "mila", "PERMISSION_MISSING"},
		{"expired", "mila", "PAGE_DISCONNECTED"},
		{"another", "orlin", "NOT_YOURS"},
	} {
		h.pickedUp(c.psid)
		h.commit(c.psid, thread.Of(&threadv1.ControlMoved{How: "take", ToApp: "263902037430900", SentMs: time.Now().UnixMilli()}))
		s, err := taken(c.psid, c.agent)
		r := new(thread.Refusal)
		if errors.As(err, &r); r.Reason != c.reason || (err != nil) != (c.reason != "") {
			t.Errorf("%s: %v, want %q", c.psid, err, c.reason)
		}
		if _, owned := thread.OwnerAt(s, time.Now()); owned != (c.reason != "") {
			t.Errorf("%s: another app has it: %v", c.psid, owned)
		}
	}
	if _, err := taken("free", "mila"); err != nil {
		t.Errorf("taken once more: %v", err)
	}
}
