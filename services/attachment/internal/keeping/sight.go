// Package keeping has conversations erased that their workstream has kept for as long
// as it says (SS5). What is to go it finds in the log, every time anew; taking it away
// is the work of package forgetting, which this orders it from.
//
// # Invariants
//
//   - Nothing goes but conversations that are closed, and were so for at least as many
//     days as their workstream says, with all that came before them in their thread. So
//     what a thread has is without gaps, and a conversation that is kept for ever keeps
//     those behind it.
//   - A thread goes as a whole, with the name of its customer, only when its last
//     conversation goes; who writes before that stays who they are.
//   - Nobody goes who is held.
//   - An order is made again only when nobody carries one out for the same thread: who
//     is killed anywhere, looks again.
package keeping

import (
	"time"

	"github.com/parley-desk/parley/pkg/bus"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
	"github.com/parley-desk/parley/proto/subject"
)

// day is what workstreams count in.
const day = 24 * time.Hour

// Terms are for how many days conversations are kept.
type Terms struct {
	Days map[string]int32 // by workstream; 0 and those that are not here: for ever
	Of   func(page string) string
	Now  time.Time
}

// cutoff is when a conversation of a workstream must have been closed to go.
func (t Terms) cutoff(workstream string) (time.Time, bool) {
	days := t.Days[workstream]
	return t.Now.Add(-time.Duration(days) * day), days > 0
}

// Latest is the newest record that can be of a conversation that goes; ok false: none
// can.
func (t Terms) Latest() (latest time.Time, ok bool) {
	for workstream, days := range t.Days {
		if at, ends := t.cutoff(workstream); ends && days > 0 && (!ok || at.After(latest)) {
			latest, ok = at, true
		}
	}
	return latest, ok
}

// Past is how much of a thread goes.
type Past struct {
	Workstream string
	Revision   uint64 // up to which commit
	Inbound    uint64 // up to which record of INBOUND, as far as it is filed
	kept       bool   // something that stays has come
	filed      uint64
	last       uint64 // commit that was taken
	of         string // conversation of it
}

// Sight looks at the beginning of a log.
type Sight struct {
	Terms  Terms
	Oldest map[string]time.Time // by workstream with an end
	Pasts  map[subject.Thread]*Past
}

// NewSight begins to look.
func NewSight(t Terms) *Sight {
	return &Sight{Terms: t, Oldest: map[string]time.Time{}, Pasts: map[subject.Thread]*Past{}}
}

// Take looks at the next commit; those of a thread come in their order.
func (s *Sight) Take(r bus.Record) {
	p := s.Pasts[r.Thread]
	if p == nil {
		p = &Past{}
		s.Pasts[r.Thread] = p
	}
	c, at := r.Commit.GetState().GetConversation(), time.UnixMilli(r.Commit.GetAtMs())
	workstream := c.GetWorkstream()
	if c == nil { // before its first, as far as it is of any
		workstream = s.Terms.Of(r.Thread.Page)
	}
	cutoff, ends := s.Terms.cutoff(workstream)
	if first, known := s.Oldest[workstream]; ends && (!known || at.Before(first)) {
		s.Oldest[workstream] = at
	}
	for _, fact := range r.Commit.GetFacts() {
		p.filed = max(p.filed, fact.GetInboundSeq())
	}
	closed := c == nil || c.GetPhase() == threadv1.Phase_PHASE_CLOSED && !time.UnixMilli(c.GetEnteredMs()).After(cutoff)
	left := p.last > 0 && c.GetId() != p.of && p.Revision != p.last // the conversation before stays
	if p.kept = p.kept || !ends || left; !p.kept && closed && !at.After(cutoff) {
		p.Workstream, p.Revision, p.Inbound = workstream, r.Revision, p.filed
	}
	p.last, p.of = r.Revision, c.GetId()
}
