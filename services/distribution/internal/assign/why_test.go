package assign

import (
	"testing"

	"pgregory.net/rapid"
)

func TestDescribe(t *testing.T) {
	for class, want := range map[string]string{
		"1/AB//":                      "1 unit, available or busy",
		"3/ABDW//":                    "3 units, available or busy or do not disturb or away",
		"2/A/=bg.3+de.1/":             "2 units, available, bg >= 3, de >= 1",
		"1/AB/~bg.50/vip+chat":        "1 unit, a place in vip, a place in chat, available or busy, bg near 50",
		"0/AB//vip":                   "a place in vip, available or busy",
		"what an older process wrote": "what an older process wrote",
	} {
		if got := Describe(class); got != want {
			t.Errorf("%s: got %q, want %q", class, got, want)
		}
	}
}

func TestClassIsReadAsItWasWritten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		id := rapid.StringMatching(`[a-z][a-z0-9-]{0,10}`)
		c := Class{Units: rapid.Int32Range(0, 1000).Draw(t, "units"), Presences: rapid.SampledFrom([]string{"A", "AB", "ABDW"}).Draw(t, "presences"),
			Profiles: rapid.SliceOfNDistinct(id, 0, 3, func(s string) string { return s }).Draw(t, "profiles")}
		for _, s := range rapid.SliceOfNDistinct(id, 0, 3, func(s string) string { return s }).Draw(t, "skills") {
			c.Skills = append(c.Skills, Need{Skill: s, Value: rapid.Int32Range(0, 100).Draw(t, "value")})
		}
		c.Closest = len(c.Skills) > 0 && rapid.Bool().Draw(t, "closest")
		read, ok := parseClass(c.String())
		if !ok || read.String() != c.String() {
			t.Fatalf("wrote %q, read %v %+v", c, ok, read)
		}
	})
}

func FuzzClass(f *testing.F) {
	for _, s := range []string{"1/AB/=bg.3+de.1/vip", "0/AB//vip", "/", "x/y/z/w", "1/AB/~/+", "-1/AB/=.3/"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if Describe(s) == "" && s != "" {
			if c, ok := parseClass(s); !ok || c.Units != 0 {
				t.Errorf("nothing is said of %q", s)
			}
		}
	})
}
