package offering_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"

	"github.com/parley-desk/parley/pkg/bus"
	"github.com/parley-desk/parley/pkg/bus/bustest"
	"github.com/parley-desk/parley/pkg/directory"
	"github.com/parley-desk/parley/pkg/fault"
	"github.com/parley-desk/parley/pkg/keyspace/keyspacetest"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
	distributionv1 "github.com/parley-desk/parley/proto/gen/parley/distribution/v1"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
	"github.com/parley-desk/parley/proto/subject"
)

// The queues front, of mila and stoyan, and back, of orlin.
const (
	transfer = configv1.OverflowAction_OVERFLOW_ACTION_TRANSFER
	end      = configv1.OverflowAction_OVERFLOW_ACTION_END
)

func front(wait *configv1.WaitRule) *configv1.Queue {
	return &configv1.Queue{Meta: &configv1.Meta{Id: "front"}, Agents: []string{"mila", "stoyan"}, Wait: wait}
}

func back(agents ...string) *configv1.Queue {
	return &configv1.Queue{Meta: &configv1.Meta{Id: "back"}, Agents: agents}
}

func minute(action configv1.OverflowAction, to string) *configv1.WaitRule {
	return &configv1.WaitRule{Seconds: 60, Action: action, Queue: to}
}

// queues is an office of two queues whose configuration can be changed. Nobody
// is available yet, and time passes by pass alone.
type queues struct {
	*office
	passed *atomic.Int64 // ns
	rdb    redis.UniversalClient
	dir    *directory.Directory
	bus    *bus.Bus
}

func openQueues(t *testing.T, rdb redis.UniversalClient, wait *configv1.WaitRule) *queues {
	t.Helper()
	b := bustest.Open(t)
	began, passed := time.Now(), &atomic.Int64{}
	q := &queues{office: &office{t: t, log: newThreads()}, passed: passed, rdb: rdb, dir: directory.New(b), bus: b}
	q.log.now = func() time.Time { return began.Add(time.Duration(passed.Load())) }
	resources := []directory.Resource{front(wait), back("orlin")}
	for _, a := range []string{"mila", "stoyan", "orlin"} {
		resources = append(resources, &configv1.Agent{Meta: &configv1.Meta{Id: a}, Capacity: 3})
	}
	q.configure(resources...)
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { _ = q.dir.Run(ctx) })
	t.Cleanup(func() { cancel(); running.Wait() })
	q.furnish(rdb, q.dir, b)
	q.lead()
	return q
}

func (q *queues) configure(resources ...directory.Resource) {
	q.t.Helper()
	var writes []bus.Write
	for _, r := range resources {
		value, err := directory.Encode(r)
		q.must(err)
		writes = append(writes, bus.Write{Key: directory.Key(r), Value: value, Revision: bus.AnyRevision})
	}
	q.must(q.bus.Bucket(subject.ConfigBucket).Write(q.t.Context(), append(writes, bus.Write{Key: directory.Marker,
		Value: []byte("test"), Revision: bus.AnyRevision})...))
}

// enter queues a conversation now, for offers of ten minutes.
func (q *queues) enter(n int) subject.Thread {
	q.t.Helper()
	who := customer(n)
	s := waiting(who, 0)
	s.Conversation.OfferSeconds, s.Conversation.QueuedMs = 600, q.Now().UnixMilli()
	q.must(q.Follow(q.t.Context(), bus.Record{Thread: who, Revision: q.log.put(who, s), Commit: &threadv1.Commit{State: s}}))
	return who
}

func (q *queues) conversation(who subject.Thread) *threadv1.Conversation {
	s, _ := q.log.read(who)
	return s.GetConversation()
}

// pass lets time pass and carries out what is due then, and what that makes due.
func (q *queues) pass(d time.Duration) {
	q.t.Helper()
	q.passed.Add(int64(d))
	for range 3 {
		q.must(q.Tick(q.t.Context()))
	}
}

// in checks which queue the conversation is in.
func (q *queues) in(who subject.Thread, queue string) {
	q.t.Helper()
	if c := q.conversation(who); c.GetQueue() != queue || c.GetPhase() != threadv1.Phase_PHASE_OPEN {
		q.t.Fatalf("%v in %q, want open in %q", c.GetPhase(), c.GetQueue(), queue)
	}
}

func (q *queues) offeredTo(who subject.Thread, agent string) {
	q.t.Helper()
	await(q.t, "an offer to "+agent, func() bool { return q.offer(who).GetAgent() == agent })
}

func (q *queues) answer(who subject.Thread, accept bool) {
	q.t.Helper()
	o := q.offer(who)
	_, err := q.AnswerOffer(q.t.Context(), &distributionv1.AnswerOfferRequest{Page: who.Page, Psid: who.PSID,
		Conversation: q.conversation(who).GetId(), Agent: o.GetAgent(), Fence: o.GetFence(), Accept: accept})
	q.must(err)
}

// overflowed reads the metric.
func (q *queues) overflowed() map[string]float64 {
	q.t.Helper()
	out := map[string]float64{}
	families, err := q.registry.Gather()
	q.must(err)
	for _, f := range families {
		if f.GetName() != "parley_distribution_overflowed_total" {
			continue
		}
		for _, m := range f.GetMetric() {
			out[m.GetLabel()[0].GetValue()] = m.GetCounter().GetValue()
		}
	}
	return out
}

// TestWhoWaitsTooLongMovesOn is L53: to the other queue, and to its agent.
func TestWhoWaitsTooLongMovesOn(t *testing.T) {
	keyspacetest.Each(t, func(t *testing.T, rdb redis.UniversalClient) {
		q := openQueues(t, rdb, minute(transfer, "back"))
		q.available("orlin")
		who := q.enter(1)
		q.pass(time.Minute - time.Millisecond)
		q.in(who, "front")
		q.pass(time.Millisecond)
		q.in(who, "back")
		if c := q.conversation(who); c.GetRoutedBy() != "overflow: waited 1m0s in front" {
			t.Errorf("routed by %q", c.GetRoutedBy())
		}
		q.offeredTo(who, "orlin")
		if d := cmp.Diff(map[string]float64{"transferred": 1}, q.overflowed()); d != "" {
			t.Error(d)
		}
	})
}

// TestWhoWaitsTooLongEnds is L53 and L54.
func TestWhoWaitsTooLongEnds(t *testing.T) {
	q := openQueues(t, keyspacetest.Embedded(t), minute(end, ""))
	who := q.enter(1)
	q.pass(61 * time.Second)
	if c := q.conversation(who); c.GetPhase() != threadv1.Phase_PHASE_CLOSED || c.GetClosedBy() != threadv1.Cause_CAUSE_OVERFLOWED {
		t.Fatalf("%v by %v, want closed by overflow", c.GetPhase(), c.GetClosedBy())
	}
	if d := cmp.Diff(map[string]float64{"ended": 1}, q.overflowed()); d != "" {
		t.Error(d)
	}
}

// TestWaitThatEndsDuringAnOfferCountsAfterIt has a wait end while an agent
// thinks about an offer: it is the agent's until the answer, and nobody else of
// the queue is asked any more.
func TestWaitThatEndsDuringAnOfferCountsAfterIt(t *testing.T) {
	for name, ticks := range map[string]bool{"noticed": true, "not noticed": false} {
		t.Run(name, func(t *testing.T) {
			q := openQueues(t, keyspacetest.Embedded(t), minute(transfer, "back"))
			q.available("mila")
			rejected, accepted := q.enter(1), q.enter(2)
			q.offeredTo(rejected, "mila")
			q.offeredTo(accepted, "mila")
			q.show(rejected)
			q.show(accepted)
			q.available("stoyan")
			q.passed.Add(int64(61 * time.Second))
			if ticks {
				q.pass(0)
			}
			q.answer(accepted, true)
			q.answer(rejected, false)
			q.pass(0)
			q.in(rejected, "back")
			if o := q.offer(rejected); o != nil {
				t.Errorf("offered to %s after its time", o.GetAgent())
			}
			if c := q.conversation(accepted); c.GetPhase() != threadv1.Phase_PHASE_ACTIVE || c.GetAgent() != "mila" {
				t.Errorf("%v of %q, want active of mila", c.GetPhase(), c.GetAgent())
			}
		})
	}
}

// TestWaitOutlivesRedis has nothing but the log know since when one waits.
func TestWaitOutlivesRedis(t *testing.T) {
	keyspacetest.Each(t, func(t *testing.T, rdb redis.UniversalClient) {
		q := openQueues(t, rdb, minute(transfer, "back"))
		who := q.enter(1)
		q.pass(30 * time.Second)
		q.must(rdb.FlushAll(t.Context()).Err())
		await(t, "the book to be loaded again", func() bool { return q.Ready(t.Context()) == nil })
		q.pass(29 * time.Second)
		q.in(who, "front")
		q.pass(2 * time.Second)
		q.in(who, "back")
	})
}

// TestTwoProcessesMoveEachOnce has two processes find the same waits over.
func TestTwoProcessesMoveEachOnce(t *testing.T) {
	q := openQueues(t, keyspacetest.Embedded(t), minute(transfer, "back"))
	other := &office{t: t, log: q.log}
	other.furnish(q.rdb, q.dir, q.bus)
	const customers = 150 // more than one step takes
	for n := range customers {
		q.enter(n)
	}
	q.passed.Add(int64(61 * time.Second))
	var ticking sync.WaitGroup
	for _, d := range []*office{q.office, other} {
		ticking.Go(func() {
			for range 4 {
				if err := d.Tick(t.Context()); err != nil {
					t.Errorf("tick: %v", err)
				}
			}
		})
	}
	ticking.Wait()
	for n := range customers {
		q.in(customer(n), "back")
	}
	if q.log.last != 2*customers {
		t.Errorf("%d commits, want %d", q.log.last, 2*customers)
	}
}

// TestNobodyIsSentWhereNobodyIs is better than L46: a conversation that cannot
// go to its target stays, is offered to whoever comes, and goes when it can.
func TestNobodyIsSentWhereNobodyIs(t *testing.T) {
	for name, lack := range map[string]*configv1.WaitRule{
		"no agents": minute(transfer, "back"), "no queue": minute(transfer, "gone"), "itself": minute(transfer, "front"), "closed": minute(transfer, "closed")} {
		t.Run(name, func(t *testing.T) {
			q := openQueues(t, keyspacetest.Embedded(t), lack)
			closed := back("orlin")
			closed.Meta.Id, closed.Schedule = "closed", "never"
			q.configure(back(), front(lack), closed, &configv1.Schedule{Meta: &configv1.Meta{Id: "never"}, TimeZone: "Europe/Sofia"})
			await(t, "back to have no agents", func() bool { return len(q.dir.Now().Queues["back"].GetAgents()) == 0 })
			stays, goes := q.enter(1), q.enter(2)
			refused := func(want float64) {
				t.Helper()
				if got := q.overflowed()["refused"]; got != want {
					t.Errorf("refused %v times, want %v", got, want)
				}
			}
			q.pass(61 * time.Second)
			refused(2)
			q.pass(9 * time.Second)
			refused(2)
			q.pass(time.Second)
			refused(4)
			q.pass(19 * time.Second)
			refused(4)
			q.in(stays, "front")
			q.in(goes, "front")
			q.available("mila")
			q.offeredTo(stays, "mila")
			q.offeredTo(goes, "mila")
			q.answer(stays, true)
			q.answer(goes, false)
			q.configure(back("orlin"), front(minute(transfer, "back")))
			await(t, "back to have an agent", func() bool { return len(q.dir.Now().Queues["back"].GetAgents()) == 1 })
			q.pass(5 * time.Minute)
			if c := q.conversation(goes); c.GetOffer() != nil { // mila was asked again
				q.answer(goes, false)
				q.pass(0)
			}
			q.in(goes, "back")
			if c := q.conversation(stays); c.GetAgent() != "mila" {
				t.Errorf("%v of %q, want active of mila", c.GetPhase(), c.GetAgent())
			}
		})
	}
}

// TestRuleInForceDecides has a process know a newer rule than the book.
func TestRuleInForceDecides(t *testing.T) {
	q := openQueues(t, keyspacetest.Embedded(t), minute(end, ""))
	longer := minute(transfer, "back")
	longer.Seconds = 120
	ahead := &office{t: t, log: q.log}
	ahead.furnish(q.rdb, directory.Fixed(directory.NewSnapshot(front(longer), back("orlin"),
		&configv1.Agent{Meta: &configv1.Meta{Id: "orlin"}})), q.bus)
	q.Distributor = ahead.Distributor
	who := q.enter(1)
	q.pass(61 * time.Second)
	q.in(who, "front")
	q.pass(57 * time.Second)
	q.in(who, "front")
	q.pass(3 * time.Second)
	q.in(who, "back")
}

func TestPlaceRefusesWhatItCannotRead(t *testing.T) {
	q := openQueues(t, keyspacetest.Embedded(t), nil)
	good := func() *distributionv1.PlaceRequest {
		return &distributionv1.PlaceRequest{Page: "1", Psid: "2", Conversation: "c",
			Candidates: []*distributionv1.Candidate{{Queue: "front", Limit: 1}, {Queue: "back"}}}
	}
	resp, err := q.Place(t.Context(), good())
	q.must(err)
	if resp.GetIndex() != 0 || !slices.Equal(resp.GetWaiting(), []int32{0, 0}) {
		t.Fatalf("got %v, want the first of two empty queues", resp)
	}
	for reason, spoil := range map[string]func(*distributionv1.PlaceRequest){
		"CONVERSATION_EMPTY": func(r *distributionv1.PlaceRequest) { r.Psid = "" },
		"CANDIDATES_COUNT":   func(r *distributionv1.PlaceRequest) { r.Candidates = nil },
		"CANDIDATE_INVALID":  func(r *distributionv1.PlaceRequest) { r.Candidates[1].Limit = -1 },
	} {
		req := good()
		spoil(req)
		if _, err := q.Place(t.Context(), req); !fault.Is(err, fault.Invalid) || reasonOf(err) != reason {
			t.Errorf("got %v, want %s", err, reason)
		}
	}
}

// TestPlaceDoesNotWaitForTheBook is how routing goes on without a count.
func TestPlaceDoesNotWaitForTheBook(t *testing.T) {
	o := &office{t: t, log: newThreads()}
	o.furnish(keyspacetest.Embedded(t), directory.Fixed(directory.NewSnapshot()), bustest.Open(t))
	_, err := o.Place(t.Context(), &distributionv1.PlaceRequest{Page: "1", Psid: "2", Conversation: "c",
		Candidates: []*distributionv1.Candidate{{Queue: "front", Limit: 1}}})
	if reasonOf(err) != "REBUILDING" {
		t.Fatalf("got %v, want that the book is being loaded", err)
	}
}

func reasonOf(err error) string {
	if f, ok := errors.AsType[*fault.Error](err); ok {
		return f.Reason
	}
	return ""
}
