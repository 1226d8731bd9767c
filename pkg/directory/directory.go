package directory

import (
	"context"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/parley-desk/parley/pkg/bus"
	"github.com/parley-desk/parley/proto/subject"
)

const (
	// burst is how long a complete change waits for others that follow it
	// closely, so that a hundred changes in a row make few snapshots.
	burst = 10 * time.Millisecond
	// patience is how long entries wait for their marker. One that never comes
	// was left out by its writer; the entries count all the same.
	patience = 250 * time.Millisecond
)

// Watcher is the part of bus.Bucket that a directory needs.
type Watcher interface {
	Watch(ctx context.Context, ready func(), handle func(bus.Entry)) error
}

// Directory follows CONFIG. Its methods may be called from any goroutine.
type Directory struct {
	source Watcher // nil: fixed
	view   atomic.Pointer[view]
	ready  chan struct{} // closed with the first snapshot
}

// view is a snapshot and the announcement of the next one.
type view struct {
	snapshot *Snapshot
	replaced chan struct{}
}

// New makes a directory over CONFIG; nothing is read before Run.
func New(b *bus.Bus) *Directory { return Follow(b.Bucket(subject.ConfigBucket)) }

// Follow makes a directory over any bucket that holds resources.
func Follow(source Watcher) *Directory {
	d := &Directory{source: source, ready: make(chan struct{})}
	d.view.Store(&view{NewSnapshot(), make(chan struct{})})
	return d
}

// Fixed makes a directory that always shows s, for tests; Run only waits.
func Fixed(s *Snapshot) *Directory {
	d := &Directory{ready: make(chan struct{})}
	d.view.Store(&view{s, make(chan struct{})})
	close(d.ready)
	return d
}

// Run follows CONFIG until ctx ends; then it returns nil. Call it once.
func (d *Directory) Run(ctx context.Context) error {
	if d.source == nil {
		<-ctx.Done()
		return nil
	}
	group, ctx := errgroup.WithContext(ctx)
	arrivals := make(chan arrival)
	group.Go(func() error {
		err := d.source.Watch(ctx,
			func() { deliver(ctx, arrivals, arrival{ready: true}) },
			func(e bus.Entry) { deliver(ctx, arrivals, arrival{entry: e}) })
		if ctx.Err() != nil {
			return nil
		}
		return err
	})
	group.Go(func() error {
		d.collect(ctx, arrivals)
		return nil
	})
	return group.Wait()
}

// arrival is one call of the watch: an entry, or that all there were have come.
type arrival struct {
	entry bus.Entry
	ready bool
}

func deliver(ctx context.Context, to chan<- arrival, a arrival) {
	select {
	case to <- a:
	case <-ctx.Done():
	}
}

// collect folds arrivals into the world, each change as a whole, and publishes
// the world after every burst of changes.
func (d *Directory) collect(ctx context.Context, arrivals <-chan arrival) {
	var (
		w       = newWorld()
		live    bool             // everything that was there has come
		pending []bus.Entry      // a change whose marker is still to come
		late    <-chan time.Time // when pending counts without marker
		due     <-chan time.Time // when to publish; nil: nothing new
	)
	settle := func() {
		w.take(pending...)
		pending, late = nil, nil
		if due == nil {
			due = time.After(burst)
		}
	}
	for {
		select {
		case <-ctx.Done():
			return
		case <-due:
			due = nil
			d.publish(w.snapshot())
		case <-late:
			settle()
		case a := <-arrivals:
			switch {
			case a.ready:
				live = true
				d.publish(w.snapshot())
				close(d.ready)
			case !live:
				w.take(a.entry)
			case a.entry.Key == Marker:
				pending = append(pending, a.entry)
				settle()
			default:
				pending = append(pending, a.entry)
				late = time.After(patience)
			}
		}
	}
}

func (d *Directory) publish(s *Snapshot) {
	old := d.view.Swap(&view{s, make(chan struct{})})
	close(old.replaced)
}

// Wait blocks until the first snapshot is complete; the error is that of ctx.
func (d *Directory) Wait(ctx context.Context) error {
	select {
	case <-d.ready:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Now is the snapshot in force: empty before the first is complete, and at
// most a second behind CONFIG after.
func (d *Directory) Now() *Snapshot { return d.view.Load().snapshot }

// Changed is closed at the next change after it was asked for. Who follows
// changes asks for it first and reads Now after, so that none falls between.
func (d *Directory) Changed() <-chan struct{} { return d.view.Load().replaced }
