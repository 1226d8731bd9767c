package sim_test

import (
	"context"
	"hash/fnv"
	"log/slog"
	"math/rand/v2"
	"runtime"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/parley-desk/parley/pkg/bus"
	"github.com/parley-desk/parley/pkg/standing"
	"github.com/parley-desk/parley/pkg/thread"
	"github.com/parley-desk/parley/proto/subject"
	"github.com/parley-desk/parley/services/outbound/internal/attempt"
	"github.com/parley-desk/parley/services/outbound/internal/drive"
	"github.com/parley-desk/parley/services/outbound/internal/gate"
	"github.com/parley-desk/parley/services/outbound/internal/pace"
)

// slots are the partitions; one process has one at a time.
const slots = 4

// takeover is how long a slot is nobody's after its process died.
const takeover = 5 * time.Second

// process is one process of outbound. It dies or freezes between any two of its
// dealings with the world.
type process struct {
	h      *house
	slot   int
	driver *drive.Driver
	ctx    context.Context
	end    func()
	quit   context.Context // ends with it, all of it
	kill   func()

	mu   sync.Mutex
	thaw time.Time
	dice *rand.Rand
}

// live is where a process may die: its goroutines are gone from one line to the
// next, as kill -9 has it. It may also stand still for up to a minute, during
// which others take over, and go on as if nothing had been.
func (p *process) live() {
	p.mu.Lock()
	if p.quit.Err() == nil && p.h.deadly {
		switch roll := p.dice.IntN(20_000); {
		case roll < 4:
			p.h.killed.Add(1)
			p.kill()
			p.h.succeed(p.slot, takeover)
		case roll < 5 && time.Now().After(p.thaw):
			p.h.frozen.Add(1)
			p.thaw = time.Now().Add(between(p.dice, time.Second, time.Minute))
			p.h.succeed(p.slot, takeover)
			time.AfterFunc(time.Until(p.thaw)+2*time.Second, p.end) // then it learns that it is not wanted
		}
	}
	still := time.Until(p.thaw)
	p.mu.Unlock()
	p.wait(still)
	if p.quit.Err() != nil {
		runtime.Goexit()
	}
}

// wait lets time pass, or the process die.
func (p *process) wait(d time.Duration) {
	if d <= 0 {
		return
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-p.quit.Done():
		runtime.Goexit()
	}
}

// shelf is a PROVISION in which nobody says anything.
type shelf struct{}

func (shelf) Write(context.Context, ...bus.Write) error { return nil }

func (shelf) Watch(ctx context.Context, ready func(), _ func(bus.Entry)) error {
	ready()
	<-ctx.Done()
	return nil
}

func policy() attempt.Policy {
	return attempt.Policy{
		Start: 5 * time.Second, Orphan: 30 * time.Second, Echo: 60 * time.Second, Check: 30 * time.Second,
		CheckAgain: 5 * time.Second, Backoff: 2 * time.Second, BackoffMax: time.Minute, Attempts: 14,
		Patience: 10 * time.Minute, Park: 10 * time.Minute, Spacing: 100 * time.Millisecond,
	}
}

// begin starts a process for a slot and hands it what is open there.
func (h *house) begin(slot int) {
	p := &process{h: h, slot: slot, dice: dice(h.seed, "process", h.begun.Add(1))}
	p.quit, p.kill = context.WithCancel(h.ctx)
	p.ctx, p.end = context.WithCancel(p.quit)
	log, registry := slog.New(slog.DiscardHandler), prometheus.NewRegistry()
	board := standing.New(shelf{}, h.directory)
	h.running.Go(func() { _ = board.Run(p.ctx) })
	_ = board.Wait(p.ctx)
	paces, err := pace.New(pace.Settings{Room: 128, Failures: 5, Pause: 15 * time.Second}, nil, func() int { return slots }, log, registry)
	if err != nil {
		panic(err)
	}
	pages := drive.NewPages(drive.Premises{Directory: h.directory, Secrets: h.box, Board: board, Notes: shelf{}, Pace: paces,
		Policy: gate.Policy{Backoff: policy().Backoff, Park: policy().Park}, Now: time.Now, Log: log})
	world := wire{p, h.log, h.meta}
	p.driver, err = drive.New(drive.World{Threads: world, Meta: world, Pages: pages, Signer: h.box, Policy: policy(),
		Now: time.Now, Log: log, Registry: registry, Tracer: noop.NewTracerProvider().Tracer("")})
	if err != nil {
		panic(err)
	}
	h.mu.Lock()
	h.slots[slot] = p
	h.mu.Unlock()
	h.running.Go(func() {
		<-p.ctx.Done()
		p.driver.Wait()
	})
	for t := range h.log.threads {
		if slotOf(t) != slot {
			continue
		}
		if s, _ := h.log.load(t); thread.NextSend(s) != nil {
			p.driver.Wake(p.ctx, t)
		}
	}
}

// succeed has another process take the slot after a while.
func (h *house) succeed(slot int, after time.Duration) {
	time.AfterFunc(after, func() {
		if h.ctx.Err() == nil {
			h.begin(slot)
		}
	})
}

// wake tells the process that has the thread of a commit.
func (h *house) wake(r bus.Record) {
	h.mu.Lock()
	p := h.slots[slotOf(r.Thread)]
	h.mu.Unlock()
	p.driver.Follow(p.ctx, r)
}

func slotOf(t subject.Thread) int {
	h := fnv.New32a()
	_, _ = h.Write([]byte(t.PSID))
	return int(h.Sum32() % slots)
}
