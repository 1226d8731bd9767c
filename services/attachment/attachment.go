// Package attachment copies the files that customers send from Meta's servers
// into the object store, before their links lapse. It is the only part of the
// house that opens a link which a stranger may have chosen; README.md says what
// keeps it from harm.
package attachment

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
	"google.golang.org/protobuf/proto"

	"github.com/parley-desk/parley/pkg/bus"
	"github.com/parley-desk/parley/pkg/contact"
	"github.com/parley-desk/parley/pkg/directory"
	"github.com/parley-desk/parley/pkg/erasure"
	"github.com/parley-desk/parley/pkg/fault"
	"github.com/parley-desk/parley/pkg/host"
	privacyv1 "github.com/parley-desk/parley/proto/gen/parley/privacy/v1"
	"github.com/parley-desk/parley/proto/subject"
	"github.com/parley-desk/parley/services/attachment/internal/copying"
	"github.com/parley-desk/parley/services/attachment/internal/erasing"
	"github.com/parley-desk/parley/services/attachment/internal/fetch"
	"github.com/parley-desk/parley/services/attachment/internal/forgetting"
	"github.com/parley-desk/parley/services/attachment/internal/keeping"
	"github.com/parley-desk/parley/services/attachment/internal/lapsing"
)

// stage names this service's readers of the log.
const stage = "attachment"

// Config are the settings of attachment. How large files may be and of which
// sorts a workstream says.
type Config struct {
	Hosts      []string      `koanf:"hosts" default:"fbcdn.net,fbsbx.com,facebook.com" help:"Hosts that files are fetched from, by https only; each stands for all names under it too."`
	PlainHosts []string      `koanf:"plain_hosts" default:"" help:"host:port that files are fetched from by http and wherever it is, for development with the sandbox; never in production."`
	Timeout    time.Duration `koanf:"timeout" default:"30s" help:"How long one transfer may take in all."`
	Rate       int           `koanf:"rate" default:"10240" help:"Bytes a second that a transfer must come to once it took 5 s."`
	Parallel   int           `koanf:"parallel" default:"16" help:"Files that a process copies at a time; each takes less than 1 MB of memory."`
	Attempts   int           `koanf:"attempts" default:"10" help:"Attempts for one file before the agent is told that it is not to be had."`
	Backoff    time.Duration `koanf:"backoff" default:"1s" help:"Pause after the first attempt that failed; it doubles every time."`
	BackoffMax time.Duration `koanf:"backoff_max" default:"1m" help:"Longest pause between two attempts."`
	KeepDays   int           `koanf:"keep_days" default:"0" help:"Days after which the files of customers and agents are taken away; the agent then reads that they are no longer kept. 0 keeps them for ever."`
	Shelf      string        `koanf:"certificates" default:"" help:"Folder, beside the log and on another disk, in which the certificate of every erasure is kept before it is called done: a restore learns from it who was erased since the backup. Empty keeps them in the log alone."`
	Retention  time.Duration `koanf:"retention_every" default:"6h" help:"How often is looked for closed conversations that their workstream has kept for its retention_days."`
	EraseRest  time.Duration `koanf:"erase_rest" default:"1m" help:"How long the commit that erases a person's thread stays in the log for desks to read; one that is cut off from the broker for longer goes on showing what it had."`
}

// grace is how long a transfer may be slower than the rate.
const grace = 5 * time.Second

// Validate tells everything that is wrong with the settings.
func (c *Config) Validate() error {
	var wrong []fault.Violation
	check := func(ok bool, field, format string, args ...any) {
		if !ok {
			wrong = append(wrong, fault.Violation{Field: field, Description: fmt.Sprintf(format, args...)})
		}
	}
	check(len(c.Hosts)+len(c.PlainHosts) > 0, "hosts", "names no host, so no file could be fetched")
	for _, name := range c.Hosts {
		check(name != "" && strings.Trim(name, ".") == name && strings.Contains(name, ".") && !strings.ContainsAny(name, ":/*@ ") && net.ParseIP(name) == nil,
			"hosts", "%q is not the name of a host, such as fbcdn.net", name)
	}
	for _, at := range c.PlainHosts {
		name, port, err := net.SplitHostPort(at)
		check(err == nil && name != "" && port != "", "plain_hosts", "%q is not host:port", at)
	}
	check(c.Timeout > 0, "timeout", "must be longer than nothing")
	check(c.Rate >= 0, "rate", "must not be negative")
	check(c.Parallel > 0, "parallel", "must be at least 1")
	check(c.Attempts > 0, "attempts", "must be at least 1")
	check(c.KeepDays >= 0 && c.KeepDays <= 36500, "keep_days", "must be 0, for ever, to 36500")
	check(c.Retention >= time.Minute, "retention_every", "must be at least 1m")
	check(c.EraseRest >= 0 && c.EraseRest <= time.Hour, "erase_rest", "must be 0 to 1h")
	check(c.Backoff > 0 && c.BackoffMax >= c.Backoff, "backoff", "must be longer than nothing and at most backoff_max")
	if len(wrong) == 0 {
		return nil
	}
	err := fault.New(fault.Invalid, "ATTACHMENT_SETTINGS", "the settings of attachment cannot work")
	err.Violations = wrong
	return err
}

// New builds the service. It opens nothing before Run.
func New(cfg Config, deps host.Deps) (host.Service, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	copier := &copying.Copier{
		Threads: deps.Bus, Store: deps.FileStore(),
		Links: fetch.New(fetch.Config{Hosts: lower(cfg.Hosts), Plain: cfg.PlainHosts, Timeout: cfg.Timeout,
			Rate: int64(cfg.Rate), Grace: grace, Now: deps.Now}),
		Policy: func(page string) directory.FilePolicy {
			world := deps.Directory.Now()
			return world.Files(world.PagesByMeta[page])
		},
		Retry:  copying.Retry{Attempts: cfg.Attempts, Pause: cfg.Backoff, PauseMax: cfg.BackoffMax},
		Places: make(chan struct{}, cfg.Parallel),
		Meter:  copying.NewMeter(deps.Registry), Log: deps.Log,
	}
	eraser := newEraser(deps)
	worker := newWorker(deps, eraser)
	worker.Rest, worker.Shelf, worker.Meter = cfg.EraseRest, erasure.Shelf(cfg.Shelf), forgetting.NewMeter(deps.Registry)
	keeper := &keeping.Keeper{Log: deps.Bus, Book: worker.Book, Contacts: worker.Contacts, World: deps.Directory.Now, Now: deps.Now, Every: cfg.Retention,
		Meter: keeping.NewMeter(deps.Registry), Diary: deps.Log}
	lapser := &lapsing.Job{Threads: deps.Bus, Files: deps.FileStore(), Keep: time.Duration(cfg.KeepDays) * 24 * time.Hour, Now: deps.Now,
		Meter: lapsing.NewMeter(deps.Registry, deps.Now), Log: deps.Log}
	deps.Health.Ready("bus", deps.Bus.Ping)
	return &service{deps: deps, copier: copier, eraser: eraser, worker: worker, keeper: keeper, lapser: lapser}, nil
}

func newEraser(deps host.Deps) *erasing.Eraser {
	return &erasing.Eraser{Threads: deps.Bus, Files: deps.FileStore(), Uploads: deps.Bus.Bucket(subject.UploadBucket),
		Media: deps.Bus.Bucket(subject.MediaBucket), Signer: deps.Secrets}
}

func newWorker(deps host.Deps, eraser *erasing.Eraser) *forgetting.Worker {
	return &forgetting.Worker{Log: deps.Bus, Book: &erasure.Book{Bucket: deps.Bus.Bucket(subject.PrivacyBucket), Box: deps.Secrets}, Files: eraser,
		Uploads: deps.Bus.Bucket(subject.UploadBucket), Media: deps.Bus.Bucket(subject.MediaBucket), Cards: deps.Bus.Bucket(subject.ContactBucket),
		Contacts: contact.Open(deps.Bus, deps.Now), Now: deps.Now, Diary: deps.Log}
}

// EraseAgain erases out of a restored house, in which nothing runs yet and which has
// no Redis, whoever was erased since its backup. It tells of how many certificates
// something was there, and how many orders had not begun, which wait for an hour now.
func EraseAgain(ctx context.Context, deps host.Deps, certificates []*privacyv1.Erasure) (persons, waiting int, _ error) {
	w := newWorker(deps, newEraser(deps))
	w.Log = alone{deps.Bus}
	return w.Again(ctx, certificates)
}

// alone is the log of a house in which distribution does not run: its Redis, which
// would have to forget somebody, is made anew.
type alone struct{ *bus.Bus }

// Call asks nobody for nothing.
func (alone) Call(context.Context, string, proto.Message, proto.Message) error { return nil }

func lower(hosts []string) []string {
	all := make([]string, len(hosts))
	for i, name := range hosts {
		all[i] = strings.ToLower(name)
	}
	return all
}

type service struct {
	deps   host.Deps
	copier *copying.Copier
	eraser *erasing.Eraser
	worker *forgetting.Worker
	lapser *lapsing.Job
	keeper *keeping.Keeper
}

// Run copies files, and erases who is to be erased, until ctx ends. What is half
// done then, the next one does anew.
func (s *service) Run(ctx context.Context) error {
	if err := s.deps.Directory.Wait(ctx); err != nil {
		return nil // the process ends
	}
	parent := ctx
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		return s.deps.Bus.FollowThreads(ctx, stage, func(ctx context.Context, r bus.Record) error {
			return errors.Join(s.copier.Handle(ctx, r), s.eraser.Handle(ctx, r))
		})
	})
	group.Go(func() error { return s.deps.Bus.Lead(ctx, "erasure", s.worker.Run) })
	group.Go(func() error { return s.deps.Bus.Lead(ctx, "attachment-age", s.lapser.Run) })
	group.Go(func() error { return s.deps.Bus.Lead(ctx, "retention", s.keeper.Run) })
	group.Go(func() error { return bus.Serve(ctx, s.deps.Bus, "erasure.count", s.worker.Count) })
	if err := group.Wait(); parent.Err() == nil {
		return err
	}
	return nil
}
