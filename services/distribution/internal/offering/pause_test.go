package offering_test

import (
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/parley-desk/parley/pkg/bus"
	"github.com/parley-desk/parley/pkg/fault"
	"github.com/parley-desk/parley/pkg/keyspace/keyspacetest"
	distributionv1 "github.com/parley-desk/parley/proto/gen/parley/distribution/v1"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
)

// TestAPausedQueue: nothing is offered of what waits in it, people are told why,
// Redis may be emptied meanwhile, and then it goes on.
func TestAPausedQueue(t *testing.T) {
	keyspacetest.Each(t, func(t *testing.T, rdb redis.UniversalClient) {
		o := open(t, rdb, 3, "mila")
		pause := func(pause bool, by string) *distributionv1.PauseQueueResponse {
			t.Helper()
			got, err := o.PauseQueue(t.Context(), &distributionv1.PauseQueueRequest{Queue: "front", Pause: pause, By: by})
			o.must(err)
			return got
		}
		first := pause(true, "sonya")
		if again := pause(true, "petar"); first.GetBy() != "sonya" || first.GetSinceMs() == 0 || again.GetBy() != "sonya" || again.GetSinceMs() != first.GetSinceMs() {
			t.Errorf("paused by %v, and once more by %v", first, again)
		}
		who := customer(1)
		s := waiting(who, 0)
		o.must(o.Follow(t.Context(), bus.Record{Thread: who, Revision: o.log.put(who, s), Commit: &threadv1.Commit{State: s}}))
		told := func() {
			t.Helper()
			why, err := o.Why(t.Context(), &distributionv1.WhyRequest{Page: who.Page, Psid: who.PSID})
			o.must(err)
			if why.GetStanding() != "waiting" || why.GetPausedBy() != "sonya" || why.GetPausedSinceMs() != first.GetSinceMs() || why.GetReady() != 1 {
				t.Errorf("it waits, as is told, because of %v", why)
			}
			figures, err := o.Figures(t.Context(), &distributionv1.QueueFiguresRequest{Queues: []string{"front"}})
			o.must(err)
			if f := figures.GetQueues()[0]; f.GetWaiting() != 1 || f.GetPausedBy() != "sonya" {
				t.Errorf("the queue is told to be %v", f)
			}
		}
		told()
		o.must(rdb.FlushAll(t.Context()).Err())
		await(t, "the book to be loaded again", func() bool { return o.Ready(t.Context()) == nil })
		o.must(o.Tick(t.Context()))
		told()
		if o.offer(who) != nil {
			t.Error("it is offered")
		}
		if got := pause(false, "sonya"); got.GetBy() != "" {
			t.Errorf("it goes on, and is told to be paused by %v", got)
		}
		o.must(o.Tick(t.Context()))
		await(t, "an offer", func() bool { return o.offer(who).GetAgent() == "mila" })
		_, err := o.PauseQueue(t.Context(), &distributionv1.PauseQueueRequest{Queue: "nowhere", Pause: true, By: "sonya"})
		if !fault.Is(err, fault.NotFound) {
			t.Errorf("a queue that is not there: %v", err)
		}
	})
}
