package change

import (
	"google.golang.org/protobuf/proto"

	"github.com/parley-desk/parley/pkg/directory"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
)

// settleRules writes into time-out rules since when they are as they are: a rule
// must not take a silence as its own that began before there was such a rule.
// What a request says of it is dropped.
func (p Planner) settleRules(next, stored directory.Resource) {
	w, ok := next.(*configv1.Workstream)
	if !ok {
		return
	}
	before, _ := stored.(*configv1.Workstream)
	for _, r := range w.GetTimeOutRules() {
		r.SinceMs = p.Now().UnixMilli()
		for _, was := range before.GetTimeOutRules() {
			if was.GetName() == r.GetName() && sameRule(was, r) {
				r.SinceMs = was.GetSinceMs()
			}
		}
	}
}

// sameRule tells whether two rules run at the same times. How one is worded, and
// which of two that are due counts, may change.
func sameRule(a, b *configv1.TimeOutRule) bool {
	bare := func(r *configv1.TimeOutRule) *configv1.TimeOutRule {
		c := proto.CloneOf(r)
		c.SinceMs, c.CustomerTexts, c.AgentTexts, c.FallbackLanguage, c.Priority = 0, nil, nil, "", 0
		return c
	}
	return proto.Equal(bare(a), bare(b))
}

// Undated clears since when the time-out rules of r are as they are.
func Undated(r directory.Resource) {
	w, _ := r.(*configv1.Workstream)
	for _, rule := range w.GetTimeOutRules() {
		rule.SinceMs = 0
	}
}
