// Package engagement has time do its part in conversations: what nobody touches
// for long enough is closed. README.md says when, and what it survives.
package engagement

import (
	"context"

	"golang.org/x/sync/errgroup"

	"github.com/parley-desk/parley/pkg/fault"
	"github.com/parley-desk/parley/pkg/host"
	"github.com/parley-desk/parley/services/engagement/internal/timers"
)

// stage names this service's readers of the log.
const stage = "engagement"

// Config are the settings of engagement. When something is due workstreams say.
type Config struct {
	Parallel int `koanf:"parallel" default:"64" help:"Conversations in which a process carries out what is due at a time."`
}

// Validate tells what is wrong with the settings.
func (c *Config) Validate() error {
	if c.Parallel < 1 {
		return fault.New(fault.Invalid, "ENGAGEMENT_SETTINGS", "engagement.parallel is %d; it must be at least 1", c.Parallel)
	}
	return nil
}

// New builds the service. It opens nothing before Run.
func New(cfg Config, deps host.Deps) (host.Service, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	deps.Health.Ready("bus", deps.Bus.Ping)
	return &service{deps: deps, timers: &timers.Timers{
		Threads: deps.Bus, World: deps.Directory, Places: make(chan struct{}, cfg.Parallel),
		Glance: timers.Glance, Now: deps.Now, Meter: timers.NewMeter(deps.Registry), Log: deps.Log,
	}}, nil
}

type service struct {
	deps   host.Deps
	timers *timers.Timers
}

// Run carries out what is due until ctx ends. What is due then, the next owner
// of its partition carries out.
func (s *service) Run(ctx context.Context) error {
	if err := s.deps.Directory.Wait(ctx); err != nil {
		return nil // the process ends
	}
	group, running := errgroup.WithContext(ctx)
	group.Go(func() error { return s.timers.Run(running, stage) })
	if err := group.Wait(); ctx.Err() == nil {
		return err
	}
	return nil
}
