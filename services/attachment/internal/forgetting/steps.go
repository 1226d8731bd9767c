package forgetting

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/parley-desk/parley/pkg/bus"
	"github.com/parley-desk/parley/pkg/contact"
	"github.com/parley-desk/parley/pkg/erasure"
	"github.com/parley-desk/parley/pkg/fault"
	"github.com/parley-desk/parley/pkg/thread"
	distributionv1 "github.com/parley-desk/parley/proto/gen/parley/distribution/v1"
	privacyv1 "github.com/parley-desk/parley/proto/gen/parley/privacy/v1"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
	"github.com/parley-desk/parley/proto/subject"
)

// held says what keeps an order from being carried out; empty: nothing.
func (w *Worker) held(ctx context.Context, e *privacyv1.Erasure) (string, error) {
	if e.GetAgain() != "" {
		return "", nil // it was carried out once, so whoever held the person had let go
	}
	if e.GetWay() == privacyv1.Way_WAY_RETENTION {
		return "", w.release(ctx, e)
	}
	linked := make([]string, 0, len(e.GetThreads()))
	for _, t := range e.GetThreads() {
		s, _, err := w.Log.Load(ctx, threadOf(t))
		if err != nil {
			return "", err
		}
		ids, err := erasure.Linked(ctx, w.Contacts, s)
		if err != nil {
			return "", err
		}
		linked = append(linked, ids...)
	}
	err := w.Book.Check(ctx, e, linked...)
	var f *fault.Error
	if errors.As(err, &f) && f.Reason == erasure.Held {
		return f.Message, nil
	}
	return "", err
}

// release takes those out of an order by retention who are held by now: it is about
// many, and the next one finds whoever is left.
func (w *Worker) release(ctx context.Context, e *privacyv1.Erasure) error {
	page, err := w.Book.Read(ctx)
	if err != nil || len(page.Holds) == 0 {
		return err
	}
	var stay []*privacyv1.Target
	for _, t := range e.GetThreads() {
		s, _, err := w.Log.Load(ctx, threadOf(t))
		if err != nil {
			return err
		}
		linked, err := erasure.Linked(ctx, w.Contacts, s)
		if err != nil {
			return err
		}
		one := &privacyv1.Erasure{Threads: []*privacyv1.Target{t}}
		if !slices.ContainsFunc(page.Holds, func(h *privacyv1.Hold) bool { return erasure.Covers(h, one, linked...) }) {
			stay = append(stay, t)
		}
	}
	e.Threads = stay
	return nil
}

// closeThreads has the threads say that they are erased. The order says by its
// step that this has begun, so a hold that is looked for now is either seen here
// or refused.
func (w *Worker) closeThreads(ctx context.Context, e *privacyv1.Erasure) (string, error) {
	if held, err := w.held(ctx, e); held != "" || err != nil {
		e.Step = privacyv1.Step_STEP_DRAIN
		return held, err
	}
	for _, t := range e.GetThreads() {
		if t.GetRevision() > 0 {
			continue
		}
		if err := w.closeThread(ctx, e, t); err != nil {
			return "", err
		}
	}
	e.ClosedMs = w.Now().UnixMilli()
	if e.GetWay() == privacyv1.Way_WAY_RETENTION {
		e.Threads = slices.DeleteFunc(e.GetThreads(), func(t *privacyv1.Target) bool { return t.GetRevision() == 0 })
		if len(e.GetThreads()) == 0 {
			e.Step = privacyv1.Step_STEP_STOPPED
		}
	}
	return "", nil
}

// over tells whether an order is about all that a thread is now: by retention only of
// whom nobody has heard since.
func over(e *privacyv1.Erasure, s *threadv1.State) bool {
	c := s.GetConversation()
	switch {
	case e.GetWay() != privacyv1.Way_WAY_RETENTION:
		return true
	case c == nil:
		return s.GetNewestMs() <= e.GetBeforeMs()
	}
	return c.GetPhase() == threadv1.Phase_PHASE_CLOSED && c.GetEnteredMs() <= e.GetBeforeMs()
}

func (w *Worker) closeThread(ctx context.Context, e *privacyv1.Erasure, t *privacyv1.Target) error {
	id, left := e.GetId(), false
	at, last, err := w.closed(ctx, id, t)
	if err != nil {
		return err
	}
	if at == 0 {
		_, _, err = w.Log.Update(ctx, threadOf(t), func(s *threadv1.State, revision uint64) ([]*threadv1.Fact, error) {
			if left = !over(e, s); left || revision == 0 {
				return nil, nil // it has nothing to erase
			}
			return []*threadv1.Fact{thread.Of(&threadv1.ThreadErased{Erasure: id})}, nil
		})
		if err != nil {
			return err
		}
		if at, last, err = w.closed(ctx, id, t); err != nil {
			return err
		}
	}
	if left {
		return nil
	}
	// What was filed between draining and this is of before, too.
	t.Revision, t.Inbound = max(at, erasure.Nothing), max(t.GetInbound(), last)
	return nil
}

// closed finds the commit by which an erasure closed a thread, and the last record
// of INBOUND that was filed before; 0 when there is none.
func (w *Worker) closed(ctx context.Context, id string, t *privacyv1.Target) (revision, inbound uint64, _ error) {
	for r, err := range w.Log.History(ctx, threadOf(t), 0) {
		if err != nil {
			return 0, 0, err
		}
		for _, fact := range r.Commit.GetFacts() {
			inbound = max(inbound, fact.GetInboundSeq())
			if fact.GetThreadErased().GetErasure() == id {
				return r.Revision, inbound, nil
			}
		}
	}
	return 0, inbound, nil
}

// settle waits until nobody works on what was before.
func (w *Worker) settle(ctx context.Context, e *privacyv1.Erasure) (string, error) {
	return w.busy(e, func(t *privacyv1.Target) ([]string, error) {
		if t.GetRevision() == erasure.Nothing {
			return nil, nil
		}
		return w.Log.ThreadHandled(ctx, threadOf(t), t.GetRevision())
	})
}

// files takes away what is stored outside of the log, and what leads to it.
func (w *Worker) files(ctx context.Context, e *privacyv1.Erasure) error {
	for _, t := range e.GetThreads() {
		err := w.Files.Erase(ctx, bus.Record{Thread: threadOf(t), Revision: t.GetRevision(), Commit: &threadv1.Commit{AtMs: erasure.Before(e)}})
		if err != nil {
			return err
		}
	}
	return nil
}

// threads takes the commits away. The one that erases stays for a while: who
// watches the log learns by it what to drop.
func (w *Worker) threads(ctx context.Context, e *privacyv1.Erasure) (string, error) {
	rests := w.Now().UnixMilli() < e.GetClosedMs()+w.Rest.Milliseconds()
	for _, t := range e.GetThreads() {
		last := t.GetRevision()
		if rests {
			last--
		}
		found, err := w.Log.TracesOfThread(ctx, threadOf(t), last)
		if err != nil {
			return "", err
		}
		if err := w.Log.Erase(ctx, found); err != nil {
			return "", err
		}
		w.Log.Forget(threadOf(t))
	}
	if rests {
		return "until every desk has dropped what it shows", nil
	}
	return "", nil
}

// sweep takes the records away that a search finds.
func (w *Worker) sweep(ctx context.Context, e *privacyv1.Erasure, find func(context.Context, person) ([]bus.Traces, error)) error {
	all, err := find(ctx, personOf(e))
	if err != nil {
		return err
	}
	for _, found := range all {
		if err := w.Log.Erase(ctx, found); err != nil {
			return err
		}
	}
	return nil
}

// contacts deletes the contacts, each with those that it took in.
func (w *Worker) contacts(ctx context.Context, e *privacyv1.Erasure) error {
	for _, id := range e.GetContacts() {
		_, err := w.Contacts.Delete(ctx, contact.Deed{By: e.GetBy()}, id)
		var f *fault.Error
		merged := errors.As(err, &f) && f.Reason == contact.Merged // it goes with the one that took it in
		if err != nil && !merged && !fault.Is(err, fault.NotFound) {
			return err
		}
	}
	return nil
}

// book has distribution forget the threads.
func (w *Worker) book(ctx context.Context, e *privacyv1.Erasure) (string, error) {
	keys := make([]string, 0, len(e.GetThreads()))
	for _, t := range e.GetThreads() {
		if !t.GetPart() {
			keys = append(keys, threadOf(t).Key())
		}
	}
	for from := 0; from < len(keys); from += subject.MostAsked {
		resp := &distributionv1.ForgetResponse{}
		req := &distributionv1.ForgetRequest{Threads: keys[from:min(from+subject.MostAsked, len(keys))]}
		if err := w.Log.Call(ctx, "distribution.forget", req, resp); err != nil {
			return "", err
		}
		for _, key := range resp.GetLeft() {
			// Somebody new may have begun to write meanwhile; then it is not the person's.
			t, err := subject.ParseKey(key)
			if err != nil {
				return "", fault.Wrap(err, "reading what distribution holds")
			}
			if s, _, err := w.Log.Load(ctx, t); err != nil || !thread.Live(s.GetConversation()) {
				return "until distribution has come past the end of the conversation", err
			}
		}
	}
	return "", nil
}

// verify searches once more. What it finds is taken away again.
func (w *Worker) verify(ctx context.Context, e *privacyv1.Erasure) error {
	counts, err := w.count(ctx, personOf(e))
	if err != nil {
		return err
	}
	for _, c := range counts {
		if c.GetItems() > 0 {
			w.Diary.WarnContext(ctx, fmt.Sprintf("%d records of %s are left of an erasure; they are taken away again", c.GetItems(), c.GetStore()))
			e.Step = privacyv1.Step_STEP_FILES
		}
	}
	if e.GetStep() == privacyv1.Step_STEP_VERIFY {
		e.DoneMs = w.Now().UnixMilli()
	}
	return nil
}

// finish answers the request that Meta passed on, if there is one, and leaves the
// certificate in place of the order. Nothing is called done of which a restore would
// not learn.
func (w *Worker) finish(ctx context.Context, e *privacyv1.Erasure) error {
	if e.GetAgain() != "" && e.GetAgain() != e.GetId() {
		return w.Book.Drop(ctx, e.GetId()) // its certificate is that of the first time
	}
	e.Shelved = w.Shelf != ""
	if err := w.Shelf.Put(w.Book.CertificateOf(e)); err != nil {
		return err
	}
	if err := w.Book.Answer(ctx, e, privacyv1.State_STATE_ERASED); err != nil {
		return err
	}
	return w.Book.Done(ctx, e)
}

// stopped takes away an order that was stopped.
func (w *Worker) stopped(ctx context.Context, e *privacyv1.Erasure) error {
	if err := w.Book.Answer(ctx, e, privacyv1.State_STATE_STOPPED); err != nil {
		return err
	}
	return w.Book.Drop(ctx, e.GetId())
}

// Count answers how much there is of persons.
func (w *Worker) Count(ctx context.Context, req *privacyv1.CountTracesRequest) (*privacyv1.CountTracesResponse, error) {
	counts, err := w.count(ctx, personOf(&privacyv1.Erasure{Threads: req.GetThreads(), Contacts: req.GetContacts()}))
	return &privacyv1.CountTracesResponse{Counts: counts}, err
}
