package assign_test

import (
	"reflect"
	"testing"

	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
	"github.com/parley-desk/parley/proto/subject"
	"github.com/parley-desk/parley/services/distribution/internal/assign"
)

// TestWhatAConversationTakes reads out of conversations whose capacity they take:
// in wrap-up as the workstream says (L24), set aside none (L69), and never that of who
// advises, reads along or is asked to take over (L68, L102, L105, L107).
func TestWhatAConversationTakes(t *testing.T) {
	of := func(change func(*threadv1.Conversation)) assign.Item {
		c := &threadv1.Conversation{Id: "c", Phase: threadv1.Phase_PHASE_ACTIVE, Queue: "front", Units: 3, Agent: "mila", Fence: 7, DueMs: 9}
		change(c)
		return assign.ItemOf(subject.Thread{Page: "1020", PSID: "7"}, &threadv1.State{Conversation: c}, 1)
	}
	in := func(p threadv1.Phase) func(*threadv1.Conversation) {
		return func(c *threadv1.Conversation) { c.Phase = p }
	}
	for name, c := range map[string]struct {
		change func(*threadv1.Conversation)
		phase  assign.Phase
		due    int64
	}{
		"active":             {in(threadv1.Phase_PHASE_ACTIVE), assign.Active, 0},
		"set aside":          {in(threadv1.Phase_PHASE_WAITING), assign.Done, 0},
		"closed":             {in(threadv1.Phase_PHASE_CLOSED), assign.Done, 0},
		"wrap-up keeps none": {in(threadv1.Phase_PHASE_WRAP_UP), assign.Done, 0},
		"wrap-up for a time": {func(c *threadv1.Conversation) { c.Phase, c.WrapUpBlocks = threadv1.Phase_PHASE_WRAP_UP, true }, assign.WrapUp, 9},
		"wrap-up till the end": {func(c *threadv1.Conversation) {
			c.Phase, c.WrapUpBlocks, c.DueMs = threadv1.Phase_PHASE_WRAP_UP, true, 0
		}, assign.WrapUp, 0},
		"in no queue yet": {func(c *threadv1.Conversation) { c.Phase, c.Queue = threadv1.Phase_PHASE_OPEN, "" }, assign.Done, 0},
		"in a queue":      {in(threadv1.Phase_PHASE_OPEN), assign.Waiting, 0},
		"offered": {func(c *threadv1.Conversation) {
			c.Phase, c.Offer = threadv1.Phase_PHASE_OPEN, &threadv1.Offer{Agent: "orlin", Fence: 8, UntilMs: 11}
		}, assign.Offered, 11},
	} {
		got := of(c.change)
		if got.Phase != c.phase || got.DueMS != c.due || got.Class.Units != 3 {
			t.Errorf("%s: %+v, want %s until %d", name, got, c.phase, c.due)
		}
		for part := range threadv1.Part_name {
			beside := of(func(conv *threadv1.Conversation) {
				c.change(conv)
				conv.Participants = []*threadv1.Participant{{Agent: "vera", Part: threadv1.Part(part), Attendance: threadv1.Attendance_ATTENDANCE_PRESENT, Public: true}}
			})
			if !reflect.DeepEqual(beside, got) {
				t.Errorf("%s, with somebody beside: %+v, want %+v", name, beside, got)
			}
		}
	}
}
