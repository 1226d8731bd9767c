package classification

import (
	"context"

	"github.com/parley-desk/parley/pkg/bus"
	"github.com/parley-desk/parley/pkg/rules"
	distributionv1 "github.com/parley-desk/parley/proto/gen/parley/distribution/v1"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
)

// askForRoom lets distribution count, which keeps a place for the conversation
// in the queue that it names: two that ask at once never get the same place.
func askForRoom(b *bus.Bus) func(context.Context, *threadv1.State, []rules.Limit) (rules.Room, error) {
	return func(ctx context.Context, s *threadv1.State, limits []rules.Limit) (rules.Room, error) {
		req := &distributionv1.PlaceRequest{Page: s.GetPage(), Psid: s.GetPsid(), Conversation: s.GetConversation().GetId()}
		for _, l := range limits {
			req.Candidates = append(req.Candidates, &distributionv1.Candidate{Queue: l.Queue, Limit: l.Items})
		}
		resp := &distributionv1.PlaceResponse{}
		if err := b.Call(ctx, "distribution.place", req, resp); err != nil {
			return rules.Room{}, err
		}
		return rules.Room{Known: true, Index: int(resp.GetIndex())}, nil
	}
}
