package api

import (
	"cmp"
	"context"
	"maps"
	"slices"

	"connectrpc.com/connect"

	"github.com/parley-desk/parley/pkg/fault"
	"github.com/parley-desk/parley/pkg/secret"
	"github.com/parley-desk/parley/pkg/session"
	deskv1 "github.com/parley-desk/parley/proto/gen/parley/desk/v1"
	"github.com/parley-desk/parley/services/desk/internal/board"
)

// sessionService signs agents in and out.
type sessionService struct{ *Server }

// SignIn always makes a new session; the one the browser had, if any, ends.
func (s sessionService) SignIn(ctx context.Context, r *connect.Request[deskv1.SignInRequest]) (*connect.Response[deskv1.SignInResponse], error) {
	var c check
	c.id("agent", r.Msg.GetAgent())
	c.that(r.Msg.GetPassword() != "" && len(r.Msg.GetPassword()) <= 1024, "password", "must have 1 to 1024 bytes")
	if err := c.err(); err != nil {
		return nil, err
	}
	if !s.Local {
		return nil, fault.New(fault.Denied, "LOCAL_SIGN_IN_OFF", "passwords are not taken here; sign in with the account of your company")
	}
	ticket, begun, err := s.Door.Enter(ctx, r.Msg.GetAgent(), r.Msg.GetPassword(), callerOf(ctx).address)
	if err != nil {
		s.turnedAway(ctx, r.Msg.GetAgent(), err)
		return nil, err
	}
	if err := s.signedIn(ctx, begun.Agent, ""); err != nil {
		_ = s.Sessions.End(ctx, ticket) // nobody has its ticket; it would expire by itself
		return nil, err
	}
	if err := s.Sessions.End(ctx, s.Cookie.Read(r.Header())); err != nil {
		return nil, err
	}
	response := connect.NewResponse(&deskv1.SignInResponse{Me: me(s.World(), begun.Agent)})
	response.Header().Add("Set-Cookie", s.Cookie.Set(ticket).String())
	return response, nil
}

// SignOut also works for who is not signed in, so that a page can always clear
// itself.
func (s sessionService) SignOut(ctx context.Context, r *connect.Request[deskv1.SignOutRequest]) (*connect.Response[deskv1.SignOutResponse], error) {
	if err := s.Sessions.End(ctx, s.Cookie.Read(r.Header())); err != nil {
		return nil, err
	}
	response := connect.NewResponse(&deskv1.SignOutResponse{})
	response.Header().Add("Set-Cookie", s.Cookie.Clear().String())
	return response, nil
}

// SignOutEverywhere ends every session of the caller, on other machines too.
func (s sessionService) SignOutEverywhere(ctx context.Context, _ *connect.Request[deskv1.SignOutEverywhereRequest]) (*connect.Response[deskv1.SignOutEverywhereResponse], error) {
	c := callerOf(ctx)
	ended, err := s.Sessions.EndAll(ctx, c.session.Agent, "", session.SignedOut)
	if err != nil {
		return nil, err
	}
	c.fresh = secret.Text{}
	response := connect.NewResponse(&deskv1.SignOutEverywhereResponse{Sessions: int32(ended)})
	response.Header().Add("Set-Cookie", s.Cookie.Clear().String())
	return response, nil
}

// WhoAmI tells the agent of the cookie.
func (s sessionService) WhoAmI(ctx context.Context, _ *connect.Request[deskv1.WhoAmIRequest]) (*connect.Response[deskv1.WhoAmIResponse], error) {
	return connect.NewResponse(&deskv1.WhoAmIResponse{Me: me(s.World(), callerOf(ctx).session.Agent)}), nil
}

func me(w board.World, agent string) *deskv1.Me {
	d, a := w.Names, w.Names.Agents[agent]
	out := &deskv1.Me{
		Agent: agent, DisplayName: a.GetMeta().GetDisplayName(),
		Roles: a.GetRoles(), Language: a.GetLanguage(), May: w.Who(agent).All(),
	}
	for _, id := range slices.Sorted(maps.Keys(d.Statuses)) {
		if s := d.Statuses[id]; !s.GetInactive() {
			out.Statuses = append(out.Statuses, &deskv1.StatusOption{Id: id, Name: cmp.Or(s.GetMeta().GetDisplayName(), id),
				Base: s.GetBase(), Description: s.GetDescription()})
		}
	}
	return out
}
