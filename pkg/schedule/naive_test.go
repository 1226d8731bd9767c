package schedule_test

import (
	"testing"
	"time"

	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
)

// naive is a second reading of schedules, which shares nothing with the first:
// it looks at the clock every minute, compares dates and times as text, and
// then fills in what lies between the first and the last minute of each part of
// a day that is open.
type naive struct {
	schedule *configv1.Schedule
	zone     *time.Location
	start    time.Time
	open     []bool // a minute each, from start
	reasons  map[string]string
	days     map[string]*[1440]int
}

func readNaively(t testing.TB, s *configv1.Schedule, start time.Time, days int) *naive {
	t.Helper()
	zone, err := time.LoadLocation(s.GetTimeZone())
	if err != nil {
		t.Fatal(err)
	}
	n := &naive{schedule: s, zone: zone, start: start, open: make([]bool, days*1440), reasons: map[string]string{}, days: map[string]*[1440]int{}}
	type part struct {
		date   string
		number int
	}
	first, last := map[part]int{}, map[part]int{}
	const around = 3 * 1440
	date, day, of := "", &[1440]int{}, 0
	for at := -around; at < len(n.open)+around; at++ {
		local := start.Add(time.Duration(at) * time.Minute).In(zone)
		minute := local.Hour()*60 + local.Minute()
		if local.YearDay() != of {
			of, date = local.YearDay(), local.Format(time.DateOnly)
			day = n.day(date, local.Weekday())
		}
		if number := day[minute]; number > 0 {
			p := part{date, number}
			if _, seen := first[p]; !seen {
				first[p] = at
			}
			last[p] = at
		}
	}
	for p, from := range first {
		for at := max(from, 0); at <= min(last[p], len(n.open)-1); at++ {
			n.open[at] = true
		}
	}
	return n
}

// labels are all minutes of a day as text.
var labels = func() (all [1440]string) {
	for minute := range all {
		all[minute] = clockText(minute)
	}
	return all
}()

// day numbers the parts of a date that are open, minute by minute, from 1.
func (n *naive) day(date string, weekday time.Weekday) *[1440]int {
	if d := n.days[date]; d != nil {
		return d
	}
	intervals, special := n.special(date)
	for _, line := range n.schedule.GetWeek() {
		if !special && n.tells(line, date, weekday) {
			intervals = append(intervals, line.GetOpen()...)
		}
	}
	d, part := &[1440]int{}, 0
	for minute := range d {
		label, open := labels[minute], false
		for _, i := range intervals {
			open = open || i.GetFrom() <= label && label < i.GetTo()
		}
		if open && (minute == 0 || d[minute-1] == 0) {
			part++
		}
		if open {
			d[minute] = part
		}
	}
	n.days[date] = d
	return d
}

func (n *naive) tells(line *configv1.WeekHours, date string, weekday time.Weekday) bool {
	if line.GetFrom() != "" && date < line.GetFrom() || line.GetUntil() != "" && date > line.GetUntil() {
		return false
	}
	for _, d := range line.GetDays() {
		if d.String() == map[time.Weekday]string{time.Monday: "WEEKDAY_MONDAY", time.Tuesday: "WEEKDAY_TUESDAY", time.Wednesday: "WEEKDAY_WEDNESDAY",
			time.Thursday: "WEEKDAY_THURSDAY", time.Friday: "WEEKDAY_FRIDAY", time.Saturday: "WEEKDAY_SATURDAY", time.Sunday: "WEEKDAY_SUNDAY"}[weekday] {
			return true
		}
	}
	return false
}

func (n *naive) special(date string) ([]*configv1.Interval, bool) {
	for _, s := range n.schedule.GetSpecialDays() {
		from, until, text := s.GetFrom(), s.GetUntil(), date
		if s.GetYearly() {
			text = date[len("2026-"):]
		}
		if until == "" {
			until = from
		}
		covers := from <= text && text <= until
		if until < from {
			covers = from <= text || text <= until
		}
		if covers {
			n.reasons[date] = s.GetReason()
			return s.GetOpen(), true
		}
	}
	return nil, false
}

// at is the minute so many after the start.
func (n *naive) at(minute int) time.Time { return n.start.Add(time.Duration(minute) * time.Minute) }

// next is the first minute after that one at which open is otherwise; -1: none.
func (n *naive) next(minute int) int {
	for at := minute + 1; at < len(n.open); at++ {
		if n.open[at] != n.open[minute] {
			return at
		}
	}
	return -1
}
