package validate

import (
	"fmt"
	"iter"
	"maps"
	"slices"

	"github.com/parley-desk/parley/pkg/directory"
	"github.com/parley-desk/parley/pkg/rules"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
)

// Observer finds what is odd about the resources of a world though it may be
// meant, or be put right by the next change: a queue without agents, a skill
// that nobody has. It is for one goroutine.
type Observer struct {
	world    *directory.Snapshot
	skills   map[string]bool             // that an agent has
	profiles map[string]bool             // that an agent has
	used     map[string]bool             // rulesets that a workstream or a queue uses
	able     map[string]map[string]int32 // by queue and skill, the best of its agents; filled when asked for
}

// Observe looks at world, which is not to change meanwhile.
func Observe(world *directory.Snapshot) *Observer {
	o := &Observer{world, map[string]bool{}, map[string]bool{}, map[string]bool{}, map[string]map[string]int32{}}
	for _, a := range world.Agents {
		for _, s := range a.GetSkills() {
			o.skills[s.GetSkill()] = true
		}
		for _, p := range a.GetProfiles() {
			o.profiles[p.GetProfile()] = true
		}
	}
	for _, w := range world.Workstreams {
		for _, id := range append(slices.Clone(w.GetClassification()), w.GetRouting()) {
			o.used[id] = true
		}
	}
	for _, q := range world.Queues {
		for _, id := range ordering(q) {
			o.used[id] = true
		}
	}
	return o
}

// remarks are lines about one resource; each begins with its kind and id.
type remarks struct {
	about string
	lines []string
}

func (m *remarks) add(format string, args ...any) {
	m.lines = append(m.lines, m.about+" "+fmt.Sprintf(format, args...))
}

// Remarks says what is odd about r, a line each with the place and the remedy.
func (o *Observer) Remarks(r directory.Resource) []string {
	id := r.GetMeta().GetId()
	m := &remarks{about: fmt.Sprintf("%s %q", Noun(directory.Kind(r), false), id)}
	switch r := r.(type) {
	case *configv1.Skill:
		if !r.GetInactive() && !o.skills[id] {
			m.add("is a skill that no agent has; give it to agents, or conversations that need it find nobody")
		}
	case *configv1.CapacityProfile:
		if !o.profiles[id] {
			m.add("is one that no agent has; give it to agents, or conversations that count in it find nobody")
		}
	case *configv1.Agent:
		o.agent(m, r)
	case *configv1.Schedule:
		if !opens(r) {
			m.add("never opens; give a day hours")
		}
	case *configv1.Queue:
		o.queue(m, r)
	case *configv1.Ruleset:
		o.ruleset(m, r)
	case *configv1.Workstream:
		o.workstream(m, r)
	case *configv1.NotificationTemplate:
		o.noticed(m, r)
	case *configv1.AutomatedMessage:
		o.said(m, "texts", r.GetTexts())
	case *configv1.ChannelAccount:
		o.overridden(m, r.GetMessages())
	case *configv1.Page:
		o.overridden(m, r.GetMessages())
		o.surveyed(m, r)
	}
	return m.lines
}

func (o *Observer) agent(m *remarks, a *configv1.Agent) {
	for i, s := range a.GetSkills() {
		if o.world.Skills[s.GetSkill()].GetInactive() {
			m.add("has skill %q (skills[%d]), which is inactive and does not count", s.GetSkill(), i)
		}
	}
	if o.world.Statuses[a.GetDefaultStatus()].GetInactive() {
		m.add("signs in with status %q (default_status), which is inactive; name another", a.GetDefaultStatus())
	}
}

func (o *Observer) queue(m *remarks, q *configv1.Queue) {
	if len(q.GetAgents()) == 0 {
		m.add("has no agents; add some, or nobody takes its conversations")
	}
	for i, rule := range q.GetOverflow() {
		if q.GetSchedule() == "" && rule.GetCondition() == configv1.OverflowCondition_OVERFLOW_CONDITION_OUT_OF_HOURS {
			m.add("is always open, so overflow[%d] has no effect; give it a schedule", i)
		}
	}
	if q.GetAssignment() == configv1.Assignment_ASSIGNMENT_CUSTOM {
		o.custom(m, q)
	}
}

// custom remarks on rules that find nobody, or name what no workstream has.
func (o *Observer) custom(m *remarks, q *configv1.Queue) {
	finds := func(field, id string) {
		on := func(r *configv1.AssignmentRule) bool { return !r.GetDisabled() }
		if r := o.world.Rulesets[id]; r != nil && !slices.ContainsFunc(r.GetAssign(), on) {
			m.add("assigns by ruleset %q (%s), which has no rules, so nobody gets its conversations; add some", id, field)
		}
	}
	finds("custom.assignment", q.GetCustom().GetAssignment())
	for i, s := range q.GetCustom().GetSelections() {
		if !s.GetDisabled() {
			finds(fmt.Sprintf("custom.selections[%d].ruleset", i), s.GetRuleset())
		}
	}
	o.variables(m, rules.Selections(q))
}

// variables remarks on conditions about conversations of whatever workstream
// that name a variable which none of them has.
func (o *Observer) variables(m *remarks, texts iter.Seq2[string, rules.Text]) {
	for field, text := range texts {
		for _, name := range text.Strange(o.world) {
			m.add("names the variable %q (%s), which no workstream has, so the condition is never true; add it to one, or name another", name, field)
		}
	}
}

func (o *Observer) ruleset(m *remarks, r *configv1.Ruleset) {
	if !o.used[r.GetMeta().GetId()] {
		m.add("is used by no workstream and no queue; name it in classification or routing of a workstream, or in custom of a queue")
	}
	if len(r.GetPrioritise())+len(r.GetAssign()) > 0 {
		o.variables(m, rules.Conditions(r))
	}
	for i, rule := range r.GetClassify() {
		if !rule.GetDisabled() {
			o.attributes(m, fmt.Sprintf("(classify[%d], rule %q)", i, rule.GetName()), rule.GetSet())
		}
	}
	for i, rule := range r.GetRoute() {
		for j, s := range rule.GetQueues() {
			if !rule.GetDisabled() && o.empty(s.GetQueue()) {
				m.add("routes to queue %q (route[%d].queues[%d], rule %q), which has no agents; add some, or name another", s.GetQueue(), i, j, rule.GetName())
			}
		}
	}
}

func (o *Observer) attributes(m *remarks, place string, a *configv1.Attributes) {
	for _, s := range a.GetSkills() {
		switch {
		case o.world.Skills[s.GetSkill()].GetInactive():
			m.add("asks for skill %q %s, which is inactive; conversations do without", s.GetSkill(), place)
		case !o.skills[s.GetSkill()]:
			m.add("asks for skill %q %s, which no agent has; give it to agents", s.GetSkill(), place)
		}
	}
	for _, id := range a.GetCapacityProfiles() {
		if !o.profiles[id] {
			m.add("counts in capacity profile %q %s, which no agent has; give it to agents", id, place)
		}
	}
}

func (o *Observer) workstream(m *remarks, w *configv1.Workstream) {
	o.surveyed(m, w)
	o.agrees(m, w)
	for _, named := range []struct{ field, queue string }{{"queue", w.GetQueue()}, {"fallback_queue", w.GetFallbackQueue()}} {
		if o.empty(named.queue) {
			m.add("names queue %q (%s), which has no agents; add some, or name another", named.queue, named.field)
		}
	}
	for i, rule := range o.world.Rulesets[w.GetRouting()].GetRoute() {
		for _, s := range rule.GetQueues() {
			if !rule.GetDisabled() && o.empty(s.GetQueue()) {
				m.add("routes to queue %q (ruleset %q, route[%d], rule %q), which has no agents; add some, or name another", s.GetQueue(), w.GetRouting(), i, rule.GetName())
			}
		}
	}
	queues := o.reached(w)
	for _, queue := range queues {
		o.room(m, w, queue)
	}
	if !exact(w) {
		return
	}
	for _, id := range w.GetClassification() {
		for i, rule := range o.world.Rulesets[id].GetClassify() {
			if !rule.GetDisabled() {
				place := fmt.Sprintf("(ruleset %q, classify[%d], rule %q)", id, i, rule.GetName())
				o.lacking(m, place, rule.GetSet().GetSkills(), queues)
			}
		}
	}
}

// exact tells whether conversations of w wait for agents with their skills.
func exact(w *configv1.Workstream) bool {
	return w.GetSkillMatching() == configv1.SkillMatching_SKILL_MATCHING_UNSPECIFIED ||
		w.GetSkillMatching() == configv1.SkillMatching_SKILL_MATCHING_EXACT
}

// room remarks on a queue none of whose agents ever has room for a conversation
// of w: in units, and in all of its profiles at once (L65, L67). All of them
// need it, so unlike skills it is odd of any single queue.
func (o *Observer) room(m *remarks, w *configv1.Workstream, queue string) {
	var most int32
	held, all := map[string]bool{}, false
	for _, id := range o.world.Queues[queue].GetAgents() {
		agent := o.world.Agents[id]
		most = max(most, agent.GetCapacity())
		has := each(agent.GetProfiles(), (*configv1.ProfileHolding).GetProfile)
		for _, profile := range has {
			held[profile] = true
		}
		all = all || !slices.ContainsFunc(w.GetCapacityProfiles(), func(profile string) bool { return !slices.Contains(has, profile) })
	}
	if o.empty(queue) {
		return
	}
	if w.GetUnits() > most {
		m.add("takes %d units, more than any agent of queue %q has; give agents there more capacity, or let it take fewer", w.GetUnits(), queue)
	}
	known := len(m.lines)
	for i, profile := range w.GetCapacityProfiles() {
		if !held[profile] {
			m.add("counts in capacity profile %q (capacity_profiles[%d]), which no agent of queue %q has; give it to agents there", profile, i, queue)
		}
	}
	if !all && known == len(m.lines) {
		m.add("counts in capacity profiles %v, which no agent of queue %q has all of; give them to the same agents", w.GetCapacityProfiles(), queue)
	}
}

// lacking remarks on skills that a rule asks for and that no agent of any of
// the queues has. That some of the queues lack one is as it should be: they are
// for other conversations.
func (o *Observer) lacking(m *remarks, place string, needs []*configv1.Proficiency, queues []string) {
	for _, s := range needs {
		skill := o.world.Skills[s.GetSkill()]
		least := directory.Rating(skill, s.GetValue())
		able := func(queue string) bool { return o.best(queue)[s.GetSkill()] >= least }
		if skill != nil && !skill.GetInactive() && !slices.ContainsFunc(queues, able) {
			m.add("asks for skill %q at %d or better %s, which no agent of its queues has; add such agents to one of %v", s.GetSkill(), least, place, queues)
		}
	}
}

// reached are the queues to which conversations of w can come, sorted.
func (o *Observer) reached(w *configv1.Workstream) []string {
	open := []string{w.GetQueue(), w.GetFallbackQueue()}
	for _, rule := range o.world.Rulesets[w.GetRouting()].GetRoute() {
		if !rule.GetDisabled() {
			open = append(append(open, each(rule.GetQueues(), (*configv1.Share).GetQueue)...), overflowing(rule.GetOverflow())...)
		}
	}
	seen := map[string]bool{}
	for len(open) > 0 {
		id := open[0]
		open = open[1:]
		if q := o.world.Queues[id]; q != nil && !seen[id] {
			seen[id] = true
			open = append(append(open, overflowing(q.GetOverflow())...), moved(q))
		}
	}
	return slices.Sorted(maps.Keys(seen))
}

// best is how well the best agent of a queue has each skill.
func (o *Observer) best(queue string) map[string]int32 {
	if able, known := o.able[queue]; known {
		return able
	}
	able := map[string]int32{}
	for _, id := range o.world.Queues[queue].GetAgents() {
		for _, s := range o.world.Agents[id].GetSkills() {
			able[s.GetSkill()] = max(able[s.GetSkill()], directory.Rating(o.world.Skills[s.GetSkill()], s.GetValue()))
		}
	}
	o.able[queue] = able
	return able
}

// empty tells a queue that is there and has no agents.
func (o *Observer) empty(queue string) bool {
	q := o.world.Queues[queue]
	return q != nil && len(q.GetAgents()) == 0
}

// opens tells whether a schedule has any hours at all.
func opens(s *configv1.Schedule) bool {
	return slices.ContainsFunc(s.GetWeek(), func(w *configv1.WeekHours) bool { return len(w.GetOpen()) > 0 }) ||
		slices.ContainsFunc(s.GetSpecialDays(), func(d *configv1.SpecialDays) bool { return len(d.GetOpen()) > 0 })
}
