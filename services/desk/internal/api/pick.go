package api

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"connectrpc.com/connect"

	"github.com/parley-desk/parley/pkg/fault"
	"github.com/parley-desk/parley/pkg/rights"
	"github.com/parley-desk/parley/pkg/thread"
	authv1 "github.com/parley-desk/parley/proto/gen/parley/auth/v1"
	deskv1 "github.com/parley-desk/parley/proto/gen/parley/desk/v1"
	distributionv1 "github.com/parley-desk/parley/proto/gen/parley/distribution/v1"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
	"github.com/parley-desk/parley/services/desk/internal/board"
)

// ShowOffer tells distribution that an offer is on the agent's screen (L93). An
// offer that is gone is no error: the page is about to hear of it.
func (s deskService) ShowOffer(ctx context.Context, r *connect.Request[deskv1.ShowOfferRequest]) (*connect.Response[deskv1.ShowOfferResponse], error) {
	ref, agent := r.Msg.GetRef(), callerOf(ctx).session.Agent
	if err := checkOffer(ref, r.Msg.GetFence(), ""); err != nil {
		return nil, err
	}
	if _, _, err := s.load(ctx, ref, false); err != nil {
		return nil, err
	}
	response := &distributionv1.ShownResponse{}
	err := s.Bus.Call(ctx, "distribution.shown", &distributionv1.ShownRequest{
		Page: ref.GetPage(), Psid: ref.GetPsid(), Conversation: ref.GetConversation(), Agent: agent, Fence: r.Msg.GetFence(),
	}, response)
	if err != nil {
		return nil, s.explain(ctx, ref, err)
	}
	return connect.NewResponse(&deskv1.ShowOfferResponse{UntilMs: response.GetUntilMs()}), nil
}

// pickable tells whether a caller may see that a conversation waits, and take
// it: one of the caller's queues has it, nobody is offered it, and its workstream
// lets agents pick.
func pickable(c *threadv1.Conversation, who rights.Who) bool {
	return c.GetPhase() == threadv1.Phase_PHASE_OPEN && c.GetOffer() == nil &&
		(c.GetTerms().GetPickable() || c.GetTerms().GetPickOnly()) &&
		who.May(authv1.Permission_PERMISSION_CONVERSATION_PICK, rights.Object{Queues: []string{c.GetQueue()}})
}

// ListOpenItems tells what the agent may pick (L97).
func (s deskService) ListOpenItems(ctx context.Context, r *connect.Request[deskv1.ListOpenItemsRequest]) (*connect.Response[deskv1.ListOpenItemsResponse], error) {
	size, err := pageSize(r.Msg.GetPageSize())
	if err != nil {
		return nil, err
	}
	who := s.who(ctx)
	found := s.Hub.Select(func(c *threadv1.Conversation) bool { return pickable(c, who) })
	page, next := cutPage(found, size, r.Msg.GetPageToken(), func(f board.Found) string {
		c := f.State.GetConversation()
		return fmt.Sprintf("%04d.%020d.%s", topPriority-c.GetPriority(), c.GetQueuedMs(), c.GetId())
	})
	response := &deskv1.ListOpenItemsResponse{NextPageToken: next, Total: int32(len(found))}
	names := s.Directory.Now()
	for _, f := range page {
		c := f.State.GetConversation()
		response.Items = append(response.Items, &deskv1.OpenItem{
			Ref:      &deskv1.ConversationRef{Page: f.State.GetPage(), Psid: f.State.GetPsid(), Conversation: c.GetId()},
			Customer: f.State.GetCustomer().GetName(), Preview: f.State.GetPreview(),
			Queue:          cmp.Or(names.Queues[c.GetQueue()].GetMeta().GetDisplayName(), c.GetQueue()),
			PageName:       cmp.Or(names.PagesByMeta[f.State.GetPage()].GetMeta().GetDisplayName(), f.State.GetPage()),
			WaitingSinceMs: thread.WaitingSince(c).UnixMilli(), Priority: c.GetPriority(),
		})
	}
	s.place(ctx, response.GetItems())
	return connect.NewResponse(response), nil
}

// topPriority is the highest there is.
const topPriority = 1023

// PickConversation takes a conversation that waits. Distribution decides, which
// alone knows whether the agent has room.
func (s deskService) PickConversation(ctx context.Context, r *connect.Request[deskv1.PickConversationRequest]) (*connect.Response[deskv1.PickConversationResponse], error) {
	ref, agent := r.Msg.GetRef(), callerOf(ctx).session.Agent
	var c check
	if c.ref(ref); c.err() != nil {
		return nil, c.err()
	}
	state, revision, err := s.Bus.Load(ctx, threadOf(ref))
	if err != nil {
		return nil, fault.Wrap(err, "reading the conversation")
	}
	switch found := state.GetConversation(); {
	case found.GetId() != ref.GetConversation():
		return nil, errForeign()
	case found.GetPhase() == threadv1.Phase_PHASE_ACTIVE && found.GetAgent() == agent: // the answer was lost
		return connect.NewResponse(&deskv1.PickConversationResponse{Conversation: s.show(state, revision, agent)}), nil
	case !pickable(found, s.who(ctx)):
		return nil, errForeign()
	}
	err = s.Bus.Call(ctx, "distribution.pick", &distributionv1.PickRequest{
		Page: ref.GetPage(), Psid: ref.GetPsid(), Conversation: ref.GetConversation(), Agent: agent,
	}, &distributionv1.PickResponse{})
	if r, ok := errors.AsType[*thread.Refusal](err); ok && r.Reason == thread.WrongPhase {
		return nil, errForeign() // somebody was faster by a moment, and who comes a moment later hears the same
	}
	if err != nil {
		return nil, s.explain(ctx, ref, err)
	}
	view, err := s.reload(ctx, ref)
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(&deskv1.PickConversationResponse{Conversation: view}), nil
}

// pageSize is how many items a page has at most.
func pageSize(asked int32) (int, error) {
	var c check
	c.that(asked >= 0 && asked <= maxPage, "page_size", "must be 1 to %d, or 0 for %d; is %d", maxPage, defaultPage, asked)
	if asked == 0 {
		asked = defaultPage
	}
	return int(asked), c.err()
}

// cutPage gives the items that follow a token in the order of their keys, and
// the token of the page after; empty when there is none. Keys outlive what
// comes and goes between two pages.
func cutPage[T any](all []T, size int, after string, key func(T) string) (page []T, next string) {
	slices.SortFunc(all, func(a, b T) int { return cmp.Compare(key(a), key(b)) })
	from, _ := slices.BinarySearchFunc(all, after, func(item T, after string) int {
		if key(item) <= after {
			return -1
		}
		return 1
	})
	page = all[from:min(len(all), from+size)]
	if from+size < len(all) {
		next = key(page[len(page)-1])
	}
	return page, next
}
