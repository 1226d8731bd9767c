package assign

import (
	"context"
	"time"
)

// placeKept is how long a place is kept for a conversation that does not come.
const placeKept = 10 * time.Second

// Candidate is a queue that an item may enter.
type Candidate struct {
	Queue string
	Limit int32 // with so many waiting it is full; 0: never
}

// Place looks for the first queue with room for an item's conversation and
// keeps a place in it, for 10 seconds or until Apply brings the item into a
// queue. A place kept before is given up. It answers the index of the candidate,
// -1 when none has room, and how many wait in each, the item left out: those
// without an agent, offered or not, and the places kept for others. Places do
// not outlive the generation.
func (b *Book) Place(ctx context.Context, now time.Time, item, conversation string, candidates []Candidate) (int, []int32, error) {
	args := []any{item, conversation, placeKept.Milliseconds()}
	for _, c := range candidates {
		args = append(args, c.Queue, c.Limit)
	}
	reply, err := b.run(ctx, b.lua.place, now, args...)
	if err != nil {
		return -1, nil, err
	}
	waiting := make([]int32, len(candidates))
	for n := range waiting {
		waiting[n] = int32(number(reply, n+1))
	}
	return int(number(reply, 0)), waiting, nil
}

// PutOff leaves an item that Tick asked out of its queue where it is, to be
// offered as others are. Tick asks again at due, or 5 minutes from now if that
// is sooner; with no due, after 10 seconds, and after twice as long each time.
// An item that has gone on since stays as it is.
func (b *Book) PutOff(ctx context.Context, now time.Time, item Item, due time.Time) error {
	ms := int64(0)
	if !due.IsZero() {
		ms = due.UnixMilli()
	}
	_, err := b.run(ctx, b.lua.putOff, now, item.Key, item.Conversation, item.SinceMS, ms)
	return err
}
