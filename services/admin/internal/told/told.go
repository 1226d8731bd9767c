// Package told is CrmService: a program reads what happened to contacts, from
// wherever it was.
package told

import (
	"context"
	"time"

	"github.com/parley-desk/parley/pkg/bus"
	"github.com/parley-desk/parley/pkg/fault"
	crmv1 "github.com/parley-desk/parley/proto/gen/parley/crm/v1"
	"github.com/parley-desk/parley/proto/gen/parley/crm/v1/crmv1grpc"
)

const (
	defaultPage = 100
	longestWait = 20
)

// Log is the part of bus.Bus that has the events.
type Log interface {
	Events(ctx context.Context, after uint64, most int, wait time.Duration) ([]*crmv1.Event, bool, error)
}

// Service implements CrmService. All fields must be set.
type Service struct {
	crmv1grpc.UnsafeCrmServiceServer
	Log Log
}

// ListEvents reads what came after a position.
func (s *Service) ListEvents(ctx context.Context, req *crmv1.ListEventsRequest) (*crmv1.ListEventsResponse, error) {
	size, wait := int(req.GetPageSize()), int(req.GetWaitSeconds())
	switch {
	case size < 0 || size > bus.MostEvents:
		return nil, violation("page_size", "is out of range; use 1 to 1000, or 0 for 100")
	case wait < 0 || wait > longestWait:
		return nil, violation("wait_seconds", "is out of range; use 0 to 20")
	case size == 0:
		size = defaultPage
	}
	events, gap, err := s.Log.Events(ctx, req.GetAfter(), size, time.Duration(wait)*time.Second)
	if err != nil {
		return nil, err
	}
	resp := &crmv1.ListEventsResponse{Events: events, Next: req.GetAfter(), Gap: gap}
	if n := len(events); n > 0 {
		resp.Next = events[n-1].GetPosition()
	}
	return resp, nil
}

func violation(field, description string) error {
	f := fault.New(fault.Invalid, "INVALID_ARGUMENT", "%s: %s", field, description)
	f.Violations = []fault.Violation{{Field: field, Description: description}}
	return f
}
