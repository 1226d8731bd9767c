package host

import (
	"net"
	"net/http"
	"net/http/pprof"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/parley-desk/parley/pkg/budget"
)

// What the listener of probes, metrics and profiles takes at most (P13). Probes are
// answered however many ask for metrics: what is beyond its bound is answered 503 at
// once, and no connection is kept, so none is held by who does not ask.
const (
	opsConnections = 512
	opsMetrics     = 4 // at a time: Prometheus asks once in a while
	opsProfiles    = 2
	opsRequest     = 5 * time.Second  // to send one whole
	opsAnswer      = 10 * time.Second // to take a probe or the metrics
	opsProfile     = 2 * time.Minute  // to take a profile, whose own time is within it
)

// ops is the server of probes, metrics and profiles.
func (r *running) ops() *http.Server {
	mux := http.NewServeMux()
	r.health.register(mux)
	metrics := promhttp.HandlerFor(r.tel.Registry, promhttp.HandlerOpts{MaxRequestsInFlight: opsMetrics})
	mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, req *http.Request) {
		if !r.health.started.Load() { // a process that waits does no work: its absence is the alert
			http.Error(w, "not started", http.StatusServiceUnavailable)
			return
		}
		metrics.ServeHTTP(w, req)
	})
	profiles := http.NewServeMux()
	profiles.HandleFunc("/debug/pprof/", pprof.Index)
	profiles.HandleFunc("/debug/pprof/profile", pprof.Profile)
	profiles.HandleFunc("/debug/pprof/trace", pprof.Trace)
	mux.Handle("/debug/pprof/", roomFor(opsProfiles, profiles))
	srv := &http.Server{Handler: inTime(mux), ReadHeaderTimeout: 3 * time.Second, ReadTimeout: opsRequest, WriteTimeout: opsProfile, IdleTimeout: time.Minute, MaxHeaderBytes: 12 << 10}
	srv.SetKeepAlivesEnabled(false)
	return srv
}

// inTime gives up who does not take an answer, but for profiles sooner than the server.
func inTime(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasPrefix(r.URL.Path, "/debug/") {
			_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(opsAnswer))
		}
		next.ServeHTTP(w, r)
	})
}

// roomFor answers 503 to those beyond so many at a time.
func roomFor(most int, next http.Handler) http.Handler {
	room := budget.NewRoom(most)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !room.Enter() {
			http.Error(w, "too many at a time", http.StatusServiceUnavailable)
			return
		}
		defer room.Leave()
		next.ServeHTTP(w, r)
	})
}

// bounded is l with so many connections at most, and says how many it closed.
func (r *running) bounded(l net.Listener) net.Listener {
	refused := prometheus.NewCounter(prometheus.CounterOpts{
		Name: "parley_ops_connections_refused_total",
		Help: "Connections to the listener of probes and metrics that were closed when they came because as many as may be were open.",
	})
	gate := budget.NewConnections(opsConnections, refused)
	r.tel.Registry.MustRegister(refused)
	return gate.Guard(l)
}
