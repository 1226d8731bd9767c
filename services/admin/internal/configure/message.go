package configure

import (
	"context"

	"github.com/parley-desk/parley/pkg/directory"
	adminv1 "github.com/parley-desk/parley/proto/gen/parley/admin/v1"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
	"github.com/parley-desk/parley/services/admin/internal/change"
)

// GetAutomatedMessage reads one automated message.
func (s *Service) GetAutomatedMessage(_ context.Context, req *adminv1.GetAutomatedMessageRequest) (*configv1.AutomatedMessage, error) {
	return get[*configv1.AutomatedMessage](s, directory.Messages, req.GetId())
}

// ListAutomatedMessages reads automated messages by id.
func (s *Service) ListAutomatedMessages(_ context.Context, req *adminv1.ListAutomatedMessagesRequest) (*adminv1.ListAutomatedMessagesResponse, error) {
	items, next, err := list[*configv1.AutomatedMessage](s, directory.Messages, req)
	return &adminv1.ListAutomatedMessagesResponse{AutomatedMessages: items, NextPageToken: next}, err
}

// CreateAutomatedMessage adds an automated message.
func (s *Service) CreateAutomatedMessage(ctx context.Context, req *adminv1.CreateAutomatedMessageRequest) (*configv1.AutomatedMessage, error) {
	return put(ctx, s, change.Create, "automated_message", req.GetAutomatedMessage(), req.GetValidateOnly())
}

// UpdateAutomatedMessage replaces an automated message.
func (s *Service) UpdateAutomatedMessage(ctx context.Context, req *adminv1.UpdateAutomatedMessageRequest) (*configv1.AutomatedMessage, error) {
	return put(ctx, s, change.Update, "automated_message", req.GetAutomatedMessage(), req.GetValidateOnly())
}

// DeleteAutomatedMessage removes an automated message.
func (s *Service) DeleteAutomatedMessage(ctx context.Context, req *adminv1.DeleteAutomatedMessageRequest) (*adminv1.DeleteAutomatedMessageResponse, error) {
	return &adminv1.DeleteAutomatedMessageResponse{}, s.remove(ctx, req, func(m *configv1.Meta) directory.Resource { return &configv1.AutomatedMessage{Meta: m} })
}
