package schedule_test

import (
	"strings"
	"testing"
	"time"

	"github.com/parley-desk/parley/pkg/schedule"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
)

// week are its days, Monday first.
var week = []configv1.Weekday{1, 2, 3, 4, 5, 6, 7}

// intervals reads "08:00-12:00".
func intervals(open ...string) []*configv1.Interval {
	var all []*configv1.Interval
	for _, o := range open {
		from, to, _ := strings.Cut(o, "-")
		all = append(all, &configv1.Interval{From: from, To: to})
	}
	return all
}

// office has a half day, a moved holiday, one of every year, and winter hours.
func office() *configv1.Schedule {
	return &configv1.Schedule{TimeZone: "Europe/Sofia",
		Week: []*configv1.WeekHours{
			{Days: week[:5], Open: intervals("08:00-12:00", "13:00-17:00")},
			{Days: week[5:6], Open: intervals("10:00-14:00"), From: "2026-11-01", Until: "2027-02-28"},
			{Days: week[:1], Open: intervals("12:00-13:00", "16:30-18:00")},
			{Days: week[6:]},
		},
		SpecialDays: []*configv1.SpecialDays{
			{Reason: "half day", From: "2026-12-24", Open: intervals("08:00-12:00")},
			{Reason: "Christmas", From: "12-24", Until: "12-26", Yearly: true},
			{Reason: "between the years", From: "12-28", Until: "01-03", Yearly: true},
			{Reason: "stocktaking", From: "2027-03-10", Until: "2027-03-12", Open: intervals("15:00-16:00")},
			{Reason: "leap day", From: "02-29", Yearly: true, Open: intervals("20:00-24:00")},
		}}
}

// night has the hour in which the clock of Sofia is moved, and what touches it.
func night(open ...string) *configv1.Schedule {
	return &configv1.Schedule{TimeZone: "Europe/Sofia", Week: []*configv1.WeekHours{{Days: week, Open: intervals(open...)}}}
}

// newfoundland is open on Saturdays, then on Sundays.
func newfoundland(open ...string) *configv1.Schedule {
	s := &configv1.Schedule{TimeZone: "America/St_Johns"}
	for i, o := range open {
		s.Week = append(s.Week, &configv1.WeekHours{Days: week[5+i : 6+i], Open: intervals(o)})
	}
	return s
}

var cases = []struct {
	name     string
	schedule *configv1.Schedule
	at       string
	open     bool
	reason   string
	changes  string // empty: never
}{
	// L112: hours of the week, several intervals a day.
	{"L112 before the day", office(), "2026-11-24T07:59:59+02:00", false, "", "2026-11-24T08:00:00+02:00"},
	{"L112 the first minute is open", office(), "2026-11-24T08:00:00+02:00", true, "", "2026-11-24T12:00:00+02:00"},
	{"L112 the minute named last is not", office(), "2026-11-24T12:00:00+02:00", false, "", "2026-11-24T13:00:00+02:00"},
	{"L112 after the day", office(), "2026-11-24T17:00:00+02:00", false, "", "2026-11-25T08:00:00+02:00"},
	{"L112 the caller's zone does not matter", office(), "2026-11-24T06:00:00Z", true, "", "2026-11-24T12:00:00+02:00"},
	{"L112 lines of one day are one", office(), "2026-11-23T11:00:00+02:00", true, "", "2026-11-23T18:00:00+02:00"},
	{"L112 a line of closed days", office(), "2026-11-29T11:00:00+02:00", false, "", "2026-11-30T08:00:00+02:00"},
	// L112: effective dates.
	{"L112 a line that counts later", office(), "2026-10-31T11:00:00+02:00", false, "", "2026-11-02T08:00:00+02:00"},
	{"L112 the first date", office(), "2026-11-07T11:00:00+02:00", true, "", "2026-11-07T14:00:00+02:00"},
	{"L112 the last date", office(), "2027-02-27T13:59:00+02:00", true, "", "2027-02-27T14:00:00+02:00"},
	{"L112 a line that counts no more", office(), "2027-03-06T11:00:00+02:00", false, "", "2027-03-08T08:00:00+02:00"},
	// L112: holidays, a date or a range, with a reason.
	{"L112 the first of two special days counts", office(), "2026-12-24T09:00:00+02:00", true, "half day", "2026-12-24T12:00:00+02:00"},
	{"L112 closed for Christmas", office(), "2026-12-24T12:00:00+02:00", false, "half day", "2027-01-04T08:00:00+02:00"},
	{"L112 every year", office(), "2029-12-24T09:00:00+02:00", false, "Christmas", "2029-12-27T08:00:00+02:00"},
	{"L112 over New Year", office(), "2028-12-28T09:00:00+02:00", false, "between the years", "2029-01-04T08:00:00+02:00"},
	{"L112 over New Year, after it", office(), "2029-01-03T09:00:00+02:00", false, "between the years", "2029-01-04T08:00:00+02:00"},
	{"L112 a range replaces the hours", office(), "2027-03-11T09:00:00+02:00", false, "stocktaking", "2027-03-11T15:00:00+02:00"},
	{"L112 29 February", office(), "2028-02-29T09:00:00+02:00", false, "leap day", "2028-02-29T20:00:00+02:00"},
	{"L112 no 29 February", office(), "2027-03-01T09:00:00+02:00", true, "", "2027-03-01T18:00:00+02:00"},
	{"L112 24:00 and 00:00 are one moment", night("22:00-24:00", "00:00-06:00"), "2026-06-01T23:00:00+03:00", true, "", "2026-06-02T06:00:00+03:00"},
	// L112: the clock is put forward at 03:00 of 2026-03-29, to 04:00.
	{"L112 begins in the gap", night("03:30-08:00"), "2026-03-29T02:59:59+02:00", false, "", "2026-03-29T04:00:00+03:00"},
	{"L112 ends in the gap", night("02:00-03:30"), "2026-03-29T02:30:00+02:00", true, "", "2026-03-29T04:00:00+03:00"},
	{"L112 lies in the gap", night("03:10-03:50"), "2026-03-29T00:00:00+02:00", false, "", "2026-03-30T03:10:00+03:00"},
	{"L112 ends before and begins after the gap", night("01:00-03:00", "04:00-05:00"), "2026-03-29T02:00:00+02:00", true, "", "2026-03-29T05:00:00+03:00"},
	// L112: it is put back at 04:00 of 2026-10-25, to 03:00.
	{"L112 begins the first time", night("03:30-08:00"), "2026-10-25T03:00:00+03:00", false, "", "2026-10-25T03:30:00+03:00"},
	{"L112 is not cut in two", night("03:30-08:00"), "2026-10-25T03:15:00+02:00", true, "", "2026-10-25T08:00:00+02:00"},
	{"L112 ends the second time", night("02:00-03:30"), "2026-10-25T03:45:00+03:00", true, "", "2026-10-25T03:30:00+02:00"},
	{"L112 has none of the hour", night("02:00-03:00"), "2026-10-25T02:00:00+03:00", true, "", "2026-10-25T03:00:00+03:00"},
	{"L112 begins after the hour", night("04:00-05:00"), "2026-10-25T03:59:00+03:00", false, "", "2026-10-25T04:00:00+02:00"},
	{"L112 the pause lies in the hour", night("02:00-03:15", "03:45-05:00"), "2026-10-25T02:00:00+03:00", true, "", "2026-10-25T05:00:00+02:00"},
	// St. John's put it back at 00:01 of 2010-11-07, to 23:01 of the day before.
	{"L112 yesterday is shown again", newfoundland("20:00-24:00"), "2010-11-07T00:00:30-02:30", true, "", "2010-11-07T00:00:00-03:30"},
	{"L112 tomorrow has begun before today ends", newfoundland("20:00-23:30", "00:00-08:00"), "2010-11-06T22:00:00-02:30", true, "", "2010-11-07T08:00:00-03:30"},
	// Apia had no 2011-12-30.
	{"L112 a date left out", &configv1.Schedule{TimeZone: "Pacific/Apia", Week: []*configv1.WeekHours{{Days: week[4:5], Open: intervals("09:00-10:00")}}},
		"2011-12-29T12:00:00-10:00", false, "", "2012-01-06T09:00:00+14:00"},
	{"L112 midnight of a date left out", &configv1.Schedule{TimeZone: "Pacific/Apia", Week: []*configv1.WeekHours{{Days: week[3:4], Open: intervals("09:00-24:00")}}},
		"2011-12-29T12:00:00-10:00", true, "", "2011-12-31T00:00:00+14:00"},
	// Ends of it all.
	{"L42 always open", night("00:00-24:00"), "2026-11-24T08:00:00Z", true, "", ""},
	{"never open", &configv1.Schedule{TimeZone: "UTC"}, "2026-11-24T08:00:00Z", false, "", ""},
	{"over for good", &configv1.Schedule{TimeZone: "UTC", Week: []*configv1.WeekHours{{Days: week, Open: intervals("08:00-09:00"), Until: "2026-11-24"}}},
		"2026-11-24T08:30:00Z", true, "", "2026-11-24T09:00:00Z"},
	{"open for good", &configv1.Schedule{TimeZone: "UTC", Week: []*configv1.WeekHours{{Days: week, Open: intervals("00:00-24:00"), From: "2028-01-01"}}},
		"2026-11-24T08:30:00Z", false, "", "2028-01-01T00:00:00Z"},
	{"over for good, after it", &configv1.Schedule{TimeZone: "UTC", Week: []*configv1.WeekHours{{Days: week, Open: intervals("08:00-09:00"), Until: "2026-11-24"}}},
		"2026-11-24T09:00:00Z", false, "", ""},
	{"eight years to 29 February", &configv1.Schedule{TimeZone: "UTC", SpecialDays: []*configv1.SpecialDays{{Reason: "leap", From: "02-29", Yearly: true, Open: intervals("08:00-09:00")}}},
		"2096-02-29T10:00:00Z", false, "leap", "2104-02-29T08:00:00Z"},
	{"beyond ten years", &configv1.Schedule{TimeZone: "UTC", SpecialDays: []*configv1.SpecialDays{{From: "2040-01-01", Open: intervals("08:00-09:00")}}},
		"2026-11-24T09:00:00Z", false, "", ""},
}

func TestHoursAtAMoment(t *testing.T) {
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			at, err := time.Parse(time.RFC3339, c.at)
			if err != nil {
				t.Fatal(err)
			}
			s, changes := compile(t, c.schedule).At(at), ""
			if !s.Changes.IsZero() {
				changes = s.Changes.Format(time.RFC3339)
			}
			if s.Open != c.open || s.Reason != c.reason || changes != c.changes {
				t.Errorf("open %v for %q until %s, want %v for %q until %s", s.Open, s.Reason, changes, c.open, c.reason, c.changes)
			}
		})
	}
}

// L42: what has no operating hours is open day and night.
func TestNoHoursAreAlwaysOpen(t *testing.T) {
	var h *schedule.Hours
	now := time.Date(2026, 11, 24, 3, 0, 0, 0, time.UTC)
	if s := h.At(now); s != (schedule.Status{Open: true}) || !h.Opens(now).Equal(now) || h.Zone() != time.UTC {
		t.Errorf("%+v, opens %s", s, h.Opens(now))
	}
}

// A leap year that only the rule of the zone tells of: the standard library is
// wrong about its last day.
func TestTheLastDayOfALeapYear(t *testing.T) {
	for _, zone := range []string{"Europe/Sofia", "America/New_York", "Australia/Lord_Howe"} {
		s := &configv1.Schedule{TimeZone: zone, Week: []*configv1.WeekHours{{Days: []configv1.Weekday{
			configv1.Weekday_WEEKDAY_SUNDAY, configv1.Weekday_WEEKDAY_MONDAY, configv1.Weekday_WEEKDAY_TUESDAY},
			Open: []*configv1.Interval{{From: "09:00", To: "17:00"}}}}}
		h := compile(t, s)
		for at := time.Date(2040, 12, 30, 0, 0, 0, 0, h.Zone()); at.Year() < 2041 || at.Day() < 2; at = at.Add(time.Hour) {
			if got, want := h.At(at).Open, at.Hour() >= 9 && at.Hour() < 17; got != want {
				t.Errorf("at %s open is %t", at, got)
			}
		}
	}
}
