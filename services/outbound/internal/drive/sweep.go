package drive

import (
	"cmp"
	"context"
	"encoding/json"
	"log/slog"
	"time"
	"unicode/utf8"

	"github.com/parley-desk/parley/pkg/bus"
	"github.com/parley-desk/parley/pkg/directory"
	"github.com/parley-desk/parley/pkg/graph"
	"github.com/parley-desk/parley/pkg/telemetry/key"
	"github.com/parley-desk/parley/proto/subject"
)

const (
	// sweeping is how often is looked for names that nobody shows any more.
	sweeping = time.Hour
	// settled is how old a name is at least before it is looked at: the process
	// that made it may know more of the agent than this one.
	settled = time.Minute
)

// Names is the bucket of the ids under which Meta has the names of agents.
type Names interface {
	Shelf
	Watch(ctx context.Context, ready func(), handle func(bus.Entry)) error
}

// shown is how customers of a page see an agent now: with no name where they are
// to see the page alone.
func (p *Pages) shown(page, agent string) directory.Persona {
	world := p.Directory.Now()
	shown := world.Persona(world.PagesByMeta[page], agent)
	if utf8.RuneCountInString(shown.Name) > graph.PersonaName {
		shown.Name = string([]rune(shown.Name)[:graph.PersonaName])
	}
	return shown
}

// SweepNames has Meta forget, until ctx ends, the names of agents who are called
// otherwise, are not shown or are not there any more. One process does so at a
// time; that two do for a moment is harmless.
func (d *Driver) SweepNames(ctx context.Context) error {
	for ctx.Err() == nil {
		if err := d.faces.sweep(ctx); err != nil {
			return err
		}
		pause(ctx, sweeping)
	}
	return nil
}

// sweep looks at all names once. Those of a page that nobody can act for wait
// until somebody can.
func (s *faces) sweep(ctx context.Context) error {
	all, err := s.all(ctx)
	if err != nil {
		return err
	}
	for at, f := range all {
		id, agent, err := subject.ParsePersonaKey(at)
		page, usable := s.Pages.Connection(id)
		if err != nil || !usable {
			continue
		}
		shown := s.Pages.shown(id, agent)
		stale := func(f face) bool {
			return f.ID != "" && !f.is(shown) && s.Now().Sub(time.UnixMilli(f.AtMS)) >= settled
		}
		if stale(f) {
			f, err = s.amend(ctx, at, func(now *face) bool {
				old := stale(*now)
				if old {
					now.end()
				}
				return old
			})
		}
		if err == nil && len(f.Old) > 0 {
			err = s.forget(ctx, page, at)
		}
		if err != nil {
			s.Log.InfoContext(ctx, "a name of an agent is looked at again in an hour", slog.Any(key.Err, err))
		}
	}
	return nil
}

// all are the names that are written down, by their keys.
func (s *faces) all(ctx context.Context) (map[string]face, error) {
	reading, stop := context.WithCancel(ctx)
	defer stop()
	all, ready := map[string]face{}, false
	err := s.Names.Watch(reading, func() { ready = true; stop() }, func(e bus.Entry) {
		var f face
		if !ready && e.Value != nil && json.Unmarshal(e.Value, &f) == nil {
			all[e.Key] = f
		}
	})
	if !ready {
		return nil, cmp.Or(ctx.Err(), err)
	}
	return all, nil
}
