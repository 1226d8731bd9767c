package offering_test

import (
	"context"
	"fmt"
	"iter"
	"log/slog"
	"strings"
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
	"github.com/parley-desk/parley/pkg/keyspace/keyspacetest"
	"github.com/parley-desk/parley/pkg/thread"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
	distributionv1 "github.com/parley-desk/parley/proto/gen/parley/distribution/v1"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
	"github.com/parley-desk/parley/proto/subject"
	"github.com/parley-desk/parley/services/distribution/internal/assign"
	"github.com/parley-desk/parley/services/distribution/internal/offering"
)

// threads is THREAD in memory. A thread in stuck cannot be written until its
// channel is closed, as while its partition elects a leader.
type threads struct {
	mu    sync.Mutex
	last  uint64
	at    map[subject.Thread]bus.Record
	stuck map[subject.Thread]chan struct{}
	now   func() time.Time
}

func newThreads() *threads {
	return &threads{at: map[subject.Thread]bus.Record{}, stuck: map[subject.Thread]chan struct{}{}, now: time.Now}
}

func (l *threads) read(t subject.Thread) (*threadv1.State, uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if rec, ok := l.at[t]; ok {
		return proto.CloneOf(rec.Commit.GetState()), rec.Revision
	}
	return thread.New(t.Page, t.PSID), 0
}

// put writes a state as it is.
func (l *threads) put(t subject.Thread, s *threadv1.State) uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.last++
	l.at[t] = bus.Record{Thread: t, Revision: l.last, Commit: &threadv1.Commit{State: s}}
	return l.last
}

func (l *threads) Load(_ context.Context, t subject.Thread) (*threadv1.State, uint64, error) {
	s, revision := l.read(t)
	return s, revision, nil
}

func (l *threads) Update(ctx context.Context, t subject.Thread,
	decide func(*threadv1.State, uint64) ([]*threadv1.Fact, error)) (*threadv1.State, uint64, error) {
	l.mu.Lock()
	stuck := l.stuck[t]
	l.mu.Unlock()
	if stuck != nil {
		select {
		case <-stuck:
		case <-ctx.Done():
			return nil, 0, ctx.Err()
		}
	}
	s, revision := l.read(t)
	facts, err := decide(s, revision)
	if err != nil || len(facts) == 0 {
		return s, revision, err
	}
	c, err := thread.Extend(s, revision, l.now(), "test", facts...)
	if err != nil {
		return nil, 0, err
	}
	return c.GetState(), l.put(t, c.GetState()), nil
}

func (l *threads) States(context.Context) iter.Seq2[bus.Record, error] {
	return func(yield func(bus.Record, error) bool) {
		l.mu.Lock()
		defer l.mu.Unlock()
		for _, rec := range l.at {
			if !yield(rec, nil) {
				return
			}
		}
	}
}

// office is a Distributor over threads, with agents of one queue. Nobody
// follows the log or ticks: a test does what it wants done.
type office struct {
	t        *testing.T
	log      *threads
	warnings *atomic.Int64 // of commits that wait for Redis
	registry *prometheus.Registry
	*offering.Distributor
}

// listener counts the warnings about commits that wait.
type listener struct {
	slog.Handler
	heard *atomic.Int64
}

func (l listener) Enabled(context.Context, slog.Level) bool { return true }

func (l listener) Handle(_ context.Context, r slog.Record) error {
	if strings.HasPrefix(r.Message, "a commit waits") {
		l.heard.Add(1)
	}
	return nil
}

func open(t *testing.T, rdb redis.UniversalClient, capacity int32, agents ...string) *office {
	t.Helper()
	resources := []directory.Resource{&configv1.Queue{Meta: &configv1.Meta{Id: "front"}, Agents: agents}}
	for _, a := range agents {
		resources = append(resources, &configv1.Agent{Meta: &configv1.Meta{Id: a}, Capacity: capacity})
	}
	o := &office{t: t, log: newThreads()}
	o.furnish(rdb, directory.Fixed(directory.NewSnapshot(resources...)), bustest.Open(t))
	o.lead()
	o.available(agents...)
	return o
}

// furnish gives the office its Distributor, by the clock of the log.
func (o *office) furnish(rdb redis.UniversalClient, d *directory.Directory, b *bus.Bus) {
	o.t.Helper()
	book, err := assign.NewBook(rdb, assign.Config{Group: "g", Lease: 24 * time.Hour, Grace: time.Hour})
	o.must(err)
	o.warnings, o.registry = &atomic.Int64{}, prometheus.NewRegistry()
	o.Distributor = offering.New(offering.Parts{Book: book, Threads: o.log, Directory: d,
		Presences: b.Bucket(subject.PresenceBucket), Pauses: b.Bucket(subject.PauseBucket), Registry: o.registry,
		Log: slog.New(listener{slog.DiscardHandler, o.warnings}),
		Now: o.log.now})
}

// lead has the Distributor keep the book until the test is over.
func (o *office) lead() {
	t, d := o.t, o.Distributor
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	var lead sync.WaitGroup
	lead.Go(func() {
		if err := d.Lead(ctx); err != nil {
			t.Errorf("lead: %v", err)
		}
	})
	t.Cleanup(func() { cancel(); lead.Wait() })
	await(t, "the book to be loaded", func() bool { return d.Ready(ctx) == nil })
}

func (o *office) available(agents ...string) {
	o.t.Helper()
	for _, a := range agents {
		_, err := o.SetPresence(o.t.Context(), &distributionv1.SetPresenceRequest{Agent: a, Presence: distributionv1.Presence_PRESENCE_AVAILABLE})
		o.must(err)
	}
}

func await(t *testing.T, what string, done func() bool) {
	t.Helper()
	deadline := time.After(time.Minute)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !done() {
		select {
		case <-deadline:
			t.Fatalf("waited in vain: %s", what)
		case <-tick.C:
		}
	}
}

func (o *office) must(err error) {
	o.t.Helper()
	if err != nil {
		o.t.Fatal(err)
	}
}

func customer(n int) subject.Thread {
	return subject.Thread{Page: "1020304050607080", PSID: fmt.Sprintf("7%06d", n)}
}

// waiting is the state of a conversation that was routed.
func waiting(t subject.Thread, fence int64) *threadv1.State {
	s := thread.New(t.Page, t.PSID)
	s.Fence = fence
	s.Conversation = &threadv1.Conversation{Id: "c-" + t.PSID, Phase: threadv1.Phase_PHASE_OPEN, Queue: "front",
		Units: 1, OfferSeconds: 60, QueuedMs: 1}
	return s
}

// routed writes the commit by which a conversation is queued.
func (o *office) routed(who subject.Thread) bus.Record {
	s := waiting(who, 0)
	return bus.Record{Thread: who, Revision: o.log.put(who, s), Commit: &threadv1.Commit{State: s}}
}

// arrive queues a conversation and tells the book.
func (o *office) arrive(n int) subject.Thread {
	o.t.Helper()
	rec := o.routed(customer(n))
	o.must(o.Follow(o.t.Context(), rec))
	return rec.Thread
}

func (o *office) offer(who subject.Thread) *threadv1.Offer {
	s, _ := o.log.read(who)
	return s.GetConversation().GetOffer()
}

// show has a desk show the offer.
func (o *office) show(who subject.Thread) {
	o.t.Helper()
	made := o.offer(who)
	resp, err := o.Shown(o.t.Context(), &distributionv1.ShownRequest{Page: who.Page, Psid: who.PSID, Agent: made.GetAgent(), Fence: made.GetFence()})
	o.must(err)
	if resp.GetUntilMs() == 0 {
		o.t.Fatalf("the offer to %s is gone", made.GetAgent())
	}
}

func (o *office) used(agent string) int32 {
	o.t.Helper()
	resp, err := o.Heartbeat(o.t.Context(), &distributionv1.HeartbeatRequest{Agents: []string{agent}})
	o.must(err)
	return resp.GetStandings()[0].GetUsed()
}

// TestRefusedProposalFreesTheAgentAndIsMadeAnew has a thread refuse an offer on
// the very revision it was made on, because its fence is too low.
func TestRefusedProposalFreesTheAgentAndIsMadeAnew(t *testing.T) {
	o := open(t, keyspacetest.Embedded(t), 1, "mila")
	who := customer(1)
	o.log.put(who, waiting(who, 5_000_000))
	behind := waiting(who, 0) // what the book is told: as if it had never heard of the fence
	o.must(o.Follow(t.Context(), bus.Record{Thread: who, Revision: 1, Commit: &threadv1.Commit{State: behind}}))
	await(t, "an offer the thread takes", func() bool { return o.offer(who) != nil })
	if f := o.offer(who).GetFence(); f <= 5_000_000 {
		t.Errorf("offered under fence %d, want more than the thread's", f)
	}
	if used := o.used("mila"); used != 1 {
		t.Errorf("%d units are taken, want 1", used)
	}
}

// TestCommitIsNotPassedOverWhileRedisIsAway follows a commit while Redis takes
// nothing, as in a fail-over; the bus would put it aside in the end, and the
// book miss it.
func TestCommitIsNotPassedOverWhileRedisIsAway(t *testing.T) {
	rdb := keyspacetest.Server(t)
	o := open(t, rdb, 1, "mila")
	o.must(rdb.SlaveOf(t.Context(), "127.0.0.1", "1").Err())
	rec := o.routed(customer(1))
	followed := make(chan error, 1)
	go func() { followed <- o.Follow(t.Context(), rec) }()
	await(t, "the commit to be tried twice", func() bool { return o.warnings.Load() >= 2 || len(followed) > 0 })
	if len(followed) > 0 {
		t.Fatalf("the commit was passed over: %v", <-followed)
	}
	o.must(rdb.SlaveOf(t.Context(), "NO", "ONE").Err())
	o.must(<-followed)
	await(t, "an offer", func() bool { return o.offer(rec.Thread) != nil })
}

// TestSkillsDecideWhoIsOffered has a conversation wait for the one agent who has
// what it needs, and another do without a skill that is out of use.
func TestSkillsDecideWhoIsOffered(t *testing.T) {
	keyspacetest.Each(t, func(t *testing.T, rdb redis.UniversalClient) {
		skill := func(id string, inactive bool) directory.Resource {
			return &configv1.Skill{Meta: &configv1.Meta{Id: id}, Inactive: inactive}
		}
		o := &office{t: t, log: newThreads()}
		o.furnish(rdb, directory.Fixed(directory.NewSnapshot(skill("french", false), skill("latin", true),
			&configv1.Queue{Meta: &configv1.Meta{Id: "front"}, Agents: []string{"mila", "orlin"}},
			&configv1.Agent{Meta: &configv1.Meta{Id: "mila"}, Capacity: 9},
			&configv1.Agent{Meta: &configv1.Meta{Id: "orlin"}, Capacity: 1, Skills: []*configv1.Proficiency{{Skill: "french", Value: 7}}},
		)), bustest.Open(t))
		o.lead()
		o.available("mila")
		needs := func(n int, skill string) subject.Thread {
			who := customer(n)
			s := waiting(who, 0)
			s.Conversation.Skills = []*threadv1.Need{{Skill: skill, Value: 5}}
			o.must(o.Follow(t.Context(), bus.Record{Thread: who, Revision: o.log.put(who, s), Commit: &threadv1.Commit{State: s}}))
			return who
		}
		french, latin := needs(1, "french"), needs(2, "latin")
		await(t, "an offer without latin", func() bool { return o.offer(latin).GetAgent() == "mila" })
		why, err := o.Why(t.Context(), &distributionv1.WhyRequest{Page: french.Page, Psid: french.PSID})
		o.must(err)
		if why.GetStanding() != assign.StandsWaiting || why.GetReady() != 0 || len(why.GetExcluded()) != 2 {
			t.Errorf("got %v, want it to wait, one agent offline and one without the skill", why)
		}
		o.available("orlin")
		await(t, "an offer to who speaks french", func() bool { return o.offer(french).GetAgent() == "orlin" })
	})
}
