// Package transcript keeps the timelines of the threads that agents read, so
// that a page of history and a live change cost one commit and not a whole
// thread.
package transcript

import (
	"container/list"
	"context"
	"iter"
	"math"
	"sync"

	"github.com/parley-desk/parley/pkg/bus"
	"github.com/parley-desk/parley/pkg/fault"
	deskv1 "github.com/parley-desk/parley/proto/gen/parley/desk/v1"
	"github.com/parley-desk/parley/proto/subject"
	"github.com/parley-desk/parley/services/desk/internal/timeline"
)

// History is the part of bus.Bus that a shelf reads from.
type History interface {
	History(ctx context.Context, t subject.Thread, after uint64) iter.Seq2[bus.Record, error]
}

// Newest is the revision to read at for all that the log holds now.
const Newest = math.MaxUint64

// Shelf keeps the timelines used last, up to a number of items in all. Its
// methods may be called from any goroutine; calls for one thread wait for each
// other.
//
// A timeline on the shelf has no gaps, though it may be behind the log: a
// commit is folded in only right behind the one before it, and whoever needs
// what is missing reads it.
type Shelf struct {
	source History
	room   int

	mu      sync.Mutex
	volumes map[subject.Thread]*volume
	recent  *list.List // of *volume, the last used in front
	items   int        // in all volumes
}

type volume struct {
	thread subject.Thread
	spot   *list.Element // guarded by Shelf.mu
	size   int           // items counted for it; guarded by Shelf.mu

	mu       sync.Mutex
	timeline *timeline.Timeline
}

// NewShelf makes an empty shelf with room for so many items.
func NewShelf(source History, room int) *Shelf {
	return &Shelf{source: source, room: room, volumes: map[subject.Thread]*volume{}, recent: list.New()}
}

// Follow takes the next commit of a thread, if its timeline is here and at rest.
// It waits for nobody: what it leaves out is read when it is asked for.
func (s *Shelf) Follow(r bus.Record) {
	v := s.take(r.Thread, false)
	if v == nil || !v.mu.TryLock() {
		return
	}
	if v.timeline.Revision() >= r.Previous {
		v.timeline.Apply(r.Revision, r.Commit)
	}
	size := v.timeline.Len()
	v.mu.Unlock()
	s.settle(v, size)
}

// Forget takes the timeline of a thread away. Whoever has it in hand keeps it for
// that long.
func (s *Shelf) Forget(t subject.Thread) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if v := s.volumes[t]; v != nil {
		s.remove(v)
	}
}

// Changes takes the next commit of a thread and gives the items that it
// changed, as they stand at that commit or later. It reads what the timeline
// lacks before it.
func (s *Shelf) Changes(ctx context.Context, r bus.Record) (items []*deskv1.TimelineItem, err error) {
	err = s.Read(ctx, r.Thread, r.Previous, func(t *timeline.Timeline) {
		t.Apply(r.Revision, r.Commit)
		items = t.Since(r.Revision)
	})
	return items, err
}

// Read hands over the timeline of a thread at revision or later, for the time
// of the call.
func (s *Shelf) Read(ctx context.Context, t subject.Thread, revision uint64, use func(*timeline.Timeline)) error {
	v := s.take(t, true)
	v.mu.Lock()
	err := s.load(ctx, v, revision)
	if err == nil {
		use(v.timeline)
	}
	size := v.timeline.Len()
	v.mu.Unlock()
	s.settle(v, size)
	return err
}

// load reads on as far as the log goes, if the timeline is not at revision. When
// that breaks off, the next reading goes on there.
func (s *Shelf) load(ctx context.Context, v *volume, revision uint64) error {
	if v.timeline.Revision() >= revision {
		return nil
	}
	for r, err := range s.source.History(ctx, v.thread, v.timeline.Revision()) {
		if err != nil {
			return fault.Wrap(err, "reading the history of the thread")
		}
		v.timeline.Apply(r.Revision, r.Commit)
	}
	return nil
}

// Items is how many items are on the shelf.
func (s *Shelf) Items() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.items
}

// take gives the volume of a thread; nil when it is not here and not to be
// made.
func (s *Shelf) take(t subject.Thread, make bool) *volume {
	s.mu.Lock()
	defer s.mu.Unlock()
	v := s.volumes[t]
	switch {
	case v != nil && make:
		s.recent.MoveToFront(v.spot)
	case v == nil && make:
		v = &volume{thread: t, timeline: timeline.New()}
		v.spot = s.recent.PushFront(v)
		s.volumes[t] = v
	}
	return v
}

// settle counts a volume anew and makes room by taking away the ones not used
// for longest.
func (s *Shelf) settle(v *volume, size int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.volumes[v.thread] != v {
		return // taken away meanwhile
	}
	s.items += size - v.size
	v.size = size
	for s.items > s.room && s.recent.Len() > 1 {
		s.remove(s.recent.Back().Value.(*volume))
	}
}

func (s *Shelf) remove(v *volume) {
	s.recent.Remove(v.spot)
	delete(s.volumes, v.thread)
	s.items -= v.size
}
