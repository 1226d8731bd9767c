// Package api is the desk API: it lets agents in, streams to them what they
// must know and takes their commands to the threads. It decides nothing about
// threads itself; that is pkg/thread's.
package api

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"connectrpc.com/connect"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/protobuf/proto"

	"github.com/parley-desk/parley/pkg/audit"
	"github.com/parley-desk/parley/pkg/budget"
	"github.com/parley-desk/parley/pkg/bus"
	"github.com/parley-desk/parley/pkg/contact"
	"github.com/parley-desk/parley/pkg/directory"
	"github.com/parley-desk/parley/pkg/fault"
	"github.com/parley-desk/parley/pkg/files"
	"github.com/parley-desk/parley/pkg/mask"
	"github.com/parley-desk/parley/pkg/rights"
	"github.com/parley-desk/parley/pkg/rules"
	"github.com/parley-desk/parley/pkg/secret"
	"github.com/parley-desk/parley/pkg/session"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
	deskv1 "github.com/parley-desk/parley/proto/gen/parley/desk/v1"
	"github.com/parley-desk/parley/proto/gen/parley/desk/v1/deskv1connect"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
	"github.com/parley-desk/parley/proto/subject"
	"github.com/parley-desk/parley/services/desk/internal/board"
	"github.com/parley-desk/parley/services/desk/internal/device"
	"github.com/parley-desk/parley/services/desk/internal/door"
	"github.com/parley-desk/parley/services/desk/internal/feed"
	"github.com/parley-desk/parley/services/desk/internal/kin"
	"github.com/parley-desk/parley/services/desk/internal/reply"
	"github.com/parley-desk/parley/services/desk/internal/timeline"
	"github.com/parley-desk/parley/services/desk/internal/transcript"
	"github.com/parley-desk/parley/services/desk/internal/upload"
)

const (
	// maxBody bounds a request: the longest text, every character escaped.
	maxBody = 512 << 10
	// packet is about what one packet of the network holds. Pressing less
	// together saves nobody anything.
	packet = 1 << 10
	// patience is how long a command may take in all.
	patience = 10 * time.Second
	// errandPatience is how long what the control plane is asked may take: it may
	// ask Meta several things one after another.
	errandPatience = 25 * time.Second
)

// Bus is the part of bus.Bus that the API needs.
type Bus interface {
	Load(ctx context.Context, t subject.Thread) (*threadv1.State, uint64, error)
	At(ctx context.Context, t subject.Thread, revision uint64) (bus.Record, error)
	Update(ctx context.Context, t subject.Thread, decide func(*threadv1.State, uint64) ([]*threadv1.Fact, error)) (*threadv1.State, uint64, error)
	Call(ctx context.Context, method string, request, response proto.Message) error
}

// Server answers the desk API. All fields are needed.
type Server struct {
	Log        *slog.Logger
	Tracer     trace.Tracer
	Now        func() time.Time
	Bus        Bus
	Directory  *directory.Directory
	World      func() board.World
	Hub        *feed.Hub
	Shelf      *transcript.Shelf
	Sessions   *session.Store
	Door       *door.Door
	Devices    *device.Waiting
	Origin     string // by which browsers reach the desk; empty: as they say
	Cookie     door.Cookie
	Local      bool                       // whether agents may sign in by password
	Federated  *Federated                 // sign-in by the accounts of the company; nil: none
	Address    func(*http.Request) string // of the caller, for throttling
	Rate       *budget.Throttle           // of requests of a session; nil: no bound
	Meter      *Meter
	Files      files.Store
	Uploads    *upload.Store
	Looking    time.Duration // how long a scanner may look at a file
	Signer     Signer        // of the addresses of files
	Replies    *reply.Store
	Invitation time.Duration   // how long who is asked into a conversation has to answer
	Ready      <-chan struct{} // closed when the board is complete
	Contacts   *contact.Finder
	Kin        *kin.Index
	Lately     *Lately
	Audit      *audit.Log

	settled  settled
	seen     seen
	refusals damper
	rules    rules.Book
	masks    mask.Book
}

// Mount adds the API to mux. Streams end when stopping is closed.
func (s *Server) Mount(mux *http.ServeMux, stopping <-chan struct{}) {
	options := connect.WithHandlerOptions(
		codecs(),
		connect.WithReadMaxBytes(maxBody),
		connect.WithCompressMinBytes(packet),
		connect.WithInterceptors(observer{s}, guard{s}),
	)
	for _, handlers := range []map[string]http.Handler{s.handlers(stopping, options), s.errands(options)} {
		for path, handler := range handlers {
			mux.Handle(path, s.carry(handler))
		}
	}
	s.mountFederated(mux)
	s.mountDevices(mux)
	s.mountFiles(mux)
	s.mountUploads(mux)
}

func (s *Server) handlers(stopping <-chan struct{}, o connect.HandlerOption) map[string]http.Handler {
	desk, deskHandler := deskv1connect.NewDeskServiceHandler(deskService{s, stopping}, o)
	sessions, sessionHandler := deskv1connect.NewSessionServiceHandler(sessionService{s}, o)
	contacts, contactHandler := deskv1connect.NewContactServiceHandler(contactService{s}, o)
	replies, replyHandler := deskv1connect.NewReplyServiceHandler(replyService{s}, o)
	devices, deviceHandler := deskv1connect.NewDeviceServiceHandler(deviceService{s}, o)
	return map[string]http.Handler{devices: deviceHandler, desk: deskHandler, sessions: sessionHandler, contacts: contactHandler, replies: replyHandler}
}

// caller is what a handler knows of the request beyond its message.
type caller struct {
	address string
	conn    *http.ResponseController
	session session.Session // of the signed-in agent; zero in SignIn
	fresh   secret.Text     // ticket that replaces the one that came; empty: none does
	agent   *configv1.Agent
	need    rights.Permission // of what is called for
}

type callerKey struct{}

func callerOf(ctx context.Context) *caller {
	c, _ := ctx.Value(callerKey{}).(*caller)
	return c
}

// carry hands the caller to the handlers.
func (s *Server) carry(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Accel-Buffering", "no") // a proxy must not hold events back
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		c := &caller{address: s.Address(r), conn: http.NewResponseController(w)}
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), callerKey{}, c)))
	})
}

func threadOf(ref *deskv1.ConversationRef) subject.Thread {
	return subject.Thread{Page: ref.GetPage(), PSID: ref.GetPsid()}
}

// errForeign is the answer for what is not there and for what is not the
// agent's: nobody learns which (SK5).
func errForeign() error {
	return fault.New(fault.NotFound, "NO_SUCH_CONVERSATION", "you have no such conversation")
}

// current tells whether the conversation of ref is the one of the thread now.
func current(s *threadv1.State, ref *deskv1.ConversationRef) bool {
	id := s.GetConversation().GetId()
	return id != "" && id == ref.GetConversation()
}

// load reads the thread of a conversation to which the caller may do what is called
// for. With over, also when it is closed and the caller had it last: so that a
// command whose answer was lost can be repeated.
func (s *Server) load(ctx context.Context, ref *deskv1.ConversationRef, over bool) (*threadv1.State, uint64, error) {
	state, revision, err := s.Bus.Load(ctx, threadOf(ref))
	if err != nil {
		return nil, 0, fault.Wrap(err, "reading the conversation")
	}
	if !current(state, ref) || !s.may(ctx, state, over) {
		return nil, 0, errForeign()
	}
	return state, revision, nil
}

// decide is a command of pkg/thread with its arguments filled in, but for the
// state and its revision.
type decide func(*threadv1.State, uint64) ([]*threadv1.Fact, error)

// act gives a command to the thread of a conversation to which the caller may do
// it, and the state that it leads to.
func (s *Server) act(ctx context.Context, ref *deskv1.ConversationRef, command decide) (*threadv1.State, uint64, error) {
	return s.Bus.Update(ctx, threadOf(ref), func(state *threadv1.State, revision uint64) ([]*threadv1.Fact, error) {
		if !current(state, ref) || !s.may(ctx, state, true) {
			return nil, errForeign()
		}
		return command(state, revision)
	})
}

// show is the conversation of a state for agent.
func (s *Server) show(state *threadv1.State, revision uint64, agent string) *deskv1.ConversationView {
	return board.View(state, revision, agent, s.Now(), s.World())
}

// item finds one item of a thread's timeline at revision or later.
func (s *Server) item(ctx context.Context, ref *deskv1.ConversationRef, revision uint64,
	find func(*timeline.Timeline) *deskv1.TimelineItem) (*deskv1.TimelineItem, error) {
	var item *deskv1.TimelineItem
	err := s.Shelf.Read(ctx, threadOf(ref), revision, func(t *timeline.Timeline) { item = find(t) })
	if err != nil {
		return nil, err
	}
	if item == nil {
		return nil, fault.New(fault.NotFound, "NO_SUCH_ITEM", "the conversation has no such message")
	}
	return board.Named([]*deskv1.TimelineItem{item}, s.Directory.Now())[0], nil
}
