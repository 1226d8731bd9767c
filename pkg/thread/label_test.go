package thread_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/parley-desk/parley/pkg/thread"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
)

// anyLabels are none to four, some of them in two cases.
func anyLabels(t *rapid.T, name string) []string {
	label := rapid.Map(rapid.IntRange(0, 25), func(n int) string {
		if n%2 == 0 {
			return fmt.Sprint("Label ", n/2)
		}
		return fmt.Sprint("label ", n/2)
	})
	return rapid.SliceOfN(label, 0, 4).Draw(t, name)
}

// checkLabels holds what is true of the labels of every reachable conversation.
func checkLabels(t *rapid.T, c *threadv1.Conversation) {
	labels := c.GetLabels()
	if len(labels) > thread.MostLabels {
		t.Fatalf("%d labels", len(labels))
	}
	for i, label := range labels {
		if label == "" || thread.Label(label) != label || thread.HasLabel(labels[:i], label) {
			t.Fatalf("%q is a label of %q", label, labels)
		}
	}
}

// TestLabelsAreASet whatever is asked for, in whatever order: those that the rule
// gives, each command once, and a command that is refused or repeated changes nothing.
func TestLabelsAreASet(t *testing.T) {
	start := talk(t, active)
	rapid.Check(t, func(t *rapid.T) {
		s := thread.New("1", "2")
		s.Conversation, s.Fence = start.GetConversation(), start.GetFence()
		if err := thread.Apply(s, 1, time.UnixMilli(5), thread.Of(&threadv1.LabelsChanged{By: "mila", Added: []string{"first"}})); err != nil {
			t.Fatal(err)
		}
		want := map[string]bool{"first": true}
		for n := range rapid.IntRange(1, 30).Draw(t, "commands") {
			change := &threadv1.LabelsChanged{By: "mila", Added: anyLabels(t, "added"), Removed: anyLabels(t, "removed"), ClientId: fmt.Sprint(n)}
			after := map[string]bool{}
			for label := range want {
				after[label] = want[label] && !slices.ContainsFunc(change.GetRemoved(), func(l string) bool { return strings.ToLower(l) == label })
			}
			for _, label := range change.GetAdded() {
				after[strings.ToLower(label)] = true
			}
			count := 0
			for _, there := range after {
				if there {
					count++
				}
			}
			facts, err := thread.ChangeLabels(s, "c", change)
			if over := count > thread.MostLabels; over != (reasonOf(err) == thread.TooManyLabels) || !over && err != nil {
				t.Fatalf("%d labels: %v", count, err)
			}
			for _, f := range facts {
				if err := thread.Apply(s, 1, time.UnixMilli(5), f); err != nil {
					t.Fatal(err)
				}
				if again, err := thread.ChangeLabels(s, "c", change); len(again) > 0 || err != nil {
					t.Fatalf("repeated: %v, %v", again, err)
				}
			}
			if err == nil {
				want = after
			}
			checkLabels(t, s.GetConversation())
			for label, there := range want {
				if thread.HasLabel(s.GetConversation().GetLabels(), label) != there {
					t.Fatalf("%q: %v in %q", label, there, s.GetConversation().GetLabels())
				}
			}
		}
	})
}

func relabel(by string, removed []string, added ...string) *threadv1.LabelsChanged {
	return &threadv1.LabelsChanged{By: by, Added: added, Removed: removed}
}

// TestALabelIsWrittenInOneWay: as it was first, until it is taken away.
func TestALabelIsWrittenInOneWay(t *testing.T) {
	s := talk(t, active)
	for _, c := range []struct {
		change *threadv1.LabelsChanged
		facts  int
		want   string
	}{
		{relabel("mila", nil, "VIP", "vip"), 1, "VIP"},
		{relabel("mila", nil, "vip"), 0, "VIP"},
		{relabel("mila", []string{"nothing"}), 0, "VIP"},
		{relabel("mila", nil, "спешно"), 1, "VIP спешно"},
		{relabel("mila", []string{"СПЕШНО", "vip"}, "Vip"), 1, "Vip"},
		{relabel("mila", []string{"VIP"}), 1, ""},
	} {
		facts, err := thread.ChangeLabels(s, "c", c.change)
		for _, f := range facts {
			if err := thread.Apply(s, 1, time.UnixMilli(5), f); err != nil {
				t.Fatal(err)
			}
		}
		if got := strings.Join(s.GetConversation().GetLabels(), " "); got != c.want || len(facts) != c.facts || err != nil {
			t.Errorf("%v: %d facts, %q, %v; want %q", c.change, len(facts), got, err, c.want)
		}
	}
	for text, want := range map[string]string{
		"  late \t delivery\n": "late delivery", strings.Repeat("я", 40): strings.Repeat("я", 40), "👨‍👩‍👧": "👨‍👩‍👧",
		strings.Repeat("я", 41): "", " ": "", "\u200b": "", "a\x00": "", "a\u202eb": "", "a\xff": "",
	} {
		if got := thread.Label(text); got != want {
			t.Errorf("%q is written %q, want %q", text, got, want)
		}
	}
}

// TestWhoLabels: whoever may write a note, and nobody else.
func TestWhoLabels(t *testing.T) {
	states := map[string]*threadv1.State{"open": talk(t, open), "active": talk(t, active), "waiting": talk(t, waiting), "wrap-up": talk(t, wrapUp), "closed": talk(t, closed),
		"advised": after(t, talk(t, active), &threadv1.ConsultAsked{Id: "q", Agent: "orlin", By: "mila"}, &threadv1.ConsultAnswered{Id: "q", Agent: "orlin", Accepted: true}),
		"asked":   after(t, talk(t, active), &threadv1.ConsultAsked{Id: "q", Agent: "orlin", By: "mila"}),
		"watched": after(t, talk(t, active), &threadv1.MonitoringBegan{Agent: "orlin"}),
		"joined":  after(t, talk(t, active), &threadv1.SupervisorJoined{Agent: "orlin"})}
	for name, s := range states {
		for _, agent := range []string{"mila", "orlin"} {
			facts, err := thread.ChangeLabels(s, "c", relabel(agent, nil, agent))
			if may := slices.Contains(thread.Allowed(s, agent), "note"); may != (len(facts) == 1 && err == nil) || !may && reasonOf(err) == "" {
				t.Errorf("%s by %s: %v, %v", name, agent, facts, err)
			}
			for _, f := range facts {
				if err := thread.Apply(s, 1, time.UnixMilli(5), f); err != nil {
					t.Errorf("%s by %s: %v", name, agent, err)
				}
			}
		}
	}
	if _, err := thread.ChangeLabels(states["active"], "other", relabel("mila", nil, "late")); reasonOf(err) != thread.NotCurrent {
		t.Errorf("of another conversation: %v", err)
	}
	for reason, f := range map[string]*threadv1.LabelsChanged{
		thread.BadFact: relabel("mila", nil), thread.TooManyLabels: relabel("mila", nil, "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11"),
	} {
		if err := thread.Apply(talk(t, active), 1, time.UnixMilli(5), thread.Of(f)); reasonOf(err) != reason {
			t.Errorf("%v: %v", f, err)
		}
	}
	for _, f := range []*threadv1.LabelsChanged{relabel("", nil, "late"), relabel("mila", nil, " late"), relabel("mila", nil, "")} {
		if err := thread.Apply(talk(t, active), 1, time.UnixMilli(5), thread.Of(f)); reasonOf(err) != thread.BadFact {
			t.Errorf("%v: %v", f, err)
		}
	}
}

// TestLabelsStay when a conversation is handed over, and go with it: the next one of
// the customer has none, and nothing is left of them when the thread is erased.
func TestLabelsStay(t *testing.T) {
	s := after(t, talk(t, active), relabel("mila", nil, "late"), &threadv1.ConversationReleased{Cause: threadv1.Cause_CAUSE_RELEASED},
		&threadv1.AgentAssigned{Agent: "orlin", Cause: threadv1.Cause_CAUSE_PICKED}, &threadv1.ConversationEnded{Agent: "orlin"},
		&threadv1.ConversationClosed{Cause: threadv1.Cause_CAUSE_WRAPPED_UP, By: "orlin"})
	if got := s.GetConversation().GetLabels(); !slices.Equal(got, []string{"late"}) {
		t.Errorf("handed over and closed: %q", got)
	}
	if next := after(t, s, &threadv1.ConversationOpened{Id: "d"}); len(next.GetConversation().GetLabels()) != 0 {
		t.Errorf("the next one has %q", next.GetConversation().GetLabels())
	}
	gone := after(t, talk(t, active), relabel("mila", nil, "late"), &threadv1.ThreadErased{Erasure: "e"})
	if got := gone.GetConversation().GetLabels(); len(got) != 0 {
		t.Errorf("erased: %q", got)
	}
}
