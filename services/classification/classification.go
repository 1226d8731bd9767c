// Package classification says what events of Meta's mean and who should answer
// them. Its intake files every event into its thread; its routing picks the
// queue of every conversation that opens.
package classification

import (
	"context"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/parley-desk/parley/pkg/contact"
	"github.com/parley-desk/parley/pkg/erasure"
	"github.com/parley-desk/parley/pkg/fault"
	"github.com/parley-desk/parley/pkg/host"
	"github.com/parley-desk/parley/proto/subject"
)

// Config are the settings of classification.
type Config struct {
	ProfileWait time.Duration `koanf:"profile_wait" default:"2s" help:"How long a conversation waits for the customer's name before it goes to its queue without."`
	RoomWait    time.Duration `koanf:"room_wait" default:"250ms" help:"How long a conversation waits for word on how many wait in a queue with a limit, before it goes there as if there were none."`
	ProfileAge  time.Duration `koanf:"profile_age" default:"24h" help:"Age from which a customer's name is looked up again when a conversation opens."`
}

// Validate checks that the settings can work.
func (c *Config) Validate() error {
	var wrong []fault.Violation
	if c.ProfileWait <= 0 || c.ProfileWait > 30*time.Second {
		wrong = append(wrong, fault.Violation{Field: "profile_wait", Description: "must be more than 0 and at most 30s: customers wait as long"})
	}
	if c.RoomWait <= 0 || c.RoomWait > 30*time.Second {
		wrong = append(wrong, fault.Violation{Field: "room_wait", Description: "must be more than 0 and at most 30s: customers wait as long"})
	}
	if c.ProfileAge <= 0 {
		wrong = append(wrong, fault.Violation{Field: "profile_age", Description: "must be longer than nothing"})
	}
	if len(wrong) == 0 {
		return nil
	}
	err := fault.New(fault.Invalid, "CLASSIFICATION_SETTINGS", "the settings of classification cannot work")
	err.Violations = wrong
	return err
}

// New builds the service. It opens nothing before Run.
func New(cfg Config, deps host.Deps) (host.Service, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	meters, err := newMeters(deps.Registry)
	if err != nil {
		return nil, fault.Wrap(err, "register metrics of classification")
	}
	if deps.Contacts == nil {
		deps.Contacts = contact.NewFinder(deps.Bus, deps.Now)
	}
	routing := &router{cfg: cfg, log: deps.Bus, directory: deps.Directory, config: deps.Bus.Bucket(subject.ConfigBucket), secrets: deps.Secrets, profiles: deps.Graph,
		places: askForRoom(deps.Bus), now: deps.Now,
		people: people{deps.Contacts.Book.Identify, deps.Contacts.Store.Resolve}, diary: deps.Log, meters: meters}
	return &service{
		deps: deps,
		intake: &filer{log: deps.Bus, directory: deps.Directory, signer: deps.Secrets, router: routing, meters: meters,
			erased: &erased{book: &erasure.Book{Bucket: deps.Bus.Bucket(subject.PrivacyBucket), Box: deps.Secrets}, until: map[string]int64{}}},
		routing: routing,
	}, nil
}

type service struct {
	deps    host.Deps
	intake  *filer
	routing *router
}

// Run starts once the directory is complete: before, every page would be
// unknown and no conversation would open.
func (s *service) Run(ctx context.Context) error {
	if err := s.deps.Directory.Wait(ctx); err != nil {
		return nil
	}
	group, work := errgroup.WithContext(ctx)
	known := make(chan struct{})
	group.Go(func() error { return s.intake.erased.follow(work, func() { close(known) }) })
	group.Go(func() error {
		select {
		case <-known:
		case <-work.Done():
			return nil
		}
		return s.deps.Bus.FollowInbound(work, "intake", s.intake.file)
	})
	group.Go(func() error { return s.deps.Bus.FollowThreads(work, "routing", s.routing.follow) })
	group.Go(func() error { return s.routing.retry(work) })
	group.Go(func() error { return s.book(work) })
	group.Go(func() error { return s.deps.Bus.Lead(work, "routing-sweep", s.routing.sweep) })
	if err := group.Wait(); ctx.Err() == nil {
		return err
	}
	return nil
}
