package distribution

import (
	"context"
	"time"

	"golang.org/x/sync/errgroup"
	"google.golang.org/protobuf/proto"

	"github.com/parley-desk/parley/pkg/bus"
	"github.com/parley-desk/parley/pkg/fault"
	"github.com/parley-desk/parley/pkg/host"
	"github.com/parley-desk/parley/pkg/keyspace"
	"github.com/parley-desk/parley/proto/subject"
	"github.com/parley-desk/parley/services/distribution/internal/assign"
	"github.com/parley-desk/parley/services/distribution/internal/offering"
)

// Config are the settings of distribution.
type Config struct {
	Group    string        `koanf:"group" default:"main" help:"Name of the routing group; agents and queues that share conversations share it."`
	Lease    time.Duration `koanf:"lease" default:"20s" help:"Without a heartbeat for so long an agent's desk is taken as gone."`
	Grace    time.Duration `koanf:"grace" default:"150s" help:"How long a lost agent keeps conversations before they go back to their queue."`
	Declines int           `koanf:"declines" default:"3" help:"After so many declined or missed offers of a conversation its agent is not offered it again, 1 to 5."`
	Missed   bool          `koanf:"missed_inactive" default:"true" help:"An agent who missed an offer is Inactive until coming back."`
	Rejected bool          `koanf:"rejected_dnd" default:"false" help:"An agent who rejected an offer is on Do not disturb until changing it."`
	Zone     string        `koanf:"time_zone" default:"UTC" help:"Time zone in which the day of agents ends who have no working hours, an IANA name; capacity profiles may be reset then."`
}

// Validate refuses settings that cannot work.
func (c *Config) Validate() error {
	switch {
	case c.Group == "":
		return fault.New(fault.Invalid, "GROUP_EMPTY", "distribution.group must not be empty")
	case c.Lease < time.Second:
		return fault.New(fault.Invalid, "LEASE_SHORT", "distribution.lease is %v; desks need at least 1s", c.Lease)
	case c.Grace < 0:
		return fault.New(fault.Invalid, "GRACE_NEGATIVE", "distribution.grace is %v; it must not be negative", c.Grace)
	case c.Declines < 0 || c.Declines > 5:
		return fault.New(fault.Invalid, "DECLINES_RANGE", "distribution.declines is %d; it must be 1 to 5", c.Declines)
	}
	if _, err := time.LoadLocation(c.Zone); err != nil {
		return fault.New(fault.Invalid, "ZONE_UNKNOWN", "distribution.time_zone is %q; give an IANA name such as Europe/Sofia", c.Zone)
	}
	return nil
}

type service struct {
	bus  *bus.Bus
	desk *offering.Distributor
}

// New makes the service; nothing is opened before Run. It needs Redis.
func New(cfg Config, deps host.Deps) (host.Service, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if deps.Redis == nil {
		return nil, fault.New(fault.Invalid, "REDIS_MISSING", "distribution needs Redis; set redis.url")
	}
	book, err := assign.NewBook(deps.Redis, assign.Config{
		Group: keyspace.Group(cfg.Group), Lease: cfg.Lease, Grace: cfg.Grace,
		Policy: assign.Policy{Declines: cfg.Declines, Missed: cfg.Missed, Rejected: cfg.Rejected}})
	if err != nil {
		return nil, err
	}
	zone, err := time.LoadLocation(cfg.Zone)
	if err != nil {
		return nil, err
	}
	desk := offering.New(offering.Parts{
		Book: book, Threads: deps.Bus, Directory: deps.Directory,
		Presences: deps.Bus.Bucket(subject.PresenceBucket), Pauses: deps.Bus.Bucket(subject.PauseBucket), Log: deps.Log, Now: deps.Now,
		Registry: deps.Registry, Zone: zone,
	})
	deps.Health.Ready("distribution", desk.Ready)
	return &service{bus: deps.Bus, desk: desk}, nil
}

// Run distributes until ctx ends.
func (s *service) Run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return s.bus.FollowThreads(ctx, "distribution", s.desk.Follow) })
	group.Go(func() error { return s.bus.Lead(ctx, "distribution-relay", s.desk.Lead) })
	group.Go(func() error { return s.desk.Ticker(ctx) })
	serve(ctx, group, s.bus, "distribution.presence", s.desk.SetPresence)
	serve(ctx, group, s.bus, "distribution.heartbeat", s.desk.Heartbeat)
	serve(ctx, group, s.bus, "distribution.answer", s.desk.AnswerOffer)
	serve(ctx, group, s.bus, "distribution.resume", s.desk.Resume)
	serve(ctx, group, s.bus, "distribution.shown", s.desk.Shown)
	serve(ctx, group, s.bus, "distribution.pick", s.desk.Pick)
	serve(ctx, group, s.bus, "distribution.roster", s.desk.Roster)
	serve(ctx, group, s.bus, "distribution.why", s.desk.Why)
	serve(ctx, group, s.bus, "distribution.position", s.desk.Positions)
	serve(ctx, group, s.bus, "distribution.queues", s.desk.Figures)
	serve(ctx, group, s.bus, "distribution.pause", s.desk.PauseQueue)
	serve(ctx, group, s.bus, "distribution.place", s.desk.Place)
	serve(ctx, group, s.bus, "distribution.forget", s.desk.Forget)
	if err := group.Wait(); !fault.Is(err, fault.Canceled) {
		return err
	}
	return nil
}

func serve[Req, Resp proto.Message](ctx context.Context, group *errgroup.Group, b *bus.Bus, method string,
	handle func(context.Context, Req) (Resp, error)) {
	group.Go(func() error { return bus.Serve(ctx, b, method, handle) })
}
