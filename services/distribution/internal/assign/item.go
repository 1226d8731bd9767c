package assign

import (
	"github.com/parley-desk/parley/pkg/thread"
	"github.com/parley-desk/parley/proto/subject"

	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
)

// Phase is where an item stands in the book.
type Phase string

// The phases. Offered, Active, WrapUp, Resuming and Picking take capacity.
const (
	Waiting  Phase = "W" // in its queue
	Offered  Phase = "O" // reserved; the log has the offer or is about to
	Active   Phase = "A" // an agent has it
	WrapUp   Phase = "U" // ended, and still takes capacity
	Resuming Phase = "R" // reserved for the agent who returns to it
	Picking  Phase = "P" // in its queue, reserved for the agent who picks it
	Stale    Phase = "S" // the log has an offer that the book never reserved
	Done     Phase = "X" // nothing of distribution's
)

// Item is a thread's live conversation as distribution sees it at one revision.
type Item struct {
	Key          string // of the thread: subject.Thread.Key
	Revision     uint64
	Conversation string
	Phase        Phase
	Queue        string
	Class        Class
	Priority     int32 // 0 to 1023
	QueuedMS     int64 // its place in the queue
	SinceMS      int64 // when its present wait in the queue began: thread.WaitingSince
	OfferMS      int64 // how long an offer lasts
	Agent        string
	Fence        int64
	Highest      int64 // fence the thread has ever seen
	DueMS        int64 // Offered: lapses; WrapUp: stops taking capacity, 0 never
	// Waiting: the agent who is waited for before others are asked, and until
	// when, 0 for as long as it takes.
	Prefer        string
	PreferUntilMS int64
	PickOnly      bool // offered to nobody: agents pick it
	// When Agent got it last, 0: never. Of a load alone: turns follow from it.
	AssignedMS int64
}

const (
	topPriority = 1023
	leastOffer  = 5000 // ms; an offer shorter than this could not be answered
)

// ItemOf reads the item out of a thread's state. It is total: a state that is
// none of distribution's business gives an item that is Done.
func ItemOf(t subject.Thread, s *threadv1.State, revision uint64) Item {
	c := s.GetConversation()
	item := Item{
		Key: t.Key(), Revision: revision, Conversation: c.GetId(), Phase: Done,
		Queue: c.GetQueue(), Class: ClassOf(c),
		Prefer: c.GetPrefer(), PreferUntilMS: c.GetPreferUntilMs(), PickOnly: c.GetTerms().GetPickOnly(),
		Priority: min(max(c.GetPriority(), 0), topPriority),
		QueuedMS: c.GetQueuedMs(), SinceMS: thread.WaitingSince(c).UnixMilli(), OfferMS: max(thread.OfferLasts(s).Milliseconds(), leastOffer),
		Agent: c.GetAgent(), Fence: c.GetFence(), Highest: s.GetFence(),
		AssignedMS: c.GetAssignedMs(),
	}
	switch c.GetPhase() {
	case threadv1.Phase_PHASE_OPEN:
		item.open(c)
	case threadv1.Phase_PHASE_ACTIVE:
		item.Phase = Active
	case threadv1.Phase_PHASE_WRAP_UP:
		if c.GetWrapUpBlocks() {
			item.Phase, item.DueMS = WrapUp, c.GetDueMs()
		}
	case threadv1.Phase_PHASE_WAITING, threadv1.Phase_PHASE_CLOSED, threadv1.Phase_PHASE_UNSPECIFIED:
	}
	return item
}

func (i *Item) open(c *threadv1.Conversation) {
	if o := c.GetOffer(); o != nil {
		i.Phase, i.Agent, i.Fence, i.DueMS = Offered, o.GetAgent(), o.GetFence(), o.GetUntilMs()
		return
	}
	i.Agent, i.Fence = "", 0
	if i.Queue != "" {
		i.Phase = Waiting
	}
}
