// Package check compares what really happened at Meta, as the journal of the
// sandbox tells it, with what the house believes, as its exported log tells it.
// It knows nothing of how the house works: it reads two files and counts
// broken promises. No promise may be broken even once.
package check

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	adminv1 "github.com/parley-desk/parley/proto/gen/parley/admin/v1"
	"github.com/parley-desk/parley/services/sandbox"
)

// Row is one promise that can be broken.
type Row string

// The promises, by what breaking them looks like.
const (
	Lost          Row = "lost"           // a customer's message is not in its thread
	Duplicated    Row = "duplicated"     // it is there twice, or in another thread
	Invented      Row = "invented"       // nobody wrote it
	Reordered     Row = "reordered"      // messages of a thread changed places
	SentTwice     Row = "sent twice"     // the customer got a part of a reply twice
	FalselyFailed Row = "falsely failed" // shown as failed, yet the customer has it
	FalselySent   Row = "falsely sent"   // shown as sent, yet the customer has it not
	OverCapacity  Row = "over capacity"  // offered to an agent who was full
	TwoOwners     Row = "two owners"     // a conversation in two hands
	Window        Row = "window"         // sent outside of Meta's windows, or tagged without need
	ReplyLost     Row = "reply lost"     // acknowledged to the agent, and neither at the customer nor shown as anything else
	FalseReceipt  Row = "false receipt"  // shown as delivered or read, which Meta never said
	ReceiptLost   Row = "receipt lost"   // Meta said delivered or read, and it is not shown
	WrongPage     Row = "wrong page"     // a message of one page in a thread of another
)

// Rows lists them in the order of a report.
func Rows() []Row {
	return []Row{Lost, Duplicated, Invented, Reordered, SentTwice, FalselyFailed, FalselySent, OverCapacity, TwoOwners, Window,
		ReplyLost, FalseReceipt, ReceiptLost, WrongPage}
}

// Input is what is compared.
type Input struct {
	Journal []sandbox.Record                    // in the order of the file
	Export  []*adminv1.ExportTranscriptResponse // in any order
	// Replies are those that the desk acknowledged to agents; one may be named
	// as often as it was acknowledged.
	Replies []Reply
	// Capacity is how many units an agent can hold; Default is for those it
	// does not name.
	Capacity map[string]int32
	Default  int32
	// Profiles is how many conversations of each capacity profile an agent can
	// hold.
	Profiles map[string]int32
	// Slack allows for clocks of brokers that differ: a release counts as this
	// much earlier than it was stored. Zero when one broker stored everything.
	Slack time.Duration
}

// Violation is one broken promise.
type Violation struct {
	Row    Row
	Thread sandbox.Thread
	Detail string
}

// Report is the outcome. Counts say how much was looked at: zero violations
// among zero messages mean nothing.
type Report struct {
	Violations []Violation
	Counts     map[string]int
}

// Compare looks for every violation.
func Compare(in Input) *Report {
	r := &Report{Counts: map[string]int{}}
	log := threads(in.Export)
	r.Counts["commits"] = len(in.Export)
	r.Counts["threads"] = len(log)
	r.inbound(in.Journal, log)
	r.outbound(in.Journal, log)
	r.windows(in.Journal)
	r.replies(in, log)
	r.receipts(in.Journal, log)
	r.owners(log)
	r.capacity(in, log)
	r.profiles(in, log)
	slices.SortStableFunc(r.Violations, func(a, b Violation) int {
		return cmp.Or(cmp.Compare(a.Thread.Page, b.Thread.Page), cmp.Compare(a.Thread.PSID, b.Thread.PSID))
	})
	return r
}

// Of gives the violations of a row.
func (r *Report) Of(row Row) []Violation {
	var out []Violation
	for _, v := range r.Violations {
		if v.Row == row {
			out = append(out, v)
		}
	}
	return out
}

// Clean tells whether no promise was broken.
func (r *Report) Clean() bool { return len(r.Violations) == 0 }

// examples is how many violations of a row a report spells out.
const examples = 5

// WriteTo writes the report for people.
func (r *Report) WriteTo(w io.Writer) (int64, error) {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(r.Counts)) {
		fmt.Fprintf(&b, "%-28s %8d\n", name, r.Counts[name])
	}
	b.WriteString(strings.Repeat("-", 37) + "\n")
	for _, row := range Rows() {
		found := r.Of(row)
		fmt.Fprintf(&b, "%-28s %8d\n", row, len(found))
		for _, v := range found[:min(len(found), examples)] {
			fmt.Fprintf(&b, "    %s/%s: %s\n", v.Thread.Page, v.Thread.PSID, v.Detail)
		}
	}
	n, err := io.WriteString(w, b.String())
	return int64(n), err
}

func (r *Report) add(row Row, t sandbox.Thread, format string, args ...any) {
	r.Violations = append(r.Violations, Violation{row, t, fmt.Sprintf(format, args...)})
}

// history is the log of one thread in the order of its revisions.
type history = []*adminv1.ExportTranscriptResponse

// threads sorts an export by thread and revision.
func threads(export []*adminv1.ExportTranscriptResponse) map[sandbox.Thread]history {
	out := map[sandbox.Thread]history{}
	for _, c := range export {
		t := sandbox.Thread{Page: c.GetPage(), PSID: c.GetPsid()}
		out[t] = append(out[t], c)
	}
	for _, h := range out {
		slices.SortStableFunc(h, func(a, b *adminv1.ExportTranscriptResponse) int {
			return cmp.Compare(a.GetRevision(), b.GetRevision())
		})
	}
	return out
}
