package distribution_test

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"
	"google.golang.org/protobuf/proto"

	"github.com/parley-desk/parley/pkg/bus"
	"github.com/parley-desk/parley/pkg/bus/bustest"
	"github.com/parley-desk/parley/pkg/directory"
	"github.com/parley-desk/parley/pkg/fault"
	"github.com/parley-desk/parley/pkg/host"
	"github.com/parley-desk/parley/pkg/keyspace/keyspacetest"
	"github.com/parley-desk/parley/pkg/thread"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
	distributionv1 "github.com/parley-desk/parley/proto/gen/parley/distribution/v1"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
	"github.com/parley-desk/parley/proto/subject"
	"github.com/parley-desk/parley/services/distribution"
)

// floor is a contact centre with agents mila and orlin in one queue.
type floor struct {
	t        *testing.T
	bus      *bus.Bus
	rdb      redis.UniversalClient
	capacity int32
	cfg      distribution.Config
	dir      *directory.Directory // nil: of one queue
	now      func() time.Time
}

func open(t *testing.T, b *bus.Bus, rdb redis.UniversalClient, capacity int32) *floor {
	t.Helper()
	f := &floor{t: t, bus: b, rdb: rdb, capacity: capacity, now: time.Now,
		cfg: distribution.Config{Group: "test", Lease: time.Hour, Grace: time.Hour, Missed: true}} // no desk beats here
	return f
}

func (f *floor) directory() *directory.Directory {
	if f.dir != nil {
		return f.dir
	}
	return directory.Fixed(directory.NewSnapshot(
		&configv1.Queue{Meta: &configv1.Meta{Id: "front"}, Agents: []string{"mila", "orlin"}},
		&configv1.Agent{Meta: &configv1.Meta{Id: "mila"}, Capacity: f.capacity},
		&configv1.Agent{Meta: &configv1.Meta{Id: "orlin"}, Capacity: f.capacity},
		&configv1.Page{Meta: &configv1.Meta{Id: "shop"}, PageId: customer(0).Page, Workstream: "facebook"},
		&configv1.Workstream{Meta: &configv1.Meta{Id: "facebook"}, Queue: "front", Units: 1, OfferSeconds: 60, MessageTag: true},
	))
}

// byHand has the clock of the processes stand still but for what passes by pass: how
// long the test takes runs no offer out.
func (f *floor) byHand() (pass func(time.Duration)) {
	began, passed := time.Now(), new(atomic.Int64)
	f.now = func() time.Time { return began.Add(time.Duration(passed.Load())) }
	return func(d time.Duration) { passed.Add(int64(d)) }
}

// run starts a distribution process; stop ends it.
func (f *floor) run(b *bus.Bus, name string) (stop func()) {
	f.t.Helper()
	svc, err := distribution.New(f.cfg, host.Deps{Log: slog.New(slog.DiscardHandler), Instance: name, Bus: b, Redis: f.rdb,
		Directory: f.directory(), Registry: prometheus.NewRegistry(), Health: &host.Health{}, Now: f.now})
	if err != nil {
		f.t.Fatalf("new: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- svc.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			f.t.Errorf("run %s: %v", name, err)
		}
	})
	f.t.Cleanup(stop)
	return stop
}

func await(t *testing.T, what string, done func() bool) {
	t.Helper()
	deadline := time.After(time.Minute)
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !done() {
		select {
		case <-deadline:
			t.Fatalf("waited in vain: %s", what)
		case <-tick.C:
		}
	}
}

// call asks distribution once, and waits for longer than anybody does in the product,
// who asks again: a busy machine is no answer.
func (f *floor) call(method string, ask, answer proto.Message) error {
	ctx, cancel := context.WithTimeout(f.t.Context(), time.Minute)
	defer cancel()
	return f.bus.Call(ctx, method, ask, answer)
}

// presence sets a presence, as often as needed until the service is up.
func (f *floor) presence(agent string, p distributionv1.Presence) {
	f.t.Helper()
	var err error
	await(f.t, "presence of "+agent, func() bool {
		err = f.bus.Call(f.t.Context(), "distribution.presence", &distributionv1.SetPresenceRequest{Agent: agent, Presence: p},
			&distributionv1.SetPresenceResponse{})
		return err == nil
	})
}

func (f *floor) standing(agent string) *distributionv1.AgentStanding {
	f.t.Helper()
	resp := &distributionv1.HeartbeatResponse{}
	err := f.call("distribution.heartbeat", &distributionv1.HeartbeatRequest{Agents: []string{agent}}, resp)
	if err != nil || len(resp.GetStandings()) != 1 {
		return &distributionv1.AgentStanding{}
	}
	return resp.GetStandings()[0]
}

func customer(n int) subject.Thread {
	return subject.Thread{Page: "1020304050607080", PSID: fmt.Sprintf("7%06d", n)}
}

// arrive opens and routes a conversation.
func (f *floor) arrive(n int) subject.Thread {
	f.t.Helper()
	who := customer(n)
	_, _, err := f.bus.Update(f.t.Context(), who, func(*threadv1.State, uint64) ([]*threadv1.Fact, error) {
		return []*threadv1.Fact{
			thread.Of(&threadv1.ConversationOpened{Id: fmt.Sprint("conversation-", n), Units: 1, OfferSeconds: 60}),
			thread.Of(&threadv1.ConversationRouted{Queue: "front"}),
		}, nil
	})
	if err != nil {
		f.t.Fatalf("open a conversation: %v", err)
	}
	return who
}

func (f *floor) conversation(who subject.Thread) *threadv1.Conversation {
	f.t.Helper()
	s, _, err := f.bus.Load(f.t.Context(), who)
	if err != nil {
		f.t.Fatalf("load: %v", err)
	}
	return s.GetConversation()
}

// offered waits for an offer and gives the conversation with it.
func (f *floor) offered(who subject.Thread, differs func(*threadv1.Offer) bool) *threadv1.Conversation {
	f.t.Helper()
	var c *threadv1.Conversation
	await(f.t, "an offer", func() bool {
		c = f.conversation(who)
		return c.GetOffer() != nil && (differs == nil || differs(c.GetOffer()))
	})
	return c
}

func reply(who subject.Thread, c *threadv1.Conversation, accept bool) *distributionv1.AnswerOfferRequest {
	return &distributionv1.AnswerOfferRequest{Page: who.Page, Psid: who.PSID, Conversation: c.GetId(), Agent: c.GetOffer().GetAgent(),
		Fence: c.GetOffer().GetFence(), Accept: accept}
}

// answer answers an offer once, as one of many who do.
func (f *floor) answer(who subject.Thread, c *threadv1.Conversation, accept bool) error {
	return f.bus.Call(f.t.Context(), "distribution.answer", reply(who, c, accept), &distributionv1.AnswerOfferResponse{})
}

// answered answers an offer that stands, again when distribution says that it cannot
// now.
func (f *floor) answered(who subject.Thread, c *threadv1.Conversation, accept bool) {
	f.t.Helper()
	var err error
	await(f.t, "the answer to be taken", func() bool {
		err = f.call("distribution.answer", reply(who, c, accept), &distributionv1.AnswerOfferResponse{})
		return !fault.Is(err, fault.Unavailable)
	})
	f.must(err)
}

func (f *floor) must(err error) {
	f.t.Helper()
	if err != nil {
		f.t.Fatal(err)
	}
}

const available = distributionv1.Presence_PRESENCE_AVAILABLE

func TestOfferIsMadeAndAccepted(t *testing.T) {
	keyspacetest.Each(t, func(t *testing.T, rdb redis.UniversalClient) {
		f := open(t, bustest.Open(t), rdb, 2)
		f.run(f.bus, "one")
		f.presence("mila", available)

		who := f.arrive(1)
		c := f.offered(who, nil)
		f.answered(who, c, true)
		f.answered(who, c, true) // a repeat is harmless
		if c := f.conversation(who); c.GetPhase() != threadv1.Phase_PHASE_ACTIVE || c.GetAgent() != "mila" {
			t.Fatalf("got %v of %q, want active of mila", c.GetPhase(), c.GetAgent())
		}
		if s := f.standing("mila"); s.GetUsed() != 1 || s.GetCapacity() != 2 {
			t.Fatalf("standing %v, want 1 of 2 used", s)
		}
		f.must(f.closeIt(who))
		await(t, "the unit to be free", func() bool { return f.standing("mila").GetUsed() == 0 })
	})
}

// closeIt ends and closes a conversation.
func (f *floor) closeIt(who subject.Thread) error {
	_, _, err := f.bus.Update(f.t.Context(), who, func(s *threadv1.State, _ uint64) ([]*threadv1.Fact, error) {
		c := s.GetConversation()
		if c.GetPhase() != threadv1.Phase_PHASE_ACTIVE {
			return nil, nil
		}
		return []*threadv1.Fact{
			thread.Of(&threadv1.ConversationEnded{Agent: c.GetAgent()}),
			thread.Of(&threadv1.ConversationClosed{Cause: threadv1.Cause_CAUSE_WRAPPED_UP, By: c.GetAgent()}),
		}, nil
	})
	return err
}

func TestRejectedOfferGoesToTheOther(t *testing.T) {
	f := open(t, bustest.Open(t), keyspacetest.Embedded(t), 2)
	f.run(f.bus, "one")
	f.presence("mila", available)
	f.presence("orlin", available)
	who := f.arrive(1)
	first := f.offered(who, nil)
	f.answered(who, first, false)
	second := f.offered(who, func(o *threadv1.Offer) bool { return o.GetFence() != first.GetOffer().GetFence() })
	if first.GetOffer().GetAgent() == second.GetOffer().GetAgent() {
		t.Fatalf("offered to %q twice while another was free", first.GetOffer().GetAgent())
	}
	if err := f.answer(who, first, true); err == nil {
		t.Fatal("an offer that was rejected could be accepted")
	}
}

func TestMissedOfferGoesToTheNextAndTheAgentIsInactive(t *testing.T) {
	f := open(t, bustest.Open(t), keyspacetest.Embedded(t), 2)
	pass := f.byHand()
	f.run(f.bus, "one")
	f.presence("mila", available)
	f.presence("orlin", available)
	who := f.arrive(1)
	first := f.offered(who, nil)
	f.show(who, first.GetOffer())
	pass(61 * time.Second)
	second := f.offered(who, func(o *threadv1.Offer) bool { return o.GetFence() != first.GetOffer().GetFence() })
	missed := first.GetOffer().GetAgent()
	if missed == second.GetOffer().GetAgent() {
		t.Fatalf("offered to %q again", missed)
	}
	if s := f.standing(missed); s.GetPresence() != distributionv1.Presence_PRESENCE_INACTIVE || s.GetUsed() != 0 {
		t.Fatalf("standing %v, want inactive without load", s)
	}
}

// TestOfferThatNoDeskShowsIsNoDecline is L93: the agent whose desk did not show
// an offer is asked last, and stays as ready as before.
func TestOfferThatNoDeskShowsIsNoDecline(t *testing.T) {
	f := open(t, bustest.Open(t), keyspacetest.Embedded(t), 2)
	pass := f.byHand()
	f.run(f.bus, "one")
	f.presence("mila", available)
	f.presence("orlin", available)
	who := f.arrive(1)
	first := f.offered(who, nil)
	pass(11 * time.Second)
	second := f.offered(who, func(o *threadv1.Offer) bool { return o.GetFence() != first.GetOffer().GetFence() })
	unseen := first.GetOffer().GetAgent()
	if unseen == second.GetOffer().GetAgent() {
		t.Fatalf("offered to %q again", unseen)
	}
	if s := f.standing(unseen); s.GetPresence() != available || s.GetUsed() != 0 {
		t.Fatalf("standing %v, want available without load", s)
	}
	f.show(who, second.GetOffer())
	f.answered(who, second, true)
	if s := f.standing(second.GetOffer().GetAgent()); s.GetPresence() != distributionv1.Presence_PRESENCE_BUSY ||
		s.GetSource() != distributionv1.Source_SOURCE_LOAD {
		t.Errorf("standing %v, want busy by load", s)
	}
}

// show has the desk of the agent show an offer.
func (f *floor) show(who subject.Thread, o *threadv1.Offer) {
	f.t.Helper()
	resp := &distributionv1.ShownResponse{}
	f.must(f.call("distribution.shown", &distributionv1.ShownRequest{Page: who.Page, Psid: who.PSID,
		Agent: o.GetAgent(), Fence: o.GetFence()}, resp))
	if resp.GetUntilMs() == 0 {
		f.t.Fatal("the offer is gone")
	}
}

func TestSilentDeskLosesOffersThenConversations(t *testing.T) {
	f := open(t, bustest.Open(t), keyspacetest.Embedded(t), 2)
	f.cfg.Lease, f.cfg.Grace = 20*time.Second, 150*time.Second
	pass := f.byHand()
	f.run(f.bus, "one")
	f.presence("mila", available)
	held := f.arrive(1)
	f.answered(held, f.offered(held, nil), true)
	offered := f.arrive(2)
	offer := f.offered(offered, nil).GetOffer()
	f.show(offered, offer) // it would last for a minute

	pass(f.cfg.Lease + time.Second)
	await(t, "the offer to be revoked", func() bool {
		return f.conversation(offered).GetOffer().GetFence() != offer.GetFence()
	})
	if c := f.conversation(held); c.GetAgent() != "mila" {
		t.Fatalf("the conversation is %q's before the grace is over, want mila's", c.GetAgent())
	}
	pass(f.cfg.Grace)
	await(t, "the conversation to go back", func() bool {
		return f.conversation(held).GetPhase() == threadv1.Phase_PHASE_OPEN
	})
	f.presence("orlin", available)
	if c := f.offered(held, nil); c.GetOffer().GetAgent() != "orlin" {
		t.Fatalf("offered to %q, want orlin", c.GetOffer().GetAgent())
	}
}

// L68; and S33: what is opened again has the human-agent tag as it is set now.
func TestResumeTakesCapacityBeyondTheLimit(t *testing.T) {
	f := open(t, bustest.Open(t), keyspacetest.Embedded(t), 1)
	f.run(f.bus, "one")
	f.presence("mila", available)
	aside := f.arrive(1)
	f.answered(aside, f.offered(aside, nil), true)
	_, _, err := f.bus.Update(t.Context(), aside, func(s *threadv1.State, _ uint64) ([]*threadv1.Fact, error) {
		return thread.Park(s, s.GetConversation().GetId(), "mila")
	})
	f.must(err)
	other := f.arrive(2)
	f.answered(other, f.offered(other, nil), true)
	resume := &distributionv1.ResumeRequest{Page: aside.Page, Psid: aside.PSID, Conversation: "conversation-1", Agent: "mila"}
	for range 2 { // a repeat is harmless
		f.must(f.call("distribution.resume", resume, &distributionv1.ResumeResponse{}))
	}
	if s := f.standing("mila"); s.GetUsed() != 2 {
		t.Fatalf("standing %v, want 2 used", s)
	}
	if !f.conversation(aside).GetMessageTag() || f.conversation(other).GetMessageTag() {
		t.Error("the tag is not that of the opening")
	}
	third := f.arrive(3)
	f.must(f.closeIt(other))
	await(t, "one to be closed", func() bool { return f.standing("mila").GetUsed() == 1 })
	if c := f.conversation(third); c.GetOffer() != nil {
		t.Fatal("an offer was made to a full agent")
	}
}

// TestPresencesOutliveRedisAndEveryProcess has nothing left that knew who was
// ready but the memory on the bus.
func TestPresencesOutliveRedisAndEveryProcess(t *testing.T) {
	keyspacetest.Each(t, func(t *testing.T, rdb redis.UniversalClient) {
		broker := bustest.Broker(t)
		f := open(t, broker.Open(t, "desk"), rdb, 1)
		stop := f.run(broker.Open(t, "one"), "one")
		f.presence("mila", distributionv1.Presence_PRESENCE_OFFLINE)
		f.presence("orlin", distributionv1.Presence_PRESENCE_BUSY)
		f.presence("orlin", available)
		stop()
		f.must(rdb.FlushAll(t.Context()).Err())
		f.run(broker.Open(t, "two"), "two")
		if a := f.offered(f.arrive(1), nil).GetOffer().GetAgent(); a != "orlin" {
			t.Errorf("offered to %s, who is offline", a)
		}
		if p := f.standing("orlin").GetPresence(); p != available {
			t.Errorf("orlin is %v, want available", p)
		}
	})
}

// TestNothingIsLostOrDoubled drives many conversations through two processes
// while Redis is emptied and a process dies, and checks the log.
func TestNothingIsLostOrDoubled(t *testing.T) {
	keyspacetest.Each(t, func(t *testing.T, rdb redis.UniversalClient) {
		broker := bustest.Broker(t)
		f := open(t, broker.Open(t, "desk"), rdb, 2)
		stop := f.run(broker.Open(t, "one"), "one")
		f.run(broker.Open(t, "two"), "two")
		f.presence("mila", available)
		f.presence("orlin", available)

		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		log := follow(ctx, t, f)
		const customers = 40
		for n := range customers {
			f.arrive(n)
			switch n {
			case 10, 25:
				f.must(rdb.FlushAll(ctx).Err())
			case 18:
				stop()
			}
		}
		await(t, "every conversation to be closed", func() bool { return log.closed() == customers })
		log.check(t, 2)
	})
}

// ledger plays the agents and remembers the log.
type ledger struct {
	mu      sync.Mutex
	records []bus.Record
	done    map[subject.Thread]bool
}

func (l *ledger) closed() int { l.mu.Lock(); defer l.mu.Unlock(); return len(l.done) }

// follow accepts every offer and closes every conversation that is active.
func follow(ctx context.Context, t *testing.T, f *floor) *ledger {
	l := &ledger{done: map[subject.Thread]bool{}}
	var agents sync.WaitGroup
	t.Cleanup(agents.Wait)
	act := func(rec bus.Record) {
		c := rec.Commit.GetState().GetConversation()
		switch {
		case c.GetOffer() != nil:
			_ = f.answer(rec.Thread, c, true) // the next offer, if this one is gone
		case c.GetPhase() == threadv1.Phase_PHASE_ACTIVE:
			_ = f.closeIt(rec.Thread) // fails when the test is over
		}
	}
	agents.Go(func() {
		_ = f.bus.WatchThreads(ctx, func() {}, func(rec bus.Record) {
			l.mu.Lock()
			l.records = append(l.records, rec)
			if rec.Commit.GetState().GetConversation().GetPhase() == threadv1.Phase_PHASE_CLOSED {
				l.done[rec.Thread] = true
			}
			l.mu.Unlock()
			agents.Go(func() { act(rec) })
		})
	})
	agents.Go(func() { // their desks live
		beat := time.NewTicker(200 * time.Millisecond)
		defer beat.Stop()
		for ctx.Err() == nil {
			for _, a := range []string{"mila", "orlin"} {
				_ = f.standing(a)
			}
			<-beat.C
		}
	})
	return l
}

// check replays the log: never more assigned than an agent can take, and no
// conversation assigned twice.
func (l *ledger) check(t *testing.T, capacity int) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	slices.SortStableFunc(l.records, func(a, b bus.Record) int { return a.Stored.Compare(b.Stored) })
	load := map[string]int{}
	for _, rec := range l.records {
		for _, fact := range rec.Commit.GetFacts() {
			switch {
			case fact.GetAgentAssigned() != nil:
				load[fact.GetAgentAssigned().GetAgent()]++
			case fact.GetConversationEnded() != nil:
				load[fact.GetConversationEnded().GetAgent()]--
			}
		}
		for agent, n := range load {
			if n > capacity {
				t.Errorf("%s has %d conversations at revision %d, capacity %d", agent, n, rec.Revision, capacity)
			}
		}
	}
}
