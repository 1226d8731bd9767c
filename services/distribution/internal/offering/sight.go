package offering

import (
	"context"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/parley-desk/parley/pkg/rules"
	routingv1 "github.com/parley-desk/parley/proto/gen/parley/routing/v1"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
	"github.com/parley-desk/parley/proto/subject"
	"github.com/parley-desk/parley/services/distribution/internal/assign"
	"github.com/parley-desk/parley/services/distribution/internal/matching"
)

// agentOf is a member as rules see it.
func agentOf(r *rules.Rules, m *assign.Member, now time.Time) *matching.Agent {
	set := r.World.Agents[m.ID]
	view := &routingv1.Agent{Id: m.ID, Name: set.GetMeta().GetDisplayName(), Language: set.GetLanguage(),
		Presence: rules.Presence(m.Presence), Status: m.Status, Units: m.Units, UnitsFree: m.Units - m.Used, Conversations: m.Conversations,
		Places: map[string]int32{}, Skills: map[string]int32{}, Queues: m.Queues, Working: r.Working(m.ID, now)}
	for _, q := range m.Profiles {
		view.Places[q.Profile] = q.Left()
	}
	for _, s := range m.Skills {
		if !r.World.Skills[s.Skill].GetInactive() {
			view.Skills[s.Skill] = s.Value
		}
	}
	return &matching.Agent{Member: m, Face: rules.NewFace(view)}
}

// waitingOf is a conversation that waits, as rules see it.
func waitingOf(r *rules.Rules, l assign.Lined, s *threadv1.State, now time.Time) *matching.Item {
	i := &matching.Item{Lined: l, Sight: rules.See(r.World, s, now), Priority: s.GetConversation().GetPriority(), WroteMS: s.GetWindowMs()}
	for _, need := range s.GetConversation().GetSkills() {
		if !r.World.Skills[need.GetSkill()].GetInactive() {
			i.Needs = append(i.Needs, need)
		}
	}
	return i
}

// see reads from the log what the book has lined up. What the log has gone past
// meanwhile is left out: the book will hear of it. The error is that of some that
// could not be read; the others are seen all the same.
func (d *Distributor) see(ctx context.Context, r *rules.Rules, lined []assign.Lined) ([]*matching.Item, error) {
	var mu sync.Mutex
	var out []*matching.Item
	var group errgroup.Group
	group.SetLimit(relayers)
	for _, l := range lined {
		group.Go(func() error {
			t, err := subject.ParseKey(l.Key)
			if err != nil {
				return err
			}
			state, revision, err := d.Threads.Load(ctx, t)
			if err != nil || revision != l.Revision {
				return err
			}
			item := waitingOf(r, l, state, d.Now())
			mu.Lock()
			defer mu.Unlock()
			out = append(out, item)
			return nil
		})
	}
	return out, group.Wait()
}
