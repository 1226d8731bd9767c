// Package budget bounds what callers may take of a process: connections, requests in
// work, and requests in a while, of each caller by itself. What is too much is refused
// at once, before anything is done for it, so that it costs next to nothing and those
// who are served are served as always.
package budget

import (
	"net/netip"
	"sync"
	"time"
)

// Throttle allows so many takes at once and one more every while, for each key by
// itself. It lives in this process: who finds n processes has n times as many.
type Throttle struct {
	burst int
	every time.Duration
	room  int // how many keys it keeps, at the most twice

	mu        sync.Mutex
	debt, old map[string]time.Time // when the key has its whole burst again
}

// NewThrottle allows burst takes at once and one more every while.
func NewThrottle(burst int, every time.Duration, room int) *Throttle {
	return &Throttle{burst: burst, every: every, room: room, debt: map[string]time.Time{}}
}

// NewRate allows so many takes a second, and at once as many as in two; nil, which
// allows everything, for none.
func NewRate(perSecond, room int) *Throttle {
	if perSecond <= 0 {
		return nil
	}
	return NewThrottle(2*perSecond, time.Second/time.Duration(perSecond), room)
}

// Take takes one of key's takes; when there is none, it tells after how long there
// will be one, and takes nothing.
func (t *Throttle) Take(key string, now time.Time) (wait time.Duration) {
	if t == nil {
		return 0
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	full := t.full(key)
	if full.Before(now) {
		full = now
	}
	full = full.Add(t.every)
	if wait = full.Sub(now) - time.Duration(t.burst)*t.every; wait > 0 {
		return wait
	}
	t.put(key, full)
	return 0
}

// Give gives a take back that is not to count.
func (t *Throttle) Give(key string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if full := t.full(key); !full.IsZero() {
		t.put(key, full.Add(-t.every))
	}
}

func (t *Throttle) full(key string) time.Time {
	if full, ok := t.debt[key]; ok {
		return full
	}
	return t.old[key]
}

// put keeps a key. When there is no more room, all that were not asked for since there
// last was none are forgotten: whoever comes with ever new keys makes nobody look
// through them.
func (t *Throttle) put(key string, full time.Time) {
	if _, known := t.debt[key]; !known && len(t.debt) >= t.room {
		t.debt, t.old = map[string]time.Time{}, t.debt
	}
	t.debt[key] = full
}

// Address is the key of who comes from an address: of IPv6 the network of 64 bits, of
// which one machine has every address.
func Address(text string) string {
	a, err := netip.ParseAddr(text)
	if err != nil || a.Unmap().Is4() {
		return text
	}
	network, err := a.WithZone("").Prefix(64)
	if err != nil {
		return text
	}
	return network.String()
}
