package configure

import (
	"context"

	"github.com/parley-desk/parley/pkg/directory"
	adminv1 "github.com/parley-desk/parley/proto/gen/parley/admin/v1"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
	"github.com/parley-desk/parley/services/admin/internal/change"
)

// GetNotificationTemplate reads one template of notifications.
func (s *Service) GetNotificationTemplate(_ context.Context, req *adminv1.GetNotificationTemplateRequest) (*configv1.NotificationTemplate, error) {
	return get[*configv1.NotificationTemplate](s, directory.Notifications, req.GetId())
}

// ListNotificationTemplates reads templates of notifications by id.
func (s *Service) ListNotificationTemplates(_ context.Context, req *adminv1.ListNotificationTemplatesRequest) (*adminv1.ListNotificationTemplatesResponse, error) {
	items, next, err := list[*configv1.NotificationTemplate](s, directory.Notifications, req)
	return &adminv1.ListNotificationTemplatesResponse{NotificationTemplates: items, NextPageToken: next}, err
}

// CreateNotificationTemplate adds a template of notifications.
func (s *Service) CreateNotificationTemplate(ctx context.Context, req *adminv1.CreateNotificationTemplateRequest) (*configv1.NotificationTemplate, error) {
	return put(ctx, s, change.Create, "notification_template", req.GetNotificationTemplate(), req.GetValidateOnly())
}

// UpdateNotificationTemplate replaces a template of notifications.
func (s *Service) UpdateNotificationTemplate(ctx context.Context, req *adminv1.UpdateNotificationTemplateRequest) (*configv1.NotificationTemplate, error) {
	return put(ctx, s, change.Update, "notification_template", req.GetNotificationTemplate(), req.GetValidateOnly())
}

// DeleteNotificationTemplate removes a template of notifications.
func (s *Service) DeleteNotificationTemplate(ctx context.Context, req *adminv1.DeleteNotificationTemplateRequest) (*adminv1.DeleteNotificationTemplateResponse, error) {
	return &adminv1.DeleteNotificationTemplateResponse{}, s.remove(ctx, req, func(m *configv1.Meta) directory.Resource { return &configv1.NotificationTemplate{Meta: m} })
}
