package bus

import (
	"context"
	"sync"
)

const (
	maxInFlight = 4096 // records of one reader held in memory
	maxInLane   = 32   // of them of one thread; the rest is read again when its turn comes
)

// item is a part of a record on its way to the handler. Without a body it was
// put out of memory and is read again by its sequence.
type item struct {
	ticket *ticket
	part   int
	msg    *stored
	redo   func(stored) // of a dead letter, in place of the usual
}

// lanes run handle strictly in order for one key and concurrently for
// different keys: one goroutine for every busy key. A slow key holds at most
// maxInLane of the places, so it never stops the others.
type lanes struct {
	handle func(subject string, it item)
	places chan struct{}

	mu      sync.Mutex
	waiting map[string][]item // a key is present while its goroutine lives
	closed  bool
	running sync.WaitGroup
}

func newLanes(handle func(string, item)) *lanes {
	return &lanes{handle: handle, places: make(chan struct{}, maxInFlight), waiting: map[string][]item{}}
}

// add queues it behind what is there for its key. It blocks while all places
// are taken, until ctx ends.
func (l *lanes) add(ctx context.Context, key string, it item) error {
	select {
	case l.places <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		<-l.places
		return context.Canceled
	}
	queue, busy := l.waiting[key]
	if busy && len(queue) >= maxInLane {
		it.msg = nil
		<-l.places
	}
	l.waiting[key] = append(queue, it)
	if !busy {
		l.running.Go(func() { l.work(key) })
	}
	return nil
}

func (l *lanes) work(key string) {
	for {
		it, ok := l.next(key)
		if !ok {
			return
		}
		l.handle(key, it)
		if it.msg != nil {
			<-l.places
		}
	}
}

func (l *lanes) next(key string) (item, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	queue := l.waiting[key]
	if len(queue) == 0 || l.closed {
		delete(l.waiting, key)
		return item{}, false
	}
	it := queue[0]
	queue[0] = item{}
	l.waiting[key] = queue[1:]
	return it, true
}

// close starts nothing more, and gives a channel that is closed when what runs
// has ended.
func (l *lanes) close() <-chan struct{} {
	l.mu.Lock()
	l.closed = true
	l.mu.Unlock()
	done := make(chan struct{})
	go func() { l.running.Wait(); close(done) }()
	return done
}
