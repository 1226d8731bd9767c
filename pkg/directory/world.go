package directory

import (
	"maps"
	"slices"

	"github.com/parley-desk/parley/pkg/bus"
)

// world is CONFIG as read so far.
type world struct {
	revision  uint64
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
		w.revision = e.Revision
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
	s.Revision = w.revision
	s.Unreadable = slices.Sorted(maps.Keys(w.damaged))
	return s
}
