package api

import (
	"context"
	"net/http"
	"path"
	"slices"
	"strings"

	"connectrpc.com/connect"

	"github.com/parley-desk/parley/pkg/fault"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
	"github.com/parley-desk/parley/proto/gen/parley/desk/v1/deskv1connect"
	"github.com/parley-desk/parley/services/desk/internal/board"
)

// roleAgent is who answers customers.
const roleAgent = "agent"

// roles are those of which one is needed for a method. Here and nowhere else is
// decided what role may do what; whose conversation it is the handlers ask.
func roles(procedure string) []string {
	if ofAdministration(procedure) {
		return []string{roleAdmin}
	}
	switch procedure {
	case deskv1connect.SessionServiceWhoAmIProcedure:
		return []string{roleAgent, board.RoleSupervisor, roleAdmin}
	case deskv1connect.DeskServiceListOpenItemsProcedure,
		deskv1connect.DeskServicePickConversationProcedure:
		return []string{roleAgent}
	case deskv1connect.DeskServiceAssignConversationProcedure,
		deskv1connect.DeskServiceForceCloseConversationProcedure,
		deskv1connect.DeskServicePauseQueueProcedure,
		deskv1connect.DeskServiceActOnConversationsProcedure,
		deskv1connect.DeskServiceMonitorConversationProcedure,
		deskv1connect.DeskServiceJoinConversationProcedure,
		deskv1connect.DeskServiceSetAgentPresenceProcedure,
		deskv1connect.DeskServiceListAgentsProcedure,
		deskv1connect.DeskServiceGetFiguresProcedure,
		deskv1connect.DeskServiceListOngoingProcedure:
		return []string{board.RoleSupervisor}
	}
	return []string{roleAgent, board.RoleSupervisor}
}

// has tells whether an agent has one of the roles.
func has(a *configv1.Agent, roles []string) bool {
	return slices.ContainsFunc(roles, func(role string) bool { return slices.Contains(a.GetRoles(), role) })
}

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
		limit := patience
		if ofAdministration(r.Spec().Procedure) {
			limit = errandPatience
		}
		ctx, cancel := context.WithTimeout(ctx, limit)
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
	if needed := roles(procedure); !has(c.agent, needed) {
		return fault.New(fault.Denied, "NO_ROLE", "the role %s is needed for %s; an administrator gives it",
			strings.Join(needed, " or "), path.Base(procedure))
	}
	return nil
}
