package timers

import (
	"strings"
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
)

// Meter counts what time does.
type Meter struct {
	done     *prometheus.CounterVec
	failures prometheus.Counter

	mu      sync.Mutex
	shelves map[*Shelf]struct{}
}

// NewMeter registers the metrics of timers.
func NewMeter(r prometheus.Registerer) *Meter {
	m := &Meter{
		done: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "parley_engagement_closed_total",
			Help: "Conversations that time has closed, by cause."}, []string{"cause"}),
		failures: prometheus.NewCounter(prometheus.CounterOpts{Name: "parley_engagement_failures_total",
			Help: "What was due and could not be committed; it is tried again."}),
		shelves: map[*Shelf]struct{}{},
	}
	r.MustRegister(m.done, m.failures, prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "parley_engagement_pending",
		Help: "Live conversations whose next deadline this process keeps."}, m.pending))
	return m
}

func (m *Meter) add(s *Shelf) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.shelves[s] = struct{}{}
}

func (m *Meter) remove(s *Shelf) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.shelves, s)
}

func (m *Meter) pending() float64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	sum := 0
	for s := range m.shelves {
		_, waiting := s.Size()
		sum += waiting
	}
	return float64(sum)
}

func (m *Meter) did(f *threadv1.Fact) {
	if c := f.GetConversationClosed(); c != nil {
		m.done.WithLabelValues(strings.ToLower(strings.TrimPrefix(c.GetCause().String(), "CAUSE_"))).Inc()
	}
}
