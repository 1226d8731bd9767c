// Package routing decides which queue a conversation goes to. It is pure: the
// directory in, a queue out.
package routing

import (
	"time"

	"github.com/parley-desk/parley/pkg/directory"
	"github.com/parley-desk/parley/pkg/thread"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
)

// Needed tells whether the conversation of s still waits for a queue.
func Needed(s *threadv1.State) bool {
	c := s.GetConversation()
	return c.GetPhase() == threadv1.Phase_PHASE_OPEN && c.GetQueue() == ""
}

// Route is where a conversation goes. Without a queue it stays where it is
// until the directory changes; Rule then says why.
type Route struct {
	Queue string // resource id
	Rule  string // "workstream <id>", or "fallback: <reason>"
}

// Choose picks the queue of the conversation of s.
//
// It is the queue of the workstream that the conversation opened with, else of
// the one its page has now. A queue that is gone or has no agents gives way to
// the fallback queue, if that one is better; a queue without agents is still
// better than none, for agents can be added to it.
func Choose(d *directory.Snapshot, s *threadv1.State) Route {
	ws, id := workstream(d, s)
	if ws == nil {
		if _, known := d.PagesByMeta[s.GetPage()]; !known {
			return Route{Rule: "fallback: page is not connected"}
		}
		return Route{Rule: "fallback: page has no workstream"}
	}
	queue, known := d.Queues[ws.GetQueue()]
	fallback, spare := d.Queues[ws.GetFallbackQueue()]
	switch {
	case known && len(queue.GetAgents()) > 0:
		return Route{Queue: ws.GetQueue(), Rule: "workstream " + id}
	case known && spare && len(fallback.GetAgents()) > 0:
		return Route{Queue: ws.GetFallbackQueue(), Rule: "fallback: queue " + ws.GetQueue() + " has no agents"}
	case known:
		return Route{Queue: ws.GetQueue(), Rule: "workstream " + id}
	case spare:
		return Route{Queue: ws.GetFallbackQueue(), Rule: "fallback: " + missing(ws.GetQueue())}
	}
	return Route{Rule: "fallback: " + missing(ws.GetQueue())}
}

func workstream(d *directory.Snapshot, s *threadv1.State) (*configv1.Workstream, string) {
	id := s.GetConversation().GetWorkstream()
	if ws, known := d.Workstreams[id]; known {
		return ws, id
	}
	id = d.PagesByMeta[s.GetPage()].GetWorkstream()
	return d.Workstreams[id], id
}

func missing(queue string) string {
	if queue == "" {
		return "workstream has no queue"
	}
	return "queue " + queue + " is gone"
}

// Decide commits a route that was chosen for one conversation, with the profile
// that was looked up for it (nil: none was). Nothing, when the thread has gone
// on meanwhile.
func Decide(s *threadv1.State, conversation string, route Route, profile *threadv1.CustomerProfiled) []*threadv1.Fact {
	if !Needed(s) || s.GetConversation().GetId() != conversation || route.Queue == "" {
		return nil
	}
	routed := thread.Of(&threadv1.ConversationRouted{Queue: route.Queue, Rule: route.Rule})
	if profile == nil {
		return []*threadv1.Fact{routed}
	}
	return []*threadv1.Fact{thread.Of(profile), routed}
}

// Unknown tells whether the customer's profile should be looked up: it never
// was, or longer than age before now.
func Unknown(s *threadv1.State, now time.Time, age time.Duration) bool {
	c := s.GetCustomer()
	return c == nil || now.Sub(time.UnixMilli(c.GetFetchedMs())) > age
}
