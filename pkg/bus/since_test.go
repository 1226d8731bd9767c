package bus_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/parley-desk/parley/pkg/bus"
	"github.com/parley-desk/parley/pkg/bus/bustest"
)

// TestFollowingSinceATime gives what was stored since, and goes on with what comes,
// through a restart of the broker; nothing twice and nothing that was before.
func TestFollowingSinceATime(t *testing.T) {
	broker := bustest.Broker(t)
	b := broker.Open(t, "one")
	for n := range 20 {
		update(t, b, customer(0), fmt.Sprint(n))
	}
	stored := history(t, b, customer(0), 0)
	since := stored[12].Stored
	var seen tally
	background(t, func(ctx context.Context) error {
		return b.FollowSince(ctx, since, func(r bus.Record) { seen.add(r.Thread, mids(r.Commit)...) })
	})
	await(t, "what was stored since", func() bool { return seen.n() == 8 })
	for n := range 5 {
		update(t, b, customer(n%2), fmt.Sprint(20+n))
	}
	await(t, "what came after", func() bool { return seen.n() == 13 })
	broker.Restart(t)
	for n := range 5 {
		update(t, b, customer(n%2), fmt.Sprint(25+n))
	}
	await(t, "what came after a restart", func() bool { return seen.n() == 18 })
	for n := range 2 {
		checkAscending(t, seen.of(customer(n)))
	}
}

// TestACommitSaysThatItIsOvertaken by one that this process knows: its own, or one it
// was handed. The last of a thread never is.
func TestACommitSaysThatItIsOvertaken(t *testing.T) {
	b := bustest.Broker(t).Open(t, "one")
	for n := range 3 {
		update(t, b, customer(0), fmt.Sprint(n))
	}
	told := make(chan bool, 3)
	background(t, func(ctx context.Context) error {
		return b.FollowThreads(ctx, "stage", func(_ context.Context, r bus.Record) error { told <- r.Overtaken; return nil })
	})
	for n, overtaken := range []bool{true, true, false} {
		if got := <-told; got != overtaken {
			t.Errorf("commit %d is overtaken: %v", n, got)
		}
	}
}
