package webtest

import (
	"context"
	"slices"
	"strings"

	"connectrpc.com/connect"

	deskv1 "github.com/parley-desk/parley/proto/gen/parley/desk/v1"
	"github.com/parley-desk/parley/proto/gen/parley/desk/v1/deskv1connect"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
)

// replies are canned ones: two that are shared, and what the agent wrote.
type replies struct {
	deskv1connect.UnimplementedReplyServiceHandler
	desk
}

func (r replies) ListCannedReplies(_ context.Context, q *connect.Request[deskv1.ListCannedRepliesRequest]) (*connect.Response[deskv1.ListCannedRepliesResponse], error) {
	r.note(q.Msg)
	all := []*deskv1.ReadyReply{
		{Id: "hello", Title: "Поздрав", Text: "Здравейте, Иван! С какво да помогна?", Locale: "bg",
			QuickReplies: []*threadv1.QuickReply{{Title: "Поръчка", Payload: "ORDER"}, {Title: "Връщане", Payload: "RETURN"}, {Title: "Друго", Payload: "OTHER"}}},
		{Id: "late", Title: "Закъсняла пратка", Text: "Съжаляваме, пратката закъснява с един ден.", Locale: "bg", Tags: []string{"доставка"}},
	}
	r.h.mu.Lock()
	defer r.h.mu.Unlock()
	for _, own := range r.h.own {
		all = append(all, &deskv1.ReadyReply{Id: own.GetId(), Personal: true, Title: own.GetTitle(), Text: own.GetText(), Tags: own.GetTags()})
	}
	all = slices.DeleteFunc(all, func(one *deskv1.ReadyReply) bool {
		return q.Msg.GetPersonal() && !one.GetPersonal() || slices.ContainsFunc(strings.Fields(strings.ToLower(q.Msg.GetQuery())), func(word string) bool {
			return !strings.Contains(strings.ToLower(one.GetTitle()+one.GetText()+" #"+strings.Join(one.GetTags(), " #")), word)
		})
	})
	return connect.NewResponse(&deskv1.ListCannedRepliesResponse{Replies: all, Total: int32(len(all))}), nil
}

func (r replies) ListPersonalReplies(context.Context, *connect.Request[deskv1.ListPersonalRepliesRequest]) (*connect.Response[deskv1.ListPersonalRepliesResponse], error) {
	r.h.mu.Lock()
	defer r.h.mu.Unlock()
	return connect.NewResponse(&deskv1.ListPersonalRepliesResponse{Replies: slices.Clone(r.h.own), Most: 3}), nil
}

func (r replies) CreatePersonalReply(_ context.Context, q *connect.Request[deskv1.CreatePersonalReplyRequest]) (*connect.Response[deskv1.CreatePersonalReplyResponse], error) {
	r.note(q.Msg)
	if strings.Contains(q.Msg.GetReply().GetText(), "{Name}") {
		return nil, failure(connect.CodeInvalidArgument, "BAD_REQUEST")
	}
	r.h.mu.Lock()
	defer r.h.mu.Unlock()
	r.h.own = append(r.h.own, q.Msg.GetReply())
	return connect.NewResponse(&deskv1.CreatePersonalReplyResponse{Reply: q.Msg.GetReply()}), nil
}

func (r replies) UpdatePersonalReply(_ context.Context, q *connect.Request[deskv1.UpdatePersonalReplyRequest]) (*connect.Response[deskv1.UpdatePersonalReplyResponse], error) {
	r.note(q.Msg)
	r.h.mu.Lock()
	defer r.h.mu.Unlock()
	for i, own := range r.h.own {
		if own.GetId() == q.Msg.GetReply().GetId() {
			r.h.own[i] = q.Msg.GetReply()
		}
	}
	return connect.NewResponse(&deskv1.UpdatePersonalReplyResponse{Reply: q.Msg.GetReply()}), nil
}

func (r replies) DeletePersonalReply(_ context.Context, q *connect.Request[deskv1.DeletePersonalReplyRequest]) (*connect.Response[deskv1.DeletePersonalReplyResponse], error) {
	r.h.mu.Lock()
	defer r.h.mu.Unlock()
	r.h.own = slices.DeleteFunc(r.h.own, func(own *deskv1.PersonalReply) bool { return own.GetId() == q.Msg.GetId() })
	return connect.NewResponse(&deskv1.DeletePersonalReplyResponse{}), nil
}

// Ask has the house ask this of conversations in wrap-up.
func (h *House) Ask(form *deskv1.WrapUpForm) { h.form = form }
