package webtest

import (
	"context"

	"connectrpc.com/connect"

	deskv1 "github.com/parley-desk/parley/proto/gen/parley/desk/v1"
)

// AbandonSend leaves the agent's newest message as it is.
func (d desk) AbandonSend(_ context.Context, r *connect.Request[deskv1.AbandonSendRequest]) (*connect.Response[deskv1.AbandonSendResponse], error) {
	d.note(r.Msg)
	d.h.Deliver(r.Msg.GetRef().GetPsid(), deskv1.Delivery_DELIVERY_ABANDONED)
	return connect.NewResponse(&deskv1.AbandonSendResponse{}), nil
}

// ResendMessage sends a text again; the desk finds it by itself.
func (d desk) ResendMessage(_ context.Context, r *connect.Request[deskv1.ResendMessageRequest]) (*connect.Response[deskv1.ResendMessageResponse], error) {
	d.note(r.Msg)
	item, err := d.write(r.Msg.GetRef(), &deskv1.TimelineItem{Author: deskv1.Author_AUTHOR_AGENT, Text: "Пътува.", ClientId: r.Msg.GetClientId(), Delivery: deskv1.Delivery_DELIVERY_SENDING})
	return connect.NewResponse(&deskv1.ResendMessageResponse{Item: item}), err
}
