package webhook

import (
	"sync"
	"time"
)

const (
	patience = 5 // failures in a row before the other side is left alone
	shortest = time.Second
	longest  = 30 * time.Second
)

// Breaker leaves the other side alone while it fails. After a while one request
// goes through to see; the others wait on. The zero value is ready.
type Breaker struct {
	// First is how long the other side is left alone at first; every failure after
	// that doubles it, to half a minute at most. 0: one second.
	First time.Duration

	mu     sync.Mutex
	row    int // failures in a row
	until  time.Time
	period time.Duration
}

// Open tells whether nothing is to be asked now, and for how long. Who is told no
// after a pause is the one that tries, and says by Failed or Worked how it went.
func (b *Breaker) Open(now time.Time) (time.Duration, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.row < patience {
		return 0, false
	}
	if left, open := b.left(now); open {
		return left, true
	}
	b.until = now.Add(b.period) // for the others, until this one knows
	return 0, false
}

// Resting tells whether nothing is to be asked now; who asks is not the one that
// tries.
func (b *Breaker) Resting(now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	_, open := b.left(now)
	return b.row >= patience && open
}

// left is how much of a pause is left. A clock that was set back ends it.
func (b *Breaker) left(now time.Time) (time.Duration, bool) {
	left := b.until.Sub(now)
	return left, left > 0 && left <= longest
}

// Failed says that the other side did not do what it was asked.
func (b *Breaker) Failed(now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.row++; b.row < patience {
		return
	}
	b.period = min(max(2*b.period, b.First, shortest), longest)
	b.until = now.Add(b.period)
}

// Worked says that it did.
func (b *Breaker) Worked() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.row, b.period = 0, 0
}
