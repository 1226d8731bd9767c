package offering

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/parley-desk/parley/pkg/fault"
	"github.com/parley-desk/parley/pkg/rules"
	"github.com/parley-desk/parley/pkg/telemetry/key"
	"github.com/parley-desk/parley/pkg/thread"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
	distributionv1 "github.com/parley-desk/parley/proto/gen/parley/distribution/v1"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
	"github.com/parley-desk/parley/proto/subject"
	"github.com/parley-desk/parley/services/distribution/internal/assign"
)

// mostCandidates is how many queues one Place looks at.
const mostCandidates = 500

// Place keeps a place for a conversation in the first candidate that has room
// (L51). Unlike other commands it does not wait for a book that is being loaded:
// routing goes on without a count.
func (d *Distributor) Place(ctx context.Context, req *distributionv1.PlaceRequest) (*distributionv1.PlaceResponse, error) {
	candidates, err := candidatesOf(req)
	if err != nil {
		return nil, err
	}
	item := subject.Thread{Page: req.GetPage(), PSID: req.GetPsid()}.Key()
	index, waiting, err := -1, []int32(nil), error(nil)
	if req.GetLook() {
		index, waiting, err = d.Book.Look(ctx, d.Now(), candidates)
	} else {
		index, waiting, err = d.Book.Place(ctx, d.Now(), item, req.GetConversation(), candidates)
	}
	if errors.Is(err, assign.ErrEpoch) {
		err = rebuilding()
	}
	if err != nil {
		return nil, err
	}
	return &distributionv1.PlaceResponse{Index: int32(index), Waiting: waiting}, nil
}

func candidatesOf(req *distributionv1.PlaceRequest) ([]assign.Candidate, error) {
	var out []assign.Candidate
	for n, c := range req.GetCandidates() {
		if c.GetQueue() == "" || c.GetLimit() < 0 {
			return nil, fault.New(fault.Invalid, "CANDIDATE_INVALID",
				"candidates[%d] is queue %q with limit %d; name a queue, and a limit of at least 0", n, c.GetQueue(), c.GetLimit())
		}
		out = append(out, assign.Candidate{Queue: c.GetQueue(), Limit: c.GetLimit()})
	}
	switch {
	case !req.GetLook() && (req.GetPage() == "" || req.GetPsid() == "" || req.GetConversation() == ""):
		return nil, fault.New(fault.Invalid, "CONVERSATION_EMPTY", "page, psid and conversation must be given")
	case len(out) == 0 || len(out) > mostCandidates:
		return nil, fault.New(fault.Invalid, "CANDIDATES_COUNT", "%d candidates are given; give 1 to %d", len(out), mostCandidates)
	}
	return out, nil
}

// fate is what becomes of a conversation whose wait in a queue seems over.
type fate struct {
	queue   string    // where it waits
	goes    bool      // to the queue target, or to its end when that is empty
	target  string    // of the rule
	due     time.Time // when its wait is over; zero: not known
	refused string    // why it cannot go to target
}

// fateOf decides by the rule in force. A conversation never goes where nobody
// would take it: it stays, and its agents may still get to it (unlike L46).
func fateOf(r *rules.Rules, c *threadv1.Conversation, now time.Time) fate {
	f := fate{queue: c.GetQueue()}
	rule := r.World.Queues[f.queue].GetWait()
	if rule.GetSeconds() <= 0 {
		return f
	}
	due := thread.WaitingSince(c).Add(time.Duration(rule.GetSeconds()) * time.Second)
	if now.Before(due) {
		f.due = due
		return f
	}
	if f.goes = rule.GetAction() == configv1.OverflowAction_OVERFLOW_ACTION_END; f.goes {
		return f
	}
	f.target = rule.GetQueue()
	f.refused = unfit(r, f.queue, f.target, now)
	f.goes = f.refused == ""
	return f
}

// unfit tells why a conversation cannot go from one queue to another, empty
// when it can.
func unfit(r *rules.Rules, from, to string, now time.Time) string {
	if to == from {
		return "the queue is the one it waits in"
	}
	_, why := r.Obstacle(to, now)
	return why
}

// overflow takes a conversation that waited too long out of its queue, or has
// the book offer it there again. The rule and the wait are looked at anew: both
// may have changed since the book was told.
func (d *Distributor) overflow(ctx context.Context, i assign.Intent) (fate, error) {
	t, err := subject.ParseKey(i.Item)
	if err != nil {
		return fate{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, committed)
	defer cancel()
	if err := d.Directory.Wait(ctx); err != nil {
		return fate{}, err
	}
	var f fate
	item, err := d.change(ctx, t, 0, func(s *threadv1.State) ([]*threadv1.Fact, error) {
		now, c := d.Now(), s.GetConversation()
		set := d.rules.Of(d.Directory.Now())
		f = fateOf(set, c, now)
		to := ""
		if f.goes {
			to = f.target
		}
		facts, err := thread.Overflow(s, i.Conversation, f.queue, to, now.Sub(thread.WaitingSince(c)))
		if err != nil || !f.goes {
			return nil, err
		}
		if routed := facts[0].GetConversationRouted(); routed != nil {
			routed.Version = set.World.Version
		}
		return facts, nil
	})
	if err != nil && !refused(err) {
		return fate{}, err
	}
	if _, told := d.Book.Apply(ctx, d.Now(), item); told != nil || err != nil {
		return fate{}, told
	}
	d.count.overflowed(f)
	if f.goes {
		return f, nil
	}
	return f, d.Book.PutOff(ctx, d.Now(), item, f.due)
}

// tellRefused logs which queues could not send their conversations on, once for
// all that were tried together.
func (d *Distributor) tellRefused(ctx context.Context, fates []fate) {
	stay := map[fate]int{}
	for _, f := range fates {
		if f.refused != "" {
			stay[f]++
		}
	}
	for f, n := range stay {
		d.Log.WarnContext(ctx, "conversations wait too long and stay where they are", slog.String(key.Queue, f.queue),
			slog.String(key.Target, f.target), slog.String(key.Reason, f.refused), slog.Int(key.Conversations, n))
	}
}
