// Package requests is PrivacyService: it reads out what people asked of their
// data, and has the files of a customer taken away.
package requests

import (
	"cmp"
	"context"
	"slices"

	"google.golang.org/protobuf/proto"

	"github.com/parley-desk/parley/pkg/bus"
	"github.com/parley-desk/parley/pkg/directory"
	"github.com/parley-desk/parley/pkg/fault"
	"github.com/parley-desk/parley/pkg/thread"
	adminv1 "github.com/parley-desk/parley/proto/gen/parley/admin/v1"
	privacyv1 "github.com/parley-desk/parley/proto/gen/parley/privacy/v1"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
	"github.com/parley-desk/parley/proto/subject"
)

const (
	defaultPage = 100
	maxPage     = 1000
)

// Log is the part of bus.Bus that the service needs.
type Log interface {
	Update(ctx context.Context, t subject.Thread, decide func(*threadv1.State, uint64) ([]*threadv1.Fact, error)) (*threadv1.State, uint64, error)
}

// Service implements PrivacyService. Bucket is PRIVACY.
type Service struct {
	adminv1.UnsafePrivacyServiceServer
	Bucket    *bus.Bucket
	Log       Log
	Directory *directory.Directory
	Caller    func(context.Context) string // who asks, for the record
}

// EraseFiles has the files of a customer's thread taken away: it says so in the
// log, which attachment follows.
func (s *Service) EraseFiles(ctx context.Context, req *adminv1.EraseFilesRequest) (*adminv1.EraseFilesResponse, error) {
	t := subject.Thread{Page: req.GetPage(), PSID: req.GetPsid()}
	if page := s.Directory.Now().Pages[req.GetPage()]; page != nil {
		t.Page = page.GetPageId()
	}
	for _, f := range []struct{ name, value, say string }{
		{"page", t.Page, "is missing; name the page by its id here, or by Meta's page id"},
		{"psid", t.PSID, "is missing; give the customer's page-scoped id"},
	} {
		if f.value == "" {
			wrong := fault.New(fault.Invalid, "INVALID_ARGUMENT", "%s: %s", f.name, f.say)
			wrong.Violations = []fault.Violation{{Field: f.name, Description: f.say}}
			return nil, wrong
		}
	}
	_, revision, err := s.Log.Update(ctx, t, func(_ *threadv1.State, revision uint64) ([]*threadv1.Fact, error) {
		if revision == 0 {
			return nil, fault.New(fault.NotFound, "THREAD_UNKNOWN", "no customer %q has written to page %q; see `parleyctl export transcript`", req.GetPsid(), req.GetPage())
		}
		return []*threadv1.Fact{thread.Of(&threadv1.FilesErased{By: s.Caller(ctx)})}, nil
	})
	if err != nil {
		return nil, fault.Wrap(err, "erasing the files")
	}
	return &adminv1.EraseFilesResponse{Revision: revision}, nil
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
