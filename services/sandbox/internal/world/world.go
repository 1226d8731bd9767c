package world

import (
	"sync"
	"time"

	"github.com/parley-desk/parley/services/sandbox/internal/journal"
)

// World is the one State of a process and its journal. Its methods may be
// called concurrently.
type World struct {
	now func() time.Time
	log *journal.Journal

	mu      sync.RWMutex
	state   *State
	mark    int64         // journal position of the newest record
	changed chan struct{} // closed and replaced at every record
	recent  []journal.Record
}

// keep is how many of the newest records Since can give.
const keep = 4096

// Open rebuilds the world from the journal in dir.
func Open(dir string, pages []Page, now func() time.Time) (*World, error) {
	w := &World{now: now, state: NewState(pages), changed: make(chan struct{})}
	log, err := journal.Open(dir, func(r journal.Record) error {
		w.state.Apply(r)
		w.remember(r)
		return nil
	})
	if err != nil {
		return nil, err
	}
	w.log = log
	return w, nil
}

// Close syncs and closes the journal.
func (w *World) Close() error { return w.log.Close() }

// Journal is the file behind the world, to be read.
func (w *World) Journal() *journal.Journal { return w.log }

// Now is the clock of the world.
func (w *World) Now() time.Time { return w.now() }

// View shows the state to look; look must not keep or change it.
func (w *World) View(look func(*State)) {
	w.mu.RLock()
	defer w.mu.RUnlock()
	look(w.state)
}

// Decide is a decision on the state as it stands at a time: the records that
// follow from it, with Seq and AtMS still open. The first record of a call will
// have the sequence s.Seq+1.
type Decide func(s *State, now time.Time) ([]journal.Record, error)

// Commit applies what decide decides and blocks until it is on disk. Nobody may
// be told about something before Commit, or a later Sync, has returned.
func (w *World) Commit(decide Decide) error {
	if err := w.Note(decide); err != nil {
		return err
	}
	return w.Sync()
}

// Note is Commit without the wait, for what may be forgotten in a crash.
func (w *World) Note(decide Decide) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := w.now()
	records, err := decide(w.state, now)
	if err != nil || len(records) == 0 {
		return err
	}
	for _, r := range records {
		r.Seq, r.AtMS = w.state.Seq+1, now.UnixMilli()
		if w.mark, err = w.log.Write(r); err != nil {
			return err
		}
		w.state.Apply(r)
		w.remember(r)
	}
	close(w.changed)
	w.changed = make(chan struct{})
	return nil
}

// Sync blocks until everything that the state shows now is on disk.
func (w *World) Sync() error {
	w.mu.RLock()
	mark := w.mark
	w.mu.RUnlock()
	return w.log.Sync(mark)
}

// Changed gives a channel that closes at the next record. Take it before
// looking at the state, and no change is missed.
func (w *World) Changed() <-chan struct{} {
	w.mu.RLock()
	defer w.mu.RUnlock()
	return w.changed
}

// Since gives the records after seq, at most the newest few thousand.
func (w *World) Since(seq uint64) []journal.Record {
	w.mu.RLock()
	defer w.mu.RUnlock()
	for i, r := range w.recent {
		if r.Seq > seq {
			return append([]journal.Record(nil), w.recent[i:]...)
		}
	}
	return nil
}

func (w *World) remember(r journal.Record) {
	if len(w.recent) == 2*keep {
		w.recent = append(w.recent[:0], w.recent[keep:]...)
	}
	w.recent = append(w.recent, r)
}
