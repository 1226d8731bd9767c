package webtest

import (
	"cmp"
	"context"
	"slices"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/proto"

	"github.com/parley-desk/parley/pkg/thread"
	deskv1 "github.com/parley-desk/parley/proto/gen/parley/desk/v1"
	distributionv1 "github.com/parley-desk/parley/proto/gen/parley/distribution/v1"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
)

// Open has a conversation that nobody has, and no desk is told of, unless a
// supervisor looks at it.
func (h *House) Open(c Customer, agent, text string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	at := h.now().Add(-c.Silent).UnixMilli()
	var allowed []string
	if h.skilled {
		allowed = []string{"skills"}
	}
	h.floor = append(h.floor, &deskv1.ConversationView{
		Ref:      &deskv1.ConversationRef{Page: "1020304050607080", Psid: c.PSID, Conversation: "c-" + c.PSID},
		Customer: &threadv1.Customer{Name: c.Name}, Phase: c.Phase, Queue: c.Queue, PageName: "Магазин Витоша",
		Agent: agent, AgentName: names[agent], Preview: text, NewestMs: at, OpenedMs: at, QueuedMs: at, Unanswered: 1,
		Window: &deskv1.Window{Kind: "response", UntilMs: h.now().Add(c.Window).UnixMilli()}, Supervise: oversight(c.Phase), Allowed: allowed,
	})
}

// oversight is what a supervisor may do in a phase.
func oversight(p threadv1.Phase) []string {
	return map[threadv1.Phase][]string{
		threadv1.Phase_PHASE_OPEN:    {"assign", "force_close"},
		threadv1.Phase_PHASE_ACTIVE:  {"transfer", "monitor", "join", "force_close"},
		threadv1.Phase_PHASE_WAITING: {"transfer", "monitor", "force_close"},
		threadv1.Phase_PHASE_WRAP_UP: {"monitor", "force_close"},
	}[p]
}

func (d desk) ListOngoing(_ context.Context, r *connect.Request[deskv1.ListOngoingRequest]) (*connect.Response[deskv1.ListOngoingResponse], error) {
	d.note(r.Msg)
	d.h.mu.Lock()
	defer d.h.mu.Unlock()
	if d.h.cut {
		return nil, connect.NewError(connect.CodeUnavailable, nil)
	}
	out, counts := &deskv1.ListOngoingResponse{}, map[threadv1.Phase]*deskv1.PhaseCount{}
	for _, v := range d.h.floor {
		if counts[v.GetPhase()] == nil {
			counts[v.GetPhase()] = &deskv1.PhaseCount{Phase: v.GetPhase()}
			out.Phases = append(out.Phases, counts[v.GetPhase()])
		}
		counts[v.GetPhase()].Count++
		out.Labels = append(out.Labels, v.GetLabels()...)
		if (r.Msg.GetHeldBy() == "" || r.Msg.GetHeldBy() == v.GetAgent()) && cmp.Or(r.Msg.GetPhase(), v.GetPhase()) == v.GetPhase() && (r.Msg.GetLabel() == "" || thread.HasLabel(v.GetLabels(), r.Msg.GetLabel())) {
			out.Conversations = append(out.Conversations, proto.CloneOf(v))
		}
	}
	out.Total = int32(len(out.GetConversations()))
	return connect.NewResponse(out), nil
}

func (d desk) ListAgents(context.Context, *connect.Request[deskv1.ListAgentsRequest]) (*connect.Response[deskv1.ListAgentsResponse], error) {
	d.h.mu.Lock()
	defer d.h.mu.Unlock()
	out := &deskv1.ListAgentsResponse{Total: 2, Present: 1, Used: 3, Capacity: 4}
	for _, agent := range []string{Agent, Other} {
		standing := &distributionv1.AgentStanding{Agent: agent, Presence: distributionv1.Presence_PRESENCE_AWAY, Capacity: 4, SinceMs: d.h.now().Add(-time.Hour).UnixMilli()}
		if agent == Agent {
			standing = proto.CloneOf(d.h.standing)
		}
		out.Agents = append(out.Agents, &deskv1.AgentFigure{Agent: agent, Name: names[agent], Standing: standing, Queues: []string{"Доставки"}, Active: 1,
			HandleMs: 372_000, Skills: []string{"Немски", "Рекламации"}})
	}
	return connect.NewResponse(out), nil
}

func (d desk) ListQueues(context.Context, *connect.Request[deskv1.ListQueuesRequest]) (*connect.Response[deskv1.ListQueuesResponse], error) {
	d.h.mu.Lock()
	defer d.h.mu.Unlock()
	return connect.NewResponse(&deskv1.ListQueuesResponse{Queues: d.h.queues.GetQueues()}), nil
}

// Lately is an hour as it may have gone.
func Lately() *deskv1.GetFiguresResponse {
	out := &deskv1.GetFiguresResponse{Closing: 1, Hour: &deskv1.Figures{Messages: 214, Incoming: 41, Entered: 43, Engaged: 38, Sessions: 41, Offered: 47, Accepted: 38, Rejected: 4, Missed: 5,
		Transferred: 3, Abandoned: 2, ShortAbandoned: 1, ServiceLevel: proto.Int32(87), ServiceLevelSeconds: 60, AbandonRate: proto.Int32(5),
		Speed: &deskv1.Times{Count: 38, MeanMs: 31_400, P50: 22, P90: 64}, FirstResponse: &deskv1.Times{Count: 36, MeanMs: 52_000, P50: 41, P90: 125},
		Response: &deskv1.Times{Count: 150, MeanMs: 48_000, P50: 33, P90: 118}, Handle: &deskv1.Times{Count: 30, MeanMs: 412_000, P50: 380, P90: 900},
		FirstResponseLevel: proto.Int32(71), Ratings: 9, Satisfaction: proto.Int32(83)}}
	for n := range int32(60) {
		out.Minutes = append(out.Minutes, &deskv1.Minute{Messages: 2 + (n*7)%5, FirstResponseP90: 40 + (n*37)%90})
	}
	return out
}

// GetFigures tells of an hour; of a queue alone, that nothing happened.
func (d desk) GetFigures(_ context.Context, r *connect.Request[deskv1.GetFiguresRequest]) (*connect.Response[deskv1.GetFiguresResponse], error) {
	d.note(r.Msg)
	if r.Msg.GetQueue() != "" {
		return connect.NewResponse(&deskv1.GetFiguresResponse{Hour: &deskv1.Figures{}}), nil
	}
	return connect.NewResponse(Lately()), nil
}

func (d desk) PauseQueue(_ context.Context, r *connect.Request[deskv1.PauseQueueRequest]) (*connect.Response[deskv1.PauseQueueResponse], error) {
	d.note(r.Msg)
	if err := d.h.recorded(); err != nil {
		return nil, err
	}
	d.h.mu.Lock()
	defer d.h.mu.Unlock()
	paused := &deskv1.PauseQueueResponse{}
	if r.Msg.GetPause() {
		paused.By, paused.SinceMs = names[Boss], d.h.now().UnixMilli()
	}
	d.h.queues = proto.CloneOf(d.h.queues)
	for _, q := range d.h.queues.GetQueues() {
		if q.GetQueue() == r.Msg.GetQueue() {
			q.PausedBy, q.PausedSinceMs = paused.GetBy(), paused.GetSinceMs()
		}
	}
	return connect.NewResponse(paused), nil
}

func (d desk) SetAgentPresence(_ context.Context, r *connect.Request[deskv1.SetAgentPresenceRequest]) (*connect.Response[deskv1.SetAgentPresenceResponse], error) {
	d.note(r.Msg)
	d.h.stand(r.Msg.GetPresence(), "")
	return connect.NewResponse(&deskv1.SetAgentPresenceResponse{}), nil
}

// close ends conversations of the floor.
func (d desk) close(refs ...*deskv1.ConversationRef) {
	d.h.mu.Lock()
	defer d.h.mu.Unlock()
	d.h.floor = slices.DeleteFunc(d.h.floor, func(v *deskv1.ConversationView) bool {
		return slices.ContainsFunc(refs, func(r *deskv1.ConversationRef) bool { return proto.Equal(r, v.GetRef()) })
	})
}

func (d desk) ForceCloseConversation(_ context.Context, r *connect.Request[deskv1.ForceCloseConversationRequest]) (*connect.Response[deskv1.ForceCloseConversationResponse], error) {
	d.note(r.Msg)
	d.close(r.Msg.GetRef())
	return connect.NewResponse(&deskv1.ForceCloseConversationResponse{}), nil
}

// ActOnConversations closes all but the last, which it finds in another phase.
func (d desk) ActOnConversations(_ context.Context, r *connect.Request[deskv1.ActOnConversationsRequest]) (*connect.Response[deskv1.ActOnConversationsResponse], error) {
	d.note(r.Msg)
	refs := r.Msg.GetRefs()
	last := len(refs) - 1
	d.close(refs[:last]...)
	out := &deskv1.ActOnConversationsResponse{Done: int32(last)}
	for i, ref := range refs {
		out.Outcomes = append(out.Outcomes, &deskv1.Outcome{Ref: ref})
		if i == last {
			out.Outcomes[i].Reason = "WRONG_PHASE"
		}
	}
	return connect.NewResponse(out), nil
}

func (d desk) AssignConversation(_ context.Context, r *connect.Request[deskv1.AssignConversationRequest]) (*connect.Response[deskv1.AssignConversationResponse], error) {
	d.note(r.Msg)
	d.close(r.Msg.GetRef())
	return connect.NewResponse(&deskv1.AssignConversationResponse{}), nil
}

// MonitorConversation lets the supervisor read along.
func (d desk) MonitorConversation(_ context.Context, r *connect.Request[deskv1.MonitorConversationRequest]) (*connect.Response[deskv1.MonitorConversationResponse], error) {
	d.h.mu.Lock()
	defer d.h.mu.Unlock()
	for _, v := range d.h.floor {
		if proto.Equal(v.GetRef(), r.Msg.GetRef()) {
			v.Part = &deskv1.Beside{Agent: Boss, Part: threadv1.Part_PART_MONITOR, Attendance: threadv1.Attendance_ATTENDANCE_PRESENT}
			d.h.talks[v.GetRef().GetPsid()] = append(d.h.talks[v.GetRef().GetPsid()], v.GetRef().GetConversation())
			d.h.views[v.GetRef().GetConversation()] = v
			d.h.keep(v, &deskv1.TimelineItem{Id: "m." + v.GetRef().GetPsid(), Author: deskv1.Author_AUTHOR_CUSTOMER, Text: v.GetPreview(), AtMs: v.GetNewestMs()})
			d.h.show(v)
			return connect.NewResponse(&deskv1.MonitorConversationResponse{Conversation: proto.CloneOf(v)}), nil
		}
	}
	return nil, connect.NewError(connect.CodeNotFound, nil)
}

// JoinConversation lets the supervisor who reads along write to the customer.
func (d desk) JoinConversation(_ context.Context, r *connect.Request[deskv1.JoinConversationRequest]) (*connect.Response[deskv1.JoinConversationResponse], error) {
	v, err := d.change(r.Msg.GetRef(), func(v *deskv1.ConversationView) {
		v.Part = &deskv1.Beside{Agent: Boss, Part: threadv1.Part_PART_JOINED, Attendance: threadv1.Attendance_ATTENDANCE_PRESENT}
		v.Supervise, v.Allowed = nil, []string{"send", "note", "leave"}
	})
	return connect.NewResponse(&deskv1.JoinConversationResponse{Conversation: v}), err
}

// allow says what the agent may do in a phase.
func (h *House) allow(v *deskv1.ConversationView) {
	if v.GetPart() != nil {
		v.Allowed = beside(v.GetPart())
		return
	}
	v.Allowed = map[threadv1.Phase][]string{
		threadv1.Phase_PHASE_OPEN:    {"accept", "reject"},
		threadv1.Phase_PHASE_ACTIVE:  append([]string{"send", "note", "end", "park", "release", "transfer", "consult"}, aside(v)...),
		threadv1.Phase_PHASE_WAITING: {"note", "resume", "release"},
		threadv1.Phase_PHASE_WRAP_UP: {"note", "close"},
	}[v.GetPhase()]
	if h.skilled && v.GetPhase() == threadv1.Phase_PHASE_ACTIVE {
		v.Allowed = append(v.Allowed, "skills")
	}
	h.standing.Used = 0
	for _, x := range h.views {
		if x.GetPhase() == threadv1.Phase_PHASE_ACTIVE {
			h.standing.Used++
		}
	}
}
