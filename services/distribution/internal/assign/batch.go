package assign

import (
	"context"
	"time"

	"github.com/redis/go-redis/v9"
)

// ApplyAll is Apply of many items, one step each, sent at once; concluded are
// the proposals that some of them became, which are taken out of the outbox with
// them. It answers the phases that the items have then. After an error it is
// not known which were applied; all of them may be repeated.
func (b *Book) ApplyAll(ctx context.Context, now time.Time, items []Item, concluded []Proposal) ([]Phase, error) {
	if len(items) == 0 {
		return nil, nil
	}
	phases, err := b.applyAll(ctx, now, items, concluded)
	if redis.HasErrorPrefix(err, "NOSCRIPT") {
		if err := b.lua.apply.Load(ctx, b.rdb); err != nil {
			return nil, err
		}
		phases, err = b.applyAll(ctx, now, items, concluded)
	}
	switch {
	case err == nil:
		return phases, nil
	case redis.HasErrorPrefix(err, "EPOCH"), redis.HasErrorPrefix(err, "HISTORY"):
		return nil, scriptError(b.lua.apply, err)
	}
	return nil, away(err, "apply many commits")
}

func (b *Book) applyAll(ctx context.Context, now time.Time, items []Item, concluded []Proposal) ([]Phase, error) {
	pipe := b.rdb.Pipeline()
	replies := make([]*redis.Cmd, len(items))
	for n, item := range items {
		args := append([]any{"", now.UnixMilli()}, b.applyArgs(item, "")...)
		replies[n] = b.lua.apply.Queue(ctx, pipe, b.key, args...)
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
	phases := make([]Phase, len(items))
	for n, r := range replies {
		reply, err := r.Slice()
		if err != nil {
			return nil, err
		}
		phases[n] = Phase(text(reply, len(reply)-1))
	}
	return phases, nil
}
