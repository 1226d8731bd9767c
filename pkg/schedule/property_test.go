package schedule_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/parley-desk/parley/pkg/schedule"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
)

// zones put their clocks forward and back at one hour and at half an hour, at
// night and at midnight, or never; Apia left out 2011-12-30.
var zones = []string{"Europe/Sofia", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "America/Sao_Paulo", "Africa/Casablanca",
	"Pacific/Apia", "Antarctica/Troll"}

func compile(t rapid.TB, s *configv1.Schedule) *schedule.Hours {
	t.Helper()
	h, err := schedule.Compile(s)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// agree holds hours against the naive reading, from change to change.
func agree(t rapid.TB, s *configv1.Schedule, n *naive) {
	t.Helper()
	h := compile(t, s)
	for minute := 0; minute >= 0; minute = n.next(minute) {
		at, status := n.at(minute), h.At(n.at(minute))
		next := n.next(minute)
		switch {
		case status.Open != n.open[minute]:
			t.Fatalf("at %s open is %v, naively %v\n%v", at.In(n.zone), status.Open, n.open[minute], s)
		case next >= 0 && !status.Changes.Equal(n.at(next)):
			t.Fatalf("at %s it changes at %s, naively at %s\n%v", at.In(n.zone), status.Changes, n.at(next).In(n.zone), s)
		case next < 0 && !status.Changes.IsZero() && status.Changes.Before(n.at(len(n.open))):
			t.Fatalf("at %s it changes at %s, naively not\n%v", at.In(n.zone), status.Changes, s)
		}
	}
}

// L112: the zone's summer time counts. Every minute of two years in all zones.
func TestYearsAgreeWithTheNaiveReading(t *testing.T) {
	day := func(name, from, until string, open ...string) *configv1.SpecialDays {
		return &configv1.SpecialDays{Reason: name, From: from, Until: until, Open: intervals(open...)}
	}
	yearly := func(d *configv1.SpecialDays) *configv1.SpecialDays {
		d.Yearly = true
		return d
	}
	for _, zone := range zones {
		t.Run(zone, func(t *testing.T) {
			t.Parallel()
			for _, open := range [][]string{{"08:00-12:00", "13:00-24:00"},
				{"00:00-00:30", "00:45-02:15", "02:30-03:00", "03:30-04:00", "23:15-24:00"}} {
				s := &configv1.Schedule{TimeZone: zone, Week: []*configv1.WeekHours{
					{Days: week[:5], Open: intervals(open...)},
					{Days: week[4:6], Open: intervals("22:00-24:00"), From: "2011-03-01", Until: "2012-10-31"},
					{Days: week[5:], Open: intervals("00:00-06:00", "20:00-24:00"), Until: "2012-03-25"},
				}, SpecialDays: []*configv1.SpecialDays{
					day("moved", "2012-02-27", "2012-02-28", "09:00-10:00"),
					yearly(day("leap", "02-29", "", "00:00-24:00")),
					yearly(day("turn of the year", "12-24", "01-02")),
				}}
				agree(t, s, readNaively(t, s, time.Date(2011, 1, 1, 0, 0, 0, 0, time.UTC), 365+366))
			}
		})
	}
}

// minuteOfDay leans to the hours at which clocks are moved.
func minuteOfDay() *rapid.Generator[int] {
	return rapid.OneOf(rapid.Map(rapid.IntRange(0, 16), func(q int) int { return 15 * q }), rapid.IntRange(0, 1440), rapid.SampledFrom([]int{0, 1, 1380, 1410, 1439, 1440}))
}

func someIntervals() *rapid.Generator[[]*configv1.Interval] {
	return rapid.Custom(func(t *rapid.T) []*configv1.Interval {
		edges := rapid.SliceOfNDistinct(minuteOfDay(), 0, 8, rapid.ID[int]).Draw(t, "edges")
		slices.Sort(edges)
		var all []*configv1.Interval
		for i := 0; i+1 < len(edges); i += 2 {
			all = append(all, &configv1.Interval{From: clockText(edges[i]), To: clockText(edges[i+1])})
		}
		return all
	})
}

// clockText writes "08:30".
func clockText(minute int) string {
	digits := func(n int) string { return string([]byte{byte('0' + n/10), byte('0' + n%10)}) }
	return digits(minute/60) + ":" + digits(minute%60)
}

// someSchedule has its dates within a few weeks of about.
func someSchedule(about time.Time, zone string) *rapid.Generator[*configv1.Schedule] {
	return rapid.Custom(func(t *rapid.T) *configv1.Schedule {
		s := &configv1.Schedule{TimeZone: zone}
		date := func(label string) time.Time { return about.AddDate(0, 0, rapid.IntRange(-18, 15).Draw(t, label)) }
		for range rapid.IntRange(0, 4).Draw(t, "lines") {
			line := &configv1.WeekHours{Days: rapid.SliceOfNDistinct(rapid.SampledFrom(week), 1, 7, rapid.ID[configv1.Weekday]).Draw(t, "days"),
				Open: someIntervals().Draw(t, "open")}
			from := date("from")
			if rapid.Bool().Draw(t, "has from") {
				line.From = from.Format(time.DateOnly)
			}
			if rapid.Bool().Draw(t, "has until") {
				line.Until = from.AddDate(0, 0, rapid.IntRange(0, 30).Draw(t, "length")).Format(time.DateOnly)
			}
			s.Week = append(s.Week, line)
		}
		for i := range rapid.IntRange(0, 4).Draw(t, "special") {
			d := &configv1.SpecialDays{Reason: fmt.Sprint("reason ", i), Yearly: rapid.Bool().Draw(t, "yearly"), Open: someIntervals().Draw(t, "open")}
			from, layout := date("from"), time.DateOnly
			if d.Yearly {
				layout = "01-02"
			}
			d.From = from.Format(layout)
			if rapid.Bool().Draw(t, "has until") {
				d.Until = from.AddDate(0, 0, rapid.IntRange(0, 12).Draw(t, "length")).Format(layout)
			}
			s.SpecialDays = append(s.SpecialDays, d)
		}
		return s
	})
}

// moved is a moment at which the clock of the zone was moved; now, when it never was
// after that.
func moved(t rapid.TB, zone string, after time.Time) time.Time {
	t.Helper()
	z, err := time.LoadLocation(zone)
	if err != nil {
		t.Fatal(err)
	}
	if _, end := after.In(z).ZoneBounds(); !end.IsZero() {
		return end.UTC()
	}
	return after
}

func TestSchedulesAgreeWithTheNaiveReading(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		zone := rapid.SampledFrom(zones).Draw(r, "zone")
		about := time.Date(rapid.IntRange(1995, 2045).Draw(r, "year"), time.Month(rapid.IntRange(1, 12).Draw(r, "month")), 1, 0, 0, 0, 0, time.UTC)
		if rapid.Bool().Draw(r, "at a move") {
			about = moved(r, zone, about)
		}
		s := someSchedule(about, zone).Draw(r, "schedule")
		n := readNaively(t, s, about.AddDate(0, 0, -15).Truncate(time.Hour), 30)
		agree(r, s, n)
		h := compile(r, s)
		for range 20 {
			minute := rapid.IntRange(0, len(n.open)-1).Draw(r, "minute")
			at := n.at(minute).Add(time.Duration(rapid.Int64Range(0, int64(time.Minute)-1).Draw(r, "within")))
			status := h.At(at)
			if date := at.In(n.zone).Format(time.DateOnly); status.Open != n.open[minute] || status.Reason != n.reasons[date] {
				r.Fatalf("at %s: %+v, naively %v for %q\n%v", at.In(n.zone), status, n.open[minute], n.reasons[date], s)
			}
		}
	})
}

// A status stays until it changes, and is another then.
func TestAStatusStaysUntilItChanges(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		zone := rapid.SampledFrom(zones).Draw(r, "zone")
		at := time.Unix(rapid.Int64Range(0, 3e9).Draw(r, "at"), rapid.Int64Range(0, 999_999_999).Draw(r, "nanoseconds"))
		h := compile(r, someSchedule(moved(r, zone, at), zone).Draw(r, "schedule"))
		for range 10 {
			now := h.At(at)
			if opens := h.Opens(at); now.Open && !opens.Equal(at) || !now.Open && !opens.Equal(now.Changes) {
				r.Fatalf("at %s, %+v, it opens at %s", at, now, opens)
			}
			if now.Changes.IsZero() {
				for _, years := range []int{1, 5, 9} {
					if later := h.At(at.AddDate(years, 0, 0)); later.Open != now.Open {
						r.Fatalf("at %s it never changes, and did after %d years", at, years)
					}
				}
				return
			}
			between := at.Add(time.Duration(rapid.Int64Range(0, int64(now.Changes.Sub(at))-1).Draw(r, "between")))
			for _, t := range []time.Time{between, now.Changes.Add(-1)} {
				if then := h.At(t); then.Open != now.Open || !then.Changes.Equal(now.Changes) {
					r.Fatalf("at %s %+v, but at %s %+v", at, now, t, then)
				}
			}
			if then := h.At(now.Changes); then.Open == now.Open || !now.Changes.After(at) {
				r.Fatalf("at %s %+v, and then %+v", at, now, then)
			}
			at = now.Changes
		}
	})
}
