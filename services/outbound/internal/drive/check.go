package drive

import (
	"context"
	"time"

	"github.com/parley-desk/parley/pkg/fault"
	"github.com/parley-desk/parley/pkg/telemetry/key"
	"github.com/parley-desk/parley/pkg/thread"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
	"github.com/parley-desk/parley/services/outbound/internal/attempt"
	"github.com/parley-desk/parley/services/outbound/internal/pace"
)

// errTextMissing is a log that does not have the text of an open send. The
// leader of the stream said so: asking again does not help.
var errTextMissing = fault.New(fault.Internal, attempt.ReasonTextMissing, "the log does not have the text of a send")

// check reads the conversation once and commits what it proves. A reading that
// fails is tried again after a while; Next says until when.
func (w *worker) check(ctx context.Context, state *threadv1.State, ref attempt.Ref) error {
	again := w.Now().Add(w.Policy.CheckAgain)
	seen := w.Pages.View(w.thread.Page)
	page, usable := w.Pages.Connection(w.thread.Page)
	if !usable {
		w.sleep(ctx, again, seen)
		return nil
	}
	if _, err := w.Pages.Pace.Wait(ctx, w.thread.Page, pace.Read); err != nil {
		return err
	}
	recent, err := w.Meta.RecentMessages(ctx, page, w.thread.PSID)
	if err != nil {
		w.Log.WarnContext(ctx, "conversation could not be read", key.Kind, fault.KindOf(err).String(), key.Err, err)
		w.sleep(ctx, again, seen)
		return nil
	}
	// The log is read after the conversation, so that whatever the log has
	// bound to another message by now does not count.
	evidence, err := w.evidence(ctx, thread.FindSend(state, ref.ID), ref)
	if err != nil {
		return err
	}
	evidence.Recent = recent
	_, err = w.commit(ctx, func(s *threadv1.State) []*threadv1.Fact {
		if m, ok := evidence.Search(); ok {
			return w.Policy.Proven(s, ref, m.MessageID, m.Created)
		}
		return w.Policy.Unproven(s, ref)
	})
	return err
}

// evidence gathers from the log what tells messages of the page apart: the
// text looked for, the mids that are others', and the other recent texts.
func (w *worker) evidence(ctx context.Context, send *threadv1.Send, ref attempt.Ref) (attempt.Evidence, error) {
	e := attempt.Evidence{Page: w.thread.Page, Started: time.UnixMilli(send.GetAttemptedMs()), Now: w.Now(), Bound: map[string]bool{}}
	since := e.Started.Add(-attempt.Memory).UnixMilli()
	found := false
	for record, err := range w.Threads.History(ctx, w.thread, 0) {
		if err != nil {
			return attempt.Evidence{}, err
		}
		recent := record.Commit.GetAtMs() >= since
		for _, f := range record.Commit.GetFacts() {
			switch k := f.GetKind().(type) {
			case *threadv1.Fact_SendRequested:
				e.Mute = e.Mute || k.SendRequested.GetId() == ref.ID &&
					(mute(k.SendRequested) || thread.PartFile(k.SendRequested, ref.Part) != nil)
				for i, text := range thread.Texts(k.SendRequested) {
					if k.SendRequested.GetId() == ref.ID && int32(i) == ref.Part {
						e.Text, found = text, true
					} else if recent {
						e.Others = append(e.Others, text)
					}
				}
			case *threadv1.Fact_ExternalMessageSent:
				e.Bound[k.ExternalMessageSent.GetMid()] = true
				if recent {
					e.Others = append(e.Others, k.ExternalMessageSent.GetText())
				}
			case *threadv1.Fact_SendSucceeded:
				e.Bound[k.SendSucceeded.GetMid()] = true
			case *threadv1.Fact_SendEchoed:
				e.Bound[k.SendEchoed.GetMid()] = true
			}
		}
	}
	if !found {
		return attempt.Evidence{}, errTextMissing
	}
	return e, nil
}

// mute tells whether a conversation shows no text of a sticker or a template. Of a
// utility template it shows the body, where that is all there is (page "Utility
// messages").
func mute(r *threadv1.SendRequested) bool {
	return r.GetSticker() != "" || r.GetTemplate() != nil && r.GetTemplate().GetUtility() == nil
}
