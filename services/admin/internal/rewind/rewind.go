// Package rewind is HistoryService: it reads out what the configuration was, and
// puts it back.
package rewind

import (
	"context"
	"crypto/hmac"
	"encoding/base64"
	"encoding/binary"
	"fmt"

	"github.com/parley-desk/parley/pkg/directory"
	"github.com/parley-desk/parley/pkg/fault"
	"github.com/parley-desk/parley/pkg/secret"
	adminv1 "github.com/parley-desk/parley/proto/gen/parley/admin/v1"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
	"github.com/parley-desk/parley/services/admin/internal/change"
	"github.com/parley-desk/parley/services/admin/internal/commit"
	"github.com/parley-desk/parley/services/admin/internal/history"
)

const (
	defaultPage = 100
	maxPage     = 1000
	maxChanges  = 999 // with the marker a thousand writes, the most the broker takes in one piece
	tokenMAC    = 8   // bytes
	numberBytes = 8
)

// Service implements HistoryService. All fields must be set.
type Service struct {
	adminv1.UnsafeHistoryServiceServer
	Directory *directory.Directory
	Committer *commit.Committer
	Ledger    *history.Ledger
	Box       *secret.Box
	// Unsubscribe has Meta send no more events of a page, by resource id, before a
	// page is deleted.
	Unsubscribe func(ctx context.Context, page string) error
}

// ListVersions reads the versions, newest first. Where a whole page of them is
// lost, the list ends.
func (s *Service) ListVersions(ctx context.Context, req *adminv1.ListVersionsRequest) (*adminv1.ListVersionsResponse, error) {
	size := uint64(req.GetPageSize())
	switch {
	case req.GetPageSize() < 0 || size > maxPage:
		return nil, bad("page_size", "%d is out of range; use 1 to %d, or 0 for %d", req.GetPageSize(), maxPage, defaultPage)
	case size == 0:
		size = defaultPage
	}
	world := s.Directory.Now()
	newest, err := s.readToken(req.GetPageToken(), world.Version)
	if err != nil || newest == 0 {
		return &adminv1.ListVersionsResponse{}, err
	}
	oldest := newest - min(newest, size) + 1
	records, err := s.Ledger.Versions(ctx, world, newest, oldest)
	if err != nil {
		return nil, err
	}
	resp := &adminv1.ListVersionsResponse{}
	for _, v := range records {
		if v != nil {
			resp.Versions = append(resp.Versions, told(v))
		}
	}
	if oldest > 1 && len(resp.GetVersions()) > 0 {
		resp.NextPageToken = s.token(oldest - 1)
	}
	return resp, nil
}

// GetVersion reads one version and what it changed.
func (s *Service) GetVersion(ctx context.Context, req *adminv1.GetVersionRequest) (*adminv1.GetVersionResponse, error) {
	if req.GetNumber() == 0 {
		return nil, bad("number", "is missing; give the number of a version, from 1")
	}
	v, err := s.Ledger.Version(ctx, s.Directory.Now(), req.GetNumber())
	if err != nil {
		return nil, err
	}
	var wanted []history.Once
	for _, c := range v.GetChanges() {
		wanted = append(wanted, history.Once{Key: c.GetKey(), Digest: c.GetBefore()}, history.Once{Key: c.GetKey(), Digest: c.GetAfter()})
	}
	once, err := s.Ledger.Contents(ctx, wanted)
	if err != nil {
		return nil, err
	}
	resp := &adminv1.GetVersionResponse{Version: told(v)}
	for i, c := range v.GetChanges() {
		kind, id := directory.KindOf(c.GetKey())
		resp.Changes = append(resp.Changes, &adminv1.Change{Kind: change.NameOf(kind), Id: id, Action: words[c.GetAction()],
			Before: change.Wrap(once[2*i]), After: change.Wrap(once[2*i+1])})
	}
	return resp, nil
}

var words = map[configv1.ConfigAction]string{
	configv1.ConfigAction_CONFIG_ACTION_CREATED:  string(change.Created),
	configv1.ConfigAction_CONFIG_ACTION_UPDATED:  string(change.Updated),
	configv1.ConfigAction_CONFIG_ACTION_DELETED:  string(change.Deleted),
	configv1.ConfigAction_CONFIG_ACTION_RESEALED: "resealed",
	configv1.ConfigAction_CONFIG_ACTION_FOUND:    "found",
}

// told is a record as the API tells it.
func told(v *configv1.ConfigVersion) *adminv1.Version {
	t := &adminv1.Version{Number: v.GetNumber(), AtMs: v.GetAtMs(), By: v.GetBy(), Comment: v.GetComment(), RolledBackTo: v.GetRolledBackTo(), Base: v.GetBase()}
	for _, c := range v.GetChanges() {
		switch c.GetAction() {
		case configv1.ConfigAction_CONFIG_ACTION_CREATED:
			t.Created++
		case configv1.ConfigAction_CONFIG_ACTION_UPDATED:
			t.Updated++
		case configv1.ConfigAction_CONFIG_ACTION_DELETED:
			t.Deleted++
		case configv1.ConfigAction_CONFIG_ACTION_RESEALED:
			t.Resealed++
		case configv1.ConfigAction_CONFIG_ACTION_FOUND, configv1.ConfigAction_CONFIG_ACTION_UNSPECIFIED:
		}
	}
	return t
}

// DiffVersions reads what differs between two versions.
func (s *Service) DiffVersions(ctx context.Context, req *adminv1.DiffVersionsRequest) (*adminv1.DiffVersionsResponse, error) {
	if req.GetFrom() == 0 {
		return nil, bad("from", "is missing; give the number of a version, from 1")
	}
	world := s.Directory.Now()
	to := req.GetTo()
	if to == 0 {
		to = world.Version
	}
	a, err := s.Ledger.State(ctx, world, req.GetFrom())
	if err != nil {
		return nil, err
	}
	b, err := s.Ledger.State(ctx, world, to)
	if err != nil {
		return nil, err
	}
	resp := &adminv1.DiffVersionsResponse{From: req.GetFrom(), To: to}
	for _, d := range differences(a, b) {
		resp.Changes = append(resp.Changes, d.told())
	}
	return resp, nil
}

// token names the version with which the next page begins.
func (s *Service) token(number uint64) string {
	raw := binary.BigEndian.AppendUint64(nil, number)
	return base64.RawURLEncoding.EncodeToString(append(s.mac(raw), raw...))
}

func (s *Service) readToken(token string, newest uint64) (uint64, error) {
	if token == "" {
		return newest, nil
	}
	raw, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil || len(raw) != tokenMAC+numberBytes || !hmac.Equal(raw[:tokenMAC], s.mac(raw[tokenMAC:])) {
		return 0, bad("page_token", "is not one that this listing gave; start again without")
	}
	return min(binary.BigEndian.Uint64(raw[tokenMAC:]), newest), nil
}

func (s *Service) mac(raw []byte) []byte { return s.Box.MAC("admin.list.versions", raw)[:tokenMAC] }

func bad(field, format string, args ...any) error {
	v := fault.Violation{Field: field, Description: fmt.Sprintf(format, args...)}
	f := fault.New(fault.Invalid, "INVALID_ARGUMENT", "%s: %s", v.Field, v.Description)
	f.Violations = []fault.Violation{v}
	return f
}
