package host

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/parley-desk/parley/pkg/fault"
)

// probeTime is how long one readiness check may take.
const probeTime = 250 * time.Millisecond

// Health collects what must hold before the process may get traffic.
type Health struct {
	started  atomic.Bool
	draining atomic.Bool
	asked    singleflight.Group
	mu       sync.Mutex
	checks   map[string]func(context.Context) error
}

// Ready adds a readiness check; it is asked at every probe and must answer
// within 250 ms. Only what makes this very process useless belongs here: a
// bad token of one page does not.
func (h *Health) Ready(name string, check func(context.Context) error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.checks == nil {
		h.checks = map[string]func(context.Context) error{}
	}
	h.checks[name] = check
}

// forget takes a check away.
func (h *Health) forget(name string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.checks, name)
}

// probed is probe for all who ask at the same time: however many, each check is asked
// once.
func (h *Health) probed(ctx context.Context) map[string]string {
	failed, _, _ := h.asked.Do("", func() (any, error) { return h.probe(context.WithoutCancel(ctx)), nil })
	all, _ := failed.(map[string]string)
	return maps.Clone(all)
}

// probe asks every check at once and gives those that failed, by name.
func (h *Health) probe(ctx context.Context) map[string]string {
	h.mu.Lock()
	checks := make(map[string]func(context.Context) error, len(h.checks))
	for name, c := range h.checks {
		checks[name] = c
	}
	h.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, probeTime)
	defer cancel()
	type answer struct {
		name string
		err  error
	}
	answers := make(chan answer, len(checks))
	for name, check := range checks {
		go func() { answers <- answer{name, check(ctx)} }()
	}
	failed := map[string]string{}
	for name := range checks {
		failed[name] = "no answer in time"
	}
	for range checks {
		select {
		case a := <-answers:
			delete(failed, a.name)
			if a.err != nil {
				failed[a.name] = told(a.err)
			}
		case <-ctx.Done():
			return failed
		}
	}
	return failed
}

// told is what a stranger may read of an error: the message of a fault, which
// holds no secret, and never its cause.
func told(err error) string {
	var f *fault.Error
	if errors.As(err, &f) && f.Message != "" {
		return f.Message
	}
	return "failed"
}

// register puts the probes on mux: /livez while the process works at all,
// /startupz when it has started once, /readyz while it may get traffic.
func (h *Health) register(mux *http.ServeMux) {
	mux.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) { answerProbe(w, nil) })
	mux.HandleFunc("GET /startupz", func(w http.ResponseWriter, _ *http.Request) {
		if !h.started.Load() {
			answerProbe(w, map[string]string{"start": "not finished"})
			return
		}
		answerProbe(w, nil)
	})
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		failed := h.probed(r.Context())
		if !h.started.Load() {
			failed["start"] = "not finished"
		}
		if h.draining.Load() {
			failed["drain"] = "the process is ending"
		}
		answerProbe(w, failed)
	})
}

func answerProbe(w http.ResponseWriter, failed map[string]string) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	status := "ok"
	if len(failed) > 0 {
		status = "failed"
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	names := make([]string, 0, len(failed))
	for name := range failed {
		names = append(names, name)
	}
	slices.Sort(names)
	_ = json.NewEncoder(w).Encode(map[string]any{"status": status, "failed": names, "reasons": failed})
}
