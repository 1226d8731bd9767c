package webtest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"connectrpc.com/connect"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/protobuf/proto"

	"github.com/parley-desk/parley/pkg/rights"
	deskv1 "github.com/parley-desk/parley/proto/gen/parley/desk/v1"
	"github.com/parley-desk/parley/proto/gen/parley/desk/v1/deskv1connect"
	distributionv1 "github.com/parley-desk/parley/proto/gen/parley/distribution/v1"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
)

const cookie = "webtest"

var errStranger = failure(connect.CodeUnauthenticated, "NOT_SIGNED_IN")

// sessions answers who is signed in: whom the cookie names.
type sessions struct{ h *House }

// names are the agents, by id.
var names = map[string]string{Agent: "Мила Йорданова", Other: "Орлин Василев", Stranger: "Соня Колева", Boss: "Вера Николова", Admin: "Петър Стоянов", Auditor: "Антон Илиев"}

func me(agent string) *deskv1.Me {
	roles := []string{"agent"}
	switch agent {
	case Stranger, Admin:
		roles = []string{"admin"}
	case Auditor:
		roles = []string{"auditor"}
	case Boss:
		roles = []string{"supervisor"}
	}
	who := rights.Who{Name: agent, Roles: roles}
	return &deskv1.Me{Agent: agent, DisplayName: names[agent], Roles: roles, May: who.All(), Statuses: []*deskv1.StatusOption{
		{Id: "lunch", Name: "На обяд", Base: distributionv1.Presence_PRESENCE_AWAY, Description: "До един час"}}}
}

// failure is an error as the real desk tells it.
func failure(code connect.Code, reason string) *connect.Error { return saying(code, reason, reason) }

func saying(code connect.Code, reason, message string) *connect.Error {
	err := connect.NewError(code, errors.New(message))
	if d, e := connect.NewErrorDetail(&errdetails.ErrorInfo{Reason: reason, Domain: "parley"}); e == nil {
		err.AddDetail(d)
	}
	return err
}

func (s sessions) SignIn(_ context.Context, r *connect.Request[deskv1.SignInRequest]) (*connect.Response[deskv1.SignInResponse], error) {
	if wait := s.h.barred(); wait > 0 {
		err := failure(connect.CodeResourceExhausted, "TOO_MANY_TRIES")
		err.Meta().Set("Retry-After", strconv.Itoa(int(wait.Seconds())))
		return nil, err
	}
	if names[r.Msg.GetAgent()] == "" || r.Msg.GetPassword() != Password {
		return nil, errStranger
	}
	if err := s.h.recorded(); err != nil {
		return nil, err
	}
	s.h.End("")
	out := connect.NewResponse(&deskv1.SignInResponse{Me: me(r.Msg.GetAgent())})
	out.Header().Set("Set-Cookie", (&http.Cookie{Name: cookie, Value: r.Msg.GetAgent(), Path: "/", HttpOnly: true}).String())
	return out, nil
}

func (s sessions) SignOut(context.Context, *connect.Request[deskv1.SignOutRequest]) (*connect.Response[deskv1.SignOutResponse], error) {
	out := connect.NewResponse(&deskv1.SignOutResponse{})
	out.Header().Set("Set-Cookie", (&http.Cookie{Name: cookie, Path: "/", MaxAge: -1}).String())
	return out, nil
}

func (s sessions) SignOutEverywhere(_ context.Context, _ *connect.Request[deskv1.SignOutEverywhereRequest]) (*connect.Response[deskv1.SignOutEverywhereResponse], error) {
	out := connect.NewResponse(&deskv1.SignOutEverywhereResponse{Sessions: 1})
	out.Header().Set("Set-Cookie", (&http.Cookie{Name: cookie, Path: "/", MaxAge: -1}).String())
	return out, nil
}

func (s sessions) WhoAmI(_ context.Context, r *connect.Request[deskv1.WhoAmIRequest]) (*connect.Response[deskv1.WhoAmIResponse], error) {
	agent := strings.TrimPrefix(r.Header().Get("Cookie"), cookie+"=")
	if names[agent] == "" {
		return nil, errStranger
	}
	if over := s.h.ended(); over != "" {
		return nil, failure(connect.CodeUnauthenticated, strings.ToUpper(over))
	}
	if agent == Stranger {
		return nil, failure(connect.CodePermissionDenied, "NO_ROLE")
	}
	return connect.NewResponse(&deskv1.WhoAmIResponse{Me: me(agent)}), nil
}

// desk answers what the tests use of the API.
type desk struct {
	deskv1connect.UnimplementedDeskServiceHandler
	h *House
}

func (d desk) Events(ctx context.Context, r *connect.Request[deskv1.EventsRequest], out *connect.ServerStream[deskv1.Event]) error {
	d.h.count(1)
	defer d.h.count(-1)
	d.h.wished(r.Msg.GetPresence())
	epoch, next := r.Msg.GetEpoch(), int(r.Msg.GetSeq())
	for first := true; ; first = false {
		fresh, changed, err := d.h.after(epoch, next, first)
		if err != nil {
			return err
		}
		for _, e := range fresh {
			if err := out.Send(e); err != nil {
				return err
			}
			epoch, next = e.GetEpoch(), int(e.GetSeq())
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (d desk) SetPresence(_ context.Context, r *connect.Request[deskv1.SetPresenceRequest]) (*connect.Response[deskv1.SetPresenceResponse], error) {
	d.note(r.Msg)
	d.h.stand(r.Msg.GetPresence(), r.Msg.GetStatus())
	return connect.NewResponse(&deskv1.SetPresenceResponse{}), nil
}

// change applies f to a conversation and gives it back as it then stands.
func (d desk) change(ref *deskv1.ConversationRef, f func(*deskv1.ConversationView)) (*deskv1.ConversationView, error) {
	d.h.mu.Lock()
	defer d.h.mu.Unlock()
	v := d.h.views[ref.GetConversation()]
	if v == nil {
		return nil, connect.NewError(connect.CodeNotFound, errors.New("no such conversation"))
	}
	f(v)
	d.h.show(v)
	return proto.CloneOf(v), nil
}

func to(p threadv1.Phase) func(*deskv1.ConversationView) {
	return func(v *deskv1.ConversationView) { v.Phase, v.Offer = p, nil }
}

// drop takes a conversation from the agent.
func (d desk) drop(ref *deskv1.ConversationRef) {
	d.h.mu.Lock()
	defer d.h.mu.Unlock()
	delete(d.h.views, ref.GetConversation())
	d.h.emit(&deskv1.Event{Kind: &deskv1.Event_Removed{Removed: ref}})
}

func (d desk) AcceptOffer(_ context.Context, r *connect.Request[deskv1.AcceptOfferRequest]) (*connect.Response[deskv1.AcceptOfferResponse], error) {
	v, err := d.change(r.Msg.GetRef(), to(threadv1.Phase_PHASE_ACTIVE))
	return connect.NewResponse(&deskv1.AcceptOfferResponse{Conversation: v}), err
}

func (d desk) RejectOffer(_ context.Context, r *connect.Request[deskv1.RejectOfferRequest]) (*connect.Response[deskv1.RejectOfferResponse], error) {
	d.drop(r.Msg.GetRef())
	return connect.NewResponse(&deskv1.RejectOfferResponse{}), nil
}

func (d desk) EndConversation(ctx context.Context, r *connect.Request[deskv1.EndConversationRequest]) (*connect.Response[deskv1.EndConversationResponse], error) {
	if err := d.h.waits(ctx); err != nil {
		return nil, err
	}
	d.note(r.Msg)
	v, err := d.change(r.Msg.GetRef(), func(v *deskv1.ConversationView) { v.Phase, v.WrapUpForm = threadv1.Phase_PHASE_WRAP_UP, d.h.form })
	return connect.NewResponse(&deskv1.EndConversationResponse{Conversation: v}), err
}

func (d desk) ParkConversation(_ context.Context, r *connect.Request[deskv1.ParkConversationRequest]) (*connect.Response[deskv1.ParkConversationResponse], error) {
	v, err := d.change(r.Msg.GetRef(), to(threadv1.Phase_PHASE_WAITING))
	return connect.NewResponse(&deskv1.ParkConversationResponse{Conversation: v}), err
}

func (d desk) ResumeConversation(_ context.Context, r *connect.Request[deskv1.ResumeConversationRequest]) (*connect.Response[deskv1.ResumeConversationResponse], error) {
	v, err := d.change(r.Msg.GetRef(), to(threadv1.Phase_PHASE_ACTIVE))
	return connect.NewResponse(&deskv1.ResumeConversationResponse{Conversation: v}), err
}

func (d desk) ReleaseConversation(_ context.Context, r *connect.Request[deskv1.ReleaseConversationRequest]) (*connect.Response[deskv1.ReleaseConversationResponse], error) {
	d.drop(r.Msg.GetRef())
	return connect.NewResponse(&deskv1.ReleaseConversationResponse{}), nil
}

func (d desk) CloseConversation(_ context.Context, r *connect.Request[deskv1.CloseConversationRequest]) (*connect.Response[deskv1.CloseConversationResponse], error) {
	d.note(r.Msg)
	d.h.ends(r.Msg)
	d.drop(r.Msg.GetRef())
	return connect.NewResponse(&deskv1.CloseConversationResponse{}), nil
}

func (d desk) SendMessage(_ context.Context, r *connect.Request[deskv1.SendMessageRequest]) (*connect.Response[deskv1.SendMessageResponse], error) {
	sent := &deskv1.TimelineItem{
		Author: deskv1.Author_AUTHOR_AGENT, Text: r.Msg.GetText(), ClientId: r.Msg.GetClientId(), Delivery: deskv1.Delivery_DELIVERY_SENDING,
		QuickReplies: r.Msg.GetQuickReplies(), Template: r.Msg.GetTemplate()}
	if t := r.Msg.GetTemplate().GetUtility(); t != nil {
		d.note(r.Msg)
		sent.Text = d.h.filled(t)
	}
	if sent.Sticker = r.Msg.GetSticker(); sent.Sticker != "" {
		d.note(r.Msg)
		sent.Text = "👍"
	}
	d.h.enclose(sent, r.Msg.GetFiles())
	item, err := d.write(r.Msg.GetRef(), sent)
	return connect.NewResponse(&deskv1.SendMessageResponse{Item: item}), err
}

func (d desk) AddNote(_ context.Context, r *connect.Request[deskv1.AddNoteRequest]) (*connect.Response[deskv1.AddNoteResponse], error) {
	item, err := d.write(r.Msg.GetRef(), &deskv1.TimelineItem{
		Author: deskv1.Author_AUTHOR_NOTE, Text: r.Msg.GetText(), ClientId: r.Msg.GetClientId(), Details: consulted(r.Msg.GetConsult())})
	return connect.NewResponse(&deskv1.AddNoteResponse{Item: item}), err
}

func consulted(yes bool) map[string]string {
	if !yes {
		return nil
	}
	return map[string]string{"consult": "true"}
}

// write stores what an agent wrote, once for a client id.
func (d desk) write(ref *deskv1.ConversationRef, item *deskv1.TimelineItem) (*deskv1.TimelineItem, error) {
	d.h.mu.Lock()
	if d.h.views[ref.GetConversation()] == nil {
		d.h.mu.Unlock()
		return nil, connect.NewError(connect.CodeNotFound, errors.New("no such conversation"))
	}
	if len(d.h.failures) > 0 {
		err := d.h.failures[0]
		d.h.failures = d.h.failures[1:]
		d.h.mu.Unlock()
		return nil, err
	}
	for _, old := range d.h.items[ref.GetPsid()] {
		if old.GetClientId() == item.GetClientId() {
			d.h.mu.Unlock()
			return old, nil
		}
	}
	d.h.sends++
	item.Id, item.Agent = fmt.Sprintf("i.%d", d.h.sends), Agent
	d.h.mu.Unlock()
	d.h.Say(ref.GetPsid(), item)
	return item, nil
}

func (d desk) ListConversations(context.Context, *connect.Request[deskv1.ListConversationsRequest]) (*connect.Response[deskv1.ListConversationsResponse], error) {
	d.h.mu.Lock()
	defer d.h.mu.Unlock()
	return connect.NewResponse(&deskv1.ListConversationsResponse{Conversations: d.h.snapshot().GetSnapshot().GetConversations()}), nil
}

func (d desk) ListTimeline(_ context.Context, r *connect.Request[deskv1.ListTimelineRequest]) (*connect.Response[deskv1.ListTimelineResponse], error) {
	out, held := d.h.history(r)
	if held != nil {
		<-held
	}
	return connect.NewResponse(out), nil
}

// history is a page of history as it stands, and what it must wait for.
func (h *House) history(r *connect.Request[deskv1.ListTimelineRequest]) (*deskv1.ListTimelineResponse, <-chan struct{}) {
	h.mu.Lock()
	defer h.mu.Unlock()
	held := h.held
	h.held = nil
	var before []*deskv1.TimelineItem
	read := cmp.Or(r.Msg.GetEarlier(), r.Msg.GetRef())
	for _, item := range h.items[read.GetPsid()] {
		if r.Msg.GetEarlier() != nil && item.GetConversation() != read.GetConversation() {
			continue
		}
		if b := r.Msg.GetBeforeRevision(); b == 0 || item.GetRevision() < b {
			before = append(before, item)
		}
	}
	out := &deskv1.ListTimelineResponse{Items: before}
	if n := int(r.Msg.GetLimit()); n > 0 && len(before) > n {
		out.Items = before[len(before)-n:]
		out.NextBeforeRevision = out.Items[0].GetRevision()
	}
	return out, held
}
