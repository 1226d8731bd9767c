package timers

import (
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
)

// Meter counts what time does.
type Meter struct {
	done     *prometheus.CounterVec
	late     prometheus.Histogram
	failures prometheus.Counter

	mu      sync.Mutex
	shelves map[*Shelf]struct{}
}

// NewMeter registers the metrics of timers.
func NewMeter(r prometheus.Registerer) *Meter {
	m := &Meter{
		done: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "parley_engagement_done_total",
			Help: "What time did: auto_closed, questions_timed_out, bot_dead, and rules that ran by whose silence, customer_silent and agent_silent."}, []string{"what"}),
		late: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "parley_engagement_late_seconds",
			Help: "From when something was due to when it was in the log.", Buckets: []float64{0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60, 600, 3600}}),
		failures: prometheus.NewCounter(prometheus.CounterOpts{Name: "parley_engagement_failures_total",
			Help: "What was due and could not be committed; it is tried again."}),
		shelves: map[*Shelf]struct{}{},
	}
	r.MustRegister(m.done, m.late, m.failures, prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "parley_engagement_pending",
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

// did counts what happened so much later than it was due.
func (m *Meter) did(facts []*threadv1.Fact, late time.Duration) {
	if len(facts) == 0 {
		return
	}
	what := "auto_closed"
	if facts[0].GetBotEscalated() != nil {
		what = "bot_dead"
	}
	switch facts[0].GetTimeOutReached().GetSilent() {
	case threadv1.Side_SIDE_CUSTOMER:
		what = "customer_silent"
	case threadv1.Side_SIDE_AGENT:
		what = "agent_silent"
	case threadv1.Side_SIDE_UNSPECIFIED:
		if facts[0].GetQuestionsEnded() != nil {
			what = "questions_timed_out"
		}
	}
	m.done.WithLabelValues(what).Inc()
	m.late.Observe(max(0, late.Seconds()))
}
