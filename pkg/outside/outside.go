// Package outside tells the public network from everything else that a process
// could reach: what somebody else names must not lead into the house, and what an
// administrator names must not lead to where a cloud keeps the keys of a machine.
package outside

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"syscall"
)

// closed are the ranges of addresses that are not of the public network, or that
// stand for addresses in them.
var closed = prefixes(
	"0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "168.63.129.16/32", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
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

// private are the networks in which houses have machines of their own.
var private = prefixes("10.0.0.0/8", "100.64.0.0/10", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7")

// keys are those of them at which clouds give the keys of a machine to whatever
// runs on it. Most are link-local and in none of these; 168.63.129.16, which is
// of the public network, is closed for all.
var keys = prefixes(
	"100.100.100.200/32", // Alibaba
	"fd00:ec2::/32",      // Amazon
	"fd00:c1::/32",       // Oracle
	"fd20:ce::/32",       // Google
)

func prefixes(all ...string) []netip.Prefix {
	list := make([]netip.Prefix, len(all))
	for i, p := range all {
		list[i] = netip.MustParsePrefix(p)
	}
	return list
}

// Public tells whether an address is one of the public network.
func Public(a netip.Addr) bool {
	if !a.IsValid() || a.Zone() != "" || a.Is6() && !global.Contains(a) {
		return false
	}
	return !in(closed, a)
}

// House tells whether an address is one of the public network, or of a private
// one: there an administrator's own program may be. This machine and its link are
// neither, in whatever form they are written.
func House(a netip.Addr) bool {
	a = a.Unmap()
	return Public(a) || a.Zone() == "" && in(private, a) && !in(keys, a)
}

func in(list []netip.Prefix, a netip.Addr) bool {
	return slices.ContainsFunc(list, func(p netip.Prefix) bool { return p.Contains(a) })
}

// ErrRefused is a connection to an address that may not be asked.
var ErrRefused = errors.New("no connection may go there")

// Guard is a dialer's ControlContext that refuses every address but those that
// may be asked. It looks at the address whoever found it, at the last moment at
// which no packet has left.
func Guard(may func(netip.Addr) bool) func(context.Context, string, string, syscall.RawConn) error {
	return func(_ context.Context, _, at string, _ syscall.RawConn) error {
		to, err := netip.ParseAddrPort(at)
		if err != nil || !may(to.Addr()) {
			return fmt.Errorf("%s: %w", at, ErrRefused)
		}
		return nil
	}
}
