package say_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/parley-desk/parley/pkg/directory"
	"github.com/parley-desk/parley/pkg/thread"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
	"github.com/parley-desk/parley/services/engagement/internal/say"
)

func local(bg, en string) []*configv1.LocalText {
	return []*configv1.LocalText{{Language: "bg", Text: bg}, {Language: "en", Text: en}}
}

// curious is a house whose workstream asks two questions.
func curious() *directory.Snapshot {
	w := house()
	w.Workstreams["facebook"].Questions = &configv1.Questions{List: []*configv1.Question{
		{Variable: "topic", Texts: local("За какво?", "About what, {$Tier$}?"), Choices: []*configv1.QuestionChoice{{Value: "sales", Titles: local("Поръчка", "An order")}, {Value: "repair"}}},
		{Variable: "order", Texts: local("Коя?", "Which one?"), WrongTexts: local("Не е.", "It is none."), Check: configv1.QuestionCheck_QUESTION_CHECK_EMAIL, Optional: true},
	}}
	return w
}

// questioned is a conversation that waits for answers.
func questioned(t interface{ Fatalf(string, ...any) }) *talk {
	l := &talk{t: t, state: thread.New("10", "70"), now: noon}
	l.commit(received(), &threadv1.ConversationOpened{Id: "c", Workstream: "facebook", Units: 1, OfferSeconds: 60},
		&threadv1.QuestionsBegan{Variables: []string{"topic", "order"}, UntilMs: noon.Add(5 * time.Minute).UnixMilli()})
	return l
}

// asks is what a commit is answered by, as "text [answers] asks variable".
func (l *talk) asks(w *directory.Snapshot, revision uint64) string {
	facts, _ := say.Answer(l.state, revision, l.log[revision-1], world(w, l.now))
	var all []string
	for _, f := range facts {
		switch k := f.GetKind().(type) {
		case *threadv1.Fact_SendRequested:
			var replies []string
			for _, r := range k.SendRequested.GetQuickReplies() {
				replies = append(replies, r.GetTitle()+r.GetContentType())
			}
			all = append(all, fmt.Sprint(strings.Join(k.SendRequested.GetParts(), "|"), " ", replies))
			if k.SendRequested.GetHuman() || k.SendRequested.GetAutomated().GetTrigger() != threadv1.Trigger_TRIGGER_QUESTION {
				l.t.Fatalf("it is asked by %v", k)
			}
		case *threadv1.Fact_QuestionAsked:
			all = append(all, "asks "+k.QuestionAsked.GetVariable())
		case *threadv1.Fact_QuestionsEnded:
			all = append(all, fmt.Sprint("ended, timed out ", k.QuestionsEnded.GetTimedOut()))
		}
	}
	if len(facts) > 0 {
		l.commit(anySlice(facts)...)
	}
	return strings.Join(all, " ")
}

func answered(variable string, result threadv1.QuestionResult, value string) *threadv1.QuestionAnswered {
	return &threadv1.QuestionAnswered{Variable: variable, Result: result, Value: value}
}

const (
	fits  = threadv1.QuestionResult_QUESTION_RESULT_FIT
	unfit = threadv1.QuestionResult_QUESTION_RESULT_UNFIT
)

// L114: questions are put one after another, each once; an answer that does not fit
// has it put again.
func TestQuestionsArePut(t *testing.T) {
	l, w := questioned(t), curious()
	steps := []struct {
		then any
		want string
	}{
		{nil, "About what, silver? [An order repair] asks topic"},
		{received(), ""}, // before the question has left, say
		{answered("topic", unfit, ""), "This answer does not fit. Please try again.\nAbout what, silver? [An order repair] asks topic"},
		{answered("topic", fits, "sales"), "Which one? [user_email Skip] asks order"},
		{answered("order", unfit, ""), "It is none.\nWhich one? [user_email Skip] asks order"},
	}
	for i, s := range steps {
		if s.then != nil {
			l.commit(s.then)
		}
		if got := l.asks(w, l.revision()); got != s.want {
			t.Fatalf("step %d: %q, want %q", i, got, s.want)
		}
	}
	if again := l.asks(w, 1); again != "" {
		t.Errorf("the first commit is answered again: %s", again)
	}
}

// In the page's language, whatever the customer's is.
func TestTheLanguageOfQuestions(t *testing.T) {
	for language, want := range map[string]string{"bg": "За какво?", "bg-BG": "За какво?", "en-GB": "About what", "": "За какво?", "de": "About what"} {
		l, w := questioned(t), curious()
		w.PagesByMeta["10"].Language = language
		l.state.Customer = &threadv1.Customer{Name: "Ана", Locale: "bg_BG"}
		if got := l.asks(w, 1); !strings.HasPrefix(got, want) {
			t.Errorf("page in %q: %q", language, got)
		}
	}
}

// What can be asked no more ends the questions, so that nobody waits for what
// nobody reads; what cannot be asked now is waited for, until their time is over.
func TestQuestionsThatAreNotPut(t *testing.T) {
	const over = "ended, timed out false"
	for name, c := range map[string]struct {
		change func(l *talk, w *directory.Snapshot)
		want   string
	}{
		"the question is gone": {func(_ *talk, w *directory.Snapshot) {
			set := w.Workstreams["facebook"].Questions
			set.List = set.List[1:]
		}, over},
		"all are gone":           {func(_ *talk, w *directory.Snapshot) { w.Workstreams["facebook"].Questions = nil }, over},
		"the workstream is gone": {func(_ *talk, w *directory.Snapshot) { delete(w.Workstreams, "facebook") }, over},
		"nothing is left of its text": {func(_ *talk, w *directory.Snapshot) {
			w.Workstreams["facebook"].Questions.List[0].Texts = []*configv1.LocalText{{Language: "en", Text: " {$Gone$} "}}
		}, over},
		"the page is gone":                 {func(_ *talk, w *directory.Snapshot) { delete(w.PagesByMeta, "10") }, ""},
		"another app has the thread":       {func(l *talk, _ *directory.Snapshot) { l.state.Standby, l.state.OwnerMs = true, noon.UnixMilli() }, ""},
		"the window is closed":             {func(l *talk, _ *directory.Snapshot) { l.now = noon.Add(25 * time.Hour) }, ""},
		"too late":                         {func(l *talk, _ *directory.Snapshot) { l.now = noon.Add(11 * time.Minute) }, ""},
		"a supervisor gave it to an agent": {func(l *talk, _ *directory.Snapshot) { l.commit(by("mila", threadv1.Cause_CAUSE_ASSIGNED)) }, ""},
		"their time was over":              {func(l *talk, _ *directory.Snapshot) { l.commit(&threadv1.QuestionsEnded{TimedOut: true}) }, ""},
	} {
		l, w := questioned(t), curious()
		c.change(l, w)
		if got := l.asks(w, 1); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}
