package validate_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/parley-desk/parley/pkg/directory"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
	"github.com/parley-desk/parley/services/admin/internal/validate"
)

var office = &configv1.Schedule{
	Meta: meta("office"), TimeZone: "Europe/Sofia",
	Week:        []*configv1.WeekHours{{Days: []configv1.Weekday{1, 2}, Open: []*configv1.Interval{{From: "08:00", To: "17:00"}}}},
	SpecialDays: []*configv1.SpecialDays{{Reason: "Коледа", From: "12-24", Until: "12-26", Yearly: true}},
}

// quarters are so many intervals, apart.
func quarters(n int) []*configv1.Interval {
	var all []*configv1.Interval
	for i := range n {
		from := time.Date(2000, 1, 1, 0, 30*i, 0, 0, time.UTC)
		all = append(all, &configv1.Interval{From: from.Format("15:04"), To: from.Add(15 * time.Minute).Format("15:04")})
	}
	return all
}

// L42, L112. How single times and dates are refused is in pkg/schedule.
func TestSchedules(t *testing.T) {
	for _, c := range []struct {
		name        string
		change      func(*configv1.Schedule)
		field, says string // none: it is good
	}{
		{"good", func(*configv1.Schedule) {}, "", ""},
		{"id", func(s *configv1.Schedule) { s.Meta.Id = "Office" }, "meta.id", `"Office" is not an id`},
		{"zone", func(s *configv1.Schedule) { s.TimeZone = "Sofia" }, "time_zone", `"Sofia" is not a time zone; use an IANA name`},
		{"time", func(s *configv1.Schedule) { s.Week[0].Open[0].From = "8" }, "week[0].open[0].from", `"8" is not a time of day; write`},
		{"over midnight", func(s *configv1.Schedule) { s.Week[0].Open[0] = &configv1.Interval{From: "22:00", To: "06:00"} }, "week[0].open[0].to",
			`write 22:00-24:00, and 00:00-06:00 of the next day`},
		{"lines", func(s *configv1.Schedule) { s.Week = slices.Repeat(s.Week, 100) }, "", ""},
		{"too many lines", func(s *configv1.Schedule) { s.Week = slices.Repeat(s.Week, 101) }, "week", `has 101 lines`},
		{"special days", func(s *configv1.Schedule) { s.SpecialDays = slices.Repeat(s.SpecialDays, 500) }, "", ""},
		{"too many special days", func(s *configv1.Schedule) { s.SpecialDays = slices.Repeat(s.SpecialDays, 501) }, "special_days", `has 501 entries`},
		{"intervals", func(s *configv1.Schedule) { s.Week[0].Open, s.SpecialDays[0].Open = quarters(20), quarters(20) }, "", ""},
		{"too many intervals", func(s *configv1.Schedule) { s.Week[0].Open = quarters(21) }, "week[0].open", `has 21 intervals; use at most 20`},
		{"too many intervals of a special day", func(s *configv1.Schedule) { s.SpecialDays[0].Open = quarters(21) }, "special_days[0].open", `has 21 intervals; use at most 20`},
		{"too many days", func(s *configv1.Schedule) { s.Week[0].Days = slices.Repeat(s.Week[0].Days, 4) }, "week[0].days", `has 8 days; use at most 7`},
		{"reason", func(s *configv1.Schedule) { s.SpecialDays[0].Reason = strings.Repeat("ж", 100) }, "", ""},
		{"reason too long", func(s *configv1.Schedule) { s.SpecialDays[0].Reason = strings.Repeat("ж", 101) }, "special_days[0].reason", `has 101 characters; use at most 100`},
		{"reason of two lines", func(s *configv1.Schedule) { s.SpecialDays[0].Reason = "a\nb" }, "special_days[0].reason", `no printable text; remove it`},
		{"reason of bytes", func(s *configv1.Schedule) { s.SpecialDays[0].Reason = "a\xff" }, "special_days[0].reason", `no printable text; remove it`},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, ok := proto.Clone(office).(*configv1.Schedule)
			if !ok {
				t.Fatal("no clone")
			}
			c.change(s)
			found := validate.Resource(s, directory.NewSnapshot(s))
			switch {
			case c.field == "" && len(found) > 0:
				t.Errorf("found %v", found)
			case c.field != "" && (len(found) != 1 || found[0].Field != c.field || !strings.Contains(found[0].Description, c.says)):
				t.Errorf("found %v, want only %s: %s", found, c.field, c.says)
			}
		})
	}
}
