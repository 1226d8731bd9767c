package repair

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/parley-desk/parley/pkg/fault"
	"github.com/parley-desk/parley/pkg/graph"
	"github.com/parley-desk/parley/pkg/telemetry/key"
	"github.com/parley-desk/parley/pkg/thread"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
	inboundv1 "github.com/parley-desk/parley/proto/gen/parley/inbound/v1"
	provisionv1 "github.com/parley-desk/parley/proto/gen/parley/provision/v1"
	"github.com/parley-desk/parley/proto/subject"
)

const (
	// pace is the pause between two calls for a page. Meta allows two a second to
	// the Conversations API; outbound takes the other.
	pace = time.Second
	// portion is how many conversations a call asks for: with 20 messages each
	// that is far less than the client reads of an answer, but for texts at
	// their longest; then it asks for fewer.
	portion = 10

	soon  = 30 * time.Second // Meta or the broker is away
	later = 10 * time.Minute // Meta refuses
)

// work goes on with the job of a page until it ends or cannot go on.
func (r *Repairer) work(ctx context.Context, id string) {
	limit := portion
	for ctx.Err() == nil {
		page := r.deps.Directory.Now().Pages[id]
		if page == nil {
			return
		}
		repair, revision, err := r.stored(ctx, page)
		if err != nil || repair.GetJob() == nil {
			r.wait(ctx, err)
			return
		}
		next := r.step(ctx, page, repair, &limit)
		if ctx.Err() != nil {
			return
		}
		// Who asks for more meanwhile has the job begin anew; so be it.
		if err := r.put(ctx, id, next, revision); err != nil && !fault.Is(err, fault.Conflict) {
			r.wait(ctx, err)
			return
		}
		if next.GetJob() == nil {
			r.tell(ctx, page, next.GetLast())
			return
		}
		if next.GetJob().GetRetryMs() > 0 {
			r.deps.Log.WarnContext(ctx, "missed messages cannot be fetched now", slog.String(key.Page, page.GetPageId()), slog.String(key.Reason, next.GetJob().GetTrouble()))
			return
		}
		pause(ctx, pace)
	}
}

// wait says that the broker is away and lets it come back.
func (r *Repairer) wait(ctx context.Context, err error) {
	if err != nil && ctx.Err() == nil {
		r.deps.Log.WarnContext(ctx, "a repair waits for the broker", slog.Any(key.Err, err))
		pause(ctx, pace)
	}
}

func (r *Repairer) tell(ctx context.Context, page *configv1.Page, job *provisionv1.RepairJob) {
	r.short.Add(float64(job.GetShort()))
	level := slog.LevelInfo
	if job.GetShort() > 0 || job.GetUnread() > 0 || job.GetTrouble() != "" {
		level = slog.LevelWarn
	}
	r.deps.Log.LogAttrs(ctx, level, "missed messages were fetched", slog.String(key.Page, page.GetPageId()), slog.String(key.Reason, job.GetTrouble()),
		slog.Int(key.Conversations, int(job.GetConversations())), slog.Int(key.Messages, int(job.GetMessages())), slog.Int(key.Short, int(job.GetShort())), slog.Int(key.Unread, int(job.GetUnread())))
}

// step asks Meta once and hands what was missed to intake. What it gives is to
// be written.
func (r *Repairer) step(ctx context.Context, page *configv1.Page, repair *provisionv1.Repair, limit *int) *provisionv1.Repair {
	job, now := repair.GetJob(), r.deps.Now().UnixMilli()
	on, trouble := r.pages.Connection(page)
	if trouble != "" {
		return Hold(repair, trouble, later, now)
	}
	if rest := r.pages.Rest(page); rest > 0 {
		return Hold(repair, "Meta wants to be asked less", rest, now)
	}
	list, next, err := r.graph.Conversations(ctx, on, job.GetCursor(), *limit)
	r.pages.Heed(page, err)
	var f *fault.Error
	switch {
	case errors.As(err, &f) && f.Reason == graph.ReasonUnreadable && *limit > 1:
		*limit /= 2
		return repair
	case fault.Is(err, fault.Exhausted):
		return Hold(repair, "Meta wants to be asked less", max(r.pages.Rest(page), soon), now)
	case err != nil && fault.Retryable(err):
		return Hold(repair, "Meta does not answer", soon, now)
	case err != nil:
		return r.refused(ctx, page, on, repair, limit, err)
	}
	batch := Batch{Next: next}
	events, err := r.missing(ctx, page, job, list, &batch)
	if err == nil && len(events) > 0 {
		err = r.log.PublishInbound(ctx, events)
	}
	if err != nil {
		return Hold(repair, "the log is away", soon, now)
	}
	return Advance(repair, batch, r.deps.Now().UnixMilli())
}

// refused goes on where Meta refused to list: anew, after a pause, and when that
// was of no use, one conversation at a time until the one that it refuses is
// found, behind which it goes on.
func (r *Repairer) refused(ctx context.Context, page *configv1.Page, on graph.Page, repair *provisionv1.Repair, limit *int, err error) *provisionv1.Repair {
	var refusal graph.Error
	_ = errors.As(err, &refusal)
	now := r.deps.Now().UnixMilli()
	trouble := fmt.Sprintf("Meta refuses (%d/%d); `parleyctl channel health %s` may say why", refusal.Code, refusal.Subcode, page.GetMeta().GetId())
	next, patient := Refused(repair, trouble, now)
	switch {
	case patient:
		return next
	case *limit > 1:
		*limit = 1
		return repair
	}
	pause(ctx, pace)
	list, behind, err := r.graph.BareConversation(ctx, on, repair.GetJob().GetCursor())
	r.pages.Heed(page, err)
	if err != nil || len(list) == 0 {
		return Anew(Hold(repair, trouble, later, now)) // it is not the conversation
	}
	*limit = portion
	b := Batch{FirstMs: list[0].Updated.UnixMilli(), LastMs: list[0].Updated.UnixMilli(), Next: behind, Conversations: 1}
	if Within(b.LastMs, repair.GetJob().GetFloorMs()) {
		b.Unread++
		r.deps.Log.WarnContext(ctx, "a conversation that Meta does not let be read is left out", slog.String(key.Page, page.GetPageId()), slog.Int(key.MetaCode, refusal.Code))
	}
	return Advance(repair, b, now)
}

// missing are the messages of the conversations that their threads do not have,
// oldest first in each. Meta keeps what we erased: nobody's comes back that way.
func (r *Repairer) missing(ctx context.Context, page *configv1.Page, job *provisionv1.RepairJob, list []graph.Conversation, b *Batch) ([]*inboundv1.Event, error) {
	var events []*inboundv1.Event
	erased, err := r.erased.Until(ctx)
	if err != nil {
		return nil, err
	}
	for i, c := range list {
		if b.LastMs = c.Updated.UnixMilli(); i == 0 {
			b.FirstMs = b.LastMs
		}
		if c.PSID == "" || !Within(b.LastMs, job.GetFloorMs()) {
			continue
		}
		b.Conversations++
		of := subject.Thread{Page: page.GetPageId(), PSID: c.PSID}
		state, _, err := r.log.Load(ctx, of)
		if err != nil {
			return nil, err
		}
		gone := erased[r.erased.OfThread(of)]
		for n, m := range slices.Backward(c.Messages) {
			if m.MessageID == "" || m.Created.IsZero() || !Within(m.Created.UnixMilli(), job.GetSinceMs()) || m.Created.UnixMilli() < gone || thread.Known(state, m.MessageID) {
				continue
			}
			if n == graph.Newest-1 {
				b.Short++ // the oldest that Meta shows is missing: so may be others
			}
			b.Messages++
			events = append(events, &inboundv1.Event{Account: page.GetAccount(), Page: page.GetPageId(), Psid: c.PSID,
				Lane: inboundv1.Lane_LANE_RECOVERED, Raw: m.Raw, ReceivedMs: r.deps.Now().UnixMilli()})
		}
	}
	return events, nil
}

func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
