package admin_test

import (
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	adminv1 "github.com/parley-desk/parley/proto/gen/parley/admin/v1"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
	"github.com/parley-desk/parley/services/admin/admintest"
)

// office is open from 08:00 to 17:00 of Sofia, and not at Christmas.
func office() *configv1.Schedule {
	return &configv1.Schedule{Meta: meta("office"), TimeZone: "Europe/Sofia",
		Week:        []*configv1.WeekHours{{Days: []configv1.Weekday{1, 2, 3, 4, 5}, Open: []*configv1.Interval{{From: "08:00", To: "17:00"}}}},
		SpecialDays: []*configv1.SpecialDays{{Reason: "Christmas", From: "12-24", Until: "12-26", Yearly: true}}}
}

func ms(t *testing.T, text string) int64 {
	t.Helper()
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		t.Fatal(err)
	}
	return at.UnixMilli()
}

func TestAScheduleIsEvaluated(t *testing.T) {
	s := admintest.Start(t)
	c := adminv1.NewScheduleServiceClient(s.Dial(t))
	stored := &adminv1.EvaluateScheduleRequest_Id{Id: "office"}
	if _, err := adminv1.NewConfigServiceClient(s.Dial(t)).CreateSchedule(t.Context(), &adminv1.CreateScheduleRequest{Schedule: office()}); err != nil {
		t.Fatal(err)
	}
	longer := office()
	longer.Week[0].Open[0].To = "18:00"
	for name, of := range map[string]*adminv1.EvaluateScheduleRequest{
		"stored": {Of: stored}, "of its own": {Of: &adminv1.EvaluateScheduleRequest_Schedule{Schedule: longer}},
	} {
		of.AtMs, of.Changes = ms(t, "2026-12-23T16:30:00+02:00"), 3
		got, err := c.EvaluateSchedule(t.Context(), of)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		closes := map[string]string{"stored": "Wed 2026-12-23 17:00:00 +02:00", "of its own": "Wed 2026-12-23 18:00:00 +02:00"}[name]
		if !got.GetOpen() || got.GetReason() != "" || got.GetLocalTime() != "Wed 2026-12-23 16:30:00 +02:00" || len(got.GetChanges()) != 3 {
			t.Fatalf("%s: %v", name, got)
		}
		for i, want := range []string{closes, "Mon 2026-12-28 08:00:00 +02:00", strings.Replace(closes, "Wed 2026-12-23", "Mon 2026-12-28", 1)} {
			if next := got.GetChanges()[i]; next.GetLocalTime() != want || next.GetOpen() != (i == 1) {
				t.Errorf("%s: change %d is %v, want %s", name, i, next, want)
			}
		}
	}
	closed, err := c.EvaluateSchedule(t.Context(), &adminv1.EvaluateScheduleRequest{Of: stored, AtMs: ms(t, "2026-12-24T09:00:00Z")})
	if err != nil || closed.GetOpen() || closed.GetReason() != "Christmas" || len(closed.GetChanges()) != 0 {
		t.Errorf("at Christmas: %v, %v", closed, err)
	}
	before := time.Now().UnixMilli()
	if now, err := c.EvaluateSchedule(t.Context(), &adminv1.EvaluateScheduleRequest{Of: stored, Changes: 50}); err != nil || now.GetAtMs() < before || len(now.GetChanges()) != 50 {
		t.Errorf("now: %v, %v", now, err)
	}
}

func TestAScheduleIsNotEvaluated(t *testing.T) {
	s := admintest.Start(t)
	c := adminv1.NewScheduleServiceClient(s.Dial(t))
	broken := office()
	broken.TimeZone, broken.Week[0].Open[0].To = "Sofia", "07:00"
	of := &adminv1.EvaluateScheduleRequest_Schedule{Schedule: office()}
	for _, k := range []struct {
		name string
		req  *adminv1.EvaluateScheduleRequest
		code codes.Code
		want map[string]string
	}{
		{"none", &adminv1.EvaluateScheduleRequest{}, codes.InvalidArgument, map[string]string{"of": "set id or schedule"}},
		{"unknown", &adminv1.EvaluateScheduleRequest{Of: &adminv1.EvaluateScheduleRequest_Id{Id: "gone"}}, codes.NotFound, nil},
		{"broken", &adminv1.EvaluateScheduleRequest{Of: &adminv1.EvaluateScheduleRequest_Schedule{Schedule: broken}}, codes.InvalidArgument,
			map[string]string{"schedule.time_zone": "use an IANA name", "schedule.week[0].open[0].to": "00:00-07:00 of the next day"}},
		{"empty", &adminv1.EvaluateScheduleRequest{Of: &adminv1.EvaluateScheduleRequest_Schedule{}}, codes.InvalidArgument, map[string]string{"schedule.time_zone": "use an IANA name"}},
		{"too many", &adminv1.EvaluateScheduleRequest{Of: of, Changes: 51}, codes.InvalidArgument, map[string]string{"changes": "51 is out of range; use 0 to 50"}},
		{"too few", &adminv1.EvaluateScheduleRequest{Of: of, Changes: -1}, codes.InvalidArgument, map[string]string{"changes": "use 0 to 50"}},
		{"far away", &adminv1.EvaluateScheduleRequest{Of: of, AtMs: 1 << 60}, codes.InvalidArgument, map[string]string{"at_ms": "counts milliseconds"}},
	} {
		_, err := c.EvaluateSchedule(t.Context(), k.req)
		found := fields(err)
		if status.Code(err) != k.code || len(found) != len(k.want) {
			t.Errorf("%s: %v, %v", k.name, err, found)
		}
		for field, says := range k.want {
			if !strings.Contains(found[field], says) {
				t.Errorf("%s: %s is %q, want %q", k.name, field, found[field], says)
			}
		}
	}
}

// A bad schedule is not stored, and what is wrong with it is said field by field.
func TestABadScheduleIsNotStored(t *testing.T) {
	s := admintest.Start(t)
	bad := office()
	bad.SpecialDays[0].From = "2026-12-24"
	_, err := adminv1.NewConfigServiceClient(s.Dial(t)).CreateSchedule(t.Context(), &adminv1.CreateScheduleRequest{Schedule: bad})
	if found := fields(err); status.Code(err) != codes.InvalidArgument || !strings.Contains(found["schedule.special_days[0].from"], "write it as 12-24") {
		t.Errorf("%v, %v", err, found)
	}
}
