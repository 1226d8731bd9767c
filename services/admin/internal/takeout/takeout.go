// Package takeout writes out everything about one person that an erasure would take
// away: for the person, who may ask for it, so in files that a program can read and a
// README that says what is in them.
package takeout

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"path"
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/parley-desk/parley/pkg/bus"
	"github.com/parley-desk/parley/pkg/fault"
	"github.com/parley-desk/parley/pkg/files"
	contactv1 "github.com/parley-desk/parley/proto/gen/parley/contact/v1"
	crmv1 "github.com/parley-desk/parley/proto/gen/parley/crm/v1"
	privacyv1 "github.com/parley-desk/parley/proto/gen/parley/privacy/v1"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
	"github.com/parley-desk/parley/proto/subject"
)

// Log is the part of bus.Bus that is needed.
type Log interface {
	Partitions() int
	History(ctx context.Context, t subject.Thread, after uint64) iter.Seq2[bus.Record, error]
	TracesOfInbound(ctx context.Context, partition int, of func(bus.InboundRecord) bool) (bus.Traces, error)
	TracesOfEvents(ctx context.Context, of func(*crmv1.Event) bool) (bus.Traces, error)
	LettersOf(ctx context.Context, threads []subject.Thread, contacts []string, of func(bus.DeadLetter) error) error
}

// Writer writes out. All fields are needed.
type Writer struct {
	Log     Log
	Files   files.Store
	Uploads interface {
		Each(ctx context.Context, handle func(bus.Entry)) error
	}
	Contacts interface {
		Get(ctx context.Context, id string) (*contactv1.Record, error)
	}
	Now func() time.Time
	// File begins the next file.
	File func(name string) io.Writer
}

const readme = `Everything that is kept about one person, as of %s.

person.json       who this is about: ids of the person on pages, and contacts
threads/N.jsonl   everything that happened between the person and the page, a line
                  each, oldest first: messages of both sides, notes, names, answers
                  to surveys and questions. N counts the threads of person.json
threads/N.json    how the thread stands now, with the name and the contact
received.jsonl    what Meta sent about the person, as it came
files/            files that the person sent and was sent; threads/N.jsonl names
                  each by the last part of its "object"
uploads.jsonl     files that were uploaded for the person and not sent, by what is
                  known of them
contacts.jsonl    the address book's records
crm.jsonl         what another system was told, or is to be
problems.jsonl    records of the above that could not be worked on

Lines are JSON in UTF-8; times are ISO 8601 or milliseconds since 1970 UTC.
Files without lines: there is nothing of that kind.
`

// Write writes everything about whom an order would erase.
func (w *Writer) Write(ctx context.Context, e *privacyv1.Erasure) error {
	if _, err := fmt.Fprintf(w.File("README.txt"), readme, w.Now().UTC().Format(time.RFC3339)); err != nil {
		return err
	}
	who := &privacyv1.Persons{Threads: e.GetThreads(), Contacts: e.GetContacts()}
	if err := message(w.File("person.json"), who); err != nil {
		return err
	}
	threads := make([]subject.Thread, 0, len(e.GetThreads()))
	for i, t := range e.GetThreads() {
		threads = append(threads, subject.Thread{Page: t.GetPage(), PSID: t.GetPsid()})
		if err := w.thread(ctx, i+1, threads[i]); err != nil {
			return err
		}
	}
	for _, part := range []func(context.Context, []subject.Thread, []string) error{w.received, w.uploads, w.contacts, w.told, w.problems} {
		if err := part(ctx, threads, e.GetContacts()); err != nil {
			return err
		}
	}
	return nil
}

// message writes one message on a line.
func message(to io.Writer, m proto.Message) error {
	data, err := protojson.MarshalOptions{UseProtoNames: true}.Marshal(m)
	if err == nil {
		_, err = to.Write(append(data, '\n'))
	}
	return err
}

// line writes anything else on a line.
func line(to io.Writer, what any) error {
	data, err := json.Marshal(what)
	if err == nil {
		_, err = to.Write(append(data, '\n'))
	}
	return err
}

// whole is JSON as it came, or a text when it is none.
func whole(data []byte) any {
	if json.Valid(data) {
		return json.RawMessage(data)
	}
	return string(data)
}

// thread writes the log of a thread, how it stands, and its files.
func (w *Writer) thread(ctx context.Context, number int, t subject.Thread) error {
	to := w.File(fmt.Sprintf("threads/%d.jsonl", number))
	var state *threadv1.State
	var objects []files.Object
	for r, err := range w.Log.History(ctx, t, 0) {
		if err != nil {
			return err
		}
		state = r.Commit.GetState()
		if err := message(to, &threadv1.Commit{Facts: r.Commit.GetFacts(), AtMs: r.Commit.GetAtMs()}); err != nil {
			return err
		}
		for _, fact := range r.Commit.GetFacts() {
			if k := fact.GetAttachmentKept(); k != nil {
				objects = append(objects, files.Object{Key: k.GetObject(), Size: k.GetSize()})
			}
			for _, f := range fact.GetSendRequested().GetFiles() {
				objects = append(objects, files.Object{Key: f.GetObject(), Size: f.GetSize()})
			}
		}
	}
	if state != nil {
		if err := message(w.File(fmt.Sprintf("threads/%d.json", number)), state); err != nil {
			return err
		}
	}
	written := map[string]bool{} // one file may have been sent twice
	for _, o := range objects {
		if written[o.Key] {
			continue
		}
		written[o.Key] = true
		from := w.Files.Open(ctx, o)
		first := make([]byte, 1)
		if _, err := io.ReadFull(from, first); fault.Is(err, fault.NotFound) {
			continue // it was erased by itself
		} else if err != nil && o.Size > 0 {
			return fault.Wrap(err, "reading a file")
		}
		if _, err := from.Seek(0, io.SeekStart); err != nil {
			return err
		}
		name := o.Key[strings.LastIndexAny(o.Key, "./")+1:]
		if _, err := io.Copy(w.File(path.Join("files", name)), from); err != nil {
			return fault.Wrap(err, "reading a file")
		}
	}
	return nil
}

// received writes what Meta sent.
func (w *Writer) received(ctx context.Context, threads []subject.Thread, _ []string) error {
	to := w.File("received.jsonl")
	for p := range w.Log.Partitions() {
		if !slices.ContainsFunc(threads, func(t subject.Thread) bool { return t.Partition(w.Log.Partitions()) == p }) {
			continue
		}
		var failed error
		if _, err := w.Log.TracesOfInbound(ctx, p, func(r bus.InboundRecord) bool {
			if failed == nil && slices.Contains(threads, r.Thread) {
				failed = line(to, map[string]any{"page": r.Thread.Page, "psid": r.Thread.PSID, "received": r.Stored.UTC(), "event": whole(r.Event.GetRaw())})
			}
			return false
		}); err != nil {
			return err
		}
		if failed != nil {
			return failed
		}
	}
	return nil
}

// uploads writes what agents have uploaded and not sent.
func (w *Writer) uploads(ctx context.Context, threads []subject.Thread, _ []string) error {
	to, failed := w.File("uploads.jsonl"), error(nil)
	err := w.Uploads.Each(ctx, func(e bus.Entry) {
		if failed == nil && slices.ContainsFunc(threads, func(t subject.Thread) bool { return strings.HasPrefix(e.Key, t.Key()+".") }) {
			failed = line(to, whole(e.Value))
		}
	})
	if err != nil {
		return err
	}
	return failed
}

func (w *Writer) contacts(ctx context.Context, _ []subject.Thread, ids []string) error {
	to := w.File("contacts.jsonl")
	for _, id := range ids {
		c, err := w.Contacts.Get(ctx, id)
		if fault.Is(err, fault.NotFound) {
			continue
		}
		if err == nil {
			err = message(to, c)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// told writes what a CRM is told.
func (w *Writer) told(ctx context.Context, threads []subject.Thread, contacts []string) error {
	to, failed := w.File("crm.jsonl"), error(nil)
	_, err := w.Log.TracesOfEvents(ctx, func(e *crmv1.Event) bool {
		if failed == nil && (slices.Contains(threads, subject.Thread{Page: e.GetPage(), PSID: e.GetPsid()}) || slices.Contains(contacts, e.GetContact())) {
			failed = message(to, e)
		}
		return false
	})
	if err != nil {
		return err
	}
	return failed
}

// problems writes the dead letters.
func (w *Writer) problems(ctx context.Context, threads []subject.Thread, contacts []string) error {
	to := w.File("problems.jsonl")
	return w.Log.LettersOf(ctx, threads, contacts, func(l bus.DeadLetter) error {
		return line(to, map[string]any{"at": l.At.UTC(), "of": l.Stage, "reason": l.Reason, "record": l.Data})
	})
}
