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
	"google.golang.org/grpc/metadata"
	grpcstatus "google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/parley-desk/parley/pkg/audit"
	"github.com/parley-desk/parley/pkg/directory"
	"github.com/parley-desk/parley/pkg/fault"
	"github.com/parley-desk/parley/pkg/rights"
	"github.com/parley-desk/parley/pkg/session"
	"github.com/parley-desk/parley/pkg/telemetry/key"
	auditv1 "github.com/parley-desk/parley/proto/gen/parley/audit/v1"
	authv1 "github.com/parley-desk/parley/proto/gen/parley/auth/v1"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
	"github.com/parley-desk/parley/services/admin/internal/clients"
	"github.com/parley-desk/parley/services/admin/internal/status"
)

// unaryLimit is how long a call may take whose caller set no deadline (SG4).
const unaryLimit = 30 * time.Second

// Guard makes the interceptors. All fields but Shed must be set.
type Guard struct {
	Log    *slog.Logger
	Tracer trace.Tracer
	Now    func() time.Time
	Owner  string // who can open the unix socket, for people
	Grants Grants
	Audit  *audit.Log
	// Clients and Sessions are of those who come with a token; Agent is an agent as
	// administrators have set it, nil when there is none of that id.
	Clients  *clients.Store
	Sessions *session.Store
	Agent    func(id string) *configv1.Agent
	Shed     *Shed // nil: nothing is too much
}

type callerKey struct{}

// Caller is who made the call that ctx is of: the first name in their
// certificate, "local:" and the user who can open the unix socket, "agent:" and
// who is signed in, or "client:" and an API client.
func Caller(ctx context.Context) string {
	who, _ := ctx.Value(callerKey{}).(principal)
	return who.name
}

// Sign says in a record who made the call that ctx is of.
func Sign(ctx context.Context, r *auditv1.Record) {
	who, _ := ctx.Value(callerKey{}).(principal)
	r.Actor, r.Roles = who.name, who.roles
	if who.address.IsValid() {
		r.Address = who.address.String()
	}
}

// Who is who made the call that ctx is of, in a world: of somebody at the desk with
// the queues that they look after.
func Who(ctx context.Context, world *directory.Snapshot) rights.Who {
	p, _ := ctx.Value(callerKey{}).(principal)
	who := p.who()
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
	leave, err := g.Shed.enter(ctx)
	if err != nil {
		return nil, status.Of(err)
	}
	defer leave()
	err = g.guarded(ctx, info.FullMethod, g.caller, func(ctx context.Context) (err error) {
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
func (g *Guard) Errand(ctx context.Context, method string, by *configv1.Agent, call func(context.Context, grpc.UnaryServerInterceptor) error) error {
	return g.guarded(ctx, method, known(agent(by)), func(ctx context.Context) error {
		return call(ctx, func(ctx context.Context, req any, _ *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
			return g.record(ctx, req, &grpc.UnaryServerInfo{FullMethod: method}, next)
		})
	})
}

// House runs what the house does of itself because somebody who is no caller says so.
// The answer's fault is as it was raised.
func (g *Guard) House(ctx context.Context, method, name string, call func(context.Context) error) error {
	who := principal{name: name, house: true}
	return g.guarded(ctx, method, known(who), call)
}

// Stream guards streams. They have no limit of their own: keepalive ends those
// whose caller is gone, and those of callers who may not any more end within 5 s.
func (g *Guard) Stream(srv any, stream grpc.ServerStream, info *grpc.StreamServerInfo, next grpc.StreamHandler) error {
	return status.Of(g.guarded(stream.Context(), info.FullMethod, g.caller, func(ctx context.Context) error {
		ctx, end := g.attend(ctx, info.FullMethod)
		defer end()
		w := &within{ServerStream: stream, ctx: ctx, guard: g, method: info.FullMethod, said: audit.Option(info.FullMethod)}
		err := next(srv, w)
		if ended := over(ctx); ended != nil {
			err = ended
		}
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

// SendMsg gives nothing to who may not have it any more.
func (w *within) SendMsg(m any) error {
	if err := over(w.ctx); err != nil {
		return err
	}
	return w.ServerStream.SendMsg(m)
}

func (w *within) RecvMsg(into any) error {
	err := w.ServerStream.RecvMsg(into)
	if ended := over(w.ctx); ended != nil {
		return ended
	}
	if err != nil || w.said == nil || w.record != nil {
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
	_, err = w.guard.Audit.Write(w.ctx, w.record)
	return err
}

// guarded admits a call, runs it, and notes how it ended.
func (g *Guard) guarded(ctx context.Context, method string, by identify, call func(context.Context) error) error {
	start := g.Now()
	ctx = propagation.TraceContext{}.Extract(ctx, carried(ctx))
	ctx, span := g.Tracer.Start(ctx, method, trace.WithSpanKind(trace.SpanKindServer))
	defer span.End()

	who, err := by(ctx)
	if err == nil {
		err = g.Shed.known(who)
	}
	if err == nil {
		err = g.admit(who, method)
	}
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
		return fault.New(fault.Unauthenticated, "NO_CERTIFICATE", "neither a client certificate with a name in it nor a token was given")
	case who.who().Reach(need) < who.least(need):
		remedy := fmt.Sprintf(cmp.Or(who.remedy, "grant it the role %s with the setting admin.grants"), strings.Join(rights.Roles(need, rights.Everything), " or "))
		return fault.New(fault.Denied, "PERMISSION_MISSING", "%s lacks the permission %s; %s", who.name, rights.Name(need), remedy)
	}
	return nil
}

// least is how far a permission must reach: over everything, for nothing here is
// anybody's own. But agents are some supervisor's, and API clients may be bound to some
// queues: those methods ask Who themselves.
func (p principal) least(need rights.Permission) rights.Reach {
	if need == authv1.Permission_PERMISSION_CREW_ADJUST && p.agent != "" || p.only != nil && rights.ByQueue(need) {
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
