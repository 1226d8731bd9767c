// Package sessions is SessionService: it tells who is signed in at the desk, and signs
// them out.
package sessions

import (
	"cmp"
	"context"
	"slices"

	"github.com/parley-desk/parley/pkg/session"
	adminv1 "github.com/parley-desk/parley/proto/gen/parley/admin/v1"

	"github.com/parley-desk/parley/pkg/fault"
)

// Service implements SessionService. All fields must be set.
type Service struct {
	adminv1.UnsafeSessionServiceServer
	Store *session.Store
}

// ListSessions gives the sessions that live.
func (s *Service) ListSessions(ctx context.Context, req *adminv1.ListSessionsRequest) (*adminv1.ListSessionsResponse, error) {
	live, err := s.Store.List(ctx, req.GetAgent())
	if err != nil {
		return nil, err
	}
	slices.SortFunc(live, func(a, b session.Session) int {
		return cmp.Or(cmp.Compare(a.Agent, b.Agent), a.Created.Compare(b.Created), cmp.Compare(a.Key, b.Key))
	})
	resp := &adminv1.ListSessionsResponse{}
	for _, l := range live {
		resp.Sessions = append(resp.Sessions, &adminv1.Session{Id: l.Key, Agent: l.Agent, CreatedMs: l.Created.UnixMilli(), UsedMs: l.Used.UnixMilli(), UntilMs: l.Until.UnixMilli()})
	}
	return resp, nil
}

// EndSessions ends sessions of an agent.
func (s *Service) EndSessions(ctx context.Context, req *adminv1.EndSessionsRequest) (*adminv1.EndSessionsResponse, error) {
	if req.GetAgent() == "" {
		return nil, fault.New(fault.Invalid, "INVALID_ARGUMENT", "agent: say whose sessions are to end")
	}
	ended, err := s.Store.EndAll(ctx, req.GetAgent(), req.GetSession(), session.Dismissed)
	if err == nil && ended == 0 && req.GetSession() != "" {
		err = fault.New(fault.NotFound, "NO_SUCH_SESSION", "%s has no session %q; `parleyctl session list %s` shows them", req.GetAgent(), req.GetSession(), req.GetAgent())
	}
	return &adminv1.EndSessionsResponse{Sessions: int32(ended)}, err
}
