package bus

import (
	"github.com/prometheus/client_golang/prometheus"
)

// metrics are the bus's own. No label holds an id.
type metrics struct {
	registry       prometheus.Registerer
	all            []prometheus.Collector
	batch          prometheus.Histogram
	fallbacks      prometheus.Counter
	publishRetries prometheus.Counter
	races          prometheus.Counter
	commit         prometheus.Histogram
	lag            *prometheus.GaugeVec
	process        *prometheus.HistogramVec
	retries        *prometheus.CounterVec
	deadLetters    *prometheus.CounterVec
	unsafe         prometheus.Gauge
}

func newMetrics(registry prometheus.Registerer) (*metrics, error) {
	m := &metrics{registry: registry,
		batch: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "parley_bus_publish_batch_messages",
			Help: "Messages that one group commit stored together.", Buckets: prometheus.ExponentialBuckets(1, 2, 11)}),
		fallbacks: prometheus.NewCounter(prometheus.CounterOpts{Name: "parley_bus_publish_batch_refused_total",
			Help: "Atomic batches that were refused and stored message by message."}),
		publishRetries: prometheus.NewCounter(prometheus.CounterOpts{Name: "parley_bus_publish_retries_total",
			Help: "Writes that were repeated because the broker did not answer."}),
		races: prometheus.NewCounter(prometheus.CounterOpts{Name: "parley_bus_commit_races_total",
			Help: "Commits that lost the race for their thread and decided again."}),
		commit: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "parley_bus_commit_duration_seconds",
			Help: "From deciding a commit to its acknowledgement.", Buckets: prometheus.ExponentialBuckets(0.0001, 2.5, 13)}),
		lag: prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "parley_bus_lag_messages",
			Help: "Messages that a stage has still to handle, for the partitions this process reads."}, []string{"stage", "partition"}),
		process: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "parley_bus_process_duration_seconds",
			Help: "How long a stage took to handle one record, tries together.", Buckets: prometheus.ExponentialBuckets(0.0001, 4, 10)}, []string{"stage", "outcome"}),
		retries: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "parley_bus_process_retries_total",
			Help: "Handlings that failed and were tried again."}, []string{"stage", "kind"}),
		deadLetters: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "parley_bus_dead_letters_total",
			Help: "Records that a stage gave up."}, []string{"stage"}),
		unsafe: prometheus.NewGauge(prometheus.GaugeOpts{Name: "parley_bus_unsafe_durability",
			Help: "1 while the broker may lose what it acknowledged."}),
	}
	m.all = []prometheus.Collector{m.batch, m.fallbacks, m.publishRetries, m.races, m.commit, m.lag, m.process, m.retries, m.deadLetters, m.unsafe}
	if registry == nil {
		return m, nil
	}
	for i, c := range m.all {
		if err := registry.Register(c); err != nil {
			m.all = m.all[:i]
			m.unregister()
			return nil, err
		}
	}
	return m, nil
}

func (m *metrics) unregister() {
	if m.registry == nil {
		return
	}
	for _, c := range m.all {
		m.registry.Unregister(c)
	}
}
