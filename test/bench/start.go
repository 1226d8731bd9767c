package bench

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/parley-desk/parley/pkg/bus"
	"github.com/parley-desk/parley/pkg/bus/broker"
	"github.com/parley-desk/parley/pkg/thread"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
	"github.com/parley-desk/parley/proto/subject"
)

const (
	storedThreads = 100_000
	liveOf        = 100 // one thread in so many waits in its queue, the rest are closed
	// settled is when what a process took at its start has come to rest.
	settled = 5 * time.Second
)

// start measures one process with every stage in it: how long until it is
// ready, and how much memory it holds then.
func start(ctx context.Context, lab *Lab) ([]Finding, error) {
	empty, err := lab.starts(ctx, "an empty directory", 2, 150, func() (string, error) { return lab.folder("empty") })
	if err != nil {
		return nil, err
	}
	dir, err := lab.folder("full")
	if err != nil {
		return nil, err
	}
	began := time.Now()
	if err := fill(ctx, dir); err != nil {
		return nil, fmt.Errorf("storing %d threads: %w", storedThreads, err)
	}
	lab.Say("  %d threads stored in %.0f s", storedThreads, time.Since(began).Seconds())
	full, err := lab.starts(ctx, thousands(storedThreads)+" threads", 10, 600, func() (string, error) { return dir, nil })
	return append(empty, full...), err
}

// starts starts a house several times and kills it each time.
func (l *Lab) starts(ctx context.Context, what string, seconds, megabytes float64, folder func() (string, error)) ([]Finding, error) {
	var took, held []float64
	for range 3 {
		dir, err := folder()
		if err != nil {
			return nil, err
		}
		h, err := l.house(ctx, dir, "")
		if err != nil {
			return nil, err
		}
		select {
		case <-time.After(settled):
		case <-ctx.Done():
		}
		mb, err := h.resident()
		h.stop(syscall.SIGKILL)
		if err != nil {
			return nil, err
		}
		l.Say("  %s: ready after %.2f s, %.0f MB", what, h.took.Seconds(), mb)
		took, held = append(took, h.took.Seconds()), append(held, mb)
	}
	return []Finding{
		{"one process, " + what + ", start to ready", Bound{AtMost: seconds, Unit: " s"}, median(took), "the process before was killed"},
		{"one process, " + what + ", resident memory", Bound{AtMost: megabytes, Unit: " MB"}, median(held), "5 s after it was ready"},
	}, nil
}

// fill stores threads as a house would have that has handled all of them.
func fill(ctx context.Context, dir string) (err error) {
	b, err := bus.Open(ctx, bus.Config{Embedded: true, DataDir: filepath.Join(dir, "data", "nats"), Partitions: 4}, bus.Tools{Broker: broker.Start})
	if err != nil {
		return err
	}
	defer func() {
		if closing := b.Close(context.WithoutCancel(ctx)); err == nil {
			err = closing
		}
	}()
	last := make([]atomic.Uint64, b.Partitions())
	failed := make(chan error, 1)
	var next atomic.Int64
	var writers sync.WaitGroup
	for range 1024 {
		writers.Go(func() {
			for n := int(next.Add(1)); n <= storedThreads && ctx.Err() == nil; n = int(next.Add(1)) {
				t := subject.Thread{Page: page, PSID: customer(n)}
				_, revision, err := b.Update(ctx, t, func(*threadv1.State, uint64) ([]*threadv1.Fact, error) { return episode(n), nil })
				if err != nil {
					select {
					case failed <- err:
					default:
					}
					return
				}
				highest := &last[t.Partition(b.Partitions())]
				for seen := highest.Load(); seen < revision && !highest.CompareAndSwap(seen, revision); seen = highest.Load() {
				}
			}
		})
	}
	writers.Wait()
	select {
	case err := <-failed:
		return err
	default:
	}
	return handled(ctx, b, last)
}

// episode is what happened in a thread.
func episode(n int) []*threadv1.Fact {
	id := fmt.Sprintf("0192f0c1-0000-7000-8000-%012d", n)
	said := thread.Of(&threadv1.MessageReceived{Mid: "m_" + id, Text: "Здравейте, къде е поръчката ми?", SentMs: time.Now().UnixMilli()})
	said.EventKey = "m_" + id
	facts := []*threadv1.Fact{said,
		thread.Of(&threadv1.ConversationOpened{Id: id, Workstream: "facebook", Units: 1, OfferSeconds: 60}),
		thread.Of(&threadv1.CustomerProfiled{Name: "Мария Иванова", Locale: "bg_BG"}),
		thread.Of(&threadv1.ConversationRouted{Queue: "front"})}
	if n%liveOf != 0 {
		facts = append(facts, thread.Of(&threadv1.ConversationClosed{Cause: threadv1.Cause_CAUSE_TIMED_OUT}))
	}
	return facts
}

// handled puts the checkpoints of the stages at the ends of the log.
func handled(ctx context.Context, b *bus.Bus, last []atomic.Uint64) error {
	for _, stage := range []string{"routing", "distribution", "outbound"} {
		for p := range last {
			value, err := json.Marshal(map[string]uint64{"seq": last[p].Load()})
			if err != nil {
				return err
			}
			err = b.Bucket(subject.CheckpointBucket).Write(ctx, bus.Write{Key: stage + "." + subject.ThreadStream(p), Value: value, Revision: bus.AnyRevision})
			if err != nil {
				return err
			}
		}
	}
	return nil
}
