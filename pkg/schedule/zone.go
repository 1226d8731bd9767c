package schedule

import (
	"math"
	"time"
	_ "time/tzdata" // zones are known where the machine has no files of them
)

// swing is more than any zone is apart from UTC.
const swing = 16 * 60 * 60

// findZone gives a zone by its IANA name. Their names begin with a capital; what
// else lies in a machine's folder of zones, such as localtime, is refused.
func findZone(name string) (*time.Location, bool) {
	if name == "" || name == "Local" || name[0] < 'A' || name[0] > 'Z' {
		return nil, false
	}
	zone, err := time.LoadLocation(name)
	return zone, err == nil
}

// clock reads the clock on a wall of a zone. It remembers the stretch of time
// that it looked at last, in which the clock was not put forward or back: from
// start to before end it shows the time of UTC and offset seconds.
type clock struct {
	zone       *time.Location
	start, end int64
	offset     int64
}

// look finds the stretch of a moment.
func (c *clock) look(unix int64) {
	if c.start <= unix && unix < c.end {
		return
	}
	t := time.Unix(unix, 0).In(c.zone)
	start, end := t.ZoneBounds()
	_, offset := t.Zone()
	c.start, c.end, c.offset = math.MinInt64, math.MaxInt64, int64(offset)
	if !start.IsZero() {
		c.start = start.Unix()
	}
	if !end.IsZero() {
		c.end = end.Unix()
	}
	// For years that only the rule of a zone tells of, ZoneBounds reckons with 365
	// days (Go 1.26): on the last day of a leap year, on which no clock is moved,
	// the stretch would end before the moment.
	if c.end <= unix {
		c.end = (unix/secondsOfDay + 1) * secondsOfDay
	}
}

// date is what the clock shows at a moment.
func (c *clock) date(unix int64) day {
	c.look(unix)
	return dayOf(unix + c.offset)
}

// shown is from when to when the clock shows what lies between from and before
// to: the first such moment and the end of the last. It is false when the clock
// never shows any of it.
func (c *clock) shown(from, to int64) (begins, ends int64, ever bool) {
	if c.start <= from-swing && to+swing <= c.end {
		return from - c.offset, to - c.offset, true
	}
	for c.look(from - swing); ; c.look(c.end) {
		first, last := max(c.start, from-c.offset), min(c.end, to-c.offset)
		if first < last {
			if !ever {
				begins = first
			}
			ends, ever = last, true
		}
		if c.end >= to+swing {
			return begins, ends, ever
		}
	}
}
