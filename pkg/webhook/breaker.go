package webhook

import (
	"sync"
	"time"
)

const (
	patience = 5 // failures in a row before the other side is left alone
	first    = time.Second
	longest  = 30 * time.Second
)

// breaker leaves the other side alone while it fails. After a while one request
// goes through to see; the others wait on.
type breaker struct {
	mu     sync.Mutex
	row    int // failures in a row
	until  time.Time
	period time.Duration
}

// open tells whether nothing is to be asked now, and for how long. Who is told no
// after a pause is the one that tries.
func (b *breaker) open(now time.Time) (time.Duration, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.row < patience {
		return 0, false
	}
	if left := b.until.Sub(now); left > 0 && left <= longest {
		return left, true
	}
	b.until = now.Add(b.period) // for the others, until this one knows
	return 0, false
}

func (b *breaker) failed(now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.row++; b.row < patience {
		return
	}
	b.period = min(max(2*b.period, first), longest)
	b.until = now.Add(b.period)
}

func (b *breaker) worked() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.row, b.period = 0, 0
}
