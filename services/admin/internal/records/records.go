// Package records is AuditService: it reads the audit out, goes on with what comes,
// and tells whether anybody changed it.
package records

import (
	"context"
	"crypto/hmac"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"time"

	"google.golang.org/grpc"

	"github.com/parley-desk/parley/pkg/audit"
	"github.com/parley-desk/parley/pkg/fault"
	"github.com/parley-desk/parley/pkg/secret"
	adminv1 "github.com/parley-desk/parley/proto/gen/parley/admin/v1"
	"github.com/parley-desk/parley/proto/subject"
)

const (
	defaultPage = 100
	maxPage     = 1000
	maxFaults   = 100 // that one answer tells
	tokenMAC    = 8   // bytes
	numberBytes = 8
	// look is how often is looked for a record that is waited for.
	look = 500 * time.Millisecond
)

// Service implements AuditService. All fields must be set.
type Service struct {
	adminv1.UnsafeAuditServiceServer
	Audit *audit.Log
	Box   *secret.Box
}

// ListRecords reads records, newest first.
func (s *Service) ListRecords(ctx context.Context, req *adminv1.ListRecordsRequest) (*adminv1.ListRecordsResponse, error) {
	size := int(req.GetPageSize())
	switch {
	case size < 0 || size > maxPage:
		return nil, bad("page_size", "%d is out of range; use 1 to %d, or 0 for %d", size, maxPage, defaultPage)
	case size == 0:
		size = defaultPage
	}
	f, err := s.filter(req.GetFilter())
	if err != nil {
		return nil, err
	}
	from, err := s.readToken(req.GetPageToken())
	if err != nil {
		return nil, err
	}
	end, err := s.Audit.End(ctx)
	if err != nil {
		return nil, err
	}
	if from == 0 {
		from = end // what comes meanwhile is behind it
	}
	resp := &adminv1.ListRecordsResponse{End: end}
	if from == 0 {
		return resp, nil
	}
	found, next, err := s.Audit.List(ctx, f, audit.Range{From: from, After: req.GetAfter()}, size)
	if err != nil {
		return nil, err
	}
	resp.Records = found
	if next > 0 {
		resp.NextPageToken = s.token(next)
	}
	return resp, nil
}

func (s *Service) filter(f *adminv1.RecordFilter) (audit.Filter, error) {
	if (f.GetPage() == "") != (f.GetPsid() == "") {
		return audit.Filter{}, bad("filter.psid", "goes with filter.page: a customer is known on one page")
	}
	if f.GetUntilMs() != 0 && f.GetUntilMs() <= f.GetFromMs() {
		return audit.Filter{}, bad("filter.until_ms", "must be later than filter.from_ms")
	}
	out := audit.Filter{Actor: f.GetActor(), Kind: f.GetKind(), Object: f.GetObject(), From: f.GetFromMs(), Until: f.GetUntilMs()}
	if f.GetPsid() != "" {
		out.Person = s.Audit.Person(subject.Thread{Page: f.GetPage(), PSID: f.GetPsid()})
	}
	return out, nil
}

// FollowRecords reads records, oldest first, and goes on with what comes.
func (s *Service) FollowRecords(req *adminv1.FollowRecordsRequest, stream grpc.ServerStreamingServer[adminv1.FollowRecordsResponse]) error {
	ctx := stream.Context()
	f, err := s.filter(req.GetFilter())
	if err != nil {
		return err
	}
	if n := req.GetLast(); n < 0 || n > maxPage {
		return bad("last", "%d is out of range; use 1 to %d, or 0 for after", n, maxPage)
	}
	end, err := s.Audit.End(ctx)
	if err != nil {
		return err
	}
	after := req.GetAfter()
	if n := uint64(req.GetLast()); n > 0 {
		after = end - min(end, n)
	}
	tick := time.NewTicker(look)
	defer tick.Stop()
	for !req.GetOnce() || after < end {
		entries, err := s.Audit.Next(ctx, after)
		if err != nil {
			return err
		}
		for _, e := range entries {
			if after = e.Number; req.GetOnce() && e.Number > end {
				return nil
			}
			if r := audit.Read(e); f.Wants(r) {
				if err := stream.Send(&adminv1.FollowRecordsResponse{Record: r}); err != nil {
					return err
				}
			}
		}
		if len(entries) > 0 {
			continue
		}
		if req.GetOnce() {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
	return nil
}

// VerifyRecords holds records against their seals.
func (s *Service) VerifyRecords(ctx context.Context, req *adminv1.VerifyRecordsRequest) (*adminv1.VerifyRecordsResponse, error) {
	most := int(req.GetMost())
	switch {
	case most < 0 || most > audit.MostVerified:
		return nil, bad("most", "%d is out of range; use 1 to %d, or 0 for that", most, audit.MostVerified)
	case most == 0:
		most = audit.MostVerified
	}
	v, err := s.Audit.Verify(ctx, req.GetAfter(), most)
	if err != nil {
		return nil, err
	}
	resp := &adminv1.VerifyRecordsResponse{Read: int32(v.Read), FaultCount: int32(len(v.Faults)), Number: v.Last.Number, Seal: v.Last.Seal, More: v.More}
	for _, f := range v.Faults[:min(len(v.Faults), maxFaults)] {
		resp.Faults = append(resp.Faults, &adminv1.RecordFault{Number: f.Number, Reason: f.Reason, Message: f.Detail})
	}
	return resp, nil
}

// token names the record with which the next page begins.
func (s *Service) token(number uint64) string {
	raw := binary.BigEndian.AppendUint64(nil, number)
	return base64.RawURLEncoding.EncodeToString(append(s.mac(raw), raw...))
}

func (s *Service) readToken(token string) (uint64, error) {
	if token == "" {
		return 0, nil
	}
	raw, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil || len(raw) != tokenMAC+numberBytes || !hmac.Equal(raw[:tokenMAC], s.mac(raw[tokenMAC:])) {
		return 0, bad("page_token", "is not one that this listing gave; start again without")
	}
	return binary.BigEndian.Uint64(raw[tokenMAC:]), nil
}

func (s *Service) mac(raw []byte) []byte { return s.Box.MAC("admin.list.audit", raw)[:tokenMAC] }

func bad(field, format string, args ...any) error {
	v := fault.Violation{Field: field, Description: fmt.Sprintf(format, args...)}
	f := fault.New(fault.Invalid, "INVALID_ARGUMENT", "%s: %s", v.Field, v.Description)
	f.Violations = []fault.Violation{v}
	return f
}
