package thread_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"
	"pgregory.net/rapid"

	"github.com/parley-desk/parley/pkg/thread"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
)

// The table as people agreed on it: the states of L80, L81, opening by L85, transfers by L103 and
// L107, assigning from the queue by L106, overflow by L51 and L53, time by L87 and
// L89.
func TestTheTableIsTheOneAgreedOn(t *testing.T) {
	want := strings.TrimSpace(`
UNSPECIFIED -> OPEN: conversation_opened
CLOSED -> OPEN: conversation_opened
OPEN -> ACTIVE: agent_assigned by ACCEPTED, PICKED, ASSIGNED, AUTO_ASSIGNED
ACTIVE -> ACTIVE: agent_assigned by TRANSFERRED
ACTIVE -> OPEN: conversation_released by RELEASED, DISCONNECTED, TRANSFERRED
ACTIVE -> WAITING: conversation_parked
ACTIVE -> WRAP_UP: conversation_ended
WAITING -> ACTIVE: agent_assigned by RESUMED, TRANSFERRED
WAITING -> OPEN: conversation_revived
OPEN -> CLOSED: conversation_closed by AUTO_CLOSED, CUSTOMER_SILENT, AGENT_SILENT, TIMED_OUT, FORCED, OVERFLOWED, BOT_ENDED
ACTIVE -> CLOSED: conversation_closed by AUTO_CLOSED, CUSTOMER_SILENT, AGENT_SILENT, TIMED_OUT, FORCED
WAITING -> CLOSED: conversation_closed by AUTO_CLOSED, CUSTOMER_SILENT, AGENT_SILENT, TIMED_OUT, FORCED
WRAP_UP -> CLOSED: conversation_closed by WRAPPED_UP, AUTO_CLOSED, TIMED_OUT, FORCED`)
	var rows []string
	for _, turn := range thread.Turns() {
		row := strings.TrimPrefix(turn.From.String(), "PHASE_") + " -> " + strings.TrimPrefix(turn.To.String(), "PHASE_") + ": " + turn.Fact
		var by []string
		for _, c := range turn.Causes {
			by = append(by, strings.TrimPrefix(c.String(), "CAUSE_"))
		}
		if len(by) > 0 {
			row += " by " + strings.Join(by, ", ")
		}
		rows = append(rows, row)
	}
	if d := cmp.Diff(strings.Split(want, "\n"), rows); d != "" {
		t.Error(d)
	}
}

// kind is the name of a fact's field, and cause its cause, if it can have one.
func kind(f *threadv1.Fact) string {
	r := f.ProtoReflect()
	if field := r.WhichOneof(r.Descriptor().Oneofs().ByName("kind")); field != nil {
		return string(field.Name())
	}
	return ""
}

func cause(f *threadv1.Fact) threadv1.Cause {
	switch k := f.GetKind().(type) {
	case *threadv1.Fact_AgentAssigned:
		return k.AgentAssigned.GetCause()
	case *threadv1.Fact_ConversationReleased:
		return k.ConversationReleased.GetCause()
	case *threadv1.Fact_ConversationClosed:
		return k.ConversationClosed.GetCause()
	}
	return threadv1.Cause_CAUSE_UNSPECIFIED
}

// row tells whether the table has a row by which f leads from was to is.
func row(was, is threadv1.Phase, f *threadv1.Fact) bool {
	return slices.ContainsFunc(thread.Turns(), func(turn thread.Turn) bool {
		return turn.From == was && turn.To == is && turn.Fact == kind(f) &&
			(len(turn.Causes) == 0 || slices.Contains(turn.Causes, cause(f)))
	})
}

// ofLife tells whether f is a fact that the table speaks of.
func ofLife(f *threadv1.Fact) bool {
	return slices.ContainsFunc(thread.Turns(), func(turn thread.Turn) bool { return turn.Fact == kind(f) })
}

func TestNoSequenceOfFactsLeavesTheTable(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := thread.New("1", "2")
		for n := range rapid.IntRange(1, 60).Draw(t, "length") {
			before := proto.CloneOf(s)
			f := anyFact(t, n)
			err := thread.Apply(s, uint64(n), time.UnixMilli(int64(n)), f)
			if err != nil {
				var r *thread.Refusal
				if !errors.As(err, &r) || r.Reason == "" || r.Phase != before.GetConversation().GetPhase() {
					t.Fatalf("%s is refused by %v, which does not say why and where", kind(f), err)
				}
				if d := cmp.Diff(before, s, protocmp.Transform()); d != "" {
					t.Fatalf("a refused %s changed the state:\n%s", kind(f), d)
				}
				continue
			}
			was, is := before.GetConversation().GetPhase(), s.GetConversation().GetPhase()
			if ofLife(f) && !row(was, is, f) || !ofLife(f) && was != is {
				t.Fatalf("%s by %v led from %v to %v", kind(f), cause(f), was, is)
			}
			checkState(t, before, s)
		}
	})
}

// Every row can be walked, and every other pair of a phase and a fact with its
// cause is refused.
func TestEveryRowOfTheTable(t *testing.T) {
	for _, phase := range []threadv1.Phase{threadv1.Phase_PHASE_UNSPECIFIED, open, active, waiting, wrapUp, closed} {
		for value := range threadv1.Cause_name {
			by := threadv1.Cause(value)
			for _, f := range []*threadv1.Fact{
				thread.Of(&threadv1.ConversationOpened{Id: "c2"}),
				thread.Of(&threadv1.AgentAssigned{Agent: "mila", Fence: 7, Cause: by}),
				thread.Of(&threadv1.ConversationReleased{Cause: by}),
				thread.Of(&threadv1.ConversationParked{Agent: "mila"}),
				thread.Of(&threadv1.ConversationRevived{}),
				thread.Of(&threadv1.ConversationEnded{Agent: "mila"}),
				thread.Of(&threadv1.ConversationClosed{Cause: by}),
			} {
				t.Run(fmt.Sprintf("%s by %v in %v", kind(f), by, phase), func(t *testing.T) {
					s := thread.New("1", "2")
					if phase != threadv1.Phase_PHASE_UNSPECIFIED {
						s = talk(t, phase)
					}
					allowed := slices.ContainsFunc(thread.Turns(), func(turn thread.Turn) bool { return row(phase, turn.To, f) })
					err := thread.Apply(s, 1, time.UnixMilli(3000), f)
					if (err == nil) != allowed {
						t.Fatalf("allowed %t, error %v", allowed, err)
					}
					if err == nil && !row(phase, s.GetConversation().GetPhase(), f) {
						t.Fatalf("led to %v", s.GetConversation().GetPhase())
					}
				})
			}
		}
	}
}

// Who set a conversation aside is the one who comes back to it.
func TestOnlyItsAgentResumes(t *testing.T) {
	err := thread.Apply(talk(t, waiting), 1, time.UnixMilli(3000), thread.Of(&threadv1.AgentAssigned{Agent: "orlin", Cause: threadv1.Cause_CAUSE_RESUMED}))
	var r *thread.Refusal
	if !errors.As(err, &r) || r.Reason != thread.NotYours {
		t.Fatalf("another agent resumed: %v", err)
	}
}
