package assign

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/parley-desk/parley/services/distribution/internal/expect"
)

// Position is where an item stands in its queue.
type Position struct {
	Standing string
	Queue    string
	Ahead    int32         // of the queue, who come before it
	Wait     time.Duration // on the average, from now on; negative: not known, or it is offered to nobody
}

// Figures are how full a queue is.
type Figures struct {
	Waiting int32         // without an agent, offered or not
	Ready   int32         // agents who could get what asks least
	Wait    time.Duration // of one that comes now, as in Position; none with agents who wait for it
	Paused  Pause
}

// Positions tells where items stand, in the order asked. However many wait, an
// item costs one look into each list of its queue. It reads in three steps; what
// moves meanwhile may be told as it was.
func (b *Book) Positions(ctx context.Context, now time.Time, items []string) ([]Position, error) {
	l, err := b.lines(ctx, now)
	if err != nil {
		return nil, err
	}
	return l.positions(ctx, items)
}

// Figures tells how full queues are, in the order asked.
func (b *Book) Figures(ctx context.Context, now time.Time, queues []string) ([]Figures, error) {
	l, err := b.lines(ctx, now)
	if err != nil {
		return nil, err
	}
	if err := l.learn(ctx, queues); err != nil {
		return nil, err
	}
	pipe := l.rdb.Pipeline()
	inside, ready := make([]*redis.IntCmd, len(queues)), make([][]*redis.IntCmd, len(queues))
	for n, q := range queues {
		inside[n] = pipe.ZCard(ctx, l.root+"n:"+q)
		for _, c := range l.queues[q].classes {
			ready[n] = append(ready[n], pipe.ZCard(ctx, l.root+"r:"+q+":"+c))
		}
	}
	if err := l.exec(ctx, pipe, "count queues"); err != nil {
		return nil, err
	}
	out := make([]Figures, len(queues))
	var full []string
	for n, q := range queues {
		out[n].Paused = ParsePause(l.queues[q].paused)
		out[n].Waiting = int32(inside[n].Val())
		for _, r := range ready[n] {
			out[n].Ready = max(out[n].Ready, int32(r.Val()))
		}
		switch {
		case out[n].Paused != (Pause{}):
			out[n].Wait = -1
		case out[n].Ready > out[n].Waiting:
			out[n].Wait = 0
		default:
			full = append(full, q)
		}
	}
	if err := l.attend(ctx, full); err != nil {
		return nil, err
	}
	for n, q := range queues {
		if slices.Contains(full, q) {
			out[n].Wait = l.queues[q].wait(l.now, out[n].Waiting)
		}
	}
	return out, nil
}

func (b *Book) lines(ctx context.Context, now time.Time) (*lines, error) {
	status, err := b.Status(ctx)
	if err != nil {
		return nil, err
	}
	if status.Epoch == 0 {
		return nil, fmt.Errorf("position: %w", ErrEpoch)
	}
	return &lines{rdb: b.rdb, root: b.root(status.Epoch), now: now, most: b.cfg.Policy.Decliners, queues: map[string]line{}}, nil
}

// lines reads the waiting lists of a generation.
type lines struct {
	rdb    redis.UniversalClient
	root   string
	now    time.Time
	most   int             // agents who may decline an item before it is offered to nobody
	queues map[string]line // those learned
}

// turnedDown tells whether so many agents declined an item that it is offered to
// nobody.
func (l *lines) turnedDown(r record) bool {
	n := 0
	for _, halves := range declined(r.declines) {
		if halves >= 2 {
			n++
		}
	}
	return n >= l.most
}

// line is what positions in a queue are reckoned by.
type line struct {
	classes []string
	rates   map[string]string
	paused  string
	present expect.Present
}

func (l *lines) exec(ctx context.Context, pipe redis.Pipeliner, doing string) error {
	if _, err := pipe.Exec(ctx); err != nil && err != redis.Nil {
		return away(err, doing)
	}
	return nil
}

func (l *lines) learn(ctx context.Context, queues []string) error {
	pipe := l.rdb.Pipeline()
	classes, rates, paused := map[string]*redis.StringSliceCmd{}, map[string]*redis.MapStringStringCmd{}, map[string]*redis.StringCmd{}
	for _, q := range queues {
		if _, known := l.queues[q]; !known && classes[q] == nil {
			classes[q], rates[q] = pipe.SMembers(ctx, l.root+"q:"+q+":c"), pipe.HGetAll(ctx, l.root+"pa:"+q)
			paused[q] = pipe.HGet(ctx, l.root+"q:"+q, "ps")
		}
	}
	if err := l.exec(ctx, pipe, "read queues"); err != nil {
		return err
	}
	for q := range classes {
		l.queues[q] = line{classes: classes[q].Val(), rates: rates[q].Val(), paused: paused[q].Val()}
	}
	return nil
}

// place is where an item is listed.
type place struct {
	Position
	list, member string
	turnedDown   bool
	score        *redis.FloatCmd
	rank         *redis.IntCmd
	before       []*redis.IntCmd
}

func (l *lines) positions(ctx context.Context, items []string) ([]Position, error) {
	places, err := l.find(ctx, items)
	if err != nil {
		return nil, err
	}
	pipe := l.rdb.Pipeline()
	var queues []string
	for n, p := range places {
		switch queues = append(queues, p.Queue); {
		case p.list != "":
			p.score = pipe.ZScore(ctx, l.root+p.list, p.member)
		case p.Standing == StandsWaiting: // to be picked; agents pick the oldest first, as far as anybody knows
			p.rank = pipe.ZRank(ctx, l.root+"n:"+p.Queue, items[n])
		}
	}
	if err := l.exec(ctx, pipe, "read places"); err != nil {
		return nil, err
	}
	if err := l.learn(ctx, queues); err != nil {
		return nil, err
	}
	if err := l.count(ctx, places); err != nil {
		return nil, err
	}
	var served []string
	for _, p := range places {
		for _, b := range p.before {
			p.Ahead += int32(b.Val())
		}
		if p.rank != nil {
			p.Ahead = int32(p.rank.Val())
		}
		if l.moves(p) {
			served = append(served, p.Queue)
		}
	}
	if err := l.attend(ctx, served); err != nil {
		return nil, err
	}
	out := make([]Position, len(places))
	for n, p := range places {
		if l.moves(p) {
			p.Wait = l.queues[p.Queue].wait(l.now, p.Ahead)
		}
		out[n] = p.Position
	}
	return out, nil
}

// moves tells whether an item waits for anybody who serves its queue.
func (l *lines) moves(p *place) bool {
	waits := p.Standing == StandsWaiting || p.Standing == StandsLate
	return waits && !p.turnedDown && (p.list == "" || l.queues[p.Queue].paused == "")
}

// find tells what items are and where they are listed.
func (l *lines) find(ctx context.Context, items []string) ([]*place, error) {
	pipe := l.rdb.Pipeline()
	kept := make([]*redis.StringCmd, len(items))
	for n, item := range items {
		kept[n] = pipe.Get(ctx, l.root+"i:"+item)
	}
	if err := l.exec(ctx, pipe, "read items"); err != nil {
		return nil, err
	}
	places := make([]*place, len(items))
	for n, k := range kept {
		r := parseRecord(k.Val())
		p := &place{Position: Position{Standing: standsAs(r.phase, r.late), Wait: -1}}
		if p.Standing != StandsUnknown {
			p.Queue, p.list, p.member, p.turnedDown = r.queue, r.list, r.ticket(items[n]), l.turnedDown(r)
		}
		places[n] = p
	}
	return places, nil
}

// count looks how many in each list of a queue come before those that are listed.
func (l *lines) count(ctx context.Context, places []*place) error {
	pipe := l.rdb.Pipeline()
	for _, p := range places {
		if p.score == nil || p.score.Err() != nil {
			continue // it has gone on
		}
		own := "(" + strconv.FormatFloat(p.score.Val(), 'f', -1, 64)
		for _, c := range l.queues[p.Queue].classes {
			p.before = append(p.before, pipe.ZCount(ctx, l.root+"w:"+p.Queue+":"+c, "-inf", own))
		}
	}
	return l.exec(ctx, pipe, "count who comes before")
}

// standsAs says for people where an item stands.
func standsAs(phase, late string) string {
	switch Phase(phase) {
	case Offered, Stale:
		return StandsOffered
	case Picking, Resuming:
		return StandsPicked
	case Active, WrapUp:
		return StandsHeld
	case Waiting:
		if late == "1" {
			return StandsLate
		}
		return StandsWaiting
	}
	return StandsUnknown
}

// waitedFor is the agent for whom alone an item of this list waits.
func waitedFor(list string) string {
	if agent, ok := strings.CutPrefix(list, "wa:"); ok {
		return agent
	}
	return ""
}
