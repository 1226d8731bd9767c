package configure

import (
	"context"
	"strings"

	"github.com/parley-desk/parley/pkg/directory"
	"github.com/parley-desk/parley/pkg/fault"
	"github.com/parley-desk/parley/pkg/manifest"
	adminv1 "github.com/parley-desk/parley/proto/gen/parley/admin/v1"
	"github.com/parley-desk/parley/services/admin/internal/change"
)

// exportSize is about how large a page of an export gets.
const exportSize = 256 << 10

// ExportConfig writes resources in the order in which one may refer to another.
func (s *Service) ExportConfig(_ context.Context, req *adminv1.ExportConfigRequest) (*adminv1.ExportConfigResponse, error) {
	after, err := s.readToken("export", req.GetPageToken())
	if err != nil {
		return nil, err
	}
	var out strings.Builder
	started, key := after == "", ""
	for r := range s.Directory.Now().All() {
		if !started {
			started = directory.Key(r) == after
			continue
		}
		if out.Len() >= exportSize {
			return &adminv1.ExportConfigResponse{Manifest: out.String(), NextPageToken: s.token("export", key)}, nil
		}
		if out.Len() > 0 || after != "" {
			out.WriteString("---\n")
		}
		if err := manifest.Write(&out, manifest.Omit, change.Shown(r)); err != nil {
			return nil, fault.Wrap(err, "writing the manifest")
		}
		key = directory.Key(r)
	}
	if !started {
		return nil, fault.New(fault.Conflict, "CHANGED_MEANWHILE", "%s was deleted while all was read; start again", after)
	}
	return &adminv1.ExportConfigResponse{Manifest: out.String()}, nil
}
