package rules

import (
	"fmt"
	"iter"
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
	conditions map[string]*Condition // by their text
	calendars  map[string]*calendar  // by schedule
}

// New are the rules of d alone.
func New(d *directory.Snapshot) *Rules { return assemble(d, nil) }

// assemble takes over from before what is the same.
func assemble(d *directory.Snapshot, before *Rules) *Rules {
	r := &Rules{World: d, conditions: map[string]*Condition{}, calendars: map[string]*calendar{}}
	for _, set := range d.Rulesets {
		for _, text := range Conditions(set) {
			if r.conditions[text] != nil {
				continue
			}
			if before != nil && before.conditions[text] != nil {
				r.conditions[text] = before.conditions[text]
				continue
			}
			r.conditions[text] = NewCondition(text)
		}
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

// Conditions yields the conditions of a ruleset by the fields in which they
// stand, "route[2].when".
func Conditions(set *configv1.Ruleset) iter.Seq2[string, string] {
	return func(yield func(field, when string) bool) {
		for i, rule := range set.GetClassify() {
			if !yield(fmt.Sprintf("classify[%d].when", i), rule.GetWhen()) {
				return
			}
		}
		for i, rule := range set.GetRoute() {
			if !yield(fmt.Sprintf("route[%d].when", i), rule.GetWhen()) {
				return
			}
		}
	}
}
