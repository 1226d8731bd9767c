// Package keyspacetest runs a test on every Redis the house can run on.
package keyspacetest

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/parley-desk/parley/pkg/keyspace"
)

// patience is for a machine that runs many tests at once.
const patience = 10 * time.Second

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
	rdb, closer, err := keyspace.Open(t.Context(), keyspace.Config{Embedded: true})
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
	cmd := exec.Command(program, "--port", "0", "--unixsocket", socket, "--dir", dir,
		"--save", "", "--appendonly", "no", "--logfile", filepath.Join(dir, "redis.log"))
	if err := cmd.Start(); err != nil {
		t.Fatalf("start redis-server: %v", err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait() // it was killed, so it reports that
		_ = os.RemoveAll(dir)
	})
	return connect(t, socket)
}

func connect(t testing.TB, socket string) redis.UniversalClient {
	t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	pause := time.NewTicker(5 * time.Millisecond)
	defer pause.Stop()
	for ; time.Now().Before(deadline); <-pause.C {
		if _, err := os.Stat(socket); err != nil {
			continue
		}
		rdb, closer, err := keyspace.Open(t.Context(), keyspace.Config{URL: "unix://" + socket, Patience: patience})
		if err != nil {
			continue
		}
		t.Cleanup(func() { _ = closer() })
		return rdb
	}
	t.Fatal("redis-server does not answer")
	return nil
}
