package board

import (
	"github.com/parley-desk/parley/pkg/thread"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
)

// Queue is who waits in a queue for an agent, offered or not.
type Queue struct {
	Waiting int32
	SinceMS int64  // when the longest wait began; 0: nobody waits
	Tag     uint64 // another one when anything about them has changed
}

// Queues are the queues in which somebody waits, by id.
func (b *Board) Queues() map[string]Queue {
	queues := map[string]Queue{}
	for _, p := range b.threads {
		c := p.state.GetConversation()
		if c.GetPhase() != threadv1.Phase_PHASE_OPEN || c.GetQueue() == "" {
			continue
		}
		q := queues[c.GetQueue()]
		if since := thread.WaitingSince(c).UnixMilli(); q.Waiting == 0 || since < q.SinceMS {
			q.SinceMS = since
		}
		q.Waiting++
		q.Tag += 1 + p.revision // in any order; the same sum twice is as good as never
		queues[c.GetQueue()] = q
	}
	return queues
}
