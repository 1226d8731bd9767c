package offering

import (
	"context"
	"sync"
	"time"

	"github.com/parley-desk/parley/services/distribution/internal/assign"
)

// together is how many commits go to the book in one round trip.
const together = 64

// gather brings commits to the book, those that come while others are under way
// together: followers and relayers are many, and most of what Redis costs them is
// the way there. One that comes alone waits for nobody.
type gather struct {
	book *assign.Book
	now  func() time.Time

	mu      sync.Mutex
	waiting []*brought
	under   bool
}

type brought struct {
	item      assign.Item
	concluded *assign.Proposal
	done      chan error
}

// apply is Book.Apply of a commit and, with it, the end of the proposal that it
// came from, if any.
func (g *gather) apply(ctx context.Context, item assign.Item, concluded *assign.Proposal) error {
	b := &brought{item: item, concluded: concluded, done: make(chan error, 1)}
	g.mu.Lock()
	g.waiting = append(g.waiting, b)
	first := !g.under
	g.under = true
	g.mu.Unlock()
	carrying := context.WithoutCancel(ctx) // for others too
	if first && g.carry(carrying) {
		go func() { // this caller has brought its own
			for g.carry(carrying) {
			}
		}()
	}
	select {
	case err := <-b.done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// carry brings what waits, and tells whether more came meanwhile.
func (g *gather) carry(ctx context.Context) bool {
	g.mu.Lock()
	batch := g.waiting[:min(len(g.waiting), together)]
	g.waiting = g.waiting[len(batch):]
	g.mu.Unlock()
	g.bring(ctx, batch)
	g.mu.Lock()
	defer g.mu.Unlock()
	g.under = len(g.waiting) > 0
	return g.under
}

// bring applies a batch at once, or when that fails one after the other, so that
// each has an error of its own.
func (g *gather) bring(ctx context.Context, batch []*brought) {
	var items []assign.Item
	var concluded []assign.Proposal
	for _, b := range batch {
		if items = append(items, b.item); b.concluded != nil {
			concluded = append(concluded, *b.concluded)
		}
	}
	if len(batch) > 1 {
		if _, err := g.book.ApplyAll(ctx, g.now(), items, concluded); err == nil {
			for _, b := range batch {
				b.done <- nil
			}
			return
		}
	}
	for _, b := range batch {
		b.done <- g.alone(ctx, b)
	}
}

func (g *gather) alone(ctx context.Context, b *brought) error {
	if b.concluded != nil {
		return g.book.Conclude(ctx, g.now(), b.item, *b.concluded)
	}
	_, err := g.book.Apply(ctx, g.now(), b.item)
	return err
}
