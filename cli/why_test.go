package cli

import (
	"bytes"
	"testing"

	adminv1 "github.com/parley-desk/parley/proto/gen/parley/admin/v1"
	distributionv1 "github.com/parley-desk/parley/proto/gen/parley/distribution/v1"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
)

// What rules make of a conversation is told step by step.
func TestWhyByRules(t *testing.T) {
	now := &distributionv1.WhyResponse{Standing: "waiting", Queue: "front", Class: "1 unit", Method: "custom", Members: 5, Ready: 1, WaitSeconds: -1,
		Ruleset: "whom", Excluded: []*distributionv1.Exclusion{{Reason: "rule", Agents: 3}, {Reason: "offline", Agents: 1}},
		Steps: []*distributionv1.Step{{Rule: "whom/near", Failed: 2}, {Rule: "whom/any", Agents: 1}}}
	for _, c := range []struct {
		change func()
		want   string
	}{
		{func() {}, `waiting in queue front, 0 before it, nobody can say for how long
asks for     1 unit
bucket       none, so it comes after all that are in one
members      5, of whom 1 could take it
  3          have room, and no step takes them
  1          are offline
steps of whom
  0          near, which fails for 2
  1          any
`},
		{func() { now.Bucket, now.Steps, now.Excluded = "first/gold", nil, nil }, `waiting in queue front, 0 before it, nobody can say for how long
asks for     1 unit
bucket       first/gold
members      5, of whom 1 could take it
steps of whom
  there are none, so nobody gets it
`},
	} {
		c.change()
		var out bytes.Buffer
		(&app{out: &out}).showNow(&adminv1.ExplainAssignmentResponse{Now: now})
		if out.String() != c.want {
			t.Errorf("told\n%s\nwant\n%s", out.String(), c.want)
		}
	}
	for want, choice := range map[string]*threadv1.Choice{
		"active":                              {Method: "active"},
		"rule whom/any":                       {Method: "custom", Rule: "whom/any"},
		"rule whom/any, in bucket first/gold": {Method: "custom", Rule: "whom/any", Bucket: "first/gold"},
	} {
		if got := method(choice); got != want {
			t.Errorf("told %q, want %q", got, want)
		}
	}
}
