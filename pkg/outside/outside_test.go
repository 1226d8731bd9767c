package outside_test

import (
	"errors"
	"net/netip"
	"testing"

	"github.com/parley-desk/parley/pkg/outside"
)

// TestWhereAConnectionMayGo: what a stranger names, and what an administrator
// does. Each form of an address that reaches this machine, its link or the keys of
// a cloud is refused to both.
func TestWhereAConnectionMayGo(t *testing.T) {
	nowhere := []string{
		"127.0.0.1", "127.8.8.8", "::1", "::ffff:127.0.0.1", "0.0.0.0", "0.1.2.3", "::", "::ffff:0.0.0.0", // this machine
		"169.254.169.254", "169.254.170.2", "::ffff:169.254.169.254", "fe80::1", "fe80::a9fe:a9fe", "fe80::1%eth0", "fec0::1", // its link, its site
		"64:ff9b::a9fe:a9fe", "64:ff9b::7f00:1", "64:ff9b:1::a9fe:a9fe", "64:ff9b::808:808", // NAT64
		"2002:a9fe:a9fe::", "2002:7f00:1::1", "2002:808:808::1", "2001:0:a9fe:a9fe::1", "::a9fe:a9fe", "::169.254.169.254", // 6to4, Teredo, and IPv4 as it was once embedded
		"fd00:ec2::254", "fd00:ec2::23", "fd20:ce::254", "fd00:c1::a9fe:a9fe", "100.100.100.200", "::ffff:100.100.100.200", "168.63.129.16", "192.0.0.192", // clouds
		"fd12::1%eth0", "2a03:2880:f10c::1%eth0", // a zone is one of this machine's
		"224.0.0.1", "ff02::1", "255.255.255.255", "240.0.0.1", "198.18.0.1", "192.0.2.1", "2001:db8::1", // nobody
	}
	public := []string{"157.240.1.35", "2a03:2880:f10c::1", "168.63.129.17"}
	private := []string{"10.1.2.3", "100.64.0.1", "172.20.0.1", "192.168.1.1", "fd12:3456:789a::1", "fc00::1", "::ffff:10.1.2.3", "::ffff:157.240.1.35"}
	for _, group := range []struct {
		addresses     []string
		public, house bool
	}{{nowhere, false, false}, {public, true, true}, {private, false, true}} {
		for _, address := range group.addresses {
			a := netip.MustParseAddr(address)
			at := netip.AddrPortFrom(a, 443).String()
			for name, one := range map[string]struct {
				may  func(netip.Addr) bool
				want bool
			}{"public": {outside.Public, group.public}, "house": {outside.House, group.house}} {
				if got := one.may(a); got != one.want {
					t.Errorf("%s, %s: %v", address, name, got)
				}
				if err := outside.Guard(one.may)(t.Context(), "tcp", at, nil); (err == nil) != one.want || err != nil && !errors.Is(err, outside.ErrRefused) {
					t.Errorf("dialling %s, %s: %v", at, name, err)
				}
			}
		}
	}
	for _, may := range []func(netip.Addr) bool{outside.Public, outside.House} {
		if may(netip.Addr{}) || outside.Guard(may)(t.Context(), "tcp", "example.com:443", nil) == nil {
			t.Error("what is no address may be dialled")
		}
	}
}
