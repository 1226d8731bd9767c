package directory

import (
	"slices"

	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
)

// Sizes of a file, in megabytes (L14).
const (
	DefaultMegabytes = 5
	MaxMegabytes     = 25 // Messenger's own limit
)

// FileTypes are the sorts of files that are taken where a workstream names
// none, by extension: those of L15, and those in which telephones record.
func FileTypes() []string {
	return []string{"jpg", "jpeg", "png", "gif", "mp3", "oga", "ogg", "amr", "aac", "m4a", "wav", "mp4", "pdf", "docx", "txt", "xlsx", "xls"}
}

// FilePolicy is what a page takes of files from customers.
type FilePolicy struct {
	On    bool
	Types []string // extensions, lower case, without the dot
	Bytes int64
}

// Takes tells whether files with this extension are taken. Where two extensions
// are of one sort, either stands for both.
func (p FilePolicy) Takes(extension string) bool {
	return slices.ContainsFunc(p.Types, func(known string) bool { return sort(known) == sort(extension) })
}

func sort(extension string) string {
	switch extension {
	case "jpeg":
		return "jpg"
	case "oga":
		return "ogg"
	case "m4a":
		return "mp4"
	}
	return extension
}

// Files is what a page takes of files from customers; nothing without a page.
func (s *Snapshot) Files(p *configv1.Page) FilePolicy {
	ws := s.Workstreams[p.GetWorkstream()]
	policy := FilePolicy{On: s.Attachable(p), Types: ws.GetAttachmentTypes(), Bytes: int64(ws.GetAttachmentMegabytes()) << 20}
	if len(policy.Types) == 0 {
		policy.Types = FileTypes()
	}
	if policy.Bytes <= 0 || policy.Bytes > MaxMegabytes<<20 {
		policy.Bytes = DefaultMegabytes << 20
	}
	return policy
}
