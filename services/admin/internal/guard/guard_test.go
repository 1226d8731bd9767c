package guard_test

import (
	"context"
	"io"
	"log/slog"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel/trace/noop"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/peer"
	grpcstatus "google.golang.org/grpc/status"

	adminv1 "github.com/parley-desk/parley/proto/gen/parley/admin/v1"
	"github.com/parley-desk/parley/services/admin/internal/guard"
)

// TestNoCallLastsForEver (SG4): one whose caller set no deadline has one, and ends by
// it; a caller's own stays.
func TestNoCallLastsForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &guard.Guard{Log: slog.New(slog.NewTextHandler(io.Discard, nil)), Tracer: noop.NewTracerProvider().Tracer(""), Now: time.Now, Owner: "root"}
		here := peer.NewContext(t.Context(), &peer.Peer{Addr: &net.UnixAddr{Net: "unix"}})
		hang := func(ctx context.Context, _ any) (any, error) { <-ctx.Done(); return nil, ctx.Err() }
		for want, own := range map[time.Duration]time.Duration{30 * time.Second: 0, time.Second: time.Second, time.Minute: time.Minute} {
			ctx, cancel := here, func() {}
			if own > 0 {
				ctx, cancel = context.WithTimeout(here, own)
			}
			begin := time.Now()
			_, err := g.Unary(ctx, &adminv1.ListQueuesRequest{}, &grpc.UnaryServerInfo{FullMethod: adminv1.ConfigService_ListQueues_FullMethodName}, hang)
			if took := time.Since(begin); took != want || grpcstatus.Code(err) != codes.DeadlineExceeded {
				t.Errorf("with a deadline of %v it ended after %v with %v", own, took, err)
			}
			cancel()
		}
	})
}
