package desk_test

import (
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"connectrpc.com/connect"
	"github.com/prometheus/client_golang/prometheus"

	deskv1 "github.com/parley-desk/parley/proto/gen/parley/desk/v1"
	"github.com/parley-desk/parley/proto/gen/parley/desk/v1/deskv1connect"
	"github.com/parley-desk/parley/services/desk"
)

// TestTooMuchIsRefusedUnread: an address has its rate and others theirs, no more are in
// work than may be, streams of events take no place, and who waits gets in again.
func TestTooMuchIsRefusedUnread(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var served atomic.Int64
		hold := make(chan struct{})
		registry := prometheus.NewRegistry()
		shed := desk.Shed(&desk.Config{Requests: 2, AddressRate: 10}, registry, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			served.Add(1)
			if strings.HasSuffix(r.URL.Path, "/Events") || r.URL.Path == "/slow" {
				<-hold
			}
		}))
		ask := func(path, from string) *httptest.ResponseRecorder {
			w, r := httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), http.MethodPost, path, nil)
			r.RemoteAddr = from
			shed.ServeHTTP(w, r)
			return w
		}
		for i := range 20 {
			if got := ask("/", "192.0.2.1:1"); got.Code != http.StatusOK {
				t.Fatalf("request %d: %d", i, got.Code)
			}
		}
		if got := ask("/", "192.0.2.1:2"); got.Code != http.StatusTooManyRequests || got.Header().Get("Retry-After") != "1" || served.Load() != 20 {
			t.Errorf("one too many: %d %v, %d served", got.Code, got.Header(), served.Load())
		}
		if got := ask("/", "192.0.2.2:1"); got.Code != http.StatusOK {
			t.Errorf("another address: %d", got.Code)
		}
		time.Sleep(100 * time.Millisecond)
		if got := ask("/", "192.0.2.1:1"); got.Code != http.StatusOK {
			t.Errorf("after a while: %d", got.Code)
		}
		for range 5 {
			go ask("/parley.desk.v1.DeskService/Events", "192.0.2.3:1")
		}
		for range 2 {
			go ask("/slow", "192.0.2.3:1")
		}
		synctest.Wait()
		if got := ask("/", "192.0.2.4:1"); got.Code != http.StatusServiceUnavailable || got.Header().Get("Retry-After") != "1" {
			t.Errorf("while two are in work: %d", got.Code)
		}
		close(hold)
		synctest.Wait()
		if got := ask("/", "192.0.2.4:1"); got.Code != http.StatusOK {
			t.Errorf("when they are done: %d", got.Code)
		}
		all, err := registry.Gather()
		if err != nil || len(all) != 1 || len(all[0].GetMetric()) != 2 {
			t.Fatalf("%v, %v", all, err)
		}
		for _, m := range all[0].GetMetric() {
			if m.GetCounter().GetValue() != 1 {
				t.Errorf("counted is %v", m)
			}
		}
	})
}

// TestASessionHasItsRate, and another of the same agent its own.
func TestASessionHasItsRate(t *testing.T) {
	h := newHouse(t, func(c *desk.Config) { c.SessionRate = 1 }) // two at once
	enter := func() deskv1connect.SessionServiceClient {
		jar, _ := cookiejar.New(nil)
		c := deskv1connect.NewSessionServiceClient(&http.Client{Jar: jar}, h.url)
		if _, err := c.SignIn(t.Context(), connect.NewRequest(&deskv1.SignInRequest{Agent: "mila", Password: password})); err != nil {
			t.Fatal(err)
		}
		return c
	}
	flood := func(c deskv1connect.SessionServiceClient) (err error) {
		for range 1000 {
			if _, err = c.WhoAmI(t.Context(), connect.NewRequest(&deskv1.WhoAmIRequest{})); err != nil {
				break
			}
		}
		return err
	}
	first := enter()
	if err := flood(first); connect.CodeOf(err) != connect.CodeResourceExhausted {
		t.Errorf("a thousand at once: %v", err)
	}
	if _, err := enter().WhoAmI(t.Context(), connect.NewRequest(&deskv1.WhoAmIRequest{})); err != nil {
		t.Errorf("another session: %v", err)
	}
}
