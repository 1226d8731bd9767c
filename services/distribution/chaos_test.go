package distribution_test

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/parley-desk/parley/pkg/bus"
	"github.com/parley-desk/parley/pkg/bus/bustest"
	"github.com/parley-desk/parley/pkg/directory"
	"github.com/parley-desk/parley/pkg/fault"
	"github.com/parley-desk/parley/pkg/keyspace/keyspacetest"
	"github.com/parley-desk/parley/pkg/thread"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
	distributionv1 "github.com/parley-desk/parley/proto/gen/parley/distribution/v1"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
	"github.com/parley-desk/parley/proto/subject"
)

var (
	inChaos   = flag.Int("chaos", 2000, "conversations of the chaos test")
	chaosSeed = flag.Uint64("seed", 1, "what befalls whom in the chaos test")
)

// storm is between distribution and Redis: some commands run twice, and of some
// the reply is lost.
type storm struct {
	mu             sync.Mutex
	draw           *rand.Rand
	lost, repeated int
	over           bool
}

// One in so many.
const (
	loses   = 100
	repeats = 20
)

func (s *storm) befalls() (repeated, lost bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.over {
		return false, false
	}
	repeated, lost = s.draw.IntN(repeats) == 0, s.draw.IntN(loses) == 0
	if repeated {
		s.repeated++
	}
	if lost {
		s.lost++
	}
	return repeated, lost
}

func (s *storm) calms() { s.mu.Lock(); defer s.mu.Unlock(); s.over = true }

func (s *storm) DialHook(next redis.DialHook) redis.DialHook { return next }

func (s *storm) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		if cmd.Name() == "flushall" { // not distribution's
			return next(ctx, cmd)
		}
		repeated, lost := s.befalls()
		if repeated {
			_ = next(ctx, cmd) // the second reply is the one that is read
		}
		err := next(ctx, cmd)
		if lost {
			err = os.ErrDeadlineExceeded
			cmd.SetErr(err)
		}
		return err
	}
}

func (s *storm) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		repeated, lost := s.befalls()
		if repeated {
			_ = next(ctx, cmds)
		}
		err := next(ctx, cmds)
		if lost {
			err = os.ErrDeadlineExceeded
			for _, cmd := range cmds {
				cmd.SetErr(err)
			}
		}
		return err
	}
}

// crowd is many agents of one queue, and the customers who come to them.
type crowd struct {
	*floor
	agents  []string
	mu      sync.Mutex
	records []bus.Record
	ended   map[subject.Thread]bool
	work    sync.WaitGroup
	flaps   atomic.Int64
}

const (
	atChaos  = 3  // conversations an agent can take
	inCrowd  = 40 // agents
	wipes    = 8
	killings = 6
)

func openCrowd(t *testing.T, broker *bustest.Remote, rdb redis.UniversalClient, by configv1.Assignment) *crowd {
	c := &crowd{floor: open(t, broker.Open(t, "desk"), rdb, atChaos), ended: map[subject.Thread]bool{}}
	var resources []directory.Resource
	for n := range inCrowd {
		id := fmt.Sprintf("a%02d", n)
		c.agents = append(c.agents, id)
		resources = append(resources, &configv1.Agent{Meta: &configv1.Meta{Id: id}, Capacity: atChaos})
	}
	q := &configv1.Queue{Meta: &configv1.Meta{Id: "front"}, Agents: c.agents, Assignment: by, Custom: &configv1.CustomAssignment{Assignment: "whom"}}
	rules := &configv1.Ruleset{Meta: &configv1.Meta{Id: "whom"}, Assign: []*configv1.AssignmentRule{
		{Name: "idle", When: `agent.conversations == 0 && agent.presence == "available"`}, {Name: "any", Order: configv1.AgentOrder_AGENT_ORDER_UNITS}}}
	c.dir = directory.Fixed(directory.NewSnapshot(append(resources, q, rules)...))
	c.cfg.Lease, c.cfg.Grace = time.Hour, time.Hour // what agents do is said by the test
	return c
}

// set sets a presence; a reply that is lost is asked for again.
func (c *crowd) set(ctx context.Context, agent string, p distributionv1.Presence) {
	for ctx.Err() == nil {
		err := c.bus.Call(ctx, "distribution.presence", &distributionv1.SetPresenceRequest{Agent: agent, Presence: p},
			&distributionv1.SetPresenceResponse{})
		if err == nil {
			return
		}
	}
}

// flap sends agents away and back, one after the other, until ctx ends; who was
// inactive is available after that.
func (c *crowd) flap(ctx context.Context, draw *rand.Rand) {
	for ctx.Err() == nil {
		agent := c.agents[draw.IntN(len(c.agents))]
		c.set(ctx, agent, distributionv1.Presence_PRESENCE_OFFLINE)
		c.set(ctx, agent, available)
		c.flaps.Add(1)
	}
}

// watch plays agents and customers, and remembers the log.
func (c *crowd) watch(ctx context.Context) {
	ready := make(chan struct{})
	c.work.Go(func() {
		_ = c.bus.WatchThreads(ctx, func() { close(ready) }, func(rec bus.Record) {
			c.mu.Lock()
			c.records = append(c.records, rec)
			if rec.Commit.GetState().GetConversation().GetPhase() == threadv1.Phase_PHASE_CLOSED {
				c.ended[rec.Thread] = true
			}
			c.mu.Unlock()
			c.work.Go(func() { c.act(ctx, rec) })
		})
	})
	<-ready
}

// act is what an agent does about a commit: of ten offers one is rejected, and
// one is of a customer who leaves instead.
func (c *crowd) act(ctx context.Context, rec bus.Record) {
	conversation := rec.Commit.GetState().GetConversation()
	switch {
	case conversation.GetOffer() != nil && conversation.GetOffer().GetFence()%10 == 0:
		c.leave(ctx, rec.Thread)
	case conversation.GetOffer() != nil:
		for ctx.Err() == nil { // as often as it takes
			err := c.answer(rec.Thread, conversation, conversation.GetOffer().GetFence()%10 != 1)
			if err == nil || fault.Is(err, fault.Precondition) {
				return
			}
		}
	case conversation.GetPhase() == threadv1.Phase_PHASE_ACTIVE:
		_ = c.closeIt(rec.Thread) // fails when the test is over
	}
}

func (c *crowd) leave(ctx context.Context, who subject.Thread) {
	_, _, _ = c.bus.Update(ctx, who, func(s *threadv1.State, _ uint64) ([]*threadv1.Fact, error) {
		if !thread.Live(s.GetConversation()) {
			return nil, nil
		}
		return []*threadv1.Fact{thread.Of(&threadv1.ConversationClosed{Cause: threadv1.Cause_CAUSE_TIMED_OUT})}, nil
	})
}

func (c *crowd) gone() int { c.mu.Lock(); defer c.mu.Unlock(); return len(c.ended) }

// TestNothingIsLostInAStorm has customers come to agents who flap, while Redis
// is emptied, processes die, and commands to Redis are repeated or their
// replies lost; then it inspects the log.
func TestNothingIsLostInAStorm(t *testing.T) {
	weather(t, *inChaos, configv1.Assignment_ASSIGNMENT_LEAST_ACTIVE)
}

// TestNothingIsLostInAStormByRules has rules choose the agents.
func TestNothingIsLostInAStormByRules(t *testing.T) {
	weather(t, *inChaos/4, configv1.Assignment_ASSIGNMENT_CUSTOM)
}

func weather(t *testing.T, total int, by configv1.Assignment) {
	rdb := keyspacetest.Server(t)
	draw := rand.New(rand.NewPCG(*chaosSeed, 0))
	s := &storm{draw: rand.New(rand.NewPCG(*chaosSeed, 1))}
	rdb.AddHook(s)
	broker := bustest.Broker(t)
	c := openCrowd(t, broker, rdb, by)
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(func() { cancel(); c.work.Wait() })

	stops := [2]func(){}
	for n := range stops {
		stops[n] = c.run(broker.Open(t, fmt.Sprint("first", n)), fmt.Sprint("first", n))
	}
	c.presence(c.agents[0], available) // it is up
	for _, a := range c.agents {
		c.work.Go(func() { c.set(ctx, a, available) })
	}
	c.watch(ctx)
	flapping, calm := context.WithCancel(ctx)
	for n := range uint64(4) {
		seed := rand.NewPCG(*chaosSeed, 2+n)
		c.work.Go(func() { c.flap(flapping, rand.New(seed)) })
	}
	for n := range total {
		c.arrive(n)
		if n%(total/wipes+1) == total/wipes/2 {
			c.must(rdb.FlushAll(ctx).Err())
		}
		if n%(total/killings+1) == total/killings/2 {
			which, name := draw.IntN(len(stops)), fmt.Sprint("heir", n)
			stops[which]()
			stops[which] = c.run(broker.Open(t, name), name)
		}
	}
	calm()
	s.calms()
	for _, a := range c.agents {
		c.work.Go(func() { c.set(ctx, a, available) })
	}
	for gone := c.gone(); gone < total; gone = c.gone() {
		await(t, fmt.Sprintf("another customer to go, after %d of %d", gone, total), func() bool { return c.gone() > gone })
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if s.lost < total/200 || s.repeated < total/40 || c.flaps.Load() < int64(wipes) {
		t.Error("that was no storm")
	}
	t.Logf("%d commits; %d replies lost, %d commands repeated, agents away %d times", len(c.records), s.lost, s.repeated, c.flaps.Load())
	for _, f := range inspect(c.records, atChaos, total) {
		t.Error(f)
	}
}
