package pace

import (
	"context"
	"sync"
	"time"

	"github.com/failsafe-go/failsafe-go/circuitbreaker"
	"golang.org/x/time/rate"

	"github.com/parley-desk/parley/pkg/graph"
)

// ReasonMetaFailing is why a send waits whose page's last calls all failed at
// Meta's side.
const ReasonMetaFailing = "META_FAILING" // Meta has failed the page's last requests, and is left alone for a moment

// Kind is a kind of call, by Meta's limits.
type Kind int

// The kinds.
const (
	Text   Kind = iota // text, templates, reactions
	Media              // pictures, sound, films and files
	Read               // a reading of one conversation
	Action             // typing and seen
	kinds
)

// limit is a number of calls in one second. A tenth of it may come at once, so
// that never more than all of it fall into any second.
type limit struct {
	name   string
	second int
}

// limits are Meta's ("Rate limiting" of the Messenger Platform), but for that of
// actions, which is ours: they must never crowd out messages. Of two readings a
// second, admin's gap repair has one.
var limits = [kinds]limit{{"text", 300}, {"media", 10}, {"read", 1}, {"action", 20}}

// inbox is from where on Meta's own inbox of a page stalls.
const inbox = 40

// counts tells whether a call of the kind is one that a page's rest concerns.
func (k Kind) counts() bool { return k == Text || k == Media }

// burst is how many calls may come at once in each of n shares.
func (l limit) burst(n int) int { return max(1, l.second/10/n) }

// rate is how many calls a second follow on each other.
func (l limit) rate() float64 {
	if l.second < 10 {
		return float64(l.second)
	}
	return float64(l.second - l.burst(1))
}

func (l limit) interval() time.Duration { return time.Duration(float64(time.Second) / l.rate()) }

// page is what this process knows of one page.
type page struct {
	room    chan struct{}
	breaker circuitbreaker.CircuitBreaker[any]
	lines   [kinds]line

	mu        sync.Mutex
	own       [kinds]*rate.Limiter // this process's share
	members   int                  // among whom that is
	inbox     *rate.Limiter
	rest      time.Time
	stretch   int64
	stretched time.Time // until when
}

func newPage(s Settings) *page {
	p := &page{room: make(chan struct{}, s.Room), inbox: rate.NewLimiter(inbox, inbox), breaker: circuitbreaker.NewBuilder[any]().
		WithFailureThreshold(uint(s.Failures)).WithSuccessThreshold(1).WithDelay(s.Pause).Build()}
	for k := range p.own {
		p.own[k] = rate.NewLimiter(0, 1)
		p.lines[k].busy = make(chan struct{}, 1)
	}
	return p
}

func (p *page) enter(ctx context.Context) error {
	select {
	case p.room <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (p *page) leave() { <-p.room }

func (p *page) resting() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	return max(0, time.Until(p.rest))
}

func (p *page) heed(rest time.Duration, stretch int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if until := time.Now().Add(rest); rest > 0 && until.After(p.rest) {
		p.rest = until
	}
	if stretch > 1000 {
		p.stretch, p.stretched = stretch, time.Now().Add(stretchedFor)
	}
}

// alone gives a turn out of this process's share.
func (p *Pace) alone(id string, k Kind) word {
	page, n := p.page(id), max(1, p.members())
	page.mu.Lock()
	defer page.mu.Unlock()
	slower := 1.0
	if k.counts() && time.Now().Before(page.stretched) {
		slower = float64(page.stretch) / 1000
	}
	l := page.own[k]
	if per := rate.Limit(limits[k].rate() / float64(n) / slower); per != l.Limit() {
		l.SetLimit(per)
	}
	if n != page.members {
		page.members = n
		for k, l := range page.own {
			l.SetBurst(limits[k].burst(n))
		}
	}
	stalls := k.counts() && !page.inbox.Allow()
	return word{wait: l.Reserve().Delay(), stalls: stalls}
}

// broken is how long calls will still be kept from Meta; 0 when they are not.
func (p *page) broken() time.Duration {
	if !p.breaker.IsOpen() {
		return 0
	}
	return p.breaker.RemainingDelay()
}

// try asks the breaker to let a call through; left is how long it will not.
func (p *page) try() (trial bool, left time.Duration) {
	trial = !p.breaker.IsClosed()
	if p.breaker.TryAcquirePermit() {
		return trial, 0
	}
	return false, max(p.breaker.RemainingDelay(), time.Second)
}

// judge has the breaker learn from a call. One that was let through to try and
// was not made counts as failed: else nobody would be let through again.
func (p *page) judge(out *graph.Outcome, trial bool) {
	switch {
	case out == nil && trial, failed(out):
		p.breaker.RecordFailure()
	case out != nil:
		p.breaker.RecordSuccess()
	}
}

// failed tells whether a call failed at Meta's side or on the way there. That
// Meta refuses it, or has no room for it, is an answer.
func failed(out *graph.Outcome) bool {
	if out == nil {
		return false
	}
	switch out.Reason {
	case graph.ReasonTimeout, graph.ReasonReset, graph.ReasonServerError, graph.ReasonUnreadable, graph.ReasonUnreachable:
		return true
	}
	return false
}
