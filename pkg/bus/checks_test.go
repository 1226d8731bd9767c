package bus_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/parley-desk/parley/pkg/bus"
	"github.com/parley-desk/parley/pkg/bus/bustest"
	"github.com/parley-desk/parley/pkg/fault"
	inboundv1 "github.com/parley-desk/parley/proto/gen/parley/inbound/v1"
)

// refusal opens a bus that must be refused at once for the reason, in words
// that hold all of want.
func refusal(t *testing.T, cfg bus.Config, reason string, want ...string) {
	t.Helper()
	began := time.Now()
	b, err := bus.Open(t.Context(), cfg, bus.Tools{})
	if err == nil {
		closeBus(t, b)
		t.Fatalf("it was opened, want %s", reason)
	}
	if took := time.Since(began); took > 20*time.Second { // what may pass is repeated for thirty
		t.Errorf("the refusal took %s", took)
	}
	if f := (*fault.Error)(nil); !errors.As(err, &f) || f.Kind != fault.Precondition || f.Reason != reason {
		t.Errorf("%v, want %s", err, reason)
	}
	for _, word := range want {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("%q does not say %q", err, word)
		}
	}
}

// durability are the checks of that name, and what the metric says.
func durability(t *testing.T, cfg bus.Config) (checks []bus.Check, unsafe float64) {
	t.Helper()
	registry := prometheus.NewRegistry()
	b, err := bus.Open(t.Context(), cfg, bus.Tools{Registry: registry})
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	defer closeBus(t, b)
	update(t, b, customer(1), "a") // it works for all that
	for _, c := range b.Checks(t.Context()) {
		if c.Name == "durability" {
			checks = append(checks, c)
		}
	}
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == "parley_bus_unsafe_durability" {
			unsafe = f.GetMetric()[0].GetGauge().GetValue()
		}
	}
	return checks, unsafe
}

func wantOneFailure(t *testing.T, checks []bus.Check, unsafe float64, detail, remedy string) {
	t.Helper()
	if unsafe != 1 {
		t.Errorf("the metric says %g, want 1", unsafe)
	}
	if len(checks) != 1 || checks[0].Level != bus.Failed || !strings.Contains(checks[0].Detail, detail) || !strings.Contains(checks[0].Remedy, remedy) {
		t.Errorf("doctor says %+v, want one failure with %q and %q", checks, detail, remedy)
	}
}

// One broker cannot keep three copies. That is said at once, and when it is
// allowed the streams have one.
func TestTooFewBrokersForTheReplicas(t *testing.T) {
	broker := bustest.Broker(t)
	cfg := bus.Config{URL: broker.URL, MonitorURL: broker.Monitor, Partitions: 2, Replicas: 3}
	refusal(t, cfg, "REPLICAS_MISSING", "3 copies", "cluster", "bus.replicas", "bus.allow_unsafe_durability")
	cfg.AllowUnsafe = true
	checks, unsafe := durability(t, cfg)
	wantOneFailure(t, checks, unsafe, "3 copies", "cluster")
}

// Streams that were made with fewer copies than are asked for now are one
// problem, however many there are.
func TestStreamsWithFewerReplicasThanAskedFor(t *testing.T) {
	broker := bustest.Broker(t)
	broker.Open(t, "one") // makes them with one copy
	cfg := bus.Config{URL: broker.URL, MonitorURL: broker.Monitor, Replicas: 3}
	refusal(t, cfg, "REPLICAS_MISSING", "fewer than 3 replicas", "--replicas=3", "bus.allow_unsafe_durability")
	cfg.AllowUnsafe = true
	checks, unsafe := durability(t, cfg)
	wantOneFailure(t, checks, unsafe, "27 of 27 streams", "nats stream update")
}

// What the broker will never do is said at once and in its words.
func TestAStreamThatTheBrokerRefuses(t *testing.T) {
	url := brokerWithAccounts(t, "sync_interval: always", "jetstream: { max_bytes_required: true }, "+askable)
	refusal(t, bus.Config{URL: url, Partitions: 2}, "STREAM_REFUSED", "KV_CONFIG", "max bytes")
	url = brokerWithAccounts(t, "sync_interval: always", "jetstream: disabled, "+askable)
	refusal(t, bus.Config{URL: url, Partitions: 2}, "STREAM_REFUSED", "KV_CONFIG", "not enabled")
}

func TestEveryBrokerMustTellWhetherItWritesToDisk(t *testing.T) {
	t.Parallel() // it mostly waits
	if testing.Short() {
		t.Skip("a cluster takes some seconds to come up")
	}
	cluster := bustest.Cluster(t)
	cluster.Open(t, "one")
	monitors := strings.Split(cluster.Monitor, ",")
	cfg := bus.Config{URL: cluster.URL, MonitorURL: strings.Join(monitors[:2], ","), Replicas: 3}
	refusal(t, cfg, "DURABILITY_UNKNOWN", "only 2 of 3 brokers", "bus.monitor_url")
	cfg.MonitorURL = strings.Join([]string{monitors[0], monitors[1], monitors[0]}, ",")
	refusal(t, cfg, "DURABILITY_UNKNOWN", "only 2 of 3 brokers")
	cfg.AllowUnsafe = true
	checks, unsafe := durability(t, cfg)
	wantOneFailure(t, checks, unsafe, "only 2 of 3 brokers", "bus.monitor_url")
}

// One broker of three is down: the house starts all the same, and doctor says
// who has not told how it writes.
func TestAMinorityOfBrokersMayBeDown(t *testing.T) {
	if testing.Short() {
		t.Skip("a cluster takes some seconds to come up")
	}
	cluster := bustest.Cluster(t)
	closeBus(t, cluster.Open(t, "one"))
	cluster.Stop()
	checks, unsafe := durability(t, bus.Config{URL: cluster.URL, MonitorURL: cluster.Monitor, Replicas: 3})
	if unsafe != 0 || len(checks) != 1 || checks[0].Level != bus.Warning || !strings.HasPrefix(checks[0].Detail, "1 broker did not tell") {
		t.Errorf("doctor says %+v, the metric %g", checks, unsafe)
	}
}

// Without monitoring addresses the brokers are asked over the connection,
// where the account may.
func TestBrokersAreAskedOverTheConnection(t *testing.T) {
	for _, c := range []struct{ name, sync, account, reason string }{
		{"one that writes first", "sync_interval: always", "jetstream: enabled, " + askable, ""},
		{"one that forgets", "", "jetstream: enabled, " + askable, "SYNC_NOT_ALWAYS"},
		{"one that may not be asked", "sync_interval: always", "jetstream: enabled", "DURABILITY_UNKNOWN"},
	} {
		t.Run(c.name, func(t *testing.T) {
			url := brokerWithAccounts(t, c.sync, c.account)
			if c.reason != "" {
				refusal(t, bus.Config{URL: url, Partitions: 2}, c.reason, "bus.allow_unsafe_durability")
				return
			}
			if checks, unsafe := durability(t, bus.Config{URL: url, Partitions: 2}); unsafe != 0 || len(checks) != 1 || checks[0].Level != bus.Fine {
				t.Errorf("doctor says %+v, the metric %g", checks, unsafe)
			}
		})
	}
}

// A broker that is full goes on answering: doctor must not take that for health.
func TestAFullBrokerIsNotWell(t *testing.T) {
	t.Parallel() // it mostly waits
	url := brokerWithAccounts(t, "sync_interval: always\nmax_file_store: 4MB", "jetstream: enabled, "+askable)
	b, err := bus.Open(t.Context(), bus.Config{URL: url, Partitions: 1, Replicas: 1}, bus.Tools{Registry: prometheus.NewRegistry()})
	if err != nil {
		t.Fatal(err)
	}
	defer closeBus(t, b)
	found := func(name string) bus.Check {
		for _, c := range b.Checks(t.Context()) {
			if c.Name == name {
				return c
			}
		}
		return bus.Check{}
	}
	if c := found("broker"); c.Level != bus.Fine || c.Detail != "answers and stores" {
		t.Errorf("while there is room doctor says %+v", c)
	}
	if c := found("disk"); c.Level != bus.Fine || c.Detail != "< 1 MiB used of 4 MiB" {
		t.Errorf("while there is room doctor says %+v", c)
	}
	raw := []byte(strings.Repeat("x", 256<<10))
	await(t, "it to be full", func() bool {
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second) // the bus repeats until then
		defer cancel()
		return b.PublishInbound(ctx, []*inboundv1.Event{{Page: "1", Psid: "2", Raw: raw}}) != nil && found("broker").Level != bus.Fine
	})
	if c := found("broker"); c.Level != bus.Failed || !strings.Contains(c.Detail, "answers, but stores nothing") || !strings.Contains(c.Remedy, "max_file_store") {
		t.Errorf("when it is full doctor says %+v", c)
	}
	if c := found("disk"); c.Level != bus.Warning || !strings.Contains(c.Detail, "MiB used of 4 MiB") {
		t.Errorf("when it is full doctor says %+v", c)
	}
}

const askable = `imports: [{ service: { account: SYS, subject: "$SYS.REQ.SERVER.PING.JSZ" } }]`

// brokerWithAccounts starts a broker whose clients are of an account with this configuration.
func brokerWithAccounts(t *testing.T, sync, account string) (url string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "nats.conf")
	config := `listen: "127.0.0.1:-1"
jetstream { store_dir: "` + t.TempDir() + `"
` + sync + ` }
system_account: SYS
accounts {
  SYS { exports: [{ service: "$SYS.REQ.SERVER.PING.JSZ", response: stream }] }
  PARLEY { users: [{ user: parley, password: "p" }], ` + account + ` }
}`
	if err := os.WriteFile(path, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	options, err := server.ProcessConfigFile(path)
	if err != nil {
		t.Fatal(err)
	}
	options.NoSigs, options.NoLog = true, true
	s, err := server.NewServer(options)
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
	if !s.ReadyForConnections(30 * time.Second) {
		t.Fatal("the broker was not ready within 30 s")
	}
	return strings.Replace(s.ClientURL(), "nats://", "nats://parley:p@", 1)
}
