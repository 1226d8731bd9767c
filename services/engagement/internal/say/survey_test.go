package say_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/parley-desk/parley/pkg/directory"
	"github.com/parley-desk/parley/pkg/rules"
	"github.com/parley-desk/parley/pkg/thread"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
	"github.com/parley-desk/parley/services/engagement/internal/say"
)

const (
	modeLink  = configv1.SurveyMode_SURVEY_MODE_LINK
	modePress = configv1.SurveyMode_SURVEY_MODE_CONVERSATION
)

// asking is a house whose workstream asks customers, and what else is on.
func asking(person, bot *configv1.Survey, on ...threadv1.Trigger) *directory.Snapshot {
	w := house(on...)
	w.Workstreams["facebook"].Survey, w.Workstreams["facebook"].BotSurvey = person, bot
	return w
}

// linked is a world in which a survey's page has an address.
func linked(w *directory.Snapshot, now time.Time) say.World {
	in := world(w, now)
	in.Link = func(_ *threadv1.State, conversation string) string { return "https://x/survey/" + conversation }
	return in
}

// L113: when a customer is asked, how, and in which words.
func TestWhenASurveyIsAsked(t *testing.T) {
	press, link := &configv1.Survey{Mode: modePress}, &configv1.Survey{Mode: modeLink}
	own := &configv1.Survey{Mode: modePress, Scale: configv1.SurveyScale_SURVEY_SCALE_TEN, Texts: []*configv1.SurveyTexts{{Language: "en", Question: "Was {AgentName} of {QueueName} good to our {$Tier$} customer?"}}}
	held := []any{routed("front"), by("mila", picked)}
	ended, forced := &threadv1.ConversationEnded{Agent: "mila"}, &threadv1.ConversationClosed{Cause: threadv1.Cause_CAUSE_FORCED}
	outside := &threadv1.ExternalMessageSent{Mid: "x", Text: "bot", AppId: "9", SentMs: noon.UnixMilli()}
	for _, c := range []struct {
		name        string
		person, bot *configv1.Survey
		before      []any
		then        any
		says        string // empty: nothing
		replies     int
	}{
		{"the agent ended", press, nil, held, ended, "How satisfied", 5},
		{"the system closed", press, nil, held, forced, "How satisfied", 5},
		{"by link", link, nil, held, ended, "How did we do? It takes half a minute to tell us:\nhttps://x/survey/c", 0},
		{"in one's own words, 0 to 10", own, nil, held, ended, "Was Mila Petrova of Front desk good to our silver customer?", 11},
		{"off", nil, press, held, ended, "", 0},
		{"nobody had it", press, nil, []any{routed("front")}, forced, "", 0},
		{"overflow", press, nil, nil, &threadv1.ConversationClosed{Cause: threadv1.Cause_CAUSE_OVERFLOWED}, "", 0},
		{"a bot had it", press, link, []any{outside}, forced, "How did we do?", 0},
		{"a bot had it, nothing set for that", press, nil, []any{outside}, forced, "How satisfied", 5},
		{"a bot had it, off for that", press, &configv1.Survey{}, []any{outside}, forced, "", 0},
		{"an agent had it after a bot", press, link, append([]any{outside}, held...), forced, "How satisfied", 5},
		{"set aside", press, nil, held, &threadv1.ConversationParked{Agent: "mila"}, "", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := begun(t, c.before...)
			l.commit(c.then)
			facts, _ := say.Answer(l.state, l.revision(), l.log[len(l.log)-1], linked(asking(c.person, c.bot), noon))
			facts = slices.DeleteFunc(facts, func(f *threadv1.Fact) bool {
				return f.GetSendRequested().GetAutomated().GetTrigger() == threadv1.Trigger_TRIGGER_OVERFLOW_ENDED
			})
			if c.says == "" {
				if len(facts) > 0 {
					t.Fatalf("says %v", facts)
				}
				return
			}
			if len(facts) != 2 || !strings.HasPrefix(words(facts[0]), c.says) || len(facts[0].GetSendRequested().GetQuickReplies()) != c.replies || facts[1].GetSurveyAsked() == nil {
				t.Fatalf("says %v, want %q with %d replies", facts, c.says, c.replies)
			}
			l.commit(anySlice(facts)...)
			if phase := l.state.GetConversation().GetPhase(); phase == threadv1.Phase_PHASE_WRAP_UP {
				l.commit(&threadv1.ConversationClosed{Cause: threadv1.Cause_CAUSE_WRAPPED_UP, By: "mila"})
				if again, _ := say.Answer(l.state, l.revision(), l.log[len(l.log)-1], linked(asking(c.person, c.bot, threadv1.Trigger_TRIGGER_SESSION_ENDED), noon)); len(again) > 0 && c.replies > 0 {
					t.Errorf("and then %v, which takes the answers to press away", again)
				}
			}
		})
	}
}

// S28: what the page asks counts before what its workstream does, in its words, and
// to the end of the survey.
func TestAPageAsksOtherwise(t *testing.T) {
	w := asking(&configv1.Survey{Mode: modeLink}, nil)
	w.PagesByMeta["10"].Survey = &configv1.Survey{Mode: modePress, Texts: []*configv1.SurveyTexts{{Language: "en", Question: "Was the outlet good?", Thanks: "The outlet thanks you."}}}
	l := begun(t, routed("front"), by("mila", picked))
	for _, step := range []struct {
		then any
		says string
	}{{&threadv1.ConversationEnded{Agent: "mila"}, "Was the outlet good?"}, {&threadv1.SurveyRated{Conversation: "c", Rating: 4}, "The outlet thanks you."}} {
		l.commit(step.then)
		if got := l.answer(w); len(got) == 0 || got[0] != step.says {
			t.Fatalf("says %q, want %q", got, step.says)
		}
	}
	w.PagesByMeta["10"].Survey = &configv1.Survey{}
	quiet := begun(t, routed("front"), by("mila", picked))
	if quiet.commit(&threadv1.ConversationEnded{Agent: "mila"}); len(quiet.answer(w)) > 0 {
		t.Error("a page that asks nothing asks")
	}
}

// A survey is inside Meta's 24 hours, while no other app has the thread, in time,
// and never by a link that leads nowhere.
func TestWhatPreventsASurvey(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(l *talk, w *say.World)
		result string
	}{
		{"nothing", func(*talk, *say.World) {}, say.Said},
		{"late", func(_ *talk, w *say.World) { w.Now = noon.Add(11 * time.Minute) }, say.Late},
		{"the window closed", func(l *talk, _ *say.World) { l.state.WindowMs -= (24 * time.Hour).Milliseconds() }, say.Closed},
		{"another app has the thread", func(l *talk, _ *say.World) { l.state.Standby, l.state.OwnerMs = true, noon.UnixMilli() }, say.Foreign},
		{"nobody said where the page is", func(_ *talk, w *say.World) { w.Link = nil }, say.NoAddress},
		{"the address cannot be made", func(_ *talk, w *say.World) {
			w.Link = func(*threadv1.State, string) string { return "" }
		}, ""},
	} {
		l := begun(t, routed("front"), by("mila", picked))
		l.commit(&threadv1.ConversationEnded{Agent: "mila"})
		in := linked(asking(&configv1.Survey{Mode: modeLink}, nil), noon)
		c.change(l, &in)
		facts, outcomes := say.Answer(l.state, l.revision(), l.log[len(l.log)-1], in)
		result := ""
		if len(outcomes) > 0 {
			result = outcomes[0].Result
		}
		if result != c.result || (len(facts) > 0) != (c.result == say.Said) {
			t.Errorf("%s: %q and %d facts, want %q", c.name, result, len(facts), c.result)
		}
	}
}

// A whole survey in Messenger, in Bulgarian.
func TestASurveyInMessenger(t *testing.T) {
	w := asking(&configv1.Survey{Mode: modePress, Comment: true}, nil)
	w.Pages["shop"].Language = "bg"
	w.PagesByMeta["10"].Language = "bg"
	l := begun(t, routed("front"), by("mila", picked))
	step := func(want string, kinds ...any) {
		t.Helper()
		l.commit(kinds...)
		facts, _ := say.Answer(l.state, l.revision(), l.log[len(l.log)-1], linked(w, l.now))
		got := ""
		for _, f := range facts {
			got += words(f)
			if f.GetSendRequested() == nil {
				got = strings.TrimSuffix(got, words(f))
			}
		}
		if !strings.HasPrefix(got, want) || want == "" && got != "" {
			t.Fatalf("says %q, want %q", got, want)
		}
		if len(facts) > 0 {
			l.commit(anySlice(facts)...)
		}
	}
	m := &threadv1.MessageReceived{Mid: "a", Survey: true, SentMs: noon.UnixMilli()}
	step("Доколко сте доволни", &threadv1.ConversationEnded{Agent: "mila"}, &threadv1.ConversationClosed{Cause: threadv1.Cause_CAUSE_WRAPPED_UP, By: "mila"})
	step("Искате ли да добавите", m, &threadv1.SurveyRated{Conversation: "c", Rating: 4})
	step("Моля, напишете ги", m, &threadv1.SurveyCommentChosen{Conversation: "c", Writes: true})
	step("Благодарим Ви за отговора", m, &threadv1.SurveyCommented{Conversation: "c", Comment: "добре"})
	step("", m)
}

// Any turns of a thread whose commits are answered by two that come and go: every
// conversation is asked about once at most, whatever is said can be committed, and
// nothing is asked of one that goes on.
func TestSurveysAreAskedOnce(t *testing.T) {
	w := rules.New(asking(&configv1.Survey{Mode: modePress, Comment: true}, &configv1.Survey{Mode: modeLink}))
	rapid.Check(t, func(t *rapid.T) {
		l := begun(t)
		at := [2]int{}
		asked := map[string]bool{}
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			who := rapid.IntRange(0, 3).Draw(t, "who")
			switch who {
			case 2:
				l.anything(rapid.IntRange(0, 8).Draw(t, "what"))
				continue
			case 3:
				l.hears(rapid.SampledFrom([]string{"4", "9", "write", "skip", "text"}).Draw(t, "press"))
				continue
			}
			if rapid.IntRange(0, 9).Draw(t, "dies") == 0 {
				at[who] = rapid.IntRange(0, at[who]).Draw(t, "checkpoint")
			}
			if at[who] == len(l.log) {
				continue
			}
			at[who]++
			in := say.World{Rules: w, Now: l.now, Keep: time.Minute, Link: func(*threadv1.State, string) string { return "https://x" }}
			facts, _ := say.Answer(l.state, uint64(at[who]), l.log[at[who]-1], in)
			for _, f := range facts {
				a := f.GetSurveyAsked()
				if a == nil {
					continue
				}
				if c := l.state.GetConversation(); asked[a.GetConversation()] || thread.Live(c) && c.GetPhase() != threadv1.Phase_PHASE_WRAP_UP || thread.HandlerOf(c) == thread.Nobody {
					t.Fatalf("asked in %v: %v", c, a)
				}
				asked[a.GetConversation()] = true
			}
			if len(facts) > 0 {
				l.commit(anySlice(facts)...)
			}
		}
	})
}

// hears files a press or a text of the customer as intake does.
func (l *talk) hears(what string) {
	m := &threadv1.MessageReceived{Mid: fmt.Sprint("h", len(l.log)), Text: "x", SentMs: l.now.UnixMilli()}
	if what != "text" {
		m.QuickReply = "parley:survey:" + l.state.GetSurvey().GetAsked().GetConversation() + ":" + what
	}
	facts, answers := thread.SurveyAnswer(l.state, m.GetSentMs(), m)
	m.Survey = answers
	l.commit(append([]any{m}, anySlice(facts)...)...)
}
