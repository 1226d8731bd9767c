package schedule_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/parley-desk/parley/pkg/fault"
	"github.com/parley-desk/parley/pkg/schedule"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
)

// violations are what Compile says of a schedule, by field.
func violations(t *testing.T, s *configv1.Schedule) map[string]string {
	t.Helper()
	h, err := schedule.Compile(s)
	found := map[string]string{}
	var f *fault.Error
	switch {
	case err == nil:
		return found
	case !errors.As(err, &f) || f.Kind != fault.Invalid || len(f.Violations) == 0 || h != nil:
		t.Fatalf("the error is %v, the hours %v", err, h)
	}
	for _, v := range f.Violations {
		found[v.Field] = v.Description
	}
	if !strings.Contains(err.Error(), f.Violations[0].Field) {
		t.Errorf("%q does not name %s", err, f.Violations[0].Field)
	}
	return found
}

func TestEachMistakeNamesFieldValueAndRemedy(t *testing.T) {
	for _, c := range []struct {
		name        string
		change      func(*configv1.Schedule)
		field, says string
	}{
		{"no zone", func(s *configv1.Schedule) { s.TimeZone = "" }, "time_zone", `"" is not a time zone; use an IANA name such as Europe/Sofia`},
		{"unknown zone", func(s *configv1.Schedule) { s.TimeZone = "Europe/Plovdiv" }, "time_zone", `"Europe/Plovdiv" is not a time zone`},
		{"the machine's zone", func(s *configv1.Schedule) { s.TimeZone = "Local" }, "time_zone", `is not a time zone`},
		{"another file of zones", func(s *configv1.Schedule) { s.TimeZone = "localtime" }, "time_zone", `is not a time zone`},
		{"a path", func(s *configv1.Schedule) { s.TimeZone = "Europe/../../../etc/passwd" }, "time_zone", `is not a time zone`},
		{"a zone too long", func(s *configv1.Schedule) { s.TimeZone = strings.Repeat("É", 100) }, "time_zone", `ÉÉÉ…" is not a time zone`},
		{"no days", func(s *configv1.Schedule) { s.Week[0].Days = nil }, "week[0].days", `is empty; name the days of the week`},
		{"day 0", func(s *configv1.Schedule) { s.Week[0].Days = []configv1.Weekday{1, 0} }, "week[0].days[1]", `WEEKDAY_UNSPECIFIED is not a day of the week; use WEEKDAY_MONDAY`},
		{"day 8", func(s *configv1.Schedule) { s.Week[0].Days = []configv1.Weekday{1, 8} }, "week[0].days[1]", `8 is not a day of the week`},
		{"day twice", func(s *configv1.Schedule) { s.Week[0].Days = []configv1.Weekday{1, 1} }, "week[0].days[1]", `WEEKDAY_MONDAY is given twice; remove one`},
		{"bad time", func(s *configv1.Schedule) { s.Week[0].Open[0].From = "8:00" }, "week[0].open[0].from", `"8:00" is not a time of day; write hours and minutes as 08:30`},
		{"no time", func(s *configv1.Schedule) { s.Week[0].Open[1].To = "" }, "week[0].open[1].to", `"" is not a time of day`},
		{"minute 60", func(s *configv1.Schedule) { s.Week[0].Open[1].To = "17:60" }, "week[0].open[1].to", `"17:60" is not a time of day`},
		{"after 24:00", func(s *configv1.Schedule) { s.Week[0].Open[1].To = "24:01" }, "week[0].open[1].to", `"24:01" is not a time of day`},
		{"from 24:00", func(s *configv1.Schedule) { s.Week[0].Open[1].From = "24:00" }, "week[0].open[1].from", `begins at 00:00`},
		{"over midnight", func(s *configv1.Schedule) { s.Week[0].Open = intervals("22:00-06:00") }, "week[0].open[0].to",
			`"06:00" is not after from, "22:00"; hours over midnight are two: write 22:00-24:00, and 00:00-06:00 of the next day`},
		{"to midnight", func(s *configv1.Schedule) { s.Week[0].Open = intervals("22:00-00:00") }, "week[0].open[0].to", `"00:00" is not after from, "22:00"; write a later time, 24:00 for the end`},
		{"no length", func(s *configv1.Schedule) { s.Week[0].Open = intervals("22:00-22:00") }, "week[0].open[0].to", `"22:00" is not after from, "22:00"`},
		{"overlap", func(s *configv1.Schedule) { s.Week[0].Open[1].From = "11:59" }, "week[0].open[1]", `11:59-17:00 overlaps 08:00-12:00; make them one`},
		{"inside", func(s *configv1.Schedule) { s.Week[0].Open = intervals("08:00-12:00", "13:00-14:00", "09:00-10:00") }, "week[0].open[2]", `09:00-10:00 overlaps 08:00-12:00`},
		{"no such date", func(s *configv1.Schedule) { s.Week[1].From = "2026-02-30" }, "week[1].from", `"2026-02-30" is not a date; write year, month and day`},
		{"a date of the year", func(s *configv1.Schedule) { s.Week[1].Until = "12-24" }, "week[1].until", `"12-24" has no year; write it as 2026-12-24`},
		{"until before from", func(s *configv1.Schedule) { s.Week[1].Until = "2026-10-31" }, "week[1].until", `"2026-10-31" is before from, "2026-11-01"; exchange them`},
		{"no date", func(s *configv1.Schedule) { s.SpecialDays[0].From = "" }, "special_days[0].from", `"" is not a date`},
		{"a longer date", func(s *configv1.Schedule) { s.SpecialDays[0].From = "2026-12-24T00:00:00Z" }, "special_days[0].from", `is not a date`},
		{"special until before from", func(s *configv1.Schedule) { s.SpecialDays[3].Until = "2027-03-09" }, "special_days[3].until", `"2027-03-09" is before from, "2027-03-10"`},
		{"special hours", func(s *configv1.Schedule) { s.SpecialDays[0].Open = intervals("08:00-12:00", "08:00-12:00") }, "special_days[0].open[1]", `08:00-12:00 overlaps 08:00-12:00`},
		{"yearly with a year", func(s *configv1.Schedule) { s.SpecialDays[1].From = "2026-12-24" }, "special_days[1].from", `"2026-12-24" has a year, and the days are of every year; write it as 12-24`},
		{"yearly until no date", func(s *configv1.Schedule) { s.SpecialDays[1].Until = "12-32" }, "special_days[1].until", `"12-32" is not a date of every year; write month and day as 12-24`},
		{"yearly 30 February", func(s *configv1.Schedule) { s.SpecialDays[4].From = "02-30" }, "special_days[4].from", `"02-30" is not a date of every year`},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := office()
			c.change(s)
			if found := violations(t, s); len(found) != 1 || !strings.Contains(found[c.field], c.says) {
				t.Errorf("found %v, want only %s: %s", found, c.field, c.says)
			}
		})
	}
	if found := violations(t, office()); len(found) > 0 {
		t.Errorf("the good one: %v", found)
	}
}

// Everything wrong is said at once.
func TestAllMistakesAreSaid(t *testing.T) {
	s := office()
	s.TimeZone, s.Week[0].Open[0].From, s.SpecialDays[0].From = "?", "?", "?"
	if found := violations(t, s); len(found) != 3 {
		t.Errorf("found %v", found)
	}
}

func FuzzMinute(f *testing.F) {
	for _, s := range []string{"08:30", "24:00", "00:00", "24:01", "8:30", "08-30", "0٨:30", "-1:00"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		minute, ok := schedule.ParseMinute(s)
		if ok && (minute < 0 || minute > 1440 || clockText(minute) != s) {
			t.Errorf("%q is read as %d", s, minute)
		}
		if _, err := time.Parse("15:04", s); err == nil && len(s) == 5 && !ok {
			t.Errorf("%q is a time and was refused", s)
		}
	})
}

func FuzzDate(f *testing.F) {
	for _, s := range []string{"2027-01-31", "2027-02-29", "0001-01-01", "9999-12-31", "02-29", "12-24", "1-2", "2027-1-31", "+027-01-31"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		begins, ok := schedule.ParseDate(s)
		if ok && time.Unix(begins, 0).UTC().Format(time.DateOnly) != s {
			t.Errorf("%q is read as %d", s, begins)
		}
		place, yearly := schedule.ParseYearly(s)
		if yearly && time.Date(2000, 1, 1+place, 0, 0, 0, 0, time.UTC).Format("01-02") != s {
			t.Errorf("%q is read as day %d of the year", s, place)
		}
		if ok && yearly {
			t.Errorf("%q is both", s)
		}
	})
}

// Whatever a schedule holds, it is refused or its status can be told.
func FuzzSchedule(f *testing.F) {
	f.Add("Europe/Sofia", "08:00", "17:00", "2026-12-24", "2026-12-26", false, int64(1_800_000_000))
	f.Add("Pacific/Apia", "00:00", "24:00", "12-24", "01-06", true, int64(1_325_000_000))
	f.Add("Africa/Monrovia", "00:30", "00:45", "0001-01-01", "9999-12-31", false, int64(-1_000_000_000))
	f.Fuzz(func(t *testing.T, zone, from, to, first, last string, yearly bool, at int64) {
		open := []*configv1.Interval{{From: from, To: to}}
		h, err := schedule.Compile(&configv1.Schedule{TimeZone: zone,
			Week:        []*configv1.WeekHours{{Days: week[2:4], Open: open, From: first}, {Days: week[:1], Open: open, Until: last}},
			SpecialDays: []*configv1.SpecialDays{{From: first, Until: last, Yearly: yearly, Open: open}}})
		if err != nil {
			if !fault.Is(err, fault.Invalid) {
				t.Errorf("refused with %v", err)
			}
			return
		}
		now := time.Unix(at%1e12, 0)
		s := h.At(now)
		if !s.Changes.IsZero() && (!s.Changes.After(now) || h.At(s.Changes).Open == s.Open) {
			t.Errorf("at %s %+v, then %+v", now, s, h.At(s.Changes))
		}
	})
}
