package bot

import (
	"sync"
	"time"

	"github.com/parley-desk/parley/pkg/webhook"
)

// rest is how long a bot is left alone that fails again and again. Then one
// customer finds out whether it is back, and the others go to agents meanwhile.
const rest = 30 * time.Second

// Rests keeps which bots are left alone for a while. The zero value is ready.
type Rests struct {
	mu  sync.Mutex
	all map[string]*webhook.Breaker // of bots that failed
}

// of is the breaker of a bot; nil when it has not failed, unless made.
func (r *Rests) of(name string, made bool) *webhook.Breaker {
	r.mu.Lock()
	defer r.mu.Unlock()
	b := r.all[name]
	if b == nil && made {
		if r.all == nil {
			r.all = map[string]*webhook.Breaker{}
		}
		b = &webhook.Breaker{First: rest}
		r.all[name] = b
	}
	return b
}

// Asks tells whether the bot of that name may be asked now. Who asks tells Rests
// by Had how it went.
func (r *Rests) Asks(name string, now time.Time) bool {
	b := r.of(name, false)
	if b == nil {
		return true
	}
	_, open := b.Open(now)
	return !open
}

// Had notes how it went.
func (r *Rests) Had(name string, failed bool, now time.Time) {
	if failed {
		r.of(name, true).Failed(now)
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.all, name)
}

// Resting is how many bots are left alone now.
func (r *Rests) Resting(now time.Time) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := 0
	for _, b := range r.all {
		if b.Resting(now) {
			n++
		}
	}
	return n
}
