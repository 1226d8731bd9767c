// Package outbound sends what agents wrote to Meta, each part at most once
// without a definite "not delivered" in between, and finds out what became of
// it. How it does so is in README.md; the rules are in internal/attempt.
package outbound

import (
	"context"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/parley-desk/parley/pkg/bus"
	"github.com/parley-desk/parley/pkg/fault"
	"github.com/parley-desk/parley/pkg/host"
	"github.com/parley-desk/parley/pkg/standing"
	"github.com/parley-desk/parley/proto/subject"
	"github.com/parley-desk/parley/services/outbound/internal/attempt"
	"github.com/parley-desk/parley/services/outbound/internal/drive"
	"github.com/parley-desk/parley/services/outbound/internal/gate"
	"github.com/parley-desk/parley/services/outbound/internal/pace"
)

const (
	// stage names this service's readers of the log.
	stage = "outbound"
	// orphanRole is held by the one process that looks after sends whose
	// process died.
	orphanRole = "outbound-orphans"
	// namesRole is held by the one process that has Meta forget names of agents.
	namesRole = "outbound-names"
)

// Config are the settings of outbound. The intervals belong together; README.md
// says what each protects.
type Config struct {
	Start       time.Duration `koanf:"start" default:"5s" help:"How long after it was written to the log the request of an attempt may begin."`
	Orphan      time.Duration `koanf:"orphan" default:"30s" help:"How long after that an attempt without any news counts as uncertain; longer than a request to Meta may take."`
	Echo        time.Duration `koanf:"echo" default:"60s" help:"How long an uncertain message waits for its echo before the conversation is read."`
	Check       time.Duration `koanf:"check" default:"30s" help:"How long a reading of the conversation that fails is repeated."`
	CheckAgain  time.Duration `koanf:"check_again" default:"5s" help:"Pause between two readings of the conversation that fail."`
	Backoff     time.Duration `koanf:"backoff" default:"2s" help:"Pause after the first definite \"later\"; it doubles every time."`
	BackoffMax  time.Duration `koanf:"backoff_max" default:"1m" help:"Longest pause of our own choice between two attempts."`
	Attempts    int           `koanf:"attempts" default:"14" help:"Attempts for one part before the agent is told that it was refused."`
	Patience    time.Duration `koanf:"patience" default:"10m" help:"Longest pause that Meta may ask for; a longer one refuses the message."`
	Park        time.Duration `koanf:"park" default:"10m" help:"Pause between two tries of a page that is disconnected, and of a send that misses a permission, while nobody mends it."`
	Spacing     time.Duration `koanf:"spacing" default:"100ms" help:"Shortest time between two requests for one customer."`
	Room        int           `koanf:"room" default:"128" help:"Requests of one page that may be on their way to Meta at once, in one process."`
	Failures    int           `koanf:"failures" default:"5" help:"Requests of one page that fail at Meta's side, one after another, before the page is left alone for outbound.pause."`
	Pause       time.Duration `koanf:"pause" default:"15s" help:"How long a page is left alone whose requests keep failing; then one request tries."`
	Upload      time.Duration `koanf:"upload" default:"2m" help:"How long the upload of one file to Meta may take."`
	Persona     time.Duration `koanf:"persona" default:"2s" help:"How long a message waits for Meta to take the name of the agent who wrote it; then it leaves in the name of the page alone."`
	OrphanGrace time.Duration `koanf:"orphan_grace" default:"5s" help:"How overdue a step must be before another process takes it."`
}

// Validate checks that the settings can work together.
func (c *Config) Validate() error {
	var wrong []fault.Violation
	check := func(ok bool, field, description string) {
		if !ok {
			wrong = append(wrong, fault.Violation{Field: field, Description: description})
		}
	}
	check(c.Start > 0, "start", "must be longer than nothing, or no request ever begins")
	check(c.Orphan > 0, "orphan", "must be longer than a request to Meta may take (graph.timeout)")
	check(c.Echo > 0, "echo", "must be longer than nothing")
	check(c.Check >= 0, "check", "must not be negative")
	check(c.Orphan < c.Echo+c.Check, "orphan", "must be shorter than echo and check together, or what a process that died had sent is never looked for")
	check(c.CheckAgain > 0, "check_again", "must be longer than nothing")
	check(c.Backoff > 0 && c.BackoffMax >= c.Backoff, "backoff", "must be longer than nothing and at most backoff_max")
	check(c.Attempts > 0, "attempts", "must be at least 1")
	check(c.Park > 0 && c.Park <= c.Patience, "park", "must be longer than nothing and at most patience")
	check(c.Spacing >= 0 && c.Spacing <= 10*time.Second, "spacing", "must be 0 to 10s")
	check(c.Room > 0, "room", "must be at least 1, or nothing is ever sent")
	check(c.Failures > 0, "failures", "must be at least 1")
	check(c.Pause > 0 && c.Pause <= c.Patience, "pause", "must be longer than nothing and at most patience")
	check(c.Upload > 0, "upload", "must be longer than nothing")
	check(c.Persona > 0 && c.Persona <= 10*time.Second, "persona", "must be longer than nothing and at most 10s")
	check(c.OrphanGrace > 0, "orphan_grace", "must be longer than nothing")
	return invalid(wrong)
}

// fits checks that a request to Meta is over before its attempt counts as
// nobody's: else a send would be given up while its answer is on the way.
func (c *Config) fits(request time.Duration) error {
	if c.Orphan > request {
		return nil
	}
	return invalid([]fault.Violation{{Field: "orphan", Description: fmt.Sprintf(
		"must be longer than graph.timeout (%s), is %s: raise outbound.orphan or lower graph.timeout", request, c.Orphan)}})
}

func invalid(wrong []fault.Violation) error {
	if len(wrong) == 0 {
		return nil
	}
	err := fault.New(fault.Invalid, "OUTBOUND_SETTINGS", "the settings of outbound cannot work")
	err.Violations = wrong
	return err
}

func (c *Config) policy() attempt.Policy {
	return attempt.Policy{
		Start: c.Start, Orphan: c.Orphan, Echo: c.Echo, Check: c.Check, CheckAgain: c.CheckAgain,
		Backoff: c.Backoff, BackoffMax: c.BackoffMax, Attempts: c.Attempts, Patience: c.Patience, Park: c.Park, Spacing: c.Spacing,
	}
}

// New builds the service. It opens nothing before Run.
func New(cfg Config, deps host.Deps) (host.Service, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if err := cfg.fits(deps.Graph.Timeout()); err != nil {
		return nil, err
	}
	told := &clock{own: deps.Now}
	deps.Now = told.now
	paces, err := pace.New(pace.Settings{Room: cfg.Room, Failures: cfg.Failures, Pause: cfg.Pause}, deps.Redis,
		func() int { return deps.Bus.Members(stage) }, deps.Log, deps.Registry)
	if err != nil {
		return nil, err
	}
	provision := deps.Bus.Bucket(subject.ProvisionBucket)
	board := standing.New(provision, deps.Directory)
	pages := drive.NewPages(drive.Premises{
		Directory: deps.Directory, Secrets: deps.Secrets, Board: board, Notes: provision,
		Pace:   paces,
		Policy: gate.Policy{Backoff: cfg.Backoff, Park: cfg.Park}, Now: deps.Now, Log: deps.Log,
	})
	driver, err := drive.New(drive.World{
		Threads: deps.Bus, Meta: deps.Graph, Pages: pages, Signer: deps.Secrets,
		Files: deps.FileStore(), Shelf: deps.Bus.Bucket(subject.MediaBucket), Patience: cfg.Upload,
		Names: deps.Bus.Bucket(subject.PersonaBucket), Face: cfg.Persona,
		Policy: cfg.policy(), Now: deps.Now, Log: deps.Log, Registry: deps.Registry, Tracer: deps.Tracer,
	})
	if err != nil {
		return nil, err
	}
	deps.Health.Ready("bus", deps.Bus.Ping)
	return &service{cfg: cfg, deps: deps, driver: driver, pages: pages, board: board, clock: told}, nil
}

type service struct {
	cfg    Config
	deps   host.Deps
	driver *drive.Driver
	pages  *drive.Pages
	board  *standing.Board
	clock  *clock
}

// Run drives sends until ctx ends, then lets requests to Meta that have begun
// come to their end: an answer nobody waits for makes a message uncertain.
func (s *service) Run(ctx context.Context) error {
	if err := s.deps.Directory.Wait(ctx); err != nil {
		return nil // the process ends
	}
	group, running := errgroup.WithContext(ctx)
	group.Go(func() error { return s.board.Run(running) })
	if err := s.board.Wait(running); err != nil {
		return ended(ctx, group.Wait())
	}
	group.Go(func() error {
		return bus.Serve(running, s.deps.Bus, "outbound.control", s.takeControl)
	})
	group.Go(func() error {
		return bus.Serve(running, s.deps.Bus, "outbound.act", s.act)
	})
	noting, last := context.WithCancel(context.WithoutCancel(ctx))
	var notes sync.WaitGroup
	notes.Go(func() { s.pages.Run(noting) })
	group.Go(func() error {
		return s.deps.Bus.FollowThreads(running, stage, func(_ context.Context, r bus.Record) error {
			s.clock.hear(r.Stored)
			s.driver.Follow(running, r) // each send goes on in the trace of who asked for it
			return nil
		})
	})
	group.Go(func() error {
		return s.deps.Bus.Lead(running, orphanRole, func(leading context.Context) error {
			return s.driver.Orphans(leading, s.deps.Bus.WatchThreads, s.cfg.OrphanGrace, func(t subject.Thread) {
				s.driver.Wake(running, t)
			})
		})
	})
	group.Go(func() error { return s.deps.Bus.Lead(running, namesRole, s.driver.SweepNames) })
	err := group.Wait()
	s.driver.Wait()
	last() // what the last answers said of pages is written now
	notes.Wait()
	return ended(ctx, err)
}

// ended is how Run ends: well, when the process was to end.
func ended(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}
