package intake

import threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"

// moment is when an event happened, by Meta's clock as far as it can be believed.
type moment struct {
	ms     int64
	coarse bool // known to the second only
	lent   bool // not the event's own: a repetition of it may have another
	stale  bool // older than Stale on arrival
	ahead  bool // further ahead than Ahead on arrival
}

// when reads the event's time, else its entry's, else the time it arrived. Ages
// are counted from arrival, not from now: an event that waited for us in the
// log is not older for it.
func when(in Input) moment {
	arrived := in.Event.GetReceivedMs()
	// Of what was recovered it is not the second that is doubted but the order: in
	// the second of a younger message it counts as late.
	m := moment{ms: in.Item.SentMS, coarse: in.Item.Coarse && !in.recovered(), lent: in.Item.SentMS == 0}
	if m.ms == 0 {
		m.ms = in.Event.GetEntryMs()
	}
	if m.ms == 0 {
		m.ms = arrived
	}
	// What was recovered was read from Meta itself: it is old, and no replay.
	m.stale = arrived-m.ms > Stale.Milliseconds() && !in.recovered()
	if m.ahead = m.ms-arrived > Ahead.Milliseconds(); m.ahead {
		m.ms, m.lent = arrived, true
	}
	return m
}

// Before tells whether an event is of before a moment, ms since 1970 UTC, by a time
// of its own.
func Before(in Input, ms int64) bool {
	at := when(in)
	return !at.lent && at.ms < ms
}

// unbelievable tells that the time is no proof of when the customer spoke.
func (m moment) unbelievable() bool { return m.stale || m.ahead }

// late tells whether something younger came first, or the time is not to be
// believed.
func (m moment) late(s *threadv1.State) bool {
	end := m.ms
	if m.coarse {
		end += 999
	}
	return m.unbelievable() || end < s.GetNewestMs()
}
