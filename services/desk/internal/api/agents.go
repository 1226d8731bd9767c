package api

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"

	"connectrpc.com/connect"

	"github.com/parley-desk/parley/pkg/directory"
	"github.com/parley-desk/parley/pkg/fault"
	deskv1 "github.com/parley-desk/parley/proto/gen/parley/desk/v1"
	distributionv1 "github.com/parley-desk/parley/proto/gen/parley/distribution/v1"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
)

// ListAgents tells a supervisor where agents stand and what they have in hand.
func (s deskService) ListAgents(ctx context.Context, r *connect.Request[deskv1.ListAgentsRequest]) (*connect.Response[deskv1.ListAgentsResponse], error) {
	m, world := r.Msg, s.Directory.Now()
	size, err := pageSize(m.GetPageSize())
	if err != nil {
		return nil, err
	}
	if m.GetQueue() != "" && world.Queues[m.GetQueue()] == nil {
		return nil, fault.New(fault.NotFound, "NO_SUCH_QUEUE", "there is no queue %q", m.GetQueue())
	}
	asked := crew(world, m.GetQueue(), strings.ToLower(m.GetSearch()))
	standings, err := s.roster(ctx, asked)
	if err != nil {
		return nil, err
	}
	response := &deskv1.ListAgentsResponse{Total: int32(len(asked))}
	for _, id := range asked {
		switch standings[id].GetPresence() {
		case distributionv1.Presence_PRESENCE_AVAILABLE, distributionv1.Presence_PRESENCE_BUSY:
			response.Present++
		}
	}
	page, next := cutPage(asked, size, m.GetPageToken(), func(id string) string {
		return strings.ToLower(cmp.Or(world.Agents[id].GetMeta().GetDisplayName(), id)) + "\x00" + id
	})
	response.NextPageToken = next
	loads, queues := s.loads(), queuesOf(world)
	for _, id := range page {
		figure := cmp.Or(loads[id], &deskv1.AgentFigure{})
		figure.Agent, figure.Name, figure.Queues = id, world.Agents[id].GetMeta().GetDisplayName(), queues[id]
		figure.Standing = cmp.Or(standings[id], &distributionv1.AgentStanding{Agent: id})
		figure.StatusName = world.Statuses[figure.Standing.GetStatus()].GetMeta().GetDisplayName()
		response.Agents = append(response.Agents, figure)
	}
	return connect.NewResponse(response), nil
}

// crew are those who answer customers, of one queue or of all, whose name or id
// holds search.
func crew(world *directory.Snapshot, queue, search string) (ids []string) {
	for id, a := range world.Agents {
		serves := queue == "" || slices.Contains(world.Queues[queue].GetAgents(), id)
		if serves && has(a, []string{roleAgent}) && named(a.GetMeta(), search) {
			ids = append(ids, id)
		}
	}
	return ids
}

// queuesOf are the names of the queues that agents serve, in order.
func queuesOf(world *directory.Snapshot) map[string][]string {
	served := map[string][]string{}
	for _, id := range slices.Sorted(maps.Keys(world.Queues)) {
		for _, agent := range world.Queues[id].GetAgents() {
			served[agent] = append(served[agent], cmp.Or(world.Queues[id].GetMeta().GetDisplayName(), id))
		}
	}
	for _, names := range served {
		slices.Sort(names)
	}
	return served
}

// loads counts what agents have.
func (s deskService) loads() map[string]*deskv1.AgentFigure {
	counts := map[string]*deskv1.AgentFigure{}
	for _, f := range s.Hub.Select(func(c *threadv1.Conversation) bool { return c.GetAgent() != "" }) {
		c := f.State.GetConversation()
		figure := counts[c.GetAgent()]
		if figure == nil {
			figure = &deskv1.AgentFigure{}
			counts[c.GetAgent()] = figure
		}
		switch c.GetPhase() {
		case threadv1.Phase_PHASE_ACTIVE:
			figure.Active++
			if f.State.GetUnanswered() > 0 {
				figure.Unanswered++
			}
		case threadv1.Phase_PHASE_WRAP_UP:
			figure.WrapUp++
		case threadv1.Phase_PHASE_WAITING:
			figure.Waiting++
		}
	}
	return counts
}
