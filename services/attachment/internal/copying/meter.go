package copying

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
)

// Meter counts files.
type Meter struct {
	files     *prometheus.CounterVec
	bytes     prometheus.Counter
	retries   prometheus.Counter
	transfers prometheus.Gauge
	took      prometheus.Histogram
}

// NewMeter registers the metrics of copying.
func NewMeter(r prometheus.Registerer) *Meter {
	m := &Meter{
		files: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "parley_attachment_files_total",
			Help: "Files of customers by what became of them: kept, or why they are lost."}, []string{"outcome"}),
		bytes: prometheus.NewCounter(prometheus.CounterOpts{Name: "parley_attachment_bytes_total",
			Help: "Bytes of the files that were kept."}),
		retries: prometheus.NewCounter(prometheus.CounterOpts{Name: "parley_attachment_retries_total",
			Help: "Transfers that failed and are tried again."}),
		transfers: prometheus.NewGauge(prometheus.GaugeOpts{Name: "parley_attachment_transfers",
			Help: "Files that are being copied."}),
		took: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "parley_attachment_copy_seconds",
			Help:    "From when a message came into the log to when its file was kept.",
			Buckets: []float64{0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 3600}}),
	}
	r.MustRegister(m.files, m.bytes, m.retries, m.transfers, m.took)
	return m
}

func (m *Meter) kept(k *threadv1.AttachmentKept, took time.Duration) {
	m.files.WithLabelValues("kept").Inc()
	m.bytes.Add(float64(k.GetSize()))
	m.took.Observe(took.Seconds())
}

func (m *Meter) lost(reason string) { m.files.WithLabelValues(reason).Inc() }
