// Package erasing takes away the files of a thread that somebody asked to be
// erased: what is stored, what agents have uploaded and not sent, and under which
// ids Meta has what they sent.
//
// It may be stopped anywhere and run again, also much later: it takes nothing
// that came after it was asked.
package erasing

import (
	"cmp"
	"context"
	"encoding/json"
	"iter"
	"strings"

	"github.com/parley-desk/parley/pkg/bus"
	"github.com/parley-desk/parley/pkg/fault"
	"github.com/parley-desk/parley/pkg/files"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
	"github.com/parley-desk/parley/proto/subject"
)

// Threads is the part of bus.Bus that erasing needs.
type Threads interface {
	Load(ctx context.Context, t subject.Thread) (*threadv1.State, uint64, error)
	History(ctx context.Context, t subject.Thread, after uint64) iter.Seq2[bus.Record, error]
}

// Bucket is the part of bus.Bucket that erasing needs.
type Bucket interface {
	Get(ctx context.Context, key string) (bus.Entry, error)
	Watch(ctx context.Context, ready func(), handle func(bus.Entry)) error
	Write(ctx context.Context, writes ...bus.Write) error
	Purge(ctx context.Context, prefix string) error
}

// Eraser erases. All fields are needed.
type Eraser struct {
	Threads Threads
	Files   files.Store
	Uploads Bucket // UPLOAD
	Media   Bucket // MEDIA
	Signer  interface{ MAC(string, []byte) []byte }
}

// Handle erases what a commit asks for.
func (e *Eraser) Handle(ctx context.Context, r bus.Record) error {
	for _, fact := range r.Commit.GetFacts() {
		if fact.GetFilesErased() != nil {
			return e.Erase(ctx, r)
		}
	}
	return nil
}

// past is what a thread's log tells of its files.
type past struct {
	objects []files.Object       // stored up to the commit
	sent    []*threadv1.SentFile // by agents, among them
	newer   bool                 // others came later
}

// Erase takes the files of a thread away that were there at a commit of it.
func (e *Eraser) Erase(ctx context.Context, r bus.Record) error {
	return fault.Wrap(e.erase(ctx, r), "erase the files of a thread")
}

func (e *Eraser) erase(ctx context.Context, r bus.Record) error {
	later, err := e.uploads(ctx, r)
	if err != nil {
		return err
	}
	p, err := e.past(ctx, r)
	if err != nil {
		return err
	}
	for _, f := range p.sent {
		if err := e.forget(ctx, files.MediaKey(e.Signer, r.Thread.Page, f.GetKind(), f.GetSha256())); err != nil {
			return err
		}
	}
	if !later && !p.newer { // also what nobody knows of: leftovers of those who died
		return e.Files.Erase(ctx, r.Thread)
	}
	for _, o := range p.objects {
		if err := e.Files.Remove(ctx, o); err != nil {
			return err
		}
	}
	return nil
}

// uploads takes the uploads away that were begun before, and tells whether others
// were since.
func (e *Eraser) uploads(ctx context.Context, r bus.Record) (later bool, _ error) {
	reading, stop := context.WithCancel(ctx)
	defer stop()
	prefix, ready := r.Thread.Key(), false
	var writes []bus.Write
	err := e.Uploads.Watch(reading, func() { ready = true; stop() }, func(entry bus.Entry) {
		var u struct {
			BeganMS int64 `json:"began_ms"`
		}
		switch {
		case ready || !strings.HasPrefix(entry.Key, prefix+"."):
		case json.Unmarshal(entry.Value, &u) == nil && u.BeganMS > r.Commit.GetAtMs():
			later = true
		default:
			writes = append(writes, bus.Write{Key: entry.Key, Revision: bus.AnyRevision})
		}
	})
	if !ready {
		return false, cmp.Or(ctx.Err(), err)
	}
	for _, w := range writes { // desks forget them by this
		if err := e.Uploads.Write(ctx, w); err != nil {
			return false, err
		}
	}
	if later {
		return true, nil
	}
	return false, e.Uploads.Purge(ctx, prefix)
}

// past reads the thread's log.
func (e *Eraser) past(ctx context.Context, r bus.Record) (p past, _ error) {
	state, _, err := e.Threads.Load(ctx, r.Thread)
	if err != nil {
		return p, err
	}
	p.newer = len(state.GetFiles()) > 0
	for record, err := range e.Threads.History(ctx, r.Thread, 0) {
		if err != nil {
			return p, err
		}
		for _, fact := range record.Commit.GetFacts() {
			kept, sent := fact.GetAttachmentKept(), fact.GetSendRequested().GetFiles()
			if record.Revision > r.Revision {
				p.newer = p.newer || kept != nil || len(sent) > 0
				continue
			}
			if kept != nil {
				p.objects = append(p.objects, files.Object{Key: kept.GetObject(), Size: kept.GetSize()})
			}
			for _, f := range sent {
				p.objects = append(p.objects, files.Object{Key: f.GetObject(), Size: f.GetSize()})
			}
			p.sent = append(p.sent, sent...)
		}
	}
	return p, nil
}

// forget takes an id away that is there.
func (e *Eraser) forget(ctx context.Context, key string) error {
	switch _, err := e.Media.Get(ctx, key); {
	case fault.Is(err, fault.NotFound):
		return nil
	case err != nil:
		return err
	}
	return e.Media.Write(ctx, bus.Write{Key: key, Revision: bus.AnyRevision})
}
