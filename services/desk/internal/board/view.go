package board

import (
	"cmp"
	"slices"
	"time"

	"github.com/parley-desk/parley/pkg/directory"
	"github.com/parley-desk/parley/pkg/thread"
	deskv1 "github.com/parley-desk/parley/proto/gen/parley/desk/v1"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
	"github.com/parley-desk/parley/proto/subject"
)

// World is what shows in conversations besides their threads.
type World struct {
	Names *directory.Snapshot
	Works func(pageID string) bool // whether messages can be sent; nil: they can
}

// pageDisconnected is the reason with which outbound holds back what a page
// cannot send.
const pageDisconnected = "PAGE_DISCONNECTED"

func (w World) trouble(page string) string {
	if w.Works == nil || w.Works(page) {
		return ""
	}
	return pageDisconnected
}

// View gives the conversation of a thread as agent sees it; nil when it is not
// the agent's to see.
func (b *Board) View(t subject.Thread, agent string, now time.Time, world World) *deskv1.ConversationView {
	p, ok := b.threads[t]
	if !ok || agent == "" || p.viewer != agent {
		return nil
	}
	return View(p.state, p.revision, agent, now, world)
}

// Views gives all conversations of agent, by thread.
func (b *Board) Views(agent string, now time.Time, world World) map[subject.Thread]*deskv1.ConversationView {
	views := make(map[subject.Thread]*deskv1.ConversationView, len(b.agents[agent]))
	for t := range b.agents[agent] {
		views[t] = b.View(t, agent, now, world)
	}
	return views
}

// View shows the conversation of a state to an agent who may see it. It does
// not ask whether the agent may.
func View(s *threadv1.State, revision uint64, agent string, now time.Time, world World) *deskv1.ConversationView {
	c := s.GetConversation()
	view := &deskv1.ConversationView{
		Ref:         &deskv1.ConversationRef{Page: s.GetPage(), Psid: s.GetPsid(), Conversation: c.GetId()},
		Revision:    revision,
		Customer:    s.GetCustomer(),
		Phase:       c.GetPhase(),
		Queue:       cmp.Or(world.Names.Queues[c.GetQueue()].GetMeta().GetDisplayName(), c.GetQueue()),
		PageName:    cmp.Or(world.Names.PagesByMeta[s.GetPage()].GetMeta().GetDisplayName(), s.GetPage()),
		Preview:     s.GetPreview(),
		NewestMs:    s.GetNewestMs(),
		Unanswered:  int32(s.GetUnanswered()),
		OpenedMs:    c.GetOpenedMs(),
		QueuedMs:    c.GetQueuedMs(),
		Window:      window(s, now),
		Allowed:     thread.Allowed(s, agent),
		DueMs:       c.GetDueMs(),
		Agent:       c.GetAgent(),
		PageTrouble: world.trouble(s.GetPage()),
	}
	if o, owned := thread.OwnerAt(s, now); owned {
		view.Owner = &deskv1.Owner{App: o.App, UntilMs: o.Until.UnixMilli()}
		if i := slices.Index(view.Allowed, "send"); i >= 0 {
			view.Allowed[i] = "take_control"
		}
	}
	if c.GetOffer().GetAgent() == agent {
		view.Offer = c.GetOffer()
	}
	return view
}

func window(s *threadv1.State, now time.Time) *deskv1.Window {
	w := thread.WindowAt(s, now)
	view := &deskv1.Window{Kind: w.Kind.String()}
	if !w.Until.IsZero() {
		view.UntilMs = w.Until.UnixMilli()
	}
	return view
}
