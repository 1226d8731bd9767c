package repair

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/parley-desk/parley/pkg/fault"
	adminv1 "github.com/parley-desk/parley/proto/gen/parley/admin/v1"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
	provisionv1 "github.com/parley-desk/parley/proto/gen/parley/provision/v1"
)

// furthest is how far back somebody may ask: Meta leaves conversations in the
// folder of requests out after as long.
const furthest = 30 * 24 * time.Hour

// Service is the part of ProvisionService that is about repairs.
type Service struct{ Repairer *Repairer }

// RepairPage begins to fetch what a page missed.
func (s *Service) RepairPage(ctx context.Context, req *adminv1.RepairPageRequest) (*adminv1.PageRepair, error) {
	page, err := s.find(req.GetPage())
	if err != nil {
		return nil, err
	}
	r := s.Repairer
	now := r.deps.Now()
	if at := req.GetSinceMs(); at <= now.Add(-furthest).UnixMilli() || at >= now.UnixMilli() {
		f := fault.New(fault.Invalid, "INVALID_ARGUMENT", "since_ms: %d is not within the last 30 days; Meta shows no more", at)
		f.Violations = []fault.Violation{{Field: "since_ms", Description: "must be in the past, and at most 30 days"}}
		return nil, f
	}
	if _, trouble := r.pages.Connection(page); trouble != "" {
		return nil, fault.New(fault.Precondition, "SECRET_MISSING", "page %q cannot act at Meta: %s", page.GetMeta().GetId(), trouble)
	}
	for {
		repair, revision, err := r.stored(ctx, page)
		if err != nil {
			return nil, err
		}
		next := Widen(repair, page.GetPageId(), req.GetSinceMs(), Asked, now.UnixMilli())
		err = r.put(ctx, page.GetMeta().GetId(), next, revision)
		if err == nil {
			return view(page, next), nil
		}
		if !fault.Is(err, fault.Conflict) || ctx.Err() != nil {
			return nil, err
		}
	}
}

// GetRepair reads how the repair of a page goes.
func (s *Service) GetRepair(ctx context.Context, req *adminv1.GetRepairRequest) (*adminv1.PageRepair, error) {
	page, err := s.find(req.GetPage())
	if err != nil {
		return nil, err
	}
	repair, _, err := s.Repairer.stored(ctx, page)
	return view(page, repair), err
}

// ListRepairs reads how the repairs of all pages go, by id.
func (s *Service) ListRepairs(context.Context, *adminv1.ListRepairsRequest) (*adminv1.ListRepairsResponse, error) {
	resp, pages := &adminv1.ListRepairsResponse{}, s.Repairer.deps.Directory.Now().Pages
	for _, id := range slices.Sorted(maps.Keys(pages)) {
		_, repair, _ := s.Repairer.mirror.look(pages[id])
		resp.Repairs = append(resp.Repairs, view(pages[id], repair))
	}
	return resp, nil
}

// find finds a page by resource id or Meta's page id.
func (s *Service) find(page string) (*configv1.Page, error) {
	world := s.Repairer.deps.Directory.Now()
	if found := world.Pages[page]; found != nil {
		return found, nil
	}
	if found := world.PagesByMeta[page]; found != nil {
		return found, nil
	}
	return nil, fault.New(fault.NotFound, "PAGE_UNKNOWN", "there is no page %q; `parleyctl get pages` lists them", page)
}

func view(page *configv1.Page, r *provisionv1.Repair) *adminv1.PageRepair {
	return &adminv1.PageRepair{Page: page.GetMeta().GetId(), Run: run(r.GetJob()), Last: run(r.GetLast())}
}

func run(j *provisionv1.RepairJob) *adminv1.RepairRun {
	if j == nil {
		return nil
	}
	return &adminv1.RepairRun{Why: j.GetWhy(), SinceMs: j.GetSinceMs(), BeganMs: j.GetBeganMs(), EndedMs: j.GetEndedMs(), Conversations: j.GetConversations(),
		Messages: j.GetMessages(), Short: j.GetShort(), Trouble: j.GetTrouble(), RetryMs: j.GetRetryMs(), Unread: j.GetUnread()}
}
