package outside_test

import (
	"net/netip"
	"testing"

	"github.com/parley-desk/parley/pkg/outside"
)

func TestPublic(t *testing.T) {
	for address, want := range map[string]bool{
		"157.240.1.35": true, "2a03:2880:f10c::1": true,
		"127.0.0.1": false, "10.1.2.3": false, "169.254.169.254": false, "172.20.0.1": false, "192.168.1.1": false, "100.64.0.1": false,
		"0.0.0.0": false, "224.0.0.1": false, "255.255.255.255": false, "198.18.0.1": false,
		"::1": false, "fe80::1": false, "fd00::1": false, "::ffff:157.240.1.35": false, "64:ff9b::7f00:1": false, "2002:7f00:1::1": false, "2001:db8::1": false,
	} {
		if got := outside.Public(netip.MustParseAddr(address)); got != want {
			t.Errorf("%s: %v", address, got)
		}
		at := netip.AddrPortFrom(netip.MustParseAddr(address), 443).String()
		if err := outside.Control(t.Context(), "tcp", at, nil); (err == nil) != want {
			t.Errorf("dialling %s: %v", at, err)
		}
	}
	if outside.Public(netip.Addr{}) || outside.Control(t.Context(), "tcp", "example.com:443", nil) == nil {
		t.Error("what is no address is public")
	}
}
