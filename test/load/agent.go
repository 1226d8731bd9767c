package load

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"connectrpc.com/connect"

	deskv1 "github.com/parley-desk/parley/proto/gen/parley/desk/v1"
	"github.com/parley-desk/parley/proto/gen/parley/desk/v1/deskv1connect"
	distributionv1 "github.com/parley-desk/parley/proto/gen/parley/distribution/v1"
	"github.com/parley-desk/parley/services/sandbox"
	"github.com/parley-desk/parley/test/check"
)

// Agent works at a desk: accepts what it is offered and answers each message
// of a customer once. It comes back after every break, and never needs to know
// whether a command it lost sight of was obeyed: it repeats it.
type Agent struct {
	Desk     string // base URL
	Name     string // agent id
	Password string
	End      bool // end and close a conversation when all is answered

	accepted, answered, closed, repeated, givenUp, breaks atomic.Int64

	mu    sync.Mutex
	chats map[string]*chat // by conversation id
	gone  map[string]bool  // conversations it closed: a view on the way does not bring them back
	kept  []check.Reply    // what the desk acknowledged
}

// Acknowledged are the replies that the desk said are stored. A reply that was
// asked for again is there again.
func (a *Agent) Acknowledged() []check.Reply {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.kept)
}

// Tally is what an agent did.
type Tally struct {
	Accepted, Answered, Closed int64
	Repeated, GivenUp          int64 // answers that failed or were not confirmed
	Breaks                     int64 // times the stream ended
}

// Tally tells what the agent did until now.
func (a *Agent) Tally() Tally {
	return Tally{a.accepted.Load(), a.answered.Load(), a.closed.Load(), a.repeated.Load(), a.givenUp.Load(), a.breaks.Load()}
}

// Run works until ctx ends and returns nil then; a wrong password is an error.
func (a *Agent) Run(ctx context.Context) error {
	session := &http.Client{Transport: &cookies{next: &http.Transport{ForceAttemptHTTP2: true, MaxIdleConnsPerHost: 16}}}
	s := &shift{
		agent: a, door: deskv1connect.NewSessionServiceClient(session, a.Desk),
		desk: deskv1connect.NewDeskServiceClient(session, a.Desk),
	}
	pause := firstPause
	for ctx.Err() == nil {
		began := time.Now()
		if err := s.work(ctx); errors.Is(err, errRefused) {
			return err
		}
		if time.Since(began) > 5*time.Second {
			pause = firstPause
		}
		a.breaks.Add(1)
		rest(ctx, pause)
		pause = min(2*pause, 2*time.Second)
	}
	s.commands.Wait()
	return nil
}

const (
	firstPause = 100 * time.Millisecond
	patience   = 10 * time.Second // for one command
	silence    = 45 * time.Second // three heartbeats
)

func rest(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// shift is an agent with an open desk.
type shift struct {
	agent    *Agent
	door     deskv1connect.SessionServiceClient
	desk     deskv1connect.DeskServiceClient
	commands sync.WaitGroup
	epoch    string
	seq      uint64
}

// work signs in and follows the stream until it breaks.
func (s *shift) work(ctx context.Context) error {
	if err := s.signIn(ctx); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := s.desk.Events(ctx, connect.NewRequest(&deskv1.EventsRequest{Epoch: s.epoch, Seq: s.seq}))
	if err != nil {
		return err
	}
	defer stream.Close() //nolint:errcheck // it is broken or cancelled
	quiet := time.AfterFunc(silence, cancel)
	defer quiet.Stop()
	if err := s.available(ctx); err != nil {
		return err
	}
	for stream.Receive() {
		quiet.Reset(silence)
		if err := s.take(ctx, stream.Msg()); err != nil {
			return err
		}
	}
	return stream.Err()
}

func (s *shift) signIn(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if _, err := s.door.WhoAmI(ctx, connect.NewRequest(&deskv1.WhoAmIRequest{})); err == nil {
		return nil
	}
	_, err := s.door.SignIn(ctx, connect.NewRequest(&deskv1.SignInRequest{Agent: s.agent.Name, Password: s.agent.Password}))
	if code := connect.CodeOf(err); code == connect.CodeUnauthenticated || code == connect.CodePermissionDenied {
		return fmt.Errorf("%w %s: %w", errRefused, s.agent.Name, err)
	}
	return err
}

var errRefused = errors.New("the desk does not let in")

func (s *shift) available(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	_, err := s.desk.SetPresence(ctx, connect.NewRequest(&deskv1.SetPresenceRequest{
		Presence: distributionv1.Presence_PRESENCE_AVAILABLE}))
	return err
}

var errSessionEnded = errors.New("the session ended")

// take keeps what an event says and does what follows from it.
func (s *shift) take(ctx context.Context, e *deskv1.Event) error {
	if e.GetSeq() > 0 {
		s.epoch, s.seq = e.GetEpoch(), e.GetSeq()
	}
	switch k := e.GetKind().(type) {
	case *deskv1.Event_Snapshot:
		s.agent.reset(k.Snapshot.GetConversations())
		for _, v := range k.Snapshot.GetConversations() {
			s.advance(ctx, v.GetRef().GetConversation())
		}
	case *deskv1.Event_Conversation:
		s.agent.keep(k.Conversation)
		s.advance(ctx, k.Conversation.GetRef().GetConversation())
	case *deskv1.Event_Removed:
		s.agent.forget(k.Removed.GetConversation())
	case *deskv1.Event_Timeline:
		id := k.Timeline.GetRef().GetConversation()
		s.agent.note(id, k.Timeline.GetItem())
		s.advance(ctx, id)
	case *deskv1.Event_Standing:
		if k.Standing.GetPresence() == distributionv1.Presence_PRESENCE_INACTIVE {
			return s.available(ctx)
		}
	case *deskv1.Event_SessionEnded:
		return errSessionEnded
	}
	return nil
}

// reset forgets everything but what the snapshot shows. A command on the way
// keeps its conversation busy.
func (a *Agent) reset(views []*deskv1.ConversationView) {
	a.mu.Lock()
	defer a.mu.Unlock()
	before := a.chats
	a.chats = map[string]*chat{}
	for _, v := range views {
		if a.gone[v.GetRef().GetConversation()] {
			continue
		}
		c := &chat{view: v, items: map[string]*deskv1.TimelineItem{}}
		if old := before[v.GetRef().GetConversation()]; old != nil {
			c.busy = old.busy
		}
		a.chats[v.GetRef().GetConversation()] = c
	}
}

func (a *Agent) keep(v *deskv1.ConversationView) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.chats == nil {
		a.chats = map[string]*chat{}
	}
	id := v.GetRef().GetConversation()
	if a.gone[id] {
		return
	}
	c := a.chats[id]
	if c == nil {
		c = &chat{items: map[string]*deskv1.TimelineItem{}}
		a.chats[id] = c
	}
	if c.view == nil || c.view.GetRevision() <= v.GetRevision() {
		c.view = v
	}
	if c.over() {
		delete(a.chats, id)
	}
}

// keepReply notes a reply that the desk acknowledged.
func (a *Agent) keepReply(ref *deskv1.ConversationRef, client, text string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.kept = append(a.kept, check.Reply{Thread: sandbox.Thread{Page: ref.GetPage(), PSID: ref.GetPsid()}, ClientID: client, Text: text})
}

func (a *Agent) forget(id string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.chats, id)
}

// leave forgets a conversation for good, and says whether that is new.
func (a *Agent) leave(id string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.gone == nil {
		a.gone = map[string]bool{}
	}
	before := a.gone[id]
	a.gone[id] = true
	delete(a.chats, id)
	return !before
}

func (a *Agent) note(id string, items ...*deskv1.TimelineItem) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if c := a.chats[id]; c != nil {
		for _, it := range items {
			if it.GetChangedRevision() >= c.items[it.GetId()].GetChangedRevision() {
				c.items[it.GetId()] = it
			}
		}
	}
}
