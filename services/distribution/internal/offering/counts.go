package offering

import (
	"strings"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/parley-desk/parley/services/distribution/internal/assign"
)

// counts are the metrics of distribution.
type counts struct {
	proposals *prometheus.CounterVec
	ends      *prometheus.CounterVec
	rebuilds  prometheus.Counter
}

func newCounts(r prometheus.Registerer) *counts {
	c := &counts{
		proposals: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "parley_distribution_proposals_total",
			Help: "Offers that the book proposed, by whether the thread took them."}, []string{"result"}),
		ends: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "parley_distribution_timers_total",
			Help: "Commits that a due timer caused, by what they did."}, []string{"what"}),
		rebuilds: prometheus.NewCounter(prometheus.CounterOpts{Name: "parley_distribution_rebuilds_total",
			Help: "Times the state in Redis was loaded from the log."}),
	}
	if r != nil {
		r.MustRegister(c.proposals, c.ends, c.rebuilds)
	}
	return c
}

func (c *counts) proposal(taken bool) {
	result := "refused"
	if taken {
		result = "taken"
	}
	c.proposals.WithLabelValues(result).Inc()
}

func (c *counts) ended(i assign.Intent) {
	what := "left"
	if i.Kind == assign.EndOffer {
		what = strings.ToLower(i.Outcome)
	}
	c.ends.WithLabelValues(what).Inc()
}
