package webhook_test

import (
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

// TestWhoFailsIsLeftAlone after some failures in a row, and is asked again later:
// by one that tries, and by all when that went well.
func TestWhoFailsIsLeftAlone(t *testing.T) {
	var asked atomic.Int32
	var well atomic.Bool
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		if !well.Load() {
			w.WriteHeader(http.StatusBadGateway)
		}
	}))
	defer s.Close()
	c := open(t, s.URL, true)
	for range 5 {
		if err := c.Post(t.Context(), "e", nil); fault.KindOf(err) != fault.Unavailable {
			t.Fatal(err)
		}
	}
	began := time.Now()
	if err := c.Post(t.Context(), "e", nil); fault.KindOf(err) != fault.Unavailable {
		t.Fatal(err)
	}
	if took := time.Since(began); took < 900*time.Millisecond || asked.Load() != 6 {
		t.Errorf("after five failures it was asked %d times, the last after %v", asked.Load(), took)
	}
	well.Store(true)
	if err := c.Post(t.Context(), "e", nil); err != nil {
		t.Errorf("well again: %v", err)
	}
	began = time.Now()
	if err := c.Post(t.Context(), "e", nil); err != nil || time.Since(began) > time.Second {
		t.Errorf("well for a while: %v after %v", err, time.Since(began))
	}
}

func TestSign(t *testing.T) {
	if got, want := webhook.Sign("key", []byte("The quick brown fox jumps over the lazy dog")), "sha256=f7bc83f430538424b13298e6aa6fb143ef4d59a14946175997479dbc2d1a3cd8"; got != want {
		t.Errorf("signed %s", got)
	}
}
