package figures

import (
	"time"

	"google.golang.org/protobuf/proto"

	deskv1 "github.com/parley-desk/parley/proto/gen/parley/desk/v1"
)

// DefaultServiceLevel is the threshold of a queue for which nobody set one,
// seconds; so long a first response may take, too.
const DefaultServiceLevel = 60

// Thresholds are those of a queue, seconds (L43).
type Thresholds struct {
	ServiceLevel int32 // how soon an agent should have a conversation
	ShortAbandon int32 // who was gone sooner does not count; 0: everybody counts
}

// counts is what happened to the conversations of a queue in a time. Each name
// says what L129 calls it.
type counts struct {
	messages    int // messages of customers
	incoming    int // incoming conversations
	entered     int // conversations in queue, as they come into it
	engaged     int // engaged conversations
	sessions    int // engaged sessions
	offered     int // assigned sessions: those that rejections and time-outs are a share of
	accepted    int
	rejected    int
	missed      int // timed out
	transferred int
	ratings     int
	satisfied   int // sum of the ratings, each 0 to 100

	speed    spread // speed to answer, of engaged ones
	gone     spread // the same, of abandoned ones
	first    spread // first response time
	response spread // agent response time
	handle   spread // handle time
	wrapUp   spread // wrap-up time
	talk     spread // conversation time
	effort   spread // customer effort time
}

func (c *counts) merge(o *counts) {
	c.messages += o.messages
	c.incoming += o.incoming
	c.entered += o.entered
	c.engaged += o.engaged
	c.sessions += o.sessions
	c.offered += o.offered
	c.accepted += o.accepted
	c.rejected += o.rejected
	c.missed += o.missed
	c.transferred += o.transferred
	c.ratings += o.ratings
	c.satisfied += o.satisfied
	for to, from := range map[*spread]*spread{&c.speed: &o.speed, &c.gone: &o.gone, &c.first: &o.first, &c.response: &o.response,
		&c.handle: &o.handle, &c.wrapUp: &o.wrapUp, &c.talk: &o.talk, &c.effort: &o.effort} {
		if from.count > 0 {
			to.merge(*from)
		}
	}
}

// tally is what becomes of counts whose queues have thresholds: each queue's are
// measured by its own.
type tally struct {
	counts
	inTime, short int
	seconds       int32 // the threshold of all; -1 when they differ, 0 before there is one
}

func (t *tally) add(c *counts, by Thresholds) {
	if by.ServiceLevel == 0 {
		by.ServiceLevel = DefaultServiceLevel
	}
	t.merge(c)
	t.inTime += c.speed.within(by.ServiceLevel)
	if by.ShortAbandon > 0 {
		t.short += c.gone.within(by.ShortAbandon)
	}
	if t.seconds == 0 {
		t.seconds = by.ServiceLevel
	} else if t.seconds != by.ServiceLevel {
		t.seconds = -1
	}
}

func (t *tally) figures() *deskv1.Figures {
	abandoned := t.gone.count - t.short
	return &deskv1.Figures{
		Messages: int32(t.messages), Incoming: int32(t.incoming), Entered: int32(t.entered), Engaged: int32(t.engaged), Sessions: int32(t.sessions),
		Offered: int32(t.offered), Accepted: int32(t.accepted), Rejected: int32(t.rejected), Missed: int32(t.missed), Transferred: int32(t.transferred),
		Abandoned: int32(abandoned), ShortAbandoned: int32(t.short),
		ServiceLevel: percent(t.inTime, t.speed.count+abandoned), ServiceLevelSeconds: max(t.seconds, 0),
		AbandonRate: percent(abandoned, t.speed.count+abandoned),
		Speed:       t.speed.times(), FirstResponse: t.first.times(), Response: t.response.times(), Handle: t.handle.times(),
		WrapUp: t.wrapUp.times(), Conversation: t.talk.times(), Effort: t.effort.times(),
		FirstResponseLevel: percent(t.first.within(DefaultServiceLevel), t.first.count),
		Ratings:            int32(t.ratings), Satisfaction: percent(t.satisfied, 100*t.ratings),
	}
}

// percent is a share of a whole, rounded down so that 100 is all of them; nil when
// the whole is nothing.
func percent(part, whole int) *int32 {
	if whole == 0 {
		return nil
	}
	return proto.Int32(int32(100 * part / whole))
}

// span is never negative: the clocks of two processes differ.
func span(fromMS, toMS int64) time.Duration {
	return time.Duration(max(toMS-fromMS, 0)) * time.Millisecond
}
