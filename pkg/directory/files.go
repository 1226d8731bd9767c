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

// Limits of what is sent to Meta, bytes: of a picture, and of a file of any other
// sort, which counts with what is around it in the request.
const (
	MaxPicture = 8 << 20
	MaxSent    = MaxMegabytes<<20 - 16<<10
)

// FileTypes are the sorts of files that are taken where a workstream names
// none, by extension: those of L15, and those in which telephones record.
func FileTypes() []string {
	return []string{"jpg", "jpeg", "png", "gif", "mp3", "oga", "ogg", "amr", "aac", "m4a", "wav", "mp4", "pdf", "docx", "txt", "xlsx", "xls"}
}

// FilePolicy is what a page takes of files from customers, or of agents.
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

// Most is how large a file of a kind may be that goes to Meta.
func (p FilePolicy) Most(kind string) int64 {
	if kind == "image" {
		return min(p.Bytes, MaxPicture)
	}
	return min(p.Bytes, MaxSent)
}

// Files is what a page takes of files from customers; nothing without a page.
func (s *Snapshot) Files(p *configv1.Page) FilePolicy { return s.filePolicy(p, s.Attachable(p)) }

// AgentFiles is what a page takes of files of agents; nothing without a page.
func (s *Snapshot) AgentFiles(p *configv1.Page) FilePolicy {
	return s.filePolicy(p, switched(p.GetAgentAttachments(), s.Workstreams[p.GetWorkstream()].GetAgentAttachments()))
}

func (s *Snapshot) filePolicy(p *configv1.Page, on bool) FilePolicy {
	ws := s.Workstreams[p.GetWorkstream()]
	policy := FilePolicy{On: on, Types: ws.GetAttachmentTypes(), Bytes: int64(ws.GetAttachmentMegabytes()) << 20}
	if len(policy.Types) == 0 {
		policy.Types = FileTypes()
	}
	if policy.Bytes <= 0 || policy.Bytes > MaxMegabytes<<20 {
		policy.Bytes = DefaultMegabytes << 20
	}
	return policy
}
