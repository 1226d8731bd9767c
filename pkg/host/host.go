// Package host runs services in a process: it opens what they share, serves
// probes and metrics, and ends everything in order.
//
// # Usage
//
// A program names its stages with NewStage and hands them to Command; that is
// all of a main. One stage makes a process of its own, several together the
// one-process mode: the same builders either way.
//
// # Order
//
// What the process needs is opened first: the log, the keyset, Redis. One that
// is away is waited for, in sight of the log and the probes. Then all services
// are built before any runs, so that what they register is complete when it is
// served. At the end the process first says that it is not ready, then cancels
// the services and waits for them, then ends the probes, and then closes the
// bus, Redis and telemetry. A service that returns before it is asked to ends
// the process. A second signal, or the grace time, ends it at once.
package host

import (
	"context"
	"log/slog"
	"net"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"
	"go.opentelemetry.io/otel/trace"

	"github.com/parley-desk/parley/pkg/bus"
	"github.com/parley-desk/parley/pkg/contact"
	"github.com/parley-desk/parley/pkg/directory"
	"github.com/parley-desk/parley/pkg/files"
	"github.com/parley-desk/parley/pkg/graph"
	"github.com/parley-desk/parley/pkg/secret"
)

// Service is one stage of the house. Run blocks until ctx ends; returning
// before is a failure that ends the process.
type Service interface {
	Run(ctx context.Context) error
}

// Deps are what the process gives to every service. A service registers its
// metrics and checks when it is built, opens nothing there, and starts in Run.
type Deps struct {
	Log       *slog.Logger // already says service=<name>
	Instance  string       // name of this process, unique in the deployment
	DataDir   string       // where a service may keep files of its own
	Bus       *bus.Bus
	Files     files.Store           // of the settings; the broker's own when nil
	Redis     redis.UniversalClient // nil for services that do not use it
	Directory *directory.Directory
	Contacts  *contact.Finder // shared by the services of the process; whoever needs its book runs it
	Secrets   *secret.Box
	Graph     *graph.Client         // nil for services that do not use it
	Registry  prometheus.Registerer // already labelled with the service
	Tracer    trace.Tracer
	Health    *Health
	Now       func() time.Time
	// Listen opens a listener; setting names the setting that chose addr, so
	// that "address in use" can say how to choose another. An addr with a
	// slash in it is the path of a unix socket.
	Listen func(ctx context.Context, setting, addr string) (net.Listener, error)
}

// FileStore is where files are.
func (d Deps) FileStore() files.Store {
	if d.Files != nil {
		return d.Files
	}
	return d.Bus.Files()
}

// Uses says what a stage needs besides logs and metrics.
type Uses uint

// What a stage can use.
const (
	Bus         Uses = 1 << iota // the log, the directory of resources, the secrets
	Redis                        // presence and capacity
	RedisGlance                  // Redis where there is one; the process lives without
	Graph                        // Meta
)

// Stage is a service that a program can run, with its settings.
type Stage struct {
	Name   string // section of its settings, and its name in logs and metrics
	Uses   Uses
	Config any // pointer to the settings, filled before Build
	Build  func(Deps) (Service, error)
}

// NewStage makes a stage of a service's constructor.
func NewStage[C any](name string, uses Uses, build func(C, Deps) (Service, error)) Stage {
	cfg := new(C)
	return Stage{Name: name, Uses: uses, Config: cfg, Build: func(d Deps) (Service, error) { return build(*cfg, d) }}
}
