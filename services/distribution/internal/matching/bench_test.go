package matching_test

import (
	"fmt"
	"testing"

	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
	"github.com/parley-desk/parley/services/distribution/internal/assign"
	"github.com/parley-desk/parley/services/distribution/internal/matching"
)

// What a cycle costs at worst: a block of conversations that none of a thousand
// free agents is taken for, by two steps.
func BenchmarkNobodyFits(b *testing.B) { benchmark(b, "false") }

// And when all of them get somebody.
func BenchmarkEverybodyFits(b *testing.B) { benchmark(b, "true") }

func benchmark(b *testing.B, last string) {
	skilled := `conversation.skills.all(s, s in agent.skills && agent.skills[s] >= conversation.skills[s])`
	d := house(steps{{Name: "skilled", When: `agent.presence == "available" && ` + skilled},
		{Name: "here", When: `agent.presence in ["available", "busy"] && ` + last}}, nil, nil)
	var agents []*matching.Agent
	for n := range 1000 {
		agents = append(agents, person(fmt.Sprintf("a%03d", n), nil))
	}
	var items []*matching.Item
	for n := range matching.Block {
		items = append(items, thing(d, fmt.Sprint(n), func(s *threadv1.State, _ *assign.Lined) {
			s.Conversation.Skills = []*threadv1.Need{{Skill: "bg", Value: 3}}
		}))
	}
	w := world(d, agents, items...)
	b.ReportAllocs()
	for b.Loop() {
		matching.Match(w)
	}
}
