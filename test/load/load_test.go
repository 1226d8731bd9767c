package load_test

import (
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/parley-desk/parley/services/sandbox"
	"github.com/parley-desk/parley/test/load"
)

// taker is a sandbox that takes messages, and refuses some first.
type taker struct {
	mu     sync.Mutex
	refuse int
	bulks  int
	taken  []sandbox.Message
	looks  map[string]int
}

func (s *taker) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.refuse > 0 {
		s.refuse--
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	if thread, ok := strings.CutSuffix(r.URL.Path, "/read"); ok {
		if s.looks == nil {
			s.looks = map[string]int{}
		}
		s.looks[strings.TrimPrefix(thread, "/sandbox/customers/")]++
		return
	}
	var bulk []sandbox.Message
	if json.NewDecoder(r.Body).Decode(&bulk) != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	s.bulks++
	s.taken = append(s.taken, bulk...)
}

func TestCrowdWritesThePlan(t *testing.T) {
	t.Parallel()
	s := &taker{refuse: 2}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	c := load.NewCrowd(load.Plan{Sandbox: server.URL, Pages: []string{"1"}, Conversations: 20, Messages: 10, Duplicates: 0.25, Batch: 8, Seed: 3})
	if err := c.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	people, copies := map[string]int{}, 0
	for _, m := range s.taken {
		people[m.PSID]++
		if m.Copies == 2 {
			copies++
		}
	}
	if c.Written() != 200 || len(s.taken) != 200 || len(people) != 20 || s.bulks != 25 {
		t.Errorf("%d written, %d taken of %d people in %d bulks", c.Written(), len(s.taken), len(people), s.bulks)
	}
	for psid, n := range people {
		if n != 10 || len(psid) != 17 {
			t.Errorf("%s wrote %d messages", psid, n)
		}
	}
	if copies < 25 || copies > 75 {
		t.Errorf("%d of 200 messages come twice, a quarter was asked for", copies)
	}
}

// A customer number means nothing without its page: the crowd uses each on all pages.
func TestCrowdIsOnAllPagesAndLooks(t *testing.T) {
	t.Parallel()
	s := &taker{}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	c := load.NewCrowd(load.Plan{Sandbox: server.URL, Pages: []string{"1", "2"}, Conversations: 6, Messages: 2, Batch: 3, Reads: true, Seed: 3})
	if err := c.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	threads, people := map[string]int{}, map[string]bool{}
	for _, m := range s.taken {
		threads[m.Page+"/"+m.PSID]++
		people[m.PSID] = true
	}
	if len(threads) != 6 || len(people) != 3 || !maps.Equal(threads, s.looks) {
		t.Errorf("threads %v of %d people, who looked %v", threads, len(people), s.looks)
	}
}

func TestRateIsKept(t *testing.T) {
	t.Parallel()
	s := &taker{}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	began := time.Now()
	c := load.NewCrowd(load.Plan{Sandbox: server.URL, Pages: []string{"1"}, Conversations: 4, Messages: 5, Rate: 200})
	if err := c.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(began); took < 95*time.Millisecond {
		t.Errorf("twenty messages at 200 a second took %v", took)
	}
}

func TestCrowdEndsWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	c := load.NewCrowd(load.Plan{Sandbox: "http://127.0.0.1:1", Pages: []string{"1"}, Conversations: 4, Messages: 5})
	if err := c.Run(ctx); err == nil {
		t.Error("a cancelled crowd says that it wrote everything")
	}
}
