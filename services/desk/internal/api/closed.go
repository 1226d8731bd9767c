package api

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"time"

	"connectrpc.com/connect"

	deskv1 "github.com/parley-desk/parley/proto/gen/parley/desk/v1"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
	"github.com/parley-desk/parley/services/desk/internal/board"
)

// ListClosedItems tells what the agent had in a day that is over (L97).
func (s deskService) ListClosedItems(ctx context.Context, r *connect.Request[deskv1.ListClosedItemsRequest]) (*connect.Response[deskv1.ListClosedItemsResponse], error) {
	size, err := pageSize(r.Msg.GetPageSize())
	if err != nil {
		return nil, err
	}
	since := time.UnixMilli(max(r.Msg.GetSinceMs(), s.Now().Add(-board.Day).UnixMilli()))
	found := s.Hub.Over(callerOf(ctx).session.Agent, since)
	page, next := cutPage(found, size, r.Msg.GetPageToken(), func(f *threadv1.State) string {
		return fmt.Sprintf("%020d.%s", math.MaxInt64-f.GetConversation().GetEnteredMs(), f.GetConversation().GetId())
	})
	response := &deskv1.ListClosedItemsResponse{NextPageToken: next, Total: int32(len(found))}
	names := s.Directory.Now()
	for _, f := range page {
		c := f.GetConversation()
		response.Items = append(response.Items, &deskv1.ClosedItem{
			Ref:      &deskv1.ConversationRef{Page: f.GetPage(), Psid: f.GetPsid(), Conversation: c.GetId()},
			Customer: f.GetCustomer().GetName(), ClosedMs: c.GetEnteredMs(), Dispositions: dispositions(c, names),
			Queue:    cmp.Or(names.Queues[c.GetQueue()].GetMeta().GetDisplayName(), c.GetQueue()),
			PageName: cmp.Or(names.PagesByMeta[f.GetPage()].GetMeta().GetDisplayName(), f.GetPage()),
		})
	}
	return connect.NewResponse(response), nil
}
