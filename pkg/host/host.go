// Package host runs services in a process: it opens what they share, serves
// probes and metrics, and ends everything in order.
package host

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"
	"go.opentelemetry.io/otel/trace"

	"github.com/parley-desk/parley/pkg/bus"
	"github.com/parley-desk/parley/pkg/directory"
	"github.com/parley-desk/parley/pkg/graph"
	"github.com/parley-desk/parley/pkg/secret"
)

// Service is one stage of the house. Run blocks until ctx ends; returning
// before is a failure that ends the process.
type Service interface {
	Run(ctx context.Context) error
}

// Deps are what the process gives to every service. A service registers its
// metrics and checks in New, opens nothing there, and starts in Run.
type Deps struct {
	Log       *slog.Logger // already says service=<name>
	Instance  string       // name of this process, unique in the deployment
	Bus       *bus.Bus
	Redis     redis.UniversalClient // nil for services that do not ask for it
	Directory *directory.Directory
	Secrets   *secret.Box
	Graph     *graph.Client
	Registry  prometheus.Registerer // already labelled with the service
	Tracer    trace.Tracer
	Health    *Health
	Now       func() time.Time
	// Listen opens a listener; setting names the setting that chose addr, so
	// that "address in use" can say how to choose another.
	Listen func(ctx context.Context, setting, addr string) (net.Listener, error)
}

// Health collects what must hold before the process may get traffic.
type Health struct{}

// Ready adds a readiness check; it is asked at every probe and must answer
// within 250 ms.
func (h *Health) Ready(name string, check func(context.Context) error) {}

// ServeHTTP runs srv on l until ctx ends, then lets requests in flight finish
// for at most grace.
func ServeHTTP(ctx context.Context, srv *http.Server, l net.Listener, grace time.Duration) error {
	return nil
}
