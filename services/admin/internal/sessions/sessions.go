// Package sessions is SessionService: it tells who is signed in, at the desk or by a
// program, and signs them out.
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
	Store  *session.Store
	Caller func(context.Context) (agent, session string) // with a session of its own
}

// SignOut ends the session of the caller.
func (s *Service) SignOut(ctx context.Context, _ *adminv1.SignOutRequest) (*adminv1.SignOutResponse, error) {
	agent, own := s.Caller(ctx)
	if own == "" {
		return nil, fault.New(fault.Precondition, "NO_SESSION", "you came without a session, so there is nothing to sign out of; `parleyctl login` begins one")
	}
	_, err := s.Store.EndAll(ctx, agent, own, session.SignedOut)
	return &adminv1.SignOutResponse{}, err
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
		resp.Sessions = append(resp.Sessions, &adminv1.Session{Id: l.Key, Agent: l.Agent, CreatedMs: l.Created.UnixMilli(), UsedMs: l.Used.UnixMilli(), UntilMs: l.Until.UnixMilli(),
			Program: l.Program.Name, Address: l.Program.Address})
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
