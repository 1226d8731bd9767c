package webtest

import (
	"context"
	"sync"

	"connectrpc.com/connect"

	deskv1 "github.com/parley-desk/parley/proto/gen/parley/desk/v1"
)

// ends keeps that the agent closed a conversation.
func (h *House) ends(r *deskv1.CloseConversationRequest) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if v := h.views[r.GetRef().GetConversation()]; v != nil {
		h.closed = append(h.closed, &deskv1.ClosedItem{Ref: v.GetRef(), Customer: v.GetCustomer().GetName(), Queue: v.GetQueue(), PageName: v.GetPageName(),
			ClosedMs: h.now().UnixMilli(), Dispositions: r.GetDispositions()})
	}
}

// ListClosedItems tells what the agent closed.
func (d desk) ListClosedItems(_ context.Context, r *connect.Request[deskv1.ListClosedItemsRequest]) (*connect.Response[deskv1.ListClosedItemsResponse], error) {
	d.note(r.Msg)
	d.h.mu.Lock()
	defer d.h.mu.Unlock()
	return connect.NewResponse(&deskv1.ListClosedItemsResponse{Items: d.h.closed, Total: int32(len(d.h.closed))}), nil
}

// HoldEnd has an End be on its way until let is called. One whose caller took it back
// meanwhile comes to nothing.
func (h *House) HoldEnd() (let func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	held := make(chan struct{})
	h.slow = held
	return sync.OnceFunc(func() { close(held) })
}

func (h *House) waits(ctx context.Context) error {
	h.mu.Lock()
	slow := h.slow
	h.mu.Unlock()
	if slow == nil {
		return nil
	}
	select {
	case <-slow:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
