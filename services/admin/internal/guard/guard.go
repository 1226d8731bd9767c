package guard

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"
	otelcodes "go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
	grpcstatus "google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/parley-desk/parley/pkg/audit"
	"github.com/parley-desk/parley/pkg/directory"
	"github.com/parley-desk/parley/pkg/fault"
	"github.com/parley-desk/parley/pkg/rights"
	"github.com/parley-desk/parley/pkg/telemetry/key"
	auditv1 "github.com/parley-desk/parley/proto/gen/parley/audit/v1"
	authv1 "github.com/parley-desk/parley/proto/gen/parley/auth/v1"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
	"github.com/parley-desk/parley/services/admin/internal/status"
)

// unaryLimit is how long a call may take whose caller set no deadline (SG4).
const unaryLimit = 30 * time.Second

// Guard makes the interceptors. All fields must be set.
type Guard struct {
	Log    *slog.Logger
	Tracer trace.Tracer
	Now    func() time.Time
	Owner  string // who can open the unix socket, for people
	Grants Grants
	Audit  *audit.Log
}

type callerKey struct{}

// Caller is who made the call that ctx is of: the first name in their
// certificate, "local:" and the user who can open the unix socket, or "agent:"
// and who is signed in at the desk.
func Caller(ctx context.Context) string {
	who, _ := ctx.Value(callerKey{}).(principal)
	return who.name
}

// Sign says in a record who made the call that ctx is of.
func Sign(ctx context.Context, r *auditv1.Record) {
	who, _ := ctx.Value(callerKey{}).(principal)
	r.Actor, r.Roles = who.name, who.roles
}

// Who is who made the call that ctx is of, in a world: of somebody at the desk with
// the queues that they look after.
func Who(ctx context.Context, world *directory.Snapshot) rights.Who {
	p, _ := ctx.Value(callerKey{}).(principal)
	who := rights.Who{Name: p.name, Roles: p.roles}
	if p.agent != "" {
		who.Oversees = func(queue string) bool { return world.Oversees(p.agent, queue) }
	}
	return who
}

// Unary guards calls with one answer.
func (g *Guard) Unary(ctx context.Context, req any, info *grpc.UnaryServerInfo, next grpc.UnaryHandler) (resp any, err error) {
	if _, set := ctx.Deadline(); !set {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, unaryLimit)
		defer cancel()
	}
	err = g.guarded(ctx, info.FullMethod, g.caller(ctx), func(ctx context.Context) (err error) {
		resp, err = g.record(ctx, req, info, next)
		return err
	})
	return resp, status.Of(err)
}

// record is the interceptor that does a call after it is in the audit, if it is to
// be. The configuration has the versions that it makes recorded itself.
func (g *Guard) record(ctx context.Context, req any, info *grpc.UnaryServerInfo, next grpc.UnaryHandler) (resp any, err error) {
	said := audit.Option(info.FullMethod)
	m, ok := req.(proto.Message)
	if said == nil || !ok || audit.DryRun(m) {
		return next(ctx, req)
	}
	r := g.Audit.Describe(info.FullMethod, said, m)
	Sign(ctx, r)
	err = g.Audit.Do(ctx, r, func(ctx context.Context) (err error) {
		resp, err = next(ctx, req)
		return err
	})
	return resp, err
}

// Errand guards a call that somebody who is signed in at the desk makes by way of
// it. The answer's fault is as it was raised.
// The call is to be made with the interceptor.
func (g *Guard) Errand(ctx context.Context, method string, agent *configv1.Agent, call func(context.Context, grpc.UnaryServerInterceptor) error) error {
	who := principal{name: "agent:" + agent.GetMeta().GetId(), agent: agent.GetMeta().GetId(), roles: agent.GetRoles(), remedy: "give the agent the role %s"}
	return g.guarded(ctx, method, who, func(ctx context.Context) error {
		return call(ctx, func(ctx context.Context, req any, _ *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
			return g.record(ctx, req, &grpc.UnaryServerInfo{FullMethod: method}, next)
		})
	})
}

// House runs what the house does of itself because somebody who is no caller says so.
// The answer's fault is as it was raised.
func (g *Guard) House(ctx context.Context, method, name string, call func(context.Context) error) error {
	who := principal{name: name, house: true}
	return g.guarded(ctx, method, who, call)
}

// Stream guards streams. They have no limit of their own: keepalive ends those
// whose caller is gone.
func (g *Guard) Stream(srv any, stream grpc.ServerStream, info *grpc.StreamServerInfo, next grpc.StreamHandler) error {
	return status.Of(g.guarded(stream.Context(), info.FullMethod, g.caller(stream.Context()), func(ctx context.Context) error {
		w := &within{ServerStream: stream, ctx: ctx, guard: g, method: info.FullMethod, said: audit.Option(info.FullMethod)}
		err := next(srv, w)
		if err != nil && w.record.GetNumber() > 0 {
			g.Audit.Undone(ctx, w.record, err)
		}
		return err
	}))
}

// within is a stream whose handler sees another context, and whose first message is
// in the audit, if it is to be, before the handler sees it.
type within struct {
	grpc.ServerStream
	ctx    context.Context
	guard  *Guard
	method string
	said   *authv1.Audited
	record *auditv1.Record
}

func (w *within) Context() context.Context { return w.ctx }

func (w *within) RecvMsg(into any) error {
	if err := w.ServerStream.RecvMsg(into); err != nil || w.said == nil || w.record != nil {
		return err
	}
	m, ok := into.(proto.Message)
	if !ok {
		return nil
	}
	w.record = w.guard.Audit.Describe(w.method, w.said, m)
	if audit.DryRun(m) {
		return nil
	}
	Sign(w.ctx, w.record)
	_, err := w.guard.Audit.Write(w.ctx, w.record)
	return err
}

// guarded admits a call, runs it, and notes how it ended.
func (g *Guard) guarded(ctx context.Context, method string, who principal, call func(context.Context) error) error {
	start := g.Now()
	ctx = propagation.TraceContext{}.Extract(ctx, carried(ctx))
	ctx, span := g.Tracer.Start(ctx, method, trace.WithSpanKind(trace.SpanKindServer))
	defer span.End()

	err := g.admit(who, method)
	if err == nil {
		err = contained(func() error { return call(context.WithValue(ctx, callerKey{}, who)) })
	}
	code := grpcstatus.Code(status.Of(err))
	span.SetAttributes(attribute.String("rpc.method", method), attribute.Int("rpc.grpc.status_code", int(code)))
	level := slog.LevelInfo
	if code == codes.Internal {
		level = slog.LevelError
		span.SetStatus(otelcodes.Error, code.String())
	}
	attrs := []slog.Attr{slog.String(key.Method, method), slog.String(key.Caller, who.name),
		slog.String(key.Code, code.String()), slog.Duration(key.Took, g.Now().Sub(start))}
	if err != nil {
		attrs = append(attrs, slog.Any(key.Err, err))
	}
	g.Log.LogAttrs(ctx, level, "admin call", attrs...)
	return err
}

// carried are the words that a caller sent with its call.
func carried(ctx context.Context) propagation.TextMapCarrier {
	words := propagation.MapCarrier{}
	md, _ := metadata.FromIncomingContext(ctx)
	for _, field := range (propagation.TraceContext{}).Fields() {
		if v := md.Get(field); len(v) > 0 {
			words[field] = v[0]
		}
	}
	return words
}

func (g *Guard) admit(who principal, method string) error {
	need := rights.Needed(method)
	switch {
	case who.house:
		return nil
	case need == authv1.Permission_PERMISSION_UNSPECIFIED:
		return fault.New(fault.Denied, "NO_SUCH_METHOD", "%s is not open to anyone", method)
	case who.name == "":
		return fault.New(fault.Unauthenticated, "NO_CERTIFICATE", "no client certificate with a name in it was given")
	case (rights.Who{Name: who.name, Roles: who.roles}).Reach(need) < who.least(need):
		remedy := fmt.Sprintf(cmp.Or(who.remedy, "grant it the role %s with the setting admin.grants"), strings.Join(rights.Roles(need, rights.Everything), " or "))
		return fault.New(fault.Denied, "PERMISSION_MISSING", "%s lacks the permission %s; %s", who.name, rights.Name(need), remedy)
	}
	return nil
}

// least is how far a permission must reach: over everything, for nothing here is
// anybody's own. But agents are some supervisor's: those methods ask Who themselves.
func (p principal) least(need rights.Permission) rights.Reach {
	if need == authv1.Permission_PERMISSION_CREW_ADJUST && p.agent != "" {
		return rights.Queue
	}
	return rights.Everything
}

// contained makes a panic an error: one bad call must not end the process that
// serves all others.
func contained(call func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = &fault.Error{Kind: fault.Internal, Message: "handler", Cause: fmt.Errorf("panic: %v\n%s", p, debug.Stack())}
		}
	}()
	return call()
}

// principal is who calls.
type principal struct {
	name   string
	agent  string // who is signed in at the desk, by id; empty: somebody else
	roles  []string
	house  bool   // does what no caller can ask for
	remedy string // how it gets one of them, "%s"; empty: as callers with certificates do
}

// caller finds out who calls. Who can open the unix socket owns the process'
// files and is an administrator; others are who their certificate says (SG1).
func (g *Guard) caller(ctx context.Context) principal {
	p, ok := peer.FromContext(ctx)
	if !ok {
		return principal{}
	}
	if p.Addr != nil && p.Addr.Network() == "unix" {
		return principal{name: "local:" + g.Owner, roles: []string{rights.Admin}}
	}
	info, ok := p.AuthInfo.(credentials.TLSInfo)
	if !ok || len(info.State.VerifiedChains) == 0 {
		return principal{}
	}
	leaf := info.State.VerifiedChains[0][0]
	var names []string
	for _, u := range leaf.URIs {
		names = append(names, u.String())
	}
	names = append(append(names, leaf.DNSNames...), leaf.EmailAddresses...)
	if len(names) == 0 {
		return principal{}
	}
	who := principal{name: names[0]}
	for _, n := range names {
		who.roles = append(who.roles, g.Grants[n]...)
	}
	return who
}
