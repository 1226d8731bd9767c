package host_test

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/alicebob/miniredis/v2"

	"github.com/parley-desk/parley/pkg/fault"
	"github.com/parley-desk/parley/pkg/host"
)

// silent is a server at an address that takes connections and says nothing on
// them until it is let to: then it is the server behind.
type silent struct {
	net.Listener
	behind string
	let    chan struct{}
}

func newSilent(t *testing.T, behind string) *silent {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &silent{Listener: l, behind: behind, let: make(chan struct{})}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go s.serve(c)
		}
	}()
	return s
}

func (s *silent) serve(front net.Conn) {
	defer front.Close()
	select {
	case <-s.let:
	default: // this one stays without an answer, until its client gives up
		_, _ = io.Copy(io.Discard, front)
		return
	}
	back, err := net.Dial("tcp", s.behind)
	if err != nil {
		return
	}
	defer back.Close()
	go func() { _, _ = io.Copy(back, front); _ = back.Close() }()
	_, _ = io.Copy(front, back)
}

// heard is a log that may be read meanwhile.
type heard struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (h *heard) Write(p []byte) (int, error) { h.mu.Lock(); defer h.mu.Unlock(); return h.b.Write(p) }
func (h *heard) String() string              { h.mu.Lock(); defer h.mu.Unlock(); return h.b.String() }

// waiting is a process of one stage that needs Redis at addr, with the address
// of its probes once they are served.
func waiting(t *testing.T, addr string) (p host.Process, log *heard, probes <-chan string) {
	t.Helper()
	p = process(t, host.NewStage("needy", host.Redis, func(_ nothing, d host.Deps) (host.Service, error) {
		return work(func(ctx context.Context) error {
			if err := d.Redis.Ping(ctx).Err(); err != nil {
				return err
			}
			return untilAsked(ctx)
		}), nil
	}))
	p.Config.Redis.URL = "redis://" + addr + "/0"
	log = &heard{}
	p.Out = log
	address := make(chan string, 1)
	p.Heard = func(_ string, a net.Addr) { address <- a.String() }
	return p, log, address
}

// served waits for the address of the probes.
func served(t *testing.T, probes <-chan string, done <-chan error) string {
	t.Helper()
	select {
	case addr := <-probes:
		return addr
	case err := <-done:
		t.Fatalf("it ended instead of waiting: %v", err)
		return ""
	}
}

func ask(t *testing.T, url string) (int, string) {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(resp.Body)
	return resp.StatusCode, string(body)
}

// A Redis that takes connections and answers nothing is waited for, in sight of
// the probes and the log, and the process starts when it answers.
func TestARedisThatIsAwayAtTheStartIsWaitedFor(t *testing.T) {
	redis := newSilent(t, miniredis.RunT(t).Addr())
	p, log, probes := waiting(t, redis.Addr().String())
	started := make(chan struct{})
	p.Started = func() { close(started) }
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- host.Run(ctx, p) }()
	base := "http://" + served(t, probes, done)
	why := ""
	for code := 0; code != http.StatusServiceUnavailable || !strings.Contains(why, `"redis":"connect to Redis at `); code, why = ask(t, base+"/readyz") {
	}
	if code, _ := ask(t, base+"/livez"); code != http.StatusOK {
		t.Errorf("while it waits livez says %d", code)
	}
	if code, _ := ask(t, base+"/startupz"); code != http.StatusServiceUnavailable {
		t.Errorf("while it waits startupz says %d", code)
	}
	if code, _ := ask(t, base+"/metrics"); code != http.StatusServiceUnavailable {
		t.Errorf("while it waits its metrics are served, with %d: nobody would be alarmed", code)
	}
	close(redis.let)
	<-started
	if code, body := ask(t, base+"/readyz"); code != http.StatusOK {
		t.Errorf("started, and readyz says %d %s", code, body)
	}
	if text := log.String(); !strings.Contains(text, "waiting for what the process needs to start") || !strings.Contains(text, `"name":"redis"`) {
		t.Errorf("the log says nothing of it: %s", text)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestAProcessThatWaitsEndsWhenItIsAsked(t *testing.T) {
	p, _, probes := waiting(t, newSilent(t, "").Addr().String())
	p.Started = func() { t.Error("it started") }
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- host.Run(ctx, p) }()
	served(t, probes, done)
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// Waiting does not mend a password.
func TestARedisThatRefusesIsNotWaitedFor(t *testing.T) {
	server := miniredis.RunT(t)
	server.RequireAuth("right")
	for _, user := range []string{"", ":canary-wrong@"} {
		p, _, _ := waiting(t, server.Addr())
		p.Config.Redis.URL = "redis://" + user + server.Addr() + "/0"
		err := host.Run(t.Context(), p)
		if !fault.Is(err, fault.Denied) || strings.Contains(err.Error(), "canary") {
			t.Errorf("as %q: %v", user, err)
		}
	}
}

// A broker is waited for too.
func TestABrokerThatIsAwayAtTheStartIsWaitedFor(t *testing.T) {
	closed := newSilent(t, "")
	_ = closed.Close()
	p, log, probes := waiting(t, "127.0.0.1:1")
	p.Stages = []host.Stage{host.NewStage("needy", host.Bus, func(nothing, host.Deps) (host.Service, error) { return work(untilAsked), nil })}
	p.Config.Bus.URL = "nats://" + closed.Addr().String()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- host.Run(ctx, p) }()
	base := "http://" + served(t, probes, done)
	why := ""
	for !strings.Contains(why, `"bus":"connect to the broker"`) {
		_, why = ask(t, base+"/readyz")
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if !strings.Contains(log.String(), `"name":"bus"`) {
		t.Errorf("the log says nothing of it: %s", log)
	}
}
