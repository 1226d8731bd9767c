package board_test

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
	"github.com/parley-desk/parley/proto/subject"
	"github.com/parley-desk/parley/services/desk/internal/board"
)

// TestWhatIsOverIsKeptForADay: whatever order threads come in, an agent is told of those
// and only those that are over, were the agent's, and ended in the time asked for, and
// nothing of what was followed by another conversation or erased.
func TestWhatIsOverIsKeptForADay(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b, now := board.New(), time.UnixMilli(1_800_000_000_000)
		last := map[subject.Thread]*threadv1.State{}
		newest := int64(0)
		for n := range rapid.IntRange(1, 60).Draw(t, "commits") {
			at := subject.Thread{Page: "page", PSID: fmt.Sprint(rapid.IntRange(0, 9).Draw(t, "thread"))}
			s := &threadv1.State{Page: at.Page, Psid: at.PSID}
			if phase := rapid.SampledFrom([]threadv1.Phase{threadv1.Phase_PHASE_CLOSED, threadv1.Phase_PHASE_CLOSED, threadv1.Phase_PHASE_ACTIVE, threadv1.Phase_PHASE_UNSPECIFIED}).Draw(t, "phase"); phase != threadv1.Phase_PHASE_UNSPECIFIED {
				s.Conversation = &threadv1.Conversation{Id: fmt.Sprint(n), Phase: phase, Agent: rapid.SampledFrom([]string{"mila", "orlin", ""}).Draw(t, "agent"),
					EnteredMs: now.Add(-time.Duration(rapid.IntRange(0, 30*60).Draw(t, "ago")) * time.Minute).UnixMilli()}
			}
			b.Put(at, uint64(n+1), s)
			last[at] = s
			if phase := s.GetConversation().GetPhase(); phase == threadv1.Phase_PHASE_CLOSED && s.GetConversation().GetAgent() != "" {
				newest = max(newest, s.GetConversation().GetEnteredMs())
			}
		}
		since := now.Add(-time.Duration(rapid.IntRange(0, 25*60).Draw(t, "since")) * time.Minute)
		for _, agent := range []string{"mila", "orlin"} {
			told := map[string]bool{}
			for _, s := range b.Over(agent, since) {
				told[s.GetConversation().GetId()] = true
			}
			want := 0
			for _, s := range last {
				c := s.GetConversation()
				// What is older than a day of what ended last may be gone.
				if c.GetPhase() != threadv1.Phase_PHASE_CLOSED || c.GetAgent() != agent || c.GetEnteredMs() < since.UnixMilli() || c.GetEnteredMs() < newest-board.Day.Milliseconds() {
					continue
				}
				if want++; !told[c.GetId()] {
					t.Fatalf("%s is not told of %v since %v", agent, c, since)
				}
			}
			if len(told) != want {
				t.Fatalf("%s is told of %v, and %d are over", agent, told, want)
			}
		}
	})
}
