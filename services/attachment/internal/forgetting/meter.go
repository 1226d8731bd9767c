package forgetting

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	privacyv1 "github.com/parley-desk/parley/proto/gen/parley/privacy/v1"
)

// Meter tells which erasures are not done. Only the process that carries them out has
// values; nil: nobody is told.
type Meter struct{ open, oldest prometheus.Gauge }

// NewMeter registers the metrics of forgetting.
func NewMeter(r prometheus.Registerer) *Meter {
	m := &Meter{
		open: prometheus.NewGauge(prometheus.GaugeOpts{Name: "parley_attachment_erasures_open",
			Help: "Erasures that are ordered, may begin and are not done."}),
		oldest: prometheus.NewGauge(prometheus.GaugeOpts{Name: "parley_attachment_erasure_oldest_seconds",
			Help: "For how long the oldest of them may have begun; 0: there is none."}),
	}
	r.MustRegister(m.open, m.oldest)
	return m
}

func (m *Meter) set(open []*privacyv1.Erasure, now time.Time) {
	if m == nil {
		return
	}
	n, oldest := 0, time.Duration(0)
	for _, e := range open {
		if since := now.Sub(time.UnixMilli(max(e.GetOrderedMs(), e.GetStartsMs()))); since >= 0 {
			n, oldest = n+1, max(oldest, since)
		}
	}
	m.open.Set(float64(n))
	m.oldest.Set(oldest.Seconds())
}
