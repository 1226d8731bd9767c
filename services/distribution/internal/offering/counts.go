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
	overflows *prometheus.CounterVec
	choices   *prometheus.CounterVec
	rebuilds  prometheus.Counter
}

func newCounts(r prometheus.Registerer) *counts {
	c := &counts{
		proposals: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "parley_distribution_proposals_total",
			Help: "Offers that the book proposed, by whether the thread took them."}, []string{"result"}),
		ends: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "parley_distribution_timers_total",
			Help: "Commits that a due timer caused, by what they did."}, []string{"what"}),
		overflows: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "parley_distribution_overflowed_total",
			Help: "Conversations that waited too long in a queue, by what became of them."}, []string{"action"}),
		choices: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "parley_distribution_choices_total",
			Help: "Agents that rules of queues chose, by whether the book could still reserve them."}, []string{"result"}),
		rebuilds: prometheus.NewCounter(prometheus.CounterOpts{Name: "parley_distribution_rebuilds_total",
			Help: "Times the state in Redis was loaded from the log."}),
	}
	if r != nil {
		r.MustRegister(c.proposals, c.ends, c.overflows, c.choices, c.rebuilds)
	}
	return c
}

func (c *counts) proposal(taken bool) { c.proposals.WithLabelValues(result(taken)).Inc() }

func (c *counts) choice(taken bool) { c.choices.WithLabelValues(result(taken)).Inc() }

func result(taken bool) string {
	if taken {
		return "taken"
	}
	return "refused"
}

func (c *counts) ended(i assign.Intent) {
	what := "left"
	if i.Kind == assign.EndOffer {
		what = strings.ToLower(i.Outcome)
	}
	c.ends.WithLabelValues(what).Inc()
}

// overflowed counts a wait that was over; one that was not, or that no rule
// limits any more, is no overflow.
func (c *counts) overflowed(f fate) {
	switch {
	case f.refused != "":
		c.overflows.WithLabelValues("refused").Inc()
	case f.goes && f.target == "":
		c.overflows.WithLabelValues("ended").Inc()
	case f.goes:
		c.overflows.WithLabelValues("transferred").Inc()
	}
}
