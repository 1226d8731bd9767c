package board

import (
	"time"

	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
	"github.com/parley-desk/parley/proto/subject"
)

// Day is for how long a conversation that is over is kept in mind: the longest day that
// there is, when clocks are put back.
const Day = 25 * time.Hour

// over are the conversations that ended in the last day and that none has followed, by
// who had them last. Its clock is when the last of them ended, and once an hour of that
// it drops those that are too old; so its size follows the work of a day.
type over struct {
	by     map[string]map[subject.Thread]*threadv1.State
	whose  map[subject.Thread]string
	newest int64 // when the last one ended, ms since 1970
	swept  int64 // what newest was when the old ones were dropped
}

func newOver() over {
	return over{by: map[string]map[subject.Thread]*threadv1.State{}, whose: map[subject.Thread]string{}}
}

// put takes the state of a thread: a conversation that lives, or was erased, is not over.
func (o *over) put(t subject.Thread, s *threadv1.State) {
	o.drop(t)
	c := s.GetConversation()
	at := c.GetEnteredMs()
	if c.GetPhase() != threadv1.Phase_PHASE_CLOSED || c.GetAgent() == "" || at < o.newest-Day.Milliseconds() {
		return
	}
	if o.by[c.GetAgent()] == nil {
		o.by[c.GetAgent()] = map[subject.Thread]*threadv1.State{}
	}
	o.by[c.GetAgent()][t] = &threadv1.State{Page: s.GetPage(), Psid: s.GetPsid(), Customer: s.GetCustomer(), Conversation: c}
	o.whose[t] = c.GetAgent()
	o.newest = max(o.newest, at)
	if o.newest-o.swept > time.Hour.Milliseconds() {
		o.sweep()
	}
}

func (o *over) drop(t subject.Thread) {
	agent, ok := o.whose[t]
	if !ok {
		return
	}
	delete(o.whose, t)
	delete(o.by[agent], t)
	if len(o.by[agent]) == 0 {
		delete(o.by, agent)
	}
}

func (o *over) sweep() {
	o.swept = o.newest
	for t, agent := range o.whose {
		if o.by[agent][t].GetConversation().GetEnteredMs() < o.newest-Day.Milliseconds() {
			o.drop(t)
		}
	}
}

// Over are the conversations that agent had last and that ended since a time of the last
// day, in no order (L97). Do not change them.
func (b *Board) Over(agent string, since time.Time) (all []*threadv1.State) {
	for _, s := range b.over.by[agent] {
		if s.GetConversation().GetEnteredMs() >= since.UnixMilli() {
			all = append(all, s)
		}
	}
	return all
}
