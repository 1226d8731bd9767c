package distribution_test

import (
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/parley-desk/parley/pkg/bus/bustest"
	"github.com/parley-desk/parley/pkg/fault"
	"github.com/parley-desk/parley/pkg/keyspace"
	"github.com/parley-desk/parley/pkg/keyspace/keyspacetest"
	distributionv1 "github.com/parley-desk/parley/proto/gen/parley/distribution/v1"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
)

// TestRedisThatIsThereAndTakesNothingForgetsNobody has Redis follow a server that
// is not there, which is what a failover that went wrong leaves, or stand still,
// as on a host that swaps. Who asks is told to ask again, conversations go on, and
// whoever comes meanwhile is offered once it is itself again.
func TestRedisThatIsThereAndTakesNothingForgetsNobody(t *testing.T) {
	for name, state := range map[string]struct{ spoil, mend func(f *floor, pid int) error }{
		"it only reads": {
			func(f *floor, _ int) error { return f.rdb.SlaveOf(f.t.Context(), "127.0.0.1", "1").Err() },
			func(f *floor, _ int) error { return f.rdb.SlaveOf(f.t.Context(), "NO", "ONE").Err() },
		},
		"it stands still": {
			func(_ *floor, pid int) error { return syscall.Kill(pid, syscall.SIGSTOP) },
			func(_ *floor, pid int) error { return syscall.Kill(pid, syscall.SIGCONT) },
		},
	} {
		t.Run(name, func(t *testing.T) {
			broker := bustest.Broker(t)
			f := open(t, broker.Open(t, "desk"), impatient(t, keyspacetest.Server(t)), 1)
			pid := f.pid()
			f.run(broker.Open(t, "one"), "one")
			f.presence("mila", available)
			taken := f.arrive(1)
			f.answered(taken, f.offered(taken, nil), true)
			f.presence("orlin", available)

			f.must(state.spoil(f, pid))
			t.Cleanup(func() { _ = syscall.Kill(pid, syscall.SIGCONT) }) // a test that failed leaves nobody waiting for it
			err := f.call("distribution.presence", &distributionv1.SetPresenceRequest{Agent: "orlin",
				Presence: distributionv1.Presence_PRESENCE_BUSY}, &distributionv1.SetPresenceResponse{})
			if !fault.Is(err, fault.Unavailable) {
				t.Errorf("who sets a presence is answered %v, want unavailable", err)
			}
			late := f.arrive(2)
			if c := f.conversation(taken); c.GetPhase() != threadv1.Phase_PHASE_ACTIVE || c.GetAgent() != "mila" {
				t.Errorf("%v of %q, want active of mila", c.GetPhase(), c.GetAgent())
			}
			f.must(state.mend(f, pid))

			offered := f.offered(late, nil)
			if a := offered.GetOffer().GetAgent(); a != "orlin" {
				t.Errorf("offered to %s, who is full", a)
			}
			f.answered(late, offered, true)
			await(t, "nobody to have room", func() bool { return f.standing("mila").GetUsed() == 1 && f.standing("orlin").GetUsed() == 1 })
		})
	}
}

// impatient is a client that waits a second for an answer, not ten: less than who
// calls distribution waits for theirs, as it is in the product.
func impatient(t *testing.T, rdb redis.UniversalClient) redis.UniversalClient {
	t.Helper()
	rdb, closer, err := keyspace.Open(t.Context(), keyspace.Config{URL: "unix://" + rdb.(*redis.Client).Options().Addr, Patience: time.Second})
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	t.Cleanup(func() { _ = closer() }) // it ends with the server
	return rdb
}

// pid is the process of the Redis of the test.
func (f *floor) pid() int {
	f.t.Helper()
	said, err := f.rdb.Info(f.t.Context(), "server").Result()
	f.must(err)
	_, rest, _ := strings.Cut(said, "process_id:")
	line, _, _ := strings.Cut(rest, "\r\n")
	pid, err := strconv.Atoi(line)
	f.must(err)
	return pid
}
