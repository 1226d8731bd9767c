package api_test

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"connectrpc.com/connect"
	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/trace/noop"
	"google.golang.org/protobuf/proto"

	"github.com/parley-desk/parley/pkg/audit"
	"github.com/parley-desk/parley/pkg/bus"
	"github.com/parley-desk/parley/pkg/directory"
	"github.com/parley-desk/parley/pkg/fault"
	"github.com/parley-desk/parley/pkg/secret"
	"github.com/parley-desk/parley/pkg/session"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
	deskv1 "github.com/parley-desk/parley/proto/gen/parley/desk/v1"
	"github.com/parley-desk/parley/proto/gen/parley/desk/v1/deskv1connect"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
	"github.com/parley-desk/parley/proto/subject"
	"github.com/parley-desk/parley/services/desk/internal/api"
	"github.com/parley-desk/parley/services/desk/internal/board"
	"github.com/parley-desk/parley/services/desk/internal/door"
	"github.com/parley-desk/parley/services/desk/internal/feed"
	"github.com/parley-desk/parley/services/desk/internal/transcript"
)

// bucket is a bus.Bucket in memory that can be out of reach.
type bucket struct {
	mu       sync.Mutex
	away     bool
	entries  map[string]bus.Entry
	watchers []chan bus.Entry
	revision uint64
}

func (b *bucket) Get(_ context.Context, key string) (bus.Entry, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	e, ok := b.entries[key]
	switch {
	case b.away:
		return e, fault.New(fault.Unavailable, "BROKER_AWAY", "the broker is away")
	case !ok:
		return e, fault.New(fault.NotFound, "", "no entry")
	}
	return e, nil
}

func (b *bucket) Write(_ context.Context, writes ...bus.Write) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.entries == nil {
		b.entries = map[string]bus.Entry{}
	}
	for _, w := range writes {
		b.revision++
		e := bus.Entry{Key: w.Key, Value: w.Value, Revision: b.revision}
		if b.entries[w.Key] = e; w.Value == nil {
			delete(b.entries, w.Key)
		}
		for _, c := range b.watchers {
			c <- e
		}
	}
	return nil
}

func (b *bucket) Watch(ctx context.Context, ready func(), handle func(bus.Entry)) error {
	entries := make(chan bus.Entry, 64)
	b.mu.Lock()
	b.watchers = append(b.watchers, entries)
	there := slices.Collect(maps.Values(b.entries))
	b.mu.Unlock()
	for _, e := range there {
		handle(e)
	}
	ready()
	for {
		select {
		case <-ctx.Done():
			return nil
		case e := <-entries:
			handle(e)
		}
	}
}

func (b *bucket) lose(away bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.away = away
}

// alone is a bus on which nobody serves: agents are announced to nobody.
type alone struct{ api.Bus }

func (alone) Call(context.Context, string, proto.Message, proto.Message) error {
	return fault.New(fault.Unavailable, "NOBODY_SERVES", "no process serves it")
}

// book is an audit in memory.
type book struct {
	mu      sync.Mutex
	entries []bus.AuditEntry
}

func (b *book) AuditEnd(context.Context) (uint64, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return uint64(len(b.entries)), nil
}

func (b *book) AuditAt(_ context.Context, number uint64) (bus.AuditEntry, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if number == 0 || number > uint64(len(b.entries)) {
		return bus.AuditEntry{}, fault.New(fault.NotFound, "", "no such record")
	}
	return b.entries[number-1], nil
}

func (b *book) AuditEntries(_ context.Context, number uint64, most int) ([]bus.AuditEntry, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	rest := b.entries[min(int(number)-1, len(b.entries)):]
	return slices.Clone(rest[:min(most, len(rest))]), nil
}

func (b *book) AppendAudit(_ context.Context, e bus.AuditEntry) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if e.Number != uint64(len(b.entries))+1 {
		return fault.New(fault.Conflict, "", "another record stands there")
	}
	b.entries = append(b.entries, e)
	return nil
}

// line is a listener and what dials it: connections without a network, which
// do not buffer a byte.
type line chan net.Conn

func (l line) Accept() (net.Conn, error) {
	c, ok := <-l
	if !ok {
		return nil, net.ErrClosed
	}
	return c, nil
}

func (l line) Close() error   { return nil }
func (l line) Addr() net.Addr { return &net.UnixAddr{Name: "line"} }

func (l line) dial(context.Context, string, string) (net.Conn, error) {
	here, there := net.Pipe()
	l <- there
	return here, nil
}

// lifetime is how long sessions of an office live.
var lifetime = session.Limits{Idle: 30 * time.Minute, Absolute: 2 * time.Hour}

// office is a desk's API on a line, in a bubble of time.
type office struct {
	t        *testing.T
	line     line
	hub      *feed.Hub
	sessions *session.Store
	stored   *bucket // sessions
	config   *bucket
	book     *book
	audit    *audit.Log
	stopping chan struct{}
	http     *http.Client
	revision uint64
}

// inOffice runs test in a bubble with an office whose agent is mila.
func inOffice(t *testing.T, test func(*office)) {
	synctest.Test(t, func(t *testing.T) {
		o := &office{t: t, line: make(line), stored: &bucket{}, config: &bucket{}, book: &book{}, stopping: make(chan struct{})}
		dir := directory.Follow(o.config)
		o.hire("agent")
		world := func() board.World { return board.World{Names: dir.Now()} }
		o.hub = feed.NewHub(feed.Limits{Events: 64, Streams: 3, Sessions: 10}, world, time.Now)
		box, err := secret.New()
		if err != nil {
			t.Fatal(err)
		}
		o.sessions = session.NewStore(o.stored, box, func(id string) *configv1.Agent { return dir.Now().Agents[id] }, lifetime, time.Now)
		o.audit = audit.New(o.book, box, time.Now)
		ready := make(chan struct{})
		close(ready)
		server := &api.Server{
			Log: slog.New(slog.DiscardHandler), Tracer: noop.NewTracerProvider().Tracer(""), Now: time.Now, Bus: alone{}, Directory: dir, World: world,
			Hub: o.hub, Shelf: transcript.NewShelf(nil, 1), Sessions: o.sessions, Address: func(*http.Request) string { return "" },
			Meter: api.NewMeter(prometheus.NewRegistry()), Ready: ready, Audit: o.audit,
		}
		mux := http.NewServeMux()
		server.Mount(mux, o.stopping)
		listening := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			conn := http.NewResponseController(w) // as of a server that bounds requests
			_ = conn.SetReadDeadline(time.Now().Add(10 * time.Second))
			_ = conn.SetWriteDeadline(time.Now().Add(10 * time.Second))
			mux.ServeHTTP(w, r)
		})}
		wires := &http.Transport{DialContext: o.line.dial}
		o.http = &http.Client{Transport: wires}
		ctx, cancel := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { _ = listening.Serve(o.line) })
		running.Go(func() { _ = dir.Run(ctx) })
		running.Go(func() { _ = o.sessions.Run(ctx) })
		defer func() {
			cancel()
			wires.CloseIdleConnections()
			close(o.line)
			_ = listening.Close()
			running.Wait()
		}()
		synctest.Wait()
		test(o)
	})
}

// hire gives mila these roles.
func (o *office) hire(roles ...string) {
	o.write(&configv1.Agent{Meta: &configv1.Meta{Id: "mila"}, Roles: roles})
}

func (o *office) write(a *configv1.Agent) {
	value, err := directory.Encode(a)
	if err != nil {
		o.t.Fatal(err)
	}
	_ = o.config.Write(o.t.Context(), bus.Write{Key: directory.Key(a), Value: value})
}

// signIn gives the cookie of a new session.
func (o *office) signIn() string {
	id, _, err := o.sessions.Begin(o.t.Context(), "mila")
	if err != nil {
		o.t.Fatal(err)
	}
	return (door.Cookie{}).Set(id).String()
}

// commit puts conversation n as it stands in mila's hands.
func (o *office) commit(n int, preview string) {
	o.revision++
	o.hub.Put(subject.Thread{Page: "1020", PSID: fmt.Sprint(n)}, o.revision, &threadv1.State{Page: "1020", Psid: fmt.Sprint(n), Preview: preview,
		Conversation: &threadv1.Conversation{Id: fmt.Sprint("c", n), Phase: threadv1.Phase_PHASE_ACTIVE, Agent: "mila"}}, nil)
}

// stream is an open stream and the time it was opened.
type stream struct {
	*connect.ServerStreamForClient[deskv1.Event]
	o      *office
	opened time.Time
	hangUp context.CancelFunc
}

func (o *office) open(cookie string, epoch string, seq uint64) *stream {
	ctx, cancel := context.WithCancel(o.t.Context())
	ask := connect.NewRequest(&deskv1.EventsRequest{Epoch: epoch, Seq: seq})
	ask.Header().Set("Cookie", cookie)
	s, err := deskv1connect.NewDeskServiceClient(o.http, "http://desk", connect.WithProtoJSON()).Events(ctx, ask)
	if err != nil {
		o.t.Fatal(err)
	}
	return &stream{s, o, time.Now(), cancel}
}

// next is the next event; it must come so long after the stream was opened.
func (s *stream) next(after time.Duration) *deskv1.Event {
	s.o.t.Helper()
	if !s.Receive() {
		s.o.t.Fatalf("the stream ended after %v: %v", time.Since(s.opened), s.Err())
	}
	if passed := time.Since(s.opened); passed != after {
		s.o.t.Fatalf("after %v, not %v, came %v", passed, after, s.Msg())
	}
	return s.Msg()
}

// leave hangs up and waits until the desk has noticed.
func (s *stream) leave() {
	s.hangUp()
	_ = s.Close()
	synctest.Wait()
}
