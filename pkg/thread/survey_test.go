package thread_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/parley-desk/parley/pkg/thread"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
)

const (
	byLink  = threadv1.SurveyWay_SURVEY_WAY_LINK
	byPress = threadv1.SurveyWay_SURVEY_WAY_CONVERSATION
	over    = threadv1.SurveyStage_SURVEY_STAGE_OVER
)

// asked is a survey of conversation c, from 1 to 5, until 1000.
func asked(conversation string, way threadv1.SurveyWay, comment bool) *threadv1.SurveyAsked {
	return &threadv1.SurveyAsked{Conversation: conversation, Way: way, Lowest: 1, Highest: 5, Comment: comment, UntilMs: 1000}
}

// surveyedThread is a thread whose conversation c is closed and was asked about.
func surveyedThread(t interface{ Fatalf(string, ...any) }, a *threadv1.SurveyAsked) *threadv1.State {
	s := thread.New("1", "2")
	for _, k := range []any{
		&threadv1.MessageReceived{Mid: "m", Text: "hi", SentMs: 1}, &threadv1.ConversationOpened{Id: "c", Units: 1},
		&threadv1.AgentAssigned{Agent: "mila", Cause: threadv1.Cause_CAUSE_PICKED}, &threadv1.ConversationEnded{Agent: "mila"},
		&threadv1.ConversationClosed{Cause: threadv1.Cause_CAUSE_WRAPPED_UP, By: "mila"}, a,
	} {
		if err := thread.Apply(s, 1, time.UnixMilli(1), thread.Of(k)); err != nil {
			t.Fatalf("%T: %v", k, err)
		}
	}
	return s
}

// L113: a survey is asked once, of a conversation that is over.
func TestASurveyIsAskedOnce(t *testing.T) {
	for _, c := range []struct {
		name   string
		before []any
		ask    *threadv1.SurveyAsked
		reason string
	}{
		{"while it goes on", nil, asked("c", byLink, false), thread.WrongPhase},
		{"in wrap-up", []any{&threadv1.ConversationEnded{Agent: "mila"}}, asked("c", byLink, false), ""},
		{"of another", []any{&threadv1.ConversationEnded{Agent: "mila"}}, asked("d", byLink, false), thread.NotCurrent},
		{"closed", []any{&threadv1.ConversationClosed{Cause: threadv1.Cause_CAUSE_FORCED}}, asked("c", byPress, true), ""},
		{"twice", []any{&threadv1.ConversationEnded{Agent: "mila"}, asked("c", byLink, false), &threadv1.ConversationClosed{Cause: threadv1.Cause_CAUSE_WRAPPED_UP, By: "mila"}},
			asked("c", byPress, false), thread.Stale},
		{"without a scale", []any{&threadv1.ConversationEnded{Agent: "mila"}}, &threadv1.SurveyAsked{Conversation: "c", Way: byLink}, thread.BadFact},
	} {
		s := thread.New("1", "2")
		steps := append([]any{&threadv1.ConversationOpened{Id: "c", Units: 1}, &threadv1.AgentAssigned{Agent: "mila", Cause: threadv1.Cause_CAUSE_PICKED}}, c.before...)
		for _, k := range steps {
			if err := thread.Apply(s, 1, time.UnixMilli(1), thread.Of(k)); err != nil {
				t.Fatalf("%s: %T: %v", c.name, k, err)
			}
		}
		if got := reasonOf(thread.Apply(s, 1, time.UnixMilli(2), thread.Of(c.ask))); got != c.reason {
			t.Errorf("%s: %q, want %q", c.name, got, c.reason)
		}
	}
}

// What answers a survey, and what is said for itself.
func TestWhatAnswersASurvey(t *testing.T) {
	write, skip := thread.SurveyWords("c")
	press := func(payload string) *threadv1.MessageReceived {
		return &threadv1.MessageReceived{Text: "x", QuickReply: payload}
	}
	text := func(text string) *threadv1.MessageReceived { return &threadv1.MessageReceived{Text: text} }
	type step struct {
		at      int64
		m       *threadv1.MessageReceived
		answers bool
		fact    string // empty: none
	}
	const minute = int64(time.Minute / time.Millisecond)
	for name, c := range map[string]struct {
		ask   *threadv1.SurveyAsked
		steps []step
	}{
		"rated":                          {asked("c", byPress, false), []step{{10, press(thread.SurveyRating("c", 4)), true, "rated 4"}, {11, text("thanks"), false, ""}}},
		"pressed twice":                  {asked("c", byPress, false), []step{{10, press(thread.SurveyRating("c", 4)), true, "rated 4"}, {11, press(thread.SurveyRating("c", 5)), true, ""}}},
		"too late":                       {asked("c", byPress, false), []step{{1001, press(thread.SurveyRating("c", 4)), true, ""}}},
		"off the scale":                  {asked("c", byPress, false), []step{{10, press(thread.SurveyRating("c", 6)), true, ""}, {10, press(thread.SurveyRating("c", 0)), true, ""}}},
		"no number":                      {asked("c", byPress, false), []step{{10, press("parley:survey:c:x"), true, ""}, {10, press("parley:survey:c"), true, ""}, {10, press("parley:survey:"), true, ""}}},
		"of an older one":                {asked("c", byPress, false), []step{{10, press(thread.SurveyRating("b", 4)), true, ""}}},
		"typed":                          {asked("c", byPress, false), []step{{10, text("5"), false, ""}}},
		"another payload":                {asked("c", byPress, false), []step{{10, press("YES"), false, ""}}},
		"by link":                        {asked("c", byLink, false), []step{{10, press(thread.SurveyRating("c", 4)), true, ""}}},
		"no words yet":                   {asked("c", byPress, true), []step{{10, press(write), true, ""}, {11, text("good"), false, ""}}},
		"words":                          {asked("c", byPress, true), []step{{10, press(thread.SurveyRating("c", 4)), true, "rated 4"}, {11, press(write), true, "writes"}, {12, text("very good"), true, "very good"}, {13, text("and?"), false, ""}}},
		"words not asked":                {asked("c", byPress, false), []step{{10, press(thread.SurveyRating("c", 4)), true, "rated 4"}, {11, press(write), true, ""}}},
		"no words wanted":                {asked("c", byPress, true), []step{{10, press(thread.SurveyRating("c", 4)), true, "rated 4"}, {11, press(skip), true, "skips"}, {12, text("but"), false, ""}}},
		"text without press":             {asked("c", byPress, true), []step{{10, press(thread.SurveyRating("c", 4)), true, "rated 4"}, {12, text("my parcel?"), false, ""}}},
		"changed mind":                   {asked("c", byPress, true), []step{{10, press(thread.SurveyRating("c", 4)), true, "rated 4"}, {11, press(write), true, "writes"}, {12, press(skip), true, "skips"}, {13, text("no"), false, ""}}},
		"words written before the press": {asked("c", byPress, true), []step{{10, press(thread.SurveyRating("c", 4)), true, "rated 4"}, {11, press(write), true, "writes"}, {9, text("my parcel?"), false, ""}}},
		"words much later":               {asked("c", byPress, true), []step{{10, press(thread.SurveyRating("c", 4)), true, "rated 4"}, {11, press(write), true, "writes"}, {12 + 30*minute, text("hello"), false, ""}}},
		"a picture":                      {asked("c", byPress, true), []step{{10, press(thread.SurveyRating("c", 4)), true, "rated 4"}, {11, press(write), true, "writes"}, {12, &threadv1.MessageReceived{Attachments: []*threadv1.Attachment{{Type: "image"}}}, false, ""}}},
	} {
		t.Run(name, func(t *testing.T) {
			s := surveyedThread(t, c.ask)
			for i, step := range c.steps {
				facts, answers := thread.SurveyAnswer(s, step.at, step.m)
				got := ""
				for _, f := range facts {
					got = surveyWord(f)
					if err := thread.Apply(s, 2, time.UnixMilli(step.at), f); err != nil {
						t.Fatalf("step %d: %v", i, err)
					}
				}
				if answers != step.answers || got != step.fact {
					t.Errorf("step %d: answers %v, %q; want %v, %q", i, answers, got, step.answers, step.fact)
				}
			}
		})
	}
}

func surveyWord(f *threadv1.Fact) string {
	switch k := f.GetKind().(type) {
	case *threadv1.Fact_SurveyRated:
		return fmt.Sprint("rated ", k.SurveyRated.GetRating())
	case *threadv1.Fact_SurveyCommentChosen:
		if k.SurveyCommentChosen.GetWrites() {
			return "writes"
		}
		return "skips"
	case *threadv1.Fact_SurveyCommented:
		return k.SurveyCommented.GetComment()
	}
	return fmt.Sprintf("%T", f.GetKind())
}

// A link takes one answer, in its time, and only of the newest survey.
func TestALinkWorksOnce(t *testing.T) {
	s := surveyedThread(t, asked("c", byLink, true))
	try := func(at int64, conversation string, rating int32) string {
		facts, err := thread.RateByLink(s, time.UnixMilli(at), conversation, rating, "fine")
		for _, f := range facts {
			if err := thread.Apply(s, 2, time.UnixMilli(at), f); err != nil {
				t.Fatal(err)
			}
		}
		return reasonOf(err)
	}
	for i, c := range []struct {
		at           int64
		conversation string
		rating       int32
		want         string
	}{
		{10, "d", 3, thread.SurveyExpired}, {1001, "c", 3, thread.SurveyExpired}, {10, "c", 6, thread.BadFact}, {10, "", 3, thread.SurveyExpired},
		{10, "c", 3, ""}, {11, "c", 3, thread.SurveyUsed}, {2000, "c", 5, thread.SurveyUsed},
	} {
		if got := try(c.at, c.conversation, c.rating); got != c.want {
			t.Errorf("%d: %q, want %q", i, got, c.want)
		}
	}
	if v := s.GetSurvey(); v.GetRating() != 3 || !v.GetCommented() || v.GetStage() != over {
		t.Errorf("the survey is %v", v)
	}
}

// An answer to a survey waits for nobody: the customer is not one who has no
// answer, whether the conversation is over or another goes on.
func TestAnAnswerToASurveyWaitsForNobody(t *testing.T) {
	s := surveyedThread(t, asked("c", byPress, false))
	before := s.GetUnanswered()
	for _, k := range []any{&threadv1.MessageReceived{Mid: "a", QuickReply: thread.SurveyRating("c", 4), SentMs: 90, Survey: true},
		&threadv1.ConversationOpened{Id: "d", Units: 1}, &threadv1.AgentAssigned{Agent: "mila", Cause: threadv1.Cause_CAUSE_PICKED},
		&threadv1.SendRequested{Id: "s", Agent: "mila", Parts: []string{"yes?"}, Human: true},
		&threadv1.MessageReceived{Mid: "b", QuickReply: thread.SurveyRating("c", 4), SentMs: 95, Survey: true}} {
		if err := thread.Apply(s, 2, time.UnixMilli(100), thread.Of(k)); err != nil {
			t.Fatal(err)
		}
		if s.GetUnanswered() > before {
			t.Errorf("%T: %d have no answer", k, s.GetUnanswered())
		}
	}
	if spoke, _ := thread.SilenceOf(s); spoke != threadv1.Side_SIDE_AGENT || s.GetWindowMs() != 95 {
		t.Errorf("spoke %s, window from %d", spoke, s.GetWindowMs())
	}
}

// Who had a conversation last.
func TestWhoHadItLast(t *testing.T) {
	outside := &threadv1.ExternalMessageSent{Mid: "x", Text: "I am a bot", AppId: "9", SentMs: 5}
	for _, c := range []struct {
		name  string
		facts []any
		want  thread.Handler
	}{
		{"nobody", nil, thread.Nobody},
		{"automated messages", []any{&threadv1.SendRequested{Id: "s", Parts: []string{"hi"}, Automated: &threadv1.Automated{Trigger: greeting, Conversation: "c", Answers: 1}}}, thread.Nobody},
		{"a rule", []any{&threadv1.SendRequested{Id: "s", Parts: []string{"there?"}}}, thread.Nobody},
		{"another app", []any{outside}, thread.Bot},
		{"an agent after it", []any{outside, &threadv1.AgentAssigned{Agent: "mila", Cause: threadv1.Cause_CAUSE_PICKED}}, thread.Person},
	} {
		s := thread.New("1", "2")
		for _, k := range append([]any{&threadv1.ConversationOpened{Id: "c", Units: 1}}, c.facts...) {
			if err := thread.Apply(s, 1, time.UnixMilli(10), thread.Of(k)); err != nil {
				t.Fatal(err)
			}
		}
		if got := thread.HandlerOf(s.GetConversation()); got != c.want {
			t.Errorf("%s: %d, want %d", c.name, got, c.want)
		}
	}
}

// Whatever a customer sends and however often it comes, a survey has at most one
// rating and one comment, and what it decides can be committed later.
func TestSurveysOfAnySort(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := surveyedThread(t, asked("c", rapid.SampledFrom([]threadv1.SurveyWay{byLink, byPress}).Draw(t, "way"), rapid.Bool().Draw(t, "comment")))
		write, skip := thread.SurveyWords("c")
		rated, commented := 0, 0
		for range rapid.IntRange(1, 20).Draw(t, "messages") {
			m := &threadv1.MessageReceived{Text: rapid.SampledFrom([]string{"", "5", "hm", " "}).Draw(t, "text"),
				QuickReply: rapid.OneOf(rapid.SampledFrom([]string{"", write, skip, "parley:survey:b:1", "NO"}), rapid.Map(rapid.Int32Range(-1, 7), func(n int32) string { return thread.SurveyRating("c", n) })).Draw(t, "press")}
			at := rapid.Int64Range(0, 1200).Draw(t, "at")
			facts, answers := thread.SurveyAnswer(s, at, m)
			if strings.HasPrefix(m.GetQuickReply(), "parley:survey:") && !answers || len(facts) > 0 && !answers {
				t.Fatalf("%v answers %v with %v", m, answers, facts)
			}
			if rapid.Bool().Draw(t, "page") {
				more, _ := thread.RateByLink(s, time.UnixMilli(at), "c", 3, "")
				facts = append(facts, more...)
			}
			for _, f := range facts {
				if f.GetSurveyRated() != nil {
					rated++
				}
				if f.GetSurveyCommented() != nil {
					commented++
				}
				if err := thread.Apply(s, 2, time.UnixMilli(at+100_000_000), f); err != nil {
					t.Fatalf("%v: %v", f, err)
				}
			}
		}
		if rated > 1 || commented > 1 || (rated > 0) != (s.GetSurvey().Rating != nil) {
			t.Fatalf("%d ratings, %d comments, %v", rated, commented, s.GetSurvey())
		}
	})
}
