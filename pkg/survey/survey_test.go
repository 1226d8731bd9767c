package survey_test

import (
	"testing"

	"github.com/parley-desk/parley/pkg/survey"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
)

// S28, L113: whose survey counts, of a page and of its workstream, for people and
// for bots.
func TestWhoseSurveyCounts(t *testing.T) {
	of := func(hours int32) *configv1.Survey {
		return &configv1.Survey{Mode: configv1.SurveyMode_SURVEY_MODE_LINK, Hours: hours}
	}
	off := &configv1.Survey{}
	for _, c := range []struct {
		name             string
		page, pageBot    *configv1.Survey
		stream, botOfIt  *configv1.Survey
		person, afterBot int32 // hours of the survey that counts; 0: none
	}{
		{"nobody says anything", nil, nil, nil, nil, 0, 0},
		{"the workstream asks", nil, nil, of(3), nil, 3, 3},
		{"bots have one of their own", nil, nil, of(3), of(4), 3, 4},
		{"bots are not asked about", nil, nil, of(3), off, 3, 0},
		{"the page asks otherwise", of(1), nil, of(3), nil, 1, 1},
		{"the page asks where the workstream does not", of(1), nil, nil, nil, 1, 1},
		{"the page asks nothing", off, nil, of(3), nil, 0, 0},
		{"the page asks nothing, the workstream's bots do", off, nil, of(3), of(4), 0, 4},
		{"the page says something of bots alone", nil, of(2), of(3), of(4), 3, 2},
		{"the page's bots are not asked about", of(1), off, of(3), of(4), 1, 0},
	} {
		page := &configv1.Page{Survey: c.page, BotSurvey: c.pageBot}
		ws := &configv1.Workstream{Survey: c.stream, BotSurvey: c.botOfIt}
		for bot, want := range map[bool]int32{false: c.person, true: c.afterBot} {
			if got := survey.Of(page, ws, bot); got.GetHours() != want || (got == nil) != (want == 0) {
				t.Errorf("%s, bot %v: %v, want %d hours", c.name, bot, got, want)
			}
		}
	}
	if survey.Of(nil, nil, true) != nil {
		t.Error("nobody asks something")
	}
}
