// Package bustest gives tests a bus of their own: embedded, or several on one
// broker.
package bustest

import (
	"context"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/parley-desk/parley/pkg/bus"
	"github.com/parley-desk/parley/pkg/bus/broker"
	"github.com/parley-desk/parley/pkg/host/hosttest"
)

const closing = time.Minute

// Open gives a bus with a broker in the process, 2 partitions, and files that
// go with the test.
func Open(t testing.TB) *bus.Bus {
	t.Helper()
	return start(t, bus.Config{Embedded: true, DataDir: t.TempDir(), Partitions: 2, Instance: "test"})
}

// Remote is a broker in the process that several buses reach by TCP.
type Remote struct {
	URL      string // of clients
	Monitor  string // of the monitoring port
	Stop     func() // the broker, or the first of a cluster; waits until it has
	dir      string
	sync     bool
	replicas int
}

// Broker starts a broker on free ports. It writes to disk before it acknowledges.
func Broker(t testing.TB) *Remote { t.Helper(); return remote(t, true) }

// ForgetfulBroker is a Broker as NATS is out of the box: it acknowledges what
// is not on disk yet.
func ForgetfulBroker(t testing.TB) *Remote { t.Helper(); return remote(t, false) }

func remote(t testing.TB, sync bool) *Remote {
	t.Helper()
	r := &Remote{dir: t.TempDir(), sync: sync}
	r.start(t, server.RANDOM_PORT, server.RANDOM_PORT)
	t.Cleanup(func() { r.Stop() })
	return r
}

// Cluster starts three brokers that replicate to each other; Open on it asks
// for three replicas.
func Cluster(t testing.TB) *Remote {
	t.Helper()
	r := &Remote{replicas: 3}
	routes := make([]*url.URL, 3)
	for i := range routes {
		routes[i] = &url.URL{Scheme: "nats", Host: hosttest.Free(t)}
	}
	var monitors, clients []string
	var all []*server.Server
	for i, at := range routes {
		s, err := server.NewServer(&server.Options{ServerName: "remote-" + strconv.Itoa(i), Host: "127.0.0.1", Port: server.RANDOM_PORT,
			HTTPHost: "127.0.0.1", HTTPPort: server.RANDOM_PORT, NoSigs: true, NoLog: true, JetStream: true, StoreDir: t.TempDir(), SyncAlways: true,
			Cluster: server.ClusterOpts{Name: "parley", Host: "127.0.0.1", Port: port(t, at.String())}, Routes: routes})
		if err != nil {
			t.Fatalf("make a broker: %v", err)
		}
		t.Cleanup(func() { stop(s) })
		s.Start()
		all = append(all, s)
	}
	for _, s := range all {
		if !s.ReadyForConnections(30 * time.Second) {
			t.Fatal("a broker was not ready within 30 s")
		}
		monitors, clients = append(monitors, "http://"+s.MonitorAddr().String()), append(clients, s.ClientURL())
	}
	// Until the brokers have elected a leader they make no streams; on a busy
	// machine that can take longer than a bus has patience.
	tick, late := time.NewTicker(10*time.Millisecond), time.After(time.Minute)
	defer tick.Stop()
	for !slices.ContainsFunc(all, (*server.Server).JetStreamIsLeader) {
		select {
		case <-tick.C:
		case <-late:
			t.Fatal("the brokers elected no leader within a minute")
		}
	}
	r.URL, r.Monitor, r.Stop = strings.Join(clients, ","), strings.Join(monitors, ","), func() { stop(all[0]) }
	return r
}

func stop(s *server.Server) {
	s.Shutdown()
	s.WaitForShutdown()
}

func (r *Remote) start(t testing.TB, clients, monitor int) {
	t.Helper()
	s, err := server.NewServer(&server.Options{ServerName: "remote", Host: "127.0.0.1", Port: clients, HTTPHost: "127.0.0.1", HTTPPort: monitor,
		NoSigs: true, NoLog: true, JetStream: true, StoreDir: r.dir, SyncAlways: r.sync})
	if err != nil {
		t.Fatalf("make a broker: %v", err)
	}
	s.Start()
	if !s.ReadyForConnections(30 * time.Second) {
		t.Fatal("the broker was not ready within 30 s")
	}
	r.Stop, r.URL = func() { stop(s) }, s.ClientURL()
	r.Monitor = "http://" + s.MonitorAddr().String()
}

// Restart stops the broker and starts it again at the same addresses.
func (r *Remote) Restart(t testing.TB) {
	t.Helper()
	r.Stop()
	r.start(t, port(t, r.URL), port(t, r.Monitor))
}

func port(t testing.TB, address string) int {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.Atoi(u.Port())
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// Open gives a bus of a process called instance on the broker, with 4 partitions.
func (r *Remote) Open(t testing.TB, instance string) *bus.Bus {
	t.Helper()
	return start(t, bus.Config{URL: r.URL, MonitorURL: r.Monitor, Partitions: 4, Replicas: r.replicas, Instance: instance})
}

func start(t testing.TB, cfg bus.Config) *bus.Bus {
	t.Helper()
	b, err := bus.Open(t.Context(), cfg, bus.Tools{Broker: broker.Start})
	if err != nil {
		t.Fatalf("open a bus: %v", err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), closing)
		defer cancel()
		if err := b.Close(ctx); err != nil {
			t.Errorf("close the bus: %v", err)
		}
	})
	return b
}
