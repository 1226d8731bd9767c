package receive

import (
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"

	inboundv1 "github.com/parley-desk/parley/proto/gen/parley/inbound/v1"
	"github.com/parley-desk/parley/services/ingress/internal/verify"
)

type meters struct {
	seconds    *prometheus.HistogramVec
	signatures *prometheus.CounterVec
	refused    *prometheus.CounterVec
	events     *prometheus.CounterVec
	defects    prometheus.Counter
	persons    *prometheus.CounterVec
}

func newMeters(registry prometheus.Registerer, flight *atomic.Int64) (meters, error) {
	m := meters{
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "parley_ingress_request_duration_seconds",
			Help:    "Time from a webhook's headers to its answer, by status code.",
			Buckets: prometheus.ExponentialBuckets(0.0005, 2, 15),
		}, []string{"code"}),
		signatures: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "parley_ingress_signatures_total",
			Help: "Webhooks by the secret that signed them: current, previous, or none of ours: missing, wrong.",
		}, []string{"account", "secret"}),
		refused: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "parley_ingress_refused_total",
			Help: "Requests that were not answered 200, by reason.",
		}, []string{"reason"}),
		events: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "parley_ingress_events_total",
			Help: "Events stored, by the array they stood in; what Meta sends again is stored again.",
		}, []string{"lane"}),
		defects: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "parley_ingress_defects_total",
			Help: "Events kept without being understood.",
		}),
	}
	m.persons = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "parley_ingress_privacy_requests_total",
		Help: "What people asked of their data: deletion, or deauthorization, when they removed the app.",
	}, []string{"kind"})
	inFlight := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "parley_ingress_in_flight_bytes",
		Help: "Bytes of bodies between reading and answering.",
	}, func() float64 { return float64(flight.Load()) })
	for _, c := range []prometheus.Collector{m.seconds, m.signatures, m.refused, m.events, m.defects, m.persons, inFlight} {
		if err := registry.Register(c); err != nil {
			return meters{}, err
		}
	}
	return m, nil
}

// judged counts a verdict, under no account's name when there is none: strangers
// choose it.
func (m meters) judged(id string, a account, v verify.Verdict) {
	if !a.known {
		id = "unknown"
	}
	m.signatures.WithLabelValues(id, v.String()).Inc()
}

func (m meters) count(events []*inboundv1.Event) {
	for _, e := range events {
		m.events.WithLabelValues(name(e.GetLane())).Inc()
		if e.GetDefect() != "" {
			m.defects.Inc()
		}
	}
}

func name(lane inboundv1.Lane) string {
	switch lane {
	case inboundv1.Lane_LANE_MESSAGING:
		return "messaging"
	case inboundv1.Lane_LANE_STANDBY:
		return "standby"
	case inboundv1.Lane_LANE_CHANGES:
		return "changes"
	case inboundv1.Lane_LANE_RECOVERED, inboundv1.Lane_LANE_UNSPECIFIED:
	}
	return "none"
}
