package thread_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/parley-desk/parley/pkg/thread"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
)

// L116: variables are set while a conversation lives, each command once.
func TestSetVariables(t *testing.T) {
	s := wrapped(t)
	set := func(client string, values map[string]string) (int, error) {
		facts, err := thread.SetVariables(s, "c", &threadv1.VariablesSet{Agent: "mila", Variables: values, ClientId: client})
		for _, f := range facts {
			if err := thread.Apply(s, 1, time.UnixMilli(5), f); err != nil {
				t.Fatal(err)
			}
		}
		return len(facts), err
	}
	for _, c := range []struct {
		client string
		values map[string]string
		facts  int
		want   map[string]string
	}{
		{"1", map[string]string{"order": "A", "tier": "gold"}, 1, map[string]string{"order": "A", "tier": "gold"}},
		{"1", map[string]string{"order": "B"}, 0, map[string]string{"order": "A", "tier": "gold"}},
		{"2", map[string]string{"order": "A"}, 0, map[string]string{"order": "A", "tier": "gold"}},
		{"3", map[string]string{"order": "", "tier": "basic"}, 1, map[string]string{"tier": "basic"}},
		{"4", map[string]string{"gone": ""}, 0, map[string]string{"tier": "basic"}},
	} {
		n, err := set(c.client, c.values)
		if diff := cmp.Diff(c.want, s.GetConversation().GetVariables()); diff != "" || n != c.facts || err != nil {
			t.Errorf("%s %v: %d facts, %v\n%s", c.client, c.values, n, err, diff)
		}
	}
	if _, err := thread.SetVariables(s, "other", &threadv1.VariablesSet{}); reasonOf(err) != thread.NotCurrent {
		t.Errorf("of another conversation: %v", err)
	}
	closed := wrapped(t, thread.Of(&threadv1.ConversationClosed{Cause: threadv1.Cause_CAUSE_TIMED_OUT}))
	if _, err := thread.SetVariables(closed, "c", &threadv1.VariablesSet{Variables: map[string]string{"a": "b"}}); reasonOf(err) != thread.WrongPhase {
		t.Errorf("of one that is closed: %v", err)
	}
}
