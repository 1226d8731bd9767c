package say

import (
	"strconv"
	"time"

	"github.com/parley-desk/parley/pkg/survey"
	"github.com/parley-desk/parley/pkg/thread"
	"github.com/parley-desk/parley/pkg/wording"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
)

// NoAddress is what becomes of a survey by link where no setting says by which
// address customers reach the page.
const NoAddress = "no_address"

// ofSurvey is what a fact of a survey calls for: what comes next in it, whichever
// that is when it is said.
func ofSurvey(f *threadv1.Fact) []Call {
	next := []Call{call("", threadv1.Trigger_TRIGGER_SURVEY_COMMENT, threadv1.Trigger_TRIGGER_SURVEY_WRITE, threadv1.Trigger_TRIGGER_SURVEY_THANKS)}
	switch k := f.GetKind().(type) {
	case *threadv1.Fact_SurveyRated:
		if !k.SurveyRated.GetPage() { // the page says thanks itself
			return next
		}
	case *threadv1.Fact_SurveyCommentChosen, *threadv1.Fact_SurveyCommented:
		return next
	}
	return ofQuestion(f)
}

// inSurvey tells whether workstreams set what is said for the trigger.
func inSurvey(trigger trigger) bool {
	return trigger >= threadv1.Trigger_TRIGGER_SURVEY && trigger <= threadv1.Trigger_TRIGGER_SURVEY_THANKS
}

// survey is that of the thread: the one to be asked about the latest conversation,
// or the newest that was asked; nil when there is none.
func (a *answer) survey(trigger trigger) *configv1.Survey {
	workstreams := a.Rules.World.Workstreams
	if trigger == threadv1.Trigger_TRIGGER_SURVEY {
		c := a.s.GetConversation()
		return survey.Of(a.page, workstreams[c.GetWorkstream()], thread.HandlerOf(c) == thread.Bot)
	}
	asked := a.s.GetSurvey().GetAsked()
	return survey.Of(a.page, workstreams[asked.GetWorkstream()], asked.GetBot())
}

// surveyOn tells whether the thread is where the trigger is said. Texts of a
// survey that was switched off meanwhile are those that Parley brings along.
func (a *answer) surveyOn(trigger trigger) bool {
	stage := a.s.GetSurvey().GetStage()
	switch trigger {
	case threadv1.Trigger_TRIGGER_SURVEY:
		c := a.s.GetConversation()
		return !thread.Surveyed(a.s) && thread.HandlerOf(c) != thread.Nobody && a.page != nil && a.survey(trigger) != nil &&
			(c.GetPhase() == threadv1.Phase_PHASE_WRAP_UP || c.GetPhase() == threadv1.Phase_PHASE_CLOSED)
	case threadv1.Trigger_TRIGGER_SURVEY_COMMENT:
		return stage == threadv1.SurveyStage_SURVEY_STAGE_RATED
	case threadv1.Trigger_TRIGGER_SURVEY_WRITE:
		return stage == threadv1.SurveyStage_SURVEY_STAGE_WRITING
	case threadv1.Trigger_TRIGGER_SURVEY_THANKS:
		return stage == threadv1.SurveyStage_SURVEY_STAGE_OVER
	}
	return false
}

// surveyFacts are the message of a survey's trigger, and that it was asked.
func (a *answer) surveyFacts(trigger trigger) []*threadv1.Fact {
	s := a.survey(trigger)
	languages := wording.Languages(a.page, a.s.GetCustomer().GetLocale())
	if asked := a.s.GetSurvey().GetAsked(); trigger != threadv1.Trigger_TRIGGER_SURVEY {
		languages = []string{asked.GetLanguage()}
		a.agent = asked.GetAgent()
	}
	w := survey.In(s, languages...)
	values := a.values()
	fill := func(text string) string { return wording.Fill(text, values) }
	a.said.Trigger = trigger
	request := &threadv1.SendRequested{Id: a.id(), Automated: a.said}
	switch trigger {
	case threadv1.Trigger_TRIGGER_SURVEY:
		asked := a.asked(s, w.Language)
		text := fill(w.Question)
		if asked.GetWay() == threadv1.SurveyWay_SURVEY_WAY_LINK {
			link := a.Link(a.s, asked.GetConversation())
			if link == "" {
				return nil
			}
			text = fill(w.Invitation) + "\n" + link
		} else {
			request.QuickReplies = ratings(asked)
		}
		request.Parts = thread.Split(text)
		return []*threadv1.Fact{thread.Of(request), thread.Of(asked)}
	case threadv1.Trigger_TRIGGER_SURVEY_COMMENT:
		request.Parts = thread.Split(fill(w.Comment))
		write, skip := thread.SurveyWords(a.s.GetSurvey().GetAsked().GetConversation())
		request.QuickReplies = []*threadv1.QuickReply{{Title: w.WriteButton, Payload: write}, {Title: w.SkipButton, Payload: skip}}
	case threadv1.Trigger_TRIGGER_SURVEY_WRITE:
		request.Parts = thread.Split(fill(w.Write))
	case threadv1.Trigger_TRIGGER_SURVEY_THANKS:
		request.Parts = thread.Split(fill(w.Thanks))
	}
	if len(request.GetParts()) == 0 {
		return nil
	}
	return []*threadv1.Fact{thread.Of(request)}
}

// asked says what is asked about the latest conversation, by a survey.
func (a *answer) asked(s *configv1.Survey, language string) *threadv1.SurveyAsked {
	c := a.s.GetConversation()
	asked := &threadv1.SurveyAsked{Conversation: c.GetId(), Way: threadv1.SurveyWay_SURVEY_WAY_CONVERSATION, Comment: s.GetComment(), Language: language,
		UntilMs: a.Now.Add(time.Duration(survey.Hours(s)) * time.Hour).UnixMilli(), Bot: thread.HandlerOf(c) == thread.Bot,
		Workstream: c.GetWorkstream(), Queue: c.GetQueue(), Agent: c.GetAgent()}
	asked.Lowest, asked.Highest = survey.Scale(s)
	if s.GetMode() == configv1.SurveyMode_SURVEY_MODE_LINK {
		asked.Way = threadv1.SurveyWay_SURVEY_WAY_LINK
	}
	return asked
}

// ratings are the answers to press, at most eleven of the thirteen that Meta
// takes.
func ratings(asked *threadv1.SurveyAsked) (all []*threadv1.QuickReply) {
	for n := asked.GetLowest(); n <= asked.GetHighest(); n++ {
		all = append(all, &threadv1.QuickReply{Title: strconv.Itoa(int(n)), Payload: thread.SurveyRating(asked.GetConversation(), n)})
	}
	return all
}

// linkless tells whether a survey is by link and nobody said where its page is.
func (a *answer) linkless(trigger trigger) bool {
	return trigger == threadv1.Trigger_TRIGGER_SURVEY && a.Link == nil && a.survey(trigger).GetMode() == configv1.SurveyMode_SURVEY_MODE_LINK
}
