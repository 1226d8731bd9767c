package thread

import (
	"strconv"
	"strings"
	"time"

	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
)

// Handler is who had a conversation last.
type Handler int

// The handlers.
const (
	Nobody Handler = iota // nobody ever answered the customer
	Person                // an agent has or had it
	Bot                   // it was answered, and no agent ever had it
)

// HandlerOf tells who had c last. Once an agent had it, what a bot said before
// does not count.
func HandlerOf(c *threadv1.Conversation) Handler {
	switch {
	case c.GetAgent() != "":
		return Person
	case c.GetReplied():
		return Bot
	}
	return Nobody
}

// surveyed tells whether conversation is the one that the newest survey of s is
// about.
func surveyed(s *threadv1.State, conversation string) bool {
	return conversation != "" && s.GetSurvey().GetAsked().GetConversation() == conversation
}

// Surveyed tells whether the customer was asked how the latest conversation was.
func Surveyed(s *threadv1.State) bool { return surveyed(s, s.GetConversation().GetId()) }

// SurveyWaits tells whether the customer still has answers to press about the
// latest conversation.
func SurveyWaits(s *threadv1.State) bool {
	v := s.GetSurvey()
	return Surveyed(s) && v.GetAsked().GetWay() == threadv1.SurveyWay_SURVEY_WAY_CONVERSATION && v.GetStage() != threadv1.SurveyStage_SURVEY_STAGE_OVER
}

// Words of a survey's payloads, after its conversation.
const (
	surveyPrefix = "parley:survey:"
	surveyWrite  = "write"
	surveySkip   = "skip"
)

// SurveyRating is the payload of an answer that gives a rating.
func SurveyRating(conversation string, rating int32) string {
	return surveyPrefix + conversation + ":" + strconv.Itoa(int(rating))
}

// SurveyWords are the payloads of the answers to whether a few words follow.
func SurveyWords(conversation string) (write, skip string) {
	return surveyPrefix + conversation + ":" + surveyWrite, surveyPrefix + conversation + ":" + surveySkip
}

// surveyWriting is how long a customer who wants to write a few words may take.
const surveyWriting = 30 * time.Minute

// SurveyAnswer tells whether a message of the customer, at Meta's time, answers a
// survey, and gives the facts of it. What a customer pressed in a survey is an
// answer to it however often and however late it is pressed; text is one only
// after the customer pressed that a few words follow, and once.
func SurveyAnswer(s *threadv1.State, atMS int64, m *threadv1.MessageReceived) (facts []*threadv1.Fact, answers bool) {
	v := s.GetSurvey()
	if pressed, is := strings.CutPrefix(m.GetQuickReply(), surveyPrefix); is {
		conversation, word, _ := strings.Cut(pressed, ":")
		if !surveyed(s, conversation) || v.GetAsked().GetWay() != threadv1.SurveyWay_SURVEY_WAY_CONVERSATION {
			return nil, true
		}
		return surveyPress(v, atMS, word), true
	}
	waits := v.GetStage() == threadv1.SurveyStage_SURVEY_STAGE_WRITING && Surveyed(s)
	after := time.Duration(atMS-v.GetPressedMs()) * time.Millisecond
	if !waits || after < 0 || after > surveyWriting || m.GetQuickReply() != "" || strings.TrimSpace(m.GetText()) == "" {
		return nil, false
	}
	return one(&threadv1.SurveyCommented{Conversation: v.GetAsked().GetConversation(), Comment: m.GetText()}), true
}

// surveyPress gives the fact of a press of word in the newest survey; none when it
// changes nothing.
func surveyPress(v *threadv1.Survey, atMS int64, word string) []*threadv1.Fact {
	conversation, stage := v.GetAsked().GetConversation(), v.GetStage()
	switch word {
	case surveyWrite:
		if stage == threadv1.SurveyStage_SURVEY_STAGE_RATED {
			return one(&threadv1.SurveyCommentChosen{Conversation: conversation, Writes: true, PressedMs: atMS})
		}
	case surveySkip:
		if stage == threadv1.SurveyStage_SURVEY_STAGE_RATED || stage == threadv1.SurveyStage_SURVEY_STAGE_WRITING {
			return one(&threadv1.SurveyCommentChosen{Conversation: conversation, PressedMs: atMS})
		}
	default:
		rating, err := strconv.ParseInt(word, 10, 32)
		if err == nil && rates(v, int32(rating)) && atMS <= v.GetAsked().GetUntilMs() {
			return one(&threadv1.SurveyRated{Conversation: conversation, Rating: int32(rating)})
		}
	}
	return nil
}

// rates tells whether v can have that rating now.
func rates(v *threadv1.Survey, rating int32) bool {
	return v.GetStage() == threadv1.SurveyStage_SURVEY_STAGE_ASKED && rating >= v.GetAsked().GetLowest() && rating <= v.GetAsked().GetHighest()
}

// Why a survey's link takes no answer.
const (
	SurveyUsed    = "SURVEY_USED"    // it was answered
	SurveyExpired = "SURVEY_EXPIRED" // its time is over, or another survey came after it
)

// SurveyLink tells whether the link to the survey of a conversation takes an
// answer now; a *Refusal says why not.
func SurveyLink(s *threadv1.State, now time.Time, conversation string) error {
	v := s.GetSurvey()
	switch {
	case !surveyed(s, conversation) || v.GetAsked().GetWay() != threadv1.SurveyWay_SURVEY_WAY_LINK:
		return refuse(s, SurveyExpired, "")
	case v.GetStage() != threadv1.SurveyStage_SURVEY_STAGE_ASKED:
		return refuse(s, SurveyUsed, "")
	case now.UnixMilli() > v.GetAsked().GetUntilMs():
		return refuse(s, SurveyExpired, "")
	}
	return nil
}

// RateByLink gives the fact of a rating that was given on the page of a link.
func RateByLink(s *threadv1.State, now time.Time, conversation string, rating int32, comment string) ([]*threadv1.Fact, error) {
	if err := SurveyLink(s, now, conversation); err != nil {
		return nil, err
	}
	if !rates(s.GetSurvey(), rating) {
		return nil, refuse(s, BadFact, "")
	}
	return one(&threadv1.SurveyRated{Conversation: conversation, Rating: rating, Comment: comment, Page: true}), nil
}

// ofSurvey wraps the facts of surveys.
func ofSurvey(kind any) *threadv1.Fact {
	switch k := kind.(type) {
	case *threadv1.SurveyAsked:
		return &threadv1.Fact{Kind: &threadv1.Fact_SurveyAsked{SurveyAsked: k}}
	case *threadv1.SurveyRated:
		return &threadv1.Fact{Kind: &threadv1.Fact_SurveyRated{SurveyRated: k}}
	case *threadv1.SurveyCommentChosen:
		return &threadv1.Fact{Kind: &threadv1.Fact_SurveyCommentChosen{SurveyCommentChosen: k}}
	case *threadv1.SurveyCommented:
		return &threadv1.Fact{Kind: &threadv1.Fact_SurveyCommented{SurveyCommented: k}}
	}
	return nil
}

// applySurvey takes a survey on:
//
//	ASKED ──rated──▶ RATED ──▶ WRITING ──▶ OVER
//	   └───────────────┴─────────┴──────────▲
//
// Time is not looked at: what was in time when it was decided stays so however
// late it is committed.
func applySurvey(s *threadv1.State, now time.Time, f *threadv1.Fact) (handled bool, err error) {
	switch k := f.GetKind().(type) {
	case *threadv1.Fact_SurveyAsked:
		return true, applySurveyAsked(s, now, k.SurveyAsked)
	case *threadv1.Fact_SurveyRated:
		r := k.SurveyRated
		if !surveyed(s, r.GetConversation()) || !rates(s.GetSurvey(), r.GetRating()) {
			return true, refuse(s, Stale, "")
		}
		s.Survey.Rating, s.Survey.Commented = &r.Rating, r.GetComment() != ""
		stage := threadv1.SurveyStage_SURVEY_STAGE_OVER
		if s.Survey.GetAsked().GetComment() && !r.GetPage() {
			stage = threadv1.SurveyStage_SURVEY_STAGE_RATED
		}
		reach(s.Survey, stage, now)
	case *threadv1.Fact_SurveyCommentChosen:
		stage := s.GetSurvey().GetStage()
		rated := stage == threadv1.SurveyStage_SURVEY_STAGE_RATED
		if !surveyed(s, k.SurveyCommentChosen.GetConversation()) || !rated && (k.SurveyCommentChosen.GetWrites() || stage != threadv1.SurveyStage_SURVEY_STAGE_WRITING) {
			return true, refuse(s, Stale, "")
		}
		stage, s.Survey.PressedMs = threadv1.SurveyStage_SURVEY_STAGE_OVER, k.SurveyCommentChosen.GetPressedMs()
		if k.SurveyCommentChosen.GetWrites() {
			stage = threadv1.SurveyStage_SURVEY_STAGE_WRITING
		}
		reach(s.Survey, stage, now)
	case *threadv1.Fact_SurveyCommented:
		if !surveyed(s, k.SurveyCommented.GetConversation()) || s.Survey.GetStage() != threadv1.SurveyStage_SURVEY_STAGE_WRITING {
			return true, refuse(s, Stale, "")
		}
		s.Survey.Commented = true
		reach(s.Survey, threadv1.SurveyStage_SURVEY_STAGE_OVER, now)
	default:
		return false, nil
	}
	return true, nil
}

func applySurveyAsked(s *threadv1.State, now time.Time, a *threadv1.SurveyAsked) error {
	c := s.GetConversation()
	switch {
	case c == nil || a.GetConversation() != c.GetId():
		return refuse(s, NotCurrent, "")
	case a.GetWay() == threadv1.SurveyWay_SURVEY_WAY_UNSPECIFIED || a.GetHighest() <= a.GetLowest():
		return refuse(s, BadFact, "")
	case c.GetPhase() != threadv1.Phase_PHASE_WRAP_UP && Live(c):
		return refuse(s, WrongPhase, "")
	case Surveyed(s):
		return refuse(s, Stale, "")
	}
	s.Survey = &threadv1.Survey{Asked: a, AskedMs: now.UnixMilli()}
	reach(s.Survey, threadv1.SurveyStage_SURVEY_STAGE_ASKED, now)
	return nil
}

func reach(v *threadv1.Survey, stage threadv1.SurveyStage, now time.Time) {
	v.Stage, v.StageMs = stage, now.UnixMilli()
}
