package api_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"connectrpc.com/connect"

	"github.com/parley-desk/parley/pkg/audit"
	"github.com/parley-desk/parley/pkg/bus"
	"github.com/parley-desk/parley/pkg/secret"
	"github.com/parley-desk/parley/pkg/session"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
	deskv1 "github.com/parley-desk/parley/proto/gen/parley/desk/v1"
	"github.com/parley-desk/parley/proto/gen/parley/desk/v1/deskv1connect"
	"github.com/parley-desk/parley/services/desk/internal/feed"
)

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
			if err := o.sessions.End(o.t.Context(), secret.NewText(c.Value)); err != nil {
				o.t.Fatal(err)
			}
		}, "signed_out", 0},
		"role taken":    {func(o *office, _ string) { o.hire("admin") }, "no_role", time.Second},
		"new password":  {func(o *office, _ string) { o.write(newPassword()) }, "password_changed", time.Second},
		"agent removed": {func(o *office, _ string) { _ = o.config.Write(o.t.Context(), bus.Write{Key: "agents.mila"}) }, "revoked", time.Second},
		"agent barred": {func(o *office, _ string) {
			o.write(&configv1.Agent{Meta: &configv1.Meta{Id: "mila"}, Roles: []string{"agent"}, Barred: true})
		}, "revoked", time.Second},
		"by an administrator": {func(o *office, _ string) {
			if n, err := o.sessions.EndAll(o.t.Context(), "mila", "", session.Dismissed); n != 1 || err != nil {
				o.t.Errorf("%d ended, %v", n, err)
			}
		}, "ended", 0},
		"old": {func(*office, string) { time.Sleep(lifetime.Absolute - 5*time.Second) }, "expired", 15 * time.Second},
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

// TestTheCookieIsReplacedOnTheWay: an open desk keeps its session and is given a new
// ticket with an answer or a stream; with the old one the session ends, everywhere.
func TestTheCookieIsReplacedOnTheWay(t *testing.T) {
	inOffice(t, func(o *office) {
		cookie := o.signIn()
		s := o.open(cookie, "", 0)
		ended := make(chan string, 1)
		go func() {
			var last *deskv1.Event
			for s.Receive() {
				last = s.Msg()
			}
			ended <- last.GetSessionEnded().GetReason()
		}()
		time.Sleep(lifetime.Idle + time.Minute) // the stream alone keeps it
		who := func(cookie string) (string, error) {
			ask := connect.NewRequest(&deskv1.WhoAmIRequest{})
			ask.Header().Set("Cookie", cookie)
			answer, err := deskv1connect.NewSessionServiceClient(o.http, "http://desk", connect.WithProtoJSON()).WhoAmI(o.t.Context(), ask)
			if err != nil {
				return "", err
			}
			return answer.Header().Get("Set-Cookie"), nil
		}
		fresh, err := who(cookie)
		if err != nil || fresh == "" || fresh == cookie {
			t.Fatalf("the new cookie is %q, %v", fresh, err)
		}
		other := o.open(cookie, "", 0)
		other.next(0)
		if got := other.ResponseHeader().Get("Set-Cookie"); got != fresh {
			t.Errorf("a stream is given %q", got)
		}
		other.leave()
		if again, err := who(fresh); again != "" || err != nil {
			t.Errorf("the new cookie is replaced at once by %q, %v", again, err)
		}
		time.Sleep(session.Overlap + time.Second)
		if _, err := who(cookie); connect.CodeOf(err) != connect.CodeUnauthenticated {
			t.Errorf("the old cookie: %v", err)
		}
		if why := <-ended; why != "copied" {
			t.Errorf("the stream ended with %q", why)
		}
		if _, err := who(fresh); connect.CodeOf(err) != connect.CodeUnauthenticated {
			t.Errorf("the new cookie after that: %v", err)
		}
		said, _, err := o.audit.List(t.Context(), audit.Filter{}, audit.Range{}, 10)
		if err != nil || len(said) != 1 || said[0].GetKind() != "session.copied" || !slices.Equal(said[0].GetObjects(), []string{"agents/mila"}) {
			t.Errorf("the audit says %v, %v", said, err)
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
		// The last of them comes by itself, or in a snapshot for a page that was
		// slower than the ring of this office, which is short.
		last := func(v *deskv1.ConversationView) bool { return v.GetRef().GetConversation() == "c99" }
		for done := false; !done; {
			e := quick.next(0)
			done = last(e.GetConversation()) || slices.ContainsFunc(e.GetSnapshot().GetConversations(), last)
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
