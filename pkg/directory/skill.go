package directory

import configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"

// Scale is the least and the best proficiency of a skill (L70).
func Scale(s *configv1.Skill) (lowest, highest int32) {
	if s.GetLowest() == 0 && s.GetHighest() == 0 {
		return 1, 10
	}
	return s.GetLowest(), s.GetHighest()
}

// Rating is a proficiency as it counts on the scale of its skill: none given is
// the lowest.
func Rating(s *configv1.Skill, value int32) int32 {
	lowest, _ := Scale(s)
	return max(value, lowest)
}

// Level is where a proficiency lies on the scale of its skill, 0 the lowest to
// 100 the highest: scales differ, and only levels compare (L71). Off the scale
// is its nearest end, and on a scale of one value every proficiency is the best.
func Level(s *configv1.Skill, value int32) int32 {
	lowest, highest := Scale(s)
	span := highest - lowest
	if span <= 0 {
		return 100
	}
	above := min(max(value, lowest), highest) - lowest
	return (200*above + span) / (2 * span)
}
