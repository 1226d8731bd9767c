package validate

import (
	"slices"

	"github.com/parley-desk/parley/pkg/directory"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
)

// Referrers are the keys of the resources of world that refer to the one of
// that kind and id, in the order of Snapshot.All.
func Referrers(world *directory.Snapshot, kind, id string) []string {
	var keys []string
	for r := range world.All() {
		if refers(r, kind, id) {
			keys = append(keys, directory.Key(r))
		}
	}
	return keys
}

func refers(r directory.Resource, kind, id string) bool {
	for of, names := range references(r) {
		if of == kind && slices.Contains(names, id) {
			return true
		}
	}
	return false
}

// references are what r refers to, by kind.
func references(r directory.Resource) map[string][]string {
	switch r := r.(type) {
	case *configv1.Page:
		return map[string][]string{directory.ChannelAccounts: {r.GetAccount()}, directory.Workstreams: {r.GetWorkstream()}}
	case *configv1.Workstream:
		return map[string][]string{directory.Queues: {r.GetQueue(), r.GetFallbackQueue()},
			directory.Rulesets: append(slices.Clone(r.GetClassification()), r.GetRouting()), directory.Profiles: r.GetCapacityProfiles(),
			directory.Notifications: each(directory.Uses(r), func(u directory.Use) string { return u.Template })}
	case *configv1.Queue:
		return map[string][]string{directory.Agents: slices.Concat(r.GetAgents(), r.GetSupervisors()), directory.Schedules: {r.GetSchedule()},
			directory.Queues: append(overflowing(r.GetOverflow()), r.GetWait().GetQueue()), directory.Rulesets: ordering(r)}
	case *configv1.Agent:
		return ofAgent(r)
	case *configv1.Ruleset:
		return ofRuleset(r)
	case *configv1.CannedReply:
		return map[string][]string{directory.Workstreams: r.GetWorkstreams()}
	}
	return nil
}

func ofAgent(a *configv1.Agent) map[string][]string {
	named := map[string][]string{directory.Schedules: {a.GetSchedule()}, directory.Statuses: {a.GetDefaultStatus()}}
	for _, s := range a.GetSkills() {
		named[directory.Skills] = append(named[directory.Skills], s.GetSkill())
	}
	for _, p := range a.GetProfiles() {
		named[directory.Profiles] = append(named[directory.Profiles], p.GetProfile())
	}
	return named
}

func ofRuleset(r *configv1.Ruleset) map[string][]string {
	named := map[string][]string{}
	for _, rule := range r.GetClassify() {
		for _, s := range rule.GetSet().GetSkills() {
			named[directory.Skills] = append(named[directory.Skills], s.GetSkill())
		}
		named[directory.Profiles] = append(named[directory.Profiles], rule.GetSet().GetCapacityProfiles()...)
	}
	for _, rule := range r.GetRoute() {
		for _, share := range rule.GetQueues() {
			named[directory.Queues] = append(named[directory.Queues], share.GetQueue())
		}
		named[directory.Queues] = append(named[directory.Queues], overflowing(rule.GetOverflow())...)
	}
	return named
}

// ordering are the rulesets by which a queue assigns.
func ordering(q *configv1.Queue) []string {
	c := q.GetCustom()
	return append(each(c.GetSelections(), (*configv1.Selection).GetRuleset), c.GetPrioritisation(), c.GetAssignment())
}

func overflowing(rules []*configv1.OverflowRule) []string {
	var queues []string
	for _, o := range rules {
		queues = append(queues, o.GetQueue())
	}
	return queues
}
