package directory

import (
	"maps"
	"slices"

	"github.com/parley-desk/parley/pkg/bus"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
)

// world is CONFIG as read so far.
type world struct {
	revision  uint64
	record    *configv1.ConfigVersion
	resources map[string]Resource // by key
	damaged   map[string]bool     // by key
}

func newWorld() *world {
	return &world{resources: map[string]Resource{}, damaged: map[string]bool{}}
}

// take folds entries in, in their order.
func (w *world) take(entries ...bus.Entry) {
	for _, e := range entries {
		w.takeOne(e)
	}
}

// takeOne folds one in. A damaged one leaves the resource as it was: an old
// setting serves customers better than none.
func (w *world) takeOne(e bus.Entry) {
	if e.Key == Marker {
		w.revision, w.record = e.Revision, DecodeVersion(e.Value)
		return
	}
	delete(w.damaged, e.Key)
	if e.Value == nil {
		delete(w.resources, e.Key)
		return
	}
	r, err := Decode(e.Key, e.Value)
	switch {
	case err != nil:
		w.damaged[e.Key] = true
	case r != nil:
		w.resources[e.Key] = r
	}
}

func (w *world) snapshot() *Snapshot {
	s := NewSnapshot(slices.Collect(maps.Values(w.resources))...)
	s.Revision, s.Version, s.Record = w.revision, w.record.GetNumber(), w.record
	s.Unreadable = slices.Sorted(maps.Keys(w.damaged))
	return s
}
