package rewind

import (
	"google.golang.org/protobuf/proto"

	"github.com/parley-desk/parley/pkg/directory"
	adminv1 "github.com/parley-desk/parley/proto/gen/parley/admin/v1"
	"github.com/parley-desk/parley/services/admin/internal/change"
)

// difference is a resource that two states do not have alike.
type difference struct{ before, after directory.Resource } // nil: not there

// differences are what leads from a to b, in the order of Snapshot.All: first what
// b has, then what it has no more.
func differences(a, b *directory.Snapshot) []difference {
	var all []difference
	for after := range b.All() {
		before, there := find(a, after)
		if !there || !alike(before, after) {
			all = append(all, difference{before, after})
		}
	}
	for before := range a.All() {
		if _, there := find(b, before); !there {
			all = append(all, difference{before, nil})
		}
	}
	return all
}

func find(s *directory.Snapshot, like directory.Resource) (directory.Resource, bool) {
	return s.Find(directory.Kind(like), like.GetMeta().GetId())
}

// alike tells whether two resources have the same settings and the same secrets,
// whenever they were written and however these are sealed.
func alike(a, b directory.Resource) bool {
	return a == b || proto.Equal(timeless(a), timeless(b))
}

func timeless(r directory.Resource) directory.Resource {
	bare := change.Bare(r)
	bare.GetMeta().UpdatedMs, bare.GetMeta().Etag = 0, ""
	change.Undated(bare)
	for _, s := range change.Secrets(bare) {
		if s != nil {
			s.SetMs = 0
		}
	}
	return bare
}

// told is a difference as the API tells it.
func (d difference) told() *adminv1.Change {
	c := &adminv1.Change{Action: string(change.Updated), Before: change.Wrap(d.before), After: change.Wrap(d.after)}
	r := d.after
	switch {
	case d.after == nil:
		r, c.Action = d.before, string(change.Deleted)
	case d.before == nil:
		c.Action = string(change.Created)
	}
	c.Kind, c.Id = change.KindName(r), r.GetMeta().GetId()
	return c
}
