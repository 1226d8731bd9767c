// Package repair fetches messages whose webhook was missed. Meta brings a
// webhook a few times and then never again, and a page that is not subscribed
// sends none at all; what customers wrote meanwhile is still in Meta's
// Conversations API, the newest 20 of each conversation.
//
// Three things lead to a job: the answers about a page say that its messages
// did not come and come again; ingress was not there; somebody asks for it. A
// job reads the page's conversations, the newest first, as far back as needed,
// and hands to intake what the threads do not have. Intake recognises what
// comes twice, so a job may be repeated from anywhere: it keeps its place in
// the bucket PROVISION after every answer of Meta's.
package repair

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"google.golang.org/protobuf/proto"

	provisionv1 "github.com/parley-desk/parley/proto/gen/parley/provision/v1"
)

// Why there is a job.
const (
	Subscription = "subscription" // the page's messages did not come
	Ingress      = "ingress"      // nobody was there to take them
	Asked        = "asked"        // an administrator wants it
)

const (
	// reach is how far back a job goes that nobody asked for: an agent may
	// answer a message of seven days ago, and no older one.
	reach = 7 * 24 * time.Hour
	// slack is how much further a job goes than the evidence says: for the
	// clocks, and for webhooks that Meta had given up before.
	slack = 5 * time.Minute
	// most is how many conversations a job looks at.
	most = 5000
	// passes is how often a job goes through what was written in since the pass
	// before: a conversation that moves up while it is on its way is not met
	// below.
	passes = 5
	// tries is how often a pass begins anew because Meta refuses an answer,
	// before the conversation that it refuses is left out.
	tries = 3
)

// Evidence is what tells that a page may have missed messages; nil where
// nothing is known.
type Evidence struct {
	PageID  string // Meta's
	Hearing *provisionv1.Hearing
	Alive   *provisionv1.Alive
	Events  *provisionv1.EventsSeen
}

// spell is a time in which messages may have been missed.
type spell struct {
	from, to int64
	why      string
}

// Plan is what follows from evidence that led to no job yet; nil when there is
// none. A page from which nothing ever came has missed nothing: what was
// written before it was connected is not ours to fetch.
func Plan(r *provisionv1.Repair, e Evidence, nowMS int64) *provisionv1.Repair {
	covered := of(r, e.PageID).GetCoveredMs()
	var spells []spell
	if h := e.Hearing; h.GetLostMs() > 0 && h.GetFoundMs() > covered {
		spells = append(spells, spell{h.GetLostMs(), h.GetFoundMs(), Subscription})
	}
	if a := e.Alive; a.GetGapToMs() > covered && e.Events.GetFirstMs() > 0 && e.Events.GetFirstMs() < a.GetGapFromMs() {
		spells = append(spells, spell{a.GetGapFromMs(), a.GetGapToMs(), Ingress})
	}
	if len(spells) == 0 {
		return nil
	}
	first := slices.MinFunc(spells, func(a, b spell) int { return cmp.Compare(a.from, b.from) })
	last := slices.MaxFunc(spells, func(a, b spell) int { return cmp.Compare(a.to, b.to) })
	since := max(first.from-slack.Milliseconds(), nowMS-reach.Milliseconds())
	next := Widen(r, e.PageID, since, first.why, nowMS)
	next.CoveredMs = last.to
	return next
}

// of is r as far as it is about the page.
func of(r *provisionv1.Repair, pageID string) *provisionv1.Repair {
	if r.GetPageId() != pageID {
		return &provisionv1.Repair{PageId: pageID}
	}
	return proto.CloneOf(r)
}

// Widen makes a job that looks for messages as of since, or has the one in work
// begin anew as of the earlier of both.
func Widen(r *provisionv1.Repair, pageID string, since int64, why string, nowMS int64) *provisionv1.Repair {
	next := of(r, pageID)
	job := &provisionv1.RepairJob{SinceMs: since, Why: why, BeganMs: nowMS}
	if before := next.GetJob(); before != nil {
		job.SinceMs, job.BeganMs = min(since, before.GetSinceMs()), before.GetBeganMs()
		job.Conversations, job.Messages, job.Short, job.Unread = before.GetConversations(), before.GetMessages(), before.GetShort(), before.GetUnread()
	}
	job.FloorMs = job.GetSinceMs()
	next.Job = job
	return next
}

// Batch is what one answer of Meta's came to.
type Batch struct {
	FirstMs       int64  // when its first conversation was written in last; 0: it has none
	LastMs        int64  // and its last one
	Next          string // cursor behind it; empty: it is the end
	Conversations int
	Messages      int // handed to intake
	Short         int // conversations of which Meta does not show enough
	Unread        int // conversations that Meta does not let be read
}

// Advance is r after a batch of its job; the job ends when it is done.
func Advance(r *provisionv1.Repair, b Batch, nowMS int64) *provisionv1.Repair {
	next := proto.CloneOf(r)
	job := next.GetJob()
	job.Trouble, job.RetryMs = "", 0
	job.Conversations += int32(b.Conversations)
	job.Messages += int32(b.Messages)
	job.Short += int32(b.Short)
	job.Unread += int32(b.Unread)
	if job.GetTopMs() == 0 {
		job.TopMs = b.FirstMs
	}
	alone := job.GetCursor() == ""
	switch more := b.Next != "" && Within(b.LastMs, job.GetFloorMs()); {
	case more && job.GetConversations() >= most:
		job.Trouble = fmt.Sprintf("ended after %d conversations; those that rested longer were not looked at", job.GetConversations())
	case more:
		job.Cursor = b.Next
		return next
	case !alone && job.GetPass()+1 < passes:
		job.Cursor, job.Pass, job.FloorMs, job.TopMs = "", job.GetPass()+1, job.GetTopMs(), 0
		return next
	}
	job.EndedMs, job.Cursor = nowMS, ""
	next.Last, next.Job = job, nil
	return next
}

// Hold is r with a job that cannot go on before a while.
func Hold(r *provisionv1.Repair, trouble string, again time.Duration, nowMS int64) *provisionv1.Repair {
	next := proto.CloneOf(r)
	next.Job.Trouble, next.Job.RetryMs = trouble, nowMS+again.Milliseconds()
	return next
}

// Refused is r with a job that Meta refused an answer at its place. A cursor
// may have lapsed, so the pass begins anew, after a pause that grows with each
// refusal. When that was done often enough it is not the cursor: patient is
// false, r stays as it is, and the conversation at that place is to be found and
// left out. A pass that cannot begin at all only waits.
func Refused(r *provisionv1.Repair, trouble string, nowMS int64) (next *provisionv1.Repair, patient bool) {
	if r.GetJob().GetRefusals() >= tries {
		return r, false
	}
	pause := later
	if r.GetJob().GetCursor() != "" {
		pause = soon << r.GetJob().GetRefusals()
	}
	next = Anew(Hold(r, trouble, pause, nowMS))
	next.Job.Refusals++
	return next, true
}

// Anew is r with a job that begins its pass anew: a cursor of Meta's does not
// last.
func Anew(r *provisionv1.Repair) *provisionv1.Repair {
	next := proto.CloneOf(r)
	next.Job.Cursor, next.Job.TopMs = "", 0
	return next
}

// Within tells whether a time that Meta gave in whole seconds may be at floor or
// later.
func Within(ms, floor int64) bool { return ms+999 >= floor }
