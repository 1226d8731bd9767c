package flood_test

import (
	"compress/gzip"
	"context"
	"crypto/tls"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"sync/atomic"
	"testing"

	"github.com/parley-desk/parley/test/flood"
)

// The crowd does what it says: a server that takes everything sees slow connections held,
// requests reset, and bodies that are too long or unpack to too much.
func TestTheCrowdMeansHarm(t *testing.T) {
	var long, bombs atomic.Int64
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Header.Get("Content-Encoding") == "gzip":
			if unpacked, err := gzip.NewReader(r.Body); err == nil {
				if n, _ := io.Copy(io.Discard, unpacked); n > 100<<20 {
					bombs.Add(1)
				}
			}
		default:
			if n, _ := io.Copy(io.Discard, r.Body); n > 50<<20 {
				long.Add(1)
			}
		}
	}))
	srv.EnableHTTP2 = true
	srv.StartTLS()
	defer srv.Close()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var told flood.Tally
	done := make(chan struct{})
	go func() {
		defer close(done)
		flood.Flood{Targets: []flood.Target{{Addr: srv.Listener.Addr().String(), Path: "/", TLS: &tls.Config{InsecureSkipVerify: true}}}, Slow: 30, Resets: 1, Heavy: 3}.Run(ctx, &told) //nolint:gosec // a test's own
	}()
	for told.Held.Load() < 30 || told.Resets.Load() < 1000 || told.Taken.Load() < 3 || long.Load() == 0 || bombs.Load() == 0 {
		runtime.Gosched()
	}
	cancel()
	<-done
	if told.Held.Load() != 0 {
		t.Errorf("%d connections are held after the end", told.Held.Load())
	}
}
