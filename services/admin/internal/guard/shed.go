package guard

import (
	"context"
	"net/netip"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc/peer"

	"github.com/parley-desk/parley/pkg/budget"
	"github.com/parley-desk/parley/pkg/fault"
)

// callers is how many addresses and callers are told apart, at the most twice.
const callers = 10_000

// Shed refuses what is too much before anything is done for it. Who can open the unix
// socket owns the process, and what the desk passes on is bounded there: neither is
// asked. A nil Shed bounds nothing.
type Shed struct {
	room             *budget.Room
	addresses, names *budget.Throttle
	now              func() time.Time
	count            *prometheus.CounterVec
}

// NewShed lets so many calls be in work at once, and one address and one caller make so
// many a second; 0 is no bound.
func NewShed(calls, rate int, r prometheus.Registerer, now func() time.Time) *Shed {
	s := &Shed{room: budget.NewRoom(calls), addresses: budget.NewRate(rate, callers), names: budget.NewRate(rate, callers), now: now,
		count: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "parley_admin_shed_total", Help: "Calls refused because there were too many: in work (busy), of an address (address), or of a caller (caller).",
		}, []string{"why"})}
	r.MustRegister(s.count)
	for _, why := range []string{"busy", "address", "caller"} {
		s.count.WithLabelValues(why)
	}
	return s
}

// knock is the first that is asked of a call, before who makes it.
func (s *Shed) knock(p *peer.Peer) error {
	if from := addressOf(p.Addr); s != nil && from.IsValid() {
		return s.rate("address", s.addresses, budget.Address(from.String()))
	}
	return nil
}

// known is asked when it is known who calls.
func (s *Shed) known(who principal) error {
	if s == nil || who.name == "" || who.again == nil && who.address == (netip.Addr{}) {
		return nil
	}
	return s.rate("caller", s.names, who.name)
}

func (s *Shed) rate(why string, t *budget.Throttle, key string) error {
	wait := t.Take(key, s.now())
	if wait == 0 {
		return nil
	}
	s.count.WithLabelValues(why).Inc()
	err := fault.New(fault.Exhausted, "TOO_MANY_REQUESTS", "these are too many calls; wait a little")
	err.RetryAfter = wait
	return err
}

// enter takes a place for a call, which is to be left; a fault when there is none.
func (s *Shed) enter(ctx context.Context) (leave func(), _ error) {
	if p, ok := peer.FromContext(ctx); s == nil || !ok || !addressOf(p.Addr).IsValid() {
		return func() {}, nil
	}
	if s.room.Enter() {
		return s.room.Leave, nil
	}
	s.count.WithLabelValues("busy").Inc()
	err := fault.New(fault.Unavailable, "TOO_BUSY", "as many calls as may be are in work; try again")
	err.RetryAfter = time.Second
	return nil, err
}
