package api

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"

	"connectrpc.com/connect"

	"github.com/parley-desk/parley/pkg/directory"
	deskv1 "github.com/parley-desk/parley/proto/gen/parley/desk/v1"
	distributionv1 "github.com/parley-desk/parley/proto/gen/parley/distribution/v1"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
	"github.com/parley-desk/parley/services/desk/internal/board"
)

// ListAgents tells a supervisor where agents stand and what they have in hand.
func (s deskService) ListAgents(ctx context.Context, r *connect.Request[deskv1.ListAgentsRequest]) (*connect.Response[deskv1.ListAgentsResponse], error) {
	m, world := r.Msg, s.Directory.Now()
	size, err := pageSize(m.GetPageSize())
	if err != nil {
		return nil, err
	}
	if m.GetQueue() != "" {
		if err := s.mine(ctx, m.GetQueue()); err != nil {
			return nil, err
		}
	}
	asked := s.crew(callerOf(ctx).session.Agent, m.GetQueue(), strings.ToLower(m.GetSearch()))
	standings, err := s.roster(ctx, asked)
	if err != nil {
		return nil, err
	}
	response := &deskv1.ListAgentsResponse{Total: int32(len(asked))}
	for _, id := range asked {
		switch standings[id].GetPresence() {
		case distributionv1.Presence_PRESENCE_AVAILABLE, distributionv1.Presence_PRESENCE_BUSY:
			response.Present++
			response.Used += standings[id].GetUsed()
			response.Capacity += standings[id].GetCapacity()
		}
	}
	page, next := cutPage(asked, size, m.GetPageToken(), func(id string) string {
		return strings.ToLower(cmp.Or(world.Agents[id].GetMeta().GetDisplayName(), id)) + "\x00" + id
	})
	response.NextPageToken = next
	loads, queues, deeds := s.loads(), queuesOf(world), s.Lately.agents(s.Now())
	for _, id := range page {
		figure := cmp.Or(loads[id], &deskv1.AgentFigure{})
		figure.Agent, figure.Name, figure.Queues = id, world.Agents[id].GetMeta().GetDisplayName(), queues[id]
		figure.Standing = cmp.Or(standings[id], &distributionv1.AgentStanding{Agent: id})
		figure.Taken, figure.Rejected, figure.Missed = int32(deeds[id].Taken), int32(deeds[id].Rejected), int32(deeds[id].Missed)
		figure.StatusName = world.Statuses[figure.Standing.GetStatus()].GetMeta().GetDisplayName()
		response.Agents = append(response.Agents, figure)
	}
	return connect.NewResponse(response), nil
}

// crew are the agents of a supervisor, of one queue or of all, whose name or id holds
// search.
func (s *Server) crew(by, queue, search string) (ids []string) {
	world := s.World()
	for id, a := range world.Names.Agents {
		serves := queue == "" && s.leads(world, by, id) || slices.Contains(world.Names.Queues[queue].GetAgents(), id)
		if serves && has(a, []string{roleAgent}) && named(a.GetMeta(), search) {
			ids = append(ids, id)
		}
	}
	return ids
}

// leads tells whether an agent is a supervisor's: who serves a queue of the
// supervisor's, or none at all.
func (s *Server) leads(world board.World, by, agent string) bool {
	queues := serves(world.Names, agent)
	return len(queues) == 0 || slices.ContainsFunc(queues, func(q string) bool { return world.Oversees(by, q) })
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
