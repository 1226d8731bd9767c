package schedule

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/parley-desk/parley/pkg/fault"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
)

// Before and after all dates that can be written.
const (
	ever    day = -1 << 40
	forEver day = 1 << 40
)

// Compile makes hours of a schedule. What cannot be told as it is written is
// refused: the error is Invalid and has every bad field, by its path in the
// schedule, with its value and the remedy.
func Compile(s *configv1.Schedule) (*Hours, error) {
	c := &compiler{}
	h := &Hours{}
	known := false
	if h.zone, known = findZone(s.GetTimeZone()); !known {
		c.bad("time_zone", "%q is not a time zone; use an IANA name such as Europe/Sofia", clip(s.GetTimeZone()))
	}
	var lines []line
	for i, w := range s.GetWeek() {
		lines = append(lines, c.line(fmt.Sprintf("week[%d]", i), w))
	}
	var ranges []dated
	for i, d := range s.GetSpecialDays() {
		field := fmt.Sprintf("special_days[%d]", i)
		h.special = append(h.special, special{d.GetReason(), c.intervals(field, d.GetOpen())})
		if d.GetYearly() {
			h.yearly = c.yearly(field, d, i, h.yearly)
		} else {
			first, last := c.dates(field, d)
			ranges = append(ranges, dated{first, last, i})
		}
	}
	if len(c.violations) > 0 {
		v := c.violations[0]
		f := fault.New(fault.Invalid, "SCHEDULE_INVALID", "%s: %s", v.Field, v.Description)
		f.Violations = c.violations
		return nil, f
	}
	h.eras, h.dated = eras(lines), resolve(ranges)
	h.last = h.settled()
	return h, nil
}

// compiler collects what is wrong.
type compiler struct{ violations []fault.Violation }

func (c *compiler) bad(field, format string, args ...any) {
	c.violations = append(c.violations, fault.Violation{Field: field, Description: fmt.Sprintf(format, args...)})
}

// line is one of the week.
type line struct {
	days        [7]bool
	open        []interval
	first, last day
}

func (c *compiler) line(field string, w *configv1.WeekHours) line {
	l := line{open: c.intervals(field, w.GetOpen()), first: ever, last: forEver}
	if len(w.GetDays()) == 0 {
		c.bad(field+".days", "is empty; name the days of the week that the line is of")
	}
	for i, d := range w.GetDays() {
		switch at := fmt.Sprintf("%s.days[%d]", field, i); {
		case d < configv1.Weekday_WEEKDAY_MONDAY || d > configv1.Weekday_WEEKDAY_SUNDAY:
			c.bad(at, "%s is not a day of the week; use WEEKDAY_MONDAY to WEEKDAY_SUNDAY", d)
		case l.days[d-1]:
			c.bad(at, "%s is given twice; remove one", d)
		default:
			l.days[d-1] = true
		}
	}
	if w.GetFrom() != "" {
		l.first = c.date(field+".from", w.GetFrom())
	}
	if w.GetUntil() != "" {
		l.last = c.date(field+".until", w.GetUntil())
	}
	c.inOrder(field, w, l.first, l.last)
	return l
}

// between is what has a first and a last date.
type between interface {
	GetFrom() string
	GetUntil() string
}

func (c *compiler) inOrder(field string, b between, first, last day) {
	if first != ever && last != ever && last < first {
		c.bad(field+".until", "%q is before from, %q; exchange them, or leave until out", b.GetUntil(), b.GetFrom())
	}
}

// date reads one. A bad one is ever, of whose order nothing is said.
func (c *compiler) date(field, s string) day {
	d, ok := parseDate(s)
	if ok {
		return d
	}
	if _, yearly := parseYearly(s); yearly {
		c.bad(field, "%q has no year; write it as 2026-%s; only special days that are yearly have none", s, s)
	} else {
		c.bad(field, "%q is not a date; write year, month and day of the calendar as 2027-01-31", clip(s))
	}
	return ever
}

func (c *compiler) dates(field string, d *configv1.SpecialDays) (first, last day) {
	first = c.date(field+".from", d.GetFrom())
	if last = first; d.GetUntil() != "" {
		last = c.date(field+".until", d.GetUntil())
	}
	c.inOrder(field, d, first, last)
	return first, last
}

// yearly notes special days of every year in the calendar of those before it,
// who come first.
func (c *compiler) yearly(field string, d *configv1.SpecialDays, index int, calendar []int) []int {
	first, ok := c.place(field+".from", d.GetFrom())
	last := first
	if d.GetUntil() != "" {
		until, fine := c.place(field+".until", d.GetUntil())
		last, ok = until, ok && fine
	}
	if !ok {
		return calendar
	}
	if calendar == nil {
		calendar = slices.Repeat([]int{none}, daysOfLeap)
	}
	for at := first; ; at = (at + 1) % daysOfLeap {
		if calendar[at] == none {
			calendar[at] = index
		}
		if at == last {
			return calendar
		}
	}
}

func (c *compiler) place(field, s string) (int, bool) {
	place, ok := parseYearly(s)
	if ok {
		return place, true
	}
	if _, dated := parseDate(s); dated {
		c.bad(field, "%q has a year, and the days are of every year; write it as %s, or leave yearly out", s, s[len("2026-"):])
	} else {
		c.bad(field, "%q is not a date of every year; write month and day as 12-24", clip(s))
	}
	return 0, false
}

// intervals reads those of one line or of special days; two of them may touch,
// but have no minute in common.
func (c *compiler) intervals(field string, all []*configv1.Interval) []interval {
	var good []interval
	for i, o := range all {
		at := fmt.Sprintf("%s.open[%d]", field, i)
		from, ok := c.minute(at+".from", o.GetFrom())
		if ok && from == minutesOfDay {
			c.bad(at+".from", `"24:00" is the end of the day; an interval of the next day begins at 00:00`)
			ok = false
		}
		to, fine := c.minute(at+".to", o.GetTo())
		switch {
		case !ok || !fine:
			continue
		case to < from && to > 0:
			c.bad(at+".to", "%q is not after from, %q; hours over midnight are two: write %s-24:00, and 00:00-%s of the next day", o.GetTo(), o.GetFrom(), o.GetFrom(), o.GetTo())
			continue
		case to <= from:
			c.bad(at+".to", "%q is not after from, %q; write a later time, 24:00 for the end of the day", o.GetTo(), o.GetFrom())
			continue
		}
		for _, other := range good {
			if from < other.to && other.from < to {
				c.bad(at, "%s-%s overlaps %s; make them one, or end one before the other begins", o.GetFrom(), o.GetTo(), other)
				break
			}
		}
		good = append(good, interval{from, to})
	}
	return united(good)
}

func (c *compiler) minute(field, s string) (int, bool) {
	m, ok := parseMinute(s)
	if !ok {
		c.bad(field, "%q is not a time of day; write hours and minutes as 08:30, 00:00 to 24:00", clip(s))
	}
	return m, ok
}

// String is the interval as a schedule has it.
func (i interval) String() string {
	return fmt.Sprintf("%02d:%02d-%02d:%02d", i.from/60, i.from%60, i.to/60, i.to%60)
}

// united are the same minutes in order and apart.
func united(all []interval) []interval {
	slices.SortFunc(all, func(a, b interval) int { return cmp.Compare(a.from, b.from) })
	var out []interval
	for _, i := range all {
		if n := len(out); n > 0 && i.from <= out[n-1].to {
			out[n-1].to = max(out[n-1].to, i.to)
		} else {
			out = append(out, i)
		}
	}
	return out
}

// eras parts the time wherever a line begins or ends to count.
func eras(lines []line) []era {
	starts := []day{ever}
	for _, l := range lines {
		if starts = append(starts, l.first); l.last != forEver {
			starts = append(starts, l.last+1)
		}
	}
	slices.Sort(starts)
	var out []era
	for _, first := range slices.Compact(starts) {
		e := era{first: first}
		for weekday := range e.week {
			var open []interval
			for _, l := range lines {
				if l.days[weekday] && l.first <= first && first <= l.last {
					open = append(open, l.open...)
				}
			}
			e.week[weekday] = united(open)
		}
		out = append(out, e)
	}
	return out
}

// resolve gives each date to the first of the ranges that has it.
func resolve(ranges []dated) []dated {
	var starts []day
	for _, r := range ranges {
		starts = append(starts, r.first, r.last+1)
	}
	slices.Sort(starts)
	starts = slices.Compact(starts)
	var out []dated
	for i, first := range starts {
		at := slices.IndexFunc(ranges, func(r dated) bool { return r.first <= first && first <= r.last })
		if at >= 0 {
			out = append(out, dated{first, starts[i+1] - 1, ranges[at].special})
		}
	}
	return out
}

// settled is what the hours come to after all their dates.
func (h *Hours) settled() steady {
	last := h.eras[len(h.eras)-1]
	s := steady{from: last.first, open: len(last.week[0]) > 0, ever: true}
	if n := len(h.dated); n > 0 {
		s.from = max(s.from, h.dated[n-1].last+1)
	}
	same := func(open []interval) bool {
		return s.open && len(open) == 1 && open[0] == interval{0, minutesOfDay} || !s.open && len(open) == 0
	}
	for _, open := range last.week {
		s.ever = s.ever && same(open)
	}
	for _, n := range h.yearly {
		s.ever = s.ever && (n == none || same(h.special[n].open))
	}
	return s
}

// clip keeps a value short enough for a message.
func clip(s string) string {
	const limit = 40
	if len(s) <= limit {
		return s
	}
	return strings.ToValidUTF8(s[:limit], "") + "…"
}
