package offering

import (
	"context"
	"maps"
	"slices"

	"github.com/parley-desk/parley/pkg/bus"
	"github.com/parley-desk/parley/services/distribution/internal/assign"
)

// Memory is where presences outlive both Redis and this process; *bus.Bucket
// is one.
type Memory interface {
	Watch(ctx context.Context, ready func(), handle func(bus.Entry)) error
	Write(ctx context.Context, writes ...bus.Write) error
}

// kept is how many presences are written at once.
const kept = 500

// presences are what a book that is loaded anew cannot learn from the log. What
// an agent chooses is remembered before the agent is answered; what the book
// does by itself, soon after. Who is offline, and not because the desk was
// lost, is left out.
type presences struct {
	memory Memory
	known  map[string]assign.Presence // what memory held, as far as Lead knows
}

var offline = assign.Presence{Now: "OFFLINE"}

// byLoad is the source of a presence that follows from the load.
const byLoad = "LOAD"

// gone tells whether an agent is offline and not because the desk was lost.
func gone(p assign.Presence) bool { return p.Now == offline.Now && p.Was == "" }

// entry is a presence as memory holds it.
func entry(agent string, p assign.Presence) bus.Write {
	w := bus.Write{Key: agent, Revision: bus.AnyRevision}
	if !gone(p) {
		w.Value = []byte(p.String())
	}
	return w
}

// recall reads the memory.
func (p *presences) recall(ctx context.Context) error {
	ctx, complete := context.WithCancel(ctx)
	defer complete()
	known, done := map[string]assign.Presence{}, false
	err := p.memory.Watch(ctx, func() { done = true; complete() }, func(e bus.Entry) {
		if done {
			return
		}
		known[e.Key] = assign.ParsePresence(string(e.Value))
	})
	if !done {
		return err
	}
	p.known = known
	return nil
}

// keep brings the memory in line with what the book says.
func (p *presences) keep(ctx context.Context, seen map[string]assign.Presence) error {
	want := maps.Clone(seen)
	maps.DeleteFunc(want, func(_ string, v assign.Presence) bool { return gone(v) })
	for agent, v := range want {
		if v.Source == byLoad {
			want[agent] = assign.Presence{Now: "AVAILABLE", Source: byLoad} // the load tells the rest
		}
	}
	var writes []bus.Write
	for agent, v := range want {
		if p.known[agent] != v {
			writes = append(writes, entry(agent, v))
		}
	}
	for agent := range p.known {
		if _, ok := want[agent]; !ok {
			writes = append(writes, entry(agent, offline))
		}
	}
	for part := range slices.Chunk(writes, kept) {
		if err := p.memory.Write(ctx, part...); err != nil {
			return err // what was written before is written again, with the same effect
		}
	}
	p.known = want
	return nil
}
