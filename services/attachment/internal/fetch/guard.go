package fetch

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"syscall"

	"github.com/parley-desk/parley/pkg/outside"
)

// guard decides where a connection may go: what a customer sends is a link, and
// a link can name anything that this process could reach (SA1).
type guard struct {
	suffixes []string // of hosts, lower case, without a dot in front
	plain    []string // host:port that may be asked without TLS, wherever it is
	lookup   func(ctx context.Context, host string) ([]netip.Addr, error)
	dialer   net.Dialer
}

// errRefused is a link that is not followed, now or later.
var errRefused = errors.New("the link is refused")

func refused(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{errRefused}, args...)...)
}

// admit judges a link by how it is written, before anything is looked up.
func (g *guard) admit(u *url.URL) error {
	host := strings.ToLower(u.Hostname())
	switch {
	case u.User != nil:
		return refused("it names a user")
	case u.Opaque != "" || host == "":
		return refused("it names no host")
	case u.Scheme == "http" && slices.Contains(g.plain, u.Host):
		return nil
	case u.Scheme != "https":
		return refused("it is not https")
	case u.Port() != "" && u.Port() != "443":
		return refused("it names a port")
	case !g.listed(host):
		return refused("its host is not on the list")
	}
	return nil
}

// listed tells whether a host is, or is under, one of the list. No address is:
// none of them ends in a name.
func (g *guard) listed(host string) bool {
	return slices.ContainsFunc(g.suffixes, func(s string) bool {
		return host == s || strings.HasSuffix(host, "."+s)
	})
}

// dial looks a host up once and connects to what was found, so that there is no
// second answer to be different. One address out of bounds among them refuses
// all: Meta's names have none, and a name with some was made for this.
func (g *guard) dial(ctx context.Context, network, at string) (net.Conn, error) {
	if slices.Contains(g.plain, at) {
		return g.dialer.DialContext(ctx, network, at)
	}
	host, port, err := net.SplitHostPort(at)
	if err != nil {
		return nil, err
	}
	found, err := g.lookup(ctx, host)
	if err != nil {
		return nil, err
	}
	for _, address := range found {
		if !outside.Public(address) {
			return nil, refused("its host leads to %s", address)
		}
	}
	bound := g.dialer
	bound.ControlContext = control(bound.ControlContext)
	err = fmt.Errorf("host %s has no address", host)
	for _, address := range found {
		var conn net.Conn
		if conn, err = bound.DialContext(ctx, network, net.JoinHostPort(address.String(), port)); err == nil {
			return conn, nil
		}
	}
	return nil, err
}

// control looks at the address that is about to be dialled, whoever found it:
// the last moment at which no packet has left.
func control(then func(context.Context, string, string, syscall.RawConn) error) func(context.Context, string, string, syscall.RawConn) error {
	public := outside.Guard(outside.Public)
	return func(ctx context.Context, network, at string, c syscall.RawConn) error {
		if err := public(ctx, network, at, c); err != nil {
			return refused("%w", err)
		}
		if then != nil {
			return then(ctx, network, at, c)
		}
		return nil
	}
}
