package rules

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/parley-desk/parley/pkg/directory"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
	routingv1 "github.com/parley-desk/parley/proto/gen/parley/routing/v1"
)

// Weight is what conversations of a workstream take of an agent: units, and
// places in those of its capacity profiles that there are. With neither set, one
// unit; with profiles alone, no units (L65).
func Weight(d *directory.Snapshot, w *configv1.Workstream) (units int32, profiles []string) {
	for _, id := range w.GetCapacityProfiles() {
		if d.Profiles[id] != nil {
			profiles = append(profiles, id)
		}
	}
	if w.GetUnits() > 0 || len(profiles) > 0 {
		return w.GetUnits(), profiles
	}
	return 1, nil
}

// expect is how a conversation that was classified, and found these capacity
// profiles, will look in its queue when it has waited.
func (r *Rules) expect(queue string, c *routingv1.RoutingContext, found []string, now time.Time, waited time.Duration) *Sight {
	stream := c.GetConversation().GetWorkstream()
	units, profiles := Weight(r.World, r.World.Workstreams[stream])
	for _, p := range found {
		if !slices.Contains(profiles, p) {
			profiles = append(profiles, p)
		}
	}
	w := &routingv1.WaitingContext{Customer: c.GetCustomer(), Page: c.GetPage(), Referral: c.GetReferral(), Variables: c.GetVariables(),
		Conversation: &routingv1.WaitingConversation{Workstream: stream, Queue: queue, Previous: c.GetConversation().GetPrevious(),
			Priority: c.GetConversation().GetPriority(), Skills: maps.Clone(c.GetConversation().GetSkills()),
			CapacityProfiles: profiles[:min(len(profiles), maxProfiles)], Units: units},
		Now: &timestamppb.Timestamp{}}
	maps.DeleteFunc(w.Conversation.Skills, func(id string, _ int32) bool { return r.World.Skills[id].GetInactive() })
	for _, p := range r.World.Workstreams[stream].GetPresences() {
		w.Conversation.Presences = append(w.Conversation.Presences, Presence(p.String()))
	}
	return newSight(w, now.Add(-waited), now.Add(-waited), now)
}

// foresee tells what the rules of a queue make of a conversation, as if all its
// agents were there and had nothing else to do.
func (r *Rules) foresee(queue string, s *Sight, now time.Time) *routingv1.Foresight {
	q := r.World.Queues[queue]
	f := &routingv1.Foresight{Queue: queue, Bucket: r.Bucket(queue, s).Rule}
	if id := q.GetCustom().GetPrioritisation(); id != "" {
		f.Prioritisation = runOf(r, id, Waiting, r.World.Rulesets[id].GetPrioritise(), s)
	}
	if selections := q.GetCustom().GetSelections(); len(selections) > 0 {
		f.Selections = runOf(r, queue, Waiting, selections, s)
	}
	member := map[string][]string{}
	for _, id := range slices.Sorted(maps.Keys(r.World.Queues)) {
		for _, a := range slices.Compact(slices.Sorted(slices.Values(r.World.Queues[id].GetAgents()))) {
			member[a] = append(member[a], id)
		}
	}
	var able []*Face
	barred := tally{}
	for _, id := range slices.Compact(slices.Sorted(slices.Values(q.GetAgents()))) {
		if r.World.Agents[id] == nil {
			continue
		}
		f.Agents++
		face := NewFace(r.idle(id, member[id], now))
		if why := roomless(s.Context.GetConversation(), face.Agent); why != "" {
			barred[why]++
			continue
		}
		able = append(able, face)
	}
	f.Barred = barred.told()
	f.Ruleset, _ = r.Steps(queue, s)
	for _, rule := range r.World.Rulesets[f.GetRuleset()].GetAssign() {
		f.Steps = append(f.Steps, r.step(rule, s, able))
	}
	return f
}

// step tells whom a step takes.
func (r *Rules) step(rule *configv1.AssignmentRule, s *Sight, able []*Face) *routingv1.StepForesight {
	out := &routingv1.StepForesight{Rule: rule.GetName(), Disabled: rule.GetDisabled()}
	if out.GetDisabled() {
		return out
	}
	condition, barred := r.conditions[Text{Assigning, rule.GetWhen()}], tally{}
	for _, face := range able {
		if why := condition.bars(&together{s.values, face.value}); why != "" {
			barred[why]++
			continue
		}
		out.Agents++
	}
	out.Barred = barred.told()
	return out
}

// idle is an agent who is there and has nothing to do.
func (r *Rules) idle(id string, queues []string, now time.Time) *routingv1.Agent {
	set := r.World.Agents[id]
	a := &routingv1.Agent{Id: id, Name: set.GetMeta().GetDisplayName(), Language: set.GetLanguage(), Presence: "available",
		Queues: queues, Units: set.GetCapacity(), UnitsFree: set.GetCapacity(), Places: map[string]int32{}, Skills: map[string]int32{}, Working: r.Working(id, now)}
	for _, h := range set.GetProfiles() {
		if p := r.World.Profiles[h.GetProfile()]; p != nil {
			a.Places[h.GetProfile()] = cmp.Or(max(h.GetLimit(), 0), p.GetLimit())
		}
	}
	for _, p := range set.GetSkills() {
		if skill := r.World.Skills[p.GetSkill()]; skill != nil && !skill.GetInactive() {
			a.Skills[p.GetSkill()] = directory.Rating(skill, p.GetValue())
		}
	}
	return a
}

// roomless is why an agent has no room for a conversation even with nothing else
// to do; empty when there is room.
func roomless(c *routingv1.WaitingConversation, a *routingv1.Agent) string {
	for _, p := range c.GetCapacityProfiles() {
		if a.Places[p] <= 0 {
			return "no place in capacity profile " + p
		}
	}
	if c.GetUnits() > a.GetUnits() {
		return fmt.Sprintf("fewer than %d units", c.GetUnits())
	}
	return ""
}

// runOf tells what rules about a waiting conversation did.
func runOf[R tried](r *Rules, id string, about Subject, list []R, s *Sight) *routingv1.RulesetRun {
	t := (&Trace{&routingv1.Decision{}}).ruleset(id)
	applied := false
	for _, rule := range list {
		matched, _ := r.try(rule.GetName(), Text{about, rule.GetWhen()}, rule.GetDisabled(), applied, s.values, t)
		applied = applied || matched
	}
	return t.out
}

// tried is a rule that is tried in its turn.
type tried interface {
	GetName() string
	GetWhen() string
	GetDisabled() bool
}

// tally counts agents by what keeps them away.
type tally map[string]int32

// told is what was counted, the most first.
func (t tally) told() []*routingv1.Barred {
	var out []*routingv1.Barred
	for why, n := range t {
		out = append(out, &routingv1.Barred{Why: why, Agents: n})
	}
	slices.SortFunc(out, func(x, y *routingv1.Barred) int {
		return cmp.Or(cmp.Compare(y.GetAgents(), x.GetAgents()), strings.Compare(x.GetWhy(), y.GetWhy()))
	})
	return out
}
