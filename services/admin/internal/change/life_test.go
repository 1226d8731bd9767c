package change_test

import (
	"testing"
	"time"

	"github.com/parley-desk/parley/pkg/directory"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
	"github.com/parley-desk/parley/services/admin/internal/change"
)

// TestSinceWhenARuleIs: the server writes down when a time-out rule came to run at
// the times it does, whatever a request says; how it is worded does not matter.
func TestSinceWhenARuleIs(t *testing.T) {
	w := begin(t)
	now := int64(1000)
	w.planner.Now = func() time.Time { return time.UnixMilli(now) }
	queue := &configv1.Queue{Meta: &configv1.Meta{Id: "front"}, Assignment: configv1.Assignment_ASSIGNMENT_LEAST_ACTIVE}
	w.world = directory.NewSnapshot(queue)
	put := func(edit func(*configv1.TimeOutRule)) *change.Outcome {
		t.Helper()
		r := &configv1.TimeOutRule{Name: "nudge", Silence: configv1.Silence_SILENCE_CUSTOMER, Minutes: 60, FallbackLanguage: "en", SinceMs: 5,
			CustomerTexts: []*configv1.LocalText{{Language: "en", Text: "Are you there?"}}}
		edit(r)
		stream := &configv1.Workstream{Meta: &configv1.Meta{Id: "ws"}, Queue: "front", Units: 1, OfferSeconds: 60, TimeOutRules: []*configv1.TimeOutRule{r}}
		outcomes, err := w.planner.Plan(w.world, []change.Edit{{Path: "workstream", Resource: stream}})
		if err != nil {
			t.Fatal(err)
		}
		w.world = directory.NewSnapshot(queue, outcomes[0].Resource)
		return &outcomes[0]
	}
	since := func() int64 { return w.world.Workstreams["ws"].GetTimeOutRules()[0].GetSinceMs() }
	for _, c := range []struct {
		name string
		at   int64
		edit func(*configv1.TimeOutRule)
		want int64
		does change.Action
	}{
		{"made", 1000, func(*configv1.TimeOutRule) {}, 1000, change.Created},
		{"applied again", 2000, func(*configv1.TimeOutRule) {}, 1000, change.Unchanged},
		{"worded otherwise", 3000, func(r *configv1.TimeOutRule) { r.CustomerTexts[0].Text = "Hello?" }, 1000, change.Updated},
		{"longer", 4000, func(r *configv1.TimeOutRule) { r.Minutes = 90 }, 4000, change.Updated},
		{"not in force", 5000, func(r *configv1.TimeOutRule) { r.Minutes, r.Inactive = 90, true }, 5000, change.Updated},
		{"in force again", 6000, func(r *configv1.TimeOutRule) { r.Minutes = 90 }, 6000, change.Updated},
		{"called otherwise", 7000, func(r *configv1.TimeOutRule) { r.Minutes, r.Name = 90, "other" }, 7000, change.Updated},
	} {
		now = c.at
		if got := put(c.edit); got.Action != c.does || since() != c.want {
			t.Errorf("%s: %s, since %d; want %s, %d", c.name, got.Action, since(), c.does, c.want)
		}
	}
}
