package keyspace_test

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/parley-desk/parley/pkg/access"
	"github.com/parley-desk/parley/pkg/fault"
	"github.com/parley-desk/parley/pkg/keyspace"
)

func TestClearIsWhatCrossesANetworkWithoutTLS(t *testing.T) {
	for address, want := range map[string]string{
		"redis://redis:6379/0": "redis", "redis://u:p@10.0.0.3:6379": "10.0.0.3", "rediss://redis:6379": "", "unix:///run/redis.sock": "",
		"redis://127.0.0.1:6379": "", "redis://[::1]:6379": "", "redis://localhost": "", "": "",
	} {
		if got := keyspace.Clear(address, keyspace.Door{}); got != want {
			t.Errorf("%q: %q, want %q", address, got, want)
		}
	}
	if got := keyspace.Clear("redis://redis:6379", keyspace.Door{CA: "ca.pem"}); got != "" {
		t.Errorf("by TLS: %q", got)
	}
}

// guarded is a redis-server with the users of parley access create that writes all down,
// the folder of their passwords, and what kills it and starts it again.
func guarded(t *testing.T) (url, dir string, again func()) {
	t.Helper()
	program, err := exec.LookPath("redis-server")
	if err != nil {
		t.Skip("redis-server is not installed; make deps installs it")
	}
	dir, err = os.MkdirTemp("", "redis") // a socket's path must be short
	if err != nil {
		t.Fatal(err)
	}
	if _, err := access.Create(access.Plan{Dir: dir, Partitions: 1, Group: "main"}); err != nil {
		t.Fatal(err)
	}
	socket := filepath.Join(dir, "redis.sock")
	var cmd *exec.Cmd
	start := func() {
		cmd = exec.Command(program, "--port", "0", "--unixsocket", socket, "--dir", dir, "--save", "", "--logfile", filepath.Join(dir, "log"),
			"--aclfile", filepath.Join(dir, access.ACLFile), "--appendonly", "yes", "--appendfsync", "always")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
	}
	end := func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}
	start()
	t.Cleanup(func() {
		end()
		_ = os.RemoveAll(dir)
	})
	return "unix://" + socket, dir, func() {
		end()
		_ = os.Remove(socket)
		start()
	}
}

// as opens Redis as a service of the house, as its process does.
func as(t *testing.T, url, dir, service string) (rdb redis.UniversalClient) {
	t.Helper()
	tick, late := time.NewTicker(5*time.Millisecond), time.After(30*time.Second)
	defer tick.Stop()
	for {
		if conn, err := new(net.Dialer).DialContext(t.Context(), "unix", strings.TrimPrefix(url, "unix://")); err != nil {
			select { // not there yet
			case <-tick.C:
				continue
			case <-late:
				t.Fatalf("redis-server does not listen: %v", err)
			}
		} else {
			_ = conn.Close()
		}
		opened, closer, err := keyspace.Open(t.Context(), keyspace.Config{URL: url, Patience: 10 * time.Second,
			Door: keyspace.Door{User: service, PasswordFile: filepath.Join(dir, service, access.PasswordFile)}})
		if err == nil {
			t.Cleanup(func() { _ = closer() })
			return opened
		}
		select {
		case <-tick.C:
		case <-late:
			t.Fatalf("redis-server does not let %s in: %v", service, err)
		}
	}
}

// TestUsersOfRedisMayDoWhatTheirScriptsDoAndNoMore (SS2).
func TestUsersOfRedisMayDoWhatTheirScriptsDoAndNoMore(t *testing.T) {
	url, dir, _ := guarded(t)
	distribution, outbound, admin := as(t, url, dir, "distribution"), as(t, url, dir, "outbound"), as(t, url, dir, "admin")
	own := keyspace.NewScript("own", "return {redis.call('HSET', KEYS[1], 'a', 1), redis.pcall('INFO', 'replication')}")
	if _, err := own.Run(t.Context(), distribution, keyspace.Group("main").Key("agent")); err != nil {
		t.Errorf("distribution may not use its own: %v", err)
	}
	pace := keyspace.NewScript("pace", "return {redis.call('HSET', KEYS[1], 'a', 1), redis.call('EXPIRE', KEYS[1], 9)}")
	if _, err := pace.Run(t.Context(), outbound, keyspace.Group("pace:1").Key("page")); err != nil {
		t.Errorf("outbound may not use its own: %v", err)
	}
	if err := admin.Ping(t.Context()).Err(); err != nil {
		t.Errorf("admin may not ask whether it is there: %v", err)
	}
	for what, err := range map[string]error{
		"distribution a page's turns": distribution.HGet(t.Context(), keyspace.Group("pace:1").Key("page"), "a").Err(),
		"outbound an agent":           outbound.HGet(t.Context(), keyspace.Group("main").Key("agent"), "a").Err(),
		"admin an agent":              admin.HGet(t.Context(), keyspace.Group("main").Key("agent"), "a").Err(),
		"flushall":                    distribution.FlushAll(t.Context()).Err(),
		"keys":                        distribution.Keys(t.Context(), "*").Err(),
		"config":                      distribution.ConfigGet(t.Context(), "*").Err(),
		"flushall in a script":        distribution.Eval(t.Context(), "return redis.call('FLUSHALL')", []string{keyspace.Group("main").Key("agent")}).Err(),
	} {
		if err == nil || !strings.Contains(err.Error(), "NOPERM") && !strings.Contains(err.Error(), "can't run this command") {
			t.Errorf("%s: %v", what, err)
		}
	}
	_, _, err := keyspace.Open(t.Context(), keyspace.Config{URL: url, Door: keyspace.Door{User: "admin", PasswordFile: filepath.Join(dir, "outbound", access.PasswordFile)}})
	if !fault.Is(err, fault.Denied) {
		t.Errorf("with another's password: %v", err)
	}
}

// TestRedisReadsBackWhatScriptsWrote: who is killed comes back with all of it, though no
// service may do everything and nobody may sign in without a password.
func TestRedisReadsBackWhatScriptsWrote(t *testing.T) {
	url, dir, again := guarded(t)
	key := keyspace.Group("main").Key("agent")
	two := keyspace.NewScript("two", "redis.call('HSET', KEYS[1], 'a', 1); redis.call('HSET', KEYS[1], 'b', 2); return {1}")
	if _, err := two.Run(t.Context(), as(t, url, dir, "distribution"), key); err != nil {
		t.Fatal(err)
	}
	again()
	if got, err := as(t, url, dir, "distribution").HGetAll(t.Context(), key).Result(); err != nil || len(got) != 2 {
		t.Errorf("after it was killed it has %v, %v", got, err)
	}
	if probe := redis.NewClient(&redis.Options{Network: "unix", Addr: strings.TrimPrefix(url, "unix://"), Username: "probe", Password: "any"}); probe.Ping(t.Context()).Err() != nil || probe.Get(t.Context(), key).Err() == nil {
		t.Error("a probe may not ask whether it answers, or may ask for more")
	}
	if stranger := redis.NewClient(&redis.Options{Network: "unix", Addr: strings.TrimPrefix(url, "unix://")}); stranger.Ping(t.Context()).Err() == nil {
		t.Error("a stranger is let in")
	}
}

func TestAPasswordThatOthersMayReadIsRefused(t *testing.T) {
	file := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(file, []byte("x"), 0o644); err != nil {
		t.Fatal(err)
	}
	_, _, err := keyspace.Open(t.Context(), keyspace.Config{URL: "redis://127.0.0.1:1", Door: keyspace.Door{PasswordFile: file}})
	if !fault.Is(err, fault.Precondition) || !strings.Contains(err.Error(), "redis.password_file") {
		t.Errorf("%v", err)
	}
}
