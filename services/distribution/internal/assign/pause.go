package assign

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// Pause is why nothing is offered of what waits in a queue. The zero Pause is
// none.
type Pause struct {
	By      string
	SinceMS int64
}

// String is the pause in one line, which ParsePause reads; empty when it is none.
func (p Pause) String() string {
	if p == (Pause{}) {
		return ""
	}
	return strconv.FormatInt(p.SinceMS, 10) + "/" + p.By
}

// ParsePause reads what String wrote. It is total.
func ParsePause(s string) Pause {
	since, by, _ := strings.Cut(s, "/")
	return Pause{By: by, SinceMS: integer(since)}
}

// Pause has nothing offered of what waits in a queue, or goes on with it: whoever
// could get something there is looked at by the next Ticks. Offers that are out
// stay, and agents may pick.
func (b *Book) Pause(ctx context.Context, now time.Time, queue string, p Pause) error {
	_, err := b.run(ctx, b.lua.pause, now, queue, p.String())
	return err
}

// Paused tells why nothing is offered of what waits in a queue.
func (b *Book) Paused(ctx context.Context, queue string) (Pause, error) {
	l, err := b.lines(ctx, time.Time{})
	if err != nil {
		return Pause{}, err
	}
	if err := l.learn(ctx, []string{queue}); err != nil {
		return Pause{}, err
	}
	return ParsePause(l.queues[queue].paused), nil
}

// Going are those of some queues that are not paused.
func (b *Book) Going(ctx context.Context, epoch int64, queues []string) (map[string]bool, error) {
	pipe := b.rdb.Pipeline()
	asked := make([]*redis.StringCmd, len(queues))
	for n, q := range queues {
		asked[n] = pipe.HGet(ctx, b.root(epoch)+"q:"+q, "ps")
	}
	if _, err := pipe.Exec(ctx); err != nil && err != redis.Nil {
		return nil, away(err, "read which queues are paused")
	}
	going := make(map[string]bool, len(queues))
	for n, q := range queues {
		going[q] = ParsePause(asked[n].Val()) == (Pause{})
	}
	return going, nil
}
