package ingress

import (
	"net"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/parley-desk/parley/pkg/fault"
)

// gate bounds the connections that are open at once, so that callers who hold
// theirs and say nothing take no more than their share of memory and files.
type gate struct {
	limit   int64
	open    atomic.Int64
	refused prometheus.Counter
}

func newGate(limit int, registry prometheus.Registerer) (*gate, error) {
	g := &gate{limit: int64(limit), refused: prometheus.NewCounter(prometheus.CounterOpts{
		Name: "parley_ingress_connections_refused_total",
		Help: "Connections closed when they came because as many as may be were open.",
	})}
	open := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "parley_ingress_connections",
		Help: "Connections that are open.",
	}, func() float64 { return float64(g.open.Load()) })
	for _, c := range []prometheus.Collector{g.refused, open} {
		if err := registry.Register(c); err != nil {
			return nil, fault.Wrap(err, "register metrics of connections")
		}
	}
	return g, nil
}

// guard is l with the bound. One too many is closed rather than left waiting:
// a caller who is hung up on tries another process, or comes again.
func (g *gate) guard(l net.Listener) net.Listener { return guarded{l, g} }

type guarded struct {
	net.Listener
	gate *gate
}

// Accept gives the next connection within the bound.
func (l guarded) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if l.gate.open.Add(1) <= l.gate.limit {
			return &counted{Conn: conn, gate: l.gate}, nil
		}
		l.gate.open.Add(-1)
		l.gate.refused.Inc()
		_ = conn.Close()
	}
}

// counted is a connection that makes room when it is closed.
type counted struct {
	net.Conn
	gate   *gate
	closed atomic.Bool
}

// Close may be called more than once, as net/http does.
func (c *counted) Close() error {
	if c.closed.CompareAndSwap(false, true) {
		c.gate.open.Add(-1)
	}
	return c.Conn.Close()
}
