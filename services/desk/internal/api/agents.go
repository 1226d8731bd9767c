package api

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"connectrpc.com/connect"

	"github.com/parley-desk/parley/pkg/directory"
	"github.com/parley-desk/parley/pkg/rights"
	authv1 "github.com/parley-desk/parley/proto/gen/parley/auth/v1"
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
	who, need := s.who(ctx), callerOf(ctx).need
	if m.GetQueue() != "" {
		if err := s.mine(ctx, m.GetQueue()); err != nil {
			return nil, err
		}
	}
	queues := queuesOf(world)
	asked := slices.DeleteFunc(crew(world, m.GetQueue(), strings.ToLower(m.GetSearch())), func(id string) bool {
		return !who.Beyond(need, among(queues[id]))
	})
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
	loads, deeds := s.loads(), s.Lately.agents(s.Now())
	for _, id := range page {
		figure := cmp.Or(loads[id], &deskv1.AgentFigure{})
		figure.Agent, figure.Name, figure.Queues = id, world.Agents[id].GetMeta().GetDisplayName(), titles(world, queues[id])
		figure.Standing = cmp.Or(standings[id], &distributionv1.AgentStanding{Agent: id})
		figure.Taken, figure.Rejected, figure.Missed = int32(deeds[id].Taken), int32(deeds[id].Rejected), int32(deeds[id].Missed)
		figure.HandleMs, figure.Skills = deeds[id].Handle().Milliseconds(), abilities(world, id)
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
		if serves && can(a, authv1.Permission_PERMISSION_CONVERSATION_PICK) && named(a.GetMeta(), search) {
			ids = append(ids, id)
		}
	}
	return ids
}

// queuesOf are the queues that agents serve.
func queuesOf(world *directory.Snapshot) map[string][]string {
	served := map[string][]string{}
	for id, q := range world.Queues {
		for _, agent := range q.GetAgents() {
			served[agent] = append(served[agent], id)
		}
	}
	return served
}

// among is what stands in queues. Who serves none is like a conversation that is in
// none yet.
func among(queues []string) rights.Object {
	if len(queues) == 0 {
		queues = []string{""}
	}
	return rights.Object{Queues: queues}
}

// titles are the names of queues, in order.
func titles(world *directory.Snapshot, ids []string) (names []string) {
	for _, id := range ids {
		names = append(names, cmp.Or(world.Queues[id].GetMeta().GetDisplayName(), id))
	}
	slices.Sort(names)
	return names
}

// abilities are the skills of an agent, by name.
func abilities(world *directory.Snapshot, agent string) (names []string) {
	for _, s := range world.Agents[agent].GetSkills() {
		names = append(names, cmp.Or(world.Skills[s.GetSkill()].GetMeta().GetDisplayName(), s.GetSkill()))
	}
	slices.Sort(names)
	return names
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
