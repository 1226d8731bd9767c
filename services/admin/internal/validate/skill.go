package validate

import (
	"fmt"

	"github.com/parley-desk/parley/pkg/directory"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
)

// skill checks a skill (L70).
func (p *problems) skill(s *configv1.Skill, world *directory.Snapshot) {
	p.line("type", s.GetType())
	if other := sameName(world.Skills, s); other != "" {
		p.add("meta.display_name", "%q is the name of skill %q already; choose another", clip(s.GetMeta().GetDisplayName()), other)
	}
	low, high := directory.Scale(s)
	known := len(*p)
	p.within("lowest", low, 1, 100)
	p.within("highest", high, 1, 100)
	if known == len(*p) && low >= high {
		p.add("highest", "%d is not above lowest, %d; make the scale wider, or leave both out for 1 to 10", high, low)
	}
	if known != len(*p) {
		return // ratings on a scale that is none
	}
	first := map[int32]int{}
	for i, r := range s.GetRatings() {
		field := fmt.Sprintf("ratings[%d]", i)
		p.within(field+".value", r.GetValue(), low, high)
		p.name(field+".name", r.GetName())
		if at, twice := first[r.GetValue()]; twice {
			p.add(field+".value", "%d has a name in ratings[%d] already; remove one", r.GetValue(), at)
		} else {
			first[r.GetValue()] = i
		}
	}
}

// sameName is another of all with the same name for people, the first by id.
// Names of skills and statuses are unique, as people choose by name (L70).
func sameName[R directory.Resource](all map[string]R, r R) string {
	first := ""
	for id, other := range all {
		if r.GetMeta().GetDisplayName() != "" && id != r.GetMeta().GetId() &&
			other.GetMeta().GetDisplayName() == r.GetMeta().GetDisplayName() && (first == "" || id < first) {
			first = id
		}
	}
	return first
}

// proficiencies checks skills that an agent has or a conversation needs.
func (p *problems) proficiencies(path string, list []*configv1.Proficiency, world *directory.Snapshot) {
	p.references(path+"[%d].skill", directory.Skills, each(list, (*configv1.Proficiency).GetSkill), world)
	for i, s := range list {
		skill, exists := world.Skills[s.GetSkill()]
		low, high := directory.Scale(skill)
		if v := s.GetValue(); exists && v != 0 && (v < low || v > high) {
			p.add(fmt.Sprintf("%s[%d].value", path, i), "%d is not on the scale of skill %q; use %d to %d, or leave it out for the lowest", v, s.GetSkill(), low, high)
		}
	}
}

// capacityProfile checks a capacity profile (L66).
func (p *problems) capacityProfile(c *configv1.CapacityProfile) {
	p.within("limit", c.GetLimit(), 1, 1000)
	p.known("reset", c.GetReset_().String(), configv1.ProfileReset_name, int32(c.GetReset_()))
}

// each is one thing of every item.
func each[T, V any](list []T, get func(T) V) []V {
	out := make([]V, len(list))
	for i, item := range list {
		out[i] = get(item)
	}
	return out
}
