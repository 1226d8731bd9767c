package cli

import (
	"fmt"

	routingv1 "github.com/parley-desk/parley/proto/gen/parley/routing/v1"
)

// showForesight tells whom a queue that assigns by rules would look for; nothing
// for any other queue.
func (a *app) showForesight(f *routingv1.Foresight) {
	if f == nil {
		return
	}
	if f.GetPrioritisation() != nil {
		a.showRun("prioritisation", f.GetPrioritisation())
	}
	if f.GetSelections() != nil {
		a.showRun("selections of queue", f.GetSelections())
	}
	a.print("\nassignment %s, as if all %s of the queue were available and had nothing else to do", f.GetRuleset(), agents(f.GetAgents()))
	a.showBarred(f.GetBarred(), "no room")
	for n, step := range f.GetSteps() {
		found := "takes " + agents(step.GetAgents())
		if step.GetDisabled() {
			found = "disabled"
		}
		a.print("  %d. %s: %s", n+1, step.GetRule(), found)
		a.showBarred(step.GetBarred(), "not")
	}
	bucket := f.GetBucket()
	if bucket == "" {
		bucket = "none, so behind all that are in one"
	}
	a.print("\nbucket %s", bucket)
}

func (a *app) showBarred(barred []*routingv1.Barred, word string) {
	for _, b := range barred {
		a.print("     %s %s: %s", word, agents(b.GetAgents()), b.GetWhy())
	}
}

func agents(n int32) string {
	if n == 1 {
		return "1 agent"
	}
	return fmt.Sprintf("%d agents", n)
}
