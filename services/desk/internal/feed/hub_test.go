package feed_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/parley-desk/parley/pkg/directory"
	"github.com/parley-desk/parley/pkg/fault"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
	deskv1 "github.com/parley-desk/parley/proto/gen/parley/desk/v1"
	distributionv1 "github.com/parley-desk/parley/proto/gen/parley/distribution/v1"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
	"github.com/parley-desk/parley/services/desk/internal/board"
	"github.com/parley-desk/parley/services/desk/internal/feed"
)

// house is a hub with a clock and names of its own.
type house struct {
	*feed.Hub
	now      time.Time
	names    *directory.Snapshot
	down     string // page that is disconnected
	revision uint64
}

func newHouse(events, streams int) *house {
	h := &house{now: noon, names: directory.NewSnapshot()}
	h.Hub = feed.NewHub(feed.Limits{Events: events, Streams: streams, Sessions: 10},
		func() board.World {
			return board.World{Names: h.names, Works: func(page string) bool { return page != h.down }}
		}, func() time.Time { return h.now })
	return h
}

// state is a thread whose conversation stands in a phase with an agent.
func state(n int, phase threadv1.Phase, agent string) *threadv1.State {
	c := &threadv1.Conversation{Id: fmt.Sprint("c", n), Phase: phase, Queue: "front", OpenedMs: int64(n)}
	switch {
	case phase == threadv1.Phase_PHASE_OPEN && agent != "":
		c.Offer = &threadv1.Offer{Agent: agent, Fence: 1}
	case phase != threadv1.Phase_PHASE_OPEN:
		c.Agent = agent
	}
	return &threadv1.State{Page: "1020", Psid: fmt.Sprint(n), Conversation: c}
}

// beside gives agent a part in the conversation of s.
func beside(s *threadv1.State, agent string, a threadv1.Attendance) *threadv1.State {
	s.Conversation.Participants = append(s.Conversation.Participants,
		&threadv1.Participant{Agent: agent, Part: threadv1.Part_PART_CONSULTANT, Attendance: a})
	return s
}

const (
	invited = threadv1.Attendance_ATTENDANCE_INVITED
	present = threadv1.Attendance_ATTENDANCE_PRESENT
)

// put commits a state and tells the hub as the desk does.
func (h *house) put(s *threadv1.State, items ...*deskv1.TimelineItem) {
	h.revision++
	h.Put(thread(number(s)), h.revision, s, items)
}

func number(s *threadv1.State) (n int) {
	_, _ = fmt.Sscan(s.GetPsid(), &n)
	return n
}

func (h *house) join(t testing.TB, agent string, c feed.Cursor) *feed.Stream {
	t.Helper()
	s, err := h.Join(agent, agent+"'s session", c)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// sees is what a page of the stream shows, as "thread phase".
func (p *page) sees(f *feed.Feed, now time.Time) []string {
	events, next, _ := f.After(p.cursor, now)
	p.cursor = next
	for _, e := range events {
		p.take(e)
	}
	var all []string
	for psid, v := range p.views {
		all = append(all, fmt.Sprint(psid, " ", v.GetPhase(), " ", v.GetRevision()))
	}
	slices.Sort(all)
	return all
}

// TestEveryAgentSeesExactlyHis: whatever turns conversations take and however
// agents come and go, a page shows the conversations that are offered to its
// agent, in its agent's hands or have its agent beside them, as they stand, and
// no others.
func TestEveryAgentSeesExactlyHis(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := newHouse(rapid.IntRange(1, 8).Draw(t, "ring"), 3)
		agents := []string{"mila", "orlin"}
		agent := rapid.SampledFrom([]string{"mila", "orlin", "rada", ""})
		want := map[int]string{} // what a thread's viewer sees, by thread
		viewers := map[int][]string{}
		pages, streams := map[string]*page{}, map[string]*feed.Stream{}
		for _, a := range agents {
			pages[a] = &page{}
		}
		check := func(t *rapid.T) {
			for a, s := range streams {
				var all []string
				for n, who := range viewers {
					if slices.Contains(who, a) {
						all = append(all, want[n])
					}
				}
				slices.Sort(all)
				if d := cmp.Diff(all, pages[a].sees(s.Feed, h.now)); d != "" {
					t.Fatalf("%s's conversations and what the page shows: %s", a, d)
				}
				if got := h.Conversations(a); len(got) != len(all) {
					t.Fatalf("%d conversations are listed, %d shown", len(got), len(all))
				}
			}
		}
		t.Repeat(map[string]func(*rapid.T){
			"commit": func(t *rapid.T) {
				n, phase := rapid.IntRange(1, 4).Draw(t, "thread"), threadv1.Phase(rapid.Int32Range(1, 5).Draw(t, "phase"))
				who := agent.Draw(t, "agent")
				s, seen := state(n, phase, who), []string{who}
				if next := agent.Draw(t, "beside"); phase == threadv1.Phase_PHASE_ACTIVE && next != "" && next != who {
					s, seen = beside(s, next, threadv1.Attendance(rapid.Int32Range(1, 2).Draw(t, "attendance"))), append(seen, next)
				}
				if phase == threadv1.Phase_PHASE_CLOSED {
					seen = nil
				}
				h.put(s)
				viewers[n], want[n] = seen, fmt.Sprint(n, " ", phase, " ", h.revision)
			},
			"come": func(t *rapid.T) {
				a := rapid.SampledFrom(agents).Draw(t, "agent")
				if streams[a] == nil {
					s, err := h.Join(a, a, pages[a].cursor)
					if err != nil {
						t.Fatal(err)
					}
					streams[a] = s
				}
			},
			"leave": func(t *rapid.T) {
				a := rapid.SampledFrom(agents).Draw(t, "agent")
				if streams[a] != nil {
					streams[a].Leave()
					delete(streams, a)
				}
			},
			"read":    check,
			"refresh": func(*rapid.T) { h.Refresh() },
			"wait":    func(*rapid.T) { h.now = h.now.Add(6 * time.Minute) },
			"restart": func(t *rapid.T) { h.Restart(thread(rapid.IntRange(1, 4).Draw(t, "thread"))) },
		})
		check(t)
	})
}

// TestStreamsOfASession: a session has so many streams and no more; another
// one has its own, and a stream that closes gives its place back once.
func TestStreamsOfASession(t *testing.T) {
	h := newHouse(8, 3)
	var open []*feed.Stream
	for range 3 {
		s, err := h.Join("mila", "one", feed.Cursor{})
		if err != nil {
			t.Fatal(err)
		}
		open = append(open, s)
	}
	_, err := h.Join("mila", "one", feed.Cursor{})
	f, ok := errors.AsType[*fault.Error](err)
	if !ok || f.Kind != fault.Exhausted || f.Reason != "TOO_MANY_STREAMS" || f.RetryAfter <= 0 {
		t.Fatalf("the fourth stream: %v", err)
	}
	if _, err := h.Join("mila", "two", feed.Cursor{}); err != nil {
		t.Errorf("another session of the agent: %v", err)
	}
	if _, _, streams := h.Count(); streams != 4 {
		t.Errorf("%d streams are counted, want 4", streams)
	}
	open[0].Leave()
	open[0].Leave()
	if _, err := h.Join("mila", "one", feed.Cursor{}); err != nil {
		t.Errorf("after one left: %v", err)
	}
	if _, err := h.Join("mila", "one", feed.Cursor{}); !fault.Is(err, fault.Exhausted) {
		t.Errorf("one that left twice gave two places: %v", err)
	}
}

// TestSessionsOfAnAgent (L96): streams of so many sign-ins and no more; the place
// of one is free when its last stream closes. Other agents have their own.
func TestSessionsOfAnAgent(t *testing.T) {
	h := newHouse(8, 2)
	var first []*feed.Stream
	for n := range 10 {
		s, err := h.Join("mila", fmt.Sprint("browser ", n), feed.Cursor{})
		if err != nil {
			t.Fatal(err)
		}
		first = append(first, s)
	}
	again, err := h.Join("mila", "browser 0", feed.Cursor{})
	if err != nil {
		t.Fatalf("another stream of one that is in: %v", err)
	}
	refused := func() {
		t.Helper()
		_, err := h.Join("mila", "browser 10", feed.Cursor{})
		f, ok := errors.AsType[*fault.Error](err)
		if !ok || f.Kind != fault.Exhausted || f.Reason != "TOO_MANY_SESSIONS" || f.RetryAfter <= 0 || !strings.Contains(f.Message, "10 sign-ins") {
			t.Errorf("the eleventh sign-in: %v", err)
		}
	}
	refused()
	if _, err := h.Join("orlin", "browser 10", feed.Cursor{}); err != nil {
		t.Errorf("another agent: %v", err)
	}
	first[0].Leave()
	refused()
	again.Leave()
	if _, err := h.Join("mila", "browser 10", feed.Cursor{}); err != nil {
		t.Errorf("after one left: %v", err)
	}
}

// TestComingBack: for ten minutes an agent's page continues where it was;
// after that the feed is gone and it begins with a snapshot.
func TestComingBack(t *testing.T) {
	for after, continues := range map[time.Duration]bool{time.Minute: true, 10 * time.Minute: true, 10*time.Minute + time.Second: false} {
		t.Run(after.String(), func(t *testing.T) {
			h := newHouse(8, 3)
			s := h.join(t, "mila", feed.Cursor{})
			_, cursor, _ := s.After(feed.Cursor{}, h.now)
			s.Leave()
			if present := h.Present(); len(present) != 0 {
				t.Errorf("%v are present", present)
			}
			h.put(state(1, threadv1.Phase_PHASE_ACTIVE, "mila"))
			h.now = h.now.Add(after)
			h.Refresh()
			s = h.join(t, "mila", cursor)
			events, _, _ := s.After(cursor, h.now)
			if len(events) != 1 || (events[0].GetConversation() != nil) != continues {
				t.Errorf("after %v: %v", after, events)
			}
			if present := h.Present(); fmt.Sprint(present) != "[mila]" {
				t.Errorf("%v are present", present)
			}
		})
	}
}

// TestWatched: the items of a commit must be known only when the conversation
// was and is in the hands of an agent who has a feed.
func TestWatched(t *testing.T) {
	const (
		open, active = threadv1.Phase_PHASE_OPEN, threadv1.Phase_PHASE_ACTIVE
		waiting      = threadv1.Phase_PHASE_WAITING
		wrapUp       = threadv1.Phase_PHASE_WRAP_UP
	)
	h := newHouse(8, 3)
	h.join(t, "mila", feed.Cursor{})
	for name, tc := range map[string]struct {
		before, after *threadv1.State
		want          bool
	}{
		"first commit":        {nil, state(1, open, ""), false},
		"nobody's":            {state(1, open, ""), state(1, open, ""), false},
		"offered":             {state(1, open, ""), state(1, open, "mila"), false},
		"while offered":       {state(1, open, "mila"), state(1, open, "mila"), false},
		"accepted":            {state(1, open, "mila"), state(1, active, "mila"), false},
		"in hand":             {state(1, active, "mila"), state(1, active, "mila"), true},
		"set aside":           {state(1, active, "mila"), state(1, waiting, "mila"), true},
		"while set aside":     {state(1, waiting, "mila"), state(1, waiting, "mila"), true},
		"wrapping up":         {state(1, wrapUp, "mila"), state(1, wrapUp, "mila"), true},
		"given away":          {state(1, active, "mila"), state(1, active, "orlin"), false},
		"of one without page": {state(1, active, "orlin"), state(1, active, "orlin"), false},
		"asked for advice":    {state(1, active, "orlin"), beside(state(1, active, "orlin"), "mila", invited), false},
		"before the answer":   {beside(state(1, active, "orlin"), "mila", invited), beside(state(1, active, "orlin"), "mila", invited), false},
		"saying yes":          {beside(state(1, active, "orlin"), "mila", invited), beside(state(1, active, "orlin"), "mila", present), false},
		"giving advice":       {beside(state(1, active, "orlin"), "mila", present), beside(state(1, active, "orlin"), "mila", present), true},
		"having given it":     {beside(state(1, active, "orlin"), "mila", present), state(1, active, "orlin"), false},
	} {
		t.Run(name, func(t *testing.T) {
			h.put(state(1, threadv1.Phase_PHASE_CLOSED, ""))
			if tc.before != nil {
				h.put(tc.before)
			}
			if got := h.Watched(thread(1), tc.after); got != tc.want {
				t.Errorf("watched is %v", got)
			}
		})
	}
}

// TestItemsGoToTheHolder: what a commit changed is told to the page of the
// agent in front of whom the conversation is, after the conversation itself.
func TestItemsGoToTheHolder(t *testing.T) {
	h := newHouse(8, 3)
	mila, orlin := h.join(t, "mila", feed.Cursor{}), h.join(t, "orlin", feed.Cursor{})
	var hers, his page
	hers.sees(mila.Feed, h.now)
	his.sees(orlin.Feed, h.now)
	h.put(state(1, threadv1.Phase_PHASE_ACTIVE, "mila"), &deskv1.TimelineItem{Id: "a"}, &deskv1.TimelineItem{Id: "b"})
	h.put(state(1, threadv1.Phase_PHASE_ACTIVE, "orlin"), &deskv1.TimelineItem{Id: "c"})
	if got := hers.sees(mila.Feed, h.now); len(got) != 0 || fmt.Sprint(hers.items) != "[a b]" {
		t.Errorf("she sees %v and was told %v", got, hers.items)
	}
	if got := his.sees(orlin.Feed, h.now); len(got) != 1 || fmt.Sprint(his.items) != "[c]" {
		t.Errorf("he sees %v and was told %v", got, his.items)
	}
}

// TestItemsGoToWhoReadsAlong, and not to who is only asked to.
func TestItemsGoToWhoReadsAlong(t *testing.T) {
	for attendance, want := range map[threadv1.Attendance]string{present: "[a]", invited: "[]"} {
		h := newHouse(8, 3)
		stream := h.join(t, "orlin", feed.Cursor{})
		var p page
		p.sees(stream.Feed, h.now)
		h.put(beside(state(1, threadv1.Phase_PHASE_ACTIVE, "mila"), "orlin", attendance), &deskv1.TimelineItem{Id: "a"})
		if got := p.sees(stream.Feed, h.now); len(got) != 1 || fmt.Sprint(p.items) != want {
			t.Errorf("%v sees %v and was told %v", attendance, got, p.items)
		}
		h.put(state(1, threadv1.Phase_PHASE_ACTIVE, "mila"))
		if got := p.sees(stream.Feed, h.now); len(got) != 0 {
			t.Errorf("%v that is over still sees %v", attendance, got)
		}
	}
}

// TestRefreshTellsWhatTheClockAndNamesChange, once.
func TestRefreshTellsWhatTheClockAndNamesChange(t *testing.T) {
	h := newHouse(8, 3)
	s := state(1, threadv1.Phase_PHASE_ACTIVE, "mila")
	s.WindowMs = noon.UnixMilli()
	h.put(s)
	stream := h.join(t, "mila", feed.Cursor{})
	var p page
	p.sees(stream.Feed, h.now)
	fresh := func() []*deskv1.Event {
		h.Refresh()
		events, next, _ := stream.After(p.cursor, h.now)
		p.cursor = next
		return events
	}
	if events := fresh(); len(events) != 0 {
		t.Errorf("nothing changed, and %v is told", events)
	}
	h.names = directory.NewSnapshot(&configv1.Queue{Meta: &configv1.Meta{Id: "front", DisplayName: "Front desk"}})
	if events := fresh(); len(events) != 1 || events[0].GetConversation().GetQueue() != "Front desk" {
		t.Errorf("a new name of the queue: %v", events)
	}
	h.now = h.now.Add(25 * time.Hour)
	if events := fresh(); len(events) != 1 || events[0].GetConversation().GetWindow().GetKind() != "closed" {
		t.Errorf("a window that closed: %v", events)
	}
	if events := fresh(); len(events) != 0 {
		t.Errorf("told twice: %v", events)
	}
}

// TestStanding reaches the agent's page only, and the next page at once.
func TestStanding(t *testing.T) {
	h := newHouse(8, 3)
	h.Stand(&distributionv1.AgentStanding{Agent: "nobody"})
	if s := h.Standing("nobody"); s != nil {
		t.Errorf("of an agent without a page: %v", s)
	}
	stream := h.join(t, "mila", feed.Cursor{})
	other := h.join(t, "orlin", feed.Cursor{})
	busy := &distributionv1.AgentStanding{Agent: "mila", Presence: distributionv1.Presence_PRESENCE_BUSY}
	_, c, _ := stream.After(feed.Cursor{}, h.now)
	h.Stand(busy)
	h.Stand(busy)
	events, _, _ := stream.After(c, h.now)
	if len(events) != 1 || events[0].GetStanding().GetPresence() != busy.GetPresence() || h.Standing("mila").GetPresence() != busy.GetPresence() {
		t.Errorf("told %v", events)
	}
	if events, _, _ := other.After(feed.Cursor{}, h.now); events[0].GetSnapshot().GetStanding() != nil {
		t.Errorf("another agent was told %v", events)
	}
	if events, _, _ := stream.After(feed.Cursor{}, h.now); events[0].GetSnapshot().GetStanding().GetPresence() != busy.GetPresence() {
		t.Errorf("the next page was not told: %v", events)
	}
}

// TestOldStatesChangeNothing: a state that comes again after a newer one does
// not bring the past back.
func TestOldStatesChangeNothing(t *testing.T) {
	h := newHouse(8, 3)
	stream := h.join(t, "mila", feed.Cursor{})
	h.put(state(1, threadv1.Phase_PHASE_OPEN, "mila"))
	h.put(state(1, threadv1.Phase_PHASE_ACTIVE, "mila"))
	h.Put(thread(1), 1, state(1, threadv1.Phase_PHASE_OPEN, "mila"), nil)
	h.Put(thread(1), 1, state(1, threadv1.Phase_PHASE_OPEN, ""), nil)
	var p page
	if got := fmt.Sprint(p.sees(stream.Feed, h.now)); got != "[1 PHASE_ACTIVE 2]" {
		t.Errorf("shown is %s", got)
	}
	if live, feeds, streams := h.Count(); live != 1 || feeds != 1 || streams != 1 {
		t.Errorf("%d conversations, %d feeds, %d streams", live, feeds, streams)
	}
}
