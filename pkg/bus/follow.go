package bus

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/codes"

	"github.com/parley-desk/parley/pkg/fault"
	"github.com/parley-desk/parley/pkg/telemetry/key"
	"github.com/parley-desk/parley/proto/subject"
)

const (
	checkpointEvery = 2 * time.Second
	checkpointAfter = 1000 // records
	// drainTime is how long a hand-over waits for handlers that are at work.
	drainTime = 5 * time.Second
	maxTries  = 5
	firstWait = 50 * time.Millisecond
	longWait  = 15 * time.Second
	// A dependency that is away is no fault of the record: those are tried as
	// long as this, the thread parked meanwhile.
	awayPatience = time.Hour
)

// FollowInbound hands every event to handle, for this stage, in order per
// thread, threads concurrently, once a partition over all processes of the
// stage. It blocks until ctx ends. handle may be called again for a record it
// has handled. An error that fault.Retryable says can pass is tried again with
// growing delay: five times in all, but for an hour when it is Unavailable,
// Exhausted or Timeout, for then the record is not to blame. Other errors, and
// the last of those, put the record in DEADLETTER and the thread goes on. A new
// stage begins with the oldest record kept.
func (b *Bus) FollowInbound(ctx context.Context, stage string, handle func(context.Context, InboundRecord) error) error {
	return b.followStage(ctx, &stageFollower{bus: b, stage: stage, kind: "INBOUND", streamOf: subject.InboundStream, follow: b.follow, span: "process inbound.event", split: unbundle, pick: unbundleOne,
		handle: func(ctx context.Context, partition int, m stored) error {
			r, err := decodeEvent(m, partition, b.cfg.Partitions)
			if err != nil {
				return err
			}
			return handle(ctx, r)
		}})
}

// FollowThreads is FollowInbound for the commits of threads.
func (b *Bus) FollowThreads(ctx context.Context, stage string, handle func(context.Context, Record) error) error {
	return b.followStage(ctx, &stageFollower{bus: b, stage: stage, kind: "THREAD", streamOf: subject.ThreadStream, follow: b.followTail, span: "process thread.commit", split: whole, pick: func(m stored, _ int) stored { return m },
		handle: func(ctx context.Context, _ int, m stored) error {
			r, err := decodeCommit(m, b.cfg.Partitions)
			if err != nil {
				return err
			}
			r.Overtaken = b.states.put(r.Thread, r.snapshot())
			return handle(ctx, r)
		}})
}

func (b *Bus) followStage(ctx context.Context, f *stageFollower) error {
	if err := validStage(f.stage); err != nil {
		return err
	}
	ctx, leave := b.enter(ctx)
	defer leave()
	err := b.hold(ctx, groupOf(f.stage, f.kind), cmp.Or(f.slots, b.cfg.Partitions), f.own)
	return brokerFault(err, "follow as stage %s", f.stage)
}

func groupOf(stage, kind string) string { return stage + "." + kind }

// Members tells how many processes share a stage's work on the threads now, as
// this one last saw it, which follows as that stage: at least 1, itself.
func (b *Bus) Members(stage string) int {
	if n, ok := b.members.Load(groupOf(stage, "THREAD") + "."); ok {
		return n.(int)
	}
	return 1
}

// stageFollower is one stage's way through INBOUND or THREAD, or through a stream
// that is in one piece.
type stageFollower struct {
	bus      *Bus
	slots    int // streams; 0: one a partition
	stage    string
	kind     string
	span     string
	streamOf func(partition int) string
	follow   func(ctx context.Context, src source, caught func(), each func(m stored, behind uint64) error) error
	split    func(stored) []stored // into parts, at least one; the subject of each is its lane
	pick     func(m stored, part int) stored
	handle   func(ctx context.Context, partition int, part stored) error
}

// whole is the split of records that are one thing.
func whole(m stored) []stored { return []stored{m} }

// reader is the work on one partition for one tenure.
type reader struct {
	*stageFollower
	partition int
	stream    string
	work      context.Context // of handlers; ends when the lease is lost or the drain has taken too long
	quit      <-chan struct{} // closed when nothing new is to begin
	progress  *progress
	full      chan struct{} // enough was handled for a checkpoint
	head      atomic.Uint64 // last sequence known to be in the stream
	saved     checkpoint
}

// own reads one partition until its tenure ends.
func (f *stageFollower) own(t tenure) {
	work, cancel := context.WithCancel(t.lost)
	defer cancel()
	r := &reader{stageFollower: f, partition: t.slot, stream: f.streamOf(t.slot), work: context.WithValue(work, stageKey{}, f.stage),
		quit: t.stop, full: make(chan struct{}, 1)}
	from, ok := r.load()
	if !ok {
		return
	}
	r.saved, r.progress = from, newProgress(from)
	lanes := newLanes(r.process)
	reading, stopReading := context.WithCancel(work)
	var ways sync.WaitGroup
	ways.Go(func() { r.read(reading, lanes, from) })
	ways.Go(func() { r.offer(reading, lanes) })
	r.keep(t)
	stopReading()
	ways.Wait()
	drained := lanes.close()
	grace := time.NewTimer(drainTime)
	defer grace.Stop()
	select {
	case <-drained:
	case <-work.Done():
	case <-grace.C:
	}
	cancel()
	<-drained
	if t.lost.Err() == nil {
		r.save(t.lost)
	}
	f.bus.metrics.lag.DeleteLabelValues(f.stage, strconv.Itoa(t.slot))
}

// keep stores the checkpoint now and then, until the tenure ends.
func (r *reader) keep(t tenure) {
	tick := time.NewTicker(checkpointEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-r.full:
		case <-t.stop:
			return
		case <-t.lost.Done():
			return
		}
		r.save(t.lost)
	}
}

func (r *reader) key() string { return r.stage + "." + r.stream }

// load reads the checkpoint; it gives up only when the tenure ends.
func (r *reader) load() (checkpoint, bool) {
	for {
		e, err := r.bus.Bucket(subject.CheckpointBucket).Get(r.work, r.key())
		var c checkpoint
		switch {
		case fault.Is(err, fault.NotFound):
			return c, true
		case err == nil:
			if err = json.Unmarshal(e.Value, &c); err == nil {
				return c, true
			}
			r.bus.log.ErrorContext(r.work, "checkpoint is damaged, reading from the start", key.Stage, r.stage, key.Partition, r.partition)
			return checkpoint{}, true
		}
		select {
		case <-r.quit:
			return c, false
		default:
		}
		if r.work.Err() != nil {
			return c, false
		}
		pause(r.work, 100*time.Millisecond)
	}
}

// save stores the checkpoint when it has moved. A later one makes good what
// could not be stored.
func (r *reader) save(ctx context.Context) {
	c := r.progress.mark(time.Now())
	r.bus.metrics.lag.WithLabelValues(r.stage, strconv.Itoa(r.partition)).Set(float64(r.head.Load()-min(c.Seq, r.head.Load())) + float64(len(c.Pending)))
	if c.equal(r.saved) {
		return
	}
	data, err := json.Marshal(c)
	if err != nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, ackTimeout)
	defer cancel()
	if err := r.bus.Bucket(subject.CheckpointBucket).Write(ctx, Write{Key: r.key(), Value: data, Revision: AnyRevision}); err != nil {
		r.bus.log.DebugContext(ctx, "could not store a checkpoint", key.Stage, r.stage, key.Partition, r.partition, key.Err, err)
		return
	}
	r.saved = c
}

// read puts what was left parked, and then the stream, into the lanes.
func (r *reader) read(ctx context.Context, l *lanes, from checkpoint) {
	for _, seq := range from.Pending {
		m, err := r.fetch(ctx, seq)
		if absent(err) {
			r.progress.drop(seq)
			continue
		}
		if err != nil {
			return
		}
		parts := r.split(m)
		if r.enter(ctx, l, r.progress.again(seq, len(parts), time.Now()), parts) != nil {
			return
		}
	}
	_ = r.follow(ctx, source{stream: r.stream, from: from.Seq + 1}, nil, func(m stored, behind uint64) error {
		r.head.Store(m.seq + behind)
		parts := r.split(m)
		return r.enter(ctx, l, r.progress.begin(m.seq, len(parts), time.Now()), parts)
	})
}

// enter puts each part of a record into its lane.
func (r *reader) enter(ctx context.Context, l *lanes, t *ticket, parts []stored) error {
	for i := range parts {
		if err := l.add(ctx, parts[i].subject, item{ticket: t, part: i, msg: &parts[i]}); err != nil {
			return err
		}
	}
	return nil
}

// fetch reads one record again. The order of its thread hangs on it, so it
// gives an error only when the record was erased or the tenure ends.
func (r *reader) fetch(ctx context.Context, seq uint64) (stored, error) {
	for {
		m, err := retryAway(ctx, func(ctx context.Context) (stored, error) { return r.bus.getLeader(ctx, r.stream, lookup{Seq: seq}) })
		if err == nil || absent(err) || r.ending() {
			return m, err
		}
		r.bus.log.WarnContext(ctx, "a record cannot be read, its thread waits", key.Stage, r.stage, key.Stream, r.stream, key.Sequence, seq, key.Err, err)
		pause(ctx, 500*time.Millisecond)
	}
}

// process handles one part to its end: handled, dead, or left for the next owner.
func (r *reader) process(_ string, it item) {
	if it.msg == nil {
		m, err := r.fetch(r.work, it.ticket.seq)
		if absent(err) && it.redo == nil {
			r.finish(it.ticket)
		}
		if err != nil {
			return
		}
		m = r.pick(m, it.part)
		it.msg = &m
	}
	if it.redo != nil {
		it.redo(*it.msg)
	} else if r.try(*it.msg) {
		r.finish(it.ticket)
	}
}

func (r *reader) finish(t *ticket) {
	if r.progress.finish(t) >= checkpointAfter {
		select {
		case r.full <- struct{}{}:
		default:
		}
	}
}

func (r *reader) ending() bool {
	select {
	case <-r.quit:
		return true
	default:
		return r.work.Err() != nil
	}
}

// try runs the handler until it is content, or the record is in DEADLETTER. It
// is false when the tenure ended first.
func (r *reader) try(m stored) bool {
	began := time.Now()
	ctx, span := r.bus.consumer(r.work, r.span, r.stage, m.header)
	defer span.End()
	outcome := "done"
	defer func() {
		r.bus.metrics.process.WithLabelValues(r.stage, outcome).Observe(time.Since(began).Seconds())
	}()
	wait := firstWait
	for tries := 1; ; tries++ {
		_, err := guard(func() (struct{}, error) { return struct{}{}, r.handle(ctx, r.partition, m) })
		if err == nil {
			return true
		}
		if r.work.Err() != nil {
			outcome = "left"
			return false
		}
		span.SetStatus(codes.Error, fault.KindOf(err).String())
		if !again(err, tries, time.Since(began)) {
			outcome = "dead"
			return r.bus.bury(ctx, r.stage, r.partition, tries, m, err) == nil
		}
		r.bus.metrics.retries.WithLabelValues(r.stage, fault.KindOf(err).String()).Inc()
		r.bus.log.WarnContext(ctx, "handling failed, trying again", key.Stage, r.stage, key.Stream, m.stream, key.Sequence, m.seq, key.Attempts, tries, key.Err, err)
		if !r.rest(wait) {
			outcome = "left"
			return false
		}
		wait = min(4*wait, longWait)
	}
}

// again decides whether one more try makes sense.
func again(err error, tries int, since time.Duration) bool {
	switch fault.KindOf(err) {
	case fault.Unavailable, fault.Exhausted, fault.Timeout:
		return since < awayPatience
	case fault.Canceled:
		return tries < maxTries // somebody else's context: ours has not ended
	default:
		return fault.Retryable(err) && tries < maxTries
	}
}

// rest waits between two tries; false when the partition is to be handed over.
func (r *reader) rest(d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-r.quit:
		return false
	case <-r.work.Done():
		return false
	}
}

var errComplete = errors.New("everything was read")
