package drive

import (
	"context"
	"encoding/json"
	"log/slog"
	"sync"
	"time"
	"unicode/utf8"

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
)

// face is how customers of a page see one agent. Under an id Meta has it, without
// one the message goes in the name of the page alone.
type face struct {
	Name    string `json:"name"`
	Picture string `json:"picture,omitempty"`
	ID      string `json:"id"`
	key     string // in the bucket
}

// is tells whether Meta has f for what is to be shown now.
func (f face) is(p directory.Persona) bool {
	return f.ID != "" && f.Name == p.Name && f.Picture == p.Picture
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
}

func newFaces(d *Driver) *faces {
	return &faces{Driver: d, known: map[string]face{}, rests: map[string]time.Time{}, turns: map[string]chan struct{}{},
		asked: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "parley_outbound_personas_total",
			Help: "Names of agents that Meta was asked to show, by what became of it: created, failed (messages go without for a minute), refused (for an hour).",
		}, []string{"result"})}
}

// face is as what a message goes: what nobody wrote has none.
func (w *worker) face(ctx context.Context, r *threadv1.SendRequested, pass Pass) face {
	if !r.GetHuman() || r.GetAutomated() != nil {
		return face{}
	}
	world := w.Pages.Directory.Now()
	shown := world.Persona(world.PagesByMeta[w.thread.Page], r.GetAgent())
	if shown.Name == "" {
		return face{}
	}
	if utf8.RuneCountInString(shown.Name) > graph.PersonaName {
		shown.Name = string([]rune(shown.Name)[:graph.PersonaName])
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
// taken away.
func (s *faces) ask(ctx context.Context, page graph.Page, at string, shown directory.Persona) (face, error) {
	before, revision, err := s.read(ctx, at)
	if err != nil || before.is(shown) {
		return before, err
	}
	f := face{Name: shown.Name, Picture: shown.Picture, key: at}
	if f.ID, err = s.Meta.CreatePersona(ctx, page, f.Name, f.Picture); err != nil {
		return face{}, err
	}
	s.asked.WithLabelValues("created").Inc()
	value, err := json.Marshal(f)
	if err == nil {
		err = s.Names.Write(ctx, bus.Write{Key: at, Value: value, Revision: revision})
	}
	switch {
	case err == nil && before.ID != "":
		s.drop(ctx, page, before.ID)
	case fault.Is(err, fault.Conflict):
		if first, _, lost := s.read(ctx, at); lost == nil && first.is(shown) {
			s.drop(ctx, page, f.ID)
			return first, nil
		}
		_ = s.Names.Write(ctx, bus.Write{Key: at, Value: value, Revision: bus.AnyRevision}) // over one that was taken away
	}
	return f, nil // what is not written down is made once more by the next process
}

func (s *faces) read(ctx context.Context, at string) (face, uint64, error) {
	e, err := s.Names.Get(ctx, at)
	if fault.Is(err, fault.NotFound) {
		return face{}, e.Revision, nil
	}
	var f face
	if err == nil && json.Unmarshal(e.Value, &f) != nil {
		f = face{} // made anew
	}
	f.key = at
	return f, e.Revision, err
}

// drop has Meta forget a face, when there is time. What is left there shows
// nothing to anybody.
func (s *faces) drop(ctx context.Context, page graph.Page, id string) {
	s.running.Go(func() {
		if err := s.Meta.DeletePersona(context.WithoutCancel(ctx), page, id); err != nil {
			s.Log.InfoContext(ctx, "a name of an agent that is not shown any more stays with Meta", slog.Any(key.Err, err))
		}
	})
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
	now, revision, err := s.read(ctx, f.key)
	other := err == nil && now.ID != "" && now.ID != f.ID // another process has made another meanwhile
	s.mu.Lock()
	if s.known[f.key] == f {
		delete(s.known, f.key)
	}
	if !other {
		s.rests[f.key] = s.Now().Add(faceGrudge)
	}
	s.mu.Unlock()
	if other {
		return
	}
	s.asked.WithLabelValues("refused").Inc()
	// Where that fails, the id is found and refused again in an hour.
	_ = s.Names.Write(ctx, bus.Write{Key: f.key, Revision: revision})
}
