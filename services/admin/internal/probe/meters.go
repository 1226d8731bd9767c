package probe

import (
	"context"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/parley-desk/parley/pkg/fault"
	adminv1 "github.com/parley-desk/parley/proto/gen/parley/admin/v1"
)

// meters tell how pages stand. Every process that serves the admin API tells
// the same.
type meters struct {
	state, ends, data *prometheus.GaugeVec
	known             map[string]bool // pages with series
}

func newMeters(registry prometheus.Registerer) (meters, error) {
	m := meters{known: map[string]bool{},
		state: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "parley_page_state",
			Help: "1 for the state in which a page's connection to Meta is, by resource id, 0 for the others.",
		}, []string{"page", "state"}),
		ends: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "parley_page_token_ends_timestamp_seconds",
			Help: "When a page's token ends; absent when it does not or nobody knows.",
		}, []string{"page"}),
		data: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "parley_page_data_access_ends_timestamp_seconds",
			Help: "When the access to data of a page's token ends; absent when it does not or nobody knows.",
		}, []string{"page"}),
	}
	for _, c := range []prometheus.Collector{m.state, m.ends, m.data} {
		if err := registry.Register(c); err != nil {
			return meters{}, fault.Wrap(err, "register metrics of pages")
		}
	}
	return m, nil
}

// measure keeps the metrics true until ctx ends.
func (p *Prober) measure(ctx context.Context) error {
	tick := time.NewTicker(longest) // what time alone changes
	defer tick.Stop()
	for {
		seen, changed := p.board.next(), p.deps.Directory.Changed()
		p.meters.show(p.Statuses())
		select {
		case <-ctx.Done():
			return nil
		case <-seen:
		case <-changed:
		case <-tick.C:
		}
	}
}

func (m meters) show(all []*adminv1.PageStatus) {
	there := map[string]bool{}
	for _, s := range all {
		there[s.GetPage()], m.known[s.GetPage()] = true, true
		for n := range adminv1.PageState_name {
			state := adminv1.PageState(n)
			if state == adminv1.PageState_PAGE_STATE_UNSPECIFIED {
				continue
			}
			value := 0.0
			if state == s.GetState() {
				value = 1
			}
			m.state.WithLabelValues(s.GetPage(), word(state)).Set(value)
		}
		moment(m.ends, s.GetPage(), s.GetTokenEndsMs())
		moment(m.data, s.GetPage(), s.GetDataEndsMs())
	}
	for page := range m.known {
		if !there[page] {
			m.state.DeletePartialMatch(prometheus.Labels{"page": page})
			m.ends.DeleteLabelValues(page)
			m.data.DeleteLabelValues(page)
			delete(m.known, page)
		}
	}
}

// moment shows a moment of a page; none at 0.
func moment(of *prometheus.GaugeVec, page string, ms int64) {
	if ms == 0 {
		of.DeleteLabelValues(page)
		return
	}
	of.WithLabelValues(page).Set(float64(ms) / 1000)
}

// word is a state as it stands in metrics and logs.
func word(s adminv1.PageState) string {
	return strings.ToLower(strings.TrimPrefix(s.String(), "PAGE_STATE_"))
}
