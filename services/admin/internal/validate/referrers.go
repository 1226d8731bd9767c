package validate

import (
	"slices"

	"github.com/parley-desk/parley/pkg/directory"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
)

// Referrers are the keys of the resources of world that refer to the one of
// that kind and id, in the order of Snapshot.All.
func Referrers(world *directory.Snapshot, kind, id string) []string {
	var keys []string
	for r := range world.All() {
		if refers(r, kind, id) {
			keys = append(keys, directory.Key(r))
		}
	}
	return keys
}

func refers(r directory.Resource, kind, id string) bool {
	switch r := r.(type) {
	case *configv1.Page:
		return kind == directory.ChannelAccounts && r.GetAccount() == id ||
			kind == directory.Workstreams && r.GetWorkstream() == id
	case *configv1.Workstream:
		return kind == directory.Queues && (r.GetQueue() == id || r.GetFallbackQueue() == id)
	case *configv1.Queue:
		return kind == directory.Agents && slices.Contains(r.GetAgents(), id)
	}
	return false
}
