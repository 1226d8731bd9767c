package forgetting_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/parley-desk/parley/pkg/bus"
	"github.com/parley-desk/parley/pkg/bus/broker"
	"github.com/parley-desk/parley/pkg/contact"
	"github.com/parley-desk/parley/pkg/erasure"
	"github.com/parley-desk/parley/pkg/fault"
	"github.com/parley-desk/parley/pkg/files"
	"github.com/parley-desk/parley/pkg/secret"
	"github.com/parley-desk/parley/pkg/thread"
	contactv1 "github.com/parley-desk/parley/proto/gen/parley/contact/v1"
	crmv1 "github.com/parley-desk/parley/proto/gen/parley/crm/v1"
	distributionv1 "github.com/parley-desk/parley/proto/gen/parley/distribution/v1"
	inboundv1 "github.com/parley-desk/parley/proto/gen/parley/inbound/v1"
	privacyv1 "github.com/parley-desk/parley/proto/gen/parley/privacy/v1"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
	"github.com/parley-desk/parley/proto/subject"
	"github.com/parley-desk/parley/services/attachment/internal/erasing"
	"github.com/parley-desk/parley/services/attachment/internal/forgetting"
)

// somebody is a person of whom there is something in every store, with a name to
// look for.
type somebody struct {
	name    string
	thread  subject.Thread
	contact string
}

// house is a log with its files, whose worker can be killed.
type house struct {
	*testing.T
	*bus.Bus
	dir  string
	box  *secret.Box
	now  time.Time
	fuse *fuse
	n    int // orders

	mu        sync.Mutex
	forgotten map[string]bool // by distribution
	refuses   error           // what distribution answers
}

func open(t *testing.T) *house {
	t.Helper()
	box, err := secret.New()
	if err != nil {
		t.Fatal(err)
	}
	return openAs(t, box, nil)
}

// openAs is a house with this keyset, out of a backup if there is one.
func openAs(t *testing.T, box *secret.Box, from *bus.Restore) *house {
	t.Helper()
	h := &house{T: t, dir: t.TempDir(), box: box, forgotten: map[string]bool{}, now: time.Now(), fuse: &fuse{left: -1}}
	cfg := bus.Config{Embedded: true, DataDir: h.dir, Instance: "test", Restore: from}
	if from == nil {
		cfg.Partitions = 2
	}
	b, err := bus.Open(t.Context(), cfg, bus.Tools{Broker: broker.Start})
	h.ok(err)
	t.Cleanup(func() {
		if err := b.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	h.Bus = b
	h.background(func(ctx context.Context) error {
		return bus.Serve(ctx, b, "distribution.forget", func(_ context.Context, req *distributionv1.ForgetRequest) (*distributionv1.ForgetResponse, error) {
			h.mu.Lock()
			defer h.mu.Unlock()
			for _, key := range req.GetThreads() {
				h.forgotten[key] = true
			}
			return &distributionv1.ForgetResponse{}, h.refuses
		})
	})
	return h
}

func (h *house) ok(err error) {
	h.Helper()
	if err != nil {
		h.Fatal(err)
	}
}

// background runs something until the end of the test, or until stop is called.
func (h *house) background(run func(context.Context) error) (stop func()) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(h.Context()))
	done := make(chan struct{})
	go func() { defer close(done); _ = run(ctx) }()
	stop = sync.OnceFunc(func() { cancel(); <-done })
	h.Cleanup(stop)
	return stop
}

func (h *house) await(what string, done func() bool) {
	h.Helper()
	late, tick := time.After(time.Minute), time.NewTicker(5*time.Millisecond)
	defer tick.Stop()
	for !done() {
		select {
		case <-late:
			h.Fatalf("waited in vain for %s", what)
		case <-tick.C:
		}
	}
}

// people come and leave something of themselves everywhere.
func (h *house) people(names ...string) (all []*somebody) {
	h.Helper()
	stop := h.background(func(ctx context.Context) error {
		return h.FollowInbound(ctx, "ward", func(_ context.Context, r bus.InboundRecord) error {
			if bytes.Contains(r.Event.GetRaw(), []byte("-ill")) {
				return fault.New(fault.Invalid, "ILL", "it is ill")
			}
			return nil
		})
	})
	var events []*inboundv1.Event
	for i, name := range names {
		p := &somebody{name: name, thread: subject.Thread{Page: "1020304050", PSID: fmt.Sprintf("77000%06d", i)}}
		all = append(all, p)
		for _, what := range []string{"-raw", "-ill"} {
			events = append(events, &inboundv1.Event{Account: "demo", Page: p.thread.Page, Psid: p.thread.PSID, Raw: []byte(name + what)})
		}
	}
	h.ok(h.PublishInbound(h.Context(), events)) // of all in the same records
	for _, p := range all {
		h.writes(p)
	}
	h.await("the dead letters", func() bool {
		n := 0
		for _, err := range h.DeadLetters(h.Context()) {
			h.ok(err)
			n++
		}
		return n == len(names)
	})
	stop()
	return all
}

// writes fills the stores but INBOUND and DEADLETTER.
func (h *house) writes(p *somebody) {
	h.Helper()
	c, err := contact.Open(h.Bus, time.Now).Create(h.Context(), contact.Deed{By: "agents/mila"}, &contactv1.Contact{Name: p.name + " contact", ExternalId: p.name + "-external"})
	h.ok(err)
	p.contact = c.GetId()
	put := func(name string) files.Object {
		o, err := h.Files().Put(h.Context(), p.thread, name, strings.NewReader(p.name+" file "+name))
		h.ok(err)
		return o
	}
	theirs, ours := put("kept.0"), put("sent")
	put("stray")
	key := files.MediaKey(h.box, p.thread.Page, "image", p.name)
	h.ok(h.Bucket(subject.MediaBucket).Write(h.Context(), bus.Write{Key: key, Value: []byte("{}"), Revision: bus.AnyRevision}))
	h.ok(h.Bucket(subject.UploadBucket).Write(h.Context(), bus.Write{Key: subject.UploadKey(p.thread, "u"), Value: fmt.Appendf(nil, `{"began_ms":1,"name":"%s upload"}`, p.name), Revision: bus.AnyRevision}))
	h.says(p, &threadv1.MessageReceived{Mid: "m-" + p.name, Text: p.name + " text", Attachments: []*threadv1.Attachment{{Type: "image", Url: "https://cdn.example/" + p.name}}},
		&threadv1.ConversationOpened{Id: "c-" + p.name, Workstream: "w", Units: 1, OfferSeconds: 60}, &threadv1.ConversationRouted{Queue: "front"},
		&threadv1.CustomerProfiled{Name: p.name + " profile"}, &threadv1.ContactLinked{Contact: p.contact, Source: threadv1.LinkSource_LINK_SOURCE_AUTOMATIC})
	h.says(p, &threadv1.AttachmentKept{Message: "m-" + p.name, Object: theirs.Key, Size: theirs.Size, Name: p.name + ".png"},
		&threadv1.AgentAssigned{Agent: "mila", Cause: threadv1.Cause_CAUSE_PICKED},
		&threadv1.NoteAdded{Id: "n", Agent: "mila", Text: p.name + " note"},
		&threadv1.SendRequested{Id: "s-" + p.name, ClientId: "s", Agent: "mila", Parts: []string{p.name + " reply"}, Human: true,
			Files: []*threadv1.SentFile{{Object: ours.Key, Size: ours.Size, Kind: "image", Sha256: p.name}}})
	h.ok(h.Tell(h.Context(), subject.OfStranger(p.thread), &crmv1.Event{Id: "e1-" + p.name, Page: p.thread.Page, Psid: p.thread.PSID}))
	h.ok(h.Tell(h.Context(), subject.OfContact(p.contact), &crmv1.Event{Id: "e2-" + p.name, Contact: p.contact, Page: p.thread.Page, Psid: p.thread.PSID}))
}

func (h *house) says(p *somebody, kinds ...any) {
	h.Helper()
	var facts []*threadv1.Fact
	for _, k := range kinds {
		facts = append(facts, thread.Of(k))
	}
	_, _, err := h.Update(h.Context(), p.thread, func(*threadv1.State, uint64) ([]*threadv1.Fact, error) { return facts, nil })
	h.ok(err)
}

// order has somebody erased; the order's id.
func (h *house) order(p *somebody) string {
	h.Helper()
	h.n++
	e := &privacyv1.Erasure{Id: fmt.Sprintf("order-%d", h.n), By: "local:petar", OrderedMs: h.now.UnixMilli(), Way: privacyv1.Way_WAY_CONTACT,
		Threads: []*privacyv1.Target{{Page: p.thread.Page, Psid: p.thread.PSID}}, Contacts: []string{p.contact}, Step: privacyv1.Step_STEP_DRAIN}
	h.ok(h.book().Order(h.Context(), e))
	return e.Id
}

func (h *house) book() *erasure.Book {
	return &erasure.Book{Bucket: h.Bucket(subject.PrivacyBucket), Box: h.box}
}

// worker is a process that erases; a blown fuse is its end.
func (h *house) worker() *forgetting.Worker {
	bucket := func(name string) fused { return fused{h.Bucket(name), h.fuse} }
	eraser := &erasing.Eraser{Threads: h.Bus, Files: fusedFiles{h.Bus.Files(), h.fuse}, Uploads: bucket(subject.UploadBucket), Media: bucket(subject.MediaBucket), Signer: h.box}
	return &forgetting.Worker{Log: fusedLog{h.Bus, h.fuse}, Book: &erasure.Book{Bucket: bucket(subject.PrivacyBucket), Box: h.box}, Files: eraser,
		Uploads: bucket(subject.UploadBucket), Media: bucket(subject.MediaBucket), Cards: bucket(subject.ContactBucket), Contacts: &contact.Store{Bucket: bucket(subject.ContactBucket), Now: time.Now},
		Now: func() time.Time { return h.now }, Diary: slog.New(slog.DiscardHandler)}
}

// finish carries out what is ordered.
func (h *house) finish() {
	h.Helper()
	w := h.worker()
	h.await("the erasure", func() bool {
		left, err := w.Pass(h.Context())
		h.ok(err)
		return !left
	})
}

// places tells where something is found, in the broker's files of the streams, and
// in the entries of the buckets.
func (h *house) places(text string) (all []string) {
	h.Helper()
	h.ok(filepath.WalkDir(h.dir, func(path string, d fs.DirEntry, err error) error {
		stream := filepath.Base(filepath.Dir(filepath.Dir(path)))
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".blk") || strings.HasPrefix(stream, "KV_") {
			return nil
		}
		data, err := os.ReadFile(path)
		if err == nil && bytes.Contains(data, []byte(text)) && !slices.Contains(all, stream) {
			all = append(all, stream)
		}
		return nil
	}))
	for _, name := range []string{subject.ConfigBucket, subject.HistoryBucket, subject.CheckpointBucket, subject.LeaseBucket, subject.PresenceBucket, subject.PauseBucket,
		subject.SessionBucket, subject.MediaBucket, subject.PersonaBucket, subject.UploadBucket, subject.ProvisionBucket, subject.PrivacyBucket, subject.ContactBucket, subject.ReplyBucket} {
		h.ok(h.Bucket(name).Each(h.Context(), func(e bus.Entry) {
			if strings.Contains(e.Key, text) || bytes.Contains(e.Value, []byte(text)) {
				all = append(all, name)
			}
		}))
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// fuse ends a process at one of the places at which it changes something: before
// it is changed, or after.
type fuse struct {
	left  int // changes that still pass; negative: it never blows
	after bool
	blown bool
}

var errKilled = errors.New("killed")

func (f *fuse) pass(do func() error) error {
	switch {
	case f.blown:
		return errKilled
	case f.left == 0:
		f.blown = true
		if f.after {
			_ = do()
		}
		return errKilled
	case f.left > 0:
		f.left--
	}
	return do()
}

type fused struct {
	*bus.Bucket
	fuse *fuse
}

func (b fused) Write(ctx context.Context, writes ...bus.Write) error {
	return b.fuse.pass(func() error { return b.Bucket.Write(ctx, writes...) })
}

func (b fused) EraseKeys(ctx context.Context, keys ...string) error {
	return b.fuse.pass(func() error { return b.Bucket.EraseKeys(ctx, keys...) })
}

func (b fused) Purge(ctx context.Context, prefix string) error {
	return b.fuse.pass(func() error { return b.Bucket.Purge(ctx, prefix) })
}

type fusedFiles struct {
	files.Store
	fuse *fuse
}

func (s fusedFiles) Erase(ctx context.Context, t subject.Thread) error {
	return s.fuse.pass(func() error { return s.Store.Erase(ctx, t) })
}

type fusedLog struct {
	*bus.Bus
	fuse *fuse
}

func (l fusedLog) Erase(ctx context.Context, t bus.Traces) error {
	return l.fuse.pass(func() error { return l.Bus.Erase(ctx, t) })
}

func (l fusedLog) Update(ctx context.Context, t subject.Thread, decide func(*threadv1.State, uint64) ([]*threadv1.Fact, error)) (s *threadv1.State, revision uint64, err error) {
	err = l.fuse.pass(func() (err error) { s, revision, err = l.Bus.Update(ctx, t, decide); return err })
	return s, revision, err
}

func (l fusedLog) Call(ctx context.Context, method string, req, resp proto.Message) error {
	return l.fuse.pass(func() error { return l.Bus.Call(ctx, method, req, resp) })
}
