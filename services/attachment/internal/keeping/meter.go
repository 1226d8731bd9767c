package keeping

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	privacyv1 "github.com/parley-desk/parley/proto/gen/parley/privacy/v1"
)

// Meter tells how far back conversations go. Only the process that looks has values.
type Meter struct {
	oldest, due *prometheus.GaugeVec
	looked      prometheus.Gauge
}

// NewMeter registers the metrics of keeping.
func NewMeter(r prometheus.Registerer) *Meter {
	m := &Meter{
		oldest: prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "parley_attachment_retention_oldest_seconds",
			Help: "Age of the oldest record of a workstream with retention_days that is older than the shortest of those; 0: none is."}, []string{"workstream"}),
		due: prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "parley_attachment_retention_due",
			Help: "Threads of a workstream with conversations that were kept for long enough and are being erased."}, []string{"workstream"}),
		looked: prometheus.NewGauge(prometheus.GaugeOpts{Name: "parley_attachment_retention_looked_seconds",
			Help: "When conversations that were kept for long enough were looked for last, seconds since 1970 UTC; 0: not by this process."}),
	}
	r.MustRegister(m.oldest, m.due, m.looked)
	return m
}

func (m *Meter) set(r *privacyv1.Retention, now time.Time) {
	m.clear()
	for _, one := range r.GetKept() {
		age := 0.0
		if one.GetOldestMs() > 0 {
			age = now.Sub(time.UnixMilli(one.GetOldestMs())).Seconds()
		}
		m.oldest.WithLabelValues(one.GetWorkstream()).Set(age)
		m.due.WithLabelValues(one.GetWorkstream()).Set(float64(one.GetDue()))
	}
	m.looked.Set(float64(r.GetAtMs()) / 1000)
}

// clear is for who stops looking, and for workstreams that are not there any more.
func (m *Meter) clear() {
	m.oldest.Reset()
	m.due.Reset()
	m.looked.Set(0)
}
