package bus

import (
	"container/list"
	"sync"

	"github.com/parley-desk/parley/proto/subject"
)

// stateCacheSize bounds the states kept. A state takes a few hundred bytes, at
// most about 8 KB: the keys of its last events are most of it.
const stateCacheSize = 16384

// stateCache keeps the newest states this process has seen, the least recently
// used go first. It may be behind the log, never ahead of it.
type stateCache struct {
	mu    sync.Mutex
	limit int
	order *list.List // of *cached, newest use in front
	byKey map[subject.Thread]*list.Element
}

type cached struct {
	thread subject.Thread
	snapshot
}

func newStateCache(limit int) *stateCache {
	return &stateCache{limit: limit, order: list.New(), byKey: make(map[subject.Thread]*list.Element)}
}

func (c *stateCache) get(t subject.Thread) (snapshot, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.byKey[t]
	if !ok {
		return snapshot{}, false
	}
	c.order.MoveToFront(e)
	return e.Value.(*cached).snapshot, true
}

// put keeps s unless something newer is known, and tells that.
func (c *stateCache) put(t subject.Thread, s snapshot) (overtaken bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e, ok := c.byKey[t]; ok {
		known := e.Value.(*cached)
		if known.revision < s.revision {
			known.snapshot = s
		}
		c.order.MoveToFront(e)
		return known.revision > s.revision
	}
	c.byKey[t] = c.order.PushFront(&cached{thread: t, snapshot: s})
	if c.order.Len() > c.limit {
		oldest := c.order.Remove(c.order.Back()).(*cached)
		delete(c.byKey, oldest.thread)
	}
	return false
}

func (c *stateCache) drop(t subject.Thread) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e, ok := c.byKey[t]; ok {
		c.order.Remove(e)
		delete(c.byKey, t)
	}
}
