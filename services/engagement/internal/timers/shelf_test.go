package timers_test

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/parley-desk/parley/pkg/directory"
	"github.com/parley-desk/parley/pkg/thread"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
	"github.com/parley-desk/parley/proto/subject"
	"github.com/parley-desk/parley/services/engagement/internal/life"
	"github.com/parley-desk/parley/services/engagement/internal/timers"
)

// TestTheShelfIsAList: whatever comes in whichever order, the shelf gives what a
// list of all threads, searched from end to end, would give.
func TestTheShelfIsAList(t *testing.T) {
	const thirty = int64(30 * day / time.Millisecond)
	type line struct {
		revision uint64
		due      int64 // 0: no live conversation
		flying   bool
	}
	rapid.Check(t, func(t *rapid.T) {
		shelf, list := timers.NewShelf(life.NewPlans(directory.NewSnapshot())), map[subject.Thread]*line{}
		threads := []subject.Thread{{Page: "10", PSID: "7"}, {Page: "10", PSID: "07"}, {Page: "10", PSID: "x"}, {Page: "20", PSID: "7"}, {Page: "20", PSID: "18446744073709551616"}}
		state := func(entered int64) *threadv1.State {
			s := &threadv1.State{Conversation: &threadv1.Conversation{Id: "c", Phase: threadv1.Phase_PHASE_OPEN, EnteredMs: entered}}
			if entered == 0 {
				s.Conversation.Phase = threadv1.Phase_PHASE_CLOSED
			}
			return s
		}
		learn := func(at *line, revision uint64, entered int64) {
			if revision < at.revision && at.due+int64(at.revision) > 0 {
				return
			}
			if at.revision, at.due = revision, 0; entered > 0 {
				at.due = entered + thirty
			}
		}
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			who := rapid.SampledFrom(threads).Draw(t, "who")
			at := list[who]
			if at == nil {
				at = &line{}
				list[who] = at
			}
			entered, revision := rapid.Int64Range(0, 50).Draw(t, "entered"), at.revision+uint64(rapid.IntRange(1, 3).Draw(t, "revision"))
			switch rapid.IntRange(0, 3).Draw(t, "step") {
			case 0, 1:
				shelf.Put(who, revision, state(entered))
				learn(at, revision, entered)
			case 2:
				now := thirty + rapid.Int64Range(0, 60).Draw(t, "now")
				for _, due := range shelf.Take(now, rapid.IntRange(1, 3).Draw(t, "limit")) {
					l := list[due.Thread]
					if l == nil || l.flying || l.due == 0 || l.due > now || l.due != due.AtMs {
						t.Fatalf("%v is taken at %d: %+v", due, now, l)
					}
					for other, o := range list {
						if !o.flying && o.due > 0 && o.due < l.due {
							t.Fatalf("%v before %v, which is due earlier", due, other)
						}
					}
					l.flying = true
				}
			case 3:
				if at.flying {
					shelf.Landed(who, revision, state(entered))
					at.flying = false
					learn(at, revision, entered)
				}
			}
			next, waits := life.Never, 0
			for _, l := range list {
				if !l.flying && l.due > 0 {
					next, waits = min(next, l.due), waits+1
				}
			}
			if _, waiting := shelf.Size(); shelf.Next() != next || waiting != waits {
				t.Fatalf("next %d and %d wait, want %d and %d", shelf.Next(), waiting, next, waits)
			}
		}
	})
}

// TestWhatFailedComesAgain: after half a second, and later and later, but each
// minute at least; and not at all when it is over meanwhile.
func TestWhatFailedComesAgain(t *testing.T) {
	shelf := timers.NewShelf(life.NewPlans(directory.NewSnapshot()))
	s := thread.New("10", who(1).PSID)
	s.Conversation = &threadv1.Conversation{Id: "c", Phase: threadv1.Phase_PHASE_OPEN, EnteredMs: 1}
	shelf.Put(who(1), 1, s)
	now, pauses := int64(40*day/time.Millisecond), []int64{}
	for range 10 {
		if got := shelf.Take(now, 1); len(got) != 1 {
			t.Fatal("nothing is due")
		}
		shelf.Failed(who(1), now)
		pauses = append(pauses, shelf.Next()-now)
		now = shelf.Next()
	}
	if got := fmt.Sprint(pauses); got != "[500 1000 2000 4000 8000 16000 32000 60000 60000 60000]" {
		t.Error(got)
	}
	shelf.Take(now, 1)
	s.Conversation.Phase = threadv1.Phase_PHASE_CLOSED
	shelf.Put(who(1), 2, s)
	shelf.Failed(who(1), now)
	if live, waiting := shelf.Size(); live != 0 || waiting != 0 {
		t.Errorf("%d live, %d wait for a conversation that is over", live, waiting)
	}
}
