package api

import (
	"context"
	"net/http"
	"path"
	"strings"

	"connectrpc.com/connect"

	"github.com/parley-desk/parley/pkg/fault"
	"github.com/parley-desk/parley/pkg/rights"
	authv1 "github.com/parley-desk/parley/proto/gen/parley/auth/v1"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
	"github.com/parley-desk/parley/services/desk/internal/board"
)

// guard lets only those through who have what a method needs, as far as it may be.
// How far it reaches the handlers ask, when they know what it is about: by may and
// beyond.
type guard struct{ *Server }

// WrapUnary checks before a command, bounds its time, and has it recorded.
func (g guard) WrapUnary(next connect.UnaryFunc) connect.UnaryFunc {
	return func(ctx context.Context, r connect.AnyRequest) (connect.AnyResponse, error) {
		limit := patience
		if ofAdministration(r.Spec().Procedure) {
			limit = errandPatience
		}
		ctx, cancel := context.WithTimeout(ctx, limit)
		defer cancel()
		if err := g.admit(ctx, r.Spec().Procedure, r.Header()); err != nil {
			return nil, err
		}
		c := callerOf(ctx)
		var answer connect.AnyResponse
		err := g.recorded(ctx, r, func(ctx context.Context) (err error) {
			answer, err = next(ctx, r)
			return err
		})
		if err != nil {
			return nil, err
		}
		g.renew(c, answer.Header())
		return answer, nil
	}
}

// WrapStreamingHandler checks before a stream; the stream goes on checking.
func (g guard) WrapStreamingHandler(next connect.StreamingHandlerFunc) connect.StreamingHandlerFunc {
	return func(ctx context.Context, conn connect.StreamingHandlerConn) error {
		if err := g.admit(ctx, conn.Spec().Procedure, conn.RequestHeader()); err != nil {
			return err
		}
		g.renew(callerOf(ctx), conn.ResponseHeader())
		return next(ctx, conn)
	}
}

// WrapStreamingClient leaves clients alone.
func (guard) WrapStreamingClient(next connect.StreamingClientFunc) connect.StreamingClientFunc {
	return next
}

func (g guard) admit(ctx context.Context, procedure string, h http.Header) error {
	return g.identify(ctx, callerOf(ctx), rights.Needed(procedure), path.Base(procedure), h)
}

// identify finds out who calls, and refuses those who lack what is needed for what.
func (s *Server) identify(ctx context.Context, c *caller, need rights.Permission, what string, h http.Header) error {
	select {
	case <-s.Ready:
	default:
		return fault.New(fault.Unavailable, "STARTING", "the desk is starting")
	}
	if c.need = need; need == authv1.Permission_PERMISSION_ANYONE {
		return nil
	}
	found, fresh, err := s.Sessions.Find(ctx, s.Cookie.Read(h))
	if err != nil {
		s.copied(ctx, c, found, err)
		return err
	}
	if wait := s.Rate.Take(found.Key, s.Now()); wait > 0 {
		err := fault.New(fault.Exhausted, "TOO_MANY_REQUESTS", "these are too many requests; wait a little")
		err.RetryAfter = wait
		return err
	}
	c.session, c.fresh, c.agent = found, fresh, s.Directory.Now().Agents[found.Agent]
	if s.World().Who(found.Agent).Reach(need) == rights.None {
		return lacking(need, what)
	}
	return nil
}

// renew puts the caller's new ticket, if there is one, into the headers of an answer.
func (s *Server) renew(c *caller, h http.Header) {
	if !c.fresh.Empty() {
		h.Add("Set-Cookie", s.Cookie.Set(c.fresh).String())
	}
}

// lacking is the fault of who has no role for something.
func lacking(need rights.Permission, what string) error {
	some := rights.Roles(need, rights.Own)
	if len(some) == 0 {
		return fault.New(fault.Denied, "NO_ROLE", "%s is open to nobody", what)
	}
	return fault.New(fault.Denied, "NO_ROLE", "the role %s is needed for %s; an administrator gives it", strings.Join(some, " or "), what)
}

// can tells whether an agent has a permission at all.
func can(a *configv1.Agent, p rights.Permission) bool {
	return rights.Who{Name: a.GetMeta().GetId(), Roles: a.GetRoles()}.Reach(p) > rights.None
}

// who is the caller of ctx.
func (s *Server) who(ctx context.Context) rights.Who {
	return s.World().Who(callerOf(ctx).session.Agent)
}

// may tells whether the caller may do what is called for to the conversation of a
// state (SK5).
func (s *Server) may(ctx context.Context, state *threadv1.State, over bool) bool {
	return s.who(ctx).May(callerOf(ctx).need, board.Object(state, over))
}

// beyond tells whether the caller may do it also to somebody else's.
func (s *Server) beyond(ctx context.Context, state *threadv1.State) bool {
	return s.who(ctx).Beyond(callerOf(ctx).need, board.Object(state, false))
}
