package thread_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	"github.com/parley-desk/parley/pkg/thread"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
)

// ward is a log whose conversation began with a bot.
func ward(t interface{ Fatalf(string, ...any) }, kinds ...any) *log {
	l := &log{state: thread.New("1", "2")}
	l.commit(t, &threadv1.MessageReceived{Mid: "m0", Text: "hi", SentMs: 1_000}, &threadv1.ConversationOpened{Id: "c", Units: 1, OfferSeconds: 60, Bot: true})
	for _, k := range kinds {
		l.commit(t, k)
	}
	return l
}

// commit commits facts, none of which the thread may refuse.
func (l *log) commit(t interface{ Fatalf(string, ...any) }, kinds ...any) {
	var facts []*threadv1.Fact
	for _, k := range kinds {
		facts = append(facts, thread.Of(k))
	}
	before := l.revision()
	if l.append(time.UnixMilli(2_000+int64(before)), facts...); l.revision() == before {
		t.Fatalf("%v is refused in %v", facts, l.state)
	}
}

func wrote(n int) *threadv1.MessageReceived {
	return &threadv1.MessageReceived{Mid: fmt.Sprint("m", n), Text: "more", SentMs: 1_000 + int64(n)}
}

// reply is an answer of so many messages.
func answerOf(ask uint64, messages int) thread.BotAnswer {
	a := thread.BotAnswer{Conversation: "c", Ask: ask}
	for i := range messages {
		a.Messages = append(a.Messages, &threadv1.SendRequested{Id: fmt.Sprint("b", ask, ".", i), Parts: []string{"text"}, Bot: &threadv1.BotReply{UntilMs: 9_000}})
	}
	return a
}

func names(facts []*threadv1.Fact) []string {
	var all []string
	for _, f := range facts {
		all = append(all, kind(f))
	}
	return all
}

// TestAnswers is what becomes of a bot's answer, by what happened before it came.
func TestAnswers(t *testing.T) {
	asked := &threadv1.BotEscalated{Reason: threadv1.BotReason_BOT_REASON_ASKED, Summary: "wants a refund"}
	late := &threadv1.BotEscalated{Reason: threadv1.BotReason_BOT_REASON_LATE}
	assigned := &threadv1.AgentAssigned{Agent: "mila", Cause: threadv1.Cause_CAUSE_ASSIGNED, By: "boss"}
	for _, c := range []struct {
		name   string
		before []any
		answer thread.BotAnswer
		want   []string
	}{
		{"two messages", nil, answerOf(0, 2), []string{"bot_answered", "send_requested", "send_requested"}},
		{"nothing to say", nil, answerOf(0, 0), []string{"bot_answered"}},
		{"variables", nil, thread.BotAnswer{Conversation: "c", Variables: map[string]string{"topic": "orders"}}, []string{"bot_answered", "variables_set"}},
		{"it asks for an agent", nil, thread.BotAnswer{Conversation: "c", Variables: map[string]string{"topic": "orders"}, Messages: answerOf(0, 1).Messages, Escalated: asked},
			[]string{"bot_answered", "variables_set", "send_requested", "bot_escalated"}},
		{"it ends", nil, thread.BotAnswer{Conversation: "c", Messages: answerOf(0, 1).Messages, Ends: true}, []string{"bot_answered", "send_requested", "conversation_closed"}},
		{"the same again", []any{&threadv1.BotAnswered{Ask: 0}}, answerOf(0, 1), nil},
		{"to the second before the first", []any{wrote(1)}, answerOf(1, 1), nil},
		{"of another conversation", nil, thread.BotAnswer{Conversation: "other"}, nil},
		{"after it was escalated", []any{late}, answerOf(0, 1), []string{"bot_dropped"}},
		{"after a supervisor gave it to an agent", []any{assigned}, answerOf(0, 1), []string{"bot_dropped"}},
		{"after a supervisor gave it to a queue", []any{&threadv1.ConversationRouted{Queue: "front"}}, answerOf(0, 1), []string{"bot_dropped"}},
		{"after it was closed", []any{&threadv1.ConversationClosed{Cause: threadv1.Cause_CAUSE_FORCED}}, answerOf(0, 1), []string{"bot_dropped"}},
		{"dropped twice", []any{late, &threadv1.BotDropped{Ask: 0}}, answerOf(0, 1), nil},
		{"another app has the thread", []any{&threadv1.ControlMoved{How: "take", ToApp: "9", SentMs: 3_000}}, answerOf(0, 1), []string{"bot_answered", "bot_escalated"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := ward(t, c.before...)
			facts := thread.AnswerBot(l.state, time.UnixMilli(5_000), c.answer)
			if got := names(facts); !slices.Equal(got, c.want) {
				t.Fatalf("%v, want %v", got, c.want)
			}
			if len(facts) == 0 {
				return
			}
			before := l.revision()
			if l.append(time.UnixMilli(5_000), facts...); l.revision() == before {
				t.Fatalf("%v is refused", facts)
			}
			if again := thread.AnswerBot(l.state, time.UnixMilli(5_001), c.answer); len(again) > 0 {
				t.Errorf("it happens twice: %v", again)
			}
		})
	}
}

// TestABotsMessageIsNoPersons: it never is human, so no tag carries it, and past
// the window nothing of it is asked for at all.
func TestABotsMessageIsNoPersons(t *testing.T) {
	l := ward(t)
	a := answerOf(0, 1)
	a.Messages[0].Human = true
	if facts := thread.AnswerBot(l.state, time.UnixMilli(5_000), a); facts[1].GetSendRequested().GetHuman() {
		t.Error("a bot's message counts as a person's")
	}
	l.commit(t, &threadv1.BotAnswered{Ask: 0})
	if err := thread.Apply(proto.CloneOf(l.state), l.revision(), time.UnixMilli(5_000), thread.Of(&threadv1.SendRequested{Id: "b", Parts: []string{"a"}, Human: true, Bot: &threadv1.BotReply{}})); err == nil {
		t.Error("the thread takes a bot's message that a person would have written")
	}
	l = ward(t)
	day := time.UnixMilli(1_000).Add(25 * time.Hour)
	facts := thread.AnswerBot(l.state, day, answerOf(0, 1))
	if got := names(facts); !slices.Equal(got, []string{"bot_answered", "bot_escalated"}) || facts[1].GetBotEscalated().GetReason() != threadv1.BotReason_BOT_REASON_UNSENDABLE {
		t.Errorf("a day later: %v", facts)
	}
}

// TestAPersonIsWaitedForAfterABot: a bot's answer is one, and who is escalated waits for a
// person from then on.
func TestAPersonIsWaitedForAfterABot(t *testing.T) {
	l := ward(t, &threadv1.BotAnswered{Ask: 0})
	l.commit(t, &threadv1.SendRequested{Id: "b", Parts: []string{"hello"}, Bot: &threadv1.BotReply{}})
	if side, _ := thread.SilenceOf(l.state); side != threadv1.Side_SIDE_AGENT || l.state.GetUnanswered() != 1 {
		t.Errorf("after an answer of the bot %v is silent, %d unanswered", side, l.state.GetUnanswered())
	}
	l.commit(t, &threadv1.BotEscalated{Reason: threadv1.BotReason_BOT_REASON_ASKED})
	if side, since := thread.SilenceOf(l.state); side != threadv1.Side_SIDE_CUSTOMER || since != l.commits[len(l.commits)-1].GetAtMs() {
		t.Errorf("after the escalation %v since %d", side, since)
	}
}

// TestFlood: what a bot owes is bounded, however much the customer writes.
func TestFlood(t *testing.T) {
	l := ward(t)
	for n := range 100 {
		l.commit(t, wrote(n+1))
	}
	if !thread.BotFlooded(l.state.GetConversation()) || len(l.state.GetConversation().GetBot().GetAsks()) != 32 {
		t.Errorf("%d asks", len(l.state.GetConversation().GetBot().GetAsks()))
	}
}

// TestBotModel: customers write, processes that know nothing of each other bring
// answers, some twice and some late, timers escalate and supervisors take over, in
// any order. Whatever happens: what the customer said is answered at most once and
// in order; each message of an answer is sent off once; nothing of a bot's is sent
// off once somebody else has the conversation; what was dropped is noted once; and
// while the bot owes something there is always a way out.
func TestBotModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := ward(t)
		asks, answered, sent, dropped := []uint64{0}, []uint64{}, map[string]int{}, map[uint64]int{}
		gone := false
		for n := range rapid.IntRange(1, 40).Draw(t, "steps") {
			now, before := time.UnixMilli(3_000+int64(n)), l.state
			var facts []*threadv1.Fact
			switch rapid.IntRange(0, 9).Draw(t, "step") {
			case 0, 1, 2:
				if !gone && len(before.GetConversation().GetBot().GetAsks()) < 32 {
					asks = append(asks, l.revision())
				}
				facts = []*threadv1.Fact{thread.Of(wrote(n + 1))}
			case 3, 4, 5, 6:
				ask := rapid.SampledFrom(asks).Draw(t, "ask")
				a := answerOf(ask, rapid.IntRange(0, 3).Draw(t, "messages"))
				if rapid.IntRange(0, 5).Draw(t, "escalates") == 0 {
					a.Escalated = &threadv1.BotEscalated{Reason: threadv1.BotReason_BOT_REASON_ASKED}
				}
				facts = thread.AnswerBot(before, now, a)
			case 7: // a message of an answer that comes alone
				facts = []*threadv1.Fact{thread.Of(&threadv1.SendRequested{Id: fmt.Sprint("x", n), Parts: []string{"a"},
					Bot: &threadv1.BotReply{Answers: rapid.SampledFrom(asks).Draw(t, "ask"), Index: rapid.Int32Range(0, 3).Draw(t, "index")}})}
			case 8:
				if ask, _, owes := thread.BotOwes(before.GetConversation()); owes && rapid.IntRange(0, 3).Draw(t, "late") == 0 {
					facts = thread.EscalateBot(before, "c", ask, &threadv1.BotEscalated{Reason: threadv1.BotReason_BOT_REASON_LATE})
				}
			case 9:
				if rapid.IntRange(0, 3).Draw(t, "taken") == 0 {
					facts = []*threadv1.Fact{thread.Of(&threadv1.ConversationRouted{Queue: "front"})}
				}
			}
			at := l.revision()
			if l.append(now, facts...); l.revision() == at {
				continue
			}
			for _, f := range facts {
				switch k := f.GetKind().(type) {
				case *threadv1.Fact_BotAnswered:
					answered = append(answered, k.BotAnswered.GetAsk())
				case *threadv1.Fact_SendRequested:
					if gone || k.SendRequested.GetHuman() {
						t.Fatalf("sent off when the bot has it no more: %v", f)
					}
					r := k.SendRequested.GetBot()
					sent[fmt.Sprint(r.GetAnswers(), ".", r.GetIndex())]++
				case *threadv1.Fact_BotDropped:
					dropped[k.BotDropped.GetAsk()]++
				}
			}
			gone = !thread.BotHas(l.state.GetConversation())
			if ask, _, owes := thread.BotOwes(l.state.GetConversation()); owes {
				why := &threadv1.BotEscalated{Reason: threadv1.BotReason_BOT_REASON_LATE}
				if out := thread.EscalateBot(l.state, "c", ask, why); len(out) != 1 || thread.Apply(proto.CloneOf(l.state), l.revision(), now, out[0]) != nil {
					t.Fatalf("there is no way out of %v", l.state)
				}
			}
		}
		if !slices.IsSorted(answered) || len(slices.Compact(slices.Clone(answered))) != len(answered) {
			t.Fatalf("answered %v", answered)
		}
		for what, times := range sent {
			if times > 1 {
				t.Fatalf("message %s was sent off %d times", what, times)
			}
		}
		for ask, times := range dropped {
			if times > 1 || slices.Contains(answered, ask) {
				t.Fatalf("the answer to %d was dropped %d times, answered: %v", ask, times, answered)
			}
		}
	})
}
