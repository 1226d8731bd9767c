package engagement

import (
	"log/slog"
	"strconv"
	"strings"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/parley-desk/parley/pkg/secret"
	"github.com/parley-desk/parley/pkg/survey"
	"github.com/parley-desk/parley/pkg/telemetry/key"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
)

// linker makes addresses of surveys under a public one; nil without that.
func linker(public string, box *secret.Box, diary *slog.Logger) func(*threadv1.State, string) string {
	if public == "" || box == nil {
		return nil
	}
	return func(s *threadv1.State, conversation string) string {
		token, err := survey.Link{Page: s.GetPage(), PSID: s.GetPsid(), Conversation: conversation}.Seal(box)
		if err != nil {
			diary.Warn("no survey is sent, for its address cannot be made", slog.String(key.Page, s.GetPage()), slog.Any(key.Err, err))
			return ""
		}
		return strings.TrimRight(public, "/") + "/survey/" + token
	}
}

func newRatings() *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "parley_engagement_survey_ratings_total",
		Help: "Ratings that customers gave, by the rating, the highest there was, and whether a person or a bot had the conversation; one is counted again when its commit is read again.",
	}, []string{"rating", "highest", "by"})
}

// rated counts the rating of a commit, wherever it was given.
func (s *speaker) rated(c *threadv1.Commit) {
	for _, f := range c.GetFacts() {
		if r := f.GetSurveyRated(); r != nil {
			by := "person"
			if c.GetState().GetSurvey().GetAsked().GetBot() {
				by = "bot"
			}
			s.ratings.WithLabelValues(strconv.Itoa(int(r.GetRating())), strconv.Itoa(int(c.GetState().GetSurvey().GetAsked().GetHighest())), by).Inc()
		}
	}
}
