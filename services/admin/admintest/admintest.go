// Package admintest gives tests a live admin API on a unix socket.
package admintest

import (
	"bytes"
	"context"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/trace/noop"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/parley-desk/parley/pkg/bus"
	"github.com/parley-desk/parley/pkg/bus/bustest"
	"github.com/parley-desk/parley/pkg/directory"
	"github.com/parley-desk/parley/pkg/graph"
	"github.com/parley-desk/parley/pkg/host"
	"github.com/parley-desk/parley/pkg/secret"
	"github.com/parley-desk/parley/services/admin"
)

const starting = time.Minute

// Server is a running admin service and what it stands on.
type Server struct {
	Target    string // of gRPC: "unix:/..."
	Server    string // of parleyctl: "unix:///..."
	Bus       *bus.Bus
	Directory *directory.Directory
	Secrets   *secret.Box
	Logs      *Logs
	Registry  *prometheus.Registry
	Addr      string // on TCP, when Config.Listen asks for it
}

// Logs collects what the service logs; it may be read while the service runs.
type Logs struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

// Write appends a log record.
func (l *Logs) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

// String is everything logged so far.
func (l *Logs) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// Start runs an admin service on a bus of its own until the test ends.
func Start(t testing.TB) *Server {
	return StartWith(t, bustest.Open(t), admin.Config{Reflection: true})
}

// StartWith runs an admin service with these settings on b until the test ends.
// Its Meta is away.
func StartWith(t testing.TB, b *bus.Bus, cfg admin.Config) *Server {
	t.Helper()
	return StartFacing(t, b, cfg, nowhere)
}

// nowhere is an address at which nothing listens: port 0 cannot be dialled.
const nowhere = "http://127.0.0.1:0"

// StartFacing is StartWith for a Graph API at this address.
func StartFacing(t testing.TB, b *bus.Bus, cfg admin.Config, graphURL string) *Server {
	t.Helper()
	dir, err := os.MkdirTemp("", "admin") // short: a socket's path has a limit
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	box, err := secret.Open(filepath.Join(dir, "keyset.json"), true)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "admin.sock")
	s := &Server{Target: "unix:" + path, Server: "unix://" + path, Bus: b, Directory: directory.New(b), Secrets: box, Logs: &Logs{}}
	if cfg.Connections == 0 {
		cfg.Connections = 100
	}
	if cfg.Grace == 0 {
		cfg.Grace = time.Second
	}
	registry, tracer := prometheus.NewRegistry(), noop.NewTracerProvider().Tracer("")
	meta, err := graph.New(graph.Config{BaseURL: graphURL}, slog.New(slog.DiscardHandler), registry, tracer)
	if err != nil {
		t.Fatal(err)
	}
	s.Registry = registry
	ready := make(chan struct{}, 2)
	service, err := admin.New(cfg, host.Deps{
		Log: slog.New(slog.NewJSONHandler(s.Logs, nil)), Instance: "test", DataDir: dir, Bus: b, Directory: s.Directory,
		Secrets: box, Registry: registry, Tracer: tracer, Graph: meta,
		Health: &host.Health{}, Now: time.Now,
		Listen: func(ctx context.Context, setting, addr string) (net.Listener, error) {
			network := "tcp"
			if setting == "admin.socket" {
				network = "unix"
			}
			var config net.ListenConfig
			l, err := config.Listen(ctx, network, addr)
			if err == nil && network == "tcp" {
				s.Addr = l.Addr().String()
			}
			ready <- struct{}{}
			return l, err
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	doors := 1
	if cfg.Listen != "" {
		doors++
	}
	s.run(t, service, ready, doors)
	return s
}

func (s *Server) run(t testing.TB, service host.Service, ready <-chan struct{}, doors int) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	t.Cleanup(func() { cancel(); running.Wait() })
	for _, run := range []func(context.Context) error{s.Directory.Run, service.Run} {
		running.Go(func() {
			if err := run(ctx); err != nil && ctx.Err() == nil {
				t.Errorf("the service ended: %v", err)
			}
		})
	}
	late := time.NewTimer(starting)
	defer late.Stop()
	for range doors {
		select {
		case <-ready:
		case <-late.C:
			t.Fatal("the admin service did not listen in time")
		}
	}
}

// Dial connects to the unix socket until the test ends.
func (s *Server) Dial(t testing.TB) *grpc.ClientConn {
	t.Helper()
	conn, err := grpc.NewClient(s.Target, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}
