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
		if !public(address) {
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
	return func(ctx context.Context, network, at string, c syscall.RawConn) error {
		to, err := netip.ParseAddrPort(at)
		if err != nil || !public(to.Addr()) {
			return refused("%s is dialled", at)
		}
		if then != nil {
			return then(ctx, network, at, c)
		}
		return nil
	}
}

// closed are the ranges of addresses that are not of the public network, or that
// stand for addresses in them.
var closed = prefixes(
	"0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
	"192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24",
	"224.0.0.0/4", "240.0.0.0/4",
	"2001::/23",     // Teredo, benchmarks and others
	"2001:db8::/32", // documentation
	"2002::/16",     // 6to4
	"3fff::/20",     // documentation
)

// global is what of IPv6 is the public network; it leaves out loopback, link and
// site, ULA, multicast, mapped IPv4 and NAT64.
var global = netip.MustParsePrefix("2000::/3")

func prefixes(all ...string) []netip.Prefix {
	list := make([]netip.Prefix, len(all))
	for i, p := range all {
		list[i] = netip.MustParsePrefix(p)
	}
	return list
}

// public tells whether an address is one of the public network.
func public(a netip.Addr) bool {
	if !a.IsValid() || a.Zone() != "" || a.Is6() && !global.Contains(a) {
		return false
	}
	return !slices.ContainsFunc(closed, func(p netip.Prefix) bool { return p.Contains(a) })
}
