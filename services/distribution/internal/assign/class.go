package assign

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	distributionv1 "github.com/parley-desk/parley/proto/gen/parley/distribution/v1"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
)

// Class is what an item asks of an agent. Items of one class are in one waiting
// list, and every agent who could take one is in one ready list.
type Class struct {
	Units     int32    // 0 only with Profiles
	Presences string   // letters of those allowed: A available, B busy, D do not disturb, W away
	Closest   bool     // Skills need not be met; the nearest comes first
	Skills    []Need   // by id, each once
	Profiles  []string // capacity profiles it counts in, sorted
}

// Need is a skill and how well it is needed: a value of the skill's scale, or
// with Closest where that lies on it, 0 to 100.
type Need struct {
	Skill string
	Value int32
}

// letters of the presences in which an agent may be offered something (L23).
var letters = map[distributionv1.Presence]string{
	distributionv1.Presence_PRESENCE_AVAILABLE:      "A",
	distributionv1.Presence_PRESENCE_BUSY:           "B",
	distributionv1.Presence_PRESENCE_DO_NOT_DISTURB: "D",
	distributionv1.Presence_PRESENCE_AWAY:           "W",
}

// everyday is what is allowed when nothing is said.
const everyday = "AB"

// ClassOf reads the class out of a conversation. It is total.
func ClassOf(c *threadv1.Conversation) Class {
	terms := c.GetTerms()
	class := Class{Units: max(c.GetUnits(), 0), Closest: terms.GetMatching() == threadv1.Matching_MATCHING_CLOSEST,
		Profiles: slices.Compact(slices.Sorted(slices.Values(c.GetCapacityProfiles())))}
	if len(class.Profiles) == 0 {
		class.Units = max(class.Units, 1)
	}
	for _, p := range []distributionv1.Presence{1, 2, 3, 4} {
		if slices.Contains(terms.GetPresences(), p) {
			class.Presences += letters[p]
		}
	}
	if class.Presences == "" {
		class.Presences = everyday
	}
	if terms.GetMatching() == threadv1.Matching_MATCHING_NONE {
		return class
	}
	for _, n := range c.GetSkills() {
		need := Need{Skill: n.GetSkill(), Value: max(n.GetValue(), 0)}
		if class.Closest {
			need.Value = min(max(n.GetLevel(), 0), 100)
		}
		class.Skills = append(class.Skills, need)
	}
	slices.SortFunc(class.Skills, func(x, y Need) int { return strings.Compare(x.Skill, y.Skill) })
	return class
}

// String is the class as keys and scripts have it. Resource ids hold none of
// the marks in it.
func (c Class) String() string {
	b := append(strconv.AppendInt(make([]byte, 0, 64), int64(c.Units), 10), '/')
	b = append(append(b, c.Presences...), '/')
	mark := byte('=') // then between
	if c.Closest {
		mark = '~'
	}
	for _, n := range c.Skills {
		b = append(append(append(b, mark), n.Skill...), '.')
		b, mark = strconv.AppendInt(b, int64(n.Value), 10), '+'
	}
	b = append(b, '/')
	for n, p := range c.Profiles {
		if n > 0 {
			b = append(b, '+')
		}
		b = append(b, p...)
	}
	return string(b)
}

// parseClass reads what String wrote; false when it did not.
func parseClass(s string) (Class, bool) {
	part := strings.Split(s, "/")
	if len(part) != 4 {
		return Class{}, false
	}
	units, err := strconv.ParseInt(part[0], 10, 32)
	c := Class{Units: int32(units), Presences: part[1], Closest: strings.HasPrefix(part[2], "~")}
	for _, n := range strings.FieldsFunc(part[2], func(r rune) bool { return r == '+' || r == '=' || r == '~' }) {
		skill, value, _ := strings.Cut(n, ".")
		c.Skills = append(c.Skills, Need{Skill: skill, Value: int32(integer(value))})
	}
	c.Profiles = strings.FieldsFunc(part[3], func(r rune) bool { return r == '+' })
	return c, err == nil
}

// DescribeBare tells, as Describe does, what of a class counts where rules
// choose: units and profiles.
func DescribeBare(class string) string {
	c, ok := parseClass(class)
	if !ok {
		return class
	}
	return Describe(Class{Units: c.Units, Profiles: c.Profiles}.String())
}

// words for the letters.
var words = map[rune]string{'A': "available", 'B': "busy", 'D': "do not disturb", 'W': "away"}

// Describe tells the class of a key for people: "1 unit, available or busy,
// bg >= 3".
func Describe(class string) string {
	c, ok := parseClass(class)
	if !ok {
		return class
	}
	var out []string
	switch c.Units {
	case 0:
	case 1:
		out = append(out, "1 unit")
	default:
		out = append(out, fmt.Sprint(c.Units, " units"))
	}
	for _, p := range c.Profiles {
		out = append(out, "a place in "+p)
	}
	var allowed []string
	for _, letter := range c.Presences {
		allowed = append(allowed, words[letter])
	}
	if len(allowed) > 0 {
		out = append(out, strings.Join(allowed, " or "))
	}
	sign := ">="
	if c.Closest {
		sign = "near"
	}
	for _, n := range c.Skills {
		out = append(out, fmt.Sprint(n.Skill, " ", sign, " ", n.Value))
	}
	return strings.Join(out, ", ")
}
