package api

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"

	"connectrpc.com/connect"

	"github.com/parley-desk/parley/pkg/directory"
	"github.com/parley-desk/parley/pkg/rights"
	"github.com/parley-desk/parley/pkg/thread"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
	deskv1 "github.com/parley-desk/parley/proto/gen/parley/desk/v1"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
)

// mostTargets is how many of a kind are told at once; searching finds the rest.
const mostTargets = 200

// ListTargets tells to whom a conversation can go, who cannot have it, and why.
func (s deskService) ListTargets(ctx context.Context, r *connect.Request[deskv1.ListTargetsRequest]) (*connect.Response[deskv1.ListTargetsResponse], error) {
	m := r.Msg
	var c check
	c.ref(m.GetRef())
	c.most("search", m.GetSearch(), maxID)
	if err := c.err(); err != nil {
		return nil, err
	}
	state, _, err := s.about(ctx, m.GetRef(), "")
	if err != nil {
		return nil, err
	}
	world, search := s.Directory.Now(), strings.ToLower(strings.TrimSpace(m.GetSearch()))
	response := &deskv1.ListTargetsResponse{}
	if !m.GetConsult() {
		response.Queues = s.queueTargets(world, state.GetConversation(), search)
	}
	response.Agents, err = s.agentTargets(ctx, world, state.GetConversation(), search, m.GetConsult())
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(response), nil
}

// named tells whether a resource is among those that are searched for.
func named(meta *configv1.Meta, search string) bool {
	return strings.Contains(strings.ToLower(meta.GetDisplayName()), search) || strings.Contains(strings.ToLower(meta.GetId()), search)
}

func (s deskService) queueTargets(world *directory.Snapshot, c *threadv1.Conversation, search string) (targets []*deskv1.QueueTarget) {
	waiting := map[string]int32{}
	for _, f := range s.Hub.Select(func(c *threadv1.Conversation) bool { return c.GetPhase() == threadv1.Phase_PHASE_OPEN }) {
		waiting[f.State.GetConversation().GetQueue()]++
	}
	for id, q := range world.Queues {
		if !named(q.GetMeta(), search) {
			continue
		}
		t := &deskv1.QueueTarget{Queue: id, Name: q.GetMeta().GetDisplayName(), Hidden: s.unfit(id), Waiting: waiting[id], Agents: int32(len(q.GetAgents()))}
		if id == c.GetQueue() {
			t.Hidden = thread.SameQueue
		}
		if t.GetHidden() == thread.QueueClosed {
			if _, _, opens := s.rules.Of(world).Closed(id, s.Now()); !opens.IsZero() {
				t.OpensMs = opens.UnixMilli()
			}
		}
		targets = append(targets, t)
	}
	slices.SortFunc(targets, func(a, b *deskv1.QueueTarget) int {
		return cmp.Or(hiddenLast(a.GetHidden(), b.GetHidden()), cmp.Compare(a.GetName(), b.GetName()), cmp.Compare(a.GetQueue(), b.GetQueue()))
	})
	return targets[:min(len(targets), mostTargets)]
}

// hiddenLast puts those that cannot have it behind those that can.
func hiddenLast(a, b string) int {
	switch {
	case (a == "") == (b == ""):
		return 0
	case a == "":
		return -1
	}
	return 1
}

func (s deskService) agentTargets(ctx context.Context, world *directory.Snapshot, c *threadv1.Conversation, search string, consult bool) (targets []*deskv1.AgentTarget, err error) {
	w := whom(consult || s.who(ctx).Reach(callerOf(ctx).need) > rights.Own)
	var ids []string
	for _, id := range slices.Sorted(maps.Keys(world.Agents)) {
		if a := world.Agents[id]; works(a) && id != callerOf(ctx).session.Agent && named(a.GetMeta(), search) {
			ids = append(ids, id)
		}
	}
	standings, err := s.roster(ctx, ids)
	if err != nil {
		return nil, err
	}
	for _, id := range ids {
		a, standing := world.Agents[id], standings[id]
		t := &deskv1.AgentTarget{Agent: id, Name: a.GetMeta().GetDisplayName(), Presence: standing.GetPresence(),
			Used: standing.GetUsed(), Capacity: standing.GetCapacity(), Matched: matched(world, a, c.GetSkills()), Needed: int32(len(c.GetSkills())),
			Member: slices.Contains(world.Queues[c.GetQueue()].GetAgents(), id)}
		switch {
		case !attends(standing, w):
			t.Hidden = thread.AgentUnavailable
		case id == c.GetAgent() || consult && thread.ParticipantOf(c, id) != nil:
			t.Hidden = thread.TakesPart
		}
		targets = append(targets, t)
	}
	slices.SortFunc(targets, func(a, b *deskv1.AgentTarget) int {
		return cmp.Or(hiddenLast(a.GetHidden(), b.GetHidden()), cmp.Compare(b.GetMatched(), a.GetMatched()),
			cmp.Compare(b.GetCapacity()-b.GetUsed(), a.GetCapacity()-a.GetUsed()), cmp.Compare(a.GetName(), b.GetName()), cmp.Compare(a.GetAgent(), b.GetAgent()))
	})
	return targets[:min(len(targets), mostTargets)], nil
}

// matched is how many of the skills an agent has well enough (L73).
func matched(world *directory.Snapshot, a *configv1.Agent, needs []*threadv1.Need) (n int32) {
	for _, need := range needs {
		if slices.ContainsFunc(a.GetSkills(), func(p *configv1.Proficiency) bool {
			return p.GetSkill() == need.GetSkill() && directory.Rating(world.Skills[p.GetSkill()], p.GetValue()) >= need.GetValue()
		}) {
			n++
		}
	}
	return n
}
