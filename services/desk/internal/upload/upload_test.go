package upload_test

import (
	"bytes"
	"io"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/parley-desk/parley/pkg/bus/bustest"
	"github.com/parley-desk/parley/pkg/directory"
	"github.com/parley-desk/parley/pkg/fault"
	"github.com/parley-desk/parley/pkg/thread"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
	"github.com/parley-desk/parley/proto/subject"
	"github.com/parley-desk/parley/services/desk/internal/upload"
)

var ivan = subject.Thread{Page: "10", PSID: "70"}

func policy() directory.FilePolicy {
	return directory.FilePolicy{On: true, Types: directory.FileTypes(), Bytes: 5 << 20}
}

// TestLapses: what is not sent is gone after a while, at once when it is asked
// for and with the next sweep from the disks; a file whose message is in the log
// stays, although its process died before it forgot the upload.
func TestLapses(t *testing.T) {
	bus := bustest.Open(t)
	now := time.Now()
	s := &upload.Store{Bucket: bus.Bucket(subject.UploadBucket), Files: bus.Files(), Log: bus,
		Limits: upload.Limits{Files: 3, Age: time.Hour}, Now: func() time.Time { return now }, Report: slog.New(slog.DiscardHandler)}
	begin := func(name string) upload.Upload {
		t.Helper()
		u, err := s.Begin(t.Context(), upload.Upload{Agent: "mila", Session: "s", Thread: ivan, Conversation: "c", Name: name, Size: 5})
		if err != nil {
			t.Fatal(err)
		}
		if at, err := s.Grow(t.Context(), u, 0, strings.NewReader("hello"), func() {}); err != nil || at != 5 {
			t.Fatalf("%d bytes (%v)", at, err)
		}
		u, err = s.Find(t.Context(), u.ID, "s")
		if err == nil {
			u, err = s.Finish(t.Context(), u, policy())
		}
		if err != nil {
			t.Fatal(err)
		}
		return u
	}
	there := func(u upload.Upload) bool {
		got, err := io.ReadAll(bus.Files().Open(t.Context(), u.Object))
		return err == nil && bytes.Equal(got, []byte("hello"))
	}
	left, sent := begin("left.txt"), begin("sent.txt")
	_, _, err := bus.Update(t.Context(), ivan, func(*threadv1.State, uint64) ([]*threadv1.Fact, error) {
		return []*threadv1.Fact{
			thread.Of(&threadv1.MessageReceived{Mid: "m", SentMs: now.UnixMilli()}),
			thread.Of(&threadv1.ConversationOpened{Id: "c", Units: 1, OfferSeconds: 60}), thread.Of(&threadv1.ConversationRouted{Queue: "front"}),
			thread.Of(&threadv1.AgentAssigned{Agent: "mila", Cause: threadv1.Cause_CAUSE_PICKED}),
			thread.Of(&threadv1.SendRequested{Id: "i", ClientId: "i", Agent: "mila", Parts: []string{"sent.txt"}, Files: []*threadv1.SentFile{sent.Sent}}),
		}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	now = now.Add(59 * time.Minute)
	if _, err := s.Find(t.Context(), left.ID, "s"); err != nil || s.Sweep(t.Context()) != nil || !there(left) {
		t.Errorf("gone too early (%v)", err)
	}
	now = now.Add(time.Minute)
	if _, err := s.Find(t.Context(), left.ID, "s"); !fault.Is(err, fault.NotFound) {
		t.Errorf("found after it lapsed: %v", err)
	}
	begin("a.txt") // what has lapsed counts no more
	begin("b.txt")
	now = now.Add(5 * time.Minute)
	if err := s.Sweep(t.Context()); err != nil || there(left) || !there(sent) {
		t.Errorf("after the sweep: left %v, sent %v (%v)", there(left), there(sent), err)
	}
	if n := s.Count(); n != 2 {
		t.Errorf("%d uploads are known", n)
	}
}
