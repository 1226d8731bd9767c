package board

import (
	"cmp"
	"strings"

	"google.golang.org/protobuf/proto"

	"github.com/parley-desk/parley/pkg/directory"
	deskv1 "github.com/parley-desk/parley/proto/gen/parley/desk/v1"
)

// Named gives items of a timeline with the present names of the agents, queues
// and skills in them. Items that name nobody known are given as they are; others are
// copies, because a timeline's own are never changed.
func Named(items []*deskv1.TimelineItem, names *directory.Snapshot) []*deskv1.TimelineItem {
	named := make([]*deskv1.TimelineItem, len(items))
	for i, item := range items {
		agent := names.Agents[item.GetAgent()].GetMeta().GetDisplayName()
		queue := names.Queues[item.GetDetails()["queue"]].GetMeta().GetDisplayName()
		skills := item.GetDetails()["skills"]
		by, prefer := other(item, "by", names), other(item, "prefer", names)
		if named[i] = item; agent == "" && queue == "" && skills == "" && by == "" && prefer == "" {
			continue
		}
		named[i] = proto.CloneOf(item)
		named[i].AgentName = agent
		if by != "" {
			named[i].Details["by_name"] = by
		}
		if prefer != "" {
			named[i].Details["prefer_name"] = prefer
		}
		if queue != "" {
			named[i].Details["queue_name"] = queue
		}
		if skills != "" {
			named[i].Details["skills"] = skillNames(skills, names)
		}
	}
	return named
}

// other is the name of an agent among the values of an item.
func other(item *deskv1.TimelineItem, value string, names *directory.Snapshot) string {
	return names.Agents[item.GetDetails()[value]].GetMeta().GetDisplayName()
}

// skillNames are the names of skills, by their ids; one without name keeps its id.
// A sign may stand before an id, and behind it, after a space, how well.
func skillNames(ids string, names *directory.Snapshot) string {
	list := strings.Split(ids, ", ")
	for i, skill := range list {
		id := strings.TrimLeft(skill, "+−")
		sign := strings.TrimSuffix(skill, id)
		id, value, _ := strings.Cut(id, " ")
		list[i] = sign + strings.TrimSpace(cmp.Or(names.Skills[id].GetMeta().GetDisplayName(), id)+" "+value)
	}
	return strings.Join(list, ", ")
}
