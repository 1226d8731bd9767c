package configure

import (
	"context"

	"github.com/parley-desk/parley/pkg/directory"
	adminv1 "github.com/parley-desk/parley/proto/gen/parley/admin/v1"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
	"github.com/parley-desk/parley/services/admin/internal/change"
)

// GetSchedule reads one schedule.
func (s *Service) GetSchedule(_ context.Context, req *adminv1.GetScheduleRequest) (*configv1.Schedule, error) {
	return get[*configv1.Schedule](s, directory.Schedules, req.GetId())
}

// ListSchedules reads schedules by id.
func (s *Service) ListSchedules(_ context.Context, req *adminv1.ListSchedulesRequest) (*adminv1.ListSchedulesResponse, error) {
	items, next, err := list[*configv1.Schedule](s, directory.Schedules, req)
	return &adminv1.ListSchedulesResponse{Schedules: items, NextPageToken: next}, err
}

// CreateSchedule adds a schedule.
func (s *Service) CreateSchedule(ctx context.Context, req *adminv1.CreateScheduleRequest) (*configv1.Schedule, error) {
	return put(ctx, s, change.Create, "schedule", req.GetSchedule(), req.GetValidateOnly())
}

// UpdateSchedule replaces a schedule.
func (s *Service) UpdateSchedule(ctx context.Context, req *adminv1.UpdateScheduleRequest) (*configv1.Schedule, error) {
	return put(ctx, s, change.Update, "schedule", req.GetSchedule(), req.GetValidateOnly())
}

// DeleteSchedule removes a schedule that nothing refers to.
func (s *Service) DeleteSchedule(ctx context.Context, req *adminv1.DeleteScheduleRequest) (*adminv1.DeleteScheduleResponse, error) {
	return &adminv1.DeleteScheduleResponse{}, s.remove(ctx, req, func(m *configv1.Meta) directory.Resource { return &configv1.Schedule{Meta: m} })
}

// GetSkill reads one skill.
func (s *Service) GetSkill(_ context.Context, req *adminv1.GetSkillRequest) (*configv1.Skill, error) {
	return get[*configv1.Skill](s, directory.Skills, req.GetId())
}

// ListSkills reads skills by id.
func (s *Service) ListSkills(_ context.Context, req *adminv1.ListSkillsRequest) (*adminv1.ListSkillsResponse, error) {
	items, next, err := list[*configv1.Skill](s, directory.Skills, req)
	return &adminv1.ListSkillsResponse{Skills: items, NextPageToken: next}, err
}

// CreateSkill adds a skill.
func (s *Service) CreateSkill(ctx context.Context, req *adminv1.CreateSkillRequest) (*configv1.Skill, error) {
	return put(ctx, s, change.Create, "skill", req.GetSkill(), req.GetValidateOnly())
}

// UpdateSkill replaces a skill.
func (s *Service) UpdateSkill(ctx context.Context, req *adminv1.UpdateSkillRequest) (*configv1.Skill, error) {
	return put(ctx, s, change.Update, "skill", req.GetSkill(), req.GetValidateOnly())
}

// DeleteSkill removes a skill that nothing refers to.
func (s *Service) DeleteSkill(ctx context.Context, req *adminv1.DeleteSkillRequest) (*adminv1.DeleteSkillResponse, error) {
	return &adminv1.DeleteSkillResponse{}, s.remove(ctx, req, func(m *configv1.Meta) directory.Resource { return &configv1.Skill{Meta: m} })
}

// GetCapacityProfile reads one capacity profile.
func (s *Service) GetCapacityProfile(_ context.Context, req *adminv1.GetCapacityProfileRequest) (*configv1.CapacityProfile, error) {
	return get[*configv1.CapacityProfile](s, directory.Profiles, req.GetId())
}

// ListCapacityProfiles reads capacity profiles by id.
func (s *Service) ListCapacityProfiles(_ context.Context, req *adminv1.ListCapacityProfilesRequest) (*adminv1.ListCapacityProfilesResponse, error) {
	items, next, err := list[*configv1.CapacityProfile](s, directory.Profiles, req)
	return &adminv1.ListCapacityProfilesResponse{CapacityProfiles: items, NextPageToken: next}, err
}

// CreateCapacityProfile adds a capacity profile.
func (s *Service) CreateCapacityProfile(ctx context.Context, req *adminv1.CreateCapacityProfileRequest) (*configv1.CapacityProfile, error) {
	return put(ctx, s, change.Create, "capacity_profile", req.GetCapacityProfile(), req.GetValidateOnly())
}

// UpdateCapacityProfile replaces a capacity profile.
func (s *Service) UpdateCapacityProfile(ctx context.Context, req *adminv1.UpdateCapacityProfileRequest) (*configv1.CapacityProfile, error) {
	return put(ctx, s, change.Update, "capacity_profile", req.GetCapacityProfile(), req.GetValidateOnly())
}

// DeleteCapacityProfile removes a capacity profile that nothing refers to.
func (s *Service) DeleteCapacityProfile(ctx context.Context, req *adminv1.DeleteCapacityProfileRequest) (*adminv1.DeleteCapacityProfileResponse, error) {
	return &adminv1.DeleteCapacityProfileResponse{}, s.remove(ctx, req, func(m *configv1.Meta) directory.Resource { return &configv1.CapacityProfile{Meta: m} })
}

// GetStatus reads one status.
func (s *Service) GetStatus(_ context.Context, req *adminv1.GetStatusRequest) (*configv1.Status, error) {
	return get[*configv1.Status](s, directory.Statuses, req.GetId())
}

// ListStatuses reads statuses by id.
func (s *Service) ListStatuses(_ context.Context, req *adminv1.ListStatusesRequest) (*adminv1.ListStatusesResponse, error) {
	items, next, err := list[*configv1.Status](s, directory.Statuses, req)
	return &adminv1.ListStatusesResponse{Statuses: items, NextPageToken: next}, err
}

// CreateStatus adds a status.
func (s *Service) CreateStatus(ctx context.Context, req *adminv1.CreateStatusRequest) (*configv1.Status, error) {
	return put(ctx, s, change.Create, "status", req.GetStatus(), req.GetValidateOnly())
}

// UpdateStatus replaces a status.
func (s *Service) UpdateStatus(ctx context.Context, req *adminv1.UpdateStatusRequest) (*configv1.Status, error) {
	return put(ctx, s, change.Update, "status", req.GetStatus(), req.GetValidateOnly())
}

// DeleteStatus removes a status that nothing refers to.
func (s *Service) DeleteStatus(ctx context.Context, req *adminv1.DeleteStatusRequest) (*adminv1.DeleteStatusResponse, error) {
	return &adminv1.DeleteStatusResponse{}, s.remove(ctx, req, func(m *configv1.Meta) directory.Resource { return &configv1.Status{Meta: m} })
}

// GetRuleset reads one ruleset.
func (s *Service) GetRuleset(_ context.Context, req *adminv1.GetRulesetRequest) (*configv1.Ruleset, error) {
	return get[*configv1.Ruleset](s, directory.Rulesets, req.GetId())
}

// ListRulesets reads rulesets by id.
func (s *Service) ListRulesets(_ context.Context, req *adminv1.ListRulesetsRequest) (*adminv1.ListRulesetsResponse, error) {
	items, next, err := list[*configv1.Ruleset](s, directory.Rulesets, req)
	return &adminv1.ListRulesetsResponse{Rulesets: items, NextPageToken: next}, err
}

// CreateRuleset adds a ruleset.
func (s *Service) CreateRuleset(ctx context.Context, req *adminv1.CreateRulesetRequest) (*configv1.Ruleset, error) {
	return put(ctx, s, change.Create, "ruleset", req.GetRuleset(), req.GetValidateOnly())
}

// UpdateRuleset replaces a ruleset.
func (s *Service) UpdateRuleset(ctx context.Context, req *adminv1.UpdateRulesetRequest) (*configv1.Ruleset, error) {
	return put(ctx, s, change.Update, "ruleset", req.GetRuleset(), req.GetValidateOnly())
}

// DeleteRuleset removes a ruleset that nothing refers to.
func (s *Service) DeleteRuleset(ctx context.Context, req *adminv1.DeleteRulesetRequest) (*adminv1.DeleteRulesetResponse, error) {
	return &adminv1.DeleteRulesetResponse{}, s.remove(ctx, req, func(m *configv1.Meta) directory.Resource { return &configv1.Ruleset{Meta: m} })
}
