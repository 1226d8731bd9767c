package assign

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/parley-desk/parley/pkg/fault"
)

// Proposal is an offer that was reserved and wants to be committed. It may be
// committed only on Revision of its thread: the reservation is free to go once
// the thread has a later revision without the offer, and no copy of the
// proposal, however late, can land after that.
type Proposal struct {
	ID           string // in the outbox
	Epoch        int64  // generation that made it
	Item         string
	Conversation string
	Queue        string
	Agent        string
	Fence        int64
	Revision     uint64
	OfferMS      int64
	Class        string   // what the item asks; see Describe
	Method       string   // of the queue, or "affinity"
	Rule         string   // with Custom: the step that found the agent
	Bucket       string   // with Custom: the rule whose bucket the item was in
	Ready        int32    // agents who could have taken it
	First        []string // the first of them in order, at most five
}

// Oldest is before every proposal.
const Oldest = "0"

// Proposals answers the proposals made after the one with id after that nobody
// concluded, at most limit, oldest first; it waits up to patience for one.
func (b *Book) Proposals(ctx context.Context, epoch int64, after string, limit int64, patience time.Duration) ([]Proposal, error) {
	streams, err := b.rdb.XRead(ctx, &redis.XReadArgs{
		Streams: []string{b.root(epoch) + "out", after}, Count: limit, Block: patience,
	}).Result()
	if errors.Is(err, redis.Nil) {
		return nil, nil
	}
	if err != nil {
		return nil, away(err, "read the outbox")
	}
	var out []Proposal
	for _, m := range streams[0].Messages {
		is := strings.SplitN(field(m, "is")+strings.Repeat("|", 10), "|", 11) // as matching.lua puts it
		out = append(out, Proposal{
			ID: m.ID, Epoch: epoch, Item: is[0], Conversation: is[1], Queue: is[2], Agent: is[3], Fence: integer(is[4]),
			Revision: uint64(integer(is[5])), OfferMS: integer(is[6]), Class: is[7], Method: is[8], Ready: int32(integer(is[9])),
			Rule: field(m, "rule"), Bucket: field(m, "bucket"),
			First: strings.FieldsFunc(is[10], func(r rune) bool { return r == ',' || r == '|' }),
		})
	}
	return out, nil
}

// Conclude is Apply of the commit that a proposal became, which is taken out of
// the outbox with it. Should only the latter happen, the follower brings the
// commit all the same.
func (b *Book) Conclude(ctx context.Context, now time.Time, item Item, p Proposal) error {
	args := []any{"", now.UnixMilli(), commitOf(item), ""}
	pipe := b.rdb.Pipeline()
	applied := b.lua.apply.Queue(ctx, pipe, b.key, args...)
	pipe.XDel(ctx, b.root(p.Epoch)+"out", p.ID)
	_, err := pipe.Exec(ctx)
	switch {
	case redis.HasErrorPrefix(applied.Err(), "NOSCRIPT"):
		_, err = b.lua.apply.Run(ctx, b.rdb, b.key, args...)
		return scriptError(b.lua.apply, err)
	case redis.HasErrorPrefix(applied.Err(), "EPOCH"):
		return scriptError(b.lua.apply, applied.Err())
	}
	return away(err, "conclude a proposal")
}

// Discard takes a proposal out of the outbox that nothing was made of.
func (b *Book) Discard(ctx context.Context, p Proposal) error {
	return away(b.rdb.XDel(ctx, b.root(p.Epoch)+"out", p.ID).Err(), "discard a proposal")
}

func field(m redis.XMessage, name string) string {
	s, _ := m.Values[name].(string)
	return s
}

func integer(s string) int64 {
	v, _ := strconv.ParseInt(s, 10, 64) // written by our own script
	return v
}

func away(err error, doing string) error {
	if err == nil || errors.Is(err, context.Canceled) {
		return err
	}
	return &fault.Error{Kind: fault.Unavailable, Reason: "REDIS_AWAY", Message: doing, Cause: err}
}
