package rules

import (
	"fmt"
	"iter"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/parley-desk/parley/pkg/directory"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
)

// Book keeps rules compiled from one snapshot to the next: what did not change
// is not compiled again. It is safe for concurrent use.
type Book struct {
	now atomic.Pointer[Rules]
	mu  sync.Mutex // one at a time makes the next
}

// Of are the rules of d. Nothing is compiled before it is used.
func (b *Book) Of(d *directory.Snapshot) *Rules {
	if r := b.now.Load(); r != nil && r.World == d {
		return r
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	before := b.now.Load()
	if before != nil && before.World == d {
		return before
	}
	next := assemble(d, before)
	b.now.Store(next)
	return next
}

// Rules are the rules of one snapshot. Whatever they decide, they decide by it
// alone.
type Rules struct {
	World      *directory.Snapshot
	conditions map[Text]*Condition
	calendars  map[string]*calendar // by schedule
	knowing    map[string]bool      // rulesets that ask for the contact
}

// New are the rules of d alone.
func New(d *directory.Snapshot) *Rules { return assemble(d, nil) }

// assemble takes over from before what is the same.
func assemble(d *directory.Snapshot, before *Rules) *Rules {
	r := &Rules{World: d, conditions: map[Text]*Condition{}, calendars: map[string]*calendar{}, knowing: map[string]bool{}}
	for id, set := range d.Rulesets {
		r.compile(Conditions(set), before)
		for _, text := range Conditions(set) {
			r.knowing[id] = r.knowing[id] || strings.Contains(text.When, "contact")
		}
	}
	for _, q := range d.Queues {
		r.compile(Selections(q), before)
	}
	for id, s := range d.Schedules {
		if before != nil && before.World.Schedules[id] == s {
			r.calendars[id] = before.calendars[id]
			continue
		}
		r.calendars[id] = newCalendar(s)
	}
	return r
}

// AskForContact tells whether a rule that classifies or routes the conversations
// of a workstream may ask who the customer is known to be. When none does, nobody
// needs to read it.
func (r *Rules) AskForContact(workstream string) bool {
	ws := r.World.Workstreams[workstream]
	return r.knowing[ws.GetRouting()] || slices.ContainsFunc(ws.GetClassification(), func(id string) bool { return r.knowing[id] })
}

func (r *Rules) compile(texts iter.Seq2[string, Text], before *Rules) {
	for _, text := range texts {
		if r.conditions[text] != nil {
			continue
		}
		if before != nil && before.conditions[text] != nil {
			r.conditions[text] = before.conditions[text]
			continue
		}
		r.conditions[text] = text.Condition()
	}
}

// Conditions yields the conditions of a ruleset by the fields in which they
// stand, "route[2].when".
func Conditions(set *configv1.Ruleset) iter.Seq2[string, Text] {
	return func(yield func(string, Text) bool) {
		_ = texts("classify", Opening, set.GetClassify(), yield) && texts("route", Opening, set.GetRoute(), yield) &&
			texts("prioritise", Waiting, set.GetPrioritise(), yield) && texts("assign", Assigning, set.GetAssign(), yield)
	}
}

// Selections yields the conditions of a queue by the fields in which they stand,
// "custom.selections[0].when".
func Selections(q *configv1.Queue) iter.Seq2[string, Text] {
	return func(yield func(string, Text) bool) {
		texts("custom.selections", Waiting, q.GetCustom().GetSelections(), yield)
	}
}

func texts[R interface{ GetWhen() string }](list string, about Subject, rules []R, yield func(string, Text) bool) bool {
	for i, rule := range rules {
		if !yield(fmt.Sprintf("%s[%d].when", list, i), Text{about, rule.GetWhen()}) {
			return false
		}
	}
	return true
}
