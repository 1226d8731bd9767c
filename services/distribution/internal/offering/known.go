package offering

import (
	"sync"

	"github.com/parley-desk/parley/services/distribution/internal/assign"
)

// known remembers what this process has brought to the book ahead of the
// follower, so that the follower need not bring it again: a third of all
// scripts. It may forget. It stays true when the book is loaded anew, because
// a load begins only when no generation is in force, and reads a log that has
// every revision that was ever applied.
type known struct {
	mu        sync.Mutex
	revisions map[string]uint64 // by item
}

// knownRoom bounds what is remembered of items that another process follows.
const knownRoom = 4096

func (k *known) note(item assign.Item) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.revisions == nil || len(k.revisions) >= knownRoom {
		k.revisions = map[string]uint64{}
	}
	k.revisions[item.Key] = max(k.revisions[item.Key], item.Revision)
}

// covers tells whether the book surely knows the item at this revision or a
// later one.
func (k *known) covers(item assign.Item) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	revision, ok := k.revisions[item.Key]
	if ok && revision <= item.Revision {
		delete(k.revisions, item.Key) // the follower does not come back to it
	}
	return ok && item.Revision <= revision
}
