package api_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"connectrpc.com/connect"
	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/trace/noop"
	"google.golang.org/protobuf/proto"

	"github.com/parley-desk/parley/pkg/bus"
	"github.com/parley-desk/parley/pkg/directory"
	"github.com/parley-desk/parley/pkg/fault"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
	deskv1 "github.com/parley-desk/parley/proto/gen/parley/desk/v1"
	"github.com/parley-desk/parley/proto/gen/parley/desk/v1/deskv1connect"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
	"github.com/parley-desk/parley/proto/subject"
	"github.com/parley-desk/parley/services/desk/internal/api"
	"github.com/parley-desk/parley/services/desk/internal/feed"
	"github.com/parley-desk/parley/services/desk/internal/session"
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

// office is a desk's API on a line, in a bubble of time.
type office struct {
	t        *testing.T
	line     line
	hub      *feed.Hub
	sessions *session.Store
	stored   *bucket // sessions
	config   *bucket
	stopping chan struct{}
	http     *http.Client
	revision uint64
}

// inOffice runs test in a bubble with an office whose agent is mila.
func inOffice(t *testing.T, test func(*office)) {
	synctest.Test(t, func(t *testing.T) {
		o := &office{t: t, line: make(line), stored: &bucket{}, config: &bucket{}, stopping: make(chan struct{})}
		dir := directory.Follow(o.config)
		o.hire("agent")
		o.hub = feed.NewHub(feed.Limits{Events: 64, Streams: 3}, func() *directory.Snapshot { return dir.Now() }, time.Now)
		o.sessions = session.NewStore(o.stored, func(id string) *configv1.Agent { return dir.Now().Agents[id] }, time.Now)
		ready := make(chan struct{})
		close(ready)
		server := &api.Server{
			Log: slog.New(slog.DiscardHandler), Tracer: noop.NewTracerProvider().Tracer(""), Now: time.Now, Bus: alone{}, Directory: dir,
			Hub: o.hub, Shelf: transcript.NewShelf(nil, 1), Sessions: o.sessions, Address: func(*http.Request) string { return "" },
			Meter: api.NewMeter(prometheus.NewRegistry()), Ready: ready,
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
	return (session.Cookie{}).Set(id).String()
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

// TestHeartbeat: a page hears at once that it is through, then at least every
// 15 seconds, with the cursor it has; and events at once.
func TestHeartbeat(t *testing.T) {
	inOffice(t, func(o *office) {
		s := o.open(o.signIn(), "", 0)
		first := s.next(0)
		if first.GetSnapshot() == nil {
			t.Fatalf("a new page is given %v", first)
		}
		for _, after := range []time.Duration{15 * time.Second, 30 * time.Second} {
			beat := s.next(after)
			if beat.GetHeartbeat().GetNowMs() != time.Now().UnixMilli() || beat.GetEpoch() != first.GetEpoch() || beat.GetSeq() != first.GetSeq() {
				t.Errorf("after %v came %v", after, beat)
			}
		}
		time.Sleep(7 * time.Second)
		o.commit(1, "hello")
		if e := s.next(37 * time.Second); e.GetConversation().GetPreview() != "hello" {
			t.Errorf("instead of the event came %v", e)
		}
		if beat := s.next(45 * time.Second); beat.GetHeartbeat() == nil || beat.GetSeq() != first.GetSeq()+1 {
			t.Errorf("after an event came %v", beat)
		}
		s.leave()
	})
}

// TestResume: a page that comes back with its cursor is given what it missed;
// one whose cursor means nothing here, a snapshot.
func TestResume(t *testing.T) {
	inOffice(t, func(o *office) {
		cookie := o.signIn()
		s := o.open(cookie, "", 0)
		at := s.next(0)
		s.leave()
		o.commit(1, "one")
		o.commit(2, "two")
		s = o.open(cookie, at.GetEpoch(), at.GetSeq())
		one, two := s.next(0), s.next(0)
		if one.GetConversation().GetPreview() != "one" || two.GetConversation().GetPreview() != "two" || two.GetSeq() != at.GetSeq()+2 {
			t.Errorf("missed were %v and %v", one, two)
		}
		s.leave()
		s = o.open(cookie, two.GetEpoch(), two.GetSeq())
		if e := s.next(0); e.GetHeartbeat() == nil || e.GetSeq() != two.GetSeq() {
			t.Errorf("who missed nothing is given %v", e)
		}
		s.leave()
		for name, c := range map[string]feed.Cursor{
			"of another run": {Epoch: "another", Seq: two.GetSeq()}, "ahead": {Epoch: two.GetEpoch(), Seq: two.GetSeq() + 1},
			"without epoch": {Seq: 1}, "absurd": {Epoch: "\x00😀", Seq: 1<<64 - 1},
		} {
			s = o.open(cookie, c.Epoch, c.Seq)
			if e := s.next(0); len(e.GetSnapshot().GetConversations()) != 2 || e.GetSeq() != two.GetSeq() {
				t.Errorf("a cursor %s is given %v", name, e)
			}
			s.leave()
		}
	})
}

// TestStreamEndsWithItsSession, and says why: at once when somebody does
// something about it (SK4 allows 5 s), at the next heartbeat when time does.
func TestStreamEndsWithItsSession(t *testing.T) {
	for name, tc := range map[string]struct {
		end    func(*office, string)
		reason string
		within time.Duration
	}{
		"signed out": {func(o *office, cookie string) {
			c, _ := http.ParseSetCookie(cookie)
			if err := o.sessions.End(o.t.Context(), c.Value); err != nil {
				o.t.Fatal(err)
			}
		}, "signed_out", 0},
		"role taken":    {func(o *office, _ string) { o.hire("supervisor") }, "revoked", time.Second},
		"new password":  {func(o *office, _ string) { o.write(newPassword()) }, "revoked", time.Second},
		"agent removed": {func(o *office, _ string) { _ = o.config.Write(o.t.Context(), bus.Write{Key: "agents.mila"}) }, "revoked", time.Second},
		"idle":          {func(*office, string) { time.Sleep(session.Idle - 5*time.Second) }, "expired", 15 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			inOffice(t, func(o *office) {
				cookie := o.signIn()
				s, ended := o.open(cookie, "", 0), make(chan *deskv1.Event, 1)
				go func() {
					var last *deskv1.Event
					for s.Receive() {
						last = s.Msg()
					}
					ended <- last
				}()
				time.Sleep(5 * time.Second)
				tc.end(o, cookie)
				done := time.Now()
				if last := <-ended; last.GetSessionEnded().GetReason() != tc.reason || time.Since(done) > tc.within {
					t.Errorf("after %v the stream ended with %v", time.Since(done), last)
				}
				if err := s.Err(); err != nil {
					t.Error(err)
				}
				if _, _, streams := o.hub.Count(); streams != 0 {
					t.Errorf("%d streams are counted", streams)
				}
				s.leave()
			})
		})
	}
}

// newPassword is mila with a password that was set just now.
func newPassword() *configv1.Agent {
	return &configv1.Agent{Meta: &configv1.Meta{Id: "mila"}, Roles: []string{"agent"}, Password: &configv1.Secret{SetMs: time.Now().UnixMilli()}}
}

// TestChangesOfOthersEndNobody, nor does a change of the agent that leaves the
// right to be here, nor a broker that cannot be asked.
func TestChangesOfOthersEndNobody(t *testing.T) {
	inOffice(t, func(o *office) {
		s := o.open(o.signIn(), "", 0)
		s.next(0)
		o.write(&configv1.Agent{Meta: &configv1.Meta{Id: "orlin"}})
		o.hire("agent", "supervisor")
		s.next(15 * time.Second)
		o.stored.lose(true)
		s.next(30 * time.Second)
		o.stored.lose(false)
		if e := s.next(45 * time.Second); e.GetHeartbeat() == nil {
			t.Errorf("got %v", e)
		}
		s.leave()
	})
}

// raw opens a stream of which the test reads what it likes.
func (o *office) raw(cookie string) net.Conn {
	conn, _ := o.line.dial(o.t.Context(), "", "")
	body := "\x00\x00\x00\x00\x02{}"
	_, err := io.WriteString(conn, "POST /parley.desk.v1.DeskService/Events HTTP/1.1\r\nHost: desk\r\nContent-Type: application/connect+json\r\n"+
		"Cookie: "+cookie+"\r\nContent-Length: "+fmt.Sprint(len(body))+"\r\n\r\n"+body)
	if err != nil {
		o.t.Fatal(err)
	}
	return conn
}

// TestSlowReader: a page that leaves an event unread is cut after 15 seconds;
// meanwhile it holds up neither the log nor other pages.
func TestSlowReader(t *testing.T) {
	inOffice(t, func(o *office) {
		cookie := o.signIn()
		conn := o.raw(cookie)
		synctest.Wait()
		began := time.Now()
		quick := o.open(cookie, "", 0)
		quick.next(0)
		for n := range 100 {
			o.commit(n, "hello")
		}
		if took := time.Since(began); took != 0 {
			t.Errorf("commits waited %v for the reader", took)
		}
		for range 100 {
			if e := quick.next(0); e.GetConversation() == nil && e.GetSnapshot() == nil {
				t.Errorf("the other page is given %v", e)
			} else if e.GetSnapshot() != nil {
				break // it was slower than the ring of this office, which is short
			}
		}
		time.Sleep(14 * time.Second)
		synctest.Wait()
		if _, _, streams := o.hub.Count(); streams != 2 {
			t.Errorf("%d streams after 14 s, want both", streams)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if _, _, streams := o.hub.Count(); streams != 1 {
			t.Errorf("%d streams after 15 s, want the one that reads", streams)
		}
		if n, err := conn.Read(make([]byte, 1<<16)); err != io.EOF {
			t.Errorf("its connection is not closed: %d bytes, %v", n, err)
		}
		quick.leave()
	})
}

// TestNoReaderAtTheEnd: nor does a page hold anything that stops reading right
// before the end of its stream.
func TestNoReaderAtTheEnd(t *testing.T) {
	inOffice(t, func(o *office) {
		cookie := o.signIn()
		conn, buffer := o.raw(cookie), make([]byte, 1<<16)
		read := func() string {
			n, _ := conn.Read(buffer)
			return string(buffer[:n])
		}
		for !strings.Contains(read(), "snapshot") {
		}
		go o.hire("supervisor")
		for !strings.Contains(read(), "sessionEnded") {
		}
		time.Sleep(16 * time.Second)
		if rest := read(); rest != "" {
			t.Errorf("somebody waited for %q to be read", rest)
		}
	})
}

// TestTooManyStreams: the fourth of a session is refused with the time to wait.
func TestTooManyStreams(t *testing.T) {
	inOffice(t, func(o *office) {
		cookie := o.signIn()
		var open []*stream
		for range 3 {
			s := o.open(cookie, "", 0)
			s.next(0)
			open = append(open, s)
		}
		fourth := o.open(cookie, "", 0)
		if fourth.Receive() || connect.CodeOf(fourth.Err()) != connect.CodeResourceExhausted {
			t.Errorf("the fourth got %v, %v", fourth.Msg(), fourth.Err())
		}
		if e, ok := fourth.Err().(*connect.Error); !ok || e.Meta().Get("Retry-After") != "5" { //nolint:errorlint // it is connect's own
			t.Errorf("it is not told when to come again: %v", fourth.Err())
		}
		fourth.leave()
		other := o.open(o.signIn(), "", 0)
		other.next(0)
		other.leave()
		open[0].leave()
		fifth := o.open(cookie, "", 0)
		fifth.next(0)
		for _, s := range append(open[1:], fifth) {
			s.leave()
		}
	})
}

// TestStopping: streams end at once when the process does, so that pages go
// to another.
func TestStopping(t *testing.T) {
	inOffice(t, func(o *office) {
		s := o.open(o.signIn(), "", 0)
		s.next(0)
		close(o.stopping)
		if s.Receive() || connect.CodeOf(s.Err()) != connect.CodeUnavailable || time.Since(s.opened) != 0 {
			t.Errorf("after %v the stream says %v, %v", time.Since(s.opened), s.Msg(), s.Err())
		}
		s.leave()
	})
}
