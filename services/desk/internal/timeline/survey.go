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
	return questions(fact)
}

// questions is the turn of an answer that was asked for before routing.
func questions(fact *threadv1.Fact) (word, agent string, values map[string]string) {
	switch k := fact.GetKind().(type) {
	case *threadv1.Fact_QuestionAnswered:
		a := k.QuestionAnswered
		return "question_answered", "", map[string]string{"variable": a.GetVariable(), "value": a.GetValue(), "result": machineWord(a.GetResult().String(), "QUESTION_RESULT_")}
	case *threadv1.Fact_QuestionsEnded:
		if k.QuestionsEnded.GetTimedOut() {
			return "questions_timed_out", "", nil
		}
		return "questions_ended", "", nil
	}
	return identity(fact)
}
