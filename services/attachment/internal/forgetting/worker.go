// Package forgetting erases a person out of everything the house keeps, as an
// order in the bucket PRIVACY says (P14, SD4).
//
// # Invariants
//
// What the tests hold, with the process killed behind every write:
//
//   - When an order is done, nothing of the person is in any stream, bucket, file
//     or key of Redis, and everything of everybody else is.
//   - A thread is taken out of the log only after whoever works on it has come
//     past the commit that erases it: nobody writes of before any more.
//   - What came before the order is erased, also what nobody had filed yet; what
//     comes after the threads are closed is of a new customer and stays.
//   - Each step may be done again, by whichever process, from wherever the one
//     before was killed.
//   - Nobody who is held is erased, and whoever is held while an order waits is
//     erased when the hold is released.
//   - An order that cannot go on says what it waits for, and keeps no other one
//     waiting.
package forgetting

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/parley-desk/parley/pkg/bus"
	"github.com/parley-desk/parley/pkg/contact"
	"github.com/parley-desk/parley/pkg/erasure"
	"github.com/parley-desk/parley/pkg/fault"
	"github.com/parley-desk/parley/pkg/telemetry/key"
	crmv1 "github.com/parley-desk/parley/proto/gen/parley/crm/v1"
	privacyv1 "github.com/parley-desk/parley/proto/gen/parley/privacy/v1"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
	"github.com/parley-desk/parley/proto/subject"
	"github.com/parley-desk/parley/services/attachment/internal/erasing"
)

// look is how often orders are looked at that wait for something.
const look = time.Second

// Log is the part of bus.Bus that forgetting needs.
type Log interface {
	Partitions() int
	Load(ctx context.Context, t subject.Thread) (*threadv1.State, uint64, error)
	Update(ctx context.Context, t subject.Thread, decide func(*threadv1.State, uint64) ([]*threadv1.Fact, error)) (*threadv1.State, uint64, error)
	History(ctx context.Context, t subject.Thread, after uint64) iter.Seq2[bus.Record, error]
	InboundEnd(ctx context.Context, t subject.Thread) (uint64, error)
	InboundHandled(ctx context.Context, t subject.Thread, upTo uint64) ([]string, error)
	ThreadHandled(ctx context.Context, t subject.Thread, upTo uint64) ([]string, error)
	TracesOfThread(ctx context.Context, t subject.Thread, upTo uint64) (bus.Traces, error)
	TracesOfInbound(ctx context.Context, partition int, of func(bus.InboundRecord) bool) (bus.Traces, error)
	TracesOfEvents(ctx context.Context, of func(*crmv1.Event) bool) (bus.Traces, error)
	TracesOfLetters(ctx context.Context, threads []subject.Thread, contacts []string, until time.Time) (bus.Traces, error)
	Erase(ctx context.Context, t bus.Traces) error
	Forget(t subject.Thread)
	States(ctx context.Context) iter.Seq2[bus.Record, error]
	FileOwners(ctx context.Context) ([]subject.Thread, error)
	Call(ctx context.Context, method string, req, resp proto.Message) error
}

// Bucket is the part of bus.Bucket that forgetting needs.
type Bucket interface {
	Get(ctx context.Context, key string) (bus.Entry, error)
	Each(ctx context.Context, handle func(bus.Entry)) error
}

// Worker carries orders out. All fields are needed but where it says so.
type Worker struct {
	Log      Log
	Book     *erasure.Book
	Files    *erasing.Eraser
	Uploads  Bucket // UPLOAD
	Media    Bucket // MEDIA
	Cards    Bucket // CONTACT
	Contacts *contact.Store
	Shelf    erasure.Shelf // where certificates are kept beside the log
	Now      func() time.Time
	Rest     time.Duration // for which the commit that erases a thread stays for every desk to read
	Diary    *slog.Logger
	Meter    *Meter // may be nil
}

// Run carries out what is ordered until ctx ends. One process does at a time; two
// are harmless.
func (w *Worker) Run(ctx context.Context) error {
	defer w.Meter.set(nil, w.Now())
	watching, stop := context.WithCancel(ctx)
	defer stop()
	news := make(chan struct{}, 1)
	ended := make(chan error, 1)
	go func() {
		ended <- w.Book.Bucket.Watch(watching, nil, func(bus.Entry) {
			select {
			case news <- struct{}{}:
			default:
			}
		})
	}()
	if err := w.Book.Shelve(ctx, w.Shelf); err != nil {
		w.Diary.WarnContext(ctx, "certificates of before are not kept beside the log yet", slog.Any(key.Err, err))
	}
	tick := time.NewTicker(look)
	defer tick.Stop()
	for waiting := true; ; {
		select {
		case <-ctx.Done():
			return nil
		case err := <-ended:
			return err
		case <-news:
		case <-tick.C:
			if !waiting {
				continue
			}
		}
		open, err := w.Pass(ctx)
		if err != nil {
			return err
		}
		waiting = open
	}
}

// Pass carries every order on as far as it goes now, and tells whether some are
// left.
func (w *Worker) Pass(ctx context.Context) (left bool, _ error) {
	page, err := w.Book.Read(ctx)
	if err != nil {
		return true, err
	}
	var open []*privacyv1.Erasure
	for _, e := range page.Open {
		done, err := w.advance(ctx, e.GetId())
		if err != nil {
			w.Diary.WarnContext(ctx, "an erasure cannot go on yet", key.Erasure, e.GetId(), slog.Any(key.Err, err))
		}
		if !done || err != nil {
			open = append(open, e)
		}
	}
	w.Meter.set(open, w.Now())
	return len(open) > 0, nil
}

// advance carries one order on until it is done, waits for something or fails.
func (w *Worker) advance(ctx context.Context, id string) (done bool, _ error) {
	for ctx.Err() == nil {
		e, revision, err := w.Book.Get(ctx, id)
		switch {
		case fault.Is(err, fault.NotFound):
			return true, nil
		case err != nil:
			return false, err
		case e.GetStep() == privacyv1.Step_STEP_STOPPED:
			return true, w.stopped(ctx, e)
		case e.GetStep() == privacyv1.Step_STEP_DONE:
			return w.end(ctx, e, revision)
		case w.Now().UnixMilli() < e.GetStartsMs():
			return false, nil
		}
		before := proto.CloneOf(e)
		waits, failed := w.take(ctx, e)
		if failed != nil {
			waits = "trying again: " + words(failed)
		}
		if e.Waits = waits; waits == "" {
			w.next(e, before)
		}
		if !proto.Equal(before, e) {
			if err := w.Book.Put(ctx, e, revision); err != nil && !fault.Is(err, fault.Conflict) {
				return false, err
			}
		}
		if failed != nil || waits != "" {
			return false, failed
		}
	}
	return false, ctx.Err()
}

// end finishes an order, or has it say why it cannot.
func (w *Worker) end(ctx context.Context, e *privacyv1.Erasure, revision uint64) (done bool, _ error) {
	failed := w.finish(ctx, e)
	if failed == nil {
		return true, nil
	}
	if waits := "trying again: " + words(failed); waits != e.GetWaits() {
		e.Waits = waits
		if err := w.Book.Put(ctx, e, revision); err != nil && !fault.Is(err, fault.Conflict) {
			return false, err
		}
	}
	return false, failed
}

// next is the step behind the one that was taken, unless that has chosen another.
func (w *Worker) next(e, before *privacyv1.Erasure) {
	if e.GetStep() == before.GetStep() {
		e.Step++
	}
}

// words are those of an error that a person may read.
func words(err error) string {
	var f *fault.Error
	if errors.As(err, &f) {
		return f.Message
	}
	return "something went wrong; see the log of attachment"
}

// take does what is to be done next, and tells what for people it waits for.
func (w *Worker) take(ctx context.Context, e *privacyv1.Erasure) (waits string, _ error) {
	switch e.GetStep() {
	case privacyv1.Step_STEP_DRAIN:
		return w.drain(ctx, e)
	case privacyv1.Step_STEP_CLOSE:
		return w.closeThreads(ctx, e)
	case privacyv1.Step_STEP_SETTLE:
		return w.settle(ctx, e)
	case privacyv1.Step_STEP_COUNT:
		counts, err := w.count(ctx, personOf(e))
		e.Counts = counts
		return "", err
	case privacyv1.Step_STEP_FILES:
		return "", w.files(ctx, e)
	case privacyv1.Step_STEP_THREAD:
		return w.threads(ctx, e)
	case privacyv1.Step_STEP_INBOUND:
		return "", w.sweep(ctx, e, w.inbound)
	case privacyv1.Step_STEP_CRM:
		return "", w.sweep(ctx, e, w.events)
	case privacyv1.Step_STEP_LETTERS:
		return "", w.sweep(ctx, e, w.letters)
	case privacyv1.Step_STEP_CONTACTS:
		return "", w.contacts(ctx, e)
	case privacyv1.Step_STEP_BOOK:
		return w.book(ctx, e)
	case privacyv1.Step_STEP_VERIFY:
		return "", w.verify(ctx, e)
	case privacyv1.Step_STEP_UNSPECIFIED, privacyv1.Step_STEP_DONE, privacyv1.Step_STEP_STOPPED:
	}
	return "", fault.New(fault.Internal, "STEP_UNKNOWN", "the erasure is at step %d, which this release does not know", e.GetStep())
}

// drain has everything filed that came before. It is the last step at which an
// order can be stopped or held.
func (w *Worker) drain(ctx context.Context, e *privacyv1.Erasure) (string, error) {
	if held, err := w.held(ctx, e); held != "" || err != nil {
		return held, errors.Join(err, w.Book.Answer(ctx, e, privacyv1.State_STATE_HELD))
	}
	waits, err := w.busy(e, func(t *privacyv1.Target) ([]string, error) {
		end, err := w.Log.InboundEnd(ctx, threadOf(t))
		if err != nil || end == 0 {
			return nil, err
		}
		if t.GetInbound() == 0 && !t.GetPart() {
			t.Inbound = end
		}
		return w.Log.InboundHandled(ctx, threadOf(t), min(t.GetInbound(), end))
	})
	if waits == "" && err == nil {
		err = w.Book.Answer(ctx, e, privacyv1.State_STATE_ERASING)
	}
	return waits, err
}

// busy says which stages are behind, as far as the threads go.
func (w *Worker) busy(e *privacyv1.Erasure, stages func(*privacyv1.Target) ([]string, error)) (string, error) {
	for _, t := range e.GetThreads() {
		behind, err := stages(t)
		if err != nil {
			return "", err
		}
		if len(behind) > 0 {
			return fmt.Sprintf("until %v has handled what came before", behind), nil
		}
	}
	return "", nil
}
