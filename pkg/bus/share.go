package bus

import (
	"slices"
	"strconv"
	"strings"
)

// What the members of a group share out are slots: the partitions of a stage,
// or the single slot of a role. Everything here is a function of what was seen
// in LEASE; lease.go acts on it.

// claim is one key of LEASE as last seen.
type claim struct {
	holder   string // empty: free
	revision uint64 // of the key, also of the marker of a deleted one
}

// roster is the group as last seen.
type roster struct {
	slots   []claim
	members map[string]uint64 // id to revision of its key
}

func newRoster(slots int) *roster {
	return &roster{slots: make([]claim, slots), members: map[string]uint64{}}
}

const (
	slotKey   = "slot."
	memberKey = "member."
)

// see takes in one entry, its key without the group's prefix.
func (r *roster) see(e Entry) {
	if id, ok := strings.CutPrefix(e.Key, memberKey); ok {
		if e.Value == nil {
			delete(r.members, id)
		} else {
			r.members[id] = e.Revision
		}
		return
	}
	name, ok := strings.CutPrefix(e.Key, slotKey)
	n, err := strconv.Atoi(name)
	if !ok || err != nil || n < 0 || n >= len(r.slots) || r.slots[n].revision > e.Revision {
		return
	}
	r.slots[n] = claim{holder: string(e.Value), revision: e.Revision}
}

// sorted gives the members with me among them.
func (r *roster) sorted(me string) []string {
	ids := []string{me}
	for id := range r.members {
		if id != me {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

// quota is how many slots me should hold. The quotas of all members add up to
// the number of slots, so no slot stays free and none is fought over.
func (r *roster) quota(me string) int {
	ids := r.sorted(me)
	n := len(r.slots) / len(ids)
	if slices.Index(ids, me) < len(r.slots)%len(ids) {
		n++
	}
	return n
}

// plan says which free slots to take, and which held ones to hand over because
// others have too few.
func (r *roster) plan(me string, held []int) (take, release []int) {
	quota := r.quota(me)
	if len(held) > quota {
		return nil, held[quota:]
	}
	for n, c := range r.slots {
		if len(held)+len(take) == quota {
			break
		}
		if (c.holder == "" || c.holder == me) && !slices.Contains(held, n) {
			take = append(take, n)
		}
	}
	return take, nil
}

// suspects are whom me asks for a sign of life: its successor in the ring of
// members, so that everybody is watched by one, and holders who are no members.
func (r *roster) suspects(me string) []string {
	var ids []string
	ring := r.sorted(me)
	if next := ring[(slices.Index(ring, me)+1)%len(ring)]; next != me {
		ids = append(ids, next)
	}
	for _, c := range r.slots {
		if _, member := r.members[c.holder]; c.holder != "" && c.holder != me && !member && !slices.Contains(ids, c.holder) {
			ids = append(ids, c.holder)
		}
	}
	return ids
}
