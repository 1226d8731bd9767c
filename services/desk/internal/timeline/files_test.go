package timeline_test

import (
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/parley-desk/parley/pkg/thread"
	deskv1 "github.com/parley-desk/parley/proto/gen/parley/desk/v1"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
	"github.com/parley-desk/parley/services/desk/internal/timeline"
)

// TestFilesOfAMessage stand as the log says, and their links stay in the log.
func TestFilesOfAMessage(t *testing.T) {
	message := thread.Of(&threadv1.MessageReceived{SentMs: 1, Attachments: []*threadv1.Attachment{
		{Type: "image", Url: "https://a"}, {Type: "file", Url: "https://b"}, {Type: "location"}, {Type: "video", Refused: "OFF"},
		{Type: "file", Url: "https://c"}, {Type: "fallback", Url: "https://d"}, {Type: "audio", Url: "https://e"}}})
	message.EventKey = "k"
	l := (&log{}).commit(message)
	for _, i := range []int32{0, 1, 6} {
		l.commits[0].State.Files = append(l.commits[0].State.Files, &threadv1.PendingFile{Message: "k", Index: i})
	}
	l.commit(thread.Of(&threadv1.AttachmentKept{Message: "k", Index: 0, Object: "o", ContentType: "image/png", Size: 9, Width: 320, Height: 240, Name: "a.png"}))
	l.commit(thread.Of(&threadv1.AttachmentLost{Message: "k", Index: 1, Reason: "TOO_LARGE"}), thread.Of(&threadv1.AttachmentKept{Message: "other", Index: 0}),
		thread.Of(&threadv1.AttachmentKept{Message: "k", Index: 99}), thread.Of(&threadv1.AttachmentKept{Message: "k", Index: -1}))
	folded := l.fold()
	items, _ := folded.Page(0, 10)
	if len(items) != 1 {
		t.Fatalf("%d items", len(items))
	}
	item := items[0]
	want := []*deskv1.File{
		{Status: deskv1.FileStatus_FILE_STATUS_HERE, ContentType: "image/png", Size: 9, Width: 320, Height: 240, Name: "a.png"},
		{Status: deskv1.FileStatus_FILE_STATUS_LOST, Reason: "TOO_LARGE"}, {},
		{Status: deskv1.FileStatus_FILE_STATUS_REFUSED, Reason: "OFF"},
		{Status: deskv1.FileStatus_FILE_STATUS_LOST, Reason: "GONE"}, {}, // nobody copies it
		{Status: deskv1.FileStatus_FILE_STATUS_COPYING},
	}
	for i, f := range item.GetFiles() {
		if !proto.Equal(f, want[i]) {
			t.Errorf("file %d is %v, not %v", i, f, want[i])
		}
		if link := item.GetAttachments()[i].GetUrl(); (link != "") != (i == 5) {
			t.Errorf("attachment %d has the link %q", i, link)
		}
	}
	if len(item.GetFiles()) != len(want) || folded.File(item.GetId(), 0).GetObject() != "o" || folded.File(item.GetId(), 1) != nil {
		t.Errorf("files are %v", item.GetFiles())
	}
	if message.GetMessageReceived().GetAttachments()[0].GetUrl() == "" {
		t.Error("the log's own message was changed")
	}
}

// TestFilesOfAMessageThatWasTakenBack are not to be had.
func TestFilesOfAMessageThatWasTakenBack(t *testing.T) {
	l := (&log{}).commit(thread.Of(&threadv1.MessageReceived{Mid: "m", Attachments: []*threadv1.Attachment{{Type: "image", Url: "https://a"}}})).
		commit(thread.Of(&threadv1.AttachmentKept{Message: "m", Object: "o"})).commit(unsent("m")).commit(thread.Of(&threadv1.AttachmentKept{Message: "m", Object: "o"}))
	folded := l.fold()
	if f := folded.File("m", 0); f != nil || len(folded.Find("m").GetFiles()) != 0 {
		t.Errorf("file %v, item %v", f, folded.Find("m"))
	}
}

// TestShown: only what a browser cannot take for a page is shown by it.
func TestShown(t *testing.T) {
	for kind, want := range map[string]bool{"image/png": true, "audio/mpeg": true, "video/mp4": true, "application/pdf": false, "text/plain; charset=utf-8": false, "": false} {
		if got := timeline.Shown(&threadv1.AttachmentKept{ContentType: kind, Width: 1, Height: 1}); got != want {
			t.Errorf("%s: %v", kind, got)
		}
	}
	if timeline.Shown(&threadv1.AttachmentKept{ContentType: "image/png"}) {
		t.Error("a picture that could not be measured")
	}
}

// TestFilesOfAnAgentsMessage come first and are shown from our own store; what
// did not reach the customer is sent again without what did.
func TestFilesOfAnAgentsMessage(t *testing.T) {
	cat := &threadv1.SentFile{Object: "o1", Kind: "image", ContentType: "image/png", Size: 9, Width: 320, Height: 240, Name: "cat.png", Sha256: "1"}
	order := &threadv1.SentFile{Object: "o2", Kind: "file", ContentType: "application/pdf", Size: 7, Name: "order.pdf", Sha256: "2"}
	l := (&log{}).commit(thread.Of(&threadv1.SendRequested{Id: "s", ClientId: "s", Agent: "mila", Parts: []string{"cat.png", "order.pdf", "Here"}, Files: []*threadv1.SentFile{cat, order}}))
	l.commit(thread.Of(&threadv1.SendSucceeded{Id: "s", Part: 0, Mid: "m1"}))
	folded := l.fold()
	item := folded.Find("s")
	want := []*deskv1.File{
		{Status: deskv1.FileStatus_FILE_STATUS_HERE, ContentType: "image/png", Size: 9, Width: 320, Height: 240, Name: "cat.png"},
		{Status: deskv1.FileStatus_FILE_STATUS_HERE, ContentType: "application/pdf", Size: 7, Name: "order.pdf"},
	}
	for i, f := range item.GetFiles() {
		if !proto.Equal(f, want[i]) {
			t.Errorf("file %d is %v, not %v", i, f, want[i])
		}
	}
	if item.GetText() != "Here" || len(item.GetFiles()) != 2 || item.GetAttachments()[1].GetType() != "file" || folded.File("s", 1).GetObject() != "o2" {
		t.Errorf("the item is %v", item)
	}
	left := folded.Unsent("s")
	if len(left.GetParts()) != 2 || len(left.GetFiles()) != 1 || left.GetFiles()[0].GetObject() != "o2" || left.GetParts()[1] != "Here" {
		t.Errorf("left is %v", left)
	}
}

// TestErasedFilesAreShownNoMore, nor their names; what comes later is.
func TestErasedFilesAreShownNoMore(t *testing.T) {
	received := func(mid string) *threadv1.Fact {
		return thread.Of(&threadv1.MessageReceived{Mid: mid, Attachments: []*threadv1.Attachment{{Type: "image", Url: "https://a"}, {Type: "video", Refused: "OFF"}}})
	}
	l := (&log{}).commit(received("m")).commit(thread.Of(&threadv1.AttachmentKept{Message: "m", Object: "o", Name: "passport.png"})).
		commit(thread.Of(&threadv1.SendRequested{Id: "s", Agent: "mila", Parts: []string{"a.pdf"}, Files: []*threadv1.SentFile{{Object: "p", Name: "a.pdf"}}})).
		commit(thread.Of(&threadv1.FilesErased{By: "admin"})).
		commit(received("n")).commit(thread.Of(&threadv1.AttachmentKept{Message: "n", Object: "q", Name: "b.png"}))
	folded := l.fold()
	items, _ := folded.Page(0, 10)
	gone := &deskv1.File{Status: deskv1.FileStatus_FILE_STATUS_LOST, Reason: "GONE"}
	for i, item := range items[:2] {
		if !proto.Equal(item.GetFiles()[0], gone) || folded.File(item.GetId(), 0) != nil {
			t.Errorf("item %d shows %v", i, item.GetFiles())
		}
	}
	if items[0].GetFiles()[1].GetReason() != "OFF" {
		t.Errorf("what was refused is %v", items[0].GetFiles()[1])
	}
	if last := items[len(items)-1]; last.GetFiles()[0].GetName() != "b.png" || folded.File(last.GetId(), 0).GetObject() != "q" {
		t.Errorf("what came later is %v", last.GetFiles())
	}
}

// TestLapsedFilesAreShownNoMore, and others of the same message are.
func TestLapsedFilesAreShownNoMore(t *testing.T) {
	l := (&log{}).commit(thread.Of(&threadv1.MessageReceived{Mid: "m", Attachments: []*threadv1.Attachment{{Type: "image", Url: "https://a"}, {Type: "image", Url: "https://b"}}})).
		commit(thread.Of(&threadv1.AttachmentKept{Message: "m", Object: "o", Name: "passport.png"})).
		commit(thread.Of(&threadv1.AttachmentKept{Message: "m", Index: 1, Object: "p", Name: "b.png"})).
		commit(thread.Of(&threadv1.SendRequested{Id: "s", Agent: "mila", Parts: []string{"a.pdf"}, Files: []*threadv1.SentFile{{Object: "q", Name: "a.pdf"}}}))
	before, _ := l.fold().Page(0, 10)
	folded := l.commit(thread.Of(&threadv1.FilesLapsed{Objects: []string{"o", "q"}})).fold()
	items, _ := folded.Page(0, 10)
	gone := &deskv1.File{Status: deskv1.FileStatus_FILE_STATUS_LOST, Reason: "NOT_KEPT"}
	for _, of := range []string{items[0].GetId(), "s"} {
		if !proto.Equal(folded.Find(of).GetFiles()[0], gone) || folded.File(of, 0) != nil {
			t.Errorf("%s shows %v", of, folded.Find(of).GetFiles())
		}
	}
	if folded.File(items[0].GetId(), 1).GetObject() != "p" || items[0].GetFiles()[1].GetName() != "b.png" {
		t.Errorf("the younger file is %v", items[0].GetFiles()[1])
	}
	if before[0].GetFiles()[0].GetName() != "passport.png" {
		t.Error("what was shown before has changed")
	}
}

// TestFilesOfThePageFromElsewhere are shown out of our own store as well: an
// agent's browser never asks Meta's servers for them.
func TestFilesOfThePageFromElsewhere(t *testing.T) {
	l := (&log{}).commit(thread.Of(&threadv1.ExternalMessageSent{Mid: "x", Attachments: []*threadv1.Attachment{{Type: "image", Url: "https://a"}}}))
	l.commits[0].State.Files = []*threadv1.PendingFile{{Message: "x"}}
	items, _ := l.fold().Page(0, 10)
	if items[0].GetFiles()[0].GetStatus() != deskv1.FileStatus_FILE_STATUS_COPYING || items[0].GetAttachments()[0].GetUrl() != "" {
		t.Errorf("before it is copied %v", items[0])
	}
	folded := l.commit(thread.Of(&threadv1.AttachmentKept{Message: "x", Object: "o", Name: "a.png"})).fold()
	if items, _ = folded.Page(0, 10); items[0].GetFiles()[0].GetName() != "a.png" || folded.File(items[0].GetId(), 0).GetObject() != "o" {
		t.Errorf("copied it is %v", items[0])
	}
}
