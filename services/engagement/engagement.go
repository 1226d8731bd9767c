// Package engagement does what no person does in conversations: time closes what
// nobody touches, customers are told what happens without anybody writing it, and
// bots are asked first.
// README.md says when, and what it survives.
package engagement

import (
	"context"
	"net/url"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/parley-desk/parley/pkg/fault"
	"github.com/parley-desk/parley/pkg/host"
	"github.com/parley-desk/parley/services/engagement/internal/say"
	"github.com/parley-desk/parley/services/engagement/internal/timers"
)

// stage names this service's readers of the log.
const stage = "engagement"

// Config are the settings of engagement. When something is due workstreams say.
type Config struct {
	Parallel    int           `koanf:"parallel" default:"64" help:"Conversations in which a process carries out what is due at a time."`
	MessageKeep time.Duration `koanf:"message_keep" default:"10m" help:"How long after what it answers an automated message is of use; one that has not left by then is dropped."`
	PlaceAfter  time.Duration `koanf:"place_after" default:"15s" help:"How long a customer waits before a place in the queue is told for the first time."`
	PlaceGap    time.Duration `koanf:"place_gap" default:"1m" help:"Shortest time between two places that one customer is told."`
	PlaceLook   time.Duration `koanf:"place_look" default:"5s" help:"How often the places of customers who wait are looked up."`
	BotLoopback bool          `koanf:"bot_loopback" default:"false" help:"Bots may be asked on this machine, by http too; for development and for a bot beside every process."`
	PublicURL   string        `koanf:"public_url" default:"" help:"Address under which customers reach ingress, such as https://hooks.example.com, where the page of a survey is. Empty: surveys by link are not sent."`
	CRM         CRMConfig     `koanf:"crm"`
}

// Validate tells what is wrong with the settings.
func (c *Config) Validate() error {
	if c.Parallel < 1 {
		return fault.New(fault.Invalid, "ENGAGEMENT_SETTINGS", "engagement.parallel is %d; it must be at least 1", c.Parallel)
	}
	for _, one := range []struct {
		field string
		is    time.Duration
	}{{"message_keep", c.MessageKeep}, {"place_after", c.PlaceAfter}, {"place_gap", c.PlaceGap}, {"place_look", c.PlaceLook}} {
		if one.is <= 0 {
			return fault.New(fault.Invalid, "ENGAGEMENT_SETTINGS", "engagement.%s is %s; it must be longer than nothing", one.field, one.is)
		}
	}
	if public, err := url.Parse(c.PublicURL); c.PublicURL != "" && (err != nil || public.Host == "" || public.Scheme != "https" && public.Scheme != "http") {
		return fault.New(fault.Invalid, "ENGAGEMENT_SETTINGS", "engagement.public_url is %q; it must be an address such as https://hooks.example.com", c.PublicURL)
	}
	return c.CRM.validate()
}

// New builds the service. It opens nothing before Run.
func New(cfg Config, deps host.Deps) (host.Service, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	speaker, err := newSpeaker(cfg, deps.Bus, deps.Directory.Now, deps.Now, deps.Registry)
	if err != nil {
		return nil, err
	}
	speaker.link = linker(cfg.PublicURL, deps.Secrets, deps.Log)
	herald, err := newHerald(cfg.CRM, deps.Bus, deps.Now, deps.Registry)
	if err != nil {
		return nil, err
	}
	usher := &usher{speaker: speaker, pace: say.Pace{After: cfg.PlaceAfter, Gap: cfg.PlaceGap}, look: cfg.PlaceLook,
		watch: deps.Bus.WatchThreads, places: askForPlaces(deps.Bus), diary: deps.Log}
	asker, err := newAsker(cfg, speaker, deps.Bus, deps.Secrets, deps.Log, deps.Registry)
	if err != nil {
		return nil, err
	}
	deps.Health.Ready("bus", deps.Bus.Ping)
	return &service{deps: deps, speaker: speaker, usher: usher, herald: herald, asker: asker, timers: &timers.Timers{
		Threads: deps.Bus, World: deps.Directory, Places: make(chan struct{}, cfg.Parallel),
		Glance: timers.Glance, Now: deps.Now, Meter: timers.NewMeter(deps.Registry), Log: deps.Log,
	}}, nil
}

type service struct {
	deps   host.Deps
	timers *timers.Timers

	speaker *speaker
	usher   *usher
	herald  *herald
	asker   *asker
}

// Run carries out what is due until ctx ends. What is due then, the next owner
// of its partition carries out.
func (s *service) Run(ctx context.Context) error {
	if err := s.deps.Directory.Wait(ctx); err != nil {
		return nil // the process ends
	}
	group, running := errgroup.WithContext(ctx)
	group.Go(func() error { return s.timers.Run(running, stage) })
	group.Go(func() error { return s.deps.Bus.FollowThreads(running, messages, s.speaker.answer) })
	group.Go(func() error { return s.deps.Bus.FollowThreads(running, bots, s.asker.follow) })
	group.Go(func() error { return s.deps.Bus.Lead(running, placesRole, s.usher.run) })
	group.Go(func() error { return s.herald.run(running) })
	if err := group.Wait(); ctx.Err() == nil {
		return err
	}
	return nil
}
