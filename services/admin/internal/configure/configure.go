// Package configure is ConfigService: reading and changing the resources of
// administrators. Its kinds behave alike; what they share is in generic
// functions here, what the API spells out for each is in kinds.go.
package configure

import (
	"context"
	"crypto/hmac"
	"encoding/base64"
	"fmt"
	"time"

	"github.com/parley-desk/parley/pkg/bus"
	"github.com/parley-desk/parley/pkg/directory"
	"github.com/parley-desk/parley/pkg/fault"
	"github.com/parley-desk/parley/pkg/secret"
	adminv1 "github.com/parley-desk/parley/proto/gen/parley/admin/v1"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
	provisionv1 "github.com/parley-desk/parley/proto/gen/parley/provision/v1"
	"github.com/parley-desk/parley/services/admin/internal/change"
	"github.com/parley-desk/parley/services/admin/internal/commit"
	"github.com/parley-desk/parley/services/admin/internal/validate"
)

const (
	defaultPage = 100
	maxPage     = 1000
	maxApply    = 999 // with the marker a thousand writes, the most the broker takes in one piece
	tokenMAC    = 8   // bytes
)

// Service implements ConfigService. All fields must be set.
type Service struct {
	adminv1.UnsafeConfigServiceServer
	Directory *directory.Directory
	Committer *commit.Committer
	Box       *secret.Box
	Now       func() time.Time
	// Unsubscribe has Meta send no more events of a page, by resource id.
	Unsubscribe func(ctx context.Context, page string) error
	// Admit says of pages' tokens, as they are to be in a world, what Meta says of
	// them: Invalid is one of no use, any other error that Meta does not tell.
	Admit func(ctx context.Context, world *directory.Snapshot, pages []*configv1.Page) []error
	// Signed is with which secrets webhooks of an account were signed.
	Signed func(ctx context.Context, account string) (*provisionv1.SignatureSeen, error)
	// Replies are what agents wrote for own use.
	Replies *bus.Bucket
}

// Apply brings the named resources to what the manifest says, all or none.
func (s *Service) Apply(ctx context.Context, req *adminv1.ApplyRequest) (*adminv1.ApplyResponse, error) {
	if n := len(req.GetResources()); n > maxApply {
		return nil, bad("resources", "has %d resources; apply at most %d at once", n, maxApply)
	}
	edits, err := Edits("resources", req.GetResources())
	if err != nil {
		return nil, err
	}
	done, untold, err := s.commit(ctx, edits, req.GetValidateOnly(), req.GetComment())
	if err != nil {
		return nil, err
	}
	resp := &adminv1.ApplyResponse{Version: done.Version}
	observer := validate.Observe(change.After(s.Directory.Now(), done.Outcomes))
	for _, o := range done.Outcomes {
		resp.Changes = append(resp.Changes, &adminv1.Change{
			Kind: change.KindName(o.Resource), Id: o.Resource.GetMeta().GetId(), Action: string(o.Action),
			Before: change.Wrap(o.Before), After: change.Wrap(o.Resource), Remarks: remarks(o.Resource, untold, observer)})
	}
	return resp, nil
}

// Edits puts the resources of a list, which errors call by the name of its
// field.
func Edits(field string, resources []*adminv1.Resource) ([]change.Edit, error) {
	edits := make([]change.Edit, len(resources))
	for i, r := range resources {
		resource := change.Unwrap(r)
		if resource == nil {
			return nil, bad(fmt.Sprintf("%s[%d]", field, i), "holds no resource; set one of channel_account, page, workstream, queue, agent, schedule, skill, capacity_profile, status, ruleset and canned_reply")
		}
		edits[i] = change.Edit{Verb: change.Put, Path: fmt.Sprintf("%s[%d].%s", field, i, change.KindName(resource)), Resource: resource}
	}
	return edits, nil
}

func bad(field, format string, args ...any) error {
	v := fault.Violation{Field: field, Description: fmt.Sprintf(format, args...)}
	f := fault.New(fault.Invalid, "INVALID_ARGUMENT", "%s: %s", v.Field, v.Description)
	f.Violations = []fault.Violation{v}
	return f
}

func get[R directory.Resource](s *Service, kind, id string) (R, error) {
	found, _ := s.Directory.Now().Find(kind, id)
	r, ok := found.(R)
	if !ok {
		return r, change.NotFound(kind, id)
	}
	return change.Shown(r), nil
}

// paged is what all List requests have.
type paged interface {
	GetPageSize() int32
	GetPageToken() string
}

// list gives the next resources of a kind by id, and the token to go on with.
func list[R directory.Resource](s *Service, kind string, req paged) ([]R, string, error) {
	size := int(req.GetPageSize())
	switch {
	case size < 0 || size > maxPage:
		return nil, "", bad("page_size", "%d is out of range; use 1 to %d, or 0 for %d", size, maxPage, defaultPage)
	case size == 0:
		size = defaultPage
	}
	after, err := s.readToken(kind, req.GetPageToken())
	if err != nil {
		return nil, "", err
	}
	var out []R
	for found := range s.Directory.Now().All() {
		r, ok := found.(R)
		if !ok || r.GetMeta().GetId() <= after {
			continue
		}
		if len(out) == size {
			return out, s.token(kind, out[size-1].GetMeta().GetId()), nil
		}
		out = append(out, change.Shown(r))
	}
	return out, "", nil
}

// token names the last resource of a page, so a listing goes on rightly when
// resources come and go in between. Its MAC keeps it opaque in earnest: nobody
// can come to rely on what is inside (SG5).
func (s *Service) token(kind, id string) string {
	return base64.RawURLEncoding.EncodeToString(append(s.mac(kind, id), id...))
}

func (s *Service) readToken(kind, token string) (string, error) {
	if token == "" {
		return "", nil
	}
	raw, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil || len(raw) < tokenMAC || !hmac.Equal(raw[:tokenMAC], s.mac(kind, string(raw[tokenMAC:]))) {
		return "", bad("page_token", "is not one that this listing gave; start again without")
	}
	return string(raw[tokenMAC:]), nil
}

func (s *Service) mac(kind, id string) []byte {
	return s.Box.MAC("admin.list."+kind, []byte(id))[:tokenMAC]
}

func put[R directory.Resource](ctx context.Context, s *Service, verb change.Verb, path string, r R, dry bool) (R, error) {
	var none R
	done, _, err := s.commit(ctx, []change.Edit{{Verb: verb, Path: path, Resource: r}}, dry, "")
	if err != nil {
		return none, err
	}
	stored, ok := done.Outcomes[0].Resource.(R)
	if !ok {
		return none, fault.New(fault.Internal, "", "stored %s as %T", path, done.Outcomes[0].Resource)
	}
	return change.Shown(stored), nil
}

// deletion is what all Delete requests have.
type deletion interface {
	GetId() string
	GetEtag() string
	GetValidateOnly() bool
}

func (s *Service) remove(ctx context.Context, req deletion, named func(*configv1.Meta) directory.Resource) error {
	r := named(&configv1.Meta{Id: req.GetId(), Etag: req.GetEtag()})
	_, err := s.Committer.Commit(ctx, []change.Edit{{Verb: change.Delete, Path: "id", Resource: r}}, req.GetValidateOnly())
	return err
}
