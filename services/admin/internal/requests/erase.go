package requests

import (
	"cmp"
	"context"
	"slices"
	"unicode/utf8"

	"github.com/google/uuid"
	"google.golang.org/protobuf/proto"

	"github.com/parley-desk/parley/pkg/erasure"
	"github.com/parley-desk/parley/pkg/fault"
	"github.com/parley-desk/parley/pkg/thread"
	adminv1 "github.com/parley-desk/parley/proto/gen/parley/admin/v1"
	privacyv1 "github.com/parley-desk/parley/proto/gen/parley/privacy/v1"
	"github.com/parley-desk/parley/proto/subject"
)

const (
	mostThreads = 1000 // of one contact
	mostReason  = 200
)

func violation(field, say string) error {
	wrong := fault.New(fault.Invalid, "INVALID_ARGUMENT", "%s: %s", field, say)
	wrong.Violations = []fault.Violation{{Field: field, Description: say}}
	return wrong
}

// Erase orders that everything about a person goes.
func (s *Service) Erase(ctx context.Context, req *adminv1.EraseRequest) (*adminv1.EraseResponse, error) {
	e, live, err := s.whom(ctx, req)
	if err != nil {
		return nil, err
	}
	if req.GetDryRun() {
		resp := &privacyv1.CountTracesResponse{}
		if err := s.Log.Call(ctx, "erasure.count", &privacyv1.CountTracesRequest{Threads: e.GetThreads(), Contacts: e.GetContacts()}, resp); err != nil {
			return nil, err
		}
		e.Counts = resp.GetCounts()
		return &adminv1.EraseResponse{Erasure: e}, nil
	}
	if live && !req.GetEndConversation() {
		return nil, fault.New(fault.Precondition, "CONVERSATION_LIVE",
			"a conversation with this person is going on; close it first, or pass --end-conversation, which takes it from its agent without a word")
	}
	e.By, e.Request, e.OrderedMs = s.Caller(ctx), req.GetRequest(), s.Now().UnixMilli()
	if err := s.order(ctx, e); err != nil {
		return nil, err
	}
	return &adminv1.EraseResponse{Erasure: e}, nil
}

// whom is who is to be erased: whoever is named, or else whom Meta means by a
// request.
func (s *Service) whom(ctx context.Context, req *adminv1.EraseRequest) (e *privacyv1.Erasure, live bool, _ error) {
	if proto.Size(req.GetPerson()) > 0 || req.GetRequest() == "" {
		return s.target(ctx, req.GetPerson())
	}
	r, _, err := s.Book.Request(ctx, req.GetRequest())
	if err != nil {
		return nil, false, err
	}
	known, err := s.Who(ctx, r.GetAccount(), r.GetUser())
	if err != nil && fault.Retryable(err) {
		return nil, false, err
	}
	e = &privacyv1.Erasure{Way: privacyv1.Way_WAY_REQUEST}
	for _, t := range known {
		state, revision, err := s.Log.Load(ctx, t)
		if err != nil {
			return nil, false, err
		}
		if revision > 0 {
			e.Threads = append(e.Threads, &privacyv1.Target{Page: t.Page, Psid: t.PSID})
			live = live || thread.Live(state.GetConversation())
		}
	}
	if len(e.GetThreads()) == 0 {
		return nil, false, fault.New(fault.Precondition, "PERSON_UNKNOWN", "Meta does not say which customer of ours this is; find out, and name the thread or the contact with the request")
	}
	return e, live, nil
}

// order keeps an order, unless it is of somebody who must be kept, or somebody
// else has ordered the same.
func (s *Service) order(ctx context.Context, e *privacyv1.Erasure) error {
	if err := s.Log.Erasable(ctx); err != nil {
		return err
	}
	linked, err := s.linked(ctx, e)
	if err != nil {
		return err
	}
	if err := s.Book.Check(ctx, e, linked...); err != nil {
		return err
	}
	page, err := s.Book.Read(ctx)
	if err != nil {
		return err
	}
	for _, other := range page.Open {
		if other.GetWay() != privacyv1.Way_WAY_RETENTION && overlap(e, other) {
			return fault.New(fault.Conflict, "ERASURE_ORDERED", "erasure %s of this person is ordered already; see `parleyctl privacy status`", other.GetId())
		}
	}
	if e.GetRequest() != "" {
		r, _, err := s.Book.Request(ctx, e.GetRequest())
		switch {
		case err != nil:
			return err
		case r.GetKind() != privacyv1.Kind_KIND_DELETION:
			return fault.New(fault.Precondition, "REQUEST_OF_ANOTHER_KIND", "the person of this request removed the app, and did not ask to be erased; leave the request out")
		case r.GetState() == privacyv1.State_STATE_ERASED:
			return fault.New(fault.Precondition, "REQUEST_DONE", "the person of this request is erased already")
		}
	}
	id, err := uuid.NewV7()
	if err != nil {
		return fault.Wrap(err, "making an id")
	}
	e.Id, e.Step = id.String(), privacyv1.Step_STEP_DRAIN
	if err := s.Book.Order(ctx, e); err != nil {
		return err
	}
	return s.Book.Answer(ctx, e, privacyv1.State_STATE_ORDERED)
}

func overlap(a, b *privacyv1.Erasure) bool {
	for _, t := range a.GetThreads() {
		if erasure.Covers(&privacyv1.Hold{Page: t.GetPage(), Psid: t.GetPsid()}, b) {
			return true
		}
	}
	return slices.ContainsFunc(a.GetContacts(), func(id string) bool { return slices.Contains(b.GetContacts(), id) })
}

// linked are the contacts of an order's threads.
func (s *Service) linked(ctx context.Context, e *privacyv1.Erasure) (ids []string, _ error) {
	for _, t := range e.GetThreads() {
		state, _, err := s.Log.Load(ctx, subject.Thread{Page: t.GetPage(), PSID: t.GetPsid()})
		if err != nil {
			return nil, err
		}
		linked, err := erasure.Linked(ctx, s.Contacts, state)
		if err != nil {
			return nil, err
		}
		ids = append(ids, linked...)
	}
	return ids, nil
}

// target finds out who is to be erased, and whether a conversation is going on.
func (s *Service) target(ctx context.Context, p *adminv1.Person) (e *privacyv1.Erasure, live bool, _ error) {
	switch {
	case p.GetContact() != "" && (p.GetPage() != "" || p.GetPsid() != ""):
		return nil, false, violation("person", "names a contact and a thread; name one of the two")
	case p.GetContact() != "":
		return s.family(ctx, p.GetContact())
	}
	t, err := s.threadOf(p.GetPage(), p.GetPsid())
	if err != nil {
		return nil, false, err
	}
	state, revision, err := s.Log.Load(ctx, t)
	if err != nil {
		return nil, false, err
	}
	if revision == 0 {
		return nil, false, unknownThread(p.GetPage(), p.GetPsid())
	}
	return &privacyv1.Erasure{Way: privacyv1.Way_WAY_THREAD, Threads: []*privacyv1.Target{{Page: t.Page, Psid: t.PSID}}}, thread.Live(state.GetConversation()), nil
}

// family is a contact with all that it took in, and all their threads.
func (s *Service) family(ctx context.Context, id string) (e *privacyv1.Erasure, live bool, _ error) {
	r, err := s.Contacts.Standing(ctx, id)
	if err != nil {
		return nil, false, err
	}
	ids, err := s.Contacts.Family(ctx, r, mostThreads)
	if err != nil {
		return nil, false, err
	}
	e = &privacyv1.Erasure{Way: privacyv1.Way_WAY_CONTACT, Contacts: ids}
	found := map[subject.Thread]bool{} // a thread that changes meanwhile comes again
	for record, err := range s.Log.States(ctx) {
		if err != nil {
			return nil, false, err
		}
		state := record.Commit.GetState()
		if found[record.Thread] || !slices.Contains(ids, cmp.Or(state.GetContact().GetContact(), "-")) {
			continue
		}
		found[record.Thread] = true
		e.Threads = append(e.Threads, &privacyv1.Target{Page: record.Thread.Page, Psid: record.Thread.PSID})
		live = live || thread.Live(state.GetConversation())
	}
	if len(e.GetThreads()) > mostThreads {
		return nil, false, fault.New(fault.Precondition, "TOO_MANY_THREADS", "this contact has %d threads; more than %d are not one person: unlink those that are not, or erase them one by one", len(e.GetThreads()), mostThreads)
	}
	return e, live, nil
}

// ListErasures reads those that are at work and those that are done.
func (s *Service) ListErasures(ctx context.Context, req *adminv1.ListErasuresRequest) (*adminv1.ListErasuresResponse, error) {
	size, err := sizeOf(req.GetPageSize())
	if err != nil {
		return nil, err
	}
	page, err := s.Book.Read(ctx)
	if err != nil {
		return nil, err
	}
	all := append(page.Open, page.Done...)
	slices.SortFunc(all, func(a, b *privacyv1.Erasure) int {
		return cmp.Or(cmp.Compare(b.GetOrderedMs(), a.GetOrderedMs()), cmp.Compare(b.GetId(), a.GetId()))
	})
	return &adminv1.ListErasuresResponse{Erasures: all[:min(len(all), size)]}, nil
}

// GetCertificate reads what was erased.
func (s *Service) GetCertificate(ctx context.Context, req *adminv1.GetCertificateRequest) (*adminv1.GetCertificateResponse, error) {
	page, err := s.Book.Read(ctx)
	if err != nil {
		return nil, err
	}
	wanted := func(c *privacyv1.Erasure) bool { return c.GetId() == req.GetId() }
	if req.GetId() == "" {
		fingerprint, err := s.fingerprint(req.GetPerson())
		if err != nil {
			return nil, err
		}
		wanted = func(c *privacyv1.Erasure) bool { return slices.Contains(c.GetFingerprints(), fingerprint) }
	}
	var newest *privacyv1.Erasure
	for _, c := range page.Done {
		if wanted(c) && c.GetDoneMs() >= newest.GetDoneMs() {
			newest = c
		}
	}
	switch {
	case newest == nil && slices.ContainsFunc(page.Open, func(e *privacyv1.Erasure) bool { return e.GetId() == req.GetId() }):
		return nil, fault.New(fault.Precondition, "ERASURE_NOT_DONE", "this erasure is not done yet; see `parleyctl privacy status`")
	case newest == nil:
		return nil, fault.New(fault.NotFound, "CERTIFICATE_UNKNOWN", "there is no certificate of this; see `parleyctl privacy status`")
	case !s.Book.Genuine(newest):
		return nil, fault.New(fault.Precondition, "CERTIFICATE_ALTERED", "the certificate %s is not as it was written, or was sealed with another keyset", newest.GetId())
	}
	return &adminv1.GetCertificateResponse{Certificate: newest}, nil
}

func (s *Service) fingerprint(p *adminv1.Person) (string, error) {
	if p.GetContact() != "" {
		return s.Book.OfContact(p.GetContact()), nil
	}
	t, err := s.threadOf(p.GetPage(), p.GetPsid())
	return s.Book.OfThread(t), err
}

// StopErasure takes an order back that has not begun.
func (s *Service) StopErasure(ctx context.Context, req *adminv1.StopErasureRequest) (*adminv1.StopErasureResponse, error) {
	for {
		e, revision, err := s.Book.Get(ctx, req.GetId())
		switch {
		case fault.Is(err, fault.NotFound):
			return nil, fault.New(fault.NotFound, "ERASURE_UNKNOWN", "no erasure %q waits or is at work; see `parleyctl privacy status`", req.GetId())
		case fault.Is(err, fault.Precondition): // it does not open, and is of no use to anybody
			return &adminv1.StopErasureResponse{}, s.Book.Drop(ctx, req.GetId())
		case err != nil:
			return nil, err
		case e.GetStep() == privacyv1.Step_STEP_STOPPED:
			return &adminv1.StopErasureResponse{}, nil
		case e.GetStep() > privacyv1.Step_STEP_DRAIN:
			return nil, fault.New(fault.Precondition, "ERASURE_BEGUN", "this erasure has begun and cannot be stopped any more")
		}
		e.Step = privacyv1.Step_STEP_STOPPED
		if err := s.Book.Put(ctx, e, revision); !fault.Is(err, fault.Conflict) || ctx.Err() != nil {
			return &adminv1.StopErasureResponse{}, err
		}
	}
}

// SetHold keeps somebody from being erased.
func (s *Service) SetHold(ctx context.Context, req *adminv1.SetHoldRequest) (*adminv1.SetHoldResponse, error) {
	if n := utf8.RuneCountInString(req.GetReason()); n == 0 || n > mostReason {
		return nil, violation("reason", "must say in 1 to 200 characters why, such as the number of a case")
	}
	h, err := s.hold(ctx, req.GetPerson())
	if err != nil {
		return nil, err
	}
	h.Reason, h.By, h.SinceMs = req.GetReason(), s.Caller(ctx), s.Now().UnixMilli()
	return &adminv1.SetHoldResponse{Hold: h}, s.Book.Hold(ctx, h)
}

// hold names who is held. A contact that another one took in is held with that.
func (s *Service) hold(ctx context.Context, p *adminv1.Person) (*privacyv1.Hold, error) {
	if p.GetContact() != "" {
		r, err := s.Contacts.Standing(ctx, p.GetContact())
		return &privacyv1.Hold{Contact: r.GetContact().GetId()}, err
	}
	t, err := s.threadOf(p.GetPage(), p.GetPsid())
	return &privacyv1.Hold{Page: t.Page, Psid: t.PSID}, err
}

// ReleaseHold lets somebody be erased again.
func (s *Service) ReleaseHold(ctx context.Context, req *adminv1.ReleaseHoldRequest) (*adminv1.ReleaseHoldResponse, error) {
	h, err := s.hold(ctx, req.GetPerson())
	if err != nil {
		return nil, err
	}
	err = s.Book.Release(ctx, h)
	if fault.Is(err, fault.NotFound) {
		err = fault.New(fault.NotFound, "HOLD_UNKNOWN", "nothing holds this person; see `parleyctl privacy holds`")
	}
	return &adminv1.ReleaseHoldResponse{}, err
}

// ListHolds reads what is held, oldest first.
func (s *Service) ListHolds(ctx context.Context, _ *adminv1.ListHoldsRequest) (*adminv1.ListHoldsResponse, error) {
	page, err := s.Book.Read(ctx)
	slices.SortFunc(page.Holds, func(a, b *privacyv1.Hold) int { return cmp.Compare(a.GetSinceMs(), b.GetSinceMs()) })
	return &adminv1.ListHoldsResponse{Holds: page.Holds}, err
}
