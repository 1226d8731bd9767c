package rules

import (
	"slices"
	"sync"
	"time"

	"github.com/parley-desk/parley/pkg/schedule"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
)

// calendar is a schedule, compiled when it is first asked. One that cannot be
// compiled, which no administrator could save, is always open.
type calendar struct {
	hours func() *schedule.Hours
}

func newCalendar(s *configv1.Schedule) *calendar {
	return &calendar{sync.OnceValue(func() *schedule.Hours {
		hours, err := schedule.Compile(s)
		if err != nil {
			return nil
		}
		return hours
	})}
}

// Hours tells how the hours of a queue stand. A queue without hours is always open
// (L42).
func (r *Rules) Hours(queue string, now time.Time) schedule.Status {
	c := r.calendars[r.World.Queues[queue].GetSchedule()]
	if c == nil {
		return schedule.Status{Open: true}
	}
	return c.hours().At(now)
}

// Closed tells whether a queue is out of its hours, why, and when it opens;
// zero: not within sight.
func (r *Rules) Closed(queue string, now time.Time) (closed bool, reason string, opens time.Time) {
	status := r.Hours(queue, now)
	if status.Open {
		return false, "", now
	}
	reason = "closed"
	if status.Reason != "" {
		reason += " (" + status.Reason + ")"
	}
	return true, reason, status.Changes
}

// Obstacle is why a queue does not get a conversation from somewhere else.
type Obstacle int

// The obstacles.
const (
	NoObstacle   Obstacle = iota
	QueueUnknown          // there is no such queue
	QueueEmpty            // nobody would ever take it there
	QueueClosed           // it is out of its hours
)

// Obstacle tells whether a conversation that has been in a queue can go to this
// one at now, and in words for people why not.
func (r *Rules) Obstacle(queue string, now time.Time) (Obstacle, string) {
	q, known := r.World.Queues[queue]
	switch {
	case !known:
		return QueueUnknown, "there is no such queue"
	case !slices.ContainsFunc(q.GetAgents(), func(a string) bool { return r.World.Agents[a] != nil }):
		return QueueEmpty, "the queue has no agents"
	}
	if closed, why, _ := r.Closed(queue, now); closed {
		return QueueClosed, "the queue is " + why
	}
	return NoObstacle, ""
}

// Open is how long a queue is open from one moment to another; without hours, all
// the time.
func (r *Rules) Open(queue string, from, to time.Time) time.Duration {
	c := r.calendars[r.World.Queues[queue].GetSchedule()]
	if c == nil {
		return max(to.Sub(from), 0)
	}
	return c.hours().Within(from, to)
}
