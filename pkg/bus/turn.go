package bus

import (
	"context"
	"sync"

	"github.com/parley-desk/parley/proto/subject"
)

// turns lets the writers of one thread in this process go one after the other.
// The precondition would keep them apart as well, but each would lose a race
// against every other, and one that always loses is told that the thread is busy.
type turns struct {
	mu   sync.Mutex
	slot map[subject.Thread]*turn // of threads somebody writes or waits to write
}

type turn struct {
	taken   chan struct{} // holds a token while somebody writes
	callers int
}

// take waits for the thread; give must be called when it is done.
func (t *turns) take(ctx context.Context, of subject.Thread) (give func(), err error) {
	t.mu.Lock()
	mine := t.slot[of]
	if mine == nil {
		mine = &turn{taken: make(chan struct{}, 1)}
		t.slot[of] = mine
	}
	mine.callers++
	t.mu.Unlock()
	select {
	case mine.taken <- struct{}{}:
		return func() { <-mine.taken; t.leave(of, mine) }, nil
	case <-ctx.Done():
		t.leave(of, mine)
		return nil, ctx.Err()
	}
}

func (t *turns) leave(of subject.Thread, mine *turn) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if mine.callers--; mine.callers == 0 {
		delete(t.slot, of)
	}
}
