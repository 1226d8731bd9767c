package assign

import (
	"context"
	"slices"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/parley-desk/parley/services/distribution/internal/expect"
)

// rateHours is how far back is remembered what a queue was like.
const rateHours = 8

// historyOf reads what waiting.lua counts of a queue.
func historyOf(rates map[string]string, now time.Time) (h expect.History) {
	hour := now.Unix() / 3600
	for field, n := range rates {
		if len(field) < 2 {
			continue
		}
		if age := hour - integer(field[1:]); age >= rateHours {
			if age == rateHours && field[0] == 'n' {
				h.Before = integer(n)
			}
			continue
		}
		switch ms := time.Duration(integer(n)) * time.Millisecond; field[0] {
		case 'n':
			h.Served += integer(n)
		case 't':
			h.Held += ms
		case 'l':
			h.Left += integer(n)
		case 'w':
			h.Waited += ms
		}
	}
	return h
}

// wait is how long whoever has so many before it waits.
func (l line) wait(now time.Time, ahead int32) time.Duration {
	return expect.Wait(historyOf(l.rates, now), l.present, int(ahead)+1)
}

// attend learns who serves queues now: what of them is held by members who take
// conversations, as far as their load lets them. With somebody waiting these are
// all the queue can have of them, whatever their capacity is and whatever other
// queues they serve; who takes no more, and ends what they have, is not counted.
// Where they hold nothing of it but have no room, the next they end makes room
// for it: all that they hold counts. It costs a look at each member, and at what
// they hold.
func (l *lines) attend(ctx context.Context, queues []string) error {
	slices.Sort(queues)
	queues = slices.Compact(queues)
	pipe := l.rdb.Pipeline()
	asked := map[string]*redis.StringSliceCmd{}
	for _, q := range queues {
		asked[q] = pipe.SMembers(ctx, l.root+"q:"+q+":a")
	}
	if err := l.exec(ctx, pipe, "read the members of queues"); err != nil {
		return err
	}
	var ids []string
	for _, m := range asked {
		ids = append(ids, m.Val()...)
	}
	agents, err := l.read(ctx, "a:", ids)
	if err != nil {
		return err
	}
	var keys []string
	for id, raw := range agents {
		if d := parseDoings(raw); d.takes() {
			keys = append(keys, d.items()...)
		} else {
			delete(agents, id)
		}
	}
	items, err := l.read(ctx, "i:", keys)
	if err != nil {
		return err
	}
	for q, members := range asked {
		told := l.queues[q]
		told.present = l.present(q, members.Val(), agents, items)
		l.queues[q] = told
	}
	return nil
}

// present tells who serves a queue, of its members who take conversations.
func (l *lines) present(queue string, members []string, agents, items map[string]string) expect.Present {
	var own, all expect.Present
	for _, id := range members {
		for _, key := range parseDoings(agents[id]).items() {
			r := parseRecord(items[key])
			held := max(l.now.Sub(time.UnixMilli(integer(r.took))), 0)
			if r.took == "" { // an earlier version did not note it
				held = 0
			}
			all.Serving, all.Held = all.Serving+1, all.Held+held
			if r.queue == queue {
				own.Serving, own.Held = own.Serving+1, own.Held+held
			}
		}
	}
	if own.Serving == 0 {
		own.Serving = all.Serving // but not for how long: they are no measure of it
	}
	return own
}

// takes tells whether an agent gets conversations, now or when there is room.
func (d doings) takes() bool {
	return d.presence == "AVAILABLE" || d.presence == "BUSY" || d.presence == "DO_NOT_DISTURB" && d.source == "LOAD"
}

// read gets records by name, many at a time; those that are gone are left out.
func (l *lines) read(ctx context.Context, kind string, names []string) (map[string]string, error) {
	slices.Sort(names)
	names = slices.Compact(names)
	out := make(map[string]string, len(names))
	for part := range slices.Chunk(names, members) {
		keys := make([]string, len(part))
		for n, name := range part {
			keys[n] = l.root + kind + name
		}
		found, err := l.rdb.MGet(ctx, keys...).Result()
		if err != nil {
			return nil, away(err, "read who serves queues")
		}
		for n := range part {
			if raw := text(found, n); raw != "" {
				out[part[n]] = raw
			}
		}
	}
	return out, nil
}
