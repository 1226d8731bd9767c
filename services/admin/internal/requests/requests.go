// Package requests is PrivacyService: it reads out what people asked of their
// data.
package requests

import (
	"cmp"
	"context"
	"slices"

	"google.golang.org/protobuf/proto"

	"github.com/parley-desk/parley/pkg/bus"
	"github.com/parley-desk/parley/pkg/fault"
	adminv1 "github.com/parley-desk/parley/proto/gen/parley/admin/v1"
	privacyv1 "github.com/parley-desk/parley/proto/gen/parley/privacy/v1"
	"github.com/parley-desk/parley/proto/subject"
)

const (
	defaultPage = 100
	maxPage     = 1000
)

// Service implements PrivacyService. Bucket is PRIVACY.
type Service struct {
	adminv1.UnsafePrivacyServiceServer
	Bucket *bus.Bucket
}

// ListPrivacyRequests reads the requests that Meta passed on, newest first.
func (s *Service) ListPrivacyRequests(ctx context.Context, req *adminv1.ListPrivacyRequestsRequest) (*adminv1.ListPrivacyRequestsResponse, error) {
	size := int(req.GetPageSize())
	switch {
	case size < 0 || size > maxPage:
		f := fault.New(fault.Invalid, "INVALID_ARGUMENT", "page_size: %d is out of range; use 1 to 1000, or 0 for 100", size)
		f.Violations = []fault.Violation{{Field: "page_size", Description: "is out of range; use 1 to 1000, or 0 for 100"}}
		return nil, f
	case size == 0:
		size = defaultPage
	}
	all, err := s.requests(ctx)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(all, func(a, b *privacyv1.Request) int {
		return cmp.Or(cmp.Compare(b.GetReceivedMs(), a.GetReceivedMs()), cmp.Compare(a.GetCode(), b.GetCode()))
	})
	return &adminv1.ListPrivacyRequestsResponse{Requests: all[:min(len(all), size)]}, nil
}

// requests reads all of them. There are few: each is of a person who asked.
func (s *Service) requests(ctx context.Context) ([]*privacyv1.Request, error) {
	reading, stop := context.WithCancel(ctx)
	defer stop()
	var all []*privacyv1.Request
	ready := false
	err := s.Bucket.Watch(reading, func() { ready = true; stop() }, func(e bus.Entry) {
		r := &privacyv1.Request{}
		if subject.IsRequest(e.Key) && !ready && proto.Unmarshal(e.Value, r) == nil {
			all = append(all, r)
		}
	})
	switch {
	case ready:
		return all, nil
	case ctx.Err() != nil:
		return nil, fault.Wrap(ctx.Err(), "reading the requests")
	}
	return nil, fault.Wrap(err, "reading the requests")
}
