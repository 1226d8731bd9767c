package drive

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/parley-desk/parley/pkg/bus"
	"github.com/parley-desk/parley/pkg/directory"
	"github.com/parley-desk/parley/pkg/fault"
	"github.com/parley-desk/parley/pkg/graph"
	"github.com/parley-desk/parley/pkg/telemetry/key"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
	"github.com/parley-desk/parley/proto/subject"
	"github.com/parley-desk/parley/services/outbound/internal/attempt"
)

const (
	// faceRest is how long an agent's messages go without a name that Meta did not
	// take in time.
	faceRest = time.Minute
	// faceGrudge is the same for one that Meta refused.
	faceGrudge = time.Hour
	// amending is how long what is known of a name is offered to the bucket.
	amending = 5 * time.Second
)

// face is how customers of a page see one agent. Under an id Meta has it, without
// one the message goes in the name of the page alone.
type face struct {
	Name    string   `json:"name"`
	Picture string   `json:"picture,omitempty"`
	ID      string   `json:"id"`
	AtMS    int64    `json:"at_ms,omitempty"`   // when it was made
	Old     []string `json:"old,omitempty"`     // ids that Meta has still to forget
	Refused bool     `json:"refused,omitempty"` // Meta did not take the last id
	key     string   // in the bucket
}

// is tells whether Meta has f for what is to be shown now.
func (f face) is(p directory.Persona) bool {
	return f.ID != "" && f.Name == p.Name && f.Picture == p.Picture
}

// end has Meta forget the id of f, when there is time.
func (f *face) end() {
	if f.ID != "" {
		f.Old, f.ID = append(f.Old, f.ID), ""
	}
}

// faces knows under which ids Meta has the names of agents. Nothing of a message
// depends on it: what is not known soon enough is left out.
type faces struct {
	*Driver
	asked *prometheus.CounterVec

	mu    sync.Mutex
	known map[string]face
	rests map[string]time.Time // until when nobody asks
	turns map[string]chan struct{}
	ends  chan struct{} // has room for the one who has Meta forget
}

func newFaces(d *Driver) *faces {
	return &faces{Driver: d, known: map[string]face{}, rests: map[string]time.Time{}, turns: map[string]chan struct{}{}, ends: make(chan struct{}, 1),
		asked: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "parley_outbound_personas_total",
			Help: "Names of agents that Meta was asked to show, by what became of it: created, failed (messages go without for a minute), refused (for an hour).",
		}, []string{"result"})}
}

// face is as what a message goes: what nobody wrote has none, nor has a utility
// template, whose words are the page's.
func (w *worker) face(ctx context.Context, r *threadv1.SendRequested, pass Pass) face {
	if !r.GetHuman() || r.GetAutomated() != nil || r.GetTemplate().GetUtility() != nil {
		return face{}
	}
	shown := w.Pages.shown(w.thread.Page, r.GetAgent())
	if shown.Name == "" {
		return face{}
	}
	ctx, cancel := context.WithTimeout(ctx, w.Face)
	defer cancel()
	return w.faces.find(ctx, pass.Page, subject.PersonaKey(w.thread.Page, r.GetAgent()), shown)
}

// find gives the face under a key, and has Meta make it where it is not there or
// shows something else. One at a time looks for it.
func (s *faces) find(ctx context.Context, page graph.Page, at string, shown directory.Persona) face {
	for {
		s.mu.Lock()
		f, turn := s.known[at], s.turns[at]
		switch {
		case f.is(shown):
			s.mu.Unlock()
			return f
		case s.Now().Before(s.rests[at]):
			s.mu.Unlock()
			return face{}
		case turn == nil:
			turn = make(chan struct{})
			s.turns[at] = turn
			s.mu.Unlock()
			f, err := s.ask(ctx, page, at, shown)
			s.learn(ctx, at, f, err)
			close(turn)
			return f
		}
		s.mu.Unlock()
		select {
		case <-turn:
		case <-ctx.Done():
			return face{}
		}
	}
}

// learn ends a turn.
func (s *faces) learn(ctx context.Context, at string, f face, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.turns, at)
	if err == nil {
		s.known[at] = f
		return
	}
	s.rests[at] = s.Now().Add(faceRest)
	s.asked.WithLabelValues("failed").Inc()
	s.Log.WarnContext(ctx, "the name of an agent is not shown for a while", key.Kind, fault.KindOf(err).String(), key.Err, err)
}

// ask looks a face up, and makes it where there is none. Of two processes that
// make it at once, the second takes what the first wrote down, and has its own
// taken away. One that cannot be written down is taken away too: nobody would
// know of it.
func (s *faces) ask(ctx context.Context, page graph.Page, at string, shown directory.Persona) (face, error) {
	before, _, err := s.read(ctx, at)
	if err != nil || before.is(shown) {
		return before, err
	}
	id, err := s.Meta.CreatePersona(ctx, page, shown.Name, shown.Picture)
	if err != nil {
		return face{}, err
	}
	s.asked.WithLabelValues("created").Inc()
	made := face{Name: shown.Name, Picture: shown.Picture, ID: id, AtMS: s.Now().UnixMilli()}
	now, err := s.amend(context.WithoutCancel(ctx), at, func(f *face) bool {
		if f.is(shown) {
			f.Old = append(f.Old, id)
			return true
		}
		f.end()
		made.Old = f.Old
		*f = made
		return true
	})
	if err != nil {
		s.running.Go(func() { s.drop(context.WithoutCancel(ctx), page, id) })
		return face{}, err
	}
	if len(now.Old) > 0 {
		s.running.Go(func() { _ = s.forget(context.WithoutCancel(ctx), page, at) }) // else the sweep does
	}
	return now, nil
}

func (s *faces) read(ctx context.Context, at string) (face, uint64, error) {
	e, err := s.Names.Get(ctx, at)
	if fault.Is(err, fault.NotFound) {
		return face{key: at}, e.Revision, nil
	}
	var f face
	if err == nil && json.Unmarshal(e.Value, &f) != nil {
		f = face{} // made anew
	}
	f.key = at
	return f, e.Revision, err
}

// amend changes what is written down of a face, however many do so at once, and
// gives what it is now. What says nothing is taken away; change tells whether it
// changed anything.
func (s *faces) amend(ctx context.Context, at string, change func(*face) bool) (face, error) {
	ctx, cancel := context.WithTimeout(ctx, amending)
	defer cancel()
	for {
		f, revision, err := s.read(ctx, at)
		if err != nil {
			return face{}, err
		}
		changed := change(&f)
		f.key = at
		after, err := json.Marshal(f)
		if err != nil || !changed {
			return f, err
		}
		if f.ID == "" && len(f.Old) == 0 && !f.Refused {
			after = nil
		}
		err = s.Names.Write(ctx, bus.Write{Key: at, Value: after, Revision: revision})
		if !fault.Is(err, fault.Conflict) {
			return f, err
		}
	}
}

// drop has Meta forget an id. That it does not know it is as good.
func (s *faces) drop(ctx context.Context, page graph.Page, id string) error {
	err := s.Meta.DeletePersona(ctx, page, id)
	if fault.Is(err, fault.NotFound) || fault.Is(err, fault.Precondition) {
		return nil
	}
	if err != nil {
		s.Log.InfoContext(ctx, "a name of an agent that is not shown any more stays with Meta for now", slog.Any(key.Err, err))
	}
	return err
}

// forget has Meta forget the old ids of a face. One at a time does so: the sweep and
// whoever made another name would both ask for the same ones.
func (s *faces) forget(ctx context.Context, page graph.Page, at string) error {
	select {
	case s.ends <- struct{}{}:
		defer func() { <-s.ends }()
	case <-ctx.Done():
		return ctx.Err()
	}
	f, _, err := s.read(ctx, at)
	var gone []string
	for _, id := range f.Old {
		if one := s.drop(ctx, page, id); one != nil {
			err = one
			continue
		}
		gone = append(gone, id)
	}
	if len(gone) == 0 {
		return err
	}
	_, amended := s.amend(ctx, at, func(f *face) bool {
		f.Old = slices.DeleteFunc(f.Old, func(id string) bool { return slices.Contains(gone, id) })
		f.Refused = false // the next message asks anew
		return true
	})
	return errors.Join(err, amended)
}

// judge makes of a message that Meta refused one that is to be made again, when
// it may have been for the name: it goes without, and so does what follows. Only
// a definite refusal is judged.
func (s *faces) judge(ctx context.Context, f face, out *graph.Outcome) {
	refused := out.Class == graph.Refused && out.Reason == graph.ReasonInvalidRequest || out.Class == graph.Parked && out.Reason == graph.ReasonPermissionMissing
	if f.ID == "" || !refused {
		return
	}
	out.Class, out.Reason = graph.Later, attempt.ReasonPersona
	own := true // false where another has been made meanwhile, or this one was taken away
	// Where this fails, the id is found and refused again in an hour.
	_, _ = s.amend(ctx, f.key, func(now *face) bool {
		own = now.Refused || now.ID == f.ID
		if now.ID != f.ID {
			return false
		}
		now.end()
		now.Refused = true
		return true
	})
	s.mu.Lock()
	if s.known[f.key].ID == f.ID {
		delete(s.known, f.key)
	}
	if own {
		s.rests[f.key] = s.Now().Add(faceGrudge)
	}
	s.mu.Unlock()
	if own {
		s.asked.WithLabelValues("refused").Inc()
	}
}
