package timeline

import (
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"

	"github.com/parley-desk/parley/pkg/thread"
	deskv1 "github.com/parley-desk/parley/proto/gen/parley/desk/v1"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
)

// attach shows the attachments of a message that came from Meta. The links of files stay
// behind: a browser that followed one would tell Meta's servers, or whoever is
// behind them, where the agent sits (SA4).
func (f *fold) attach(item *deskv1.TimelineItem, all []*threadv1.Attachment, message string) {
	item.Attachments = all
	if !slices.ContainsFunc(all, thread.HasFile) {
		return
	}
	item.Attachments = slices.Clone(all)
	for i, a := range all {
		file := &deskv1.File{}
		if thread.HasFile(a) {
			item.Attachments[i] = proto.CloneOf(a)
			item.Attachments[i].Url = ""
			file = f.standing(a, message, int32(i))
		}
		item.Files = append(item.Files, file)
	}
}

// standing is how a file stands when its message comes. One that nobody copies
// is of a time before files were, or too many at once.
func (f *fold) standing(a *threadv1.Attachment, message string, index int32) *deskv1.File {
	switch {
	case a.GetRefused() != "":
		return &deskv1.File{Status: deskv1.FileStatus_FILE_STATUS_REFUSED, Reason: a.GetRefused()}
	case thread.Pending(f.state, message, index):
		return &deskv1.File{Status: deskv1.FileStatus_FILE_STATUS_COPYING}
	}
	return &deskv1.File{Status: deskv1.FileStatus_FILE_STATUS_LOST, Reason: "GONE"}
}

// awaited is the item whose file is still to come; nil when there is none.
func (f *fold) awaited(message string, index int32) *entry {
	e := f.byMid[message]
	if e == nil || index < 0 || int(index) >= len(e.item.GetFiles()) {
		return nil
	}
	return e
}

func (f *fold) kept(m *threadv1.AttachmentKept) {
	e := f.awaited(m.GetMessage(), m.GetIndex())
	if e == nil {
		return
	}
	if e.files == nil {
		e.files = map[int32]*threadv1.AttachmentKept{}
	}
	e.files[m.GetIndex()] = m
	f.change(e).Files[m.GetIndex()] = here(m)
}

func (f *fold) lost(m *threadv1.AttachmentLost) {
	if e := f.awaited(m.GetMessage(), m.GetIndex()); e != nil {
		f.change(e).Files[m.GetIndex()] = &deskv1.File{Status: deskv1.FileStatus_FILE_STATUS_LOST, Reason: m.GetReason()}
	}
}

// erased shows no file any more that came so far.
func (f *fold) erased() {
	for _, e := range f.entries {
		if len(e.item.GetFiles()) == 0 {
			continue
		}
		e.files = nil
		item := f.change(e)
		item.Files = slices.Clone(item.Files)
		for i, file := range item.Files {
			if file.GetStatus() == deskv1.FileStatus_FILE_STATUS_HERE || file.GetStatus() == deskv1.FileStatus_FILE_STATUS_COPYING {
				item.Files[i] = &deskv1.File{Status: deskv1.FileStatus_FILE_STATUS_LOST, Reason: "GONE"}
			}
		}
	}
}

// lapsed shows these files no more, nor their names: they are too old to be kept.
func (f *fold) lapsed(objects []string) {
	for _, e := range f.entries {
		for i, kept := range e.files {
			if !slices.Contains(objects, kept.GetObject()) {
				continue
			}
			item := f.change(e)
			item.Files = slices.Clone(item.Files)
			item.Files[i] = &deskv1.File{Status: deskv1.FileStatus_FILE_STATUS_LOST, Reason: "NOT_KEPT"}
			delete(e.files, i)
		}
	}
}

// enclose shows the files of an agent's message, out of our own store.
func (*fold) enclose(e *entry, item *deskv1.TimelineItem, all []*threadv1.SentFile) {
	for i, s := range all {
		kept := &threadv1.AttachmentKept{Index: int32(i), Object: s.GetObject(), ContentType: s.GetContentType(), Size: s.GetSize(),
			Width: s.GetWidth(), Height: s.GetHeight(), Sha256: s.GetSha256(), Name: s.GetName()}
		if e.files == nil {
			e.files = map[int32]*threadv1.AttachmentKept{}
		}
		e.files[kept.Index] = kept
		item.Attachments = append(item.Attachments, &threadv1.Attachment{Type: s.GetKind()})
		item.Files = append(item.Files, here(kept))
	}
}

func here(m *threadv1.AttachmentKept) *deskv1.File {
	file := &deskv1.File{Status: deskv1.FileStatus_FILE_STATUS_HERE, ContentType: m.GetContentType(), Size: m.GetSize(), Name: m.GetName()}
	if Shown(m) {
		file.Width, file.Height = m.GetWidth(), m.GetHeight()
	}
	return file
}

// Shown tells whether a browser may show a file by itself: pictures that could
// be measured, recordings and films. Everything else it is to save.
func Shown(m *threadv1.AttachmentKept) bool {
	sort, _, _ := strings.Cut(m.GetContentType(), "/")
	return sort == "image" && m.GetWidth() > 0 || sort == "audio" || sort == "video"
}
