package directory_test

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/parley-desk/parley/pkg/directory"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
)

func TestRating(t *testing.T) {
	five := &configv1.Skill{Lowest: 2, Highest: 5}
	for _, c := range []struct {
		skill       *configv1.Skill
		value, want int32
	}{{five, 0, 2}, {five, 4, 4}, {&configv1.Skill{}, 0, 1}, {&configv1.Skill{}, 7, 7}, {nil, 0, 1}} {
		if got := directory.Rating(c.skill, c.value); got != c.want {
			t.Errorf("%d of %v: got %d, want %d", c.value, c.skill, got, c.want)
		}
	}
}

func TestLevel(t *testing.T) {
	for _, c := range []struct{ lowest, highest, value, want int32 }{
		{0, 0, 1, 0}, // the scale is 1 to 10
		{0, 0, 10, 100},
		{0, 0, 5, 44}, // 44.4
		{0, 0, 6, 56}, // 55.6
		{1, 5, 3, 50},
		{1, 5, 2, 25},
		{1, 9, 2, 13}, // 12.5
		{1, 100, 100, 100},
		{3, 5, 4, 50},
		{3, 5, 1, 0}, // from a time of another scale
		{3, 5, 10, 100},
		{4, 4, 4, 100},
		{4, 4, 1, 100},
	} {
		skill := &configv1.Skill{Lowest: c.lowest, Highest: c.highest}
		if got := directory.Level(skill, c.value); got != c.want {
			t.Errorf("%d on %d to %d lies at %d, want %d", c.value, c.lowest, c.highest, got, c.want)
		}
	}
	if got := directory.Level(nil, 10); got != 100 {
		t.Errorf("without a skill 10 lies at %d", got)
	}
}

func TestALevelRisesWithTheValue(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		skill := &configv1.Skill{Lowest: rapid.Int32Range(1, 99).Draw(t, "lowest")}
		skill.Highest = rapid.Int32Range(skill.Lowest+1, 100).Draw(t, "highest")
		value := rapid.Int32Range(skill.Lowest, skill.Highest-1).Draw(t, "value")
		if a, b := directory.Level(skill, value), directory.Level(skill, value+1); a >= b || a < 0 || b > 100 {
			t.Fatalf("%d lies at %d, %d at %d", value, a, value+1, b)
		}
	})
}
