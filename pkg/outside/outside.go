// Package outside tells the public network from everything else that a process
// could reach: what somebody else names must not lead into the house.
package outside

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"syscall"
)

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

// Public tells whether an address is one of the public network.
func Public(a netip.Addr) bool {
	if !a.IsValid() || a.Zone() != "" || a.Is6() && !global.Contains(a) {
		return false
	}
	return !slices.ContainsFunc(closed, func(p netip.Prefix) bool { return p.Contains(a) })
}

// Control is a dialer's ControlContext that refuses every other address: it is
// asked whoever found the address, at the last moment at which no packet has left.
func Control(_ context.Context, _, at string, _ syscall.RawConn) error {
	to, err := netip.ParseAddrPort(at)
	if err != nil || !Public(to.Addr()) {
		return fmt.Errorf("%s is not of the public network", at)
	}
	return nil
}
