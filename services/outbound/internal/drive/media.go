package drive

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"time"

	"github.com/parley-desk/parley/pkg/bus"
	"github.com/parley-desk/parley/pkg/fault"
	"github.com/parley-desk/parley/pkg/files"
	"github.com/parley-desk/parley/pkg/graph"
	"github.com/parley-desk/parley/pkg/telemetry/key"
	"github.com/parley-desk/parley/pkg/thread"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
	"github.com/parley-desk/parley/services/outbound/internal/attempt"
	"github.com/parley-desk/parley/services/outbound/internal/pace"
)

// Shelf is the bucket of the ids under which Meta has files.
type Shelf interface {
	Get(ctx context.Context, key string) (bus.Entry, error)
	Write(ctx context.Context, writes ...bus.Write) error
}

const (
	// mediaAge is how long an id is used. Meta's end after 90 days.
	mediaAge = 80 * 24 * time.Hour
)

// kept is an entry of the bucket.
type kept struct {
	ID   string `json:"id"`
	AtMS int64  `json:"at_ms"` // when Meta got the file
}

// held is the file of a part as Meta has it; without an id when it has not.
type held struct {
	graph.Media
	given bool   // the part is a file
	found bool   // in the bucket: Meta may have dropped it since
	key   string // in the bucket
}

// offers counts how often Meta was offered the file of one part.
type offers struct {
	ref attempt.Ref
	n   int
}

// media has Meta hold the file of a part, if the part is one. No customer sees
// anything of that, so it may happen twice, and happens before the attempt: an
// attempt is always one small request. Without an id it has committed why.
func (w *worker) media(ctx context.Context, s *threadv1.State, r *threadv1.SendRequested, ref attempt.Ref, pass Pass) (held, *graph.Outcome, error) {
	file := thread.PartFile(r, ref.Part)
	if file == nil {
		return held{}, nil, nil
	}
	h := held{given: true, Media: graph.Media{Kind: file.GetKind()}, key: w.mediaKey(file)}
	if begin := w.Policy.Begin(s, ref, r.GetHuman(), w.Now()); len(begin) == 0 || begin[0].GetSendAttempted() == nil {
		_, err := w.commit(ctx, func(s *threadv1.State) []*threadv1.Fact { return w.Policy.Refuse(s, ref, r.GetHuman(), w.Now()) })
		return h, nil, err
	}
	id, err := w.mediaID(ctx, h.key)
	if err != nil {
		return h, nil, err
	}
	if h.found = id != ""; h.found {
		h.ID = id
		return h, nil, nil
	}
	out, err := w.upload(ctx, s, r, ref, pass, &h)
	return h, out, err
}

func (w *worker) mediaKey(file *threadv1.SentFile) string {
	return files.MediaKey(w.Signer, w.thread.Page, file.GetKind(), file.GetSha256())
}

// mediaID is the id under which Meta has a file; empty when it is not known to.
func (w *worker) mediaID(ctx context.Context, key string) (string, error) {
	e, err := w.Shelf.Get(ctx, key)
	if fault.Is(err, fault.NotFound) {
		return "", nil
	}
	var k kept
	if err != nil || json.Unmarshal(e.Value, &k) != nil || w.Now().Sub(time.UnixMilli(k.AtMS)) >= mediaAge {
		return "", err
	}
	return k.ID, nil
}

// upload gives Meta a file under the page's pace. What keeps it from doing so is
// committed.
func (w *worker) upload(ctx context.Context, s *threadv1.State, r *threadv1.SendRequested, ref attempt.Ref, pass Pass, h *held) (*graph.Outcome, error) {
	turn, rest, err := w.turn(ctx, pace.Media)
	if err != nil {
		return nil, err
	}
	if rest.For > 0 {
		return nil, w.rest(ctx, s, r, ref, rest)
	}
	out := w.give(ctx, thread.PartFile(r, ref.Part), pass, h)
	if ctx.Err() != nil {
		turn.End(ctx, nil)
		return nil, ctx.Err() // the next process uploads it
	}
	turn.End(ctx, &out)
	if w.offers.ref != ref {
		w.offers = offers{ref: ref}
	}
	w.offers.n++
	if h.ID == "" {
		_, err := w.commit(ctx, func(s *threadv1.State) []*threadv1.Fact {
			return w.Policy.Unready(s, ref, r.GetHuman(), out, w.offers.n, pass.Setup, w.Now())
		})
		return &out, err
	}
	w.remember(ctx, *h)
	return &out, nil
}

// give uploads a file out of the store.
func (w *worker) give(ctx context.Context, file *threadv1.SentFile, pass Pass, h *held) (out graph.Outcome) {
	ctx, cancel := context.WithTimeout(ctx, w.Patience)
	defer cancel()
	ctx, span := w.Tracer.Start(ctx, "outbound upload")
	defer span.End()
	body := &source{from: w.Files.Open(ctx, files.Object{Key: file.GetObject(), Size: file.GetSize()})}
	h.ID, out = w.Meta.Upload(ctx, pass.Page, graph.File{Kind: file.GetKind(), Type: file.GetContentType(), Name: file.GetName(), Size: file.GetSize(), Body: body})
	if h.ID == "" && fault.Is(body.err, fault.NotFound) {
		return graph.Outcome{Class: graph.Refused, Reason: attempt.ReasonFileMissing}
	}
	return out
}

// remember writes down under which id Meta has a file. When that fails, the file
// is uploaded again for the next message.
func (w *worker) remember(ctx context.Context, h held) {
	value, err := json.Marshal(kept{ID: h.ID, AtMS: w.Now().UnixMilli()})
	if err == nil {
		err = w.Shelf.Write(ctx, bus.Write{Key: h.key, Value: value, Revision: bus.AnyRevision})
	}
	if err != nil {
		w.Log.WarnContext(ctx, "the id of a file at Meta is not written down", key.Err, err)
	}
}

// judge makes of a send that Meta refused because it does not have the file any
// more one that is to be made again: the file is uploaded anew. Once: an id that
// Meta gave just now must do.
func (w *worker) judge(ctx context.Context, h held, out *graph.Outcome) {
	if !h.given || !out.MediaGone() {
		return
	}
	// Where that fails, the id is found and refused again.
	_ = w.Shelf.Write(ctx, bus.Write{Key: h.key, Revision: bus.AnyRevision})
	if h.found {
		out.Class, out.Reason = graph.Later, attempt.ReasonMediaLapsed
	}
}

// source notes why a file could not be read to its end.
type source struct {
	from io.Reader
	err  error
}

func (s *source) Read(p []byte) (int, error) {
	n, err := s.from.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		s.err = err
	}
	return n, err
}
