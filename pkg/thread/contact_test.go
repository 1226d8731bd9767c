package thread_test

import (
	"errors"
	"testing"
	"time"

	"github.com/parley-desk/parley/pkg/thread"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
)

// story applies facts one after the other.
func story(t *testing.T, s *threadv1.State, kinds ...any) {
	t.Helper()
	for i, k := range kinds {
		f, ok := k.(*threadv1.Fact)
		if !ok {
			f = thread.Of(k)
		}
		if err := thread.Apply(s, uint64(i), time.UnixMilli(int64(i+1)), f); err != nil {
			t.Fatalf("fact %d: %v", i, err)
		}
	}
}

func reasonOf(err error) string {
	var r *thread.Refusal
	if errors.As(err, &r) {
		return r.Reason
	}
	return ""
}

// S44, S45: what an agent said of a customer holds for later conversations.
func TestALinkIsKeptForLaterConversations(t *testing.T) {
	s := thread.New("1", "2")
	story(t, s, &threadv1.ConversationOpened{Id: "c1", Units: 1}, &threadv1.AgentAssigned{Agent: "mila", Cause: threadv1.Cause_CAUSE_PICKED})
	facts, err := thread.Link(s, "c1", "mila", "cl1", "ivan")
	if err != nil {
		t.Fatal(err)
	}
	story(t, s, facts[0])
	if l := s.GetContact(); l.GetContact() != "ivan" || l.GetSource() != threadv1.LinkSource_LINK_SOURCE_AGENT || l.GetBy() != "mila" || l.GetSinceMs() == 0 {
		t.Errorf("the link is %v", l)
	}
	if again, err := thread.Link(s, "c1", "mila", "cl1", "ivan"); len(again) != 0 || err != nil {
		t.Errorf("a repeated command: %v, %v", again, err)
	}
	story(t, s, &threadv1.ConversationClosed{Cause: threadv1.Cause_CAUSE_FORCED}, &threadv1.ConversationOpened{Id: "c2", Units: 1})
	kept := thread.Kept(s)
	if len(kept) != 1 || kept[0].GetContactLinked().GetContact() != "ivan" || kept[0].GetContactLinked().GetSource() != threadv1.LinkSource_LINK_SOURCE_KEPT {
		t.Fatalf("the next conversation tells %v", kept)
	}
	story(t, s, kept[0])
	if l := s.GetContact(); l.GetContact() != "ivan" || l.GetSource() != threadv1.LinkSource_LINK_SOURCE_AGENT {
		t.Errorf("the link became %v", l)
	}
}

// L100: a link is taken back by the agent of the conversation, while it lasts, and
// nothing makes it again by itself.
func TestALinkIsTakenBackWhileTheConversationLasts(t *testing.T) {
	s := thread.New("1", "2")
	story(t, s, &threadv1.ConversationOpened{Id: "c1", Units: 1}, &threadv1.ContactLinked{Contact: "ivan", Source: threadv1.LinkSource_LINK_SOURCE_AUTOMATIC})
	if _, err := thread.Unlink(s, "c1", "mila", "", "ivan"); reasonOf(err) != thread.WrongPhase {
		t.Errorf("of a conversation that nobody has: %v", err)
	}
	story(t, s, &threadv1.AgentAssigned{Agent: "mila", Cause: threadv1.Cause_CAUSE_PICKED})
	for want, try := range map[string]func() ([]*threadv1.Fact, error){
		thread.NotYours:   func() ([]*threadv1.Fact, error) { return thread.Unlink(s, "c1", "orlin", "", "ivan") },
		thread.NotCurrent: func() ([]*threadv1.Fact, error) { return thread.Link(s, "c0", "mila", "", "ivan") },
		thread.NotLinked:  func() ([]*threadv1.Fact, error) { return thread.Unlink(s, "c1", "mila", "", "maria") },
	} {
		if _, err := try(); reasonOf(err) != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
	facts, err := thread.Unlink(s, "c1", "mila", "cl1", "ivan")
	if err != nil {
		t.Fatal(err)
	}
	story(t, s, facts[0])
	if s.GetContact() != nil || len(thread.Kept(s)) != 0 {
		t.Errorf("it is still %v", s.GetContact())
	}
	again := thread.Of(&threadv1.ContactLinked{Contact: "ivan", Source: threadv1.LinkSource_LINK_SOURCE_AUTOMATIC})
	if err := thread.Apply(s, 9, time.UnixMilli(9), again); reasonOf(err) != thread.LinkedOther {
		t.Errorf("what an agent took back was made again: %v", err)
	}
	story(t, s, &threadv1.ConversationClosed{Cause: threadv1.Cause_CAUSE_FORCED})
	if _, err := thread.Link(s, "c1", "mila", "", "ivan"); reasonOf(err) != thread.WrongPhase {
		t.Errorf("of a closed conversation: %v", err)
	}
}
