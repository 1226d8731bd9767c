package desk_test

import (
	"slices"
	"testing"
	"time"

	"connectrpc.com/connect"

	"github.com/parley-desk/parley/pkg/thread"
	deskv1 "github.com/parley-desk/parley/proto/gen/parley/desk/v1"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
)

// TestClosedItems (L97): an agent is told of what the agent had that is over, newest
// first, also by a process that starts later; of what is followed by another conversation
// no more, and nobody is told of anybody else's.
func TestClosedItems(t *testing.T) {
	h := newHouse(t)
	began := time.Now()
	h.commit("a", thread.Of(&threadv1.CustomerProfiled{Name: "Иван Петров"}))
	for _, psid := range []string{"a", "b", "c"} {
		h.lead(psid, "active", time.Now())
	}
	mila := h.agent("mila")
	for _, psid := range []string{"a", "b"} {
		for _, deed := range []string{"end", "close"} {
			if err := commands[deed].give(t.Context(), mila, psid); err != nil {
				t.Fatal(err)
			}
		}
	}
	told := func(who *caller, r *deskv1.ListClosedItemsRequest) (psids []string, response *deskv1.ListClosedItemsResponse) {
		t.Helper()
		got, err := who.desk.ListClosedItems(t.Context(), connect.NewRequest(r))
		if err != nil {
			t.Fatal(err)
		}
		for _, i := range got.Msg.GetItems() {
			psids = append(psids, i.GetRef().GetPsid())
		}
		return psids, got.Msg
	}
	for _, restart := range []bool{false, true} {
		if restart {
			h.stop()
			h.start()
			mila = h.agent("mila")
		}
		h.await("both", func() bool {
			all, _ := told(mila, &deskv1.ListClosedItemsRequest{})
			return slices.Equal(all, []string{"b", "a"})
		})
		_, all := told(mila, &deskv1.ListClosedItemsRequest{SinceMs: began.UnixMilli()})
		if i := all.GetItems()[1]; all.GetTotal() != 2 || i.GetCustomer() != "Иван Петров" || i.GetQueue() != "Front desk" || i.GetClosedMs() < began.UnixMilli() || i.GetRef().GetConversation() != "c-a" {
			t.Errorf("told of %v", all)
		}
		if later, _ := told(mila, &deskv1.ListClosedItemsRequest{SinceMs: time.Now().Add(time.Minute).UnixMilli()}); len(later) != 0 {
			t.Errorf("since later: %v", later)
		}
		first, page := told(mila, &deskv1.ListClosedItemsRequest{PageSize: 1})
		rest, last := told(mila, &deskv1.ListClosedItemsRequest{PageSize: 1, PageToken: page.GetNextPageToken()})
		if !slices.Equal(append(first, rest...), []string{"b", "a"}) || last.GetNextPageToken() != "" {
			t.Errorf("pages: %v, then %v, %q", first, rest, last.GetNextPageToken())
		}
		if others, _ := told(h.agent("orlin"), &deskv1.ListClosedItemsRequest{}); len(others) != 0 {
			t.Errorf("another agent is told of %v", others)
		}
	}
	if _, err := mila.desk.ListClosedItems(t.Context(), connect.NewRequest(&deskv1.ListClosedItemsRequest{PageSize: 201})); connect.CodeOf(err) != connect.CodeInvalidArgument {
		t.Errorf("a page of 201: %v", err)
	}
	h.commit("b", thread.Of(&threadv1.ConversationOpened{Id: "c2", Units: 1}))
	h.await("the one that nobody followed", func() bool {
		all, _ := told(mila, &deskv1.ListClosedItemsRequest{})
		return slices.Equal(all, []string{"a"})
	})
}
