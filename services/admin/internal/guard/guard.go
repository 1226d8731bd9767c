package guard

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"
	"slices"
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

	"github.com/parley-desk/parley/pkg/fault"
	"github.com/parley-desk/parley/pkg/telemetry/key"
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
	Table  map[string]Permission
}

type callerKey struct{}

// Caller is who made the call that ctx is of: the first name in their
// certificate, "local:" and the user who can open the unix socket, or "agent:"
// and who is signed in at the desk.
func Caller(ctx context.Context) string {
	name, _ := ctx.Value(callerKey{}).(string)
	return name
}

// Unary guards calls with one answer.
func (g *Guard) Unary(ctx context.Context, req any, info *grpc.UnaryServerInfo, next grpc.UnaryHandler) (resp any, err error) {
	if _, set := ctx.Deadline(); !set {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, unaryLimit)
		defer cancel()
	}
	err = g.guarded(ctx, info.FullMethod, g.caller(ctx), func(ctx context.Context) (err error) {
		resp, err = next(ctx, req)
		return err
	})
	return resp, status.Of(err)
}

// Errand guards a call that somebody who is signed in at the desk makes by way of
// it. The answer's fault is as it was raised.
func (g *Guard) Errand(ctx context.Context, method string, agent *configv1.Agent, call func(context.Context) error) error {
	who := principal{name: "agent:" + agent.GetMeta().GetId(), remedy: "give the agent the role admin"}
	if slices.Contains(agent.GetRoles(), "admin") {
		who.roles = []string{"admin"}
	}
	return g.guarded(ctx, method, who, call)
}

// Stream guards streams. They have no limit of their own: keepalive ends those
// whose caller is gone.
func (g *Guard) Stream(srv any, stream grpc.ServerStream, info *grpc.StreamServerInfo, next grpc.StreamHandler) error {
	return status.Of(g.guarded(stream.Context(), info.FullMethod, g.caller(stream.Context()), func(ctx context.Context) error {
		return next(srv, within{stream, ctx})
	}))
}

// within is a stream whose handler sees another context.
type within struct {
	grpc.ServerStream
	ctx context.Context
}

func (w within) Context() context.Context { return w.ctx }

// guarded admits a call, runs it, and notes how it ended.
func (g *Guard) guarded(ctx context.Context, method string, who principal, call func(context.Context) error) error {
	start := g.Now()
	ctx = propagation.TraceContext{}.Extract(ctx, carried(ctx))
	ctx, span := g.Tracer.Start(ctx, method, trace.WithSpanKind(trace.SpanKindServer))
	defer span.End()

	err := g.admit(who, method)
	if err == nil {
		err = contained(func() error { return call(context.WithValue(ctx, callerKey{}, who.name)) })
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
	need, known := g.Table[method]
	switch {
	case !known:
		return fault.New(fault.Denied, "NO_SUCH_METHOD", "%s is not open to anyone", method)
	case who.name == "":
		return fault.New(fault.Unauthenticated, "NO_CERTIFICATE", "no client certificate with a name in it was given")
	case !allow(who.roles, need):
		return fault.New(fault.Denied, "PERMISSION_MISSING",
			"%s lacks the permission %s; %s", who.name, need, cmp.Or(who.remedy, "grant it a role with the setting admin.grants"))
	}
	return nil
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
	roles  []string
	remedy string // how it gets more of them; empty: as callers with certificates do
}

// caller finds out who calls. Who can open the unix socket owns the process'
// files and is an administrator; others are who their certificate says (SG1).
func (g *Guard) caller(ctx context.Context) principal {
	p, ok := peer.FromContext(ctx)
	if !ok {
		return principal{}
	}
	if p.Addr != nil && p.Addr.Network() == "unix" {
		return principal{name: "local:" + g.Owner, roles: []string{"admin"}}
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
