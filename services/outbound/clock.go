package outbound

import (
	"sync"
	"time"
)

// clock tells the time, no earlier than the broker has it: the process's own may be
// slow, and windows of Meta's that are over would then look open (P10). Between two
// words of the broker's it goes on by what has passed, whatever is done to the
// machine's clock. One that is fast only closes windows early.
type clock struct {
	own func() time.Time

	mu     sync.Mutex
	stored time.Time // what the broker said last that was news
	heard  time.Time // when, by our own
}

// hear takes in when the broker stored something. What is old tells nothing.
func (c *clock) hear(stored time.Time) {
	now := c.own()
	c.mu.Lock()
	defer c.mu.Unlock()
	if stored.After(c.told(now)) {
		c.stored, c.heard = stored, now
	}
}

// now is the time, as far as it is known.
func (c *clock) now() time.Time {
	now := c.own()
	c.mu.Lock()
	defer c.mu.Unlock()
	if told := c.told(now); told.After(now) {
		return told
	}
	return now
}

// told is the broker's time, when our own clock shows now.
func (c *clock) told(now time.Time) time.Time {
	if c.stored.IsZero() {
		return time.Time{}
	}
	return c.stored.Add(now.Sub(c.heard))
}
