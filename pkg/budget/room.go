package budget

import "sync/atomic"

// Room is for so many in work at once. A nil room has place for all.
type Room struct {
	most int64
	now  atomic.Int64
}

// NewRoom makes a room; nil when most is 0.
func NewRoom(most int) *Room {
	if most <= 0 {
		return nil
	}
	return &Room{most: int64(most)}
}

// Enter takes a place, which is to be left by Leave; false when there is none.
func (r *Room) Enter() bool {
	if r == nil || r.now.Add(1) <= r.most {
		return true
	}
	r.now.Add(-1)
	return false
}

// Leave gives a place back that Enter took.
func (r *Room) Leave() {
	if r != nil {
		r.now.Add(-1)
	}
}
