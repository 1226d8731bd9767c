package webtest

import (
	"context"
	"slices"
	"strings"

	"connectrpc.com/connect"

	"github.com/parley-desk/parley/pkg/thread"
	deskv1 "github.com/parley-desk/parley/proto/gen/parley/desk/v1"
)

// Label gives the conversation of a customer labels, whoever has it.
func (h *House) Label(psid string, labels ...string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, v := range h.floor {
		if v.GetRef().GetPsid() == psid {
			v.Labels = labels
		}
	}
	if len(h.talks[psid]) > 0 {
		v := h.latest(psid)
		v.Labels = labels
		h.show(v)
	}
}

// LabelConversation does what it is told, to a conversation of the agent's.
func (d desk) LabelConversation(_ context.Context, r *connect.Request[deskv1.LabelConversationRequest]) (*connect.Response[deskv1.LabelConversationResponse], error) {
	d.note(r.Msg)
	v, err := d.change(r.Msg.GetRef(), func(v *deskv1.ConversationView) {
		added, removed := r.Msg.GetAdded(), r.Msg.GetRemoved()
		v.Labels = slices.DeleteFunc(slices.Clone(v.GetLabels()), func(label string) bool { return thread.HasLabel(removed, label) })
		var said []string
		for _, label := range added {
			if !thread.HasLabel(v.GetLabels(), label) {
				v.Labels = append(v.Labels, label)
			}
			said = append(said, "+"+label)
		}
		for _, label := range removed {
			said = append(said, "−"+label)
		}
		d.h.put(v, &deskv1.TimelineItem{Id: r.Msg.GetClientId(), Author: deskv1.Author_AUTHOR_SYSTEM, Text: "labels_changed", Agent: Agent, AgentName: names[Agent],
			Details: map[string]string{"labels": strings.Join(said, ", ")}, AtMs: d.h.now().UnixMilli()})
	})
	return connect.NewResponse(&deskv1.LabelConversationResponse{Conversation: v}), err
}
