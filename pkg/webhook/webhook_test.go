package webhook_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/parley-desk/parley/pkg/fault"
	"github.com/parley-desk/parley/pkg/webhook"
)

const secret = "a-secret-of-sixteen-or-more"

func open(t *testing.T, url string, inside bool) *webhook.Client {
	t.Helper()
	cfg := webhook.Config{URL: url, Secret: secret, Timeout: 5 * time.Second, Now: time.Now}
	if inside {
		cfg.Inside = []string{strings.TrimPrefix(strings.TrimPrefix(url, "http://"), "https://")}
	}
	c, err := webhook.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestPostSaysWhetherToTryAgain(t *testing.T) {
	for status, want := range map[int]fault.Kind{200: 0, 204: 0, 301: fault.Invalid, 302: fault.Invalid, 400: fault.Invalid, 401: fault.Invalid, 404: fault.Invalid,
		408: fault.Unavailable, 429: fault.Unavailable, 500: fault.Unavailable, 503: fault.Unavailable} {
		asked := 0
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			asked++
			w.Header().Set("Location", "/elsewhere")
			w.WriteHeader(status)
		}))
		err := open(t, s.URL, true).Post(t.Context(), "e", []byte("{}"))
		s.Close()
		if (err == nil) != (status < 300) || err != nil && fault.KindOf(err) != want {
			t.Errorf("%d: %v", status, err)
		}
		if asked != 1 {
			t.Errorf("%d: asked %d times", status, asked)
		}
	}
}

// TestPostStaysOutside: a name that leads into the network is asked nothing.
func TestPostStaysOutside(t *testing.T) {
	var asked atomic.Int32
	s := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) }))
	defer s.Close()
	for _, address := range []string{s.URL, strings.Replace(s.URL, "127.0.0.1", "localhost", 1), "https://[::ffff:127.0.0.1]:1", "https://169.254.169.254/latest"} {
		if err := open(t, address, false).Post(t.Context(), "e", []byte("{}")); fault.KindOf(err) != fault.Unavailable {
			t.Errorf("%s: %v", address, err)
		}
	}
	if n := asked.Load(); n != 0 {
		t.Errorf("it was asked %d times", n)
	}
}

// TestWhoFailsIsLeftAlone after some failures in a row: nothing is asked then, and
// what has no time to wait is told so.
func TestWhoFailsIsLeftAlone(t *testing.T) {
	var asked atomic.Int32
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		w.WriteHeader(http.StatusBadGateway)
	}))
	defer s.Close()
	c := open(t, s.URL, true)
	for range 5 {
		if err := c.Post(t.Context(), "e", nil); fault.KindOf(err) != fault.Unavailable {
			t.Fatal(err)
		}
	}
	hurried, cancel := context.WithCancel(t.Context())
	cancel()
	if err := c.Post(hurried, "e", nil); fault.KindOf(err) != fault.Unavailable || asked.Load() != 5 {
		t.Errorf("after five failures it was asked %d times, and said %v", asked.Load(), err)
	}
}

// TestSign against what openssl says of the same.
func TestSign(t *testing.T) {
	if got, want := webhook.Sign("key", time.Unix(1790000000, 0), []byte("{}")), "t=1790000000,v1=099d33989336226b12c85da813adf6100e1bbab1e91bede9a41ddeb7882d66b8"; got != want {
		t.Errorf("signed %s", got)
	}
}
