package past_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/parley-desk/parley/pkg/fault"
	"github.com/parley-desk/parley/pkg/thread"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
	"github.com/parley-desk/parley/services/desk/internal/past"
)

// world is threads whose commits it can give back.
type world struct {
	states  map[string]*threadv1.State
	commits map[string][]*threadv1.State // by psid, at revision-1
	reads   int
	opened  []string // conversations, by when they opened
}

func (w *world) at(_ context.Context, _, psid string, revision uint64) (*threadv1.State, error) {
	w.reads++
	if revision == 0 || int(revision) > len(w.commits[psid]) || w.commits[psid][revision-1] == nil {
		return nil, fault.New(fault.NotFound, "NO_SUCH_COMMIT", "the thread has no commit %d", revision)
	}
	return w.commits[psid][revision-1], nil
}

func (w *world) do(t rapid.TB, psid string, second int, kind any) {
	s := w.states[psid]
	if s == nil {
		s = thread.New("page", psid)
	}
	c, err := thread.Extend(s, uint64(len(w.commits[psid])), time.Unix(int64(second), 0), "test", thread.Of(kind))
	if err != nil {
		t.Fatalf("second %d: %v", second, err)
	}
	w.states[psid] = c.GetState()
	w.commits[psid] = append(w.commits[psid], c.GetState())
}

// TestWalkIsTheLogBackwards: whatever happened in the threads, those that are
// found are all there were, newest first, and each cost one reading.
func TestWalkIsTheLogBackwards(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := &world{states: map[string]*threadv1.State{}, commits: map[string][]*threadv1.State{}}
		threads := rapid.IntRange(1, 4).Draw(rt, "threads")
		for n := range rapid.IntRange(1, 60).Draw(rt, "steps") {
			psid := fmt.Sprint(rapid.IntRange(1, threads).Draw(rt, "thread"))
			switch live := thread.Live(w.states[psid].GetConversation()); {
			case !live && rapid.Bool().Draw(rt, "open"):
				id := fmt.Sprintf("%s-%d", psid, n)
				w.do(rt, psid, n, &threadv1.ConversationOpened{Id: id, Units: 1})
				w.opened = append(w.opened, id)
			case live && rapid.Bool().Draw(rt, "close"):
				w.do(rt, psid, n, &threadv1.ConversationClosed{Cause: threadv1.Cause_CAUSE_FORCED})
			default:
				w.do(rt, psid, n, &threadv1.MessageReceived{Mid: fmt.Sprint(n), Text: "x", SentMs: int64(n)})
			}
		}
		own := w.states["1"]
		if own == nil {
			own = thread.New("page", "1")
		}
		var others []*threadv1.State
		for psid, s := range w.states {
			if psid != "1" {
				others = append(others, s)
			}
		}
		most := rapid.IntRange(1, 30).Draw(rt, "most")
		found, err := past.Walk(context.Background(), own, others, most, w.at)
		if err != nil {
			rt.Fatal(err)
		}
		var want []string
		for i := len(w.opened) - 1; i >= 0; i-- {
			if w.opened[i] != own.GetConversation().GetId() {
				want = append(want, w.opened[i])
			}
		}
		if n := past.Count(own, others); n != len(want) {
			rt.Fatalf("%d are counted, there were %d", n, len(want))
		}
		want = want[:min(len(want), most)]
		if len(found) != len(want) {
			rt.Fatalf("%d found, %d wanted", len(found), len(want))
		}
		for i, e := range found {
			if e.GetConversation().GetId() != want[i] {
				rt.Fatalf("at %d is %s, not %s", i, e.GetConversation().GetId(), want[i])
			}
			if closed := e.GetConversation().GetPhase() == threadv1.Phase_PHASE_CLOSED; !closed && e.GetConversation().GetId() != w.states[e.GetPsid()].GetConversation().GetId() {
				rt.Fatalf("%s is shown as it was before its end", want[i])
			}
		}
		if w.reads > len(found)+1 {
			rt.Fatalf("%d readings for %d", w.reads, len(found))
		}
	})
}

// TestWalkEndsWhereTheLogDoes: what was erased ends it, and is no failure.
func TestWalkEndsWhereTheLogDoes(t *testing.T) {
	w := &world{states: map[string]*threadv1.State{}, commits: map[string][]*threadv1.State{}}
	for n := range 3 {
		w.do(t, "1", 10*n, &threadv1.ConversationOpened{Id: fmt.Sprint(n), Units: 1})
		w.do(t, "1", 10*n+1, &threadv1.ConversationClosed{Cause: threadv1.Cause_CAUSE_FORCED})
	}
	w.commits["1"][1] = nil
	found, err := past.Walk(t.Context(), w.states["1"], nil, 20, w.at)
	if err != nil || len(found) != 1 || found[0].GetConversation().GetId() != "1" {
		t.Errorf("found %v, %v", found, err)
	}
}
