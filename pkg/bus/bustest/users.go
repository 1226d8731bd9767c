package bustest

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/parley-desk/parley/pkg/access"
)

// Guarded starts a broker that lets in the users of the house alone, in a house of
// 4 partitions, and gives the address and the folder where parley access create has
// put their keys.
func Guarded(t testing.TB) (url, dir string) {
	t.Helper()
	dir = t.TempDir()
	if _, err := access.Create(access.Plan{Dir: dir, Partitions: 4, Group: "main"}); err != nil {
		t.Fatalf("make the users: %v", err)
	}
	opts, err := server.ProcessConfigFile(filepath.Join(dir, access.UsersFile))
	if err != nil {
		t.Fatalf("read the users: %v", err)
	}
	opts.ServerName, opts.Host, opts.Port, opts.NoSigs, opts.NoLog = "guarded", "127.0.0.1", server.RANDOM_PORT, true, true
	opts.JetStream, opts.StoreDir, opts.SyncAlways = true, t.TempDir(), true
	s, err := server.NewServer(opts)
	if err != nil {
		t.Fatalf("make a broker: %v", err)
	}
	t.Cleanup(func() { stop(s) })
	s.Start()
	if !s.ReadyForConnections(30 * time.Second) {
		t.Fatal("the broker was not ready within 30 s")
	}
	return s.ClientURL(), dir
}
