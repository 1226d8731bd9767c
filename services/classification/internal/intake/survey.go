package intake

import (
	"github.com/parley-desk/parley/pkg/thread"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
)

// survey marks a message that answers a survey, and gives the facts of that: then
// nobody has to answer the customer, and no conversation opens for it (L113).
func survey(s *threadv1.State, what any, at int64) (facts []*threadv1.Fact, answers bool) {
	m, is := what.(*threadv1.MessageReceived)
	if !is || m.GetStandby() {
		return nil, false
	}
	facts, m.Survey = thread.SurveyAnswer(s, at, m)
	return facts, m.GetSurvey()
}
