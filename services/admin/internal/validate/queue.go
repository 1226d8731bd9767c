package validate

import (
	"fmt"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"

	"github.com/parley-desk/parley/pkg/directory"
	"github.com/parley-desk/parley/pkg/rules"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
)

// Limits of a queue.
const (
	maxAgents     = 1000
	maxOverflow   = 10
	maxSelections = 20
	maxThreshold  = 600 // seconds
)

func (p *problems) queue(q *configv1.Queue, world *directory.Snapshot) {
	if p.atMost("agents", "agents", len(q.GetAgents()), maxAgents) {
		p.references("agents[%d]", directory.Agents, q.GetAgents(), world)
	}
	p.known("assignment", q.GetAssignment().String(), configv1.Assignment_name, int32(q.GetAssignment()))
	p.within("priority", q.GetPriority(), 0, 1000)
	p.within("head_start_seconds", q.GetHeadStartSeconds(), 0, 3600)
	p.within("service_level_seconds", q.GetServiceLevelSeconds(), 0, maxThreshold) // L43
	p.within("short_abandon_seconds", q.GetShortAbandonSeconds(), 0, maxThreshold)
	p.supervisors(q, world)
	if q.GetSchedule() != "" { // none: always open (L42)
		p.reference("schedule", directory.Schedules, q.GetSchedule(), world)
	}
	p.overflow("overflow", q.GetOverflow(), []string{q.GetMeta().GetId()}, world)
	p.wait(q, world)
	p.custom(q, world)
}

// supervisors checks who oversees a queue (L109).
func (p *problems) supervisors(q *configv1.Queue, world *directory.Snapshot) {
	if !p.atMost("supervisors", "supervisors", len(q.GetSupervisors()), maxAgents) {
		return
	}
	p.references("supervisors[%d]", directory.Agents, q.GetSupervisors(), world)
	for i, id := range q.GetSupervisors() {
		if a := world.Agents[id]; a != nil && !slices.Contains(a.GetRoles(), "supervisor") {
			p.add(fmt.Sprintf("supervisors[%d]", i), "%q has not the role supervisor; give it, or name somebody else", id)
		}
	}
}

// custom checks by which rules a queue assigns, when it does by rules (L60).
func (p *problems) custom(q *configv1.Queue, world *directory.Snapshot) {
	c := q.GetCustom()
	if q.GetAssignment() != configv1.Assignment_ASSIGNMENT_CUSTOM {
		if c != nil {
			p.add("custom", "has no effect unless assignment is ASSIGNMENT_CUSTOM; set that, or leave it out")
		}
		return
	}
	if q.GetHeadStartSeconds() != 0 {
		p.add("head_start_seconds", "%d has no effect with ASSIGNMENT_CUSTOM, where custom.prioritisation says what comes first; leave it out", q.GetHeadStartSeconds())
	}
	if c.GetPrioritisation() != "" {
		p.reference("custom.prioritisation", directory.Rulesets, c.GetPrioritisation(), world)
		p.sort("custom.prioritisation", c.GetPrioritisation(), "prioritise", world)
	}
	p.reference("custom.assignment", directory.Rulesets, c.GetAssignment(), world)
	p.sort("custom.assignment", c.GetAssignment(), "assign", world)
	if !p.atMost("custom.selections", "selections", len(c.GetSelections()), maxSelections) {
		return
	}
	p.names("custom.selections[%d].name", each(c.GetSelections(), (*configv1.Selection).GetName))
	for i, s := range c.GetSelections() {
		field := fmt.Sprintf("custom.selections[%d].ruleset", i)
		p.reference(field, directory.Rulesets, s.GetRuleset(), world)
		p.sort(field, s.GetRuleset(), "assign", world)
	}
	for field, text := range rules.Selections(q) {
		if err := text.Condition().Check(); err != nil {
			p.add(field, "cannot be a condition: %v", err)
		}
	}
}

// overflow checks what happens before the queues from (L50, L51).
func (p *problems) overflow(path string, rules []*configv1.OverflowRule, from []string, world *directory.Snapshot) {
	if !p.atMost(path, "overflow rules", len(rules), maxOverflow) {
		return
	}
	outOfHours := -1
	for i, o := range rules {
		field := fmt.Sprintf("%s[%d]", path, i)
		switch o.GetCondition() {
		case configv1.OverflowCondition_OVERFLOW_CONDITION_OUT_OF_HOURS:
			if outOfHours >= 0 { // L52: there is one condition of this sort
				p.add(field+".condition", "%s[%d] says what happens out of hours already; remove one", path, outOfHours)
			}
			outOfHours = i
			if o.GetItems() != 0 {
				p.add(field+".items", "%d has no effect out of hours; leave it out, or make the condition OVERFLOW_CONDITION_ITEMS", o.GetItems())
			}
		case configv1.OverflowCondition_OVERFLOW_CONDITION_ITEMS:
			p.within(field+".items", o.GetItems(), 1, 100_000)
		default:
			p.add(field+".condition", "%s is not a condition; use OVERFLOW_CONDITION_OUT_OF_HOURS or OVERFLOW_CONDITION_ITEMS", o.GetCondition())
		}
		p.overflowAction(field, o, from, world)
	}
}

func (p *problems) overflowAction(field string, o *configv1.OverflowRule, from []string, world *directory.Snapshot) {
	switch o.GetAction() {
	case configv1.OverflowAction_OVERFLOW_ACTION_TRANSFER:
		p.elsewhere(field+".queue", o.GetQueue(), from, world)
		return
	case configv1.OverflowAction_OVERFLOW_ACTION_ASSIGN:
		if o.GetCondition() == configv1.OverflowCondition_OVERFLOW_CONDITION_ITEMS { // L51
			p.add(field+".action", "OVERFLOW_ACTION_ASSIGN is for out of hours only; use OVERFLOW_ACTION_TRANSFER or OVERFLOW_ACTION_END, or remove the rule")
		}
	case configv1.OverflowAction_OVERFLOW_ACTION_END:
	default:
		p.add(field+".action", "%s is not an action; use OVERFLOW_ACTION_TRANSFER, OVERFLOW_ACTION_END or, out of hours, OVERFLOW_ACTION_ASSIGN", o.GetAction())
		return
	}
	p.idle(field+".queue", o.GetQueue())
}

// elsewhere checks the queue to which a conversation goes instead of from.
func (p *problems) elsewhere(field, queue string, from []string, world *directory.Snapshot) {
	if slices.Contains(from, queue) && queue != "" {
		p.add(field, "%q is the queue itself; name another, or end the conversation", clip(queue))
		return
	}
	p.reference(field, directory.Queues, queue, world)
}

// idle checks that no queue is named where none counts.
func (p *problems) idle(field, queue string) {
	if queue != "" {
		p.add(field, "%q has no effect unless action is OVERFLOW_ACTION_TRANSFER; set that, or leave the queue out", clip(queue))
	}
}

// wait checks what happens to those that waited too long (L53).
//
// A conversation that is moved on waits anew and counts by the rule of the queue
// where it is then, so these rules must not lead in a circle: it would be moved
// round for ever. Transfers before a queue may: they happen once, when a
// conversation is routed, and never after another transfer (L50).
func (p *problems) wait(q *configv1.Queue, world *directory.Snapshot) {
	w := q.GetWait()
	if w == nil || proto.Equal(w, &configv1.WaitRule{}) {
		return
	}
	p.within("wait.seconds", w.GetSeconds(), 60, 172_800)
	switch w.GetAction() {
	case configv1.OverflowAction_OVERFLOW_ACTION_TRANSFER:
		p.elsewhere("wait.queue", w.GetQueue(), []string{q.GetMeta().GetId()}, world)
		if way := circle(q, world); len(way) > 2 {
			p.add("wait.queue", "leads in a circle, %s, in which conversations would be moved for ever; end it in one of these queues", strings.Join(way, " -> "))
		}
	case configv1.OverflowAction_OVERFLOW_ACTION_END:
		p.idle("wait.queue", w.GetQueue())
	default:
		p.add("wait.action", "%s is not an action here; use OVERFLOW_ACTION_TRANSFER or OVERFLOW_ACTION_END", w.GetAction())
	}
}

// circle is the way from q back to q by the rules of waiting; nil when there is
// none.
func circle(q *configv1.Queue, world *directory.Snapshot) []string {
	start := q.GetMeta().GetId()
	path := []string{start}
	for seen := map[string]bool{}; ; {
		next := moved(q)
		switch path = append(path, next); {
		case next == start:
			return path
		case next == "" || seen[next]:
			return nil // it ends, or q leads into a circle of others
		}
		seen[next], q = true, world.Queues[next]
	}
}

// moved is the queue to which those go that waited too long in q; empty: they
// stay or end.
func moved(q *configv1.Queue) string {
	if q.GetWait().GetAction() != configv1.OverflowAction_OVERFLOW_ACTION_TRANSFER {
		return ""
	}
	return q.GetWait().GetQueue()
}
