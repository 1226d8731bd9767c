package bus

import (
	"context"
	"errors"
	"iter"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/protobuf/proto"

	inboundv1 "github.com/parley-desk/parley/proto/gen/parley/inbound/v1"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
	"github.com/parley-desk/parley/proto/subject"
)

var errSkeleton = errors.New("bus: skeleton")

// Config says how to reach the broker. Settings of the process fill it.
type Config struct {
	URL         string // nats://...; empty with Embedded
	Embedded    bool   // run the broker in this process, without a socket
	DataDir     string // of the embedded broker; locked while open
	Partitions  int    // of a new deployment; an existing one must agree
	Replicas    int    // of every stream; 1 or 3
	AllowUnsafe bool   // start without sync_always or with fewer replicas
	Instance    string // name of this process, unique in the deployment
	LeaseTTL    time.Duration
}

// Tools are what the bus reports with.
type Tools struct {
	Log      *slog.Logger
	Registry prometheus.Registerer
	Tracer   trace.Tracer
}

// Bus is a connection to the log.
type Bus struct{ cfg Config }

// Open connects, or starts the embedded broker, checks durability, and ensures
// streams and buckets.
func Open(ctx context.Context, cfg Config, tools Tools) (*Bus, error) { return nil, errSkeleton }

// Close hands leases over, drains and disconnects; an embedded broker is shut down.
func (b *Bus) Close(ctx context.Context) error { return errSkeleton }

// Partitions is how many partitions the deployment has.
func (b *Bus) Partitions() int { return b.cfg.Partitions }

// PublishInbound stores events; it returns when all are on disk.
func (b *Bus) PublishInbound(ctx context.Context, events []*inboundv1.Event) error {
	return errSkeleton
}

// Load reads a thread's state and revision; a new thread has a state with only
// its ids and revision 0. The caller may change the state: it is its own copy.
func (b *Bus) Load(ctx context.Context, t subject.Thread) (*threadv1.State, uint64, error) {
	return nil, 0, errSkeleton
}

// Update reads a thread, asks decide for facts, applies them (pkg/thread) and commits with
// the revision read as precondition; when the race is lost it reads and asks
// again. No facts: nothing is written and the state read is returned. decide
// must not keep or change the state and may be called several times.
func (b *Bus) Update(ctx context.Context, t subject.Thread, decide func(*threadv1.State, uint64) ([]*threadv1.Fact, error)) (*threadv1.State, uint64, error) {
	return nil, 0, errSkeleton
}

// Record is one commit as read from the log.
type Record struct {
	Thread    subject.Thread
	Partition int
	Revision  uint64 // sequence in the partition's stream
	Stored    time.Time
	Commit    *threadv1.Commit // shared: do not change
}

// InboundRecord is one event as read from INBOUND.
type InboundRecord struct {
	Thread    subject.Thread
	Partition int
	Sequence  uint64
	Stored    time.Time
	Event     *inboundv1.Event
}

// FollowInbound hands every event to handle, for this stage, in order per
// thread, threads concurrently, once a partition over all processes of the
// stage. It blocks until ctx ends. handle may be called again for a record it
// has handled. An error that fault.Retryable says can pass is tried again with growing delay; others, and
// the last of them, put the record in DEADLETTER and the thread goes on.
func (b *Bus) FollowInbound(ctx context.Context, stage string, handle func(context.Context, InboundRecord) error) error {
	return errSkeleton
}

// FollowThreads is FollowInbound for the commits of threads.
func (b *Bus) FollowThreads(ctx context.Context, stage string, handle func(context.Context, Record) error) error {
	return errSkeleton
}

// WatchThreads hands to every process the last commit of every thread, then
// calls ready once, then every new commit. One goroutine a partition calls
// handle, in the order of the log. It blocks until ctx ends; after a break it continues where it was.
func (b *Bus) WatchThreads(ctx context.Context, ready func(), handle func(Record)) error {
	return errSkeleton
}

// States yields the last commit of every thread of every partition, as they
// stand while it runs.
func (b *Bus) States(ctx context.Context) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) { yield(Record{}, errSkeleton) }
}

// History yields the commits of one thread with after < revision, oldest first.
func (b *Bus) History(ctx context.Context, t subject.Thread, after uint64) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) { yield(Record{}, errSkeleton) }
}

// Lead runs work while this process holds the named lease; exactly one of all
// processes does at a time, but for a frozen one that wakes: work must be
// harmless twice. It blocks until ctx ends and runs work again when it returns.
func (b *Bus) Lead(ctx context.Context, role string, work func(context.Context) error) error {
	return errSkeleton
}

// Call asks whichever process serves method and reads the answer; its faults
// come back with their kind. Unavailable when nobody serves it.
func (b *Bus) Call(ctx context.Context, method string, req, resp proto.Message) error {
	return errSkeleton
}

// Serve answers calls of method until ctx ends, sharing them with the other
// processes that serve it.
func Serve[Req, Resp proto.Message](ctx context.Context, b *Bus, method string, handle func(context.Context, Req) (Resp, error)) error {
	return errSkeleton
}

// Entry is one key of a bucket.
type Entry struct {
	Key      string
	Value    []byte // nil: deleted
	Revision uint64
}

// Write is one change of a bucket; Value nil deletes. Revision is what the
// key must be at, 0 when it must not exist; AnyRevision skips the check.
type Write struct {
	Key      string
	Value    []byte
	Revision uint64
}

// AnyRevision as Write.Revision writes whatever is there.
const AnyRevision = ^uint64(0)

// Bucket is a small replicated key-value store with watches.
type Bucket struct{}

// Bucket opens one of the buckets of proto/subject.
func (b *Bus) Bucket(name string) *Bucket { return &Bucket{} }

// Get reads a key; fault.NotFound when it is not there.
func (k *Bucket) Get(ctx context.Context, key string) (Entry, error) { return Entry{}, errSkeleton }

// Write makes all changes or none; fault.Conflict when a revision differs.
func (k *Bucket) Write(ctx context.Context, writes ...Write) error { return errSkeleton }

// Watch hands over every entry, then calls ready once, then every change, in
// order, from one goroutine, until ctx ends; it survives breaks.
func (k *Bucket) Watch(ctx context.Context, ready func(), handle func(Entry)) error {
	return errSkeleton
}

// DeadLetter is a record that a stage gave up.
type DeadLetter struct {
	Sequence, SourceSequence uint64
	Stage, Subject, Reason   string
	Attempts                 int
	At                       time.Time
	Data                     []byte
}

// DeadLetters yields the newest first.
func (b *Bus) DeadLetters(ctx context.Context) iter.Seq2[DeadLetter, error] {
	return func(yield func(DeadLetter, error) bool) { yield(DeadLetter{}, errSkeleton) }
}

// Check is one thing that doctor looks at.
type Check struct {
	Name, Detail, Remedy string
	Level                Level
}

// Level is how a check stands.
type Level int

// The levels.
const (
	Fine Level = iota
	Warning
	Failed
)

// Checks looks at durability, replicas, lag of every stage, disk and dead letters.
func (b *Bus) Checks(ctx context.Context) []Check { return nil }

// Ping is nil while the broker answers; for readiness.
func (b *Bus) Ping(ctx context.Context) error { return errSkeleton }
