package figures_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/parley-desk/parley/pkg/thread"
	deskv1 "github.com/parley-desk/parley/proto/gen/parley/desk/v1"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
	"github.com/parley-desk/parley/services/desk/internal/figures"
)

// noon is when the stories begin.
var noon = time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)

// story is the log of a thread that a test tells, second by second.
type story struct {
	t       testing.TB
	state   *threadv1.State
	commits []*threadv1.Commit
	now     time.Time
	fence   int64
}

func tell(t testing.TB, psid string) *story {
	return &story{t: t, state: thread.New("page", psid), now: noon}
}

// after lets time pass.
func (s *story) after(seconds float64) *story {
	s.now = s.now.Add(time.Duration(seconds * float64(time.Second)))
	return s
}

// is commits facts.
func (s *story) is(kinds ...any) *story {
	s.t.Helper()
	var facts []*threadv1.Fact
	for _, k := range kinds {
		facts = append(facts, thread.Of(k))
	}
	return s.does(facts, nil)
}

// does commits what a command gave.
func (s *story) does(facts []*threadv1.Fact, err error) *story {
	s.t.Helper()
	if err != nil {
		s.t.Fatalf("at %v: %v", s.now, err)
	}
	c, err := thread.Extend(s.state, uint64(len(s.commits)), s.now, "test/1", facts...)
	if err != nil {
		s.t.Fatalf("at %v: %v", s.now, err)
	}
	s.commits, s.state = append(s.commits, c), c.GetState()
	return s
}

func (s *story) id() string { return s.state.GetConversation().GetId() }

func (s *story) says() *threadv1.MessageReceived {
	return &threadv1.MessageReceived{Mid: fmt.Sprint("m", len(s.commits)), Text: "x", SentMs: s.now.UnixMilli()}
}

// opens has the customer begin a conversation, which comes into a queue at once.
func (s *story) opens(queue string) *story {
	return s.is(s.says(), s.opened(), &threadv1.ConversationRouted{Queue: queue, Rule: "r"})
}

func (s *story) opened() *threadv1.ConversationOpened {
	return &threadv1.ConversationOpened{Id: fmt.Sprint("c", len(s.commits))}
}

func (s *story) offers(agent string) *story {
	s.fence++
	return s.is(&threadv1.OfferMade{Agent: agent, Fence: s.fence, UntilMs: s.now.Add(time.Minute).UnixMilli()})
}

func (s *story) accepts(agent string) *story {
	return s.does(thread.AcceptOffer(s.state, s.id(), agent, s.fence))
}

func (s *story) rejects(agent string) *story {
	return s.does(thread.RejectOffer(s.state, s.id(), agent, s.fence, ""))
}

func (s *story) lapses() *story {
	return s.does(thread.EndOffer(s.state, s.id(), s.fence, threadv1.OfferOutcome_OFFER_OUTCOME_TIMED_OUT))
}

func (s *story) writes(agent string) *story {
	n := fmt.Sprint("send", len(s.commits))
	return s.does(thread.RequestSend(s.state, s.now, s.id(), agent, n, n, "hello"))
}

func (s *story) ends(agent string) *story {
	return s.does(thread.End(s.state, s.id(), agent, false, s.now))
}

func (s *story) closes(agent string) *story { return s.does(thread.Close(s.state, s.id(), agent)) }

func (s *story) forced() *story { return s.does(thread.ForceClose(s.state, s.id(), "elena", "")) }

// always is a queue without hours.
func always(_ string, from, to time.Time) time.Duration { return to.Sub(from) }

// all wants every queue, with these thresholds.
func all(of figures.Thresholds) func(string) (figures.Thresholds, bool) {
	return func(string) (figures.Thresholds, bool) { return of, true }
}

// hour is what figures make of a log, an hour after it began.
func hour(log []*threadv1.Commit, of figures.Thresholds, open figures.Open) *deskv1.Figures {
	var w figures.Window
	now := noon.Add(59 * time.Minute)
	for _, c := range log {
		w.Add(now, c, open)
	}
	return w.Hour(now, all(of))
}

// TestDefinitions holds each figure to what L129 says it is.
func TestDefinitions(t *testing.T) {
	type figure = func(*deskv1.Figures) any
	var (
		speed    figure = func(f *deskv1.Figures) any { return times(f.GetSpeed()) }
		level    figure = func(f *deskv1.Figures) any { return f.ServiceLevel }
		left     figure = func(f *deskv1.Figures) any { return []int32{f.GetAbandoned(), f.GetShortAbandoned()} }
		rate     figure = func(f *deskv1.Figures) any { return f.AbandonRate }
		first    figure = func(f *deskv1.Figures) any { return times(f.GetFirstResponse()) }
		response figure = func(f *deskv1.Figures) any { return times(f.GetResponse()) }
		handle   figure = func(f *deskv1.Figures) any { return times(f.GetHandle()) }
		wrapUp   figure = func(f *deskv1.Figures) any { return times(f.GetWrapUp()) }
		talk     figure = func(f *deskv1.Figures) any { return times(f.GetConversation()) }
		effort   figure = func(f *deskv1.Figures) any { return times(f.GetEffort()) }
		offers   figure = func(f *deskv1.Figures) any {
			return []int32{f.GetOffered(), f.GetAccepted(), f.GetRejected(), f.GetMissed()}
		}
		sessions figure = func(f *deskv1.Figures) any {
			return []int32{f.GetIncoming(), f.GetEntered(), f.GetEngaged(), f.GetSessions(), f.GetTransferred()}
		}
		messages figure = func(f *deskv1.Figures) any { return f.GetMessages() }
	)
	half := func(_ string, from, to time.Time) time.Duration { return to.Sub(from) / 2 }
	asked := &threadv1.SurveyAsked{Lowest: 1, Highest: 5, Queue: "front", UntilMs: noon.Add(time.Hour).UnixMilli(), Way: threadv1.SurveyWay_SURVEY_WAY_CONVERSATION}
	for _, c := range []struct {
		name  string
		story func(s *story)
		of    figures.Thresholds
		open  figures.Open
		read  figure
		want  any
	}{
		{"an incoming conversation is the customer's, engaged when an agent accepts it", func(s *story) { s.opens("a").offers("mila").after(5).accepts("mila") },
			figures.Thresholds{}, always, sessions, []int32{1, 1, 1, 1, 0}},
		{"transfers are sessions, and not engaged again", func(s *story) {
			s.opens("a").offers("mila").accepts("mila").after(9).
				does(thread.Handover{Conversation: s.id(), By: "mila"}.ToQueue(s.state, "b")).after(9).offers("orlin").accepts("orlin")
		}, figures.Thresholds{}, always, sessions, []int32{1, 2, 1, 2, 1}},
		{"who comes back has no new session", func(s *story) {
			s.opens("a").offers("mila").accepts("mila").is(&threadv1.ConversationParked{Agent: "mila"}).after(1).does(thread.Resume(s.state, s.id(), "mila"))
		}, figures.Thresholds{}, always, sessions, []int32{1, 1, 1, 1, 0}},
		{"one that was set aside comes into its queue again", func(s *story) {
			s.opens("a").offers("mila").accepts("mila").is(&threadv1.ConversationParked{Agent: "mila"}).after(1).is(s.says(), &threadv1.ConversationRevived{}).
				after(1).offers("orlin").accepts("orlin")
		}, figures.Thresholds{}, always, sessions, []int32{1, 2, 1, 2, 0}},
		{"speed to answer is from the request to the first accept", func(s *story) {
			s.opens("a").offers("mila").after(10).rejects("mila").offers("orlin").after(20).accepts("orlin")
		}, figures.Thresholds{}, always, speed, []int64{1, 30_000, 30, 30}},
		{"speed to answer is from the bot's escalation", func(s *story) {
			opened := s.opened()
			opened.Bot = true
			s.is(s.says(), opened).after(100).is(&threadv1.BotEscalated{Reason: threadv1.BotReason_BOT_REASON_ASKED}, &threadv1.ConversationRouted{Queue: "a", Rule: "r"}).
				after(7).offers("mila").accepts("mila")
		}, figures.Thresholds{}, always, speed, []int64{1, 7_000, 7, 7}},
		{"service level: in time to the second", func(s *story) { s.opens("a").offers("mila").after(60).accepts("mila") },
			figures.Thresholds{}, always, level, new(int32(100))},
		{"service level: late by a moment", func(s *story) { s.opens("a").offers("mila").after(60.001).accepts("mila") },
			figures.Thresholds{}, always, level, new(int32(0))},
		{"service level: by the threshold of the queue", func(s *story) { s.opens("a").offers("mila").after(60.001).accepts("mila") },
			figures.Thresholds{ServiceLevel: 61}, always, level, new(int32(100))},
		{"service level: whoever gave up had nobody in time", func(s *story) { s.opens("a").after(30).forced() },
			figures.Thresholds{}, always, level, new(int32(0))},
		{"service level: of nothing there is none", func(s *story) { s.opens("a").after(3).forced() },
			figures.Thresholds{ShortAbandon: 5}, always, level, (*int32)(nil)},
		{"abandoned: it ended before an agent had it", func(s *story) { s.opens("a").after(30).forced() },
			figures.Thresholds{}, always, left, []int32{1, 0}},
		{"abandoned: by overflow", func(s *story) {
			s.opens("a").after(30).is(&threadv1.ConversationClosed{Cause: threadv1.Cause_CAUSE_OVERFLOWED})
		}, figures.Thresholds{}, always, left, []int32{1, 0}},
		{"abandoned: not within the short threshold", func(s *story) { s.opens("a").after(5).forced() },
			figures.Thresholds{ShortAbandon: 5}, always, left, []int32{0, 1}},
		{"abandoned: not what went back to its queue", func(s *story) {
			s.opens("a").offers("mila").accepts("mila").after(2).does(thread.Release(s.state, s.id(), "mila", threadv1.Cause_CAUSE_RELEASED)).after(30).forced()
		}, figures.Thresholds{}, always, left, []int32{0, 0}},
		{"abandoned: not what its bot ended", func(s *story) {
			opened := s.opened()
			opened.Bot = true
			s.is(s.says(), opened).after(100).is(&threadv1.ConversationClosed{Cause: threadv1.Cause_CAUSE_BOT_ENDED})
		}, figures.Thresholds{}, always, left, []int32{0, 0}},
		{"abandon rate: of those whose wait ended", func(s *story) {
			s.opens("a").offers("mila").after(1).accepts("mila").ends("mila").closes("mila").after(1).opens("a").after(9).forced()
		}, figures.Thresholds{}, always, rate, new(int32(50))},
		{"first response: from the request to the agent's first message", func(s *story) {
			s.opens("a").offers("mila").after(10).accepts("mila").after(5).writes("mila").after(90).writes("mila")
		}, figures.Thresholds{}, always, first, []int64{1, 15_000, 15, 15}},
		{"first response: by the hours of the queue", func(s *story) {
			s.opens("a").offers("mila").after(10).accepts("mila").after(5).writes("mila")
		}, figures.Thresholds{}, half, first, []int64{1, 7_500, 8, 8}},
		{"response: of each message that nobody had answered, since the first", func(s *story) {
			s.opens("a").offers("mila").accepts("mila").after(10).writes("mila").after(5).writes("mila").
				after(100).is(s.says()).after(20).is(s.says()).after(10).writes("mila")
		}, figures.Thresholds{}, always, response, []int64{2, 20_000, 10, 30}},
		{"handle time: active and wrap-up, over all agents, not the wait between", func(s *story) {
			s.opens("a").after(7).offers("mila").accepts("mila").after(20).does(thread.Release(s.state, s.id(), "mila", threadv1.Cause_CAUSE_RELEASED)).
				after(500).offers("orlin").accepts("orlin").after(30).ends("orlin").after(10).closes("orlin")
		}, figures.Thresholds{}, always, handle, []int64{1, 60_000, 60, 60}},
		{"wrap-up time: from its beginning to the close", func(s *story) {
			s.opens("a").offers("mila").accepts("mila").after(30).ends("mila").after(10).closes("mila")
		}, figures.Thresholds{}, always, wrapUp, []int64{1, 10_000, 10, 10}},
		{"conversation time: from the request to the end of wrap-up", func(s *story) {
			s.opens("a").after(5).offers("mila").accepts("mila").after(30).ends("mila").after(10).closes("mila")
		}, figures.Thresholds{}, always, talk, []int64{1, 45_000, 45, 45}},
		{"customer effort time: to the beginning of wrap-up", func(s *story) {
			s.opens("a").after(5).offers("mila").accepts("mila").after(30).ends("mila").after(10).closes("mila")
		}, figures.Thresholds{}, always, effort, []int64{1, 35_000, 35, 35}},
		{"rejections and time-outs are a share of what was offered", func(s *story) {
			s.opens("a").offers("mila").rejects("mila").after(1).offers("orlin").after(60).lapses().offers("sonya").accepts("sonya")
		}, figures.Thresholds{}, always, offers, []int32{3, 1, 1, 1}},
		{"messages are the customer's, to us and now", func(s *story) {
			s.opens("a").is(s.says()).is(&threadv1.PostbackReceived{Mid: "p", Title: "x", SentMs: s.now.UnixMilli()}).
				is(&threadv1.MessageReceived{Mid: "s", Text: "to another app", Standby: true, SentMs: s.now.UnixMilli()})
		}, figures.Thresholds{}, always, messages, int32(3)},
		{"a thread in which no conversation has opened has nothing but messages", func(s *story) {
			s.is(&threadv1.ReferralReceived{SentMs: s.now.UnixMilli()}).is(s.says())
		}, figures.Thresholds{}, always, messages, int32(1)},
		{"satisfaction is the mean between the lowest and the highest rating", func(s *story) {
			s.opens("front").offers("mila").accepts("mila").ends("mila").closes("mila")
			asked.Conversation = s.id()
			s.is(asked).is(&threadv1.SurveyRated{Conversation: s.id(), Rating: 4})
		}, figures.Thresholds{}, always, func(f *deskv1.Figures) any { return f.Satisfaction }, new(int32(75))},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := tell(t, "1")
			c.story(s)
			if d := cmp.Diff(c.want, c.read(hour(s.commits, c.of, c.open))); d != "" {
				t.Error(d)
			}
		})
	}
}

func times(x *deskv1.Times) []int64 {
	return []int64{int64(x.GetCount()), x.GetMeanMs(), int64(x.GetP50()), int64(x.GetP90())}
}

// TestEachQueueByItsOwn has two queues with different thresholds, and one that is
// not wanted.
func TestEachQueueByItsOwn(t *testing.T) {
	var w figures.Window
	now := noon.Add(time.Minute)
	for n, queue := range []string{"quick", "slow", "other"} {
		s := tell(t, fmt.Sprint(n))
		s.opens(queue).offers("mila").after(30).accepts("mila")
		for _, c := range s.commits {
			w.Add(now, c, always)
		}
	}
	f := w.Hour(now, func(queue string) (figures.Thresholds, bool) {
		return map[string]figures.Thresholds{"quick": {ServiceLevel: 20}, "slow": {ServiceLevel: 40}}[queue], queue != "other"
	})
	if f.GetEngaged() != 2 || f.GetServiceLevel() != 50 || f.GetServiceLevelSeconds() != 0 {
		t.Errorf("%v", f)
	}
	if a := w.Agents(now)["mila"]; a.Taken != 3 {
		t.Errorf("she has %v", a)
	}
}

// TestMinutes come and go: each commit is in its own, and an hour later it is gone.
func TestMinutes(t *testing.T) {
	var w figures.Window
	s := tell(t, "1").opens("a").after(3 * 60).is(&threadv1.MessageReceived{Mid: "x", SentMs: 1}).after(57 * 60).is(&threadv1.MessageReceived{Mid: "y", SentMs: 2})
	for n, want := range map[time.Duration][2]int32{
		0: {1, 1}, 3 * time.Minute: {2, 1}, 59 * time.Minute: {2, 0}, 60 * time.Minute: {2, 1}, 61 * time.Minute: {2, 0}, 63 * time.Minute: {1, 0}, 3 * time.Hour: {0, 0},
	} {
		w = figures.Window{}
		now := noon.Add(n)
		for _, c := range s.commits {
			if c.GetAtMs() <= now.UnixMilli() {
				w.Add(time.UnixMilli(c.GetAtMs()), c, always)
			}
		}
		minutes := w.Each(now, all(figures.Thresholds{}))
		if got := [2]int32{w.Hour(now, all(figures.Thresholds{})).GetMessages(), minutes[figures.Minutes-1].GetMessages()}; got != want || len(minutes) != figures.Minutes {
			t.Errorf("after %v there are %v messages, in the last minute too; want %v", n, got, want)
		}
	}
}

// TestClocksThatAreWrong make no figures of another hour, and take none away.
func TestClocksThatAreWrong(t *testing.T) {
	var w figures.Window
	s := tell(t, "1").opens("a")
	w.Add(noon, s.commits[0], always)
	ahead := tell(t, "2")
	ahead.after(64*60 + 5).opens("a")
	w.Add(noon, ahead.commits[0], always)
	soon := tell(t, "3")
	soon.after(61).opens("a")
	w.Add(noon, soon.commits[0], always)
	if f := w.Hour(noon, all(figures.Thresholds{})); f.GetIncoming() != 2 {
		t.Errorf("%v", f)
	}
	w.Add(noon.Add(64*time.Minute), ahead.commits[0], always)
	w.Add(noon, s.commits[0], always) // the clock was put back
	if f := w.Hour(noon.Add(64*time.Minute), all(figures.Thresholds{})); f.GetIncoming() != 1 {
		t.Errorf("after it was put back: %v", f)
	}
}
