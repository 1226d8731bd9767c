package keeping_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/parley-desk/parley/pkg/bus"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
	"github.com/parley-desk/parley/proto/subject"
	"github.com/parley-desk/parley/services/attachment/internal/keeping"
)

var now = time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)

// commit is one so many days ago, which leaves a conversation of a workstream; closed
// is how many days ago that was closed, negative: it is open.
type commit struct {
	days       float64
	workstream string
	closed     float64
	inbound    uint64
}

// records are the commits of a thread; behind a closed conversation another begins.
func records(commits []commit) (all []bus.Record) {
	id := 0
	for i, c := range commits {
		if i > 0 && commits[i-1].closed >= 0 && (c.closed != commits[i-1].closed || c.workstream != commits[i-1].workstream) {
			id++
		}
		r := c.record(uint64(i + 1))
		if conversation := r.Commit.GetState().GetConversation(); conversation != nil {
			conversation.Id = fmt.Sprint("c", id)
		}
		all = append(all, r)
	}
	return all
}

func (c commit) record(revision uint64) bus.Record {
	conversation := &threadv1.Conversation{Workstream: c.workstream, Phase: threadv1.Phase_PHASE_ACTIVE}
	if c.closed >= 0 {
		conversation.Phase, conversation.EnteredMs = threadv1.Phase_PHASE_CLOSED, ago(c.closed).UnixMilli()
	}
	if c.workstream == "" {
		conversation = nil
	}
	return bus.Record{Thread: subject.Thread{Page: "1", PSID: "a"}, Revision: revision, Commit: &threadv1.Commit{AtMs: ago(c.days).UnixMilli(),
		State: &threadv1.State{Conversation: conversation}, Facts: []*threadv1.Fact{{InboundSeq: c.inbound}}}}
}

func ago(days float64) time.Time { return now.Add(-time.Duration(days * 24 * float64(time.Hour))) }

// TestWhatGoesOfAThread: "month" is kept for 30 days, "year" for 365, "ever" for ever,
// and the page is of "month". Commits have the revisions 1, 2, 3...
func TestWhatGoesOfAThread(t *testing.T) {
	for name, c := range map[string]struct {
		commits  []commit
		revision uint64
		inbound  uint64
	}{
		"nothing that is open":                          {commits: []commit{{400, "month", -1, 1}, {399, "month", -1, 2}}},
		"what was closed long enough ago":               {[]commit{{40, "month", -1, 1}, {31, "month", 31, 2}}, 2, 2},
		"with what came after it was closed":            {[]commit{{40, "month", 40, 1}, {39, "month", 40, 7}}, 2, 7},
		"to the day":                                    {[]commit{{30, "month", 30, 1}}, 1, 1},
		"and not before":                                {commits: []commit{{29.99, "month", 29.99, 1}}},
		"nothing of what began long ago and ended late": {commits: []commit{{40, "month", -1, 1}, {2, "month", 2, 2}}},
		"the conversation before one that is open":      {[]commit{{40, "month", 40, 1}, {35, "month", -1, 2}, {34, "month", -1, 3}}, 1, 1},
		"both of two":                                   {[]commit{{80, "month", 80, 1}, {70, "month", -1, 2}, {60, "month", 60, 3}}, 3, 3},
		"nothing behind what is kept for ever":          {commits: []commit{{900, "ever", 900, 1}, {40, "month", 40, 2}}},
		"what is before what is kept for ever":          {[]commit{{900, "month", 900, 1}, {800, "ever", 800, 2}, {40, "month", 40, 3}}, 1, 1},
		"nothing behind what is kept for longer":        {commits: []commit{{40, "year", 40, 1}, {35, "month", 35, 2}}},
		"what is of no conversation, as its page":       {[]commit{{40, "", 0, 1}}, 1, 1},
	} {
		t.Run(name, func(t *testing.T) {
			s := keeping.NewSight(keeping.Terms{Days: map[string]int32{"month": 30, "year": 365}, Of: func(string) string { return "month" }, Now: now})
			for _, r := range records(c.commits) {
				s.Take(r)
			}
			got := s.Pasts[subject.Thread{Page: "1", PSID: "a"}]
			if got.Revision != c.revision || got.Inbound != c.inbound {
				t.Errorf("goes up to %d, and %d of INBOUND; want %d and %d", got.Revision, got.Inbound, c.revision, c.inbound)
			}
		})
	}
}

// TestTheOldestRecordOfAWorkstreamIsSeen (SS5): it is the proof that none is kept too long.
func TestTheOldestRecordOfAWorkstreamIsSeen(t *testing.T) {
	s := keeping.NewSight(keeping.Terms{Days: map[string]int32{"month": 30}, Of: func(string) string { return "" }, Now: now})
	for _, r := range records([]commit{{900, "ever", 900, 1}, {40, "month", -1, 2}, {35, "month", -1, 3}}) {
		s.Take(r)
	}
	if at := s.Oldest["month"]; len(s.Oldest) != 1 || !at.Equal(ago(40)) {
		t.Errorf("the oldest are %v", s.Oldest)
	}
	if latest, ok := s.Terms.Latest(); !ok || !latest.Equal(ago(30)) {
		t.Errorf("it is looked up to %v", latest)
	}
	if _, ok := (keeping.Terms{Days: map[string]int32{"a": 0}}).Latest(); ok {
		t.Error("there is something to look for where everything is kept for ever")
	}
}
