package distribution_test

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/parley-desk/parley/pkg/bus/bustest"
	"github.com/parley-desk/parley/pkg/directory"
	"github.com/parley-desk/parley/pkg/keyspace/keyspacetest"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
	distributionv1 "github.com/parley-desk/parley/proto/gen/parley/distribution/v1"
	"github.com/parley-desk/parley/services/distribution"
)

// TestWaitOutlivesRedisAndItsProcess is L53 over two processes: one of them and
// Redis are gone by the time the wait is over.
func TestWaitOutlivesRedisAndItsProcess(t *testing.T) {
	keyspacetest.Each(t, func(t *testing.T, rdb redis.UniversalClient) {
		broker := bustest.Broker(t)
		f := open(t, broker.Open(t, "desk"), rdb, 1)
		f.cfg = distribution.Config{Group: "test", Lease: 24 * time.Hour, Grace: time.Hour}
		f.dir = directory.Fixed(directory.NewSnapshot(
			&configv1.Queue{Meta: &configv1.Meta{Id: "front"}, Agents: []string{"mila"}, Wait: &configv1.WaitRule{Seconds: 3600,
				Action: configv1.OverflowAction_OVERFLOW_ACTION_TRANSFER, Queue: "back"}},
			&configv1.Queue{Meta: &configv1.Meta{Id: "back"}, Agents: []string{"orlin"}},
			&configv1.Agent{Meta: &configv1.Meta{Id: "mila"}, Capacity: 1},
			&configv1.Agent{Meta: &configv1.Meta{Id: "orlin"}, Capacity: 1},
		))
		var passed atomic.Int64
		f.now = func() time.Time { return time.Now().Add(time.Duration(passed.Load())) }
		stop := f.run(broker.Open(t, "one"), "one")
		f.run(broker.Open(t, "two"), "two")
		f.presence("orlin", available)
		who := f.arrive(1)
		f.inBook(who)
		f.room(1)
		f.must(rdb.FlushAll(t.Context()).Err())
		stop()
		f.inBook(who)
		f.room(1)
		if c := f.conversation(who); c.GetQueue() != "front" || c.GetOffer() != nil {
			t.Fatalf("in %q, offered to %q before its time", c.GetQueue(), c.GetOffer().GetAgent())
		}
		passed.Add(int64(time.Hour))
		if c := f.offered(who, nil); c.GetQueue() != "back" || c.GetOffer().GetAgent() != "orlin" {
			t.Errorf("offered to %q of %q, want orlin of back", c.GetOffer().GetAgent(), c.GetQueue())
		}
		f.room(0)
	})
}

// room asks over the bus how many wait in front, until so many do.
func (f *floor) room(waiting int32) {
	f.t.Helper()
	await(f.t, "the count of front", func() bool {
		resp := &distributionv1.PlaceResponse{}
		err := f.bus.Call(f.t.Context(), "distribution.place", &distributionv1.PlaceRequest{Page: "1", Psid: "2", Conversation: "c",
			Candidates: []*distributionv1.Candidate{{Queue: "front", Limit: 1}}}, resp)
		full := waiting > 0
		return err == nil && resp.GetWaiting()[0] == waiting && (resp.GetIndex() < 0) == full
	})
}
