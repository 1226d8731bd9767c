package rules

import (
	"strings"
	"time"

	"google.golang.org/protobuf/proto"

	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
	routingv1 "github.com/parley-desk/parley/proto/gen/parley/routing/v1"
)

// Explain decides as Classify, Route and Settle do, and tells everything about
// it. Room says which of some queues have room, as distribution would; it is
// asked at most once. Waited is for how long the conversation would wait in its
// queue, should that assign by rules. The context is left as it is.
func (r *Rules) Explain(c *routingv1.RoutingContext, conversation string, now time.Time, waited time.Duration, room func([]Limit) Room) *routingv1.Decision {
	d := &routingv1.Decision{Version: r.World.Version, Workstream: c.GetConversation().GetWorkstream(), Context: proto.CloneOf(c)}
	t := &Trace{d}
	seen := proto.CloneOf(c)
	found := r.Classify(seen, t)
	d.Attributes = attributes(found)
	choice := r.Route(seen, conversation, now, t)
	free := Room{}
	if limits := choice.Limits(); len(limits) > 0 {
		free = room(limits)
	}
	out := choice.Settle(free)
	d.Queue, d.Rule, d.Ends = out.Queue, out.Rule, out.Ends
	for _, k := range choice.candidates {
		d.Candidates = append(d.Candidates, &routingv1.Candidate{Queue: k.queue, Rule: k.rule, Passed: passed(k.queue, out)})
	}
	for _, line := range choice.skipped {
		queue, why, _ := strings.Cut(line, ": ")
		d.Candidates = append(d.Candidates, &routingv1.Candidate{Queue: queue, Passed: why})
	}
	if r.World.Queues[out.Queue].GetAssignment() == configv1.Assignment_ASSIGNMENT_CUSTOM {
		d.Foresight = r.foresee(out.Queue, r.expect(out.Queue, seen, found.GetCapacityProfiles(), now, waited), now)
	}
	return d
}

// passed is why a candidate was passed by; empty for the one that was taken.
func passed(queue string, out Outcome) string {
	if queue == out.Queue {
		return ""
	}
	for _, line := range out.Passed {
		if why, ok := strings.CutPrefix(line, queue+": "); ok {
			return why
		}
	}
	return "an earlier one takes it"
}
