package thread_test

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"
	"pgregory.net/rapid"

	"github.com/parley-desk/parley/pkg/thread"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
)

const (
	open    = threadv1.Phase_PHASE_OPEN
	active  = threadv1.Phase_PHASE_ACTIVE
	waiting = threadv1.Phase_PHASE_WAITING
	wrapUp  = threadv1.Phase_PHASE_WRAP_UP
	closed  = threadv1.Phase_PHASE_CLOSED
)

// anyFact draws a fact that may or may not fit: the state has to decide.
func anyFact(t *rapid.T, n int) *threadv1.Fact {
	agent := rapid.SampledFrom([]string{"mila", "orlin"}).Draw(t, "agent")
	beside := rapid.SampledFrom([]string{"mila", "orlin", "sonya", "a", "b", "c", "d"}).Draw(t, "beside")
	fence := rapid.Int64Range(1, 8).Draw(t, "fence")
	send := rapid.SampledFrom([]string{"s1", "s2", "s3"}).Draw(t, "send")
	part := rapid.Int32Range(0, 1).Draw(t, "part")
	at := rapid.Int64Range(1, 1000).Draw(t, "at")
	causes := append(slices.Sorted(maps.Keys(threadv1.Cause_name)), 99) // the last is none
	by := threadv1.Cause(rapid.SampledFrom(causes).Draw(t, "cause"))
	kinds := []any{
		&threadv1.MessageReceived{Mid: fmt.Sprint("m", n), Text: "hello", SentMs: at},
		&threadv1.MessageReceived{Mid: fmt.Sprint("m", n), SentMs: at, Standby: true},
		&threadv1.PostbackReceived{Title: "Start", SentMs: at},
		&threadv1.ReactionChanged{Mid: "m1", Emoji: "❤", SentMs: at},
		&threadv1.ReferralReceived{Referral: &threadv1.Referral{Source: "SHORTLINK"}, SentMs: at},
		&threadv1.EventKept{Kind: "pass_thread_control", Standby: true},
		&threadv1.ControlMoved{How: "pass", ToApp: "263902037430900", SentMs: at},
		&threadv1.ControlMoved{How: "take", ToApp: "42", Ours: true, SentMs: at},
		&threadv1.ExternalMessageSent{Mid: fmt.Sprint("y", n), AppId: "263902037430900", SentMs: at, Standby: true},
		&threadv1.DeliveryReported{WatermarkMs: at},
		&threadv1.ReadReported{WatermarkMs: at},
		&threadv1.ExternalMessageSent{Mid: fmt.Sprint("x", n), Text: "from the inbox", SentMs: at},
		&threadv1.CustomerProfiled{Name: "Ана"},
		&threadv1.ConversationOpened{Id: fmt.Sprint("c", n), Units: 1, OfferSeconds: 60},
		&threadv1.ConversationOpened{Id: fmt.Sprint("c", n), Units: 1, Bot: true},
		&threadv1.BotAnswered{Ask: uint64(n % 5)},
		&threadv1.BotDropped{Ask: uint64(n % 5)},
		&threadv1.BotEscalated{Reason: threadv1.BotReason(part) + 1},
		&threadv1.SendRequested{Id: send, Parts: []string{"a"}, Bot: &threadv1.BotReply{Answers: uint64(n % 5), Index: part}},
		&threadv1.ConversationRouted{Queue: "front"},
		&threadv1.OfferMade{Agent: agent, Fence: fence, UntilMs: at},
		&threadv1.OfferEnded{Fence: fence, Outcome: threadv1.OfferOutcome_OFFER_OUTCOME_TIMED_OUT},
		&threadv1.AgentAssigned{Agent: agent, Fence: fence, Cause: threadv1.Cause_CAUSE_ACCEPTED},
		&threadv1.AgentAssigned{Agent: agent, Cause: by},
		&threadv1.ConversationReleased{Cause: by},
		&threadv1.ConversationParked{Agent: agent},
		&threadv1.ConversationRevived{},
		&threadv1.ConversationEnded{Agent: agent, Blocks: true, DueMs: at},
		&threadv1.ConversationClosed{Cause: threadv1.Cause_CAUSE_WRAPPED_UP, By: agent},
		&threadv1.ConversationClosed{Cause: by, By: agent},
		&threadv1.SendRequested{Id: send, ClientId: fmt.Sprint("cl", n), Agent: agent, Parts: []string{"a", "b"}, Human: true},
		&threadv1.SendRequested{Id: send, ClientId: fmt.Sprint("cl", n), Agent: agent, Parts: []string{"a.png", "b"}, Files: []*threadv1.SentFile{{Object: "o", Kind: "image"}}},
		&threadv1.SendAttempted{Id: send, Part: part, Attempt: rapid.Int32Range(1, 3).Draw(t, "attempt"), DeadlineMs: at},
		&threadv1.SendSucceeded{Id: send, Part: part, Mid: fmt.Sprint("o", n), Proof: "answer", SentMs: at},
		&threadv1.SendEchoed{Id: send, Part: part, Mid: fmt.Sprint("o", n), SentMs: at},
		&threadv1.SendRefused{Id: send, Part: part, Reason: "X"},
		&threadv1.SendDeferred{Id: send, Part: part, RetryMs: at},
		&threadv1.SendUncertain{Id: send, Part: part},
		&threadv1.SendUnconfirmed{Id: send, Part: part},
		&threadv1.SendAbandoned{Id: send, Agent: agent},
		&threadv1.NoteAdded{Id: fmt.Sprint("n", n), Agent: agent, Text: "note", ClientId: fmt.Sprint("cl", n)},
		&threadv1.ConversationReleased{Cause: by, By: agent, Prefer: beside, PreferUntilMs: at, ClientId: fmt.Sprint("cl", n)},
		&threadv1.ConsultAsked{Id: "q" + beside, Agent: beside, By: agent, ClientId: fmt.Sprint("cl", n)},
		&threadv1.ConsultAnswered{Id: "q" + beside, Agent: beside, Accepted: part == 0},
		&threadv1.ConsultOpened{Id: "q" + beside, Agent: beside, By: agent},
		&threadv1.ConsultEnded{Id: "q" + beside, Agent: beside, By: agent},
		&threadv1.MonitoringBegan{Agent: beside},
		&threadv1.SupervisorJoined{Agent: beside},
		&threadv1.SupervisorLeft{Agent: beside, Joined: part == 0},
		&threadv1.SendRequested{Id: send, Parts: []string{"are you there?"}},
		&threadv1.TimeOutReached{Rule: "nudge", Silent: threadv1.Side(1 + part), Minutes: int32(fence), ToldMinutes: int32(fence)},
		&threadv1.SendRequested{Id: send, Parts: []string{"a"}, Automated: anyAutomated(t, n)},
		&threadv1.AgentTold{Text: "gone", Automated: anyAutomated(t, n)},
		&threadv1.ConsentGiven{Notice: "n1", Agreed: part == 0},
		&threadv1.ContactLinked{Contact: "p" + beside, Source: threadv1.LinkSource(part) + 1, By: agent, ClientId: fmt.Sprint("cl", n)},
		&threadv1.ContactUnlinked{Contact: "p" + beside, By: agent, ClientId: fmt.Sprint("cl", n)},
		&threadv1.VariablesSet{Agent: agent, Variables: map[string]string{beside: fmt.Sprint(part)}, ClientId: fmt.Sprint("cl", n)},
		&threadv1.SkillsChanged{By: agent, Needed: []*threadv1.Need{{Skill: beside, Value: int32(1 + part)}}, Dropped: []string{agent}, ClientId: fmt.Sprint("cl", n)},
		&threadv1.LabelsChanged{By: agent, Added: anyLabels(t, "added"), Removed: anyLabels(t, "removed"), ClientId: fmt.Sprint("cl", n)},
		asked(fmt.Sprint("c", n-1), threadv1.SurveyWay(part)+1, part == 0),
		&threadv1.SurveyRated{Conversation: fmt.Sprint("c", n-2), Rating: int32(fence), Page: part == 0},
		&threadv1.SurveyCommentChosen{Conversation: fmt.Sprint("c", n-3), Writes: part == 0},
		&threadv1.SurveyCommented{Conversation: fmt.Sprint("c", n-4), Comment: "fine"},
		&threadv1.MessageReceived{Mid: fmt.Sprint("v", n), QuickReply: "parley:survey:c:1", SentMs: at, Survey: true},
		&threadv1.QuestionsBegan{Variables: []string{"order", "tier"}[:1+part], UntilMs: at},
		&threadv1.QuestionAsked{Variable: []string{"order", "tier"}[part]},
		&threadv1.QuestionAnswered{Variable: []string{"order", "tier"}[part], Result: threadv1.QuestionResult(fence % 5), Value: beside},
		&threadv1.QuestionsEnded{TimedOut: part == 0},
		&threadv1.DispositionsChosen{Agent: agent, Dispositions: []*threadv1.Disposition{{Code: beside, Name: "X"}}},
	}
	f := thread.Of(rapid.SampledFrom(kinds).Draw(t, "kind"))
	if known(f) {
		f.EventKey = fmt.Sprint("k", rapid.IntRange(0, n).Draw(t, "key")) // sometimes one that was there before
	}
	return f
}

// known tells whether f is of a kind that intake gives a key. Facts of our own
// have none, nor have marks, which only rise.
func known(f *threadv1.Fact) bool {
	switch f.GetKind().(type) {
	case *threadv1.Fact_MessageReceived, *threadv1.Fact_PostbackReceived, *threadv1.Fact_ReactionChanged, *threadv1.Fact_ReferralReceived,
		*threadv1.Fact_ExternalMessageSent, *threadv1.Fact_EventKept, *threadv1.Fact_SendEchoed:
		return true
	}
	return false
}

// checkState holds what must be true of every reachable state.
func checkState(t *rapid.T, before, s *threadv1.State) {
	c := s.GetConversation()
	if c.GetOffer() != nil && c.Phase != open {
		t.Fatalf("an offer is out in %v", c.Phase)
	}
	if (c.GetPhase() == active || c.GetPhase() == wrapUp) && c.Agent == "" {
		t.Fatalf("%v has no agent", c.Phase)
	}
	if c.GetQuestions() != nil && (c.Phase != open || c.Queue != "") {
		t.Fatalf("answers are waited for in %v, queue %q", c.Phase, c.Queue)
	}
	if c.GetPrefer() != "" && c.Phase != open {
		t.Fatalf("%s is waited for in %v", c.Prefer, c.Phase)
	}
	checkParticipants(t, c)
	checkLabels(t, c)
	if s.Fence < before.Fence {
		t.Fatalf("the fence fell from %d to %d", before.Fence, s.Fence)
	}
	if s.WindowMs < before.WindowMs || s.ReadMs < before.ReadMs || s.DeliveredMs < before.DeliveredMs {
		t.Fatal("a mark of time went back")
	}
	if s.DeliveredMs < s.ReadMs {
		t.Fatal("read but not delivered")
	}
	busy := 0
	for _, one := range s.GetSends() {
		if st := one.GetStatus(); st == threadv1.SendStatus_SEND_STATUS_ATTEMPTED || st == threadv1.SendStatus_SEND_STATUS_UNCERTAIN {
			busy++
		}
		if one.GetPart() >= one.GetParts() {
			t.Fatalf("send stands at part %d of %d", one.GetPart(), one.GetParts())
		}
	}
	for _, one := range s.GetSends() {
		if one.GetStatus() == threadv1.SendStatus_SEND_STATUS_UNCONFIRMED && (!thread.Live(c) || c.Id != one.GetConversation()) {
			t.Fatal("a send of a conversation that is over waits for a decision")
		}
	}
	if busy > 1 {
		t.Fatalf("%d sends of one thread are on the way at once", busy)
	}
}

func TestExtendLeavesItsInputAlone(t *testing.T) {
	s := thread.New("1", "2")
	commit, err := thread.Extend(s, 0, time.UnixMilli(5), "test/1",
		thread.Of(&threadv1.MessageReceived{Mid: "m", Text: "hi\nthere", SentMs: 4}),
		thread.Of(&threadv1.ConversationOpened{Id: "c"}))
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(thread.New("1", "2"), s, protocmp.Transform()); d != "" {
		t.Fatalf("input changed:\n%s", d)
	}
	if got := commit.GetState(); got.GetPreview() != "hi" || got.GetConversation().GetPhase() != open || got.GetWindowMs() != 4 {
		t.Fatalf("state after: %v", got)
	}
	if _, err := thread.Extend(s, 0, time.UnixMilli(5), "test/1"); !errors.Is(err, thread.ErrNoFacts) {
		t.Fatalf("a commit without facts: %v", err)
	}
}

// TestOpenedKeepsTheTerms has a conversation stand by what its workstream said
// when it opened, and count in a profile once however often it is named.
func TestOpenedKeepsTheTerms(t *testing.T) {
	terms := &threadv1.Terms{Pickable: true, AffinitySeconds: -1, Matching: threadv1.Matching_MATCHING_CLOSEST}
	fact := &threadv1.ConversationOpened{Id: "c", Terms: terms, CapacityProfiles: []string{"chat"}}
	s := after(t, thread.New("1", "2"), fact, &threadv1.ConversationClassified{CapacityProfiles: []string{"vip", "chat"}})
	if d := cmp.Diff(terms, s.GetConversation().GetTerms(), protocmp.Transform()); d != "" {
		t.Errorf("terms:\n%s", d)
	}
	if d := cmp.Diff([]string{"chat", "vip"}, s.GetConversation().GetCapacityProfiles()); d != "" {
		t.Errorf("profiles:\n%s", d)
	}
	if len(fact.CapacityProfiles) != 1 || s.GetConversation().GetTerms() == terms {
		t.Error("the state shares what belongs to the fact")
	}
}

// talk is a thread in the phase, held by mila.
func talk(t *testing.T, phase threadv1.Phase) *threadv1.State {
	t.Helper()
	s := thread.New("1", "2")
	steps := []any{
		&threadv1.MessageReceived{Mid: "m", Text: "hi", SentMs: 1000},
		&threadv1.ConversationOpened{Id: "c", Units: 1},
		&threadv1.ConversationRouted{Queue: "front"},
		&threadv1.OfferMade{Agent: "mila", Fence: 7, UntilMs: 9000},
	}
	switch phase {
	case active:
		steps = append(steps, &threadv1.AgentAssigned{Agent: "mila", Fence: 7, Cause: threadv1.Cause_CAUSE_ACCEPTED})
	case waiting:
		return after(t, talk(t, active), &threadv1.ConversationParked{Agent: "mila"})
	case wrapUp:
		return after(t, talk(t, active), &threadv1.ConversationEnded{Agent: "mila"})
	case closed:
		return after(t, talk(t, wrapUp), &threadv1.ConversationClosed{Cause: threadv1.Cause_CAUSE_WRAPPED_UP, By: "mila"})
	case open, threadv1.Phase_PHASE_UNSPECIFIED:
	}
	return after(t, s, steps...)
}

func after(t *testing.T, s *threadv1.State, kinds ...any) *threadv1.State {
	t.Helper()
	for _, k := range kinds {
		if err := thread.Apply(s, 1, time.UnixMilli(2000), thread.Of(k)); err != nil {
			t.Fatalf("%T: %v", k, err)
		}
	}
	return s
}

func TestCommandsAreAllowedWhereThePageSaysSo(t *testing.T) {
	at := time.UnixMilli(3000)
	commands := map[string]func(*threadv1.State, string) ([]*threadv1.Fact, error){
		"accept": func(s *threadv1.State, a string) ([]*threadv1.Fact, error) { return thread.AcceptOffer(s, "c", a, 7) },
		"reject": func(s *threadv1.State, a string) ([]*threadv1.Fact, error) {
			return thread.RejectOffer(s, "c", a, 7, "")
		},
		"send": func(s *threadv1.State, a string) ([]*threadv1.Fact, error) {
			return thread.RequestSend(s, at, "c", a, "i", "cl", "hello")
		},
		"note": func(s *threadv1.State, a string) ([]*threadv1.Fact, error) {
			return thread.AddNote(s, "c", a, "n", "cl", "x")
		},
		"end": func(s *threadv1.State, a string) ([]*threadv1.Fact, error) {
			return thread.End(s, "c", a, true, time.Time{})
		},
		"close":  func(s *threadv1.State, a string) ([]*threadv1.Fact, error) { return thread.Close(s, "c", a) },
		"park":   func(s *threadv1.State, a string) ([]*threadv1.Fact, error) { return thread.Park(s, "c", a) },
		"resume": func(s *threadv1.State, a string) ([]*threadv1.Fact, error) { return thread.Resume(s, "c", a) },
		"release": func(s *threadv1.State, a string) ([]*threadv1.Fact, error) {
			return thread.Release(s, "c", a, threadv1.Cause_CAUSE_RELEASED)
		},
	}
	for _, phase := range []threadv1.Phase{open, active, waiting, wrapUp, closed} {
		for _, agent := range []string{"mila", "orlin"} {
			for name, command := range commands {
				t.Run(fmt.Sprintf("%s by %s in %v", name, agent, phase), func(t *testing.T) {
					s := talk(t, phase)
					allowed := slices.Contains(thread.Allowed(s, agent), name)
					facts, err := command(s, agent)
					if happens := err == nil && len(facts) > 0; happens != allowed {
						t.Fatalf("allowed %t, but it gave %d facts and %v", allowed, len(facts), err)
					}
					if !allowed {
						return
					}
					if _, err := thread.Extend(s, 1, at, "test/1", facts...); err != nil {
						t.Fatalf("the facts do not apply: %v", err)
					}
				})
			}
		}
	}
}

func TestARepeatedCommandChangesNothing(t *testing.T) {
	at := time.UnixMilli(3000)
	s := talk(t, active)
	first, err := thread.RequestSend(s, at, "c", "mila", "i1", "cl", "hello")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range first {
		if err := thread.Apply(s, 1, at, f); err != nil {
			t.Fatal(err)
		}
	}
	again, err := thread.RequestSend(s, at, "c", "mila", "i2", "cl", "hello")
	if err != nil || len(again) != 0 {
		t.Fatalf("the second press gave %d facts and %v", len(again), err)
	}
	if !thread.Done(s, "cl") {
		t.Fatal("the command is not known as done")
	}
}

func TestALateProofHealsASendThatWasNotConfirmed(t *testing.T) {
	s := after(t, talk(t, active),
		&threadv1.SendRequested{Id: "i", Agent: "mila", Parts: []string{"a"}},
		&threadv1.SendAttempted{Id: "i", Attempt: 1, DeadlineMs: 4000},
		&threadv1.SendUncertain{Id: "i"},
		&threadv1.SendUnconfirmed{Id: "i"})
	if thread.NextSend(s) != nil {
		t.Fatal("a send left to the agent holds up the next")
	}
	s = after(t, s, &threadv1.SendSucceeded{Id: "i", Mid: "o1", Proof: "echo"})
	if len(s.GetSends()) != 0 {
		t.Fatalf("still open: %v", s.GetSends())
	}
	if !thread.Seen(s, thread.EchoKey("o1")) {
		t.Fatal("the echo of the message would be taken for a stranger's")
	}
}

// S33, S34: the tag counts as it was set when the conversation opened, or was opened
// again; that it is switched on meanwhile changes nothing. S32: what the customer
// writes opens the 24 hours anew in any case.
func TestTheTagIsThatOfTheOpening(t *testing.T) {
	const day = 24 * time.Hour
	aside := &threadv1.ConversationParked{Agent: "mila"}
	again := func(tag *bool) *threadv1.AgentAssigned {
		return &threadv1.AgentAssigned{Agent: "mila", Cause: threadv1.Cause_CAUSE_RESUMED, MessageTag: tag}
	}
	writes := func(tag *bool) []any {
		return []any{aside, &threadv1.MessageReceived{Mid: "m2", SentMs: 1000}, &threadv1.ConversationRevived{MessageTag: tag}}
	}
	for _, c := range []struct {
		name   string
		opened bool
		then   []any
		want   thread.WindowKind // on the second day
	}{
		{"on", true, nil, thread.HumanAgent},
		{"off", false, nil, thread.Closed},
		{"off, and switched on meanwhile", false, []any{&threadv1.NoteAdded{Id: "n", Agent: "mila", Text: "x"}}, thread.Closed},
		{"set aside", false, []any{aside}, thread.Closed},
		{"set aside and opened again, on now", false, []any{aside, again(new(true))}, thread.HumanAgent},
		{"set aside and opened again, off now", true, []any{aside, again(new(false))}, thread.Closed},
		{"set aside and opened again, and nobody knows", true, []any{aside, again(nil)}, thread.HumanAgent},
		{"handed over", true, []any{&threadv1.AgentAssigned{Agent: "orlin", Cause: threadv1.Cause_CAUSE_TRANSFERRED}}, thread.HumanAgent},
		{"the customer opens it again, on now", false, writes(new(true)), thread.HumanAgent},
		{"the customer opens it again, off now", true, writes(new(false)), thread.Closed},
		{"the customer opens it again, and nobody knows", true, writes(nil), thread.HumanAgent},
	} {
		s := after(t, thread.New("1", "2"), &threadv1.MessageReceived{Mid: "m", SentMs: 1000}, &threadv1.ConversationOpened{Id: "c", MessageTag: c.opened},
			&threadv1.ConversationRouted{Queue: "front"}, &threadv1.AgentAssigned{Agent: "mila", Cause: threadv1.Cause_CAUSE_PICKED})
		s = after(t, s, c.then...)
		wrote := time.UnixMilli(1000)
		if got := thread.WindowAt(s, wrote.Add(day+time.Second)).Kind; got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
		if got := thread.WindowAt(s, wrote.Add(7*day+time.Second)).Kind; got != thread.Closed {
			t.Errorf("%s: %v after seven days", c.name, got)
		}
		s = after(t, s, &threadv1.MessageReceived{Mid: "m3", SentMs: wrote.Add(8 * day).UnixMilli()})
		if got := thread.WindowAt(s, wrote.Add(8*day+time.Second)).Kind; got != thread.Response {
			t.Errorf("%s: %v after the customer wrote again", c.name, got)
		}
	}
}

// S31, S32, S34, L10.
func TestWindowEdges(t *testing.T) {
	base := time.UnixMilli(1_700_000_000_000)
	for _, c := range []struct {
		name  string
		tag   bool
		after time.Duration
		want  thread.WindowKind
	}{
		{"at once", false, 0, thread.Response},
		{"a minute and a second before 24 h", false, 24*time.Hour - 61*time.Second, thread.Response},
		{"a minute before 24 h", false, 24*time.Hour - 60*time.Second, thread.Closed},
		{"a minute before 24 h with the tag", true, 24*time.Hour - 60*time.Second, thread.HumanAgent},
		{"inside the margin of 24 h", false, 24*time.Hour - 59*time.Second, thread.Closed},
		{"inside the margin of 24 h with the tag", true, 24*time.Hour - 59*time.Second, thread.HumanAgent},
		{"before 7 days with the tag", true, 7*24*time.Hour - 61*time.Second, thread.HumanAgent},
		{"a minute before 7 days with the tag", true, 7*24*time.Hour - 60*time.Second, thread.Closed},
		{"before 7 days without the tag", false, 7*24*time.Hour - 61*time.Second, thread.Closed},
		{"after 7 days with the tag", true, 7*24*time.Hour + time.Second, thread.Closed},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := &threadv1.State{WindowMs: base.UnixMilli(), Conversation: &threadv1.Conversation{MessageTag: c.tag}}
			if got := thread.WindowAt(s, base.Add(c.after)); got.Kind != c.want {
				t.Fatalf("got %v, want %v", got.Kind, c.want)
			}
		})
	}
	if thread.WindowAt(&threadv1.State{}, base).Kind != thread.Closed {
		t.Fatal("a window without a customer's word")
	}
}

func TestSplitKeepsEveryWordInOrderAndWithinTheLimit(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		word := rapid.StringOfN(rapid.RuneFrom([]rune("абвabc👍🏽👨‍👩‍👧é")), 1, 400, -1)
		text := strings.Join(rapid.SliceOfN(word, 0, 60).Draw(t, "words"), " ")
		parts := thread.Split(text)
		for i, p := range parts {
			if n := len(utf16.Encode([]rune(p))); n > 1900 || n == 0 {
				t.Fatalf("part %d has %d units", i, n)
			}
		}
		squeeze := func(s string) string { return strings.Join(strings.Fields(s), "") }
		if squeeze(strings.Join(parts, "")) != squeeze(text) {
			t.Fatal("something was lost or moved")
		}
	})
}

func FuzzSplitTakesAnything(f *testing.F) {
	f.Add("hello")
	f.Add(strings.Repeat("e\u0301", 3000))
	f.Add(strings.Repeat("\u0301", 5000))
	f.Add("\xff\xfe" + strings.Repeat("x", 4000))
	f.Fuzz(func(t *testing.T, text string) {
		for _, p := range thread.Split(text) {
			if n := len(utf16.Encode([]rune(p))); n > 1900 {
				t.Fatalf("a part has %d units", n)
			}
		}
	})
}

// TestWhatIsNotWaitedForIsOnePart: an agent who does not wait for proof of a part
// has said nothing of the next: when that is in doubt, those behind it wait again.
func TestWhatIsNotWaitedForIsOnePart(t *testing.T) {
	s := after(t, talk(t, active),
		&threadv1.SendRequested{Id: "a", Agent: "mila", Parts: []string{"one", "and more"}, Human: true},
		&threadv1.SendRequested{Id: "b", Agent: "mila", Parts: []string{"two"}, Human: true},
		&threadv1.SendAttempted{Id: "a", Attempt: 1}, &threadv1.SendUncertain{Id: "a"})
	next := func(want string) {
		t.Helper()
		if got := thread.NextSend(s).GetId(); got != want {
			t.Errorf("next is %q, want %q", got, want)
		}
	}
	next("a")
	s = after(t, s, &threadv1.SendAbandoned{Id: "a", Agent: "mila"})
	next("b")
	s = after(t, s, &threadv1.SendSucceeded{Id: "a", Mid: "m1", Proof: "echo"},
		&threadv1.SendAttempted{Id: "a", Part: 1, Attempt: 1}, &threadv1.SendUncertain{Id: "a", Part: 1})
	next("a")
}
