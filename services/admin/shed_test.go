package admin_test

import (
	"context"
	"net"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"

	adminv1 "github.com/parley-desk/parley/proto/gen/parley/admin/v1"
	"github.com/parley-desk/parley/services/admin/internal/clients"
	"github.com/parley-desk/parley/services/admin/internal/guard"
)

// from puts a call at an address.
func from(ctx context.Context, address string) context.Context {
	return peer.NewContext(ctx, &peer.Peer{Addr: &net.TCPAddr{IP: net.ParseIP(address), Port: 1}})
}

// TestCallersHaveTheirRate (SG3): by address until it is known who calls, then by name
// wherever it comes from; who can open the socket is not asked, and nobody pays for
// others.
func TestCallersHaveTheirRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, _ := guarded(t)
		g.Shed = guard.NewShed(0, 5, prometheus.NewRegistry(), time.Now) // ten at once
		token := register(t, g, clients.Client{ID: "ci", Scopes: []string{"operator"}})
		other := register(t, g, clients.Client{ID: "other", Scopes: []string{"operator"}})
		call := func(ctx context.Context) (codes.Code, []string) {
			_, err := g.Unary(ctx, nil, &grpc.UnaryServerInfo{FullMethod: adminv1.ConfigService_ListAgents_FullMethodName}, func(context.Context, any) (any, error) { return nil, nil })
			return status.Code(err), reasons(err)
		}
		for range 10 {
			if got, _ := call(from(t.Context(), "192.0.2.1")); got != codes.Unauthenticated {
				t.Fatal(got)
			}
		}
		if got, why := call(from(token, "192.0.2.1")); got != codes.ResourceExhausted || !slices.Contains(why, "TOO_MANY_REQUESTS") {
			t.Errorf("an address that asked too much: %v %v", got, why)
		}
		for i := range 10 { // each from another address
			if got, why := call(from(token, net.IPv4(198, 51, 100, byte(i)).String())); got != codes.OK {
				t.Fatal(got, why)
			}
		}
		for name, ctx := range map[string]context.Context{"from elsewhere": from(token, "203.0.113.1"), "by the socket": token} {
			if got, _ := call(ctx); got != codes.ResourceExhausted {
				t.Errorf("a client that asked too much, %s: %v", name, got)
			}
		}
		if got, why := call(from(other, "203.0.113.2")); got != codes.OK {
			t.Errorf("another client: %v %v", got, why)
		}
		local := metadata.NewIncomingContext(token, metadata.MD{})
		for range 100 {
			if got, _ := call(local); got != codes.OK {
				t.Fatalf("who can open the socket: %v", got)
			}
		}
		time.Sleep(time.Second)
		if got, why := call(from(token, "192.0.2.1")); got != codes.OK {
			t.Errorf("after a while: %v %v", got, why)
		}
	})
}

// TestNoMoreCallsThanMayBe are in work at once.
func TestNoMoreCallsThanMayBe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, _ := guarded(t)
		g.Shed = guard.NewShed(2, 0, prometheus.NewRegistry(), time.Now)
		ctx := from(register(t, g, clients.Client{ID: "ci", Scopes: []string{"operator"}}), "192.0.2.1")
		hold := make(chan struct{})
		call := func(wait bool) error {
			_, err := g.Unary(ctx, nil, &grpc.UnaryServerInfo{FullMethod: adminv1.ConfigService_ListAgents_FullMethodName}, func(context.Context, any) (any, error) {
				if wait {
					<-hold
				}
				return nil, nil
			})
			return err
		}
		for range 2 {
			go func() { _ = call(true) }()
		}
		synctest.Wait()
		if err := call(false); status.Code(err) != codes.Unavailable || !slices.Contains(reasons(err), "TOO_BUSY") {
			t.Errorf("while two are in work: %v", err)
		}
		close(hold)
		synctest.Wait()
		if err := call(false); err != nil {
			t.Errorf("when they are done: %v", err)
		}
	})
}
