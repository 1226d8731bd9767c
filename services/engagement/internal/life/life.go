// Package life says what time does to a conversation (L86 to L88): when
// something is due, and what then happens. Both follow from the thread's state
// and the configuration alone, so that a deadline needs no record of its own,
// and whoever carries it out decides again on how the thread stands then.
package life

import (
	"math"
	"time"

	"github.com/parley-desk/parley/pkg/directory"
	"github.com/parley-desk/parley/pkg/thread"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
)

// Never is when nothing is due.
const Never = int64(math.MaxInt64)

// How long conversations of Messenger stay in a phase before they are closed
// (L87). For those that are set aside nobody tells a default: after a week Meta
// lets nobody answer the customer any more.
const (
	openDays    = 30
	activeDays  = 30
	wrapUpDays  = 1
	waitingDays = 7
)

// Stand is what of a thread's state decides when something is due in it. It is
// small, because there are as many as live conversations.
type Stand struct {
	EnteredMs int64
	HeldMs    int64 // until when wrap-up keeps the agent's capacity; 0: no time is set
	Phase     uint8
}

// StandOf is how a thread stands; false when it has no live conversation.
func StandOf(s *threadv1.State) (Stand, bool) {
	c := s.GetConversation()
	if !thread.Live(c) {
		return Stand{}, false
	}
	stand := Stand{EnteredMs: c.GetEnteredMs(), Phase: uint8(c.GetPhase())}
	if c.GetPhase() == threadv1.Phase_PHASE_WRAP_UP {
		stand.HeldMs = c.GetDueMs()
	}
	return stand, true
}

// Plan is what a workstream says of the life of its conversations.
type Plan struct {
	close [threadv1.Phase_PHASE_CLOSED]time.Duration // by phase
}

// usual is the plan where nothing is said.
var usual = func() *Plan {
	p := &Plan{}
	for phase, days := range map[threadv1.Phase]time.Duration{threadv1.Phase_PHASE_OPEN: openDays, threadv1.Phase_PHASE_ACTIVE: activeDays,
		threadv1.Phase_PHASE_WRAP_UP: wrapUpDays, threadv1.Phase_PHASE_WAITING: waitingDays} {
		p.close[phase] = days * 24 * time.Hour
	}
	return p
}()

// Next is when something is due next, ms since 1970 UTC.
func (p *Plan) Next(st Stand) int64 {
	if int(st.Phase) >= len(p.close) || p.close[st.Phase] == 0 {
		return Never
	}
	return max(st.EnteredMs+p.close[st.Phase].Milliseconds(), st.HeldMs)
}

// Propose is what happens to a thread now; nothing when nothing is due.
func (p *Plan) Propose(s *threadv1.State, now time.Time) []*threadv1.Fact {
	stand, live := StandOf(s)
	if !live || p.Next(stand) > now.UnixMilli() {
		return nil
	}
	return thread.CloseByTime(s, threadv1.Cause_CAUSE_TIMED_OUT)
}

// Plans are those of all workstreams.
type Plans struct {
	world *directory.Snapshot
}

// NewPlans reads the plans out of the configuration.
func NewPlans(world *directory.Snapshot) *Plans { return &Plans{world: world} }

// Of is the plan for a conversation of a page that opened with a workstream.
func (p *Plans) Of(page, workstream string) *Plan { return usual }
