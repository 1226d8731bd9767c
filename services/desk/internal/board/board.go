// Package board knows the live conversations of the whole deployment and which
// agent each of them is in front of. It is a pure index over the states of
// threads: it keeps nothing of a thread whose conversation was over before yesterday,
// so that its size follows the work at hand and not the history.
package board

import (
	"slices"
	"time"

	"github.com/parley-desk/parley/pkg/thread"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
	"github.com/parley-desk/parley/proto/subject"
)

// Board is the index. It is not safe for concurrent use.
type Board struct {
	threads map[subject.Thread]place
	agents  map[string]map[subject.Thread]struct{}
	lapses  map[subject.Thread]int64 // when the first invitation does, ms since 1970
	over    over
}

// place is a live conversation: its thread and who sees it.
type place struct {
	revision uint64
	state    *threadv1.State
	viewers  []string
}

// New is a board on which nothing happens.
func New() *Board {
	return &Board{threads: map[subject.Thread]place{}, agents: map[string]map[subject.Thread]struct{}{}, lapses: map[subject.Thread]int64{}, over: newOver()}
}

// Viewer is the agent whose conversation that of s is: the one it is offered
// to while it is open, the one who holds it after. Empty when it is nobody's.
func Viewer(s *threadv1.State) string {
	c := s.GetConversation()
	switch c.GetPhase() {
	case threadv1.Phase_PHASE_OPEN:
		return c.GetOffer().GetAgent()
	case threadv1.Phase_PHASE_ACTIVE, threadv1.Phase_PHASE_WAITING, threadv1.Phase_PHASE_WRAP_UP:
		return c.GetAgent()
	case threadv1.Phase_PHASE_CLOSED, threadv1.Phase_PHASE_UNSPECIFIED:
	}
	return ""
}

// Viewers are all who may see the conversation of s: its agent, and those who
// have a part in it or are asked to.
func Viewers(s *threadv1.State) (all []string) {
	if agent := Viewer(s); agent != "" {
		all = append(all, agent)
	}
	if thread.Live(s.GetConversation()) {
		for _, p := range s.GetConversation().GetParticipants() {
			all = append(all, p.GetAgent())
		}
	}
	return all
}

// Agent is whose the conversation of t is; empty when it is nobody's.
func (b *Board) Agent(t subject.Thread) string { return Viewer(b.threads[t].state) }

// Viewers are all who see the conversation of t.
func (b *Board) Viewers(t subject.Thread) []string { return b.threads[t].viewers }

// Readers are those of them who read its history as it goes on: not whom it is
// offered to, nor who is asked for advice and has not answered.
func (b *Board) Readers(t subject.Thread) (all []string) {
	p := b.threads[t]
	for _, agent := range p.viewers {
		if thread.Reads(p.state.GetConversation(), agent) {
			all = append(all, agent)
		}
	}
	return all
}

// Phase is where the live conversation of t stands; unspecified when there is
// none.
func (b *Board) Phase(t subject.Thread) threadv1.Phase {
	return b.threads[t].state.GetConversation().GetPhase()
}

// Put takes the state of a thread. One that is older than what the board has
// changes nothing.
func (b *Board) Put(t subject.Thread, revision uint64, s *threadv1.State) {
	old, ok := b.threads[t]
	if ok && revision < old.revision {
		return
	}
	viewers := Viewers(s)
	b.over.put(t, s)
	if lapses := thread.Lapses(s.GetConversation()); lapses > 0 {
		b.lapses[t] = lapses
	} else {
		delete(b.lapses, t)
	}
	for _, agent := range old.viewers {
		if !slices.Contains(viewers, agent) {
			b.leave(t, agent)
		}
	}
	if !thread.Live(s.GetConversation()) {
		delete(b.threads, t)
		return
	}
	b.threads[t] = place{revision: revision, state: trim(s), viewers: viewers}
	for _, agent := range viewers {
		if b.agents[agent] == nil {
			b.agents[agent] = map[subject.Thread]struct{}{}
		}
		b.agents[agent][t] = struct{}{}
	}
}

func (b *Board) leave(t subject.Thread, agent string) {
	delete(b.agents[agent], t)
	if len(b.agents[agent]) == 0 {
		delete(b.agents, agent)
	}
}

// Found is a live conversation as the board has it. Do not change its state.
type Found struct {
	State    *threadv1.State
	Revision uint64
}

// Select gives the live conversations that are wanted, in no order.
func (b *Board) Select(wanted func(*threadv1.Conversation) bool) (found []Found) {
	for _, p := range b.threads {
		if wanted(p.state.GetConversation()) {
			found = append(found, Found{p.state, p.revision})
		}
	}
	return found
}

// Lapsed are the threads with an invitation that is over at now.
func (b *Board) Lapsed(now time.Time) (all []subject.Thread) {
	for t, ms := range b.lapses {
		if ms <= now.UnixMilli() {
			all = append(all, t)
		}
	}
	return all
}

// Live is how many live conversations there are.
func (b *Board) Live() int { return len(b.threads) }

// trim is s without what is only for writers and takes most of its room. It
// shares the rest with s, which nobody changes.
func trim(s *threadv1.State) *threadv1.State {
	return &threadv1.State{
		Page: s.GetPage(), Psid: s.GetPsid(), Customer: s.GetCustomer(),
		Conversation: s.GetConversation(), Conversations: s.GetConversations(),
		WindowMs: s.GetWindowMs(), DeliveredMs: s.GetDeliveredMs(), ReadMs: s.GetReadMs(),
		Sends: s.GetSends(), Fence: s.GetFence(), Standby: s.GetStandby(), OwnerApp: s.GetOwnerApp(), OwnerMs: s.GetOwnerMs(),
		Preview: s.GetPreview(), NewestMs: s.GetNewestMs(), Unanswered: s.GetUnanswered(), Survey: s.GetSurvey(), Contact: s.GetContact(),
	}
}
