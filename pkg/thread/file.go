package thread

import (
	"cmp"
	"slices"

	"google.golang.org/protobuf/proto"

	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
)

// maxFiles is how many files of one thread may wait to be copied. Meta takes
// some dozens in one message; who sends more than this at once is no customer.
const maxFiles = 200

// HasFile tells whether an attachment of this kind is a file: all else is a
// place, a link or a card, of which nothing is copied.
func HasFile(a *threadv1.Attachment) bool {
	switch a.GetType() {
	case "image", "video", "audio", "file", "sticker":
		return true
	}
	return false
}

// Wanted tells whether the file of an attachment is to be copied.
func Wanted(a *threadv1.Attachment) bool {
	return HasFile(a) && a.GetUrl() != "" && a.GetRefused() == ""
}

// MessageOf is what files of a message are known by: its mid, or the key of the
// event that brought it where Meta gave none.
func MessageOf(f *threadv1.Fact) string {
	if mid := cmp.Or(f.GetMessageReceived().GetMid(), f.GetExternalMessageSent().GetMid()); mid != "" {
		return mid
	}
	return f.GetEventKey()
}

// AttachmentsOf are those that a message brought from Meta: one of the customer's,
// or of the page by another hand than ours.
func AttachmentsOf(f *threadv1.Fact) []*threadv1.Attachment {
	if m := f.GetExternalMessageSent(); m != nil {
		return m.GetAttachments()
	}
	return f.GetMessageReceived().GetAttachments()
}

// Pending tells whether a file is still to be copied. It is asked before a copy
// begins and, by the commit, when it ended: of two that copied, one is heard.
func Pending(s *threadv1.State, message string, index int32) bool {
	return pendingAt(s, message, index) >= 0
}

func pendingAt(s *threadv1.State, message string, index int32) int {
	return slices.IndexFunc(s.GetFiles(), func(p *threadv1.PendingFile) bool {
		return p.GetMessage() == message && p.GetIndex() == index
	})
}

// awaitFiles notes the files of a message. Those beyond what a thread may have
// waiting are never copied.
func awaitFiles(s *threadv1.State, f *threadv1.Fact) {
	message := MessageOf(f)
	for i, a := range AttachmentsOf(f) {
		if message != "" && Wanted(a) && len(s.GetFiles()) < maxFiles {
			s.Files = append(s.Files, &threadv1.PendingFile{Message: message, Index: int32(i)})
		}
	}
}

// applyFile ends the wait for a file, once.
func applyFile(s *threadv1.State, message string, index int32) error {
	at := pendingAt(s, message, index)
	if at < 0 {
		return refuse(s, Repeated, "")
	}
	s.Files = slices.Delete(s.Files, at, at+1)
	return nil
}

// forgetFiles ends the wait for the files of a message that was taken back.
func forgetFiles(s *threadv1.State, mid string) {
	s.Files = slices.DeleteFunc(s.Files, func(p *threadv1.PendingFile) bool { return p.GetMessage() == mid })
}

// forget makes s a thread in which nothing has happened. Of what is underway
// nothing goes on: whoever is at it finds no conversation, and no message of its
// own, and is refused.
func forget(s *threadv1.State) {
	fresh := New(s.GetPage(), s.GetPsid())
	proto.Reset(s)
	proto.Merge(s, fresh)
}

// Erased tells whether a commit erases everything of before.
func Erased(c *threadv1.Commit) bool {
	return slices.ContainsFunc(c.GetFacts(), func(f *threadv1.Fact) bool { return f.GetThreadErased() != nil })
}
