package assign

import (
	"strconv"
	"testing"
	"time"

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

func TestWaitByPace(t *testing.T) {
	now := time.UnixMilli(1_764_000_030_000) // half a minute past
	minute := now.Unix() / 60
	at := func(back int64) string { return strconv.FormatInt(minute-back, 10) }
	for name, c := range map[string]struct {
		pace  map[string]string
		ahead int32
		want  time.Duration
	}{
		"nothing is known":            {nil, 3, -1},
		"too long ago":                {map[string]string{at(15): "9"}, 3, -1},
		"one in the last minute":      {map[string]string{at(0): "1"}, 0, time.Minute},
		"ten in ten and a half":       {map[string]string{at(10): "4", at(3): "6"}, 0, 63 * time.Second},
		"and four before":             {map[string]string{at(10): "4", at(3): "6"}, 4, 315 * time.Second},
		"what is too old is left out": {map[string]string{at(10): "10", at(20): "900"}, 0, 63 * time.Second},
		"rubbish counts nothing":      {map[string]string{"x": "y", at(0): "z"}, 0, -1},
	} {
		if got := waitOf(c.pace, now, c.ahead); got != c.want {
			t.Errorf("%s: got %v, want %v", name, got, c.want)
		}
	}
}
