package life

import (
	"cmp"
	"slices"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/parley-desk/parley/pkg/directory"
	"github.com/parley-desk/parley/pkg/wording"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
	"github.com/parley-desk/parley/services/engagement/internal/bot"
)

// How long conversations of Messenger stay in a phase untouched where their
// workstream does not say (L87). For those that are set aside nobody names a
// time: after a week Meta lets nobody answer the customer any more.
const (
	openMinutes    = 30 * 24 * 60
	activeMinutes  = 30 * 24 * 60
	waitingMinutes = 7 * 24 * 60
	wrapUpMinutes  = 24 * 60
)

// slack is what the clocks of two processes may differ by before a bot is taken
// as dead too early; the agent who gets the conversation then is no harm.
const slack = 30 * time.Second

// Plan is what a workstream says of the life of its conversations. Do not change
// it.
type Plan struct {
	close [threadv1.Phase_PHASE_CLOSED]time.Duration // by phase
	rules []Rule                                     // the shortest first, one for every side and time
	bot   time.Duration                              // how long a bot may owe an answer
}

// NewPlan reads the plan of a workstream; of nil it is the usual one.
func NewPlan(w *configv1.Workstream) *Plan {
	p, set := &Plan{bot: owed(w)}, w.GetAutoClose()
	for _, c := range []struct {
		phase        threadv1.Phase
		given, usual int32
	}{
		{threadv1.Phase_PHASE_OPEN, set.GetOpenMinutes(), openMinutes},
		{threadv1.Phase_PHASE_ACTIVE, set.GetActiveMinutes(), activeMinutes},
		{threadv1.Phase_PHASE_WAITING, set.GetWaitingMinutes(), waitingMinutes},
		{threadv1.Phase_PHASE_WRAP_UP, set.GetWrapUpMinutes(), wrapUpMinutes},
	} {
		p.close[c.phase] = time.Duration(cmp.Or(c.given, c.usual)) * time.Minute
	}
	rules := slices.Clone(w.GetTimeOutRules())
	slices.SortStableFunc(rules, func(a, b *configv1.TimeOutRule) int {
		return cmp.Or(cmp.Compare(a.GetMinutes(), b.GetMinutes()), cmp.Compare(a.GetPriority(), b.GetPriority()), cmp.Compare(a.GetName(), b.GetName()))
	})
	for _, r := range rules {
		rule := newRule(r)
		tie := func(o Rule) bool { return o.minutes == rule.minutes && o.spoke == rule.spoke }
		if !r.GetInactive() && rule.minutes > 0 && rule.spoke != threadv1.Side_SIDE_UNSPECIFIED && !slices.ContainsFunc(p.rules, tie) {
			p.rules = append(p.rules, rule)
		}
	}
	return p
}

// owed is how long a bot of w may owe an answer until it is taken as dead,
// whatever became of who asks it: as long as it may take, and what two clocks
// may differ by. One that is there no more owes none.
func owed(w *configv1.Workstream) time.Duration {
	if w.GetBot() == nil {
		return 0
	}
	return bot.Limit(w.GetBot()) + slack
}

func newRule(r *configv1.TimeOutRule) Rule {
	rule := Rule{name: r.GetName(), minutes: r.GetMinutes(), sinceMS: r.GetSinceMs(),
		customer: texts{r.GetCustomerTexts(), r.GetFallbackLanguage()}, agent: texts{r.GetAgentTexts(), r.GetFallbackLanguage()}}
	switch r.GetSilence() {
	case configv1.Silence_SILENCE_CUSTOMER:
		rule.spoke = threadv1.Side_SIDE_AGENT
	case configv1.Silence_SILENCE_AGENT:
		rule.spoke = threadv1.Side_SIDE_CUSTOMER
	case configv1.Silence_SILENCE_UNSPECIFIED:
	}
	switch r.GetTurn() {
	case configv1.TimeOutTurn_TIME_OUT_TURN_CLOSE:
		rule.turn = closes
	case configv1.TimeOutTurn_TIME_OUT_TURN_PARK:
		rule.turn = parks
	case configv1.TimeOutTurn_TIME_OUT_TURN_UNSPECIFIED:
	}
	return rule
}

// Plans are those of all workstreams, as the configuration says now.
type Plans struct {
	world *directory.Snapshot
	usual *Plan
	of    map[string]*Plan // by workstream
}

// NewPlans reads the plans out of the configuration.
func NewPlans(world *directory.Snapshot) *Plans {
	p := &Plans{world: world, usual: NewPlan(nil), of: map[string]*Plan{}}
	for id, w := range world.Workstreams {
		p.of[id] = NewPlan(w)
	}
	return p
}

// Of is the plan for a conversation of a page that opened with a workstream: of
// that one, else of the one that the page has now.
func (p *Plans) Of(page, workstream string) *Plan {
	for _, id := range []string{workstream, p.world.PagesByMeta[page].GetWorkstream()} {
		if plan := p.of[id]; plan != nil {
			return plan
		}
	}
	return p.usual
}

// OfCustomer is the language of a page's customer of that locale, as for all that
// is said by itself: the page's (S27), else the customer's own.
func (p *Plans) OfCustomer(page, locale string) string {
	return wording.Languages(p.world.PagesByMeta[page], locale)[0]
}

// OfAgent is the language of an agent's desk.
func (p *Plans) OfAgent(agent string) string { return p.world.Agents[agent].GetLanguage() }

// Same tells whether two configurations have everything happen at the same
// times.
func (p *Plans) Same(o *Plans) bool {
	if len(p.of) != len(o.of) {
		return false
	}
	for id, w := range p.world.Workstreams {
		other := o.world.Workstreams[id]
		if other == nil || !proto.Equal(timing(w), timing(other)) {
			return false
		}
	}
	for id, page := range p.world.PagesByMeta {
		if o.world.PagesByMeta[id].GetWorkstream() != page.GetWorkstream() {
			return false
		}
	}
	return len(p.world.PagesByMeta) == len(o.world.PagesByMeta)
}

// timing is what of a workstream decides when something happens.
func timing(w *configv1.Workstream) *configv1.Workstream {
	return &configv1.Workstream{AutoClose: w.GetAutoClose(), TimeOutRules: w.GetTimeOutRules(), Bot: w.GetBot()}
}
