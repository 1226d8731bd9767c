package api

import (
	"context"
	"maps"
	"slices"
	"strings"

	"connectrpc.com/connect"
	"golang.org/x/text/language"

	"github.com/parley-desk/parley/pkg/slug"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
	deskv1 "github.com/parley-desk/parley/proto/gen/parley/desk/v1"
	"github.com/parley-desk/parley/services/desk/internal/reply"
)

// Limits of what is asked for canned replies.
const (
	maxQuery      = 200
	maxReplyTitle = 100
)

// replyService gives agents texts that are ready to be sent (L115).
type replyService struct{ *Server }

// ListCannedReplies finds those that fit a conversation.
func (s replyService) ListCannedReplies(ctx context.Context, r *connect.Request[deskv1.ListCannedRepliesRequest]) (*connect.Response[deskv1.ListCannedRepliesResponse], error) {
	limit, agent := int(r.Msg.GetLimit()), callerOf(ctx).session.Agent
	var c check
	c.ref(r.Msg.GetRef())
	c.most("query", r.Msg.GetQuery(), maxQuery)
	c.that(limit >= 0 && limit <= maxPage, "limit", "must be 1 to %d, or 0 for %d; is %d", maxPage, defaultPage, limit)
	if err := c.err(); err != nil {
		return nil, err
	}
	if limit == 0 {
		limit = defaultPage
	}
	state, _, err := s.load(ctx, r.Msg.GetRef(), false)
	if err != nil {
		return nil, err
	}
	own, err := s.Replies.Of(ctx, agent)
	if err != nil {
		return nil, err
	}
	all := reply.Fitting(s.Directory.Now(), state, agent, own)
	if r.Msg.GetPersonal() {
		all = slices.DeleteFunc(all, func(r *deskv1.ReadyReply) bool { return !r.GetPersonal() })
	}
	all = reply.Matching(all, r.Msg.GetQuery())
	return connect.NewResponse(&deskv1.ListCannedRepliesResponse{
		Replies: all[:min(len(all), limit)], Total: int32(len(all))}), nil
}

// ListPersonalReplies reads the agent's own as they were written.
func (s replyService) ListPersonalReplies(ctx context.Context, _ *connect.Request[deskv1.ListPersonalRepliesRequest]) (*connect.Response[deskv1.ListPersonalRepliesResponse], error) {
	own, err := s.Replies.Of(ctx, callerOf(ctx).session.Agent)
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(&deskv1.ListPersonalRepliesResponse{Replies: own, Most: int32(s.Replies.Most)}), nil
}

// CreatePersonalReply adds one to the agent's own.
func (s replyService) CreatePersonalReply(ctx context.Context, r *connect.Request[deskv1.CreatePersonalReplyRequest]) (*connect.Response[deskv1.CreatePersonalReplyResponse], error) {
	if err := s.checkReply(r.Msg.GetReply()); err != nil {
		return nil, err
	}
	if err := s.Replies.Create(ctx, callerOf(ctx).session.Agent, r.Msg.GetReply()); err != nil {
		return nil, err
	}
	return connect.NewResponse(&deskv1.CreatePersonalReplyResponse{Reply: r.Msg.GetReply()}), nil
}

// UpdatePersonalReply replaces one of the agent's own.
func (s replyService) UpdatePersonalReply(ctx context.Context, r *connect.Request[deskv1.UpdatePersonalReplyRequest]) (*connect.Response[deskv1.UpdatePersonalReplyResponse], error) {
	if err := s.checkReply(r.Msg.GetReply()); err != nil {
		return nil, err
	}
	if err := s.Replies.Update(ctx, callerOf(ctx).session.Agent, r.Msg.GetReply()); err != nil {
		return nil, err
	}
	return connect.NewResponse(&deskv1.UpdatePersonalReplyResponse{Reply: r.Msg.GetReply()}), nil
}

// DeletePersonalReply removes one of the agent's own.
func (s replyService) DeletePersonalReply(ctx context.Context, r *connect.Request[deskv1.DeletePersonalReplyRequest]) (*connect.Response[deskv1.DeletePersonalReplyResponse], error) {
	var c check
	if c.uuid("id", r.Msg.GetId()); c.err() != nil {
		return nil, c.err()
	}
	if err := s.Replies.Delete(ctx, callerOf(ctx).session.Agent, r.Msg.GetId()); err != nil {
		return nil, err
	}
	return connect.NewResponse(&deskv1.DeletePersonalReplyResponse{}), nil
}

// checkReply checks a reply as a shared one is checked. It may name any variable
// that some workstream has.
func (s replyService) checkReply(r *deskv1.PersonalReply) error {
	var c check
	c.uuid("reply.id", r.GetId())
	c.most("reply.title", r.GetTitle(), maxReplyTitle)
	c.that(strings.TrimSpace(r.GetTitle()) != "" && !strings.ContainsAny(r.GetTitle(), "\r\n"), "reply.title", "must be one line that is not empty")
	if r.GetLocale() != "" {
		_, err := language.Parse(r.GetLocale())
		c.that(err == nil && !strings.Contains(r.GetLocale(), "_"), "reply.locale", `must be a BCP 47 tag such as "bg" or "en-GB", or empty`)
	}
	for _, wrong := range append(slug.CheckText(r.GetText(), s.declared), slug.CheckTags(r.GetTags())...) {
		c.that(false, "reply."+wrong.Field, "%s", wrong.Description)
	}
	return c.err()
}

func (s replyService) declared(name string) bool {
	streams := slices.Collect(maps.Values(s.Directory.Now().Workstreams))
	return slices.ContainsFunc(streams, func(w *configv1.Workstream) bool {
		return slices.ContainsFunc(w.GetVariables(), func(v *configv1.Variable) bool { return v.GetName() == name })
	})
}
