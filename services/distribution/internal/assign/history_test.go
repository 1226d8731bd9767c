package assign_test

import (
	"context"
	"errors"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/parley-desk/parley/pkg/fault"
	"github.com/parley-desk/parley/pkg/keyspace/keyspacetest"
	"github.com/parley-desk/parley/services/distribution/internal/assign"
)

// A server that was killed comes back with what it had kept; one that is
// promoted has what its master had told it. Both may be older than the book
// their clients knew, and neither says so.
func TestBookOfAnotherHistoryAnswersNothing(t *testing.T) {
	for name, lapse := range map[string]func(t *testing.T, rdb redis.UniversalClient, restart func()){
		"restarted": func(_ *testing.T, _ redis.UniversalClient, restart func()) { restart() },
		"promoted":  func(t *testing.T, rdb redis.UniversalClient, _ func()) { promote(t.Context(), t, rdb) },
	} {
		t.Run(name, func(t *testing.T) {
			rdb, restart := keyspacetest.Restartable(t)
			d := open(t, rdb)
			d.signIn("ana")
			i, _ := d.queued("1.a")
			d.must(rdb.Save(t.Context()).Err())
			lapse(t, rdb, restart)
			for what, step := range map[string]func() error{
				"apply":     func() error { _, err := d.book.Apply(t.Context(), d.now, i); return err },
				"tick":      func() error { _, err := d.book.Tick(t.Context(), d.now, 1); return err },
				"heartbeat": func() error { _, err := d.book.Heartbeat(t.Context(), d.now, nil); return err },
			} {
				if err := step(); !errors.Is(err, assign.ErrEpoch) {
					t.Errorf("%s: got %v, want %v", what, err, assign.ErrEpoch)
				}
			}
			if status, err := d.book.Status(t.Context()); err != nil || status.Epoch != 0 {
				t.Errorf("status %+v, %v; want no generation", status, err)
			}
		})
	}
}

// TestLoadThatOutlivesItsServerIsRefused has the server come back, in the
// middle of a load, with the mark of the load and a part of it.
func TestLoadThatOutlivesItsServerIsRefused(t *testing.T) {
	rdb, restart := keyspacetest.Restartable(t)
	d := open(t, rdb)
	d.must(rdb.FlushAll(t.Context()).Err())
	w := assign.World{Items: func(yield func(assign.Item, error) bool) {
		d.must(rdb.Save(t.Context()).Err())
		restart()
		yield(assign.Item{Key: "1.a", Revision: 1, Conversation: "c", Phase: assign.Waiting, Queue: "front", Class: plain(1)}, nil)
	}}
	if _, err := d.book.Rebuild(t.Context(), d.now, w); !errors.Is(err, assign.ErrEpoch) {
		t.Fatalf("got %v, want %v", err, assign.ErrEpoch)
	}
}

// TestServerThatHidesItsHistoryIsNotBelieved takes INFO from the user.
func TestServerThatHidesItsHistoryIsNotBelieved(t *testing.T) {
	rdb := keyspacetest.Server(t)
	d := open(t, rdb)
	d.must(rdb.Do(t.Context(), "ACL", "SETUSER", "default", "-info").Err())
	if _, err := d.book.Status(t.Context()); !fault.Is(err, fault.Unavailable) {
		t.Errorf("got %v, want unavailable", err)
	}
}

// promote has a redis-server follow a master that is not there and then lead
// again: what a fail-over does to a replica.
func promote(ctx context.Context, t fataler, rdb redis.UniversalClient) {
	for _, master := range [][2]string{{"127.0.0.1", "1"}, {"NO", "ONE"}} {
		if err := rdb.SlaveOf(ctx, master[0], master[1]).Err(); err != nil {
			t.Fatalf("promote: %v", err)
		}
	}
}

// fataler is what a test and a run of the model have in common.
type fataler interface{ Fatalf(string, ...any) }
