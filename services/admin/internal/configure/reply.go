package configure

import (
	"context"

	"github.com/parley-desk/parley/pkg/directory"
	adminv1 "github.com/parley-desk/parley/proto/gen/parley/admin/v1"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
	"github.com/parley-desk/parley/services/admin/internal/change"
)

// GetCannedReply reads one canned reply.
func (s *Service) GetCannedReply(_ context.Context, req *adminv1.GetCannedReplyRequest) (*configv1.CannedReply, error) {
	return get[*configv1.CannedReply](s, directory.CannedReplies, req.GetId())
}

// ListCannedReplies reads canned replies by id.
func (s *Service) ListCannedReplies(_ context.Context, req *adminv1.ListCannedRepliesRequest) (*adminv1.ListCannedRepliesResponse, error) {
	items, next, err := list[*configv1.CannedReply](s, directory.CannedReplies, req)
	return &adminv1.ListCannedRepliesResponse{CannedReplies: items, NextPageToken: next}, err
}

// CreateCannedReply adds a canned reply.
func (s *Service) CreateCannedReply(ctx context.Context, req *adminv1.CreateCannedReplyRequest) (*configv1.CannedReply, error) {
	return put(ctx, s, change.Create, "canned_reply", req.GetCannedReply(), req.GetValidateOnly())
}

// UpdateCannedReply replaces a canned reply.
func (s *Service) UpdateCannedReply(ctx context.Context, req *adminv1.UpdateCannedReplyRequest) (*configv1.CannedReply, error) {
	return put(ctx, s, change.Update, "canned_reply", req.GetCannedReply(), req.GetValidateOnly())
}

// DeleteCannedReply removes a canned reply.
func (s *Service) DeleteCannedReply(ctx context.Context, req *adminv1.DeleteCannedReplyRequest) (*adminv1.DeleteCannedReplyResponse, error) {
	return &adminv1.DeleteCannedReplyResponse{}, s.remove(ctx, req, func(m *configv1.Meta) directory.Resource { return &configv1.CannedReply{Meta: m} })
}
