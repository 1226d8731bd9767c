package budget

import (
	"net"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
)

// Connections bounds those that are open at once, so that callers who hold theirs and
// say nothing take no more than their share of memory and files.
type Connections struct {
	limit   int64
	open    atomic.Int64
	refused prometheus.Counter
}

// NewConnections bounds connections, and counts those that it refuses.
func NewConnections(limit int, refused prometheus.Counter) *Connections {
	return &Connections{limit: int64(limit), refused: refused}
}

// Open is how many are open.
func (c *Connections) Open() float64 { return float64(c.open.Load()) }

// Guard is l with the bound. One too many is closed rather than left waiting: a caller
// who is hung up on tries another process, or comes again.
func (c *Connections) Guard(l net.Listener) net.Listener { return guarded{l, c} }

type guarded struct {
	net.Listener
	all *Connections
}

// Accept gives the next connection within the bound.
func (l guarded) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if l.all.open.Add(1) <= l.all.limit {
			return &counted{Conn: conn, all: l.all}, nil
		}
		l.all.open.Add(-1)
		l.all.refused.Inc()
		_ = conn.Close()
	}
}

// counted is a connection that makes room when it is closed.
type counted struct {
	net.Conn
	all    *Connections
	closed atomic.Bool
}

// Close may be called more than once, as net/http does.
func (c *counted) Close() error {
	if c.closed.CompareAndSwap(false, true) {
		c.all.open.Add(-1)
	}
	return c.Conn.Close()
}
