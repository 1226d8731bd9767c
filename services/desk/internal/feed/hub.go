package feed

import (
	"slices"
	"sync"
	"time"

	"github.com/parley-desk/parley/pkg/fault"
	"github.com/parley-desk/parley/pkg/thread"
	deskv1 "github.com/parley-desk/parley/proto/gen/parley/desk/v1"
	distributionv1 "github.com/parley-desk/parley/proto/gen/parley/distribution/v1"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
	"github.com/parley-desk/parley/proto/subject"
	"github.com/parley-desk/parley/services/desk/internal/board"
)

const (
	// keep is how long a feed waits for its agent to come back. For as long a
	// page may lose its connection and miss nothing.
	keep = 10 * time.Minute
	// grace is after what absence an agent counts as newly arrived; it is the
	// time for which distribution keeps a lost agent's conversations (L75).
	grace = 150 * time.Second
)

// Limits bound a hub.
type Limits struct {
	Events   int // that a feed remembers
	Streams  int // that one session may hold open
	Sessions int // with which one agent may hold streams open
}

// Hub keeps the board and a feed for every agent who is here or was lately.
// Its methods do no I/O and may be called from any goroutine.
type Hub struct {
	limits Limits
	world  func() board.World
	now    func() time.Time

	mu      sync.Mutex
	board   *board.Board
	members map[string]*member // by agent
}

type member struct {
	feed     *Feed
	streams  int
	sessions map[string]int // open streams, by session
	left     time.Time      // when the last stream closed
}

// NewHub makes a hub with an empty board.
func NewHub(limits Limits, world func() board.World, now func() time.Time) *Hub {
	return &Hub{
		limits: limits, world: world, now: now,
		board: board.New(), members: map[string]*member{},
	}
}

// Stream is one open stream of an agent. Leave it once, when it closes.
type Stream struct {
	*Feed
	Arrived bool // the agent comes newly to this process, not back from a short break
	Leave   func()
}

// Join opens a stream of an agent that continues at c; fault.Exhausted when
// the session has too many open.
func (h *Hub) Join(agent, session string, c Cursor) (*Stream, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	now := h.now()
	m := h.members[agent]
	if err := h.full(m, session); err != nil {
		return nil, err
	}
	arrived := c.Epoch == "" || m == nil || m.streams == 0 && now.Sub(m.left) > grace
	if m == nil {
		m = &member{sessions: map[string]int{}, feed: New(h.limits.Events, h.board.Views(agent, now, h.world()))}
		h.members[agent] = m
	}
	m.streams++
	m.sessions[session]++
	return &Stream{
		Feed: m.feed, Arrived: arrived && m.streams == 1,
		Leave: sync.OnceFunc(func() { h.leave(m, session) }),
	}, nil
}

func (h *Hub) leave(m *member, session string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	m.streams--
	m.left = h.now()
	if m.sessions[session]--; m.sessions[session] == 0 {
		delete(m.sessions, session)
	}
}

// full refuses a stream beyond a limit, in words that name it (L96).
func (h *Hub) full(m *member, session string) error {
	if m == nil {
		return nil
	}
	var err *fault.Error
	switch open := m.sessions[session]; {
	case open >= h.limits.Streams:
		err = fault.New(fault.Exhausted, "TOO_MANY_STREAMS",
			"this sign-in has %d streams of events open; close one", h.limits.Streams)
	case open == 0 && len(m.sessions) >= h.limits.Sessions:
		err = fault.New(fault.Exhausted, "TOO_MANY_SESSIONS",
			"the agent has the desk open with %d sign-ins, as many as may be; close it in another browser", h.limits.Sessions)
	default:
		return nil
	}
	err.RetryAfter = 5 * time.Second
	return err
}

// Watched tells whether a commit that leads to s changes a timeline that an
// agent with a feed may have read, so that the items it changes must be known
// before Put. Of a conversation that is only offered the view is enough, and
// who takes it reads its history, with the commit that gave it, after that.
func (h *Hub) Watched(t subject.Thread, s *threadv1.State) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.ContainsFunc(h.board.Readers(t), func(agent string) bool {
		return h.members[agent] != nil && thread.Reads(s.GetConversation(), agent)
	})
}

// Put takes the state of a thread after a commit, and the items the commit
// changed, and tells whom it concerns. The states of one thread come in the
// order of the log. The answer is who of those here may have another load now.
func (h *Hub) Put(t subject.Thread, revision uint64, s *threadv1.State, items []*deskv1.TimelineItem) (loads []string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	before, phase := h.board.Agent(t), h.board.Phase(t)
	viewers := h.board.Viewers(t)
	h.board.Put(t, revision, s)
	after := h.board.Agent(t)
	if before != after || phase != h.board.Phase(t) {
		for _, agent := range []string{before, after} {
			if m := h.members[agent]; m != nil && m.streams > 0 && !slices.Contains(loads, agent) {
				loads = append(loads, agent)
			}
		}
	}
	now := h.board.Viewers(t)
	for _, agent := range viewers {
		if m := h.members[agent]; m != nil && !slices.Contains(now, agent) {
			m.feed.Show(t, nil, nil)
		}
	}
	reading := h.board.Readers(t)
	for _, agent := range now {
		m := h.members[agent]
		if m == nil {
			continue
		}
		var told []*deskv1.TimelineItem
		if slices.Contains(reading, agent) {
			told = items
		}
		m.feed.Show(t, h.board.View(t, agent, h.now(), h.world()), told)
	}
	return loads
}

// Restart gives the pages of those who see t a snapshot, because what changed in
// it could not be told.
func (h *Hub) Restart(t subject.Thread) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, agent := range h.board.Viewers(t) {
		if m := h.members[agent]; m != nil {
			m.feed.Restart(h.board.Views(agent, h.now(), h.world()))
		}
	}
}

// Select gives the live conversations of the deployment that are wanted, in no
// order.
func (h *Hub) Select(wanted func(*threadv1.Conversation) bool) []board.Found {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.board.Select(wanted)
}

// Over are the conversations that an agent had and that ended since a time of the last
// day.
func (h *Hub) Over(agent string, since time.Time) []*threadv1.State {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.board.Over(agent, since)
}

// Stand tells an agent's presence and load.
func (h *Hub) Stand(s *distributionv1.AgentStanding) {
	h.mu.Lock()
	m := h.members[s.GetAgent()]
	h.mu.Unlock()
	if m != nil {
		m.feed.Stand(s)
	}
}

// Queues are the queues in which somebody waits, by id.
func (h *Hub) Queues() map[string]board.Queue {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.board.Queues()
}

// Lapsed are the threads with an invitation that is over.
func (h *Hub) Lapsed() []subject.Thread {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.board.Lapsed(h.now())
}

// Tally tells an agent how full the agent's queues are.
func (h *Hub) Tally(agent string, q *deskv1.Queues) {
	h.mu.Lock()
	m := h.members[agent]
	h.mu.Unlock()
	if m != nil {
		m.feed.Count(q)
	}
}

// Standing is presence and load of an agent as last told; nil before.
func (h *Hub) Standing(agent string) *distributionv1.AgentStanding {
	h.mu.Lock()
	m := h.members[agent]
	h.mu.Unlock()
	if m == nil {
		return nil
	}
	return m.feed.Standing()
}

// Refresh shows everybody's conversations by the clock and the names of now,
// and drops the feeds of agents who did not come back.
func (h *Hub) Refresh() {
	h.mu.Lock()
	defer h.mu.Unlock()
	now, world := h.now(), h.world()
	for agent, m := range h.members {
		if m.streams == 0 && now.Sub(m.left) > keep {
			delete(h.members, agent)
			continue
		}
		m.feed.Refresh(h.board.Views(agent, now, world))
	}
}

// Conversations gives the conversations of an agent as they stand.
func (h *Hub) Conversations(agent string) []*deskv1.ConversationView {
	h.mu.Lock()
	defer h.mu.Unlock()
	return inOrder(h.board.Views(agent, h.now(), h.world()))
}

// Present gives the agents who have a stream open.
func (h *Hub) Present() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	var agents []string
	for agent, m := range h.members {
		if m.streams > 0 {
			agents = append(agents, agent)
		}
	}
	return agents
}

// Count tells how many live conversations, feeds and open streams there are.
func (h *Hub) Count() (conversations, feeds, streams int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, m := range h.members {
		streams += m.streams
	}
	return h.board.Live(), len(h.members), streams
}
