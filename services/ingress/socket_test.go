package ingress_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/parley-desk/parley/services/ingress"
)

const body = `{"object":"page","entry":[{"id":"1","messaging":[{"sender":{"id":"7"},"recipient":{"id":"1"},"message":{"mid":"m"}}]}]}`

// caller is a client that is written by hand, so that it can be as slow and as
// wrong as it likes.
type caller struct {
	net.Conn
	t    *testing.T
	from *bufio.Reader
}

func (r *running) dial() *caller {
	r.t.Helper()
	conn, err := (&net.Dialer{}).DialContext(r.t.Context(), "tcp", r.addr)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(time.Minute)) // a server that never gives up fails the test
	return &caller{Conn: conn, t: r.t, from: bufio.NewReader(conn)}
}

func (c *caller) say(format string, args ...any) *caller {
	c.t.Helper()
	if _, err := fmt.Fprintf(c, format, args...); err != nil {
		c.t.Fatalf("cannot write: %v", err)
	}
	return c
}

// head writes the head of a webhook with body, and not its body.
func (c *caller) head(body string) *caller {
	c.t.Helper()
	return c.say("POST /webhook/demo HTTP/1.1\r\nHost: x\r\nX-Hub-Signature-256: %s\r\nContent-Length: %d\r\n\r\n", sign(body), len(body))
}

// status reads an answer; 0 when the server hung up instead.
func (c *caller) status() int {
	c.t.Helper()
	resp, err := http.ReadResponse(c.from, nil)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		c.t.Fatal("neither answered nor hung up")
	}
	if err != nil {
		return 0
	}
	_, _ = io.Copy(io.Discard, resp.Body)
	_ = resp.Body.Close()
	return resp.StatusCode
}

// SI7: 16 KiB of headers and no more.
func TestHeadersAreBounded(t *testing.T) {
	r := start(t, settings())
	defer r.end()
	first := "POST /webhook/demo HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nX: "
	for size, want := range map[int]int{16 << 10: http.StatusUnauthorized, 16<<10 + 1: http.StatusRequestHeaderFieldsTooLarge} {
		request := first + strings.Repeat("x", size-len(first)-4) + "\r\n\r\n"
		if got := r.dial().say("%s", request).status(); got != want {
			t.Errorf("%d bytes of headers: %d, want %d", size, got, want)
		}
	}
}

// 1.3: who sends nothing, or hardly anything, is hung up on, and costs nobody
// else anything meanwhile.
func TestSlowClients(t *testing.T) {
	const short = 3 * time.Second // by then somebody else has said all, also on a busy machine
	for _, c := range []struct {
		name  string
		limit func(*ingress.Config) // the one that ends it
		slow  func(*caller)
		want  int
	}{
		{"says nothing", func(c *ingress.Config) { c.HeaderTimeout = short }, func(*caller) {}, 0},
		{"stops within its headers", func(c *ingress.Config) { c.HeaderTimeout = short },
			func(c *caller) { c.say("POST /webhook/demo HTTP/1.1\r\nHost: x\r\nX-Slow") }, http.StatusBadRequest},
		{"stops before its body", func(c *ingress.Config) { c.ReadTimeout = short },
			func(c *caller) { c.head(body) }, http.StatusBadRequest},
		{"stops within its body", func(c *ingress.Config) { c.ReadTimeout = short },
			func(c *caller) { c.head(body).say("%s", body[:40]) }, http.StatusBadRequest},
		{"says no more when it was served", func(c *ingress.Config) { c.IdleTimeout = short }, func(c *caller) {
			if got := c.head(body).say("%s", body).status(); got != http.StatusOK {
				c.t.Errorf("answered %d", got)
			}
		}, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			cfg := settings()
			c.limit(&cfg)
			r := start(t, cfg)
			defer r.end()
			slow := r.dial()
			c.slow(slow)
			if got := r.dial().head(body).say("%s", body).status(); got != http.StatusOK {
				t.Errorf("somebody else is answered %d meanwhile", got)
			}
			if got := slow.status(); got != c.want {
				t.Errorf("answered %d, want %d", got, c.want)
			}
			if slow.status() != 0 {
				t.Error("the connection is still open")
			}
		})
	}
}

// 1.3: connections are bounded. One too many is hung up on and counted; when
// one goes, the next is served.
func TestConnectionsAreBounded(t *testing.T) {
	cfg := settings()
	cfg.Connections = 3
	r := start(t, cfg)
	defer r.end()
	var held []*caller
	for range cfg.Connections {
		c := r.dial()
		if got := c.head(body).say("%s", body).status(); got != http.StatusOK {
			t.Fatalf("within the bound: %d", got)
		}
		held = append(held, c)
	}
	if got := r.metric("parley_ingress_connections"); got != 3 {
		t.Errorf("%v connections are open, want 3", got)
	}
	if got := r.dial().status(); got != 0 {
		t.Errorf("one too many is answered %d", got)
	}
	if got := r.metric("parley_ingress_connections_refused_total"); got != 1 {
		t.Errorf("%v were refused, want 1", got)
	}
	if got := held[1].head(body).say("%s", body).status(); got != http.StatusOK {
		t.Errorf("one that was there before: %d", got)
	}
	_ = held[0].Close()
	await(t, func() bool { return r.metric("parley_ingress_connections") == 2 })
	if got := r.dial().head(body).say("%s", body).status(); got != http.StatusOK {
		t.Errorf("in the place of one that went: %d", got)
	}
}

// I3: at the end nobody new is let in, and a request that has begun is
// answered, its events kept.
func TestEndLetsRequestsFinish(t *testing.T) {
	r := start(t, settings())
	begun, idle := r.dial().head(body), r.dial()
	if got := idle.head(body).say("%s", body).status(); got != http.StatusOK {
		t.Fatalf("before: %d", got)
	}
	await(t, func() bool { return r.metric("parley_ingress_in_flight_bytes") == float64(len(body)) })
	r.ask()
	if got := idle.status(); got != 0 {
		t.Errorf("a connection without a request is answered %d", got)
	}
	await(t, func() bool {
		conn, err := net.Dial("tcp", r.addr)
		if err == nil {
			_ = conn.Close()
		}
		return err != nil
	})
	select {
	case err := <-r.ended:
		t.Fatalf("ended with %v before the request", err)
	default:
	}
	if got := begun.say("%s", body).status(); got != http.StatusOK {
		t.Errorf("the request that had begun: %d", got)
	}
	r.end()
}

// A request that never ends is cut off when the grace is over.
func TestEndDoesNotWaitForEver(t *testing.T) {
	cfg := settings()
	cfg.Grace = 100 * time.Millisecond
	r := start(t, cfg)
	begun := r.dial().head(body)
	await(t, func() bool { return r.metric("parley_ingress_in_flight_bytes") == float64(len(body)) })
	r.end()
	if got := begun.status(); got != 0 {
		t.Errorf("answered %d", got)
	}
}

// metric reads a counter or gauge that has no labels.
func (r *running) metric(name string) float64 {
	r.t.Helper()
	families, err := r.registry.Gather()
	if err != nil {
		r.t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == name {
			m := f.GetMetric()[0]
			return m.GetCounter().GetValue() + m.GetGauge().GetValue()
		}
	}
	r.t.Fatalf("there is no metric %s", name)
	return 0
}

func await(t *testing.T, done func() bool) {
	t.Helper()
	deadline := time.After(time.Minute)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !done() {
		select {
		case <-deadline:
			t.Fatal("it did not come to that")
		case <-tick.C:
		}
	}
}
