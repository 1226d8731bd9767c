package figures_test

import (
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"
	"pgregory.net/rapid"

	"github.com/parley-desk/parley/pkg/thread"
	deskv1 "github.com/parley-desk/parley/proto/gen/parley/desk/v1"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
	"github.com/parley-desk/parley/services/desk/internal/figures"
)

// recorded is a conversation as the oracle knows it: from the facts of its thread
// from the first one on, and from no state of anybody's.
type recorded struct {
	queue                   string
	began, works, wraps     int64 // when it opened, when an agent got it, when wrap-up began; 0: not
	handled                 int64
	engaged, replied, ended bool
	agent                   string // who had it last
	owed                    int64  // since when the customer waits for an answer; 0: not
}

// oracle works figures out by replaying whole threads.
type oracle struct {
	since   int64 // what was before does not count
	f       *deskv1.Figures
	took    map[string][]int64
	inTime  int
	gone    []int64
	talks   map[string]*recorded
	deeds   map[string]figures.Deeds
	offeree map[string]string
}

func newOracle(since int64) *oracle {
	return &oracle{since: since, f: &deskv1.Figures{}, took: map[string][]int64{}, talks: map[string]*recorded{}, deeds: map[string]figures.Deeds{}, offeree: map[string]string{}}
}

func (o *oracle) read(psid string, c *threadv1.Commit) {
	at := c.GetAtMs()
	n := int32(0)
	if at >= o.since {
		n = 1
	}
	took := func(what string, ms int64) {
		if n == 1 {
			o.took[what] = append(o.took[what], ms)
		}
	}
	enters := int32(0)
	for _, f := range c.GetFacts() {
		r := o.talks[psid]
		switch k := f.GetKind().(type) {
		case *threadv1.Fact_MessageReceived:
			o.f.Messages += n
			if r != nil && !r.ended && r.owed == 0 {
				r.owed = at
			}
		case *threadv1.Fact_ConversationOpened:
			o.talks[psid] = &recorded{began: at, owed: at}
			o.f.Incoming += n
		case *threadv1.Fact_ConversationRouted:
			if k.ConversationRouted.GetQueue() != r.queue {
				enters = n
			}
			r.queue = k.ConversationRouted.GetQueue()
		case *threadv1.Fact_ConversationRevived:
			enters = n
		case *threadv1.Fact_ConversationReleased:
			enters = n
			r.handled, r.works = r.handled+at-r.works, 0
			if k.ConversationReleased.GetCause() == threadv1.Cause_CAUSE_TRANSFERRED {
				o.f.Transferred += n
			}
		case *threadv1.Fact_OfferMade:
			o.f.Offered += n
			o.offeree[psid] = k.OfferMade.GetAgent()
		case *threadv1.Fact_OfferEnded:
			d := o.deeds[o.offeree[psid]]
			switch k.OfferEnded.GetOutcome() {
			case threadv1.OfferOutcome_OFFER_OUTCOME_REJECTED:
				o.f.Rejected += n
				d.Rejected += int(n)
			case threadv1.OfferOutcome_OFFER_OUTCOME_TIMED_OUT:
				o.f.Missed += n
				d.Missed += int(n)
			}
			o.deeds[o.offeree[psid]] = d
		case *threadv1.Fact_AgentAssigned:
			o.assigned(r, k.AgentAssigned, at, n)
		case *threadv1.Fact_ConversationParked:
			r.handled, r.works = r.handled+at-r.works, 0
		case *threadv1.Fact_SendRequested:
			if !r.replied {
				took("first", at-r.began)
			}
			if r.owed > 0 {
				took("response", at-r.owed)
			}
			r.replied, r.owed = true, 0
		case *threadv1.Fact_ConversationEnded:
			r.handled, r.works, r.wraps = r.handled+at-r.works, 0, at
			took("effort", at-r.began)
		case *threadv1.Fact_ConversationClosed:
			r.ended = true
			switch {
			case !r.engaged:
				took("gone", at-r.began)
				continue
			case r.wraps > 0:
				took("wrap-up", at-r.wraps)
				r.handled += at - r.wraps
			case r.works > 0:
				r.handled += at - r.works
			}
			took("handle", r.handled)
			if d := o.deeds[r.agent]; r.agent != "" {
				d.Closed, d.Handled = d.Closed+int(n), d.Handled+time.Duration(int64(n)*r.handled)*time.Millisecond
				o.deeds[r.agent] = d
			}
			took("talk", at-r.began)
		}
	}
	o.f.Entered += enters
}

func (o *oracle) assigned(r *recorded, a *threadv1.AgentAssigned, at int64, n int32) {
	r.handled, r.works, r.agent = r.handled+handledUntil(r.works, at), at, a.GetAgent()
	if a.GetCause() == threadv1.Cause_CAUSE_RESUMED {
		return
	}
	o.f.Sessions += n
	d := o.deeds[a.GetAgent()]
	d.Taken += int(n)
	o.deeds[a.GetAgent()] = d
	switch a.GetCause() {
	case threadv1.Cause_CAUSE_TRANSFERRED:
		o.f.Transferred += n
	case threadv1.Cause_CAUSE_ACCEPTED:
		o.f.Accepted += n
	}
	if !r.engaged && n == 1 {
		o.f.Engaged++
		o.took["speed"] = append(o.took["speed"], at-r.began)
	}
	r.engaged = true
}

func handledUntil(since, at int64) int64 {
	if since == 0 {
		return 0
	}
	return at - since
}

// figures are those of the hour, by thresholds.
func (o *oracle) figures(by figures.Thresholds) *deskv1.Figures {
	share := func(what string, most int32) (n int) {
		for _, ms := range o.took[what] {
			if ms <= int64(most)*1000 {
				n++
			}
		}
		return n
	}
	percent := func(n, of int) *int32 {
		if of == 0 {
			return nil
		}
		return new(int32(100 * n / of))
	}
	f := o.f
	short := share("gone", by.ShortAbandon)
	left := len(o.took["gone"]) - short
	f.Abandoned, f.ShortAbandoned, f.ServiceLevelSeconds = int32(left), int32(short), by.ServiceLevel
	f.ServiceLevel = percent(share("speed", by.ServiceLevel), len(o.took["speed"])+left)
	f.AbandonRate = percent(left, len(o.took["speed"])+left)
	f.FirstResponseLevel = percent(share("first", 60), len(o.took["first"]))
	for what, to := range map[string]**deskv1.Times{"speed": &f.Speed, "first": &f.FirstResponse, "response": &f.Response, "handle": &f.Handle,
		"wrap-up": &f.WrapUp, "talk": &f.Conversation, "effort": &f.Effort} {
		*to = exactly(o.took[what])
	}
	return f
}

// exactly are times as they were.
func exactly(ms []int64) *deskv1.Times {
	x := &deskv1.Times{Count: int32(len(ms))}
	if len(ms) == 0 {
		return x
	}
	slices.Sort(ms)
	sum := int64(0)
	for _, v := range ms {
		sum += v
	}
	at := func(share float64) int32 {
		return int32(math.Ceil(float64(ms[int(math.Ceil(share*float64(len(ms))))-1]) / 1000))
	}
	x.MeanMs, x.P50, x.P90 = sum/int64(len(ms)), at(0.5), at(0.9)
	return x
}

// acts has somebody do something in a thread, when that is possible there.
func (s *story) acts(t *rapid.T) {
	const mila, orlin = "mila", "orlin"
	c := s.state.GetConversation()
	agent := c.GetAgent()
	id := fmt.Sprint("x", len(s.commits))
	var facts []*threadv1.Fact
	var err error
	switch rapid.SampledFrom([]string{"say", "say", "offer", "offer", "accept", "accept", "reject", "lapse", "write", "write", "park", "resume", "end", "close", "release", "queue", "agent", "force", "overflow"}).Draw(t, "deed") {
	case "say":
		facts = []*threadv1.Fact{thread.Of(s.says())}
		switch {
		case !thread.Live(c):
			facts = append(facts, thread.Of(s.opened()), thread.Of(&threadv1.ConversationRouted{Queue: rapid.SampledFrom([]string{"a", "b"}).Draw(t, "queue"), Rule: "r"}))
		case c.GetPhase() == threadv1.Phase_PHASE_WAITING:
			facts = append(facts, thread.Of(&threadv1.ConversationRevived{}))
		}
	case "offer":
		s.fence++
		facts, err = thread.MakeOffer(s.state, s.id(), c.GetQueue(), &threadv1.OfferMade{Agent: rapid.SampledFrom([]string{mila, orlin}).Draw(t, "agent"), Fence: s.fence, UntilMs: s.now.Add(time.Hour).UnixMilli()})
	case "accept":
		facts, err = thread.AcceptOffer(s.state, s.id(), c.GetOffer().GetAgent(), c.GetOffer().GetFence())
	case "reject":
		facts, err = thread.RejectOffer(s.state, s.id(), c.GetOffer().GetAgent(), c.GetOffer().GetFence(), "")
	case "lapse":
		facts, err = thread.EndOffer(s.state, s.id(), c.GetOffer().GetFence(), threadv1.OfferOutcome_OFFER_OUTCOME_TIMED_OUT)
	case "write":
		facts, err = thread.RequestSend(s.state, s.now, s.id(), agent, id, id, "x")
	case "park":
		facts, err = thread.Park(s.state, s.id(), agent)
	case "resume":
		facts, err = thread.Resume(s.state, s.id(), agent)
	case "end":
		facts, err = thread.End(s.state, s.id(), agent, false, s.now)
	case "close":
		facts, err = thread.Close(s.state, s.id(), agent)
	case "release":
		facts, err = thread.Release(s.state, s.id(), agent, threadv1.Cause_CAUSE_RELEASED)
	case "queue":
		facts, err = thread.Handover{Conversation: s.id(), By: "elena", Supervisor: true, ClientID: id}.ToQueue(s.state, rapid.SampledFrom([]string{"a", "b"}).Draw(t, "queue"))
	case "agent":
		facts = []*threadv1.Fact{thread.Of(&threadv1.AgentAssigned{Agent: orlin, Cause: threadv1.Cause_CAUSE_TRANSFERRED, By: "elena"})}
	case "force":
		facts, err = thread.ForceClose(s.state, s.id(), "elena", id)
	case "overflow":
		facts, err = thread.Overflow(s.state, s.id(), c.GetQueue(), "", time.Minute)
	}
	if err != nil || len(facts) == 0 {
		return
	}
	if next, err := thread.Extend(s.state, uint64(len(s.commits)), s.now, "test/1", facts...); err == nil {
		s.commits, s.state = append(s.commits, next), next.GetState()
	}
}

// TestAnyHourIsWhatAReplaySays has any threads over hours, read from any commit of
// the last hour on and in any order of threads, and asks one who replays all of
// them.
func TestAnyHourIsWhatAReplaySays(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var stories []*story
		for n := range rapid.IntRange(1, 3).Draw(t, "threads") {
			stories = append(stories, &story{state: thread.New("page", fmt.Sprint(n)), now: noon})
		}
		now := noon
		for range rapid.IntRange(1, 80).Draw(t, "deeds") {
			now = now.Add(time.Duration(rapid.IntRange(1, 200_000).Draw(t, "ms")) * time.Millisecond)
			s := rapid.SampledFrom(stories).Draw(t, "thread")
			s.now = now
			s.acts(t)
		}
		since := now.Truncate(time.Minute).Add(-59 * time.Minute).UnixMilli()
		want, w := newOracle(since), figures.Window{}
		for _, n := range rapid.Permutation([]int{0, 1, 2}[:len(stories)]).Draw(t, "order") {
			// Whoever starts now does not read what was before.
			starts := rapid.Int64Range(0, since).Draw(t, "starts")
			for _, c := range stories[n].commits {
				want.read(fmt.Sprint(n), c)
				if c.GetAtMs() >= starts {
					w.Add(now, c, always)
				}
			}
		}
		by := figures.Thresholds{ServiceLevel: int32(rapid.IntRange(1, 600).Draw(t, "level")), ShortAbandon: int32(rapid.IntRange(0, 600).Draw(t, "short"))}
		expected, got := want.figures(by), w.Hour(now, all(by))
		near(t, expected, got)
		if len(want.f.String()) > 0 && got.GetServiceLevelSeconds() == 0 {
			expected.ServiceLevelSeconds = 0 // nothing happened in the hour
		}
		if d := cmp.Diff(expected, got, protocmp.Transform()); d != "" {
			t.Fatal(d)
		}
		for agent, d := range want.deeds {
			if w.Agents(now)[agent] != d {
				t.Fatalf("%s did %v, want %v", agent, w.Agents(now)[agent], d)
			}
		}
	})
}

// near takes quantiles for the expected ones that are as near as they promise: to
// the second up to ten minutes, a twentieth above.
func near(t *rapid.T, want, got *deskv1.Figures) {
	for _, pair := range [][2]*deskv1.Times{{want.Speed, got.Speed}, {want.FirstResponse, got.FirstResponse}, {want.Response, got.Response},
		{want.Handle, got.Handle}, {want.WrapUp, got.WrapUp}, {want.Conversation, got.Conversation}, {want.Effort, got.Effort}} {
		for _, q := range [][2]*int32{{&pair[0].P50, &pair[1].P50}, {&pair[0].P90, &pair[1].P90}} {
			if exact := *q[0] <= 600; exact && *q[0] != *q[1] || !exact && math.Abs(float64(*q[1]-*q[0])) > float64(*q[0])/20 {
				t.Fatalf("a quantile of %d s is told as %d s", *q[0], *q[1])
			}
			*q[0] = *q[1]
		}
	}
}
