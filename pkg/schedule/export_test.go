package schedule

// Parsers of what stands in schedules.
var (
	ParseMinute = parseMinute
	ParseYearly = parseYearly
)

// ParseDate reads a date as the first second of it, of a clock in UTC.
func ParseDate(s string) (int64, bool) {
	d, ok := parseDate(s)
	return d.begins(), ok
}
