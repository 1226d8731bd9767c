package timeline

import (
	"strconv"

	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
)

// survey is the turn of an answer to a survey. What was asked is a message, and
// shown as that.
func survey(fact *threadv1.Fact) (word, agent string, values map[string]string) {
	switch k := fact.GetKind().(type) {
	case *threadv1.Fact_SurveyRated:
		return "survey_rated", "", map[string]string{"rating": strconv.Itoa(int(k.SurveyRated.GetRating())), "comment": k.SurveyRated.GetComment()}
	case *threadv1.Fact_SurveyCommented:
		return "survey_commented", "", map[string]string{"comment": k.SurveyCommented.GetComment()}
	}
	return identity(fact)
}
