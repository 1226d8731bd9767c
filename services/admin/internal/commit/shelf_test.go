package commit_test

import (
	"context"
	"errors"
	"sync"

	"github.com/parley-desk/parley/pkg/bus"
	"github.com/parley-desk/parley/pkg/fault"
)

// shelf is a bucket in memory, as bus.Bucket behaves.
type shelf struct {
	mu    sync.Mutex
	log   []bus.Entry
	grown chan struct{} // closed when the log grows
}

func newShelf() *shelf { return &shelf{grown: make(chan struct{})} }

// last is a key as it stands after so many writes.
func (s *shelf) last(key string) bus.Entry {
	for i := len(s.log) - 1; i >= 0; i-- {
		if s.log[i].Key == key {
			return s.log[i]
		}
	}
	return bus.Entry{Key: key}
}

func (s *shelf) Get(_ context.Context, key string) (bus.Entry, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if e := s.last(key); e.Value != nil {
		return e, nil
	}
	return bus.Entry{}, fault.New(fault.NotFound, "KEY_UNKNOWN", "key %s is not there", key)
}

func (s *shelf) Write(_ context.Context, writes ...bus.Write) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, w := range writes {
		e := s.last(w.Key)
		if e.Value == nil && w.Revision == 0 {
			continue
		}
		if w.Revision != bus.AnyRevision && w.Revision != e.Revision {
			return fault.New(fault.Conflict, "KEY_EXISTS", "key %s is at %d, not at %d", w.Key, e.Revision, w.Revision)
		}
	}
	for _, w := range writes {
		s.log = append(s.log, bus.Entry{Key: w.Key, Value: w.Value, Revision: uint64(len(s.log) + 1)})
	}
	close(s.grown)
	s.grown = make(chan struct{})
	return nil
}

// entries are all that are there, in the order of their writes.
func (s *shelf) entries() []bus.Entry {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []bus.Entry
	for _, e := range s.log {
		if e.Value != nil && s.last(e.Key).Revision == e.Revision {
			all = append(all, e)
		}
	}
	return all
}

func (s *shelf) Watch(ctx context.Context, ready func(), handle func(bus.Entry)) error {
	s.mu.Lock()
	read := len(s.log)
	s.mu.Unlock()
	for _, e := range s.entries() {
		handle(e)
	}
	ready()
	for {
		s.mu.Lock()
		fresh, grown := s.log[read:], s.grown
		read = len(s.log)
		s.mu.Unlock()
		for _, e := range fresh {
			handle(e)
		}
		select {
		case <-grown:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// death ends a process at one of its reads and writes: nothing that it does after
// has an effect.
type death struct {
	left   int  // reads and writes until then
	stored bool // the last write is stored, and only its answer is lost
	dead   bool
}

var errDead = errors.New("the process died")

// mortal is a shelf as a process sees it that will die.
type mortal struct {
	*shelf
	death *death
}

func (m mortal) step(act func() error) error {
	d := m.death
	if d.dead {
		return errDead
	}
	if d.left--; d.left >= 0 {
		return act()
	}
	if d.dead = true; d.stored {
		_ = act()
	}
	return errDead
}

func (m mortal) Get(ctx context.Context, key string) (e bus.Entry, err error) {
	err = m.step(func() error { e, err = m.shelf.Get(ctx, key); return err })
	return e, err
}

func (m mortal) Write(ctx context.Context, writes ...bus.Write) error {
	return m.step(func() error { return m.shelf.Write(ctx, writes...) })
}

func (m mortal) Watch(ctx context.Context, ready func(), handle func(bus.Entry)) error {
	return m.step(func() error { return m.shelf.Watch(ctx, ready, handle) })
}
