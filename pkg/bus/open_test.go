package bus_test

import (
	"context"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/parley-desk/parley/pkg/bus"
	"github.com/parley-desk/parley/pkg/bus/broker"
	"github.com/parley-desk/parley/pkg/bus/bustest"
	"github.com/parley-desk/parley/pkg/fault"
)

func openAt(t *testing.T, dir string, partitions int) *bus.Bus {
	t.Helper()
	b, err := bus.Open(t.Context(), bus.Config{Embedded: true, DataDir: dir, Partitions: partitions}, bus.Tools{Registry: prometheus.NewRegistry(), Broker: broker.Start})
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	return b
}

func closeBus(t *testing.T, b *bus.Bus) {
	t.Helper()
	if err := b.Close(context.Background()); err != nil {
		t.Fatalf("close: %v", err)
	}
}

func TestSecondProcessIsKeptOffTheData(t *testing.T) {
	dir := t.TempDir()
	b := openAt(t, dir, 2)
	_, err := bus.Open(t.Context(), bus.Config{Embedded: true, DataDir: dir}, bus.Tools{Broker: broker.Start})
	for _, word := range []string{"process " + strconv.Itoa(os.Getpid()), "data_dir", "--data-dir"} {
		if !fault.Is(err, fault.Precondition) || !strings.Contains(err.Error(), word) {
			t.Errorf("second open: %v; want a refusal that says %q", err, word)
		}
	}
	closeBus(t, b)
	closeBus(t, openAt(t, dir, 2))
}

func TestPartitionsAreFixed(t *testing.T) {
	dir := t.TempDir()
	closeBus(t, openAt(t, dir, 2))
	if _, err := bus.Open(t.Context(), bus.Config{Embedded: true, DataDir: dir, Partitions: 8}, bus.Tools{Broker: broker.Start}); !fault.Is(err, fault.Precondition) {
		t.Fatalf("open with other partitions: %v, want a refusal", err)
	}
	b := openAt(t, dir, 0)
	defer closeBus(t, b)
	if b.Partitions() != 2 {
		t.Fatalf("%d partitions, want the 2 of the deployment", b.Partitions())
	}
}

func TestLogOutlivesTheProcess(t *testing.T) {
	dir := t.TempDir()
	b := openAt(t, dir, 2)
	rev := update(t, b, customer(1), "a")
	closeBus(t, b)
	b = openAt(t, dir, 2)
	defer closeBus(t, b)
	if _, at, err := b.Load(t.Context(), customer(1)); err != nil || at != rev {
		t.Fatalf("thread is at %d, %v; want %d", at, err, rev)
	}
}

func TestBrokerThatForgetsIsRefused(t *testing.T) {
	broker := bustest.ForgetfulBroker(t)
	cfg := bus.Config{URL: broker.URL, MonitorURL: broker.Monitor, Partitions: 2}
	if _, err := bus.Open(t.Context(), cfg, bus.Tools{}); !fault.Is(err, fault.Precondition) {
		t.Fatalf("open: %v, want a refusal", err)
	}
	cfg.MonitorURL = ""
	if _, err := bus.Open(t.Context(), cfg, bus.Tools{}); !fault.Is(err, fault.Precondition) {
		t.Fatalf("open without being able to ask: %v, want a refusal", err)
	}
	cfg.AllowUnsafe = true
	b, err := bus.Open(t.Context(), cfg, bus.Tools{})
	if err != nil {
		t.Fatalf("open with unsafe durability allowed: %v", err)
	}
	defer closeBus(t, b)
	for _, c := range b.Checks(t.Context()) {
		if c.Name == "durability" && c.Level == bus.Failed {
			return
		}
	}
	t.Fatal("doctor does not say that the broker forgets")
}

func TestChecksOfASoundBus(t *testing.T) {
	b := bustest.Open(t)
	names := map[string]bool{}
	for _, c := range b.Checks(t.Context()) {
		names[c.Name] = true
		if c.Level != bus.Fine {
			t.Errorf("check %q: %s", c.Name, c.Detail)
		}
	}
	for _, want := range []string{"broker", "durability", "disk", "dead letters"} {
		if !names[want] {
			t.Errorf("no check %q", want)
		}
	}
}

func TestClosedBusAnswersAtOnce(t *testing.T) {
	b := openAt(t, t.TempDir(), 1)
	closeBus(t, b)
	if _, _, err := b.Update(t.Context(), customer(1), say("a")); !fault.Is(err, fault.Unavailable) {
		t.Errorf("update: %v, want unavailable", err)
	}
	if err := b.Ping(t.Context()); !fault.Is(err, fault.Unavailable) {
		t.Errorf("ping: %v, want unavailable", err)
	}
	if err := b.FollowThreads(t.Context(), "routing", new(tally).commit); err == nil {
		t.Error("follow did not end")
	}
}
