package door

import (
	"sync"
	"time"
)

// Throttle allows so many failures in a row and one more every while, for each
// key by itself. It lives in this process: a guesser who finds n processes has
// n times the tries, which is still too few.
type Throttle struct {
	burst int
	every time.Duration
	room  int // how many keys it keeps

	mu   sync.Mutex
	debt map[string]time.Time // when the key has its whole burst again
}

// NewThrottle allows burst takes at once and one more every while.
func NewThrottle(burst int, every time.Duration, room int) *Throttle {
	return &Throttle{burst: burst, every: every, room: room, debt: map[string]time.Time{}}
}

// Take takes one of key's tries; when there is none, it tells after how long
// there will be one, and takes nothing.
func (t *Throttle) Take(key string, now time.Time) (wait time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	full := t.debt[key]
	if full.Before(now) {
		full = now
	}
	full = full.Add(t.every)
	if wait = full.Sub(now) - time.Duration(t.burst)*t.every; wait > 0 {
		return wait
	}
	t.makeRoom(now)
	t.debt[key] = full
	return 0
}

// Give gives a try back that was not a failure.
func (t *Throttle) Give(key string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if full, ok := t.debt[key]; ok {
		t.debt[key] = full.Add(-t.every)
	}
}

// makeRoom forgets keys that have their burst again and, when somebody keeps
// more keys in debt than there is room for, any.
func (t *Throttle) makeRoom(now time.Time) {
	if len(t.debt) < t.room {
		return
	}
	for key, full := range t.debt {
		if !full.After(now) {
			delete(t.debt, key)
		}
	}
	for key := range t.debt {
		if len(t.debt) < t.room {
			return
		}
		delete(t.debt, key)
	}
}
