// Package crew is CrewService: who looks after agents says how much they take on, what
// they know, and which queues they serve.
//
// What holds: a caller reads and changes only agents of queues that the caller looks
// after, and of an agent only these things; of queues only who serves them, and only of
// those queues. Everything else of the resources stays as it is stored, whoever else
// changes them meanwhile; an agent that somebody else changed since it was read is not
// changed at all.
package crew

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"

	"github.com/parley-desk/parley/pkg/directory"
	"github.com/parley-desk/parley/pkg/fault"
	"github.com/parley-desk/parley/pkg/rights"
	adminv1 "github.com/parley-desk/parley/proto/gen/parley/admin/v1"
	authv1 "github.com/parley-desk/parley/proto/gen/parley/auth/v1"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
	"github.com/parley-desk/parley/services/admin/internal/change"
	"github.com/parley-desk/parley/services/admin/internal/commit"
	"github.com/parley-desk/parley/services/admin/internal/guard"
)

const need = authv1.Permission_PERMISSION_CREW_ADJUST

// Service implements CrewService. All fields must be set.
type Service struct {
	adminv1.UnsafeCrewServiceServer
	Directory *directory.Directory
	Committer *commit.Committer
}

// GetCrewMember reads what an agent takes on.
func (s *Service) GetCrewMember(ctx context.Context, req *adminv1.GetCrewMemberRequest) (*adminv1.CrewMember, error) {
	world := s.Directory.Now()
	who := guard.Who(ctx, world)
	agent, err := reach(world, who, req.GetAgent())
	if err != nil {
		return nil, err
	}
	return shown(world, who, agent), nil
}

// AdjustCrewMember changes what an agent takes on.
func (s *Service) AdjustCrewMember(ctx context.Context, req *adminv1.AdjustCrewMemberRequest) (*adminv1.CrewMember, error) {
	_, err := s.Committer.Carry(ctx, func(world *directory.Snapshot) ([]change.Outcome, error) {
		who := guard.Who(ctx, world)
		stored, err := reach(world, who, req.GetAgent())
		if err != nil {
			return nil, err
		}
		edits, err := plan(world, who, stored, req.GetTerms())
		if err != nil {
			return nil, err
		}
		return s.Committer.Planner.Plan(world, edits)
	}, false)
	if err != nil {
		return nil, err
	}
	world := s.Directory.Now()
	agent := world.Agents[req.GetAgent()]
	if agent == nil {
		return nil, change.NotFound(directory.Agents, req.GetAgent())
	}
	return shown(world, guard.Who(ctx, world), agent), nil
}

// reach is an agent that the caller looks after; of any other is said that there is
// none.
func reach(world *directory.Snapshot, who rights.Who, id string) (*configv1.Agent, error) {
	agent := world.Agents[id]
	served := world.Served(id)
	if len(served) == 0 {
		served = []string{""} // like a conversation that is in no queue yet
	}
	if agent == nil || !who.Beyond(need, rights.Object{Queues: served}) {
		return nil, change.NotFound(directory.Agents, id)
	}
	return agent, nil
}

// mine tells whether a queue is the caller's to staff.
func mine(who rights.Who, queue string) bool {
	return who.Beyond(need, rights.Object{Queues: []string{queue}})
}

// plan is what is to be changed: the agent, and the queues that the agent enters or
// leaves.
func plan(world *directory.Snapshot, who rights.Who, stored *configv1.Agent, terms *adminv1.CrewTerms) ([]change.Edit, error) {
	if terms.GetEtag() == "" {
		return nil, violation("terms.etag", "is missing; give the one that was read")
	}
	agent := change.Bare(stored)
	agent.Meta.Etag = terms.GetEtag()
	agent.Capacity, agent.Profiles, agent.Skills = terms.GetCapacity(), terms.GetProfiles(), terms.GetSkills()
	edits := []change.Edit{{Verb: change.Update, Path: "terms", Resource: agent}}
	for i, id := range terms.GetQueues() {
		switch {
		case world.Queues[id] == nil || !mine(who, id):
			return nil, violation(fmt.Sprintf("terms.queues[%d]", i), "there is no queue %q; choose one of those that were read", id)
		case slices.Contains(terms.GetQueues()[:i], id):
			return nil, violation(fmt.Sprintf("terms.queues[%d]", i), "%q is given twice", id)
		}
	}
	id := stored.GetMeta().GetId()
	for _, q := range queues(world, who) {
		wanted, serves := slices.Contains(terms.GetQueues(), q.GetMeta().GetId()), slices.Contains(q.GetAgents(), id)
		if wanted == serves {
			continue
		}
		next := proto.CloneOf(q)
		if wanted {
			next.Agents = append(next.Agents, id)
		} else {
			next.Agents = slices.DeleteFunc(next.Agents, func(a string) bool { return a == id })
		}
		edits = append(edits, change.Edit{Verb: change.Update, Path: "queues." + q.GetMeta().GetId(), Resource: next})
	}
	return edits, nil
}

// queues are those that are the caller's to staff, by id.
func queues(world *directory.Snapshot, who rights.Who) (all []*configv1.Queue) {
	for id, q := range world.Queues {
		if mine(who, id) {
			all = append(all, q)
		}
	}
	slices.SortFunc(all, func(a, b *configv1.Queue) int { return strings.Compare(a.GetMeta().GetId(), b.GetMeta().GetId()) })
	return all
}

// shown is an agent with what could be chosen.
func shown(world *directory.Snapshot, who rights.Who, agent *configv1.Agent) *adminv1.CrewMember {
	id := agent.GetMeta().GetId()
	m := &adminv1.CrewMember{Agent: id, DisplayName: agent.GetMeta().GetDisplayName(), Terms: &adminv1.CrewTerms{
		Etag: change.Etag(agent), Capacity: agent.GetCapacity(), Profiles: agent.GetProfiles(), Skills: agent.GetSkills()}}
	for _, q := range queues(world, who) {
		m.Queues = append(m.Queues, &adminv1.CrewQueue{Id: q.GetMeta().GetId(), DisplayName: q.GetMeta().GetDisplayName()})
		if slices.Contains(q.GetAgents(), id) {
			m.Terms.Queues = append(m.Terms.Queues, q.GetMeta().GetId())
		}
	}
	for _, s := range world.Skills {
		has := slices.ContainsFunc(agent.GetSkills(), func(p *configv1.Proficiency) bool { return p.GetSkill() == s.GetMeta().GetId() })
		if has || !s.GetInactive() {
			m.Skills = append(m.Skills, change.Shown(s))
		}
	}
	for _, p := range world.Profiles {
		m.Profiles = append(m.Profiles, change.Shown(p))
	}
	slices.SortFunc(m.Skills, byName)
	slices.SortFunc(m.Profiles, byName)
	return m
}

func byName[R directory.Resource](a, b R) int {
	name := func(r R) string { return cmp.Or(r.GetMeta().GetDisplayName(), r.GetMeta().GetId()) }
	return cmp.Or(strings.Compare(name(a), name(b)), strings.Compare(a.GetMeta().GetId(), b.GetMeta().GetId()))
}

func violation(field, format string, args ...any) error {
	return change.Invalid([]fault.Violation{{Field: field, Description: fmt.Sprintf(format, args...)}})
}
