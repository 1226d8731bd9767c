package board

import (
	"google.golang.org/protobuf/proto"

	"github.com/parley-desk/parley/pkg/directory"
	deskv1 "github.com/parley-desk/parley/proto/gen/parley/desk/v1"
)

// Named gives items of a timeline with the present names of the agents and
// queues in them. Items that name nobody known are given as they are; others are
// copies, because a timeline's own are never changed.
func Named(items []*deskv1.TimelineItem, names *directory.Snapshot) []*deskv1.TimelineItem {
	named := make([]*deskv1.TimelineItem, len(items))
	for i, item := range items {
		agent := names.Agents[item.GetAgent()].GetMeta().GetDisplayName()
		queue := names.Queues[item.GetDetails()["queue"]].GetMeta().GetDisplayName()
		if named[i] = item; agent == "" && queue == "" {
			continue
		}
		named[i] = proto.CloneOf(item)
		named[i].AgentName = agent
		if queue != "" {
			named[i].Details["queue_name"] = queue
		}
	}
	return named
}
