package assign

import (
	"context"
	"errors"
	"strconv"
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
}

// Proposals answers the oldest proposals that nobody settled, at most limit; it
// waits up to patience for one.
func (b *Book) Proposals(ctx context.Context, epoch int64, limit int64, patience time.Duration) ([]Proposal, error) {
	streams, err := b.rdb.XRead(ctx, &redis.XReadArgs{
		Streams: []string{b.root(epoch) + "out", "0"}, Count: limit, Block: patience,
	}).Result()
	if errors.Is(err, redis.Nil) {
		return nil, nil
	}
	if err != nil {
		return nil, away(err, "read the outbox")
	}
	var out []Proposal
	for _, m := range streams[0].Messages {
		out = append(out, Proposal{
			ID: m.ID, Epoch: epoch, Item: field(m, "item"), Conversation: field(m, "conv"),
			Queue: field(m, "queue"), Agent: field(m, "agent"), Fence: integer(field(m, "fence")),
			Revision: uint64(integer(field(m, "rev"))), OfferMS: integer(field(m, "ms")),
		})
	}
	return out, nil
}

// Settled takes a proposal out of the outbox, once the log has answered and
// Apply knows the answer.
func (b *Book) Settled(ctx context.Context, p Proposal) error {
	return away(b.rdb.XDel(ctx, b.root(p.Epoch)+"out", p.ID).Err(), "settle a proposal")
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
