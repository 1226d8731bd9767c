package classification

import (
	"strings"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/parley-desk/parley/pkg/fault"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
	"github.com/parley-desk/parley/services/classification/internal/intake"
	"github.com/parley-desk/parley/services/classification/internal/meta"
	"github.com/parley-desk/parley/services/classification/internal/routing"
)

type meters struct {
	facts    *prometheus.CounterVec
	repeated prometheus.Counter
	found    prometheus.Counter
	twice    prometheus.Counter
	limited  prometheus.Counter
	routes   *prometheus.CounterVec
	unrouted prometheus.Gauge
	failed   *prometheus.CounterVec
	profiles *prometheus.CounterVec
	referred *prometheus.CounterVec
	persons  *prometheus.CounterVec
}

func newMeters(registry prometheus.Registerer) (*meters, error) {
	m := &meters{
		facts: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "parley_classification_facts_total",
			Help: "Facts that events led to.",
		}, []string{"fact"}),
		repeated: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "parley_classification_repeated_total",
			Help: "Events that changed nothing, because their thread has had them or knows more.",
		}),
		found: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "parley_classification_recovered_total",
			Help: "Messages whose webhook was missed and that were filed after they were read from Meta.",
		}),
		twice: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "parley_classification_duplicate_delivered_total",
			Help: "Parts of replies that Meta showed under a second id: the customer has them twice. Expected to stay 0.",
		}),
		limited: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "parley_classification_policy_enforcements_total",
			Help: "Times Meta said that it warned, blocked or unblocked a page. Such an event names no customer, so no agent sees it.",
		}),
		routes: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "parley_classification_routed_total",
			Help: "Conversations that were given a queue, or ended, by what decided: rule, workstream, fallback, overflow or end.",
		}, []string{"by"}),
		unrouted: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "parley_classification_unrouted",
			Help: "Conversations known to this process that have no queue to go to.",
		}),
		failed: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "parley_classification_rule_failures_total",
			Help: "Times a rule failed for a conversation and counted as one that does not match, by ruleset.",
		}, []string{"ruleset"}),
		profiles: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "parley_classification_profiles_total",
			Help: "Look-ups of customers' names, by what became of them.",
		}, []string{"outcome"}),
		referred: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "parley_classification_link_variables_total",
			Help: "Context variables that links told of conversations that opened, by what became of them: set, undeclared, unfit, or claim, of one that says who the customer is.",
		}, []string{"outcome"}),
		persons: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "parley_classification_identifications_total",
			Help: "Customers whose name was looked for among contacts, by what became of it: matched, unmatched for none or several, changed for one that is not so any more, or away for contacts that could not be read, also those of customers known before.",
		}, []string{"outcome"}),
	}
	for _, c := range []prometheus.Collector{m.facts, m.repeated, m.found, m.twice, m.limited, m.routes, m.unrouted, m.failed, m.profiles, m.referred, m.persons} {
		if err := registry.Register(c); err != nil {
			return nil, err
		}
	}
	return m, nil
}

func (m *meters) filed(facts []*threadv1.Fact) {
	if len(facts) == 0 {
		m.repeated.Inc()
	}
	for _, f := range facts {
		if f.GetRecovered() {
			m.found.Inc()
		}
		if f.GetSendEchoed().GetTwice() {
			m.twice.Inc()
		}
		if f.GetEventKept().GetKind() == meta.PolicyEnforcement {
			m.limited.Inc()
		}
		r := f.ProtoReflect()
		if kind := r.WhichOneof(r.Descriptor().Oneofs().ByName("kind")); kind != nil {
			m.facts.WithLabelValues(string(kind.Name())).Inc()
		}
	}
}

// routed counts a conversation by what decided where it goes.
func (m *meters) routed(route routing.Route) {
	if route.Stays() {
		return
	}
	by := "rule"
	if route.Outcome.Ends {
		by = "end"
	} else {
		for _, word := range []string{"workstream", "fallback", "overflow"} {
			if strings.HasPrefix(route.Outcome.Rule, word+" ") || strings.HasPrefix(route.Outcome.Rule, word+":") {
				by = word
			}
		}
	}
	m.routes.WithLabelValues(by).Inc()
}

// came counts what the link told by which a customer came.
func (m *meters) came(r intake.Referred) {
	m.referred.WithLabelValues("set").Add(float64(r.Set))
	m.referred.WithLabelValues("undeclared").Add(float64(r.Undeclared))
	m.referred.WithLabelValues("unfit").Add(float64(r.Unfit))
	m.referred.WithLabelValues("claim").Add(float64(r.Claims))
}

func (m *meters) profiled(err error) {
	outcome := "found"
	if err != nil {
		outcome = fault.KindOf(err).String()
	}
	m.profiles.WithLabelValues(outcome).Inc()
}
