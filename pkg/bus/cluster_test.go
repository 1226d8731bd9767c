package bus_test

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/parley-desk/parley/pkg/bus"
	"github.com/parley-desk/parley/pkg/bus/bustest"
	inboundv1 "github.com/parley-desk/parley/proto/gen/parley/inbound/v1"
	"github.com/parley-desk/parley/proto/subject"
)

// On a cluster everything goes out in batches, reads may come from a replica
// that is behind, and a lost race has another error code.
func TestCluster(t *testing.T) {
	if testing.Short() {
		t.Skip("a cluster takes some seconds to come up")
	}
	cluster := bustest.Cluster(t)
	one, two := cluster.Open(t, "one"), cluster.Open(t, "two")
	var crowd sync.WaitGroup
	const writers, each, threads = 20, 10, 6
	for w := range writers {
		b := []*bus.Bus{one, two}[w%2]
		crowd.Go(func() {
			for n := range each {
				mid := fmt.Sprintf("%d-%d", w, n)
				_, rev, err := b.Update(t.Context(), customer((w+n)%threads), say(mid))
				if err != nil {
					t.Errorf("update: %v", err)
					return
				}
				for r, err := range b.History(t.Context(), customer((w+n)%threads), rev-1) {
					if err != nil || r.Revision != rev || mids(r.Commit)[0] != mid {
						t.Errorf("commit %s is not at revision %d, %v", mid, rev, err)
					}
					break
				}
			}
		})
	}
	crowd.Wait()
	stored := 0
	for n := range threads {
		stored += len(history(t, one, customer(n), 0))
	}
	if stored != writers*each {
		t.Errorf("%d commits in the log, want %d", stored, writers*each)
	}
	// Whoever begins to read after a commit was acknowledged reads that commit.
	for n := range 20 {
		rev, seen := update(t, one, customer(n%threads), fmt.Sprint("last-", n)), false
		for r, err := range two.States(t.Context()) {
			if err != nil {
				t.Fatal(err)
			}
			seen = seen || r.Thread == customer(n%threads) && r.Revision == rev
		}
		if !seen {
			t.Errorf("commit %d is not in the states read after it", rev)
		}
	}
	var events []*inboundv1.Event
	for n := range 300 {
		events = append(events, event(n%50, fmt.Sprint(n)))
	}
	if err := one.PublishInbound(t.Context(), events); err != nil {
		t.Fatal(err)
	}
	var seen tally
	background(t, func(ctx context.Context) error {
		return two.FollowInbound(ctx, "intake", func(_ context.Context, r bus.InboundRecord) error {
			seen.add(r.Thread, string(r.Event.GetRaw()))
			return nil
		})
	})
	await(t, "300 events", func() bool { return seen.n() == 300 })
	for n := range 50 {
		checkAscending(t, seen.of(customer(n)))
	}
	k := one.Bucket(subject.ConfigBucket)
	if err := k.Write(t.Context(), bus.Write{Key: "a", Value: []byte("1")}, bus.Write{Key: "b", Value: []byte("1")}); err != nil {
		t.Fatal(err)
	}
	if e, err := two.Bucket(subject.ConfigBucket).Get(t.Context(), "b"); err != nil || string(e.Value) != "1" {
		t.Errorf("the other process reads %+v, %v", e, err)
	}
}

// The processes of a new deployment start at the same time, and all of them want
// to say how many partitions it has. One is first, the others take its number.
func TestAllWhoStartTogetherAgree(t *testing.T) {
	t.Parallel() // it mostly waits
	if testing.Short() {
		t.Skip("a cluster takes some seconds to come up")
	}
	cluster := bustest.Cluster(t)
	const processes = 12
	opened, errs := make([]*bus.Bus, processes), make([]error, processes)
	var crowd sync.WaitGroup
	for n := range processes {
		crowd.Go(func() {
			opened[n], errs[n] = bus.Open(t.Context(), bus.Config{URL: cluster.URL, MonitorURL: cluster.Monitor, Partitions: 1, Replicas: 3,
				Instance: fmt.Sprint("process-", n)}, bus.Tools{})
		})
	}
	crowd.Wait()
	for n, b := range opened {
		if errs[n] != nil {
			t.Errorf("process %d: %v", n, errs[n])
			continue
		}
		if b.Partitions() != 1 {
			t.Errorf("process %d has %d partitions", n, b.Partitions())
		}
		if err := b.Close(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	}
}
