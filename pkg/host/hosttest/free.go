// Package hosttest gives tests addresses for processes that must know one another's
// before they listen.
package hosttest

import (
	"math/rand/v2"
	"net"
	"strconv"
	"sync"
	"testing"
)

// given are the ports that were handed out.
var given sync.Map

// Free is an address of this machine that nobody listens on, given to nobody else in
// this process. It is below the range from which the system takes ports for whoever
// asks for any: nobody gets it before the test does, or while a process is down.
func Free(t testing.TB) string {
	t.Helper()
	for range 1000 {
		addr := net.JoinHostPort("127.0.0.1", strconv.Itoa(10_000+rand.IntN(20_000)))
		if _, taken := given.LoadOrStore(addr, true); taken {
			continue
		}
		if l, err := net.Listen("tcp", addr); err == nil {
			_ = l.Close()
			return addr
		}
	}
	t.Fatal("no port is free")
	return ""
}
