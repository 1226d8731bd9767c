package schedule

import "time"

const (
	secondsOfDay  = 24 * 60 * 60
	minutesOfDay  = 24 * 60
	daysOfLeap    = 366
	leapDay       = 31 + 28 // 29 February, by ordinal
	minuteSeconds = 60
)

// day is a date: how many days after 1970-01-01.
type day int64

// dayOf is the date that a clock shows, so many seconds after 1970 by itself.
func dayOf(wall int64) day {
	d := wall / secondsOfDay
	if wall%secondsOfDay < 0 {
		d--
	}
	return day(d)
}

// begins is what a clock shows at the first moment of d.
func (d day) begins() int64 { return int64(d) * secondsOfDay }

// weekday is 0 on Mondays and 6 on Sundays.
func (d day) weekday() int {
	const thursday = 3 // 1970-01-01
	return int(((d+thursday)%7 + 7) % 7)
}

// ordinal is the place of d in its year as if every year had a 29 February, from
// 0, and the year.
func (d day) ordinal() (place, year int) {
	t := time.Unix(d.begins(), 0).UTC()
	place, year = t.YearDay()-1, t.Year()
	if place >= leapDay && !leap(year) {
		place++
	}
	return place, year
}

func leap(year int) bool { return year%4 == 0 && (year%100 != 0 || year%400 == 0) }

// parseDate reads "2027-01-31".
func parseDate(s string) (day, bool) {
	t, err := time.Parse(time.DateOnly, s)
	if err != nil || t.Format(time.DateOnly) != s {
		return 0, false
	}
	return dayOf(t.Unix()), true
}

// parseYearly reads "12-24" as a place in the year.
func parseYearly(s string) (int, bool) {
	d, ok := parseDate("2000-" + s)
	if !ok {
		return 0, false
	}
	place, _ := d.ordinal()
	return place, true
}

// parseMinute reads "08:30" as minutes after midnight, up to "24:00".
func parseMinute(s string) (int, bool) {
	if len(s) != len("08:30") || s[2] != ':' {
		return 0, false
	}
	for _, at := range []int{0, 1, 3, 4} {
		if s[at] < '0' || s[at] > '9' {
			return 0, false
		}
	}
	hour, minute := int(s[0]-'0')*10+int(s[1]-'0'), int(s[3]-'0')*10+int(s[4]-'0')
	total := hour*60 + minute
	return total, minute < 60 && total <= minutesOfDay
}
