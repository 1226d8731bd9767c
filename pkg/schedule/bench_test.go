package schedule_test

import (
	"testing"
	"time"

	"github.com/parley-desk/parley/pkg/schedule"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
)

// BenchmarkAt asks at many moments of a year; caches of one moment help nothing.
func BenchmarkAt(b *testing.B) {
	week := []configv1.Weekday{1, 2, 3, 4, 5}
	day := []*configv1.Interval{{From: "08:00", To: "12:00"}, {From: "13:00", To: "17:00"}}
	whole := []*configv1.WeekHours{{Days: append([]configv1.Weekday{6, 7}, week...), Open: []*configv1.Interval{{From: "00:00", To: "24:00"}}}}
	for name, s := range map[string]*configv1.Schedule{
		"office": {TimeZone: "Europe/Sofia", Week: []*configv1.WeekHours{{Days: week, Open: day}},
			SpecialDays: []*configv1.SpecialDays{{Reason: "Christmas", From: "12-24", Until: "12-26", Yearly: true}}},
		"large":        large(),
		"always":       {TimeZone: "Europe/Sofia", Week: whole},
		"but new year": {TimeZone: "Europe/Sofia", Week: whole, SpecialDays: []*configv1.SpecialDays{{From: "01-01", Yearly: true}}},
	} {
		b.Run(name, func(b *testing.B) {
			h, err := schedule.Compile(s)
			if err != nil {
				b.Fatal(err)
			}
			at := time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				h.At(at.Add(time.Duration(i%8760) * time.Hour))
			}
		})
	}
}

// large is as much as may be saved.
func large() *configv1.Schedule {
	s := &configv1.Schedule{TimeZone: "America/New_York"}
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for i := range 100 {
		first := at.AddDate(0, 0, 7*i)
		s.Week = append(s.Week, &configv1.WeekHours{Days: []configv1.Weekday{1, 2, 3, 4, 5}, From: first.Format(time.DateOnly),
			Until: first.AddDate(0, 0, 6).Format(time.DateOnly), Open: parts(20)})
	}
	for i := range 500 {
		s.SpecialDays = append(s.SpecialDays, &configv1.SpecialDays{From: at.AddDate(0, 0, 3*i).Format(time.DateOnly), Open: parts(20)})
	}
	return s
}

// parts are so many intervals of a day.
func parts(n int) []*configv1.Interval {
	var all []*configv1.Interval
	for i := range n {
		hour := time.Date(2000, 1, 1, i, 0, 0, 0, time.UTC)
		all = append(all, &configv1.Interval{From: hour.Format("15:04"), To: hour.Add(30 * time.Minute).Format("15:04")})
	}
	return all
}

func BenchmarkCompile(b *testing.B) {
	s := large()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := schedule.Compile(s); err != nil {
			b.Fatal(err)
		}
	}
}
