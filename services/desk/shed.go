package desk

import (
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/parley-desk/parley/pkg/budget"
	"github.com/parley-desk/parley/proto/gen/parley/desk/v1/deskv1connect"
)

// callers is how many addresses and sessions are told apart, at the most twice.
const callers = 50_000

// shed refuses what is too much before anything is done for it: with 503 what comes
// while as many requests as may be are in work, with 429 what an address has beyond its
// rate. Pages come again after both. Streams of events are no requests in work: each
// is of a session, and has bounds of its own.
type shed struct {
	room      *budget.Room
	addresses *budget.Throttle
	address   func(*http.Request) string
	now       func() time.Time
	count     *prometheus.CounterVec
}

func newShed(c *Config, r prometheus.Registerer, now func() time.Time) *shed {
	s := &shed{room: budget.NewRoom(c.Requests), addresses: budget.NewRate(c.AddressRate, callers), address: c.address, now: now,
		count: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "parley_desk_shed_total", Help: "Requests refused unread because there were too many: in work (busy), or of an address (address).",
		}, []string{"why"})}
	r.MustRegister(s.count)
	for _, why := range []string{"busy", "address"} {
		s.count.WithLabelValues(why)
	}
	return s
}

func (s *shed) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if wait := s.addresses.Take(budget.Address(s.address(r)), s.now()); wait > 0 {
			s.refuse(w, "address", http.StatusTooManyRequests, wait)
			return
		}
		if r.URL.Path == deskv1connect.DeskServiceEventsProcedure {
			next.ServeHTTP(w, r)
			return
		}
		if !s.room.Enter() {
			s.refuse(w, "busy", http.StatusServiceUnavailable, time.Second)
			return
		}
		defer s.room.Leave()
		next.ServeHTTP(w, r)
	})
}

func (s *shed) refuse(w http.ResponseWriter, why string, status int, wait time.Duration) {
	s.count.WithLabelValues(why).Inc()
	w.Header().Set("Retry-After", strconv.Itoa(int((wait+time.Second-1)/time.Second)))
	http.Error(w, http.StatusText(status), status)
}
