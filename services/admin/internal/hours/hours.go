// Package hours is ScheduleService: it tells what operating hours come to, those
// that are stored and those that somebody is still writing.
package hours

import (
	"context"
	"fmt"
	"time"

	"github.com/parley-desk/parley/pkg/directory"
	"github.com/parley-desk/parley/pkg/fault"
	"github.com/parley-desk/parley/pkg/schedule"
	adminv1 "github.com/parley-desk/parley/proto/gen/parley/admin/v1"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
	"github.com/parley-desk/parley/services/admin/internal/change"
	"github.com/parley-desk/parley/services/admin/internal/validate"
)

const maxChanges = 50

// The moments that a request may name, in milliseconds: years of four digits.
var (
	earliest = time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC).UnixMilli()
	latest   = time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC).UnixMilli()
)

// Service implements ScheduleService. All fields must be set.
type Service struct {
	adminv1.UnsafeScheduleServiceServer
	Directory *directory.Directory
	Now       func() time.Time
}

// EvaluateSchedule tells how a schedule stands at a moment, and what comes next.
func (s *Service) EvaluateSchedule(_ context.Context, req *adminv1.EvaluateScheduleRequest) (*adminv1.EvaluateScheduleResponse, error) {
	if n := req.GetChanges(); n < 0 || n > maxChanges {
		return nil, refuse(fault.Violation{Field: "changes", Description: fmt.Sprintf("%d is out of range; use 0 to %d", n, maxChanges)})
	}
	at := s.Now()
	if ms := req.GetAtMs(); ms != 0 {
		if ms < earliest || ms > latest {
			return nil, refuse(fault.Violation{Field: "at_ms", Description: fmt.Sprintf("%d is not in the years 1 to 9998; it counts milliseconds since 1970", ms)})
		}
		at = time.UnixMilli(ms)
	}
	wanted, err := s.wanted(req)
	if err != nil {
		return nil, err
	}
	h, err := schedule.Compile(wanted)
	if err != nil {
		return nil, err
	}
	return answer(h, at, int(req.GetChanges())), nil
}

// wanted is the schedule that the request means.
func (s *Service) wanted(req *adminv1.EvaluateScheduleRequest) (*configv1.Schedule, error) {
	switch of := req.GetOf().(type) {
	case *adminv1.EvaluateScheduleRequest_Id:
		if stored := s.Directory.Now().Schedules[of.Id]; stored != nil {
			return stored, nil
		}
		return nil, change.NotFound(directory.Schedules, of.Id)
	case *adminv1.EvaluateScheduleRequest_Schedule:
		wrong := validate.Schedule(of.Schedule)
		for i := range wrong {
			wrong[i].Field = "schedule." + wrong[i].Field
		}
		return of.Schedule, refuse(wrong...)
	}
	return nil, refuse(fault.Violation{Field: "of", Description: "names no schedule; set id or schedule"})
}

// answer tells how hours stand at a moment, and their next changes.
func answer(h *schedule.Hours, at time.Time, changes int) *adminv1.EvaluateScheduleResponse {
	status := h.At(at)
	resp := &adminv1.EvaluateScheduleResponse{Open: status.Open, Reason: status.Reason, AtMs: at.UnixMilli(), LocalTime: local(at, h)}
	for len(resp.GetChanges()) < changes && !status.Changes.IsZero() {
		at = status.Changes
		status = h.At(at)
		resp.Changes = append(resp.Changes, &adminv1.ScheduleChange{AtMs: at.UnixMilli(), LocalTime: local(at, h), Open: status.Open, Reason: status.Reason})
	}
	return resp
}

// local is what a clock in the zone of the hours shows.
func local(at time.Time, h *schedule.Hours) string {
	return at.In(h.Zone()).Format("Mon 2006-01-02 15:04:05 -07:00")
}

// refuse is the error for bad fields; nil when there are none.
func refuse(wrong ...fault.Violation) error {
	if len(wrong) == 0 {
		return nil
	}
	f := fault.New(fault.Invalid, "INVALID_ARGUMENT", "%s: %s", wrong[0].Field, wrong[0].Description)
	f.Violations = wrong
	return f
}
