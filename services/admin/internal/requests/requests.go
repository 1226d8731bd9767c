// Package requests is PrivacyService: it reads out what people asked of their
// data, and orders that it is taken away.
package requests

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"slices"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/parley-desk/parley/pkg/bus"
	"github.com/parley-desk/parley/pkg/contact"
	"github.com/parley-desk/parley/pkg/directory"
	"github.com/parley-desk/parley/pkg/erasure"
	"github.com/parley-desk/parley/pkg/fault"
	"github.com/parley-desk/parley/pkg/thread"
	adminv1 "github.com/parley-desk/parley/proto/gen/parley/admin/v1"
	privacyv1 "github.com/parley-desk/parley/proto/gen/parley/privacy/v1"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
	"github.com/parley-desk/parley/proto/subject"
	"github.com/parley-desk/parley/services/admin/internal/takeout"
)

const (
	defaultPage = 100
	maxPage     = 1000
)

// Log is the part of bus.Bus that the service needs.
type Log interface {
	Load(ctx context.Context, t subject.Thread) (*threadv1.State, uint64, error)
	States(ctx context.Context) iter.Seq2[bus.Record, error]
	Update(ctx context.Context, t subject.Thread, decide func(*threadv1.State, uint64) ([]*threadv1.Fact, error)) (*threadv1.State, uint64, error)
	Erasable(ctx context.Context) error
	Call(ctx context.Context, method string, req, resp proto.Message) error
}

// Service implements PrivacyService. Bucket is PRIVACY.
type Service struct {
	adminv1.UnsafePrivacyServiceServer
	Bucket    *bus.Bucket
	Book      *erasure.Book
	Log       Log
	Directory *directory.Directory
	Contacts  *contact.Store
	Now       func() time.Time
	Caller    func(context.Context) string // who asks, for the record
	// Who asks Meta as whom our pages know a person whom the app of a channel account
	// knows.
	Who func(ctx context.Context, account, user string) ([]subject.Thread, error)
	// Takeout writes out what is kept of somebody; all but its File is set.
	Takeout takeout.Writer
}

// EraseFiles has the files of a customer's thread taken away: it says so in the
// log, which attachment follows.
func (s *Service) EraseFiles(ctx context.Context, req *adminv1.EraseFilesRequest) (*adminv1.EraseFilesResponse, error) {
	t, err := s.threadOf(req.GetPage(), req.GetPsid())
	if err != nil {
		return nil, err
	}
	order := &privacyv1.Erasure{Threads: []*privacyv1.Target{{Page: t.Page, Psid: t.PSID}}}
	linked, err := s.linked(ctx, order)
	if err != nil {
		return nil, err
	}
	if err := s.Book.Check(ctx, order, linked...); err != nil {
		return nil, err
	}
	_, revision, err := s.Log.Update(ctx, t, func(_ *threadv1.State, revision uint64) ([]*threadv1.Fact, error) {
		if revision == 0 {
			return nil, unknownThread(req.GetPage(), req.GetPsid())
		}
		return []*threadv1.Fact{thread.Of(&threadv1.FilesErased{By: s.Caller(ctx)})}, nil
	})
	if err != nil {
		return nil, fault.Wrap(err, "erasing the files")
	}
	return &adminv1.EraseFilesResponse{Revision: revision}, nil
}

// threadOf is the thread of a page, by its id here or at Meta, and a customer.
func (s *Service) threadOf(page, psid string) (subject.Thread, error) {
	t := subject.Thread{Page: page, PSID: psid}
	if known := s.Directory.Now().Pages[page]; known != nil {
		t.Page = known.GetPageId()
	}
	switch {
	case t.Page == "":
		return t, violation("page", "is missing; name the page by its id here, or by Meta's page id")
	case t.PSID == "":
		return t, violation("psid", "is missing; give the customer's page-scoped id")
	}
	return t, nil
}

func unknownThread(page, psid string) error {
	return fault.New(fault.NotFound, "THREAD_UNKNOWN", "no customer %q has written to page %q; see `parleyctl export transcript`", psid, page)
}

// ListPrivacyRequests reads the requests that Meta passed on, newest first.
func (s *Service) ListPrivacyRequests(ctx context.Context, req *adminv1.ListPrivacyRequestsRequest) (*adminv1.ListPrivacyRequestsResponse, error) {
	size, err := sizeOf(req.GetPageSize())
	if err != nil {
		return nil, err
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

// sizeOf is how many are to be listed.
func sizeOf(asked int32) (int, error) {
	switch {
	case asked < 0 || asked > maxPage:
		return 0, violation("page_size", fmt.Sprintf("%d is out of range; use 1 to 1000, or 0 for 100", asked))
	case asked == 0:
		return defaultPage, nil
	}
	return int(asked), nil
}

// requests reads all of them. There are few: each is of a person who asked.
func (s *Service) requests(ctx context.Context) (all []*privacyv1.Request, _ error) {
	err := s.Bucket.Each(ctx, func(e bus.Entry) {
		if r := decode(e); r != nil {
			all = append(all, r)
		}
	})
	return all, fault.Wrap(err, "reading the requests")
}

// decode reads a request; nil when an entry holds none.
func decode(e bus.Entry) *privacyv1.Request {
	r := &privacyv1.Request{}
	if !subject.IsRequest(e.Key) || proto.Unmarshal(e.Value, r) != nil {
		return nil
	}
	return r
}
