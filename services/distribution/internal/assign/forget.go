package assign

import (
	"context"
	"time"
)

// Forget takes threads out of the book that were erased, and gives the keys of
// those that are not over, which stay. A commit of before the erasure that is
// applied after this makes an item once more; the log refuses whatever follows
// from it, and the item is over again with the thread's next state.
func (b *Book) Forget(ctx context.Context, now time.Time, threads []string) ([]string, error) {
	args := make([]any, len(threads))
	for n, key := range threads {
		args[n] = key
	}
	reply, err := b.run(ctx, b.lua.forget, now, args...)
	var left []string
	for n := range reply {
		left = append(left, text(reply, n))
	}
	return left, err
}
