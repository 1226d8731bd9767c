package bot

import (
	"sync"
	"time"
)

// Failures in a row after which a bot is left alone, and for how long. Then one
// customer finds out whether it is back, and the others go to agents meanwhile.
const (
	tolerated = 5
	rest      = 30 * time.Second
)

// Rests keeps which bots are left alone for a while. The zero value is ready.
type Rests struct {
	mu  sync.Mutex
	all map[string]*standing
}

type standing struct {
	failures int
	until    time.Time
}

// Asks tells whether the bot of that name may be asked now. Who asks tells Rests
// by Had how it went.
func (r *Rests) Asks(name string, now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.all[name]
	switch {
	case s == nil || s.failures < tolerated:
		return true
	case now.Before(s.until):
		return false
	}
	s.until = now.Add(rest) // this one finds out
	return true
}

// Had notes how it went.
func (r *Rests) Had(name string, failed bool, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !failed {
		delete(r.all, name)
		return
	}
	if r.all == nil {
		r.all = map[string]*standing{}
	}
	s := r.all[name]
	if s == nil {
		s = &standing{}
		r.all[name] = s
	}
	if s.failures++; s.failures >= tolerated {
		s.until = now.Add(rest)
	}
}

// Resting is how many bots are left alone now.
func (r *Rests) Resting(now time.Time) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := 0
	for _, s := range r.all {
		if s.failures >= tolerated && now.Before(s.until) {
			n++
		}
	}
	return n
}
