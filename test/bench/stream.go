package bench

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"
)

// arrivals knows when each customer wrote and when the answer to it was seen.
type arrivals struct {
	mu   sync.Mutex
	sent map[string]time.Time
	took []time.Duration
	news chan struct{} // told when the last one awaited was seen
}

func newArrivals() *arrivals {
	return &arrivals{sent: map[string]time.Time{}, news: make(chan struct{}, 1)}
}

func (a *arrivals) leave(psid string, at time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.sent[psid] = at
}

// see notes the first time that a customer's conversation is seen.
func (a *arrivals) see(psid string, at time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	sent, awaited := a.sent[psid]
	if !awaited {
		return
	}
	delete(a.sent, psid)
	a.took = append(a.took, at.Sub(sent))
	if len(a.sent) == 0 {
		select {
		case a.news <- struct{}{}:
		default:
		}
	}
}

// take gives what was seen since the last take, once nobody is awaited.
func (a *arrivals) take(ctx context.Context, limit time.Duration) ([]time.Duration, error) {
	late := time.After(limit)
	for {
		a.mu.Lock()
		if left := len(a.sent); left == 0 {
			took := a.took
			a.took = nil
			a.mu.Unlock()
			return took, nil
		}
		a.mu.Unlock()
		select {
		case <-a.news:
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-late:
			return nil, fmt.Errorf("%d of the customers are not seen on any desk after %s", len(a.sent), limit)
		}
	}
}

// flow sends single webhooks at a steady rate, however slow the answers are,
// each of a customer who never wrote before.
type flow struct {
	addr  string
	idle  chan *caller
	seen  *arrivals
	count int
}

// flowCallers bounds the requests on their way.
const flowCallers = 64

func newFlow(ctx context.Context, addr string, seen *arrivals) (*flow, error) {
	f := &flow{addr: addr, idle: make(chan *caller, flowCallers), seen: seen, count: rand.IntN(1 << 40)}
	for range flowCallers {
		c, err := dial(ctx, addr)
		if err != nil {
			return nil, err
		}
		f.idle <- c
	}
	return f, nil
}

func (f *flow) close() {
	for range flowCallers {
		_ = (<-f.idle).conn.Close()
	}
}

// run sends so many a second for a while and gives what was seen of them.
func (f *flow) run(ctx context.Context, rate int, length time.Duration) ([]time.Duration, error) {
	n := int(length.Seconds() * float64(rate))
	posts, names := make([][]byte, n), make([]string, n)
	for i := range posts {
		f.count++
		names[i] = customer(f.count)
		posts[i] = webhook(f.addr, item(names[i], f.count))
	}
	failed := make(chan error, n)
	began := time.Now()
	for i := range posts {
		time.Sleep(time.Until(began.Add(time.Duration(i) * time.Second / time.Duration(rate))))
		now := time.Now()
		f.seen.leave(names[i], now)
		go func() {
			c := <-f.idle
			if err := c.call(posts[i]); err != nil {
				failed <- err
			}
			f.idle <- c
		}()
	}
	took, err := f.seen.take(ctx, time.Minute)
	select {
	case broken := <-failed:
		return nil, fmt.Errorf("a webhook was not taken: %w", broken)
	default:
		return took, err
	}
}
