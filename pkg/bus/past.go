package bus

import (
	"context"
	"iter"
	"time"

	"github.com/parley-desk/parley/proto/subject"
)

// Before yields the commits of a partition that were stored up to a moment, oldest
// first. After an error it ends.
func (b *Bus) Before(ctx context.Context, partition int, until time.Time) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		ctx, leave := b.enter(ctx)
		defer leave()
		reading, done := context.WithCancelCause(ctx)
		defer done(nil)
		stopped := false
		err := b.follow(reading, source{stream: subject.ThreadStream(partition)}, func() { done(errComplete) }, func(m stored, _ uint64) error {
			if stopped || m.at.After(until) {
				done(errComplete)
				return nil
			}
			if r, err := decodeCommit(m, b.cfg.Partitions); err == nil && !yield(r, nil) {
				stopped = true
				done(errComplete)
			}
			return nil
		})
		if context.Cause(reading) != errComplete && !stopped {
			yield(Record{}, brokerFault(err, "read what is old of partition %d", partition))
		}
	}
}
