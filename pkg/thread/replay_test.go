package thread_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"
	"pgregory.net/rapid"

	"github.com/parley-desk/parley/pkg/thread"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
)

// log is a thread's log: the commits and what each was read at.
type log struct {
	state   *threadv1.State
	commits []*threadv1.Commit
}

func (l *log) revision() uint64 { return uint64(len(l.commits)) }

// append commits facts as the bus does; what the thread refuses is left out.
func (l *log) append(now time.Time, facts ...*threadv1.Fact) {
	c, err := thread.Extend(l.state, l.revision(), now, "test/1", facts...)
	if err == nil {
		l.commits, l.state = append(l.commits, c), c.GetState()
	}
}

// anyLog draws a log of facts of Meta's, facts of our own and commands, some of
// which come more than once.
func anyLog(t *rapid.T) *log {
	l := &log{state: thread.New("1", "2")}
	client := rapid.SampledFrom([]string{"press1", "press2", "press3"})
	for n := range rapid.IntRange(1, 50).Draw(t, "length") {
		now := time.UnixMilli(int64(n))
		if conversation := l.state.GetConversation(); rapid.IntRange(0, 3).Draw(t, "command") == 0 {
			facts, err := press(l.state, now, conversation.GetId(), conversation.GetAgent(), client.Draw(t, "client"))
			if err == nil {
				l.append(now, facts...)
			}
			continue
		}
		facts := []*threadv1.Fact{anyFact(t, n)}
		if rapid.Bool().Draw(t, "two") {
			facts = append(facts, anyFact(t, n+100))
		}
		l.append(now, facts...)
	}
	return l
}

// press is a command of a desk: a reply under one id, a note under others.
func press(s *threadv1.State, now time.Time, conversation, agent, client string) ([]*threadv1.Fact, error) {
	if client == "press1" {
		return thread.RequestSend(s, now, conversation, agent, "i"+client, client, "hello")
	}
	return thread.AddNote(s, conversation, agent, "i"+client, client, "hello")
}

// reader folds commits and passes over those it has had.
type reader struct {
	state    *threadv1.State
	revision uint64
}

func (r *reader) take(t *rapid.T, revision uint64, c *threadv1.Commit) {
	if revision <= r.revision {
		return
	}
	for _, f := range c.GetFacts() {
		if err := thread.Apply(r.state, r.revision, time.UnixMilli(c.GetAtMs()), f); err != nil {
			t.Fatalf("%s of commit %d cannot happen to a reader: %v", kind(f), revision, err)
		}
	}
	r.revision = revision
}

// Whatever part of a thread's past comes again, in whichever of the three ways
// in which things come again, changes nothing: a reader gets commits that it
// has had, Meta repeats its events, a desk repeats its commands.
func TestReplayingAnyPrefixTwiceChangesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := anyLog(t)
		r := &reader{state: thread.New("1", "2")}
		for i, c := range l.commits {
			r.take(t, uint64(i+1), c)
			if d := cmp.Diff(c.GetState(), r.state, protocmp.Transform()); d != "" {
				t.Fatalf("the facts of commit %d do not lead to its state:\n%s", i+1, d)
			}
			for again := range rapid.IntRange(0, i+1).Draw(t, "again") {
				r.take(t, uint64(again+1), l.commits[again])
			}
		}
		s := proto.CloneOf(l.state)
		for _, c := range l.commits[:rapid.IntRange(0, len(l.commits)).Draw(t, "prefix")] {
			for _, f := range c.GetFacts() {
				repeat(t, s, f)
			}
		}
		if d := cmp.Diff(l.state, s, protocmp.Transform()); d != "" {
			t.Fatalf("repetitions changed the thread:\n%s", d)
		}
		if d := cmp.Diff(l.state, r.state, protocmp.Transform()); d != "" {
			t.Fatalf("commits that came again changed the reader:\n%s", d)
		}
	})
}

// repeat has Meta or a desk do again what led to f.
func repeat(t *rapid.T, s *threadv1.State, f *threadv1.Fact) {
	at := time.UnixMilli(99)
	switch client := f.GetSendRequested().GetClientId() + f.GetNoteAdded().GetClientId() +
		f.GetConsultAsked().GetClientId() + f.GetConversationReleased().GetClientId(); {
	case client != "":
		c := s.GetConversation()
		for _, command := range []func() ([]*threadv1.Fact, error){
			func() ([]*threadv1.Fact, error) {
				return thread.RequestSend(s, at, c.GetId(), c.GetAgent(), "new", client, "hello")
			},
			func() ([]*threadv1.Fact, error) {
				return thread.AddNote(s, c.GetId(), c.GetAgent(), "new", client, "hello")
			},
			func() ([]*threadv1.Fact, error) {
				return thread.RepeatSend(s, at, c.GetId(), c.GetAgent(), "new", client, "old", []string{"a"})
			},
			func() ([]*threadv1.Fact, error) {
				return thread.AskConsult(s, c.GetId(), c.GetAgent(), "next", "new", client, "", at)
			},
			func() ([]*threadv1.Fact, error) {
				return thread.Handover{Conversation: c.GetId(), By: c.GetAgent(), ClientID: client}.ToQueue(s, "back")
			},
			func() ([]*threadv1.Fact, error) {
				return thread.Handover{Conversation: c.GetId(), By: c.GetAgent(), ClientID: client}.ToAgent(s, at, "next")
			},
		} {
			if facts, err := command(); err != nil || len(facts) > 0 {
				t.Fatalf("command %s came again and gave %d facts and %v", client, len(facts), err)
			}
		}
	case f.GetEventKey() != "":
		err := thread.Apply(s, 99, at, f)
		if r := new(thread.Refusal); !errors.As(err, &r) || r.Reason != thread.Repeated {
			t.Fatalf("%s happened twice: %v", kind(f), err)
		}
	case f.GetDeliveryReported() != nil || f.GetReadReported() != nil:
		if err := thread.Apply(s, 99, at, f); err != nil {
			t.Fatalf("a mark was refused: %v", err)
		}
	}
}
