package bus

import (
	"context"
	"iter"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/parley-desk/parley/pkg/fault"
	"github.com/parley-desk/parley/pkg/telemetry/key"
	"github.com/parley-desk/parley/proto/subject"
)

// WatchThreads hands to every process the last commit of every thread, then
// calls ready once, then every new commit. One goroutine a partition calls
// handle, in the order of the log. It blocks until ctx ends; after a break it continues where it was.
func (b *Bus) WatchThreads(ctx context.Context, ready func(), handle func(Record)) error {
	ctx, leave := b.enter(ctx)
	defer leave()
	var left atomic.Int64
	left.Store(int64(b.cfg.Partitions))
	caught := func() {
		if left.Add(-1) == 0 && ready != nil {
			ready()
		}
	}
	g, ctx := errgroup.WithContext(ctx)
	for p := range b.cfg.Partitions {
		g.Go(func() error {
			return b.followTail(ctx, source{stream: subject.ThreadStream(p), last: true}, caught, func(m stored, _ uint64) error {
				r, err := decodeCommit(m, b.cfg.Partitions)
				if err != nil {
					b.log.WarnContext(ctx, "skipped a record that is no commit", key.Stream, m.stream, key.Revision, m.seq)
					return nil
				}
				if left.Load() > 0 {
					handle(r) // what was there before is nobody's news
					return nil
				}
				_, span := b.consumer(ctx, "process thread.commit", "watch", m.header)
				defer span.End()
				handle(r)
				return nil
			})
		})
	}
	return brokerFault(g.Wait(), "watch threads")
}

// FollowSince hands to every process the commits that were stored since a time, then
// every new one. One goroutine a partition calls handle, in the order of the log. It
// blocks until ctx ends; after a break it continues where it was.
func (b *Bus) FollowSince(ctx context.Context, since time.Time, handle func(Record)) error {
	ctx, leave := b.enter(ctx)
	defer leave()
	g, ctx := errgroup.WithContext(ctx)
	for p := range b.cfg.Partitions {
		g.Go(func() error {
			return b.followTail(ctx, source{stream: subject.ThreadStream(p), since: since}, nil, func(m stored, _ uint64) error {
				if r, err := decodeCommit(m, b.cfg.Partitions); err == nil { // what is no commit WatchThreads and the stages tell of
					handle(r)
				}
				return nil
			})
		})
	}
	return brokerFault(g.Wait(), "follow threads since a time")
}

// States yields the last commit of every thread of every partition, as they
// stand while it runs. After an error it ends.
func (b *Bus) States(ctx context.Context) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		ctx, leave := b.enter(ctx)
		defer leave()
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		records := make(chan Record, sessionAhead)
		g, gctx := errgroup.WithContext(ctx)
		for p := range b.cfg.Partitions {
			g.Go(func() error { return b.statesOf(gctx, p, records) })
		}
		failed := make(chan error, 1)
		go func() { err := g.Wait(); close(records); failed <- err }()
		for r := range records {
			if !yield(r, nil) {
				cancel()
				<-failed
				return
			}
		}
		if err := <-failed; err != nil {
			yield(Record{}, brokerFault(err, "read the states of threads"))
		}
	}
}

func (b *Bus) statesOf(ctx context.Context, p int, records chan<- Record) error {
	ctx, done := context.WithCancelCause(ctx)
	defer done(nil)
	err := b.follow(ctx, source{stream: subject.ThreadStream(p), last: true}, func() { done(errComplete) }, func(m stored, _ uint64) error {
		r, err := decodeCommit(m, b.cfg.Partitions)
		if err != nil {
			return nil
		}
		select {
		case records <- r:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	})
	if context.Cause(ctx) == errComplete {
		return nil
	}
	return err
}

// historyPage is how many commits History asks for at once.
const historyPage = 128

// History yields the commits of one thread with after < revision, oldest
// first, as far as the log goes now. After an error it ends.
func (b *Bus) History(ctx context.Context, t subject.Thread, after uint64) iter.Seq2[Record, error] {
	stream, log := subject.ThreadStream(t.Partition(b.cfg.Partitions)), subject.Log(t, b.cfg.Partitions)
	type page struct {
		found []stored
		more  bool
	}
	next := func(ctx context.Context) (p page, err error) {
		p.found, p.more, err = b.page(ctx, stream, lookup{Next: log, Seq: after + 1, Batch: historyPage})
		return p, err
	}
	// With several replicas the one that answered may be behind: the leader
	// gives what is left.
	last := func(ctx context.Context) (p page, err error) {
		m, err := b.getLeader(ctx, stream, lookup{Next: log, Seq: after + 1})
		if err == nil {
			p = page{[]stored{m}, true}
		} else if absent(err) {
			err = nil
		}
		return p, err
	}
	return func(yield func(Record, error) bool) {
		behind := b.cfg.Replicas > 1
		for {
			p, err := retryAway(ctx, next)
			if err != nil {
				yield(Record{}, brokerFault(err, "read the history of a thread"))
				return
			}
			for _, m := range p.found {
				after = m.seq
				r, err := decodeCommit(m, b.cfg.Partitions)
				if err != nil {
					continue // not ours; a stage has put it in DEADLETTER
				}
				if !yield(r, nil) {
					return
				}
			}
			if !p.more && !behind {
				return
			}
			if !p.more {
				next, behind = last, false
			}
		}
	}
}

// At reads the commit of a thread that has a revision; fault.NotFound when it has
// none, or was erased.
func (b *Bus) At(ctx context.Context, t subject.Thread, revision uint64) (Record, error) {
	m, err := retryAway(ctx, func(ctx context.Context) (stored, error) {
		m, err := b.get(ctx, subject.ThreadStream(t.Partition(b.cfg.Partitions)), lookup{Seq: revision})
		if absent(err) && b.cfg.Replicas > 1 {
			m, err = b.getLeader(ctx, subject.ThreadStream(t.Partition(b.cfg.Partitions)), lookup{Seq: revision})
		}
		return m, err
	})
	if absent(err) || err == nil && m.subject != subject.Log(t, b.cfg.Partitions) {
		return Record{}, fault.New(fault.NotFound, "NO_SUCH_COMMIT", "the thread has no commit %d", revision)
	}
	if err != nil {
		return Record{}, brokerFault(err, "read a commit")
	}
	return decodeCommit(m, b.cfg.Partitions)
}
