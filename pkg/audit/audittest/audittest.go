// Package audittest keeps an audit in memory, for tests: with what a broker does,
// and what somebody could do who has hold of it.
package audittest

import (
	"context"
	"slices"
	"sync"

	"github.com/parley-desk/parley/pkg/bus"
	"github.com/parley-desk/parley/pkg/fault"
)

// Stream is AUDIT in memory. Its zero value is empty. It is safe for concurrent use.
type Stream struct {
	mu      sync.Mutex
	entries []bus.AuditEntry
	end     uint64
	away    func() Away
}

// Away is what a publish meets.
type Away int

// What a publish may meet.
const (
	Here   Away = iota // the broker answers
	Lost               // it does not have it
	Stored             // it has it, and the answer is lost
)

// Lose asks away of every publish what it meets; nil: Here.
func (s *Stream) Lose(away func() Away) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.away = away
}

// All are the entries that stand there.
func (s *Stream) All() []bus.AuditEntry {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.entries)
}

// Alter puts others in their place, as somebody could who has hold of the broker.
// The end stays what it was.
func (s *Stream) Alter(entries []bus.AuditEntry) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.entries = slices.Clone(entries)
}

// AuditEnd is that of bus.Bus.
func (s *Stream) AuditEnd(context.Context) (uint64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.end, nil
}

// AuditAt is that of bus.Bus.
func (s *Stream) AuditAt(_ context.Context, number uint64) (bus.AuditEntry, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range s.entries {
		if e.Number == number {
			return e, nil
		}
	}
	return bus.AuditEntry{}, fault.New(fault.NotFound, "", "no such entry")
}

// AuditEntries is that of bus.Bus.
func (s *Stream) AuditEntries(_ context.Context, number uint64, most int) (found []bus.AuditEntry, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range s.entries {
		if e.Number >= number && len(found) < most {
			found = append(found, e)
		}
	}
	return found, nil
}

// AppendAudit is that of bus.Bus.
func (s *Stream) AppendAudit(_ context.Context, e bus.AuditEntry) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	meets := Here
	if s.away != nil {
		meets = s.away()
	}
	gone := fault.New(fault.Unavailable, "BROKER_AWAY", "no answer")
	switch {
	case meets == Lost:
		return gone
	case e.Number != s.end+1:
		return fault.New(fault.Conflict, "LOST_RACE", "another record stands there")
	}
	s.entries, s.end = append(s.entries, e), e.Number
	if meets == Stored {
		return gone
	}
	return nil
}
