package rules

import (
	"slices"
	"strings"
	"time"

	"cel.dev/cel-go/cel"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/parley-desk/parley/pkg/directory"
	"github.com/parley-desk/parley/pkg/thread"
	routingv1 "github.com/parley-desk/parley/proto/gen/parley/routing/v1"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
)

// Sight is a conversation that waits in a queue, as rules see it at one moment.
// It is for one goroutine.
type Sight struct {
	Context *routingv1.WaitingContext
	values  view

	waiting time.Time // since when
	wrote   time.Time // the customer, last
}

// See is the conversation of s as rules of d see it at now. What opened it is
// not to be seen any more; work classification may keep what matters of it in a
// variable.
func See(d *directory.Snapshot, s *threadv1.State, now time.Time) *Sight {
	page, c := d.PagesByMeta[s.GetPage()], s.GetConversation()
	stream := Workstream(d, s)
	w := &routingv1.WaitingContext{
		Customer: customer(s),
		Page: &routingv1.Page{Id: page.GetMeta().GetId(), PageId: s.GetPage(), Name: page.GetMeta().GetDisplayName(),
			Language: page.GetLanguage()},
		Referral: referral(c.GetReferral()),
		Conversation: &routingv1.WaitingConversation{Workstream: stream, Queue: c.GetQueue(), Previous: previous(s), Priority: c.GetPriority(),
			Skills: map[string]int32{}, CapacityProfiles: c.GetCapacityProfiles()[:min(len(c.GetCapacityProfiles()), maxProfiles)], Units: c.GetUnits()},
		Variables: initial(d.Workstreams[stream]),
		Now:       &timestamppb.Timestamp{},
	}
	for _, need := range c.GetSkills() {
		if !d.Skills[need.GetSkill()].GetInactive() {
			w.Conversation.Skills[need.GetSkill()] = need.GetValue()
		}
	}
	for _, p := range c.GetTerms().GetPresences() {
		w.Conversation.Presences = append(w.Conversation.Presences, Presence(p.String()))
	}
	for name, value := range c.GetVariables() {
		w.Variables[name] = clip(value, maxValue)
	}
	cut(w.ProtoReflect())
	return newSight(w, thread.WaitingSince(c), time.UnixMilli(s.GetWindowMs()), now)
}

// newSight is w at now, which has waited since one moment and whose customer
// wrote last at another.
func newSight(w *routingv1.WaitingContext, waiting, wrote, now time.Time) *Sight {
	sight := &Sight{Context: w, waiting: waiting, wrote: wrote}
	sight.values = adapt(Assigning, map[string]any{"customer": w.GetCustomer(), "page": w.GetPage(), "referral": w.GetReferral(),
		"conversation": w.GetConversation(), "variables": w.GetVariables(), "now": w.GetNow()})
	sight.At(now)
	return sight
}

// Presence is how rules call a presence of the API.
func Presence(name string) string { return strings.ToLower(strings.TrimPrefix(name, "PRESENCE_")) }

// At moves the sight to now: nothing changes but what time changes.
func (s *Sight) At(now time.Time) {
	c := s.Context.GetConversation()
	c.Waited, c.Silent = seconds(now.Sub(s.waiting)), 0
	if s.wrote.UnixMilli() > 0 {
		c.Silent = seconds(now.Sub(s.wrote))
	}
	s.Context.Now.Seconds, s.Context.Now.Nanos = now.Unix(), 0
	s.values.fields["now"] = adapt(Assigning, map[string]any{"now": s.Context.GetNow()}).fields["now"]
}

func seconds(d time.Duration) int64 { return max(int64(d/time.Second), 0) }

// Face is an agent as rules see it.
type Face struct {
	Agent *routingv1.Agent
	value any
}

// NewFace is a as rules see it, cut down to what they see at most. They see
// whatever changes in a.
func NewFace(a *routingv1.Agent) *Face {
	a.Queues = a.Queues[:min(len(a.Queues), maxQueues)]
	cut(a.ProtoReflect())
	return &Face{Agent: a, value: adapt(Assigning, map[string]any{"agent": a}).fields["agent"]}
}

// together are a conversation and an agent.
type together struct {
	view
	agent any
}

// ResolveName implements cel.Activation.
func (t *together) ResolveName(name string) (any, bool) {
	if name == "agent" {
		return t.agent, true
	}
	return t.view.ResolveName(name)
}

// Parent implements cel.Activation.
func (*together) Parent() cel.Activation { return nil }

// Working tells whether a moment is within an agent's working hours. Who has
// none is always at work.
func (r *Rules) Working(agent string, now time.Time) bool {
	c := r.calendars[r.World.Agents[agent].GetSchedule()]
	return c == nil || c.hours().At(now).Open
}

// Strange are the context variables that a condition names and no workstream
// has.
func (t Text) Strange(d *directory.Snapshot) []string {
	known := map[string]bool{}
	for _, w := range d.Workstreams {
		for _, v := range w.GetVariables() {
			known[v.GetName()] = true
		}
	}
	return slices.DeleteFunc(t.Condition().Variables(), func(name string) bool { return known[name] })
}
