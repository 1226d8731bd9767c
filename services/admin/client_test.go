package admin_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"log/slog"
	"maps"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel/trace/noop"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"

	"github.com/parley-desk/parley/pkg/bus"
	"github.com/parley-desk/parley/pkg/bus/bustest"
	"github.com/parley-desk/parley/pkg/fault"
	"github.com/parley-desk/parley/pkg/rights"
	"github.com/parley-desk/parley/pkg/secret"
	"github.com/parley-desk/parley/pkg/session"
	adminv1 "github.com/parley-desk/parley/proto/gen/parley/admin/v1"
	authv1 "github.com/parley-desk/parley/proto/gen/parley/auth/v1"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
	"github.com/parley-desk/parley/services/admin"
	"github.com/parley-desk/parley/services/admin/admintest"
	"github.com/parley-desk/parley/services/admin/internal/clients"
	"github.com/parley-desk/parley/services/admin/internal/guard"
)

// reasons are the machine words of an error.
func reasons(err error) (all []string) {
	for _, d := range status.Convert(err).Details() {
		if info, ok := d.(*errdetails.ErrorInfo); ok {
			all = append(all, info.GetReason())
		}
	}
	return all
}

// shelf is a bucket in memory that can be away.
type shelf struct {
	clients.Bucket
	mu   sync.Mutex
	all  map[string]bus.Entry
	away atomic.Bool
}

func (s *shelf) Get(ctx context.Context, key string) (bus.Entry, error) {
	if s.away.Load() {
		<-ctx.Done()
		return bus.Entry{}, fault.New(fault.Unavailable, "BROKER_AWAY", "the broker is away")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if e, ok := s.all[key]; ok {
		return e, nil
	}
	return bus.Entry{}, fault.New(fault.NotFound, "", "no entry")
}

func (s *shelf) Write(_ context.Context, writes ...bus.Write) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, w := range writes {
		s.all[w.Key] = bus.Entry{Key: w.Key, Value: w.Value, Revision: s.all[w.Key].Revision + 1}
	}
	return nil
}

func (s *shelf) Watch(_ context.Context, ready func(), handle func(bus.Entry)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range s.all {
		handle(e)
	}
	ready()
	return nil
}

func (s *shelf) empty() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.all)
}

// guarded is a guard that knows clients, and their store.
func guarded(t *testing.T) (*guard.Guard, *shelf) {
	t.Helper()
	box, err := secret.New()
	if err != nil {
		t.Fatal(err)
	}
	kept := &shelf{all: map[string]bus.Entry{}}
	agent := func(id string) *configv1.Agent {
		role, barred := strings.CutPrefix(id, "barred-")
		return &configv1.Agent{Meta: meta(id), Roles: []string{role}, Barred: barred}
	}
	return &guard.Guard{Agent: agent, Sessions: session.NewStore(kept, box, agent, session.Limits{Idle: time.Hour, Absolute: 2 * time.Hour}, time.Now),
		Log: slog.New(slog.DiscardHandler), Tracer: noop.NewTracerProvider().Tracer(""), Now: time.Now, Owner: "petar",
		Clients: &clients.Store{Bucket: kept, Sealer: box, Now: time.Now}}, kept
}

// register makes a client and gives the context of a call with its token.
func register(t *testing.T, g *guard.Guard, c clients.Client) context.Context {
	t.Helper()
	c.LifeMS = time.Hour.Milliseconds()
	_, token, err := g.Clients.Create(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	return bringing(t, token.Reveal())
}

// bringing is the context of a call by the unix socket with a token.
func bringing(t *testing.T, token string) context.Context {
	t.Helper()
	return metadata.NewIncomingContext(peer.NewContext(t.Context(), &peer.Peer{Addr: &net.UnixAddr{Net: "unix"}}), metadata.Pairs("authorization", "Bearer "+token))
}

// SG2: every method of every service with a client of every scope: a permission, a
// role, one that is bound to a queue, and a token that is no good, which also at the
// socket makes nobody of who comes with it.
func TestEveryMethodWithEveryClient(t *testing.T) {
	g, _ := guarded(t)
	words := rights.Programs()
	for _, number := range slices.Sorted(maps.Keys(authv1.Permission_name)) {
		words = append(words, rights.Name(rights.Permission(number)))
	}
	free, bound := map[string]context.Context{}, map[string]context.Context{}
	for i, word := range words {
		id := "c" + strings.Repeat("x", i)
		free[word] = register(t, g, clients.Client{ID: id, Scopes: []string{word}})
		bound[word] = register(t, g, clients.Client{ID: "q" + id, Scopes: []string{word}, Queues: []string{"front"}})
	}
	good := strings.TrimPrefix(metadata.ValueFromIncomingContext(free["admin"], "authorization")[0], "Bearer ")
	bad := map[string]context.Context{"a token cut short": bringing(t, good[:len(good)-1]), "nonsense": bringing(t, "nonsense"), "nothing": bringing(t, ""),
		"two":            metadata.NewIncomingContext(bringing(t, good), metadata.Pairs("authorization", "Bearer "+good, "authorization", "Bearer "+good)),
		"another scheme": metadata.NewIncomingContext(bringing(t, good), metadata.Pairs("authorization", "Basic "+good))}
	for _, method := range everyMethod(t) {
		need := rights.Needed(method)
		call := func(ctx context.Context) (codes.Code, bool) {
			ran := false
			_, err := g.Unary(ctx, nil, &grpc.UnaryServerInfo{FullMethod: method}, func(ctx context.Context, _ any) (any, error) {
				ran = strings.HasPrefix(guard.Caller(ctx), "client:")
				return nil, nil
			})
			return status.Code(err), ran
		}
		for _, word := range words {
			want := need == authv1.Permission_PERMISSION_KNOWN || need == authv1.Permission_PERMISSION_ANYONE || slices.Contains(rights.Scope(word), need)
			if got, ran := call(free[word]); want != (got == codes.OK) || ran != want || !want && got != codes.PermissionDenied {
				t.Errorf("%s with %s: %v, ran %v", method, word, got, ran)
			}
			want = want && (need == authv1.Permission_PERMISSION_KNOWN || need == authv1.Permission_PERMISSION_ANYONE || rights.ByQueue(need))
			if got, ran := call(bound[word]); want != (got == codes.OK) || ran != want || !want && got != codes.PermissionDenied {
				t.Errorf("%s with %s of one queue: %v, ran %v", method, word, got, ran)
			}
		}
		for name, ctx := range bad {
			if got, ran := call(ctx); got != codes.Unauthenticated || ran {
				t.Errorf("%s with %s: %v, ran %v", method, name, got, ran)
			}
		}
	}
}

// SG2: every method of every service with a session of everybody's role, as login
// begins it: it gives what the same person may by the set-up page, and the ticket of a
// browser gives nothing.
func TestEveryMethodWithEverySession(t *testing.T) {
	g, _ := guarded(t)
	for _, role := range append(rights.People(), "none", "barred-admin") {
		ticket, _, err := g.Sessions.BeginWith(t.Context(), role, session.Program{Name: "parleyctl"})
		if err != nil {
			t.Fatal(err)
		}
		cookie, _, err := g.Sessions.Begin(t.Context(), role)
		if err != nil {
			t.Fatal(err)
		}
		for _, method := range everyMethod(t) {
			need := rights.Needed(method)
			call := func(token string) (code codes.Code, caller string) {
				_, err := g.Unary(bringing(t, token), nil, &grpc.UnaryServerInfo{FullMethod: method}, func(ctx context.Context, _ any) (any, error) {
					caller = guard.Caller(ctx)
					return nil, nil
				})
				return status.Code(err), caller
			}
			who := rights.Who{Name: role, Roles: []string{role}}
			want := codes.PermissionDenied
			switch {
			case role == "barred-admin":
				want = codes.Unauthenticated
			case who.Reach(need) == rights.Everything, need == authv1.Permission_PERMISSION_CREW_ADJUST && role == rights.Supervisor: // whose agents, the method asks
				want = codes.OK
			}
			if got, caller := call(ticket.Reveal()); got != want || (want == codes.OK) != (caller == "agent:"+role) {
				t.Errorf("%s as %q: %v by %q", method, role, got, caller)
			}
			for name, token := range map[string]string{"a cookie": cookie.Reveal(), "a cookie that is made to look like a ticket": session.Prefix + cookie.Reveal()} {
				if got, caller := call(token); got != codes.Unauthenticated || caller != "" {
					t.Errorf("%s with %s of %q: %v by %q", method, name, role, got, caller)
				}
			}
		}
	}
}

// TestStreamsEndWithTheirSession, and an open one is use: no session is idle meanwhile.
func TestStreamsEndWithTheirSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, _ := guarded(t)
		ticket, begun, err := g.Sessions.BeginWith(t.Context(), rights.Auditor, session.Program{Name: "parleyctl"})
		if err != nil {
			t.Fatal(err)
		}
		done := make(chan error, 1)
		go func() {
			done <- g.Stream(nil, &stream{ctx: bringing(t, ticket.Reveal())}, &grpc.StreamServerInfo{FullMethod: adminv1.AuditService_FollowRecords_FullMethodName}, func(_ any, stream grpc.ServerStream) error {
				<-stream.Context().Done()
				return stream.Context().Err()
			})
		}()
		time.Sleep(90 * time.Minute)
		synctest.Wait()
		if _, end, err := g.Sessions.Look(t.Context(), begun.Key); end != "" || err != nil {
			t.Errorf("it ended by %q, %v", end, err)
		}
		if n, err := g.Sessions.EndAll(t.Context(), rights.Auditor, "", session.Dismissed); n != 1 || err != nil {
			t.Error(n, err)
		}
		at := time.Now()
		if err := <-done; !slices.Contains(reasons(err), "ENDED") || time.Since(at) > 5*time.Second {
			t.Errorf("after %v: %v", time.Since(at), err)
		}
	})
}

// stream is one that a handler may send to.
type stream struct {
	grpc.ServerStream
	ctx  context.Context
	sent int
}

func (s *stream) Context() context.Context { return s.ctx }
func (s *stream) SendMsg(any) error        { s.sent++; return nil }
func (s *stream) RecvMsg(any) error        { return nil }

// TestStreamsEndWithTheirClient: whatever becomes of a client, its open streams are
// over within 5 s, say why, and give nothing more; also when nobody can tell.
func TestStreamsEndWithTheirClient(t *testing.T) {
	for name, c := range map[string]struct {
		happens func(*guard.Guard, *shelf)
		code    codes.Code
		reason  string
	}{
		"it is revoked":     {func(g *guard.Guard, _ *shelf) { _, _ = g.Clients.Revoke(context.Background(), "ci") }, codes.Unauthenticated, "CLIENT_REVOKED"},
		"its entry is gone": {func(_ *guard.Guard, s *shelf) { s.empty() }, codes.Unauthenticated, "TOKEN_UNKNOWN"},
		"its token expires": {func(*guard.Guard, *shelf) { time.Sleep(time.Hour) }, codes.Unauthenticated, "TOKEN_EXPIRED"},
		"it is turned without overlap": {func(g *guard.Guard, _ *shelf) {
			_, _, _ = g.Clients.Rotate(context.Background(), "ci", 0, func(clients.Client) error { return nil })
		}, codes.Unauthenticated, "TOKEN_UNKNOWN"},
		"the broker is away": {func(_ *guard.Guard, s *shelf) { s.away.Store(true) }, codes.Unavailable, "CALLER_UNSURE"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g, kept := guarded(t)
				s := &stream{ctx: register(t, g, clients.Client{ID: "ci", Scopes: []string{"auditor"}})}
				var ended atomic.Pointer[time.Time]
				done := make(chan error, 1)
				go func() {
					done <- g.Stream(nil, s, &grpc.StreamServerInfo{FullMethod: adminv1.AuditService_FollowRecords_FullMethodName}, func(_ any, stream grpc.ServerStream) error {
						<-stream.Context().Done()
						now := time.Now()
						ended.Store(&now)
						if stream.SendMsg(nil) == nil || stream.RecvMsg(nil) == nil {
							t.Error("it goes on giving and taking")
						}
						return stream.Context().Err()
					})
				}()
				time.Sleep(10 * time.Minute)
				synctest.Wait()
				if ended.Load() != nil {
					t.Fatal("it ended by itself")
				}
				c.happens(g, kept)
				at := time.Now()
				err := <-done
				if got := status.Code(err); got != c.code || !slices.Contains(reasons(err), c.reason) {
					t.Errorf("%v %v", got, reasons(err))
				}
				if took := ended.Load().Sub(at); took > 5*time.Second || s.sent > 0 {
					t.Errorf("it took %v, and %d were sent", took, s.sent)
				}
			})
		})
	}
}

// TestStreamsOfOthersAreLeftAlone: who needs no token is not asked about again.
func TestStreamsOfOthersAreLeftAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, kept := guarded(t)
		s := &stream{ctx: peer.NewContext(t.Context(), &peer.Peer{Addr: &net.UnixAddr{Net: "unix"}})}
		kept.away.Store(true)
		err := g.Stream(nil, s, &grpc.StreamServerInfo{FullMethod: adminv1.AuditService_FollowRecords_FullMethodName}, func(_ any, stream grpc.ServerStream) error {
			time.Sleep(time.Hour)
			return errors.Join(stream.Context().Err(), stream.SendMsg(nil))
		})
		if err != nil || s.sent != 1 {
			t.Error(err)
		}
	})
}

// TestClientsCallOnTCP: with admin.tokens a token needs no certificate beside it, what
// it may is its scopes, the audit names it, and its open stream ends when it is revoked.
func TestClientsCallOnTCP(t *testing.T) {
	a := newAuthority(t)
	a.issue(t, "server", &x509.Certificate{DNSNames: []string{"admin.test"}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}})
	s := admintest.StartWith(t, bustest.Open(t), admin.Config{Listen: "127.0.0.1:0", Tokens: true, TLS: admin.TLS{Cert: a.file("server.crt"), Key: a.file("server.key")}})
	local := s.Dial(t)
	apply(t, adminv1.NewConfigServiceClient(local), house())
	roots := x509.NewCertPool()
	roots.AddCert(a.cert)
	conn, err := grpc.NewClient(s.Addr, grpc.WithTransportCredentials(credentials.NewTLS(&tls.Config{RootCAs: roots, ServerName: "admin.test"})))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	maker := adminv1.NewClientServiceClient(local)
	make := func(c *adminv1.ApiClient) context.Context {
		t.Helper()
		made, err := maker.CreateClient(t.Context(), &adminv1.CreateClientRequest{Client: c})
		if err != nil {
			t.Fatal(err)
		}
		return metadata.AppendToOutgoingContext(t.Context(), "authorization", "Bearer "+made.GetToken())
	}
	ci := make(&adminv1.ApiClient{Id: "ci", Scopes: []string{"operator", "audit.read"}, Addresses: []string{"127.0.0.0/8"}})
	config, records := adminv1.NewConfigServiceClient(conn), adminv1.NewAuditServiceClient(conn)
	if _, err := config.ListAgents(t.Context(), &adminv1.ListAgentsRequest{}); status.Code(err) != codes.Unauthenticated {
		t.Errorf("with neither: %v", err)
	}
	if _, err := config.ListAgents(ci, &adminv1.ListAgentsRequest{}); err != nil {
		t.Error(err)
	}
	if _, err := config.UpdateAgent(ci, &adminv1.UpdateAgentRequest{Agent: &configv1.Agent{Meta: meta("mila")}}); status.Code(err) != codes.PermissionDenied {
		t.Errorf("beyond its scopes: %v", err)
	}
	elsewhere := make(&adminv1.ApiClient{Id: "elsewhere", Scopes: []string{"operator"}, Addresses: []string{"192.0.2.0/24"}})
	if _, err := config.ListAgents(elsewhere, &adminv1.ListAgentsRequest{}); status.Code(err) != codes.PermissionDenied {
		t.Errorf("from another network: %v", err)
	}
	// Who makes clients makes none that may more.
	keeper := make(&adminv1.ApiClient{Id: "keeper", Scopes: []string{"client.manage", "operator"}})
	remote := adminv1.NewClientServiceClient(conn)
	if _, err := remote.CreateClient(keeper, &adminv1.CreateClientRequest{Client: &adminv1.ApiClient{Id: "king", Scopes: []string{"admin"}}}); !slices.Contains(reasons(err), "CLIENT_EXCEEDS") {
		t.Errorf("one that may more: %v", err)
	}
	if _, err := remote.RotateClient(keeper, &adminv1.RotateClientRequest{Id: "ci"}); !slices.Contains(reasons(err), "CLIENT_EXCEEDS") {
		t.Errorf("the token of one that may more: %v", err)
	}
	if _, err := remote.CreateClient(keeper, &adminv1.CreateClientRequest{Client: &adminv1.ApiClient{Id: "lesser", Scopes: []string{"config.read"}}}); err != nil {
		t.Errorf("one that may less: %v", err)
	}
	for kind, actor := range map[string]string{"client.create": "client:keeper"} {
		said, err := records.ListRecords(ci, &adminv1.ListRecordsRequest{Filter: &adminv1.RecordFilter{Kind: kind, Actor: actor}})
		if err != nil || len(said.GetRecords()) == 0 || said.GetRecords()[0].GetAddress() != "127.0.0.1" {
			t.Errorf("the audit says %v, %v", said, err)
		}
	}
	follow, err := records.FollowRecords(ci, &adminv1.FollowRecordsRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := follow.Header(); err != nil {
		t.Fatal(err)
	}
	if _, err := maker.RevokeClient(t.Context(), &adminv1.RevokeClientRequest{Id: "ci"}); err != nil {
		t.Fatal(err)
	}
	for err == nil {
		_, err = follow.Recv()
	}
	if status.Code(err) != codes.Unauthenticated || !slices.Contains(reasons(err), "CLIENT_REVOKED") {
		t.Errorf("the stream ended by %v", err)
	}
	if _, err := config.ListAgents(ci, &adminv1.ListAgentsRequest{}); !slices.Contains(reasons(err), "CLIENT_REVOKED") {
		t.Errorf("revoked, it goes on: %v", err)
	}
	token := strings.TrimPrefix(metadata.ValueFromIncomingContext(metadata.NewIncomingContext(t.Context(), outgoing(ci)), "authorization")[0], "Bearer ")
	if strings.Contains(s.Logs.String(), token) || strings.Contains(s.Logs.String(), "parley-client.") {
		t.Error("a log has a token")
	}
}

func outgoing(ctx context.Context) metadata.MD {
	md, _ := metadata.FromOutgoingContext(ctx)
	return md
}

// TestAClientOfOneQueue pauses that one, and of others hears that they are not there.
func TestAClientOfOneQueue(t *testing.T) {
	p := begin(t)
	p.put("", staff("mila", "agent"), wrap(&configv1.Queue{Meta: meta("front"), Agents: []string{"mila"}}), wrap(&configv1.Queue{Meta: meta("back"), Agents: []string{"mila"}}))
	made, err := adminv1.NewClientServiceClient(p.server.Dial(t)).CreateClient(t.Context(), &adminv1.CreateClientRequest{
		Client: &adminv1.ApiClient{Id: "wfm", Scopes: []string{"queue.pause", "crew.adjust"}, Queues: []string{"front"}}})
	if err != nil {
		t.Fatal(err)
	}
	ctx := metadata.AppendToOutgoingContext(t.Context(), "authorization", "Bearer "+made.GetToken())
	pause := func(queue string) codes.Code {
		_, err := adminv1.NewQueueServiceClient(p.server.Dial(t)).PauseQueue(ctx, &adminv1.PauseQueueRequest{Queue: queue, Pause: true})
		return status.Code(err)
	}
	if got := pause("back"); got != codes.NotFound {
		t.Errorf("another's queue: %v", got)
	}
	if got := pause("front"); got != codes.Unavailable { // nobody distributes here
		t.Errorf("its own queue: %v", got)
	}
	member, err := adminv1.NewCrewServiceClient(p.server.Dial(t)).GetCrewMember(ctx, &adminv1.GetCrewMemberRequest{Agent: "mila"})
	if err != nil || member.GetTerms() == nil {
		t.Errorf("who serves its queue: %v, %v", member, err)
	}
	if _, err := adminv1.NewConfigServiceClient(p.server.Dial(t)).ListAgents(ctx, &adminv1.ListAgentsRequest{}); status.Code(err) != codes.PermissionDenied {
		t.Errorf("everything: %v", err)
	}
}
