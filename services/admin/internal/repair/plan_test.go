package repair_test

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	provisionv1 "github.com/parley-desk/parley/proto/gen/parley/provision/v1"
	"github.com/parley-desk/parley/services/admin/internal/repair"
)

const (
	now    = int64(1_790_000_000_000)
	minute = int64(time.Minute / time.Millisecond)
	hour   = 60 * minute
	page   = "102030"
)

func TestWhatLeadsToAJob(t *testing.T) {
	lost := &provisionv1.Hearing{GoodMs: now, LostMs: now - 3*hour, FoundMs: now - minute}
	still := &provisionv1.Hearing{GoodMs: now - 3*hour, LostMs: now - 3*hour}
	gone := &provisionv1.Alive{LastMs: now, GapFromMs: now - 5*hour, GapToMs: now - 2*hour}
	heard := &provisionv1.EventsSeen{FirstMs: now - 100*hour, LastMs: now}
	young := &provisionv1.EventsSeen{FirstMs: now - hour, LastMs: now}
	done := &provisionv1.Repair{PageId: page, CoveredMs: now - minute}
	at := &provisionv1.Repair{PageId: page, CoveredMs: now - 50*hour, Job: &provisionv1.RepairJob{SinceMs: now - 9*hour, Why: repair.Asked, BeganMs: now - minute, Cursor: "x", Pass: 2, TopMs: 7, Messages: 3}}
	for name, c := range map[string]struct {
		before   *provisionv1.Repair
		evidence repair.Evidence
		since    int64 // of the job; 0: there is none
		why      string
	}{
		"nothing":                       {nil, repair.Evidence{}, 0, ""},
		"all is well":                   {nil, repair.Evidence{Hearing: &provisionv1.Hearing{GoodMs: now}, Alive: &provisionv1.Alive{LastMs: now}, Events: heard}, 0, ""},
		"lost and found":                {nil, repair.Evidence{Hearing: lost}, now - 3*hour - 5*minute, "subscription"},
		"not found yet":                 {nil, repair.Evidence{Hearing: still}, 0, ""},
		"acted on before":               {done, repair.Evidence{Hearing: lost, Alive: gone, Events: heard}, 0, ""},
		"done for another page":         {&provisionv1.Repair{PageId: "9", CoveredMs: now}, repair.Evidence{Hearing: lost}, now - 3*hour - 5*minute, "subscription"},
		"ingress was away":              {nil, repair.Evidence{Alive: gone, Events: heard}, now - 5*hour - 5*minute, "ingress"},
		"of a page nobody had heard of": {nil, repair.Evidence{Alive: gone}, 0, ""},
		"of a page connected since":     {nil, repair.Evidence{Alive: gone, Events: young}, 0, ""},
		"both":                          {nil, repair.Evidence{Hearing: lost, Alive: gone, Events: heard}, now - 5*hour - 5*minute, "ingress"},
		"weeks":                         {nil, repair.Evidence{Hearing: &provisionv1.Hearing{LostMs: now - 900*hour, FoundMs: now}}, now - 7*24*hour, "subscription"},
		"one in work that goes further": {at, repair.Evidence{Hearing: lost}, now - 9*hour, "subscription"},
	} {
		t.Run(name, func(t *testing.T) {
			c.evidence.PageID = page
			before := proto.CloneOf(c.before)
			next := repair.Plan(c.before, c.evidence, now)
			if !proto.Equal(before, c.before) {
				t.Error("it changed what it was given")
			}
			if job := next.GetJob(); job.GetSinceMs() != c.since || job.GetFloorMs() != c.since || job.GetWhy() != c.why || job.GetCursor() != "" || job.GetPass() != 0 || job.GetTopMs() != 0 {
				t.Errorf("the job is %v, want one as of %d for %q", job, c.since, c.why)
			}
			if next != nil && repair.Plan(next, c.evidence, now+1) != nil {
				t.Error("the same evidence leads to a job again")
			}
			if c.before.GetJob() != nil && (next.GetJob().GetMessages() != 3 || next.GetJob().GetBeganMs() != now-minute) {
				t.Errorf("the job in work was forgotten: %v", next.GetJob())
			}
		})
	}
}

// meta is a page at Meta: when each conversation was written in last, and the
// message of it that was missed, if any.
type meta struct {
	updated map[int]int64
	missed  map[int]bool
}

// list gives so many conversations behind a cursor, in Meta's order.
func (m *meta) list(after string, limit int) (ids []int, next string) {
	for id := range m.updated {
		ids = append(ids, id)
	}
	slices.SortFunc(ids, func(a, b int) int { return cmp.Or(cmp.Compare(m.updated[b], m.updated[a]), cmp.Compare(a, b)) })
	if after != "" {
		at, _ := strconv.ParseInt(after, 10, 64)
		from := slices.IndexFunc(ids, func(id int) bool { return m.updated[id] < at })
		if from < 0 {
			return nil, ""
		}
		ids = ids[from:]
	}
	if len(ids) > limit {
		ids = ids[:limit]
		next = strconv.FormatInt(m.updated[ids[limit-1]], 10)
	}
	return ids, next
}

// Conversations move to the front while a job is on its way, the process dies
// between two answers and begins at what was written: whatever was missed is
// found. A busy page may go on for ever; a job does not.
func TestAJobFindsEverythingAndEnds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m, clock := &meta{updated: map[int]int64{}, missed: map[int]bool{}}, now
		for id := range rapid.IntRange(0, 60).Draw(t, "conversations") {
			clock += 1000
			m.updated[id] = clock - clock%1000
			m.missed[id] = rapid.Bool().Draw(t, "missed")
		}
		all := len(m.updated)
		r := repair.Widen(nil, page, now, repair.Asked, clock)
		moves := rapid.IntRange(0, 6).Draw(t, "moves")
		calls := 0
		for ; r.GetJob() != nil; calls++ {
			if calls > 200 {
				t.Fatal("it does not end")
			}
			ids, next := m.list(r.GetJob().GetCursor(), rapid.IntRange(1, 10).Draw(t, "portion"))
			b := repair.Batch{Next: next}
			for i, id := range ids {
				if b.LastMs = m.updated[id]; i == 0 {
					b.FirstMs = b.LastMs
				}
				if !repair.Within(b.LastMs, r.GetJob().GetFloorMs()) {
					continue
				}
				b.Conversations++
				if m.missed[id] {
					b.Messages++
					delete(m.missed, id)
				}
			}
			if moves > 0 && all > 0 && rapid.Bool().Draw(t, "somebody writes") {
				moves--
				clock += 1000
				m.updated[rapid.IntRange(0, all-1).Draw(t, "in")] = clock - clock%1000
			}
			if rapid.IntRange(0, 3).Draw(t, "dies") > 0 { // else what was handed over is, and its place is not written
				r = repair.Advance(r, b, clock)
			}
		}
		for id, missed := range m.missed {
			if missed {
				t.Fatalf("conversation %d was not found, in %d calls", id, calls)
			}
		}
		if r.GetLast().GetEndedMs() == 0 || r.GetLast().GetTrouble() != "" {
			t.Fatalf("it ended as %v", r.GetLast())
		}
	})
}

func TestAJobStopsSomewhere(t *testing.T) {
	r := repair.Widen(nil, page, now, repair.Asked, now)
	for calls := 0; r.GetJob() != nil; calls++ {
		if calls > 10_000 {
			t.Fatal("it does not end")
		}
		r = repair.Advance(r, repair.Batch{FirstMs: now + hour, LastMs: now + hour, Next: fmt.Sprint(calls), Conversations: 10}, now)
	}
	if r.GetLast().GetTrouble() == "" || r.GetLast().GetConversations() != 5000 {
		t.Errorf("it ended as %v", r.GetLast())
	}
}

// What holds a job up does not lose its place, and going on forgets the trouble.
func TestAJobIsHeldUp(t *testing.T) {
	r := repair.Widen(nil, page, now, repair.Asked, now)
	r = repair.Advance(r, repair.Batch{FirstMs: now + hour, LastMs: now + minute, Next: "x", Conversations: 10, Messages: 2}, now)
	held := repair.Hold(r, "Meta does not answer", time.Minute, now)
	if j := held.GetJob(); j.GetCursor() != "x" || j.GetRetryMs() != now+minute || j.GetTrouble() == "" {
		t.Errorf("held: %v", j)
	}
	on := repair.Advance(held, repair.Batch{LastMs: now + minute, Next: "y", Conversations: 1}, now)
	if j := on.GetJob(); j.GetCursor() != "y" || j.GetRetryMs() != 0 || j.GetTrouble() != "" || j.GetMessages() != 2 || j.GetTopMs() != now+hour {
		t.Errorf("going on: %v", j)
	}
	if j := repair.Anew(on).GetJob(); j.GetCursor() != "" || j.GetFloorMs() != now || j.GetConversations() != 11 {
		t.Errorf("beginning anew: %v", j)
	}
}
