// Package people is ContactService: administrators and programs keep contacts by
// it, one at a time or by the thousand.
package people

import (
	"context"
	"fmt"
	"time"

	"github.com/parley-desk/parley/pkg/contact"
	"github.com/parley-desk/parley/pkg/fault"
	"github.com/parley-desk/parley/pkg/thread"
	contactv1 "github.com/parley-desk/parley/proto/gen/parley/contact/v1"
	"github.com/parley-desk/parley/proto/gen/parley/contact/v1/contactv1grpc"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
	"github.com/parley-desk/parley/proto/subject"
	"github.com/parley-desk/parley/services/admin/internal/guard"
)

const defaultPage = 20

// Log is the part of bus.Bus that links need.
type Log interface {
	Update(ctx context.Context, t subject.Thread, decide func(*threadv1.State, uint64) ([]*threadv1.Fact, error)) (*threadv1.State, uint64, error)
}

// Service implements ContactService. All fields must be set.
type Service struct {
	contactv1grpc.UnsafeContactServiceServer
	Contacts *contact.Finder
	Log      Log
	Now      func() time.Time
}

func violation(field, description string) error {
	f := fault.New(fault.Invalid, contact.Invalid, "%s: %s", field, description)
	f.Violations = []fault.Violation{{Field: field, Description: description}}
	return f
}

// SearchContacts finds contacts by beginnings of words.
func (s *Service) SearchContacts(ctx context.Context, req *contactv1.SearchContactsRequest) (*contactv1.SearchContactsResponse, error) {
	size := int(req.GetPageSize())
	switch {
	case size < 0 || size > contact.MostFound:
		return nil, violation("page_size", fmt.Sprintf("%d is out of range; use 1 to %d, or 0 for %d", size, contact.MostFound, defaultPage))
	case size == 0:
		size = defaultPage
	}
	found, more, err := s.Contacts.Search(ctx, req.GetQuery(), size, req.GetInactive())
	if err != nil {
		return nil, err
	}
	return &contactv1.SearchContactsResponse{Contacts: found, More: more}, nil
}

// GetContact reads a contact by its id or its external id.
func (s *Service) GetContact(ctx context.Context, req *contactv1.GetContactRequest) (*contactv1.GetContactResponse, error) {
	var r *contactv1.Record
	var err error
	switch {
	case (req.GetId() == "") == (req.GetExternalId() == ""):
		return nil, violation("id", "give either it or external_id")
	case req.GetId() != "":
		r, err = s.Contacts.Store.Get(ctx, req.GetId())
	default:
		r, err = s.Contacts.Store.External(ctx, req.GetExternalId())
	}
	if err != nil {
		return nil, err
	}
	resp := &contactv1.GetContactResponse{Contact: r.GetContact(), Merges: r.GetMerges(), Trail: r.GetTrail()}
	if into := r.GetContact().GetMergedInto(); into != "" {
		resp.Survivor, err = s.Contacts.Store.Resolve(ctx, into)
	}
	return resp, err
}

func deed(ctx context.Context, request, etag string) contact.Deed {
	return contact.Deed{By: guard.Caller(ctx), Request: request, Etag: etag}
}

// CreateContact makes a contact.
func (s *Service) CreateContact(ctx context.Context, req *contactv1.CreateContactRequest) (*contactv1.Contact, error) {
	return s.Contacts.Store.Create(ctx, deed(ctx, req.GetRequestId(), ""), req.GetContact())
}

// UpdateContact changes fields of a contact.
func (s *Service) UpdateContact(ctx context.Context, req *contactv1.UpdateContactRequest) (*contactv1.Contact, error) {
	if len(req.GetPaths()) == 0 {
		return nil, violation("paths", "are missing; name the fields to change")
	}
	return s.Contacts.Store.Update(ctx, deed(ctx, req.GetRequestId(), req.GetContact().GetEtag()), req.GetContact(), req.GetPaths())
}

// DeleteContact forgets a contact, and those merged into it.
func (s *Service) DeleteContact(ctx context.Context, req *contactv1.DeleteContactRequest) (*contactv1.DeleteContactResponse, error) {
	ids, err := s.Contacts.Store.Delete(ctx, deed(ctx, "", req.GetEtag()), req.GetId())
	return &contactv1.DeleteContactResponse{Ids: ids}, err
}

// MergeContacts merges a contact into another one.
func (s *Service) MergeContacts(ctx context.Context, req *contactv1.MergeContactsRequest) (*contactv1.Contact, error) {
	return s.Contacts.Store.Merge(ctx, deed(ctx, req.GetRequestId(), req.GetEtag()), req.GetInto(), req.GetFrom(), req.GetFromEtag())
}

// UnmergeContact undoes the merge of a contact.
func (s *Service) UnmergeContact(ctx context.Context, req *contactv1.UnmergeContactRequest) (*contactv1.Contact, error) {
	return s.Contacts.Store.Unmerge(ctx, deed(ctx, "", ""), req.GetId())
}

// LinkContact says which contact the customer of a thread is, or that it is not
// known.
func (s *Service) LinkContact(ctx context.Context, req *contactv1.LinkContactRequest) (*contactv1.LinkContactResponse, error) {
	if req.GetPage() == "" || req.GetPsid() == "" {
		return nil, violation("psid", "is missing, or the page is; a customer is known by both, as Meta writes them")
	}
	to := req.GetContact()
	if to != "" {
		now, err := s.Contacts.Store.Resolve(ctx, to)
		if err != nil {
			return nil, err
		}
		to = now.GetId()
	}
	_, _, err := s.Log.Update(ctx, subject.Thread{Page: req.GetPage(), PSID: req.GetPsid()}, func(state *threadv1.State, revision uint64) ([]*threadv1.Fact, error) {
		linked := state.GetContact().GetContact()
		switch {
		case revision == 0:
			return nil, fault.New(fault.NotFound, "THREAD_UNKNOWN", "this customer never wrote to this page")
		case linked == to:
			return nil, nil
		case to == "":
			return []*threadv1.Fact{thread.Of(&threadv1.ContactUnlinked{Contact: linked, By: guard.Caller(ctx)})}, nil
		}
		return []*threadv1.Fact{thread.Of(&threadv1.ContactLinked{Contact: to, Source: threadv1.LinkSource_LINK_SOURCE_ADMIN, By: guard.Caller(ctx)})}, nil
	})
	return &contactv1.LinkContactResponse{}, err
}
