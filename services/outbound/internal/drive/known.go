package drive

import (
	"context"

	"go.opentelemetry.io/otel/trace"

	"github.com/parley-desk/parley/pkg/bus"
	"github.com/parley-desk/parley/pkg/thread"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
)

// snapshot is a thread's state at a revision; nobody changes it.
type snapshot struct {
	state    *threadv1.State
	revision uint64
}

// renew takes s where it is newer.
func (k *snapshot) renew(s snapshot) {
	if k.state == nil || s.revision > k.revision {
		*k = s
	}
}

// request is what an agent asked for, with the trace in which that was.
type request struct {
	trace  trace.SpanContext
	intent *threadv1.SendRequested
}

// note takes a commit in; the driver's lock is held.
func (w *worker) note(r bus.Record) {
	if !r.Overtaken {
		w.told.renew(snapshot{r.Commit.GetState(), r.Revision})
	}
	for _, f := range r.Commit.GetFacts() {
		if asked := f.GetSendRequested(); asked != nil {
			w.asked[asked.GetId()] = request{r.Trace, asked}
		}
	}
}

// look is the thread's state, for the next step: what this process wrote last or
// was told since, else the log's. It may be behind what others wrote a moment
// ago; every commit is decided again from the log, so that costs a step at most.
func (w *worker) look(ctx context.Context) (*threadv1.State, error) {
	w.mu.Lock()
	told := w.told
	w.told = snapshot{}
	w.mu.Unlock()
	if told.state != nil {
		w.known.renew(told)
	}
	if w.known.state == nil {
		state, revision, err := w.Threads.Load(ctx, w.thread)
		if err != nil {
			return nil, err
		}
		w.known = snapshot{state, revision}
	}
	w.forget(w.known.state)
	return w.known.state, nil
}

// forget drops what was asked for and is over.
func (w *worker) forget(s *threadv1.State) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for id := range w.asked {
		if thread.FindSend(s, id) == nil {
			delete(w.asked, id)
		}
	}
}

// intent finds what was asked for: the state has no texts. The context it gives
// goes on in the trace of whoever asked.
func (w *worker) intent(ctx context.Context, send *threadv1.Send) (context.Context, *threadv1.SendRequested, error) {
	w.mu.Lock()
	known, ok := w.asked[send.GetId()]
	w.mu.Unlock()
	if ok && int(send.GetPart()) < len(known.intent.GetParts()) {
		return trace.ContextWithRemoteSpanContext(ctx, known.trace), known.intent, nil
	}
	for record, err := range w.Threads.History(ctx, w.thread, send.GetAfterRevision()) {
		if err != nil {
			return ctx, nil, err
		}
		for _, f := range record.Commit.GetFacts() {
			if r := f.GetSendRequested(); r.GetId() == send.GetId() && int(send.GetPart()) < len(r.GetParts()) {
				return trace.ContextWithRemoteSpanContext(ctx, record.Trace), r, nil
			}
		}
		break // it is in the first commit or nowhere
	}
	return ctx, nil, errTextMissing
}
