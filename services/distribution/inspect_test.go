package distribution_test

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/parley-desk/parley/pkg/bus"
	"github.com/parley-desk/parley/pkg/thread"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
	"github.com/parley-desk/parley/proto/subject"
)

// inspector reads the log and nothing else, and finds what must never be in it.
type inspector struct {
	capacity int // of every agent
	load     map[string]int
	threads  map[subject.Thread]*story
	faults   []string
}

// story is what the log says of a thread so far.
type story struct {
	conversation string // empty: none is open
	owner        string
	offer        *threadv1.OfferMade
	fence        int64 // highest so far
}

// inspect reads the commits of so many conversations, all of which must have
// come to an end.
func inspect(records []bus.Record, capacity, conversations int) []string {
	records = slices.SortedStableFunc(slices.Values(records), func(a, b bus.Record) int {
		if a.Thread == b.Thread {
			return cmp.Compare(a.Revision, b.Revision)
		}
		return cmp.Or(a.Stored.Compare(b.Stored), cmp.Compare(a.Partition, b.Partition), cmp.Compare(a.Revision, b.Revision))
	})
	i := &inspector{capacity: capacity, load: map[string]int{}, threads: map[subject.Thread]*story{}}
	for _, rec := range records {
		if i.threads[rec.Thread] == nil {
			i.threads[rec.Thread] = &story{}
		}
		for _, f := range rec.Commit.GetFacts() {
			i.read(i.threads[rec.Thread], rec, f)
		}
	}
	if n := len(i.threads); n != conversations {
		i.faults = append(i.faults, fmt.Sprintf("%d conversations began, want %d", n, conversations))
	}
	for who, s := range i.threads {
		if s.conversation != "" {
			i.faults = append(i.faults, fmt.Sprintf("%s is lost: %s never ended", who.Key(), s.conversation))
		}
	}
	slices.Sort(i.faults)
	return i.faults
}

func (i *inspector) read(s *story, rec bus.Record, f *threadv1.Fact) {
	fault := func(format string, args ...any) {
		i.faults = append(i.faults, fmt.Sprintf("%s at %d: ", rec.Thread.Key(), rec.Revision)+fmt.Sprintf(format, args...))
	}
	switch {
	case f.GetConversationOpened() != nil:
		s.conversation = f.GetConversationOpened().GetId()
	case f.GetOfferMade() != nil:
		o := f.GetOfferMade()
		if s.offer != nil || s.owner != "" {
			fault("offered to %s, while %s%s has it", o.GetAgent(), s.offer.GetAgent(), s.owner)
		}
		if o.GetFence() <= s.fence {
			fault("offered under fence %d after %d", o.GetFence(), s.fence)
		}
		s.offer, s.fence = o, max(s.fence, o.GetFence())
	case f.GetOfferEnded() != nil:
		if f.GetOfferEnded().GetFence() != s.offer.GetFence() {
			fault("offer %d ended, which is not %d", f.GetOfferEnded().GetFence(), s.offer.GetFence())
		}
		s.offer = nil
	case f.GetAgentAssigned() != nil:
		a := f.GetAgentAssigned()
		if s.owner != "" {
			fault("assigned to %s, while %s has it", a.GetAgent(), s.owner)
		}
		if s.offer.GetAgent() != a.GetAgent() || s.offer.GetFence() != a.GetFence() {
			fault("assigned to %s under %d, offered to %s under %d", a.GetAgent(), a.GetFence(), s.offer.GetAgent(), s.offer.GetFence())
		}
		s.owner, s.offer = a.GetAgent(), nil
		if i.load[s.owner]++; i.load[s.owner] > i.capacity {
			fault("%s has %d conversations, capacity %d", s.owner, i.load[s.owner], i.capacity)
		}
	case f.GetConversationReleased() != nil, f.GetConversationEnded() != nil:
		i.free(s)
	case f.GetConversationClosed() != nil:
		i.free(s)
		s.offer, s.conversation = nil, ""
	}
}

func (i *inspector) free(s *story) {
	if s.owner != "" {
		i.load[s.owner]--
	}
	s.owner = ""
}

// TestInspectorSeesWhatMustNotBe plants faults in a log.
func TestInspectorSeesWhatMustNotBe(t *testing.T) {
	opened := &threadv1.ConversationOpened{Id: "c"}
	offer := func(agent string, fence int64) any { return &threadv1.OfferMade{Agent: agent, Fence: fence} }
	lapsed := func(fence int64) any { return &threadv1.OfferEnded{Fence: fence} }
	accepted := func(agent string, fence int64) any { return &threadv1.AgentAssigned{Agent: agent, Fence: fence} }
	over := func(agent string) any { return &threadv1.ConversationEnded{Agent: agent} }
	closed := &threadv1.ConversationClosed{}
	type line struct {
		who  int
		kind any
	}
	for _, c := range []struct {
		name, want string
		log        []line
	}{
		{"all is well", "", []line{{1, opened}, {2, opened}, {1, offer("mila", 1)}, {1, lapsed(1)}, {1, offer("orlin", 2)}, {2, offer("mila", 3)},
			{1, accepted("orlin", 2)}, {2, accepted("mila", 3)}, {1, over("orlin")}, {1, closed}, {2, closed}}},
		{"one never ended", "7000002 is lost", []line{{1, opened}, {2, opened}, {1, closed}}},
		{"one never began", "1 conversations began, want 2", []line{{1, opened}, {1, closed}}},
		{"two have it", "assigned to orlin, while mila has it", []line{{1, opened}, {1, offer("mila", 1)}, {1, accepted("mila", 1)},
			{1, accepted("orlin", 2)}, {1, closed}, {2, opened}, {2, closed}}},
		{"offered though somebody has it", "offered to orlin, while mila has it", []line{{1, opened}, {1, offer("mila", 1)}, {1, accepted("mila", 1)},
			{1, offer("orlin", 2)}, {1, closed}, {2, opened}, {2, closed}}},
		{"offered to two", "offered to orlin, while mila has it", []line{{1, opened}, {1, offer("mila", 1)}, {1, offer("orlin", 2)}, {1, closed},
			{2, opened}, {2, closed}}},
		{"a fence goes back", "under fence 1 after 2", []line{{1, opened}, {1, offer("mila", 2)}, {1, lapsed(2)}, {1, offer("mila", 1)}, {1, closed},
			{2, opened}, {2, closed}}},
		{"accepted after its end", "assigned to mila under 1, offered to  under 0", []line{{1, opened}, {1, offer("mila", 1)}, {1, lapsed(1)},
			{1, accepted("mila", 1)}, {1, closed}, {2, opened}, {2, closed}}},
		{"accepted by another", "assigned to orlin under 1, offered to mila", []line{{1, opened}, {1, offer("mila", 1)}, {1, accepted("orlin", 1)},
			{1, closed}, {2, opened}, {2, closed}}},
		{"another offer ends", "offer 7 ended, which is not 1", []line{{1, opened}, {1, offer("mila", 1)}, {1, lapsed(7)}, {1, closed},
			{2, opened}, {2, closed}}},
		{"more than one can take", "mila has 2 conversations, capacity 1", []line{{1, opened}, {2, opened}, {1, offer("mila", 1)},
			{1, accepted("mila", 1)}, {2, offer("mila", 2)}, {2, accepted("mila", 2)}, {1, closed}, {2, closed}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var records []bus.Record
			for n, l := range c.log {
				records = append(records, bus.Record{Thread: customer(l.who), Revision: uint64(n + 1), Stored: time.UnixMilli(int64(n)),
					Commit: &threadv1.Commit{Facts: []*threadv1.Fact{thread.Of(l.kind)}}})
			}
			slices.Reverse(records) // the log says in which order
			got := inspect(records, 1, 2)
			if (c.want == "") != (len(got) == 0) || !strings.Contains(strings.Join(got, "\n"), c.want) {
				t.Errorf("found %q, want %q", got, c.want)
			}
		})
	}
}
