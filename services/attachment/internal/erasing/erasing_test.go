package erasing_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/parley-desk/parley/pkg/bus"
	"github.com/parley-desk/parley/pkg/bus/bustest"
	"github.com/parley-desk/parley/pkg/files"
	"github.com/parley-desk/parley/pkg/secret"
	"github.com/parley-desk/parley/pkg/thread"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
	"github.com/parley-desk/parley/proto/subject"
	"github.com/parley-desk/parley/services/attachment/internal/erasing"
)

var (
	ivan  = subject.Thread{Page: "10", PSID: "70"}
	maria = subject.Thread{Page: "10", PSID: "71"}
)

type house struct {
	*testing.T
	*bus.Bus
	eraser *erasing.Eraser
}

func open(t *testing.T) *house {
	t.Helper()
	b := bustest.Open(t)
	box, err := secret.New()
	if err != nil {
		t.Fatal(err)
	}
	return &house{t, b, &erasing.Eraser{Threads: b, Files: b.Files(), Uploads: b.Bucket(subject.UploadBucket), Media: b.Bucket(subject.MediaBucket), Signer: box}}
}

// put stores a file, and gives where.
func (h *house) put(of subject.Thread, name string) files.Object {
	h.Helper()
	o, err := h.Files().Put(h.Context(), of, name, strings.NewReader("a file of "+name))
	if err != nil {
		h.Fatal(err)
	}
	return o
}

func (h *house) here(o files.Object) bool {
	h.Helper()
	got, err := h.Files().Measure(h.Context(), files.Object{Key: o.Key})
	if err != nil {
		h.Fatal(err)
	}
	return got.Size > 0
}

func (h *house) say(of subject.Thread, facts ...*threadv1.Fact) bus.Record {
	h.Helper()
	at := time.Now()
	_, revision, err := h.Update(h.Context(), of, func(*threadv1.State, uint64) ([]*threadv1.Fact, error) { return facts, nil })
	if err != nil {
		h.Fatal(err)
	}
	return bus.Record{Thread: of, Revision: revision, Commit: &threadv1.Commit{AtMs: at.UnixMilli(), Facts: facts}}
}

// sends is what an agent's message with a file says of it.
func (h *house) sends(of subject.Thread, id string, o files.Object) {
	h.Helper()
	at := h.eraser.Media
	if err := at.Write(h.Context(), bus.Write{Key: files.MediaKey(h.eraser.Signer, of.Page, "image", id), Value: []byte("{}"), Revision: bus.AnyRevision}); err != nil {
		h.Fatal(err)
	}
	h.say(of, thread.Of(&threadv1.MessageReceived{Mid: "m" + id}), thread.Of(&threadv1.ConversationOpened{Id: "c" + id, Workstream: "w", Units: 1, OfferSeconds: 60}),
		thread.Of(&threadv1.ConversationRouted{Queue: "front"}), thread.Of(&threadv1.AgentAssigned{Agent: "mila", Cause: threadv1.Cause_CAUSE_PICKED}),
		thread.Of(&threadv1.SendRequested{Id: id, ClientId: id, Agent: "mila", Parts: []string{"a"}, Human: true,
			Files: []*threadv1.SentFile{{Object: o.Key, Size: o.Size, Kind: "image", Sha256: id}}}))
}

func (h *house) uploads(of subject.Thread, id string, began time.Time) {
	h.Helper()
	value := fmt.Appendf(nil, `{"began_ms":%d}`, began.UnixMilli())
	if err := h.eraser.Uploads.Write(h.Context(), bus.Write{Key: subject.UploadKey(of, id), Value: value, Revision: bus.AnyRevision}); err != nil {
		h.Fatal(err)
	}
}

func (h *house) uploaded(of subject.Thread, id string) bool {
	_, err := h.eraser.Uploads.Get(h.Context(), subject.UploadKey(of, id))
	return err == nil
}

func (h *house) known(of subject.Thread, id string) bool {
	_, err := h.eraser.Media.Get(h.Context(), files.MediaKey(h.eraser.Signer, of.Page, "image", id))
	return err == nil
}

// TestErasing takes all of one person, and nothing of another: what is in the
// log, what nobody knows of, uploads and ids at Meta. Doing it again is
// harmless.
func TestErasing(t *testing.T) {
	h := open(t)
	stray, sent, hers := h.put(ivan, "stray.0"), h.put(ivan, "sent"), h.put(maria, "sent")
	h.sends(ivan, "s1", sent)
	h.sends(maria, "s2", hers)
	h.uploads(ivan, "u1", time.Now().Add(-time.Minute))
	h.uploads(maria, "u2", time.Now().Add(-time.Minute))
	order := h.say(ivan, thread.Of(&threadv1.FilesErased{By: "admin"}))
	for range 2 {
		if err := h.eraser.Handle(t.Context(), order); err != nil {
			t.Fatal(err)
		}
		if h.here(stray) || h.here(sent) || h.uploaded(ivan, "u1") || h.known(ivan, "s1") {
			t.Error("something of his is left")
		}
		if !h.here(hers) || !h.uploaded(maria, "u2") || !h.known(maria, "s2") {
			t.Error("something of hers is gone")
		}
	}
}

// TestErasingIsTakenUp where it was broken off, and takes nothing that came since.
func TestErasingIsTakenUp(t *testing.T) {
	h := open(t)
	old := h.put(ivan, "old")
	h.sends(ivan, "s1", old)
	order := h.say(ivan, thread.Of(&threadv1.FilesErased{By: "admin"}))
	files := h.eraser.Files
	h.eraser.Files = broken{files}
	if err := h.eraser.Handle(t.Context(), order); err == nil {
		t.Fatal("it is done without a store")
	}
	h.eraser.Files = files
	young := h.put(ivan, "young")
	h.say(ivan, thread.Of(&threadv1.SendRequested{Id: "s9", ClientId: "s9", Agent: "mila", Parts: []string{"a"}, Human: true,
		Files: []*threadv1.SentFile{{Object: young.Key, Size: young.Size, Kind: "image", Sha256: "s9"}}}))
	h.uploads(ivan, "u9", time.Now().Add(time.Minute))
	if err := h.eraser.Handle(t.Context(), order); err != nil {
		t.Fatal(err)
	}
	if h.here(old) || !h.here(young) || !h.uploaded(ivan, "u9") {
		t.Errorf("old %t, young %t, upload %t", h.here(old), h.here(young), h.uploaded(ivan, "u9"))
	}
}

type broken struct{ files.Store }

func (broken) Erase(context.Context, subject.Thread) error { return errors.New("away") }
