package schedule

import (
	"slices"
	"time"
)

// horizonYears is how far At looks ahead. 29 February may be eight years away
// (2096 to 2104), so a day of every kind lies within it.
const horizonYears = 10

const horizonDays = horizonYears * 366

// Hours are compiled operating hours. They never change and may be used by many
// at a time. Nil hours are always open: a queue without a schedule is (L42).
type Hours struct {
	zone    *time.Location
	eras    []era     // by first; the first one has no beginning
	special []special // as the schedule has them
	dated   []dated   // which special days there are on dates; in order, apart
	yearly  []int     // the same by ordinal, or none; nil when there are none at all
	last    steady
}

// interval is a part of a day by the clock, in minutes; to is not in it.
type interval struct{ from, to int }

// era is a time in which the same lines of the week count.
type era struct {
	first day
	week  [7][]interval
}

type special struct {
	reason string
	open   []interval
}

type dated struct {
	first, last day
	special     int
}

const none = -1

// steady is what hours come to that end up open or closed for ever: so it is
// from that day on. Other hours never are.
type steady struct {
	from day
	open bool
	ever bool
}

// Status is how hours stand at a moment.
type Status struct {
	Open bool
	// Reason is that of the special day of the date, open or closed; empty on
	// ordinary days.
	Reason string
	// Changes is when Open is next otherwise, in the zone of the hours; zero
	// when it is not within ten years.
	Changes time.Time
}

// Zone is the zone of the hours; UTC for nil hours.
func (h *Hours) Zone() *time.Location {
	if h == nil {
		return time.UTC
	}
	return h.zone
}

// Opens is when the hours are open next: t itself when they are, zero when they
// are not within ten years.
func (h *Hours) Opens(t time.Time) time.Time {
	s := h.At(t)
	if s.Open {
		return t
	}
	return s.Changes
}

// At tells how the hours stand at t. Open stays so until Changes; Reason may be
// another on the next day.
func (h *Hours) At(t time.Time) Status {
	if h == nil {
		return Status{Open: true}
	}
	now := t.Unix()
	c := clock{zone: h.zone}
	today := c.date(now)
	s := Status{Reason: h.reason(today)}
	// A clock that is put back over midnight shows yesterday again.
	end := now
	for w := h.walk(today - 1); w.day <= today+horizonDays; w.next() {
		if h.last.ever && h.last.open == s.Open && w.day > max(h.last.from, today)+1 {
			return s
		}
		for _, i := range w.open() {
			begins, ends, ever := c.shown(w.day.begins()+int64(i.from)*minuteSeconds, w.day.begins()+int64(i.to)*minuteSeconds)
			switch {
			case !ever || ends <= end:
			case begins <= end && (s.Open || begins <= now):
				s.Open, end = true, ends
			case s.Open:
				return s.until(end, h.zone)
			default:
				return s.until(begins, h.zone)
			}
		}
		if s.Open && c.date(end) < w.day {
			return s.until(end, h.zone)
		}
	}
	return s
}

func (s Status) until(unix int64, zone *time.Location) Status {
	s.Changes = time.Unix(unix, 0).In(zone)
	return s
}

func (h *Hours) reason(d day) string {
	w := h.walk(d)
	if n := w.special(); n != none {
		return h.special[n].reason
	}
	return ""
}

// walk goes through the calendar, a day a step.
type walk struct {
	*Hours
	day         day
	era, dates  int // the last era that has begun; the first of dated that has not ended
	place, year int // of the day; only when there are yearly days
}

func (h *Hours) walk(d day) walk {
	w := walk{Hours: h, day: d}
	at, found := slices.BinarySearchFunc(h.eras, d, func(e era, d day) int { return int(e.first - d) })
	if w.era = at; !found {
		w.era--
	}
	w.dates, _ = slices.BinarySearchFunc(h.dated, d, func(e dated, d day) int { return int(e.last - d) })
	if h.yearly != nil {
		w.place, w.year = d.ordinal()
	}
	return w
}

func (w *walk) next() {
	w.day++
	if w.era+1 < len(w.eras) && w.eras[w.era+1].first == w.day {
		w.era++
	}
	if w.dates < len(w.dated) && w.dated[w.dates].last < w.day {
		w.dates++
	}
	if w.yearly == nil {
		return
	}
	if w.place++; w.place == leapDay && !leap(w.year) {
		w.place++
	}
	if w.place == daysOfLeap {
		w.place, w.year = 0, w.year+1
	}
}

// special is which of the special days it is: the first that tells of the date.
func (w *walk) special() int {
	n := none
	if w.dates < len(w.dated) && w.dated[w.dates].first <= w.day {
		n = w.dated[w.dates].special
	}
	if w.yearly != nil {
		if y := w.yearly[w.place]; y != none && (n == none || y < n) {
			n = y
		}
	}
	return n
}

// open is when the day is open, in order and apart.
func (w *walk) open() []interval {
	if n := w.special(); n != none {
		return w.Hours.special[n].open
	}
	return w.eras[w.era].week[w.day.weekday()]
}

// Within is how long the hours are open from one moment to another (L129).
func (h *Hours) Within(from, to time.Time) (open time.Duration) {
	for from.Before(to) {
		s := h.At(from)
		next := to
		if !s.Changes.IsZero() && s.Changes.Before(to) {
			next = s.Changes
		}
		if s.Open {
			open += next.Sub(from)
		}
		from = next
	}
	return open
}
