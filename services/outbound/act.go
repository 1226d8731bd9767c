package outbound

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/parley-desk/parley/pkg/fault"
	"github.com/parley-desk/parley/pkg/graph"
	"github.com/parley-desk/parley/pkg/thread"
	outboundv1 "github.com/parley-desk/parley/proto/gen/parley/outbound/v1"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
	"github.com/parley-desk/parley/proto/subject"
	"github.com/parley-desk/parley/services/outbound/internal/pace"
)

// signPatience bounds what is of use only at once.
const signPatience = 2 * time.Second

// act makes a sign to the customer or sets a reaction. Neither is a message:
// both may be made twice, so neither goes the way of a send.
func (s *service) act(ctx context.Context, r *outboundv1.ActRequest) (*outboundv1.ActResponse, error) {
	t := subject.Thread{Page: r.GetPage(), PSID: r.GetPsid()}
	state, revision, err := s.deps.Bus.Load(ctx, t)
	if err != nil {
		return nil, err
	}
	if r.GetAction() != "react" && !slices.Contains([]string{graph.TypingOn, graph.TypingOff, graph.MarkSeen}, r.GetAction()) {
		return nil, fault.New(fault.Invalid, "ACTION_UNKNOWN", "action %q is unknown; use typing_on, typing_off, mark_seen or react", r.GetAction())
	}
	if _, err := thread.Act(state, s.deps.Now(), r.GetConversation(), r.GetAgent(), r.GetMid(), r.GetEmoji()); err != nil {
		return nil, err
	}
	if r.GetAction() == graph.MarkSeen && !s.shown(t.Page) {
		return &outboundv1.ActResponse{}, nil
	}
	page, usable := s.pages.Connection(t.Page)
	if !usable {
		return nil, refusal(state, graph.ReasonPageDisconnected)
	}
	if r.GetAction() != "react" {
		return &outboundv1.ActResponse{}, s.sign(ctx, page, t.PSID, r.GetAction())
	}
	rest, err := s.pages.Pace.Wait(ctx, t.Page, pace.Text)
	if err != nil {
		return nil, err
	}
	if rest.For > 0 {
		return nil, refusal(state, rest.Reason)
	}
	if err := s.deps.Graph.React(ctx, page, t.PSID, r.GetMid(), r.GetEmoji()); err != nil {
		if f, ok := errors.AsType[*fault.Error](err); ok && (f.Kind == fault.Precondition || f.Kind == fault.Denied || f.Kind == fault.NotFound) {
			return nil, refusal(state, f.Reason)
		}
		return nil, err
	}
	_, revision, err = s.deps.Bus.Update(ctx, t, func(state *threadv1.State, _ uint64) ([]*threadv1.Fact, error) {
		return thread.Act(state, s.deps.Now(), r.GetConversation(), r.GetAgent(), r.GetMid(), r.GetEmoji())
	})
	return &outboundv1.ActResponse{Revision: revision}, err
}

// shown tells whether customers of a page learn what was read.
func (s *service) shown(page string) bool {
	world := s.deps.Directory.Now()
	return world.Seen(world.PagesByMeta[page])
}

// sign is given up rather than late: what the page's rate has no room for, and
// what Meta does not take, is dropped, and only counted with the client's calls.
func (s *service) sign(ctx context.Context, page graph.Page, psid, action string) error {
	ctx, cancel := context.WithTimeout(ctx, signPatience)
	defer cancel()
	if _, err := s.pages.Pace.Wait(ctx, page.ID, pace.Action); err != nil {
		return nil
	}
	_ = s.deps.Graph.Sign(ctx, page, psid, action)
	return nil
}
