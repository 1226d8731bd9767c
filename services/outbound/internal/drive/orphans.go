package drive

import (
	"context"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/parley-desk/parley/pkg/bus"
	"github.com/parley-desk/parley/pkg/thread"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
	"github.com/parley-desk/parley/proto/subject"
	"github.com/parley-desk/parley/services/outbound/internal/attempt"
)

// Watch is the part of the bus that shows every thread.
type Watch func(ctx context.Context, ready func(), handle func(bus.Record)) error

// Orphans watches over all threads until ctx ends and wakes those whose next
// step has been due for grace without being taken.
//
// The stage's reader hands a commit over and goes on, so that slow sends never
// hold others up; its checkpoint may then be past a send that is still open
// when the process dies, and no one is told of it again. One process of the
// deployment therefore runs this; that two do for a moment is harmless. So a send
// that is parked needs no goroutine: it is found when its page works again.
func (d *Driver) Orphans(ctx context.Context, watch Watch, grace time.Duration, wake func(subject.Thread)) error {
	open := openThreads{commits: map[subject.Thread]*threadv1.Commit{}}
	group, ctx := errgroup.WithContext(ctx)
	ready := make(chan struct{})
	group.Go(func() error {
		return watch(ctx, sync.OnceFunc(func() { close(ready) }), open.note)
	})
	group.Go(func() error {
		select {
		case <-ready:
		case <-ctx.Done():
		}
		for ctx.Err() == nil {
			for _, t := range open.overdue(d.Policy, d.Now().Add(-grace), d.Pages.View) {
				wake(t)
			}
			pause(ctx, min(grace, time.Second))
		}
		return nil
	})
	return group.Wait()
}

// uploading is how much longer a part that is a file is left to its process: it
// may be on its way to Meta. Another would only do the same once more.
const uploading = 30 * time.Second

// openThreads are the threads with a send to drive, as last seen.
type openThreads struct {
	mu      sync.Mutex
	commits map[subject.Thread]*threadv1.Commit
}

func (o *openThreads) note(r bus.Record) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if thread.NextSend(r.Commit.GetState()) == nil {
		delete(o.commits, r.Thread)
		return
	}
	o.commits[r.Thread] = r.Commit
}

// overdue lists the threads that already then stood as they do, with a step to
// take as their page stands now.
func (o *openThreads) overdue(p attempt.Policy, then time.Time, view func(string) attempt.Page) []subject.Thread {
	o.mu.Lock()
	defer o.mu.Unlock()
	var due []subject.Thread
	pages := map[string]attempt.Page{}
	for t, c := range o.commits {
		if _, seen := pages[t.Page]; !seen {
			pages[t.Page] = view(t.Page)
		}
		step, since := p.Next(c.GetState(), then, pages[t.Page]), then
		if next := thread.NextSend(c.GetState()); step.Do == attempt.Post && next.GetPart() < next.GetFiles() {
			since = then.Add(-uploading)
		}
		if c.GetAtMs() <= since.UnixMilli() && step.Do != attempt.Wait && step.Do != attempt.Idle {
			due = append(due, t)
		}
	}
	return due
}
