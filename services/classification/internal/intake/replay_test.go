package intake_test

import (
	"cmp"
	"fmt"
	"slices"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"
	"pgregory.net/rapid"

	"github.com/parley-desk/parley/pkg/graph"
	"github.com/parley-desk/parley/pkg/thread"
	inboundv1 "github.com/parley-desk/parley/proto/gen/parley/inbound/v1"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
	"github.com/parley-desk/parley/services/classification/internal/intake"
	"github.com/parley-desk/parley/services/classification/internal/meta"
)

const minutes = int64(60_000)

// arrival is one delivery of an event of Meta's, at a time of our clock.
type arrival struct {
	at    int64
	event int
	in    intake.Input
}

// shelf is a thread and its log, with recall as the service does it.
type shelf struct {
	state  *threadv1.State
	facts  []*threadv1.Fact
	stored []int64
}

func (l *shelf) file(t *rapid.T, a arrival) []*threadv1.Fact {
	a.in.Event.ReceivedMs = a.at
	d := intake.Decide(l.state, a.in)
	if d.Doubt {
		a.in.Past = &intake.Past{}
		for i, f := range l.facts {
			if !d.Since.IsZero() && l.stored[i] < d.Since.UnixMilli() {
				continue
			}
			own, echo := f.GetSendSucceeded(), d.Facts[0].GetSendEchoed()
			a.in.Past.Had = a.in.Past.Had || f.GetEventKey() != "" && f.GetEventKey() == d.Facts[0].GetEventKey() ||
				own.GetProof() == thread.ProofEcho && own.GetMid() == echo.GetMid()
			a.in.Past.Proved = a.in.Past.Proved || own.GetId() == echo.GetId() && own.GetMid() != echo.GetMid()
		}
		if d = intake.Decide(l.state, a.in); d.Doubt {
			t.Fatal("doubted again")
		}
	}
	for _, f := range d.Facts {
		l.apply(t, a.at, f)
	}
	return d.Facts
}

func (l *shelf) apply(t *rapid.T, at int64, f *threadv1.Fact) {
	if err := thread.Apply(l.state, 1, time.UnixMilli(at), f); err != nil {
		t.Fatalf("the thread refuses %s: %v", kinds([]*threadv1.Fact{f}), err)
	}
	l.facts, l.stored = append(l.facts, f), append(l.stored, at)
}

// sends makes three replies: one that was answered, one that is not confirmed,
// one that was given up.
func (l *shelf) sends(t *rapid.T) {
	for _, kind := range []any{
		&threadv1.ConversationOpened{Id: "c0", Units: 1},
		&threadv1.AgentAssigned{Agent: "mila", Cause: threadv1.Cause_CAUSE_PICKED},
		&threadv1.SendRequested{Id: "s0", Agent: "mila", Parts: []string{"a"}}, &threadv1.SendAttempted{Id: "s0", Attempt: 1},
		&threadv1.SendSucceeded{Id: "s0", Mid: "own0", Proof: "answer"},
		&threadv1.SendRequested{Id: "s1", Agent: "mila", Parts: []string{"b"}}, &threadv1.SendAttempted{Id: "s1", Attempt: 1},
		&threadv1.SendUncertain{Id: "s1"}, &threadv1.SendUnconfirmed{Id: "s1"},
		&threadv1.SendRequested{Id: "s2", Agent: "mila", Parts: []string{"c"}}, &threadv1.SendAttempted{Id: "s2", Attempt: 1},
		&threadv1.SendUncertain{Id: "s2"}, &threadv1.SendUnconfirmed{Id: "s2"}, &threadv1.SendAbandoned{Id: "s2", Agent: "mila"},
	} {
		l.apply(t, noon-50*hours, thread.Of(kind))
	}
}

// anyEvent is the n-th event of Meta's, all of them different. marks tells that
// it is a mark of time, of which only the highest counts.
func anyEvent(t *rapid.T, n int, sent int64) (in intake.Input, marks bool) {
	stamp := fmt.Sprintf(`"timestamp":%d,`, sent)
	lane := inboundv1.Lane_LANE_MESSAGING
	kind := rapid.IntRange(0, 14).Draw(t, "event")
	member := [...]string{
		`"message":{"mid":"m%d","text":"a"}`,
		`"message":{"text":"without an id %d"}`,
		`"message_edit":{"mid":"m%d","num_edit":1,"text":"b"}`,
		`"message":{"mid":"m%d","is_deleted":true}`,
		`"reaction":{"mid":"m%d","action":"react","emoji":"❤"}`,
		`"reaction":{"mid":"m%d","action":"unreact"}`,
		`"postback":{"mid":"m%d","title":"Start"}`,
		`"postback":{"title":"Start %d"}`,
		`"referral":{"ref":"r%d","source":"SHORTLINK"}`,
		`"optin":{"ref":"o%d"}`,
		`"message":{"mid":"x%d","is_echo":true,"text":"from the inbox"}`,
		`"message":{"mid":"m%d","text":"in standby"}`,
		`"pass_thread_control":{"metadata":"%d"}`,
		`"read":{"watermark":%d}`,
		`"delivery":{"watermark":%d,"mids":["own0"]}`,
	}[kind]
	switch kind {
	case 1, 7, 8, 9:
		if rapid.IntRange(0, 4).Draw(t, "without a time") == 0 {
			stamp = ""
		}
	case 11:
		lane = inboundv1.Lane_LANE_STANDBY
	case 13, 14:
		member, marks = fmt.Sprintf(member, sent), true
	}
	if !marks {
		member = fmt.Sprintf(member, n)
	}
	i := input(`{"sender":{"id":"70"},"recipient":{"id":"10"},` + stamp + member + `}`)
	i.Event.Lane, i.Item = lane, meta.Parse(i.Event.GetRaw(), lane)
	i.Opening = &threadv1.ConversationOpened{Id: fmt.Sprint("c", n), Units: 1}
	return i, marks
}

// arrivals draws events of a day, each of which comes once or several times, up
// to a day and a half late, in whatever order that makes. Our clock is up to
// five minutes off, and some events name a time that cannot be.
func arrivals(t *rapid.T) (list []arrival, marks map[int]bool) {
	marks = map[int]bool{}
	ahead := rapid.Int64Range(-5*minutes, 5*minutes).Draw(t, "our clock is ahead")
	way := rapid.Custom(func(t *rapid.T) int64 {
		return rapid.SampledFrom([]int64{0, 1, 300, 5000, 10 * minutes, 36 * hours}).Draw(t, "way")
	})
	for n := range rapid.IntRange(1, 180).Draw(t, "events") {
		sent := noon + rapid.Int64Range(-hours, hours).Draw(t, "sent")
		said := sent
		if rapid.IntRange(0, 9).Draw(t, "wrong") == 0 {
			said += rapid.SampledFrom([]int64{-60 * hours, 90 * hours}).Draw(t, "by")
		}
		in, mark := anyEvent(t, n, said)
		marks[n] = mark
		for range rapid.IntRange(1, 3).Draw(t, "times") {
			list = append(list, arrival{sent + ahead + way.Draw(t, "on the way"), n, in})
		}
	}
	for i, own := range []struct{ send, mid string }{{"s0", "own0"}, {"s0", "own0 again"}, {"s1", "own1"}, {"s2", "own2"}} {
		in := echo(own.mid, &graph.Metadata{Intent: own.send, Attempt: 1})
		for range rapid.IntRange(0, 3).Draw(t, "echoes") {
			list = append(list, arrival{noon + ahead + way.Draw(t, "on the way"), 1000 + i, in})
		}
	}
	slices.SortStableFunc(list, func(a, b arrival) int { return cmp.Compare(a.at, b.at) })
	return list, marks
}

// However often and in whatever order Meta sends its events, each is filed
// once, and sending any of them again at the end changes nothing.
func TestReplayedEventsChangeNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := &shelf{state: thread.New(page, psid)}
		l.sends(t)
		list, marks := arrivals(t)
		filed := map[int]int{}
		for _, a := range list {
			if len(l.file(t, a)) > 0 {
				filed[a.event]++
			}
		}
		for _, a := range list {
			if n := filed[a.event]; n > 1 || n == 0 && !marks[a.event] {
				t.Fatalf("%s was filed %d times", a.in.Event.GetRaw(), n)
			}
		}
		before := proto.CloneOf(l.state)
		last := list[len(list)-1].at
		for _, a := range list[:rapid.IntRange(0, len(list)).Draw(t, "prefix")] {
			a.at = last + rapid.SampledFrom([]int64{0, hours, 20 * hours}).Draw(t, "later")
			if facts := l.file(t, a); len(facts) != 0 {
				t.Fatalf("%s, sent again, led to %s", a.in.Event.GetRaw(), kinds(facts))
			}
		}
		if d := gocmp.Diff(before, l.state, protocmp.Transform()); d != "" {
			t.Fatalf("events sent again changed the thread:\n%s", d)
		}
		for _, f := range l.facts {
			if e := f.GetSendEchoed(); e.GetTwice() != (e.GetId() == "s0" && e.GetMid() == "own0 again") {
				t.Fatalf("a second delivery is not told from a first: %v", f)
			}
		}
	})
}
