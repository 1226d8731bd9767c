package api

import (
	"context"
	"net/http"
	"slices"

	"connectrpc.com/connect"

	"github.com/parley-desk/parley/pkg/fault"
	"github.com/parley-desk/parley/proto/gen/parley/desk/v1/deskv1connect"
)

// roleAgent is who may use the desk.
const roleAgent = "agent"

// guard lets only signed-in agents through. What needs no sign-in is named
// here; everything else does.
type guard struct{ *Server }

func open(procedure string) bool {
	return procedure == deskv1connect.SessionServiceSignInProcedure ||
		procedure == deskv1connect.SessionServiceSignOutProcedure
}

// WrapUnary checks before a command and bounds its time.
func (g guard) WrapUnary(next connect.UnaryFunc) connect.UnaryFunc {
	return func(ctx context.Context, r connect.AnyRequest) (connect.AnyResponse, error) {
		ctx, cancel := context.WithTimeout(ctx, patience)
		defer cancel()
		if err := g.admit(ctx, r.Spec().Procedure, r.Header()); err != nil {
			return nil, err
		}
		return next(ctx, r)
	}
}

// WrapStreamingHandler checks before a stream; the stream goes on checking.
func (g guard) WrapStreamingHandler(next connect.StreamingHandlerFunc) connect.StreamingHandlerFunc {
	return func(ctx context.Context, conn connect.StreamingHandlerConn) error {
		if err := g.admit(ctx, conn.Spec().Procedure, conn.RequestHeader()); err != nil {
			return err
		}
		return next(ctx, conn)
	}
}

// WrapStreamingClient leaves clients alone.
func (guard) WrapStreamingClient(next connect.StreamingClientFunc) connect.StreamingClientFunc {
	return next
}

func (g guard) admit(ctx context.Context, procedure string, h http.Header) error {
	select {
	case <-g.Ready:
	default:
		return fault.New(fault.Unavailable, "STARTING", "the desk is starting")
	}
	if open(procedure) {
		return nil
	}
	session, err := g.Sessions.Find(ctx, g.Cookie.Read(h))
	if err != nil {
		return err
	}
	c := callerOf(ctx)
	c.session, c.agent = session, g.Directory.Now().Agents[session.Agent]
	if !slices.Contains(c.agent.GetRoles(), roleAgent) {
		return fault.New(fault.Denied, "NO_ROLE", "the role %q is needed for the desk; an administrator gives it", roleAgent)
	}
	return nil
}
