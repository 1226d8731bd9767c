package validate_test

import (
	"strings"
	"testing"

	"github.com/parley-desk/parley/pkg/directory"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
	"github.com/parley-desk/parley/services/admin/internal/validate"
)

// timed is a workstream with one good time-out rule that change then spoils.
func timed(change func(*configv1.Workstream, *configv1.TimeOutRule)) *configv1.Workstream {
	w, _ := broken(func(w *configv1.Workstream) {
		r := &configv1.TimeOutRule{Name: "nudge", Silence: configv1.Silence_SILENCE_CUSTOMER, Minutes: 60, FallbackLanguage: "en",
			CustomerTexts: []*configv1.LocalText{{Language: "bg", Text: "Там ли сте?"}, {Language: "en", Text: "Are you there?"}}}
		w.AutoClose = &configv1.AutoClose{OpenMinutes: 1440, WaitingMinutes: 1}
		w.TimeOutRules = []*configv1.TimeOutRule{r}
		change(w, r)
	}).(*configv1.Workstream)
	return w
}

// TestWhatIsSaidOfTime (L87 to L89): each mistake with field, value and remedy.
func TestWhatIsSaidOfTime(t *testing.T) {
	type (
		stream = configv1.Workstream
		rule   = configv1.TimeOutRule
	)
	for _, c := range []struct {
		name        string
		change      func(*stream, *rule)
		field, says string
	}{
		{"good", func(*stream, *rule) {}, "", ""},
		{"good, without texts", func(_ *stream, r *rule) { r.CustomerTexts, r.Turn = nil, configv1.TimeOutTurn_TIME_OUT_TURN_CLOSE }, "", ""},
		{"auto-close of less than nothing", func(w *stream, _ *rule) { w.AutoClose.ActiveMinutes = -1 }, "auto_close.active_minutes", "-1 is out of range; use 1 to 525600"},
		{"auto-close after more than a year", func(w *stream, _ *rule) { w.AutoClose.WrapUpMinutes = 525_601 }, "auto_close.wrap_up_minutes", "525601 is out of range"},
		{"no name", func(_ *stream, r *rule) { r.Name = "" }, "time_out_rules[0].name", `"" is not a name; use 1 to 63 of a-z`},
		{"a name twice", func(w *stream, r *rule) { w.TimeOutRules = append(w.TimeOutRules, r) }, "time_out_rules[1].name", `"nudge" is the name of time_out_rules[0] already; choose another`},
		{"nobody's silence", func(_ *stream, r *rule) { r.Silence = 0 }, "time_out_rules[0].silence", "is missing; say whose answer is waited for"},
		{"silence of another version", func(_ *stream, r *rule) { r.Silence = 9 }, "time_out_rules[0].silence", "9 is not a value this version knows"},
		{"turn of another version", func(_ *stream, r *rule) { r.Turn = 9 }, "time_out_rules[0].turn", "9 is not a value this version knows"},
		{"no time", func(_ *stream, r *rule) { r.Minutes = 0 }, "time_out_rules[0].minutes", "0 is out of range; use 1 to 43200"},
		{"priority", func(_ *stream, r *rule) { r.Priority = 1001 }, "time_out_rules[0].priority", "1001 is out of range; use 0 to 1000"},
		{"nothing to do", func(_ *stream, r *rule) { r.CustomerTexts = nil }, "time_out_rules[0]", "does nothing; give it customer_texts, agent_texts or a turn"},
		{"no fallback", func(_ *stream, r *rule) { r.FallbackLanguage = "" }, "time_out_rules[0].customer_texts", `has no text in the fallback_language ""`},
		{"another fallback", func(_ *stream, r *rule) { r.FallbackLanguage = "de" }, "time_out_rules[0].customer_texts", `has no text in the fallback_language "de", so some would be told nothing; add it, or make "bg" the fallback`},
		{"no language", func(_ *stream, r *rule) { r.CustomerTexts[0].Language = "" }, "time_out_rules[0].customer_texts[0].language", "is missing; write a BCP 47 tag"},
		{"a language that is none", func(_ *stream, r *rule) { r.CustomerTexts[0].Language = "bulgarian language" }, "time_out_rules[0].customer_texts[0].language", "is not a language"},
		{"a language twice", func(_ *stream, r *rule) { r.CustomerTexts[0].Language = "en" }, "time_out_rules[0].customer_texts[1].language", `"en" stands in time_out_rules[0].customer_texts[0] already`},
		{"an empty text", func(_ *stream, r *rule) { r.AgentTexts = []*configv1.LocalText{{Language: "en", Text: " "}} }, "time_out_rules[0].agent_texts[0].text", `is empty; write what is to be said in "en"`},
		{"a long text", func(_ *stream, r *rule) { r.CustomerTexts[1].Text = strings.Repeat("ж", 2001) }, "time_out_rules[0].customer_texts[1].text", "has 2001 characters; use at most 2000"},
		{"too many rules", func(w *stream, r *rule) { w.TimeOutRules = some(21, func(int) *rule { return r }) }, "time_out_rules", "has 21 time-out rules; use at most 20"},
	} {
		got := validate.Resource(timed(c.change), directory.NewSnapshot(world()...))
		if c.field == "" {
			if len(got) > 0 {
				t.Errorf("%s: %v", c.name, got)
			}
			continue
		}
		if len(got) != 1 || got[0].Field != c.field || !strings.Contains(got[0].Description, c.says) {
			t.Errorf("%s: %v, want %s: %s", c.name, got, c.field, c.says)
		}
	}
}
