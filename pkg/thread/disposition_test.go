package thread_test

import (
	"strings"
	"testing"
	"time"

	"github.com/parley-desk/parley/pkg/thread"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
)

// wrapped is a conversation of Mila's in wrap-up.
func wrapped(t *testing.T, more ...*threadv1.Fact) *threadv1.State {
	t.Helper()
	facts := append([]*threadv1.Fact{
		thread.Of(&threadv1.ConversationOpened{Id: "c", Units: 1}), thread.Of(&threadv1.ConversationRouted{Queue: "q"}),
		thread.Of(&threadv1.AgentAssigned{Agent: "mila", Cause: threadv1.Cause_CAUSE_PICKED}), thread.Of(&threadv1.ConversationEnded{Agent: "mila"}),
	}, more...)
	commit, err := thread.Extend(thread.New("p", "c"), 0, time.UnixMilli(1), "test", facts...)
	if err != nil {
		t.Fatal(err)
	}
	return commit.GetState()
}

// L117: what the workstream wants to hear is said before a conversation closes,
// and stays with it.
func TestWrapUp(t *testing.T) {
	sold := []*threadv1.Disposition{{Code: "sold", Name: "Sold"}, {Code: "praise", Name: "Praise"}}
	for _, c := range []struct {
		name   string
		said   thread.Closing
		reason string
		want   string // kinds of facts
	}{
		{"nothing wanted, nothing said", thread.Closing{}, "", "closed"},
		{"said unasked", thread.Closing{Dispositions: sold, Note: "n", NoteID: "1"}, "", "disposed note closed"},
		{"said when wanted", thread.Closing{Dispositions: sold, Disposed: true}, "", "disposed closed"},
		{"not said when wanted", thread.Closing{Note: "n", Disposed: true}, thread.DispositionMissing, ""},
		{"no note when wanted", thread.Closing{Dispositions: sold, Noted: true}, thread.NoteMissing, ""},
		{"a note when wanted", thread.Closing{Note: "n", NoteID: "1", Noted: true}, "", "note closed"},
	} {
		s := wrapped(t)
		facts, err := thread.WrapUp(s, "c", "mila", c.said)
		var kinds []string
		for _, f := range facts {
			switch f.GetKind().(type) {
			case *threadv1.Fact_DispositionsChosen:
				kinds = append(kinds, "disposed")
			case *threadv1.Fact_NoteAdded:
				kinds = append(kinds, "note")
			case *threadv1.Fact_ConversationClosed:
				kinds = append(kinds, "closed")
			}
		}
		if got := strings.Join(kinds, " "); got != c.want || reasonOf(err) != c.reason {
			t.Errorf("%s: %s, %v", c.name, got, err)
		}
		if c.reason != "" {
			continue
		}
		commit, err := thread.Extend(s, 1, time.UnixMilli(2), "test", facts...)
		if err != nil {
			t.Fatal(err)
		}
		after := commit.GetState()
		if got := after.GetConversation().GetDispositions(); len(got) != len(c.said.Dispositions) || len(got) > 0 && got[0] != "sold" {
			t.Errorf("%s: kept %v", c.name, got)
		}
		if again, err := thread.WrapUp(after, "c", "mila", thread.Closing{Disposed: true}); err != nil || len(again) != 0 {
			t.Errorf("%s: closed again it gives %v, %v", c.name, again, err)
		}
	}
	if _, err := thread.WrapUp(wrapped(t), "c", "orlin", thread.Closing{}); reasonOf(err) != thread.NotYours {
		t.Errorf("by another: %v", err)
	}
}

func TestDispositionsAreTheAgentsAndOfWrapUp(t *testing.T) {
	fact := func(agent string, codes ...string) *threadv1.Fact {
		d := &threadv1.DispositionsChosen{Agent: agent}
		for _, code := range codes {
			d.Dispositions = append(d.Dispositions, &threadv1.Disposition{Code: code})
		}
		return thread.Of(d)
	}
	s := wrapped(t, fact("mila", "a", "b"), fact("mila", "c"))
	if got := s.GetConversation().GetDispositions(); len(got) != 1 || got[0] != "c" {
		t.Errorf("kept %v, want the last word", got)
	}
	for name, bad := range map[string]*threadv1.Fact{"another agent's": fact("orlin", "a"), "none": fact("mila")} {
		if err := thread.Apply(s, 2, time.UnixMilli(3), bad); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
	closed := wrapped(t, thread.Of(&threadv1.ConversationClosed{Cause: threadv1.Cause_CAUSE_TIMED_OUT}))
	if err := thread.Apply(closed, 2, time.UnixMilli(3), fact("mila", "a")); err == nil {
		t.Error("after the conversation closed: taken")
	}
	if err := thread.Apply(thread.New("p", "c"), 0, time.UnixMilli(3), fact("mila", "a")); err == nil {
		t.Error("of no conversation: taken")
	}
}
