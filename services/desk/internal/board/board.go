// Package board knows the live conversations of the whole deployment and which
// agent each of them is in front of. It is a pure index over the states of
// threads: it keeps nothing of a thread without a live conversation, so that
// its size follows the work at hand and not the history.
package board

import (
	"github.com/parley-desk/parley/pkg/thread"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
	"github.com/parley-desk/parley/proto/subject"
)

// Board is the index. It is not safe for concurrent use.
type Board struct {
	threads map[subject.Thread]place
	agents  map[string]map[subject.Thread]struct{}
}

// place is a live conversation: its thread and who sees it.
type place struct {
	revision uint64
	state    *threadv1.State
	viewer   string
}

// New is a board on which nothing happens.
func New() *Board {
	return &Board{threads: map[subject.Thread]place{}, agents: map[string]map[subject.Thread]struct{}{}}
}

// Viewer is the agent who may see the conversation of s: the one it is offered
// to while it is open, the one who holds it after. Empty when nobody may.
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

// Agent is who sees the conversation of t; empty when nobody does.
func (b *Board) Agent(t subject.Thread) string { return b.threads[t].viewer }

// Phase is where the live conversation of t stands; unspecified when there is
// none.
func (b *Board) Phase(t subject.Thread) threadv1.Phase {
	return b.threads[t].state.GetConversation().GetPhase()
}

// Holder is the agent who has the conversation of t in hand; empty when nobody
// has, as while it is offered.
func (b *Board) Holder(t subject.Thread) string {
	if b.threads[t].state.GetConversation().GetPhase() == threadv1.Phase_PHASE_OPEN {
		return ""
	}
	return b.threads[t].viewer
}

// Put takes the state of a thread. One that is older than what the board has
// changes nothing.
func (b *Board) Put(t subject.Thread, revision uint64, s *threadv1.State) {
	old, ok := b.threads[t]
	if ok && revision < old.revision {
		return
	}
	viewer := Viewer(s)
	if old.viewer != viewer {
		b.leave(t, old.viewer)
	}
	if !thread.Live(s.GetConversation()) {
		delete(b.threads, t)
		return
	}
	b.threads[t] = place{revision: revision, state: trim(s), viewer: viewer}
	if viewer == "" {
		return
	}
	if b.agents[viewer] == nil {
		b.agents[viewer] = map[subject.Thread]struct{}{}
	}
	b.agents[viewer][t] = struct{}{}
}

func (b *Board) leave(t subject.Thread, agent string) {
	delete(b.agents[agent], t)
	if len(b.agents[agent]) == 0 {
		delete(b.agents, agent)
	}
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
		Preview: s.GetPreview(), NewestMs: s.GetNewestMs(), Unanswered: s.GetUnanswered(),
	}
}
