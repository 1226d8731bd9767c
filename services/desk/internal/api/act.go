package api

import (
	"context"
	"slices"

	"connectrpc.com/connect"

	deskv1 "github.com/parley-desk/parley/proto/gen/parley/desk/v1"
	outboundv1 "github.com/parley-desk/parley/proto/gen/parley/outbound/v1"
)

// maxEmoji is the longest emoji, in bytes: a family of four with skin tones.
const maxEmoji = 64

// React sets the page's reaction to a message of the customer.
func (s deskService) React(ctx context.Context, r *connect.Request[deskv1.ReactRequest]) (*connect.Response[deskv1.ReactResponse], error) {
	var c check
	c.ref(r.Msg.GetRef())
	c.that(r.Msg.GetMid() != "" && len(r.Msg.GetMid()) <= maxMID, "mid", "must be the mid of a message, of at most %d bytes", maxMID)
	c.that(len(r.Msg.GetEmoji()) <= maxEmoji, "emoji", "must have at most %d bytes", maxEmoji)
	if err := c.err(); err != nil {
		return nil, err
	}
	err := s.atMeta(ctx, r.Msg.GetRef(), &outboundv1.ActRequest{Action: "react", Mid: r.Msg.GetMid(), Emoji: r.Msg.GetEmoji()})
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(&deskv1.ReactResponse{}), nil
}

// Signal shows the customer that the agent types or has seen what was written.
func (s deskService) Signal(ctx context.Context, r *connect.Request[deskv1.SignalRequest]) (*connect.Response[deskv1.SignalResponse], error) {
	var c check
	c.ref(r.Msg.GetRef())
	c.that(slices.Contains([]string{"typing_on", "typing_off", "mark_seen"}, r.Msg.GetSign()), "sign", "must be typing_on, typing_off or mark_seen")
	if err := c.err(); err != nil {
		return nil, err
	}
	if err := s.atMeta(ctx, r.Msg.GetRef(), &outboundv1.ActRequest{Action: r.Msg.GetSign()}); err != nil {
		return nil, err
	}
	return connect.NewResponse(&deskv1.SignalResponse{}), nil
}

// atMeta has outbound do something at Meta that is no message.
func (s deskService) atMeta(ctx context.Context, ref *deskv1.ConversationRef, a *outboundv1.ActRequest) error {
	agent := callerOf(ctx).session.Agent
	if _, _, err := s.load(ctx, ref, true); err != nil {
		return err
	}
	a.Page, a.Psid, a.Conversation, a.Agent = ref.GetPage(), ref.GetPsid(), ref.GetConversation(), agent
	if err := s.Bus.Call(ctx, "outbound.act", a, &outboundv1.ActResponse{}); err != nil {
		return s.explain(ctx, ref, err)
	}
	return nil
}
