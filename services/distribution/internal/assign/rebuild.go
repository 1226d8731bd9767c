package assign

import (
	"context"
	"iter"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/parley-desk/parley/pkg/fault"
	"github.com/parley-desk/parley/pkg/keyspace"
)

const (
	// script is how many words of a load go in one script: so few that Redis is
	// there for others after a millisecond or two.
	script = 4096
	// attempts is how often a script is sent to a server that does not answer.
	attempts = 5
	// headroom lies between the highest fence the log has and the first of a
	// new generation: room for proposals of the old one still on their way.
	headroom = 1_000_000
)

// Status is what the book says about itself.
type Status struct {
	Epoch     int64 // 0: no generation in force
	Presences int64 // counts changes of presence, but those from load to load
}

// Status reads the book's status.
func (b *Book) Status(ctx context.Context) (Status, error) {
	reply, err := b.lua.status.Run(ctx, b.rdb, b.key)
	return Status{Epoch: number(reply, 0), Presences: number(reply, 1)}, scriptError(b.lua.status, err)
}

// Presence is the presence of an agent, in the API's words without their
// prefixes.
type Presence struct {
	Now    string
	Was    string // before the agent was lost; with a '~' when the load had said so
	Source string // of Now
	Status string // of the administrators' own, by id; Now is its base
}

// String is the presence in one line, which ParsePresence reads.
func (p Presence) String() string {
	return strings.Join([]string{p.Now, p.Was, p.Source, p.Status}, "/")
}

// ParsePresence reads what String wrote. It is total: what is missing is empty.
func ParsePresence(s string) Presence {
	part := append(strings.SplitN(s, "/", 4), "", "", "")
	return Presence{Now: part[0], Was: part[1], Source: part[2], Status: part[3]}
}

// Presences reads the presence of every agent: the one thing in the book that
// the log cannot give back.
func (b *Book) Presences(ctx context.Context, epoch int64) (map[string]Presence, error) {
	raw, err := b.rdb.HGetAll(ctx, b.root(epoch)+"p").Result()
	if err != nil {
		return nil, away(err, "read presences")
	}
	out := make(map[string]Presence, len(raw))
	for agent, v := range raw {
		out[agent] = ParsePresence(v)
	}
	return out, nil
}

// World is everything a generation is loaded from.
type World struct {
	Agents    []Agent
	Queues    []Queue
	Paused    map[string]Pause    // of queues, by id
	Presences map[string]Presence // who is not in it is offline
	// Items are read while the generation is open for loading, so that what
	// is committed meanwhile is either in them or comes by Apply afterwards.
	Items iter.Seq2[Item, error]
}

// Rebuild loads a new generation beside whatever is there and puts it in force
// in one step. It answers the epoch in force: its own, or that of somebody who
// was faster. When Redis is emptied or restarted underneath, or another process
// begins to load after it, it answers ErrEpoch; try again.
func (b *Book) Rebuild(ctx context.Context, now time.Time, w World) (int64, error) {
	generation := strconv.FormatInt(now.UnixMicro(), 10)
	reply, err := b.lua.begin.Run(ctx, b.rdb, b.key, generation)
	if err != nil {
		return 0, scriptError(b.lua.begin, err)
	}
	if text(reply, 0) == "OPEN" {
		return number(reply, 1), nil
	}
	seq, err := b.load(ctx, now, generation, number(reply, 2), w)
	if err != nil {
		return 0, err
	}
	if _, err := b.lua.open.Run(ctx, b.rdb, b.key, generation, seq); err != nil {
		return 0, scriptError(b.lua.open, err)
	}
	return now.UnixMicro(), b.sweep(ctx, now.UnixMicro())
}

// load answers where the counter stands then.
func (b *Book) load(ctx context.Context, now time.Time, generation string, seq int64, w World) (int64, error) {
	l := loader{book: b, generation: generation, now: now}
	for _, q := range w.Queues {
		if err := l.run(ctx, b.lua.queue, queueArgs(q)); err != nil {
			return 0, err
		}
	}
	for q, p := range w.Paused {
		if err := l.run(ctx, b.lua.pause, []any{q, p.String()}); err != nil {
			return 0, err
		}
	}
	begins := newLoad(b.root(now.UnixMicro()), now, b.cfg.Lease, seq, w)
	highest := int64(0)
	for item, err := range w.Items {
		if err != nil {
			return 0, err
		}
		highest = max(highest, item.Highest)
		begins.note(item)
	}
	begins.finish()
	for command, args := range begins.commands {
		if err := l.add(ctx, command, args); err != nil {
			return 0, err
		}
	}
	return max(begins.seq, highest+headroom), l.flush(ctx)
}

// loader sends what makes a generation.
type loader struct {
	book       *Book
	generation string
	now        time.Time
	args       []any // commands that wait to be sent
}

func (l *loader) add(ctx context.Context, command string, args []any) error {
	l.args = append(append(l.args, 1+len(args), command), args...)
	if len(l.args) < script {
		return nil
	}
	return l.flush(ctx)
}

// flush sends what waits.
func (l *loader) flush(ctx context.Context) error {
	if len(l.args) == 0 {
		return nil
	}
	err := l.run(ctx, l.book.lua.fill, l.args)
	l.args = l.args[:0]
	return err
}

// run sends a script. Every step may be repeated, so a server that is slow to
// answer does not cost the whole load.
func (l *loader) run(ctx context.Context, s *keyspace.Script, args []any) (err error) {
	for range attempts {
		_, err = l.book.runIn(ctx, s, l.generation, l.now, args...)
		if !fault.Is(err, fault.Unavailable) || ctx.Err() != nil {
			break
		}
	}
	return err
}

// sweep forgets generations older than epoch; a newer one may be loading by now.
// Losing the race with a crash only leaves garbage for the next sweep.
func (b *Book) sweep(ctx context.Context, epoch int64) error {
	prefix := strings.TrimSuffix(b.key, "m")
	keys := b.rdb.Scan(ctx, 0, prefix+"*", 1000).Iterator()
	var old []string
	for keys.Next(ctx) {
		name, _, _ := strings.Cut(strings.TrimPrefix(keys.Val(), prefix), ":")
		if n, err := strconv.ParseInt(name, 10, 64); err == nil && n < epoch {
			old = append(old, keys.Val())
		}
	}
	if err := keys.Err(); err != nil {
		return away(err, "sweep old generations")
	}
	for part := range slices.Chunk(old, 1000) {
		if err := b.rdb.Unlink(ctx, part...).Err(); err != nil {
			return away(err, "sweep old generations")
		}
	}
	return nil
}
