package bus

import (
	"context"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/parley-desk/parley/pkg/telemetry/key"
	"github.com/parley-desk/parley/proto/subject"
)

// Keeper keeps something about the threads of one partition for one tenure.
type Keeper struct {
	Handle func(Record) // the last commit of every thread, then every new one, in the order of the log
	Caught func()       // once, when Handle has seen everything there was; may be nil
	End    func()       // the partition may be somebody else's from now on; may be nil
	// Floor is asked now and then: a thread whose last commit is at or before it is
	// of no interest, MaxUint64 for none that is. May be nil. Whoever reads anew is
	// spared those threads, where that is less to read.
	Floor func() uint64
}

// floorEvery is how often is stored below what nothing has to be read anew.
const floorEvery = 5 * time.Minute

// KeepThreads is for what a stage keeps in memory about every thread, such as
// when something is due: who takes a partition over reads it anew, as far as
// the keeper before did not say by Floor what can be left out. begin is called for every partition that this process gets;
// ctx ends with the tenure. Partitions are shared out over all processes of the
// stage, each to one, but for a frozen one that wakes. It blocks until ctx ends.
func (b *Bus) KeepThreads(ctx context.Context, stage string, begin func(ctx context.Context, partition int) Keeper) error {
	if err := validStage(stage); err != nil {
		return err
	}
	ctx, leave := b.enter(ctx)
	defer leave()
	ctx = context.WithValue(ctx, stageKey{}, stage)
	err := b.hold(ctx, groupOf(stage, "KEEP"), b.cfg.Partitions, func(t tenure) { b.keepOne(t, stage, begin) })
	return brokerFault(err, "keep the threads as stage %s", stage)
}

// keepOne reads one partition until its tenure ends.
func (b *Bus) keepOne(t tenure, stage string, begin func(ctx context.Context, partition int) Keeper) {
	ctx, cancel := context.WithCancel(t.lost)
	defer cancel()
	go func() {
		select {
		case <-t.stop:
			cancel()
		case <-ctx.Done():
		}
	}()
	partition := strconv.Itoa(t.slot)
	lag := b.metrics.lag.WithLabelValues(stage+"-kept", partition)
	defer b.metrics.lag.DeleteLabelValues(stage+"-kept", partition)
	k := begin(ctx, t.slot)
	if k.End != nil {
		defer k.End()
	}
	caught := k.caught
	ground := b.ground(ctx, stage, subject.ThreadStream(t.slot))
	if k.Floor != nil {
		done := ground.rise(ctx, k.Floor)
		defer done()
		caught = func() { ground.complete.Store(true); k.caught() }
	}
	_ = b.followTail(ctx, ground.source(ctx), caught, func(m stored, behind uint64) error {
		lag.Set(float64(behind))
		defer ground.handled.Store(m.seq)
		r, err := decodeCommit(m, b.cfg.Partitions)
		if err != nil {
			b.log.WarnContext(ctx, "skipped a record that is no commit", key.Stream, m.stream, key.Revision, m.seq)
			return nil
		}
		k.Handle(r)
		return nil
	})
}

func (k Keeper) caught() {
	if k.Caught != nil {
		k.Caught()
	}
}

// ground is below what nothing has to be read anew. It holds for ever: a thread
// that was of no interest at or below it either stays as it is or has a commit
// above it. It is an optimisation: without it everything is read.
type ground struct {
	bus      *Bus
	key      string
	stream   string
	stored   uint64
	handled  atomic.Uint64
	complete atomic.Bool // everything there was has been handled
}

// ground reads what the keeper before has left.
func (b *Bus) ground(ctx context.Context, stage, stream string) *ground {
	g := &ground{bus: b, stream: stream, key: stage + ".KEPT." + stream}
	e, err := b.Bucket(subject.CheckpointBucket).Get(ctx, g.key)
	if err == nil {
		g.stored, _ = strconv.ParseUint(string(e.Value), 10, 64)
	}
	return g
}

// source is what is to be read: the last commit of every thread, or all commits
// above the ground when those are fewer.
func (g *ground) source(ctx context.Context) source {
	all := source{stream: g.stream, last: true}
	if g.stored == 0 {
		return all
	}
	info, err := retryAway(ctx, func(ctx context.Context) (*jetstream.StreamInfo, error) { return g.bus.streams[g.stream].Info(ctx) })
	if err != nil || info.State.LastSeq < g.stored || info.State.LastSeq-g.stored >= info.State.NumSubjects {
		return all
	}
	g.handled.Store(g.stored)
	return source{stream: g.stream, from: g.stored + 1}
}

// rise stores the ground now and then, until the end that it gives is called.
func (g *ground) rise(ctx context.Context, floor func() uint64) (end func()) {
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		tick := time.NewTicker(floorEvery)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				g.store(ctx, floor)
			case <-stop:
				g.store(context.WithoutCancel(ctx), floor)
				return
			}
		}
	}()
	return func() { close(stop); <-stopped }
}

// store stores the ground. What was handled is asked for first: what comes after
// that is above it, whatever the keeper makes of it meanwhile.
func (g *ground) store(ctx context.Context, floor func() uint64) {
	if !g.complete.Load() {
		return
	}
	handled := g.handled.Load()
	now := min(handled, floor())
	if now <= g.stored {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, ackTimeout)
	defer cancel()
	err := g.bus.Bucket(subject.CheckpointBucket).Write(ctx, Write{Key: g.key, Value: []byte(strconv.FormatUint(now, 10)), Revision: AnyRevision})
	if err == nil {
		g.stored = now
	}
}
