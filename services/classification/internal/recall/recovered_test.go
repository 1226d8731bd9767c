package recall_test

import (
	"cmp"
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/parley-desk/parley/pkg/bus"
	"github.com/parley-desk/parley/pkg/graph"
	"github.com/parley-desk/parley/pkg/thread"
	inboundv1 "github.com/parley-desk/parley/proto/gen/parley/inbound/v1"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
	"github.com/parley-desk/parley/proto/subject"
	"github.com/parley-desk/parley/services/classification/internal/intake"
	"github.com/parley-desk/parley/services/classification/internal/meta"
	"github.com/parley-desk/parley/services/classification/internal/recall"
)

// shelf is a thread with its log, into which events are filed as the service
// does it.
type shelf struct {
	log
	state *threadv1.State
}

func (s *shelf) commit(t *rapid.T, at int64, facts ...*threadv1.Fact) {
	for _, f := range facts {
		if err := thread.Apply(s.state, s.revision(), time.UnixMilli(at), f); err != nil {
			t.Fatalf("the thread refuses %v: %v", f, err)
		}
	}
	s.records = append(s.records, bus.Record{Revision: s.revision() + 1, Stored: time.UnixMilli(at), Commit: &threadv1.Commit{Facts: facts}})
}

func (s *shelf) file(t *rapid.T, in intake.Input) []*threadv1.Fact {
	d := intake.Decide(s.state, in)
	if d.Doubt {
		past, err := recall.Search(t.Context(), &s.log, subject.Thread{}, s.revision(), d.Facts[0], d.Since)
		if err != nil {
			t.Fatal(err)
		}
		in.Past = past
		d = intake.Decide(s.state, in)
	}
	if len(d.Facts) > 0 {
		s.commit(t, in.Event.GetReceivedMs(), d.Facts...)
	}
	return d.Facts
}

// said is one message of a thread at Meta.
type said struct {
	mid, text, kind string // kind: message, button, inbox, answered, uncertain
	sent            int64
}

func (m said) byPage() bool { return m.kind != "message" && m.kind != "button" }

// webhook is how its webhook says it.
func (m said) webhook(at int64) intake.Input {
	parties, what := `"sender":{"id":"70"},"recipient":{"id":"10"}`, fmt.Sprintf(`"message":{"mid":%q,"text":%q}`, m.mid, m.text)
	switch {
	case m.kind == "button":
		what = fmt.Sprintf(`"postback":{"mid":%q,"title":%q}`, m.mid, m.text)
	case m.byPage():
		parties, what = `"sender":{"id":"10"},"recipient":{"id":"70"}`, fmt.Sprintf(`"message":{"mid":%q,"text":%q,"is_echo":true}`, m.mid, m.text)
	}
	in := incoming(fmt.Sprintf(`{%s,"timestamp":%d,%s}`, parties, m.sent, what), inboundv1.Lane_LANE_MESSAGING, at)
	if m.kind == "answered" || m.kind == "uncertain" {
		in.Own = &graph.Metadata{Intent: m.mid, Attempt: 1}
	}
	return in
}

// recovered is how the Conversations API shows it.
func (m said) recovered(at int64) intake.Input {
	from, to := "70", "10"
	if m.byPage() {
		from, to = to, from
	}
	return incoming(fmt.Sprintf(`{"id":%q,"created_time":%q,"from":{"id":%q},"to":{"data":[{"id":%q}]},"message":%q}`,
		m.mid, time.UnixMilli(m.sent).UTC().Format(graph.TimeLayout), from, to, m.text), inboundv1.Lane_LANE_RECOVERED, at)
}

func incoming(raw string, lane inboundv1.Lane, at int64) intake.Input {
	return intake.Input{
		Event:    &inboundv1.Event{Page: "10", Psid: "70", Lane: lane, Raw: []byte(raw), ReceivedMs: at},
		Item:     meta.Parse([]byte(raw), lane),
		Sequence: 1, Opening: &threadv1.ConversationOpened{Id: fmt.Sprint("c", at), Units: 1},
	}
}

// step is something that happens to the thread at a time of our clock.
type step struct {
	at  int64
	of  int // index of the message
	in  intake.Input
	own []*threadv1.Fact // or facts of ours
}

// interleaving draws a conversation of a few hours and what comes of it here:
// every message by its webhook, or recovered, or both, or several times, soon
// or late, in whatever order that makes.
func interleaving(t *rapid.T) (all []said, steps []step) {
	sent := start.UnixMilli()
	for i := range rapid.IntRange(1, 170).Draw(t, "messages") {
		sent += rapid.SampledFrom([]int64{0, 1, 400, 999, 1000, 60_000}).Draw(t, "later")
		m := said{mid: fmt.Sprint("m_", i), text: fmt.Sprint("text ", i), sent: sent,
			kind: rapid.SampledFrom([]string{"message", "message", "button", "inbox", "answered", "uncertain"}).Draw(t, "kind")}
		all = append(all, m)
		if m.kind == "answered" || m.kind == "uncertain" {
			own := []*threadv1.Fact{thread.Of(&threadv1.SendRequested{Id: m.mid, Agent: "mila", Parts: []string{m.text}}), thread.Of(&threadv1.SendAttempted{Id: m.mid, Attempt: 1})}
			outcome := []*threadv1.Fact{thread.Of(&threadv1.SendSucceeded{Id: m.mid, Mid: m.mid, Proof: "answer"})}
			if m.kind == "uncertain" {
				outcome = []*threadv1.Fact{thread.Of(&threadv1.SendUncertain{Id: m.mid}), thread.Of(&threadv1.SendUnconfirmed{Id: m.mid})}
			}
			steps = append(steps, step{at: sent, of: i, own: append(own, outcome...)})
		}
		hooks, reads := rapid.IntRange(0, 2).Draw(t, "webhooks"), rapid.IntRange(0, 2).Draw(t, "readings")
		if hooks+reads == 0 {
			reads = 1
		}
		for n := range hooks + reads {
			at := sent + rapid.SampledFrom([]int64{1, 300, 5000, 600_000, 7_200_000}).Draw(t, "on the way")
			s := step{at: at, of: i, in: m.webhook(at)}
			if n >= hooks {
				s.in = m.recovered(at)
			}
			steps = append(steps, s)
		}
	}
	slices.SortStableFunc(steps, func(a, b step) int { return cmp.Compare(a.at, b.at) })
	return all, steps
}

// Whatever comes first, and however often: every message is in the thread once,
// a reply of ours never as somebody else's, and the window is the customer's.
func TestWebhooksAndRecoveredMessagesInAnyOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := &shelf{state: thread.New("10", "70")}
		s.commit(t, start.UnixMilli()-1, thread.Of(&threadv1.ConversationOpened{Id: "c0", Units: 1}), thread.Of(&threadv1.AgentAssigned{Agent: "mila", Cause: threadv1.Cause_CAUSE_PICKED}))
		all, steps := interleaving(t)
		for _, step := range steps {
			if step.own != nil {
				s.commit(t, step.at, step.own...)
				continue
			}
			s.file(t, step.in)
		}
		count := map[string]int{}
		for _, r := range s.records {
			for _, f := range r.Commit.GetFacts() {
				switch {
				case f.GetMessageReceived() != nil:
					count[f.GetMessageReceived().GetMid()]++
				case f.GetPostbackReceived() != nil:
					count[f.GetPostbackReceived().GetMid()]++
				case f.GetExternalMessageSent() != nil:
					count[f.GetExternalMessageSent().GetMid()]++
				case f.GetSendEchoed().GetTwice():
					t.Fatalf("taken for a second delivery: %v", f)
				}
			}
		}
		var newest int64
		for _, m := range all {
			want := 1
			if m.kind == "answered" || m.kind == "uncertain" {
				want = 0
			}
			if count[m.mid] != want {
				t.Fatalf("%s %s is there %d times, want %d", m.kind, m.mid, count[m.mid], want)
			}
			if !m.byPage() {
				newest = max(newest, m.sent)
			}
		}
		if w := s.state.GetWindowMs(); w > newest || w < newest-newest%1000 {
			t.Fatalf("the window opened at %d, the customer spoke last at %d", w, newest)
		}
		for _, step := range steps {
			if facts := s.fileAgain(t, step); len(facts) > 0 {
				t.Fatalf("%s again led to %v", all[step.of].mid, facts)
			}
		}
	})
}

func (s *shelf) fileAgain(t *rapid.T, again step) []*threadv1.Fact {
	if again.own != nil {
		return nil
	}
	return s.file(t, again.in)
}

// What was missed in an outage and is read afterwards, oldest first, stands in
// its order, opens the window at its own time, and is no replay however old.
func TestMissedMessagesInTheirOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := &shelf{state: thread.New("10", "70")}
		back := start.Add(time.Duration(rapid.IntRange(0, 120).Draw(t, "hours")) * time.Hour).UnixMilli()
		sent := start.UnixMilli()
		n := rapid.IntRange(1, 20).Draw(t, "messages")
		for i := range n {
			sent += rapid.Int64Range(0, 3000).Draw(t, "later")
			facts := s.file(t, said{mid: fmt.Sprint("m_", i), text: "a", kind: "message", sent: sent}.recovered(back+sent-start.UnixMilli()))
			if len(facts) == 0 || facts[0].GetLate() || facts[0].GetStale() || !facts[0].GetRecovered() {
				t.Fatalf("message %d led to %v", i, facts)
			}
			if opened := len(facts) > 1; opened != (i == 0) {
				t.Fatalf("message %d opened a conversation: %v", i, opened)
			}
		}
		if w := s.state.GetWindowMs(); w != sent-sent%1000 {
			t.Fatalf("the window is %d, want the second of %d", w, sent)
		}
		if int(s.state.GetUnanswered()) != n {
			t.Fatalf("%d are unanswered of %d", s.state.GetUnanswered(), n)
		}
	})
}
