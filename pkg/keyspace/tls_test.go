package keyspace_test

import (
	"context"
	"crypto/tls"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/parley-desk/parley/pkg/access"
	"github.com/parley-desk/parley/pkg/fault"
	"github.com/parley-desk/parley/pkg/host/hosttest"
	"github.com/parley-desk/parley/pkg/keyspace"
)

func certified(t *testing.T, dir string, renew bool) {
	t.Helper()
	if _, err := access.Create(access.Plan{Dir: dir, Partitions: 1, Group: "main", Certificates: true, Redis: []string{"redis"}, Renew: renew}); err != nil {
		t.Fatal(err)
	}
}

// encrypted is a redis-server that is reached by TLS alone, by those alone who have a
// certificate, with the files of parley access create in dir.
func encrypted(t *testing.T, dir string) (address string) {
	t.Helper()
	program, err := exec.LookPath("redis-server")
	if err != nil {
		t.Skip("redis-server is not installed; make deps installs it")
	}
	address = hosttest.Free(t)
	_, port, _ := net.SplitHostPort(address)
	its := filepath.Join(dir, "redis")
	cmd := exec.Command(program, "--bind", "127.0.0.1", "--port", "0", "--tls-port", port, "--tls-cert-file", filepath.Join(its, access.CertFile), "--tls-key-file", filepath.Join(its, access.KeyFile),
		"--tls-ca-cert-file", filepath.Join(its, access.CAFile), "--dir", t.TempDir(), "--save", "", "--aclfile", filepath.Join(dir, access.ACLFile))
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	tick, late := time.NewTicker(5*time.Millisecond), time.After(30*time.Second)
	defer tick.Stop()
	for {
		conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", address)
		if err == nil {
			_ = conn.Close()
			return address
		}
		select {
		case <-tick.C:
		case <-late:
			t.Fatalf("redis-server does not listen: %v", err)
		}
	}
}

func door(dir, service string) keyspace.Door {
	folder := filepath.Join(dir, service)
	return keyspace.Door{User: service, PasswordFile: filepath.Join(folder, access.PasswordFile), CA: filepath.Join(folder, access.CAFile),
		Cert: filepath.Join(folder, access.CertFile), Key: filepath.Join(folder, access.KeyFile)}
}

func enter(ctx context.Context, address string, d keyspace.Door) (redis.UniversalClient, func() error, error) {
	return keyspace.Open(ctx, keyspace.Config{URL: "rediss://" + address, Patience: 10 * time.Second, Door: d})
}

// TestRedisIsReachedByTLSWithACertificate (SS2): as the user of the service; not by
// who trusts another authority or shows no certificate, or one of another authority.
func TestRedisIsReachedByTLSWithACertificate(t *testing.T) {
	dir, strange := t.TempDir(), t.TempDir()
	certified(t, dir, false)
	certified(t, strange, false)
	address := encrypted(t, dir)
	rdb, closer, err := enter(t.Context(), address, door(dir, "distribution"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = closer() })
	if err := rdb.HSet(t.Context(), keyspace.Group("main").Key("agent"), "a", 1).Err(); err != nil {
		t.Errorf("its own key: %v", err)
	}
	if err := rdb.FlushAll(t.Context()).Err(); err == nil {
		t.Error("it may do everything")
	}
	own, others := door(dir, "distribution"), door(strange, "distribution")
	trusting, unknown, bare := own, own, own
	trusting.CA = others.CA
	unknown.Cert, unknown.Key = others.Cert, others.Key
	bare.Cert, bare.Key = "", ""
	for what, d := range map[string]keyspace.Door{"who trusts another authority": trusting, "with a certificate of another authority": unknown, "without a certificate": bare} {
		if _, _, err := enter(t.Context(), address, d); !fault.Is(err, fault.Unavailable) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if _, _, err := keyspace.Open(t.Context(), keyspace.Config{URL: "redis://" + address, Door: keyspace.Door{User: own.User, PasswordFile: own.PasswordFile}}); err == nil {
		t.Error("it was let in in the clear")
	}
}

// alsoAdmit has Redis know one more user than the house gives it.
func alsoAdmit(t *testing.T, dir, user string) {
	t.Helper()
	acl := filepath.Join(dir, access.ACLFile)
	raw, err := os.ReadFile(acl)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(acl, append(raw, "user "+user+"\n"...), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestHowAProcessStandsInRedis: doctor tells who may do everything, and a way in the
// clear to another machine.
func TestHowAProcessStandsInRedis(t *testing.T) {
	dir := t.TempDir()
	certified(t, dir, false)
	alsoAdmit(t, dir, "master on nopass ~* +@all")
	address := encrypted(t, dir)
	master := door(dir, "admin")
	master.User = "master"
	for d, want := range map[keyspace.Door]keyspace.Standing{door(dir, "admin"): {}, door(dir, "distribution"): {}, master: {Unbounded: true}} {
		rdb, closer, err := enter(t.Context(), address, d)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = closer() })
		if got, err := keyspace.Stand(t.Context(), rdb); err != nil || got != want {
			t.Errorf("%s: %+v, want %+v: %v", d.User, got, want, err)
		}
	}
	_, port, _ := net.SplitHostPort(address)
	for host, want := range map[string]string{"redis": "redis", "localhost": "", "127.0.0.1": ""} {
		clear := redis.NewClient(&redis.Options{Addr: net.JoinHostPort(host, port), Username: "probe", Password: "any", Dialer: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return (&tls.Dialer{Config: clientOf(t, master)}).DialContext(ctx, network, address) // what stands in for a Redis elsewhere
		}})
		t.Cleanup(func() { _ = clear.Close() })
		if got, err := keyspace.Stand(t.Context(), clear); err != nil || got.Clear != want {
			t.Errorf("at %s: %+v: %v", host, got, err)
		}
	}
}

// TestACertificateForRedisIsReplacedWithoutARestart: a client that stands meets a
// Redis with another authority, and gets in as soon as its files are of that one.
func TestACertificateForRedisIsReplacedWithoutARestart(t *testing.T) {
	before, after, files := t.TempDir(), t.TempDir(), t.TempDir()
	certified(t, before, false)
	certified(t, after, false)
	address := encrypted(t, after)
	if err := os.CopyFS(filepath.Join(files, "admin"), os.DirFS(filepath.Join(before, "admin"))); err != nil {
		t.Fatal(err)
	}
	d := door(files, "admin")
	secure(t, d)
	rdb, closer, err := keyspace.Open(t.Context(), keyspace.Config{URL: "rediss://" + address, Patience: 10 * time.Second, Door: d, Lazy: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = closer() })
	if err := rdb.Ping(t.Context()).Err(); err == nil {
		t.Fatal("it trusts an authority that it was not told of")
	}
	if err := os.RemoveAll(filepath.Join(files, "admin")); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(filepath.Join(files, "admin"), os.DirFS(filepath.Join(after, "admin"))); err != nil {
		t.Fatal(err)
	}
	secure(t, d)
	if err := rdb.Ping(t.Context()).Err(); err != nil {
		t.Errorf("with the new files: %v", err)
	}
}

// TestACertificateOfRedisIsRenewedWithoutARestart: renewed files are taken by a Redis
// that is told to read them, and by clients that know the authority from before.
func TestACertificateOfRedisIsRenewedWithoutARestart(t *testing.T) {
	dir := t.TempDir()
	certified(t, dir, false)
	// Whoever renews may tell Redis so; no service may.
	alsoAdmit(t, dir, "operator on nopass +config")
	address := encrypted(t, dir)
	serial := func() string {
		config := new(tls.Config)
		config.InsecureSkipVerify = true // #nosec G402 -- looks at what is shown
		conn, err := (&tls.Dialer{Config: config}).DialContext(t.Context(), "tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = conn.Close() }()
		return conn.(*tls.Conn).ConnectionState().PeerCertificates[0].SerialNumber.String()
	}
	first := serial()
	certified(t, dir, true)
	d := door(dir, "admin")
	operator := redis.NewClient(&redis.Options{Addr: address, Username: "operator", Password: "x", TLSConfig: clientOf(t, d)})
	t.Cleanup(func() { _ = operator.Close() })
	if err := operator.ConfigSet(t.Context(), "tls-cert-file", filepath.Join(dir, "redis", access.CertFile)).Err(); err != nil {
		t.Fatalf("Redis reads its certificate again: %v", err)
	}
	if serial() == first {
		t.Error("it shows the certificate from before")
	}
	_, closer, err := enter(t.Context(), address, d)
	if err != nil {
		t.Fatalf("after the renewal: %v", err)
	}
	_ = closer()
}

func clientOf(t *testing.T, d keyspace.Door) *tls.Config {
	t.Helper()
	pair, err := tls.LoadX509KeyPair(d.Cert, d.Key)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Config{Certificates: []tls.Certificate{pair}, InsecureSkipVerify: true} // #nosec G402 -- the operator's way is not what is tested
}

// secure gives copies of secrets the mode of what they are copies of.
func secure(t *testing.T, d keyspace.Door) {
	t.Helper()
	for _, path := range []string{d.Key, d.PasswordFile} {
		if err := os.Chmod(path, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}
