package say

import (
	"strconv"
	"time"

	"github.com/parley-desk/parley/pkg/thread"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
)

// Pace bounds how often a customer who waits is told a place in the queue.
type Pace struct {
	After time.Duration // how long a customer waits before the first time
	Gap   time.Duration // between two times
}

// Wants tells whether the page of a thread tells places at all, and the customer
// waits for one: whoever asks distribution asks for these.
func Wants(s *threadv1.State, w World, p Pace) bool {
	c := s.GetConversation()
	if c.GetPhase() != threadv1.Phase_PHASE_OPEN || c.GetQueue() == "" || c.GetOffer() != nil {
		return false
	}
	last, at := thread.Place(c)
	if last == 1 || last > 0 && w.Now.Sub(at) < p.Gap || w.Now.Sub(thread.WaitingSince(c)) < p.After {
		return false
	}
	if closed, _, _ := w.Rules.Closed(c.GetQueue(), w.Now); closed {
		return false // nobody moves up
	}
	page := w.Rules.World.PagesByMeta[s.GetPage()]
	for _, trigger := range []trigger{placeOf(1), placeOf(2)} {
		a := answer{World: w, s: s, page: page}
		if a.on(trigger) {
			return true
		}
	}
	return false
}

// Spot is a place in a queue, 1 being the next.
type Spot struct {
	Queue    string
	Position int32
	Wait     time.Duration // negative: nobody can say
}

// minutes is the wait, rounded up, for people.
func (s Spot) minutes() string {
	if s.Wait < 0 {
		return ""
	}
	return strconv.Itoa(int(max(s.Wait+time.Minute-1, time.Minute) / time.Minute))
}

// Place gives the fact by which a customer is told a place in a queue, and what
// became of it: only one that is nearer than the last, and not too often.
func Place(s *threadv1.State, at Spot, w World, p Pace) ([]*threadv1.Fact, []Outcome) {
	c := s.GetConversation()
	if last, _ := thread.Place(c); at.Position < 1 || c.GetQueue() != at.Queue || last > 0 && at.Position >= last || !Wants(s, w, p) {
		return nil, nil
	}
	a := answer{World: w, s: s, page: w.Rules.World.PagesByMeta[s.GetPage()], wait: at.minutes(),
		said: &threadv1.Automated{Conversation: c.GetId(), Position: at.Position, UntilMs: w.Now.Add(p.Gap).UnixMilli()}}
	facts, out := a.first([]trigger{placeOf(at.Position)})
	if out.Result != Said {
		return nil, nil // it is asked again and again, so nothing is counted
	}
	return facts, []Outcome{out}
}

// placeOf is the trigger of a place (L110: the place from the second on).
func placeOf(position int32) trigger {
	if position == 1 {
		return threadv1.Trigger_TRIGGER_NEXT_IN_LINE
	}
	return threadv1.Trigger_TRIGGER_POSITION_IN_QUEUE
}
