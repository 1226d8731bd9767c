package api

import (
	"context"
	"sync"
	"time"

	"connectrpc.com/connect"

	"github.com/parley-desk/parley/pkg/rights"
	"github.com/parley-desk/parley/pkg/thread"
	authv1 "github.com/parley-desk/parley/proto/gen/parley/auth/v1"
	deskv1 "github.com/parley-desk/parley/proto/gen/parley/desk/v1"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
	"github.com/parley-desk/parley/services/desk/internal/figures"
)

// closes is how soon a window is about to close.
const closes = time.Hour

// Lately is how it went in the last hour, for all who ask.
type Lately struct {
	mu     sync.Mutex
	window figures.Window
}

// Add counts a commit.
func (l *Lately) Add(now time.Time, commit *threadv1.Commit, open figures.Open) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.window.Add(now, commit, open)
}

type wanted = func(queue string) (figures.Thresholds, bool)

func (l *Lately) hour(now time.Time, of wanted) *deskv1.Figures {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.window.Hour(now, of)
}

func (l *Lately) minutes(now time.Time, of wanted) []*deskv1.Minute {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.window.Each(now, of)
}

func (l *Lately) agents(now time.Time) map[string]figures.Deeds {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.window.Agents(now)
}

// Follow counts a commit of the log, by the hours that queues have now.
func (s *Server) Follow(commit *threadv1.Commit) {
	s.Lately.Add(s.Now(), commit, s.rules.Of(s.Directory.Now()).Open)
}

// thresholds are those of one queue, or of all of a supervisor's where none is named.
func (s *Server) thresholds(who rights.Who, queue string) wanted {
	world := s.Directory.Now()
	return func(id string) (figures.Thresholds, bool) {
		q := world.Queues[id]
		return figures.Thresholds{ServiceLevel: q.GetServiceLevelSeconds(), ShortAbandon: q.GetShortAbandonSeconds()},
			(queue == "" || queue == id) && who.Beyond(authv1.Permission_PERMISSION_FLOOR_READ, rights.Object{Queues: []string{id}})
	}
}

// GetFigures tells how the queues of a supervisor went in the last hour.
func (s deskService) GetFigures(ctx context.Context, r *connect.Request[deskv1.GetFiguresRequest]) (*connect.Response[deskv1.GetFiguresResponse], error) {
	queue := r.Msg.GetQueue()
	if queue != "" {
		if err := s.mine(ctx, queue); err != nil {
			return nil, err
		}
	}
	now, of := s.Now(), s.thresholds(s.who(ctx), queue)
	response := &deskv1.GetFiguresResponse{Hour: s.Lately.hour(now, of), Minutes: s.Lately.minutes(now, of)}
	for _, f := range s.Hub.Select(func(c *threadv1.Conversation) bool { _, ok := of(c.GetQueue()); return ok }) {
		if w := thread.WindowAt(f.State, now); w.Kind != thread.Closed && w.Until.Sub(now) < closes {
			response.Closing++
		}
	}
	return connect.NewResponse(response), nil
}
