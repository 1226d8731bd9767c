package offering_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"golang.org/x/sync/errgroup"
	"google.golang.org/protobuf/proto"

	"github.com/parley-desk/parley/pkg/bus"
	"github.com/parley-desk/parley/pkg/directory"
	"github.com/parley-desk/parley/pkg/fault"
	"github.com/parley-desk/parley/pkg/keyspace/keyspacetest"
	"github.com/parley-desk/parley/pkg/thread"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
	distributionv1 "github.com/parley-desk/parley/proto/gen/parley/distribution/v1"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
	"github.com/parley-desk/parley/proto/subject"
	"github.com/parley-desk/parley/services/distribution/internal/assign"
	"github.com/parley-desk/parley/services/distribution/internal/offering"
)

// contested is THREAD in memory for writers at once: a commit is made on the
// revision it was decided on or decided again. It remembers every fact.
type contested struct {
	mu      sync.Mutex
	last    uint64
	at      map[subject.Thread]bus.Record
	facts   map[subject.Thread][]*threadv1.Fact
	offered chan subject.Thread // hears of every offer
	passed  atomic.Int64        // time, in ns
}

var dawn = time.UnixMilli(1_764_000_000_000)

func (l *contested) now() time.Time { return dawn.Add(time.Duration(l.passed.Load())) }

func (l *contested) read(t subject.Thread) (*threadv1.State, uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if rec, ok := l.at[t]; ok {
		return proto.CloneOf(rec.Commit.GetState()), rec.Revision
	}
	return thread.New(t.Page, t.PSID), 0
}

func (l *contested) Load(_ context.Context, t subject.Thread) (*threadv1.State, uint64, error) {
	s, revision := l.read(t)
	return s, revision, nil
}

func (l *contested) Update(_ context.Context, t subject.Thread,
	decide func(*threadv1.State, uint64) ([]*threadv1.Fact, error)) (*threadv1.State, uint64, error) {
	for {
		s, revision := l.read(t)
		facts, err := decide(s, revision)
		if err != nil || len(facts) == 0 {
			return s, revision, err
		}
		c, err := thread.Extend(s, revision, l.now(), "test", facts...)
		if err != nil {
			return nil, 0, err
		}
		if at, ok := l.append(t, revision, c, facts); ok {
			return c.GetState(), at, nil
		}
	}
}

func (l *contested) append(t subject.Thread, on uint64, c *threadv1.Commit, facts []*threadv1.Fact) (uint64, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.at[t].Revision != on {
		return 0, false
	}
	l.last++
	l.at[t] = bus.Record{Thread: t, Revision: l.last, Commit: c}
	l.facts[t] = append(l.facts[t], facts...)
	for _, f := range facts {
		if f.GetOfferMade() != nil {
			l.offered <- t
		}
	}
	return l.last, true
}

func (l *contested) States(context.Context) iter.Seq2[bus.Record, error] {
	return func(func(bus.Record, error) bool) {} // nobody is here yet
}

// forgetful remembers no presence: nothing is loaded twice here.
type forgetful struct{}

func (forgetful) Watch(_ context.Context, ready func(), _ func(bus.Entry)) error { ready(); return nil }
func (forgetful) Write(context.Context, ...bus.Write) error                      { return nil }

func (forgetful) Get(context.Context, string) (bus.Entry, error) {
	return bus.Entry{}, fault.New(fault.NotFound, "", "nothing is remembered")
}

// arena is an office where everything happens at once.
type arena struct {
	t      *testing.T
	log    *contested
	agents []string
	*offering.Distributor
}

const (
	perAgent = 2
	chief    = "chief" // of no queue, for whom conversations are taken
)

func openArena(t *testing.T, rdb redis.UniversalClient, agents int, by configv1.Assignment) *arena {
	t.Helper()
	a := &arena{t: t, log: &contested{at: map[subject.Thread]bus.Record{}, facts: map[subject.Thread][]*threadv1.Fact{},
		offered: make(chan subject.Thread, 4*perAgent*agents)}}
	for n := range agents {
		a.agents = append(a.agents, fmt.Sprintf("a%03d", n))
	}
	resources := []directory.Resource{&configv1.Queue{Meta: &configv1.Meta{Id: "front"}, Agents: a.agents, Assignment: by, Custom: &configv1.CustomAssignment{Assignment: "whom"}},
		&configv1.Ruleset{Meta: &configv1.Meta{Id: "whom"}, Assign: []*configv1.AssignmentRule{{Name: "here", When: "agent.units_free > 0"}}},
		&configv1.Agent{Meta: &configv1.Meta{Id: chief}, Capacity: 1}}
	for _, id := range a.agents {
		resources = append(resources, &configv1.Agent{Meta: &configv1.Meta{Id: id}, Capacity: perAgent})
	}
	book, err := assign.NewBook(rdb, assign.Config{Group: "g", Lease: 24 * time.Hour, Grace: time.Hour})
	a.must(err)
	a.Distributor = offering.New(offering.Parts{Book: book, Threads: a.log, Presences: forgetful{}, Pauses: forgetful{},
		Directory: directory.Fixed(directory.NewSnapshot(resources...)), Log: slog.New(slog.DiscardHandler), Now: a.log.now})
	(&office{t: t, Distributor: a.Distributor}).lead()
	a.available()
	return a
}

func (a *arena) must(err error) {
	a.t.Helper()
	if err != nil {
		a.t.Fatal(err)
	}
}

// available brings back those who missed an offer.
func (a *arena) available() {
	a.t.Helper()
	a.all(len(a.agents), func(n int) error {
		_, err := a.SetPresence(a.t.Context(), &distributionv1.SetPresenceRequest{Agent: a.agents[n],
			Presence: distributionv1.Presence_PRESENCE_AVAILABLE})
		return err
	})
}

// all does something for each of n, several at once.
func (a *arena) all(n int, do func(n int) error) {
	a.t.Helper()
	var group errgroup.Group
	group.SetLimit(16)
	for i := range n {
		group.Go(func() error { return do(i) })
	}
	a.must(group.Wait())
}

// commit is somebody else's, brought to the book as the follower brings it.
func (a *arena) commit(who subject.Thread, decide func(*threadv1.State) []*threadv1.Fact) error {
	s, revision, err := a.log.Update(a.t.Context(), who, func(s *threadv1.State, _ uint64) ([]*threadv1.Fact, error) {
		return decide(s), nil
	})
	if err != nil {
		return err
	}
	return a.Follow(a.t.Context(), bus.Record{Thread: who, Revision: revision, Commit: &threadv1.Commit{State: s}})
}

// hear waits for so many offers.
func (a *arena) hear(n int) {
	a.t.Helper()
	late := time.After(time.Minute)
	for heard := range n {
		select {
		case <-a.log.offered:
		case <-late:
			a.t.Fatalf("%d offers were made of %d", heard, n)
		}
	}
}

func (a *arena) accept(who subject.Thread, c *threadv1.Conversation) error {
	_, err := a.AnswerOffer(a.t.Context(), &distributionv1.AnswerOfferRequest{Page: who.Page, Psid: who.PSID,
		Conversation: c.GetId(), Agent: c.GetOffer().GetAgent(), Fence: c.GetOffer().GetFence(), Accept: true})
	return err
}

// race is about one offer. The offer's end comes by itself, as it is due; those
// who run are the others.
type race struct {
	who  subject.Thread
	c    *threadv1.Conversation
	runs [3]bool // accepting, taking it for the chief, leaving
	won  [3]atomic.Bool
}

const accepting, taking, leaving = 0, 1, 2

// run is one who runs. Each asks Redis something first, so that none is far
// ahead.
func (r *race) run(a *arena, who int) error {
	if who == accepting {
		err := a.accept(r.who, r.c)
		r.won[who].Store(err == nil)
		if fault.Is(err, fault.Precondition) {
			return nil // somebody was faster
		}
		return err
	}
	if err := a.Ready(a.t.Context()); err != nil {
		return err
	}
	return a.commit(r.who, func(s *threadv1.State) []*threadv1.Fact {
		here := s.GetConversation().GetOffer().GetFence() == r.c.GetOffer().GetFence()
		r.won[who].Store(here) // decided again, it is stored again
		switch {
		case !here:
			return nil
		case who == taking:
			return []*threadv1.Fact{thread.Of(&threadv1.AgentAssigned{Agent: chief, Cause: threadv1.Cause_CAUSE_ASSIGNED})}
		}
		return []*threadv1.Fact{thread.Of(&threadv1.ConversationClosed{Cause: threadv1.Cause_CAUSE_TIMED_OUT})}
	})
}

// winner is what the log says ended the offer: one of those who run, or 3, its
// time; -1 while it stands.
func (r *race) winner(l *contested) (winner int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	fence, on := r.c.GetOffer().GetFence(), false
	for _, f := range l.facts[r.who] {
		switch {
		case f.GetOfferMade().GetFence() == fence:
			on = true
		case !on:
		case f.GetAgentAssigned().GetCause() == threadv1.Cause_CAUSE_ACCEPTED && f.GetAgentAssigned().GetFence() == fence:
			return accepting
		case f.GetAgentAssigned() != nil:
			return taking
		case f.GetConversationClosed() != nil:
			return leaving
		case f.GetOfferEnded().GetFence() == fence:
			return 3
		}
	}
	return -1
}

// round queues as many conversations as agents can take and races for every
// offer; then all goes on until nobody is left. It counts who won.
func (a *arena) round(draw *rand.Rand, first int, won *[4]int) {
	a.t.Helper()
	races := make([]*race, perAgent*len(a.agents))
	a.all(len(races), func(n int) error { return a.open(customer(first + n)) })
	a.hear(len(races))
	var runners []func() error
	for n := range races {
		r := &race{who: customer(first + n)}
		s, _ := a.log.read(r.who)
		r.c, races[n] = s.GetConversation(), r
		if r.c.GetOffer() == nil {
			a.t.Fatalf("%s has no offer", r.who.Key())
		}
		shown, err := a.Shown(a.t.Context(), &distributionv1.ShownRequest{Page: r.who.Page, Psid: r.who.PSID,
			Agent: r.c.GetOffer().GetAgent(), Fence: r.c.GetOffer().GetFence()})
		if a.must(err); shown.GetUntilMs() == 0 {
			a.t.Fatalf("the offer of %s is gone", r.who.Key())
		}
		for who := range r.runs {
			if r.runs[who] = draw.IntN(3) > 0; r.runs[who] {
				runners = append(runners, func() error { return r.run(a, who) })
			}
		}
	}
	ends := func() error { return a.Tick(a.t.Context()) }
	runners = append(runners, ends, ends)
	draw.Shuffle(len(runners), func(i, j int) { runners[i], runners[j] = runners[j], runners[i] })
	a.log.passed.Add(int64(offerLasts + time.Second))
	a.together(runners)
	again := a.judge(races, won)
	a.goOn(races, again)
}

const offerLasts = 5 * time.Second

func (a *arena) open(who subject.Thread) error {
	return a.commit(who, func(*threadv1.State) []*threadv1.Fact {
		return []*threadv1.Fact{
			thread.Of(&threadv1.ConversationOpened{Id: "c-" + who.PSID, Units: 1, OfferSeconds: int32(offerLasts / time.Second)}),
			thread.Of(&threadv1.ConversationRouted{Queue: "front"}),
		}
	})
}

// together lets all of them go at the same moment.
func (a *arena) together(runners []func() error) {
	a.t.Helper()
	var lines, done sync.WaitGroup
	gun, errs := make(chan struct{}), make([]error, len(runners))
	for n, run := range runners {
		lines.Add(1)
		done.Go(func() {
			lines.Done()
			<-gun
			errs[n] = run()
		})
	}
	lines.Wait()
	close(gun)
	done.Wait()
	a.must(errors.Join(errs...))
}

// judge checks that every race has one winner, who knows it, and counts those
// whose offer ended by itself. A tick may have come before an offer was in the
// book, so more come.
func (a *arena) judge(races []*race, won *[4]int) (again int) {
	a.t.Helper()
	for _, r := range races {
		w := r.winner(a.log)
		for range 10 {
			if w >= 0 {
				break
			}
			a.must(a.Tick(a.t.Context()))
			w = r.winner(a.log)
		}
		if w < 0 {
			a.t.Fatalf("nobody won %s", r.who.Key())
		}
		won[w]++
		if w == 3 {
			again++
		}
		for who := range r.won {
			if r.won[who].Load() != (who == w) {
				a.t.Errorf("%s was won by %d, and %d believes %v", r.who.Key(), w, who, r.won[who].Load())
			}
		}
	}
	return again
}

// goOn makes room, has what is offered again accepted, and ends everything. No
// unit is taken then, and no conversation left behind.
func (a *arena) goOn(races []*race, again int) {
	a.t.Helper()
	end := func(n int) error {
		return a.commit(races[n].who, func(s *threadv1.State) []*threadv1.Fact {
			if s.GetConversation().GetPhase() != threadv1.Phase_PHASE_ACTIVE {
				return nil
			}
			return []*threadv1.Fact{thread.Of(&threadv1.ConversationClosed{Cause: threadv1.Cause_CAUSE_TIMED_OUT})}
		})
	}
	a.all(len(races), end)
	a.available()
	a.hear(again)
	a.all(len(races), func(n int) error {
		s, _ := a.log.read(races[n].who)
		if c := s.GetConversation(); c.GetPhase() == threadv1.Phase_PHASE_OPEN {
			return a.accept(races[n].who, c)
		}
		return nil
	})
	a.all(len(races), end)
	for _, r := range races {
		if s, _ := a.log.read(r.who); s.GetConversation().GetPhase() != threadv1.Phase_PHASE_CLOSED {
			a.t.Errorf("%s is left %v", r.who.Key(), s.GetConversation().GetPhase())
		}
	}
	resp, err := a.Heartbeat(a.t.Context(), &distributionv1.HeartbeatRequest{Agents: append([]string{chief}, a.agents...)})
	a.must(err)
	for _, s := range resp.GetStandings() {
		if s.GetUsed() != 0 {
			a.t.Errorf("%s has %d units taken by nothing", s.GetAgent(), s.GetUsed())
		}
	}
	if len(resp.GetStandings()) != len(a.agents)+1 {
		a.t.Errorf("%d agents stand somewhere, want %d", len(resp.GetStandings()), len(a.agents)+1)
	}
}

// TestOfAllWhoRaceForAnOfferOneWins races, from thousands of offers, an agent
// who accepts against the offer's end, a supervisor who takes the conversation,
// and the customer who leaves.
func TestOfAllWhoRaceForAnOfferOneWins(t *testing.T) {
	for _, c := range []struct {
		name          string
		rounds, fewer int // fewer: with the race detector
		agents        int
		server        func(testing.TB) redis.UniversalClient
		by            configv1.Assignment
	}{
		{"embedded", 4, 2, 25, keyspacetest.Embedded, configv1.Assignment_ASSIGNMENT_LEAST_ACTIVE},
		{"redis", 100, 15, 50, keyspacetest.Server, configv1.Assignment_ASSIGNMENT_LEAST_ACTIVE},
		{"embedded, by rules", 4, 2, 25, keyspacetest.Embedded, configv1.Assignment_ASSIGNMENT_CUSTOM},
		{"redis, by rules", 50, 8, 50, keyspacetest.Server, configv1.Assignment_ASSIGNMENT_CUSTOM},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := openArena(t, c.server(t), c.agents, c.by)
			draw, rounds := rand.New(rand.NewPCG(1, 0)), c.rounds
			if detecting {
				rounds = c.fewer
			}
			var won [4]int
			for n := 0; n < rounds && !t.Failed(); n++ {
				a.round(draw, n*perAgent*c.agents, &won)
			}
			races := won[0] + won[1] + won[2] + won[3]
			t.Logf("%d races: accepted %d, taken %d, left %d, ended %d", races, won[0], won[1], won[2], won[3])
			for who, n := range won {
				if n < races/100 {
					t.Errorf("%d wins %d of %d: that is no race", who, n, races)
				}
			}
		})
	}
}
