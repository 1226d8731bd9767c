package webtest

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/proto"

	deskv1 "github.com/parley-desk/parley/proto/gen/parley/desk/v1"
	distributionv1 "github.com/parley-desk/parley/proto/gen/parley/distribution/v1"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
)

// beside is what somebody with a part in a conversation may do.
func beside(p *deskv1.Beside) []string {
	switch {
	case p.GetAttendance() == threadv1.Attendance_ATTENDANCE_INVITED:
		return []string{"accept_consult", "decline_consult"}
	case p.GetPublic(), p.GetPart() == threadv1.Part_PART_JOINED:
		return []string{"send", "note", "leave"}
	}
	return []string{"note", "leave"}
}

// aside is what the agent may do about consultants.
func aside(v *deskv1.ConversationView) (may []string) {
	for _, b := range v.GetBeside() {
		may = append(may, "end_consult")
		if b.GetAttendance() == threadv1.Attendance_ATTENDANCE_PRESENT {
			may = append(may, "confer", "open_consult")
		}
	}
	return may
}

// Invite asks the agent for advice on a customer's conversation, which Other has.
func (h *House) Invite(c Customer, question string, texts ...string) {
	h.Add(c, texts...)
	h.mu.Lock()
	defer h.mu.Unlock()
	v := h.latest(c.PSID)
	v.Agent, v.AgentName = Other, names[Other]
	v.Part = &deskv1.Beside{Agent: Agent, Part: threadv1.Part_PART_CONSULTANT, Attendance: threadv1.Attendance_ATTENDANCE_INVITED,
		By: Other, ByName: names[Other], Question: question}
	h.show(v)
}

// Hand has a supervisor ask the agent to take over a customer's conversation,
// which Other has.
func (h *House) Hand(c Customer, texts ...string) {
	h.Invite(c, "", texts...)
	h.mu.Lock()
	defer h.mu.Unlock()
	v := h.latest(c.PSID)
	v.Part.Part, v.Part.By, v.Part.ByName = threadv1.Part_PART_SUCCESSOR, Stranger, names[Stranger]
	v.Part.UntilMs = h.now().Add(2 * time.Minute).UnixMilli()
	h.show(v)
}

// Come has somebody who was asked for advice on a conversation of the agent say
// yes.
func (h *House) Come(psid string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	v := h.latest(psid)
	for _, b := range v.GetBeside() {
		b.Attendance = threadv1.Attendance_ATTENDANCE_PRESENT
	}
	h.show(v)
}

// Wait has customers wait in a queue of the agent's.
func (h *House) Wait(names ...string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, name := range names {
		h.open = append(h.open, &deskv1.OpenItem{Ref: &deskv1.ConversationRef{Page: "1020304050607080", Psid: name, Conversation: "c-" + name},
			Customer: name, Queue: "Доставки", PageName: "Магазин Витоша", Preview: "Къде е поръчката ми?",
			WaitingSinceMs: h.now().Add(-4 * time.Minute).UnixMilli(), Position: int32(len(h.open) + 1)})
	}
	h.queues = &deskv1.Queues{Queues: []*deskv1.QueueFigure{{Queue: "front", Name: "Доставки", Waiting: int32(len(h.open)),
		SinceMs: h.now().Add(-4 * time.Minute).UnixMilli(), WaitSeconds: 150, Ready: 1, Agents: 4, Tag: uint64(len(h.open))}}}
	h.emit(&deskv1.Event{Kind: &deskv1.Event_Queues{Queues: h.queues}})
}

// Queues adds queues to those that there are.
func (h *House) Queues(more ...*deskv1.QueueFigure) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.queues = &deskv1.Queues{Queues: append(slices.Clone(h.queues.GetQueues()), more...)}
	h.emit(&deskv1.Event{Kind: &deskv1.Event_Queues{Queues: h.queues}})
}

// Fill tells desks that so many wait in the one queue that there is.
func (h *House) Fill(waiting int32) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.queues = &deskv1.Queues{Queues: []*deskv1.QueueFigure{{Queue: "front", Name: "Доставки", Waiting: waiting, Agents: 4}}}
	h.emit(&deskv1.Event{Kind: &deskv1.Event_Queues{Queues: h.queues}})
}

// Asked is what the desk was asked last of this kind; nil when nothing.
func Asked[M proto.Message](h *House) (last M) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, m := range slices.Backward(h.asked) {
		if found, ok := m.(M); ok {
			return found
		}
	}
	return last
}

// AwaitAsked waits until what the desk was asked last of this kind is as wanted; a page
// shows much before it has asked.
func AwaitAsked[M proto.Message](t testing.TB, h *House, wanted func(M) bool) {
	t.Helper()
	tick, late := time.NewTicker(5*time.Millisecond), time.After(Patience)
	defer tick.Stop()
	for !wanted(Asked[M](h)) {
		select {
		case <-tick.C:
		case <-late:
			t.Fatalf("the desk was asked for %v", Asked[M](h))
		}
	}
}

func (d desk) note(m proto.Message) {
	d.h.mu.Lock()
	defer d.h.mu.Unlock()
	d.h.asked = append(d.h.asked, proto.Clone(m))
}

func (d desk) ShowOffer(_ context.Context, r *connect.Request[deskv1.ShowOfferRequest]) (*connect.Response[deskv1.ShowOfferResponse], error) {
	d.note(r.Msg)
	return connect.NewResponse(&deskv1.ShowOfferResponse{}), nil
}

func (d desk) ListOpenItems(context.Context, *connect.Request[deskv1.ListOpenItemsRequest]) (*connect.Response[deskv1.ListOpenItemsResponse], error) {
	d.h.mu.Lock()
	defer d.h.mu.Unlock()
	return connect.NewResponse(&deskv1.ListOpenItemsResponse{Items: slices.Clone(d.h.open), Total: int32(len(d.h.open))}), nil
}

func (d desk) PickConversation(_ context.Context, r *connect.Request[deskv1.PickConversationRequest]) (*connect.Response[deskv1.PickConversationResponse], error) {
	d.h.mu.Lock()
	d.h.open = slices.DeleteFunc(d.h.open, func(i *deskv1.OpenItem) bool {
		return i.GetRef().GetConversation() == r.Msg.GetRef().GetConversation()
	})
	d.h.mu.Unlock()
	psid := r.Msg.GetRef().GetPsid()
	d.h.Add(Customer{PSID: psid, Name: psid, Queue: "Доставки", Phase: threadv1.Phase_PHASE_ACTIVE, Window: time.Hour}, "Къде е поръчката ми?")
	d.h.mu.Lock()
	defer d.h.mu.Unlock()
	v := d.h.latest(psid)
	delete(d.h.views, v.GetRef().GetConversation())
	d.h.talks[psid] = []string{r.Msg.GetRef().GetConversation()}
	d.h.emit(&deskv1.Event{Kind: &deskv1.Event_Removed{Removed: v.GetRef()}})
	v.Ref = r.Msg.GetRef()
	d.h.views[v.GetRef().GetConversation()] = v
	d.h.show(v)
	return connect.NewResponse(&deskv1.PickConversationResponse{Conversation: proto.CloneOf(v)}), nil
}

func (d desk) ListTargets(_ context.Context, r *connect.Request[deskv1.ListTargetsRequest]) (*connect.Response[deskv1.ListTargetsResponse], error) {
	all := &deskv1.ListTargetsResponse{
		Queues: []*deskv1.QueueTarget{
			{Queue: "vip", Name: "VIP", Waiting: 5, Agents: 2},
			{Queue: "night", Name: "Нощна смяна", Hidden: "QUEUE_CLOSED", OpensMs: d.h.now().Add(3 * time.Hour).UnixMilli(), Agents: 1}},
		Agents: []*deskv1.AgentTarget{
			{Agent: Other, Name: names[Other], Presence: distributionv1.Presence_PRESENCE_AVAILABLE, Used: 1, Capacity: 4, Matched: 2, Needed: 2},
			{Agent: "rada", Name: "Рада Колева", Presence: distributionv1.Presence_PRESENCE_BUSY, Used: 3, Capacity: 4, Matched: 1, Needed: 2},
			{Agent: "petar", Name: "Петър Илиев", Presence: distributionv1.Presence_PRESENCE_AWAY, Hidden: "AGENT_UNAVAILABLE", Capacity: 4, Needed: 2}},
	}
	all.Agents = slices.DeleteFunc(all.Agents, func(a *deskv1.AgentTarget) bool { return !strings.Contains(a.GetName(), r.Msg.GetSearch()) })
	all.Queues = slices.DeleteFunc(all.Queues, func(q *deskv1.QueueTarget) bool { return !strings.Contains(q.GetName(), r.Msg.GetSearch()) })
	return connect.NewResponse(all), nil
}

func (d desk) TransferConversation(_ context.Context, r *connect.Request[deskv1.TransferConversationRequest]) (*connect.Response[deskv1.TransferConversationResponse], error) {
	d.note(r.Msg)
	d.drop(r.Msg.GetRef())
	return connect.NewResponse(&deskv1.TransferConversationResponse{}), nil
}

func (d desk) AskConsult(_ context.Context, r *connect.Request[deskv1.AskConsultRequest]) (*connect.Response[deskv1.AskConsultResponse], error) {
	v, err := d.change(r.Msg.GetRef(), func(v *deskv1.ConversationView) {
		v.Beside = append(v.Beside, &deskv1.Beside{Agent: r.Msg.GetInvitee(), Name: names[r.Msg.GetInvitee()], Question: r.Msg.GetQuestion(),
			Part: threadv1.Part_PART_CONSULTANT, Attendance: threadv1.Attendance_ATTENDANCE_INVITED})
	})
	return connect.NewResponse(&deskv1.AskConsultResponse{Conversation: v}), err
}

func (d desk) OpenConsult(_ context.Context, r *connect.Request[deskv1.OpenConsultRequest]) (*connect.Response[deskv1.OpenConsultResponse], error) {
	v, err := d.change(r.Msg.GetRef(), func(v *deskv1.ConversationView) {
		for _, b := range v.GetBeside() {
			b.Public = b.GetPublic() || b.GetAgent() == r.Msg.GetConsultant()
		}
	})
	return connect.NewResponse(&deskv1.OpenConsultResponse{Conversation: v}), err
}

func (d desk) EndConsult(_ context.Context, r *connect.Request[deskv1.EndConsultRequest]) (*connect.Response[deskv1.EndConsultResponse], error) {
	v, err := d.change(r.Msg.GetRef(), func(v *deskv1.ConversationView) {
		v.Beside = slices.DeleteFunc(v.Beside, func(b *deskv1.Beside) bool { return b.GetAgent() == r.Msg.GetConsultant() })
	})
	return connect.NewResponse(&deskv1.EndConsultResponse{Conversation: v}), err
}

func (d desk) AnswerConsult(_ context.Context, r *connect.Request[deskv1.AnswerConsultRequest]) (*connect.Response[deskv1.AnswerConsultResponse], error) {
	if !r.Msg.GetAccept() {
		d.drop(r.Msg.GetRef())
		return connect.NewResponse(&deskv1.AnswerConsultResponse{}), nil
	}
	v, err := d.change(r.Msg.GetRef(), func(v *deskv1.ConversationView) {
		if v.Part.Part == threadv1.Part_PART_SUCCESSOR {
			v.Part, v.Agent, v.AgentName = nil, Agent, names[Agent]
			return
		}
		v.Part.Attendance = threadv1.Attendance_ATTENDANCE_PRESENT
	})
	return connect.NewResponse(&deskv1.AnswerConsultResponse{Conversation: v}), err
}

func (d desk) LeaveConversation(_ context.Context, r *connect.Request[deskv1.LeaveConversationRequest]) (*connect.Response[deskv1.LeaveConversationResponse], error) {
	d.drop(r.Msg.GetRef())
	return connect.NewResponse(&deskv1.LeaveConversationResponse{}), nil
}

// Signal takes note of it.
func (d desk) Signal(_ context.Context, r *connect.Request[deskv1.SignalRequest]) (*connect.Response[deskv1.SignalResponse], error) {
	d.note(r.Msg)
	return connect.NewResponse(&deskv1.SignalResponse{}), nil
}
