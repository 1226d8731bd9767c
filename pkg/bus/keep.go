package bus

import (
	"context"
	"strconv"

	"github.com/parley-desk/parley/pkg/telemetry/key"
	"github.com/parley-desk/parley/proto/subject"
)

// Keeper keeps something about the threads of one partition for one tenure.
type Keeper struct {
	Handle func(Record) // the last commit of every thread, then every new one, in the order of the log
	Caught func()       // once, when Handle has seen everything there was; may be nil
	End    func()       // the partition may be somebody else's from now on; may be nil
}

// KeepThreads is for what a stage keeps in memory about every thread, such as
// when something is due: it has no checkpoint, and who takes a partition over
// reads it anew. begin is called for every partition that this process gets;
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
	caught := k.Caught
	if caught == nil {
		caught = func() {}
	}
	_ = b.followTail(ctx, source{stream: subject.ThreadStream(t.slot), last: true}, caught, func(m stored, behind uint64) error {
		lag.Set(float64(behind))
		r, err := decodeCommit(m, b.cfg.Partitions)
		if err != nil {
			b.log.WarnContext(ctx, "skipped a record that is no commit", key.Stream, m.stream, key.Revision, m.seq)
			return nil
		}
		k.Handle(r)
		return nil
	})
}
