package say_test

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/parley-desk/parley/pkg/rules"
	"github.com/parley-desk/parley/pkg/thread"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
	"github.com/parley-desk/parley/services/engagement/internal/say"
)

// A place in the queue is told only when it comes nearer, and not too often.
func TestPlaces(t *testing.T) {
	pace := say.Pace{After: 15 * time.Second, Gap: time.Minute}
	w := house(threadv1.Trigger_TRIGGER_POSITION_IN_QUEUE, threadv1.Trigger_TRIGGER_NEXT_IN_LINE)
	l := begun(t, routed("front"))
	for _, c := range []struct {
		after    time.Duration
		queue    string
		position int32
		says     string
	}{
		{14 * time.Second, "front", 5, ""}, // the queue may be quick
		{15 * time.Second, "front", 0, ""}, // it does not wait
		{15 * time.Second, "back", 5, ""},  // of a queue it has left
		{15 * time.Second, "front", 5, "You are number 5 in line."},
		{16 * time.Second, "front", 4, ""}, // too soon
		{75 * time.Second, "front", 5, ""},
		{75 * time.Second, "front", 6, ""},
		{75 * time.Second, "front", 3, "You are number 3 in line."},
		{136 * time.Second, "front", 1, "You are next in line."},
		{600 * time.Second, "front", 1, ""},
	} {
		in := world(w, noon.Add(c.after))
		facts, _ := say.Place(l.state, say.Spot{Queue: c.queue, Position: c.position, Wait: -1}, in, pace)
		said := ""
		for _, f := range facts {
			said = words(f)
			l.now = in.Now
			l.commit(f)
		}
		if said != c.says {
			t.Errorf("after %s at %d: %q, want %q", c.after, c.position, said, c.says)
		}
	}
	for name, l := range map[string]*talk{
		"out of hours":     begun(t, routed("night")),
		"taken":            begun(t, routed("front"), by("mila", picked)),
		"offered":          begun(t, routed("front"), &threadv1.OfferMade{Agent: "mila", Fence: 1}),
		"not routed":       begun(t),
		"messages are off": begun(t, routed("front")),
	} {
		w := w
		if name == "messages are off" {
			w = house()
		}
		if say.Wants(l.state, world(w, noon.Add(time.Hour)), pace) {
			t.Errorf("%s: a place is wanted", name)
		}
	}
}

// A text may name the wait; while nobody can say, Parley's own is said.
func TestPlacesWithTheirWait(t *testing.T) {
	pace := say.Pace{After: 15 * time.Second, Gap: time.Minute}
	w := house(threadv1.Trigger_TRIGGER_POSITION_IN_QUEUE, threadv1.Trigger_TRIGGER_NEXT_IN_LINE)
	w.Messages["position_in_queue"].Texts = map[string]string{"en": "Number {Position}, about {WaitMinutes} min."}
	for wait, want := range map[time.Duration]string{
		-time.Second: "You are number 2 in line.", 0: "Number 2, about 1 min.", time.Second: "Number 2, about 1 min.",
		time.Minute: "Number 2, about 1 min.", 61 * time.Second: "Number 2, about 2 min.",
	} {
		l := begun(t, routed("front"))
		facts, _ := say.Place(l.state, say.Spot{Queue: "front", Position: 2, Wait: wait}, world(w, noon.Add(time.Minute)), pace)
		if len(facts) != 1 || words(facts[0]) != want {
			t.Errorf("with a wait of %v: %v, want %q", wait, facts, want)
		}
	}
}

// Whatever places distribution tells, the customer is told ever nearer ones, at
// least a gap apart.
func TestPlacesOnlyFall(t *testing.T) {
	pace := say.Pace{After: 10 * time.Second, Gap: time.Minute}
	w := rules.New(house(threadv1.Trigger_TRIGGER_POSITION_IN_QUEUE, threadv1.Trigger_TRIGGER_NEXT_IN_LINE))
	rapid.Check(t, func(t *rapid.T) {
		l := begun(t, routed("front"))
		last, told := int32(100), noon.Add(-time.Hour)
		for range rapid.IntRange(1, 30).Draw(t, "looks") {
			l.now = l.now.Add(time.Duration(rapid.IntRange(1, 50).Draw(t, "pause")) * time.Second)
			position := rapid.Int32Range(1, 20).Draw(t, "position")
			facts, _ := say.Place(l.state, say.Spot{Queue: "front", Position: position, Wait: -1}, say.World{Rules: w, Now: l.now}, pace)
			if len(facts) == 0 {
				continue
			}
			if position >= last || l.now.Sub(told) < pace.Gap {
				t.Fatalf("told %d after %d, %s later", position, last, l.now.Sub(told))
			}
			last, told = position, l.now
			l.commit(facts[0])
		}
	})
}

// Any commits, answered in order by two at any pace: each message once, and its
// id is its own.
func TestNothingIsSaidTwice(t *testing.T) {
	var all []threadv1.Trigger
	for n := range threadv1.Trigger_name {
		if n != 0 {
			all = append(all, threadv1.Trigger(n))
		}
	}
	w := house(all...)
	rapid.Check(t, func(t *rapid.T) {
		l := begun(t)
		at := [2]int{}
		ids := map[string]bool{}
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			who := rapid.IntRange(0, 2).Draw(t, "who")
			if who == 2 {
				l.anything(rapid.IntRange(0, 8).Draw(t, "what"))
				continue
			}
			if rapid.IntRange(0, 9).Draw(t, "dies") == 0 {
				at[who] = rapid.IntRange(0, at[who]).Draw(t, "checkpoint")
			}
			if at[who] == len(l.log) {
				continue
			}
			at[who]++
			facts, _ := say.Answer(l.state, uint64(at[who]), l.log[at[who]-1], world(w, l.now))
			for _, f := range facts {
				r := f.GetSendRequested()
				if ids[r.GetId()] {
					t.Fatalf("%s was said before: %q", r.GetAutomated().GetTrigger(), r.GetParts())
				}
				ids[r.GetId()] = true
			}
			if len(facts) > 0 {
				l.commit(anySlice(facts)...) // whatever is said can be committed
			}
		}
	})
}

// anything has something happen that the thread's phase allows.
func (l *talk) anything(n int) {
	c := l.state.GetConversation()
	switch next := []any{&threadv1.ConversationClosed{Cause: threadv1.Cause_CAUSE_FORCED}, routed("front"), routed("nobody")}; {
	case !thread.Live(c):
		l.commit(&threadv1.ConversationOpened{Id: fmt.Sprint("c", len(l.log)), Workstream: "facebook"})
	case c.GetPhase() == threadv1.Phase_PHASE_OPEN && n < len(next):
		l.commit(next[n])
	case c.GetPhase() == threadv1.Phase_PHASE_OPEN && n == 3:
		l.commit(by("mila", picked))
	case c.GetPhase() == threadv1.Phase_PHASE_ACTIVE && n == 4:
		l.commit(&threadv1.ConversationReleased{Cause: threadv1.Cause_CAUSE_DISCONNECTED})
	case c.GetPhase() == threadv1.Phase_PHASE_ACTIVE && n == 5:
		l.commit(&threadv1.ConversationEnded{Agent: c.GetAgent()})
	case c.GetPhase() == threadv1.Phase_PHASE_ACTIVE && n == 6:
		l.commit(by("orlin", threadv1.Cause_CAUSE_TRANSFERRED))
	default:
		l.commit(&threadv1.MessageReceived{Mid: fmt.Sprint("m", len(l.log)), Text: "?", SentMs: noon.UnixMilli()})
	}
}
