// Package keyspacetest runs a test on every Redis the house can run on.
package keyspacetest

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/parley-desk/parley/pkg/keyspace"
)

// patience is for a machine that runs many tests at once.
const patience = time.Minute

// Each runs test on the embedded server and on a redis-server process of its
// own, when the program is on this machine.
func Each(t *testing.T, test func(t *testing.T, rdb redis.UniversalClient)) {
	t.Helper()
	t.Run("embedded", func(t *testing.T) { test(t, Embedded(t)) })
	t.Run("redis", func(t *testing.T) { test(t, Server(t)) })
}

// Embedded is an empty embedded server; it ends with the test.
func Embedded(t testing.TB) redis.UniversalClient {
	t.Helper()
	rdb, closer, err := keyspace.Open(t.Context(), keyspace.Config{Embedded: true, Patience: time.Minute}) // its interpreter is slow beside the race detector
	if err != nil {
		t.Fatalf("open the embedded server: %v", err)
	}
	t.Cleanup(func() { _ = closer() }) // the test may have closed it
	return rdb
}

// Server starts an empty redis-server that listens on nothing but a socket in
// the test's directory; it ends with the test. Without the program the test is
// skipped.
func Server(t testing.TB) redis.UniversalClient {
	t.Helper()
	rdb, _ := Restartable(t)
	return rdb
}

// Restartable is a Server with a function that kills it without warning and
// starts it again. It comes back with what the last SAVE kept, as after a power
// cut; without one it is empty.
func Restartable(t testing.TB) (rdb redis.UniversalClient, restart func()) {
	t.Helper()
	program, err := exec.LookPath("redis-server")
	if err != nil {
		t.Skip("redis-server is not on this machine")
	}
	// Not t.TempDir: with the test's name in it the path outgrows a socket's.
	dir, err := os.MkdirTemp("", "redis")
	if err != nil {
		t.Fatalf("make a directory for redis-server: %v", err)
	}
	socket := filepath.Join(dir, "redis.sock")
	var cmd *exec.Cmd
	start := func() {
		cmd = exec.Command(program, "--port", "0", "--unixsocket", socket, "--dir", dir,
			"--save", "", "--appendonly", "no", "--logfile", filepath.Join(dir, "redis.log"))
		if err := cmd.Start(); err != nil {
			t.Fatalf("start redis-server: %v", err)
		}
	}
	kill := func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait() // it was killed, so it reports that
	}
	start()
	t.Cleanup(func() {
		kill()
		_ = os.RemoveAll(dir)
	})
	rdb = connect(t, socket)
	return rdb, func() {
		t.Helper()
		kill()
		_ = os.Remove(socket) // so that the next one is not taken for its
		start()
		await(t, func() bool {
			return listens(t, socket) && rdb.Ping(t.Context()).Err() == nil
		})
	}
}

func connect(t testing.TB, socket string) (rdb redis.UniversalClient) {
	t.Helper()
	await(t, func() bool {
		if !listens(t, socket) {
			return false
		}
		opened, closer, err := keyspace.Open(t.Context(), keyspace.Config{URL: "unix://" + socket, Patience: patience})
		if err == nil {
			t.Cleanup(func() { _ = closer() })
			rdb = opened
		}
		return err == nil
	})
	return rdb
}

// listens tells whether a server takes connections at its socket, which is there
// a little earlier: whoever dials then writes that it failed, in the middle of a
// benchmark's line.
func listens(t testing.TB, socket string) bool {
	conn, err := new(net.Dialer).DialContext(t.Context(), "unix", socket)
	if err != nil {
		return false
	}
	_ = conn.Close() // nothing was said
	return true
}

func await(t testing.TB, ready func() bool) {
	t.Helper()
	deadline := time.Now().Add(time.Minute)
	pause := time.NewTicker(5 * time.Millisecond)
	defer pause.Stop()
	for !ready() {
		if time.Now().After(deadline) {
			t.Fatal("redis-server does not answer")
		}
		<-pause.C
	}
}
