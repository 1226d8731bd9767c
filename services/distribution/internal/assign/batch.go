package assign

import (
	"context"
	"slices"
	"time"

	"github.com/redis/go-redis/v9"
)

// together is how many commits one script applies: enough that what every script
// begins and ends with does not count, and so few that Redis is there for others
// after a millisecond.
const together = 64

// ApplyAll is Apply of many items, several to an atomic step, sent at once;
// concluded are the proposals that some of them became, which are taken out of
// the outbox with them. It answers the phases that the items have then. After an
// error it is not known which were applied; all of them may be repeated.
func (b *Book) ApplyAll(ctx context.Context, now time.Time, items []Item, concluded []Proposal) ([]Phase, error) {
	if len(items) == 0 {
		return nil, nil
	}
	phases, err := b.applyAll(ctx, now, items, concluded)
	if redis.HasErrorPrefix(err, "NOSCRIPT") {
		if err := b.lua.steps.Load(ctx, b.rdb); err != nil {
			return nil, err
		}
		phases, err = b.applyAll(ctx, now, items, concluded)
	}
	switch {
	case err == nil:
		return phases, nil
	case redis.HasErrorPrefix(err, "EPOCH"), redis.HasErrorPrefix(err, "HISTORY"):
		return nil, scriptError(b.lua.steps, err)
	}
	return nil, away(err, "apply many commits")
}

func (b *Book) applyAll(ctx context.Context, now time.Time, items []Item, concluded []Proposal) ([]Phase, error) {
	pipe := b.rdb.Pipeline()
	var replies []*redis.Cmd
	for part := range slices.Chunk(items, together) {
		args := append(make([]any, 0, 2+len(part)), "", now.UnixMilli())
		for _, item := range part {
			args = append(args, commitOf(item))
		}
		replies = append(replies, b.lua.steps.Queue(ctx, pipe, b.key, args...))
	}
	outbox := map[int64][]string{}
	for _, p := range concluded {
		outbox[p.Epoch] = append(outbox[p.Epoch], p.ID)
	}
	for epoch, ids := range outbox {
		pipe.XDel(ctx, b.root(epoch)+"out", ids...)
	}
	if _, err := pipe.Exec(ctx); err != nil {
		return nil, err // of the first that failed
	}
	phases := make([]Phase, 0, len(items))
	for _, r := range replies {
		reply, err := r.Slice()
		if err != nil {
			return nil, err
		}
		for n := range reply {
			phases = append(phases, Phase(text(reply, n)))
		}
	}
	return phases, nil
}
