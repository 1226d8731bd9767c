package offering_test

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/parley-desk/parley/pkg/bus"
	"github.com/parley-desk/parley/pkg/bus/bustest"
	"github.com/parley-desk/parley/pkg/directory"
	"github.com/parley-desk/parley/pkg/keyspace/keyspacetest"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
	"github.com/parley-desk/parley/proto/subject"
)

// timed is an office of mila and orlin whose clock a test sets on.
func timed(t *testing.T, rdb redis.UniversalClient) (o *office, pass func(time.Duration)) {
	t.Helper()
	began, passed := time.UnixMilli(1_800_000_000_000), &atomic.Int64{}
	o = &office{t: t, log: newThreads()}
	o.log.now = func() time.Time { return began.Add(time.Duration(passed.Load())) }
	o.furnish(rdb, directory.Fixed(directory.NewSnapshot(&configv1.Queue{Meta: &configv1.Meta{Id: "front"}, Agents: []string{"mila", "orlin"}},
		&configv1.Agent{Meta: &configv1.Meta{Id: "mila"}, Capacity: 2}, &configv1.Agent{Meta: &configv1.Meta{Id: "orlin"}, Capacity: 2})), bustest.Open(t))
	o.lead()
	o.available("mila", "orlin")
	return o, func(d time.Duration) {
		passed.Add(int64(d))
		o.must(o.Tick(t.Context()))
	}
}

// returns has a conversation of mila's come back, as its workstream has it (L28).
func (o *office) returns(n int, terms *threadv1.Terms) subject.Thread {
	o.t.Helper()
	who := customer(n)
	s := waiting(who, 0)
	s.Conversation.Terms, s.Conversation.Prefer, s.Conversation.QueuedMs = terms, "mila", o.log.now().UnixMilli()
	o.must(o.Follow(o.t.Context(), bus.Record{Thread: who, Revision: o.log.put(who, s), Commit: &threadv1.Commit{State: s}}))
	return who
}

// TestAffinityAgreesWithTheTemplate is L30: where a template has agents asked,
// affinity goes as far as the asking, and who declines a conversation or lets it
// lapse loses it to another; one that gives it forces the same agent. The time to
// answer is the template's (L91), not the workstream's.
func TestAffinityAgreesWithTheTemplate(t *testing.T) {
	keyspacetest.Each(t, func(t *testing.T, rdb redis.UniversalClient) {
		o, pass := timed(t, rdb)
		asks := func() *threadv1.Terms {
			return &threadv1.Terms{AffinitySeconds: -1, AutoAssign: true, Unknown: &threadv1.Approach{Template: "asks", Seconds: 20}}
		}
		declined := o.returns(1, asks())
		await(t, "the offer to mila", func() bool { return o.offer(declined).GetAgent() == "mila" })
		o.must(o.answer(declined, o.offer(declined)))
		pass(0)
		await(t, "the offer to another", func() bool { return o.offer(declined).GetAgent() == "orlin" })

		lapsed := o.returns(2, asks())
		await(t, "the offer to mila", func() bool { return o.offer(lapsed).GetAgent() == "mila" })
		o.show(lapsed)
		pass(20*time.Second - time.Millisecond)
		if got := o.offer(lapsed).GetAgent(); got != "mila" {
			t.Errorf("before its time is over it is offered to %q", got)
		}
		pass(time.Millisecond)
		await(t, "the offer to another", func() bool { return o.offer(lapsed).GetAgent() == "orlin" })

		o.available("mila") // whoever misses one is inactive
		given := o.returns(3, &threadv1.Terms{AffinitySeconds: -1, Unknown: &threadv1.Approach{Template: "gives", Seconds: 20, AutoAssign: true}})
		await(t, "it to be mila's without asking", func() bool {
			s, _ := o.log.read(given)
			return s.GetConversation().GetAgent() == "mila" && s.GetConversation().GetPhase() == threadv1.Phase_PHASE_ACTIVE
		})
	})
}
