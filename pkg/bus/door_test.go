package bus_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/parley-desk/parley/pkg/access"
	"github.com/parley-desk/parley/pkg/bus"
	"github.com/parley-desk/parley/pkg/fault"
)

func TestClearIsWhatCrossesANetworkWithoutTLS(t *testing.T) {
	for addresses, want := range map[string]string{
		"nats://nats-1:4222,nats://nats-2:4222": "nats-1", "tls://nats-1:4222,nats://nats-2:4222": "nats-2", "nats-1:4222": "nats-1",
		"tls://nats-1:4222": "", "nats://127.0.0.1:4222,nats://[::1]:4222, nats://localhost": "", "nats://u:p@10.0.0.3": "10.0.0.3", "": "",
	} {
		if got := bus.Clear(addresses, bus.Door{}); got != want {
			t.Errorf("%q: %q, want %q", addresses, got, want)
		}
	}
	if got := bus.Clear("nats://nats-1:4222", bus.Door{CA: "ca.pem"}); got != "" {
		t.Errorf("by TLS: %q", got)
	}
}

// certificate makes one for 127.0.0.1 that signs itself, in files of dir.
func certificate(t *testing.T, dir string) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		NotBefore:   time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	cert, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for path, block := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: der}, key: {Type: "PRIVATE KEY", Bytes: raw}} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return cert, key
}

// A broker that speaks TLS and asks for a certificate lets in who has one and
// trusts its own; files that others may read are refused before that (SS2).
func TestABrokerIsReachedByTLSWithACertificate(t *testing.T) {
	its, mine := t.TempDir(), t.TempDir()
	serverCert, serverKey := certificate(t, its)
	cert, key := certificate(t, mine)
	pair, err := tls.LoadX509KeyPair(serverCert, serverKey)
	if err != nil {
		t.Fatal(err)
	}
	trusted := x509.NewCertPool()
	raw, err := os.ReadFile(cert)
	if err != nil || !trusted.AppendCertsFromPEM(raw) {
		t.Fatalf("read the certificate: %v", err)
	}
	s, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: server.RANDOM_PORT, NoSigs: true, NoLog: true, JetStream: true, StoreDir: t.TempDir(), SyncAlways: true,
		TLS: true, TLSTimeout: 30, TLSVerify: true, TLSConfig: &tls.Config{Certificates: []tls.Certificate{pair}, ClientCAs: trusted, ClientAuth: tls.RequireAndVerifyClientCert, MinVersion: tls.VersionTLS12}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
	s.Start()
	if !s.ReadyForConnections(30 * time.Second) {
		t.Fatal("the broker was not ready within 30 s")
	}
	open := func(d bus.Door) error {
		b, err := bus.Open(t.Context(), bus.Config{URL: s.ClientURL(), AllowUnsafe: true, Partitions: 1, Door: d}, bus.Tools{})
		if err == nil {
			closeBus(t, b)
		}
		return err
	}
	if err := open(bus.Door{CA: serverCert, Cert: cert, Key: key}); err != nil {
		t.Errorf("with both: %v", err)
	}
	for name, d := range map[string]bus.Door{"another authority": {CA: cert, Cert: cert, Key: key}, "no certificate": {CA: serverCert}} {
		if err := open(d); err == nil {
			t.Errorf("%s: it was let in", name)
		}
	}
	if err := os.Chmod(key, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := open(bus.Door{CA: serverCert, Cert: cert, Key: key}); !fault.Is(err, fault.Precondition) {
		t.Errorf("with a key that others may read: %v", err)
	}
}

// certified is a broker with the certificates of parley access create in dir, which
// it reads again when it is told to, as by a signal.
func certified(t *testing.T, dir string) *server.Server {
	t.Helper()
	its := filepath.Join(dir, "nats")
	config := filepath.Join(t.TempDir(), "nats.conf")
	text := fmt.Sprintf("listen: \"127.0.0.1:-1\"\nhttps: \"127.0.0.1:-1\"\njetstream { store_dir: %q, sync_interval: always }\n"+
		"tls { cert_file: %q, key_file: %q, ca_file: %q, verify: true, timeout: 30 }\n",
		t.TempDir(), filepath.Join(its, access.CertFile), filepath.Join(its, access.KeyFile), filepath.Join(its, access.CAFile))
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	options, err := server.ProcessConfigFile(config)
	if err != nil {
		t.Fatal(err)
	}
	options.NoSigs, options.NoLog = true, true
	s, err := server.NewServer(options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
	s.Start()
	if !s.ReadyForConnections(30 * time.Second) {
		t.Fatal("the broker was not ready within 30 s")
	}
	return s
}

func certify(t *testing.T, dir string, renew bool) {
	t.Helper()
	if _, err := access.Create(access.Plan{Dir: dir, Partitions: 1, Group: "main", Certificates: true, Renew: renew}); err != nil {
		t.Fatal(err)
	}
}

// entry is the way in of a service with the files in dir, as who is on the broker's
// own machine: without its user.
func entry(dir string) bus.Door {
	its := filepath.Join(dir, "admin")
	return bus.Door{CA: filepath.Join(its, access.CAFile), Cert: filepath.Join(its, access.CertFile), Key: filepath.Join(its, access.KeyFile)}
}

// Whether a broker writes before it answers is asked by TLS too, and believed of whom
// bus.ca signs for; nobody else may say it in its place.
func TestABrokerTellsOfItselfByTLS(t *testing.T) {
	dir, strange := t.TempDir(), t.TempDir()
	certify(t, dir, false)
	certify(t, strange, false)
	s, other := certified(t, dir), certified(t, strange)
	open := func(monitor *server.Server) (*bus.Bus, error) {
		return bus.Open(t.Context(), bus.Config{URL: s.ClientURL(), MonitorURL: "https://" + monitor.MonitorAddr().String(), Partitions: 1, Replicas: 1, Door: entry(dir)}, bus.Tools{})
	}
	b, err := open(s)
	if err != nil {
		t.Fatalf("it tells by TLS: %v", err)
	}
	closeBus(t, b)
	b, err = open(other)
	if err == nil {
		closeBus(t, b)
	}
	if !fault.Is(err, fault.Precondition) || !strings.Contains(err.Error(), "unknown authority") || !strings.Contains(err.Error(), "bus.ca") {
		t.Errorf("another one in its place: %v", err)
	}
}

// A renewed certificate is shown by a broker that is told to read it, to clients and
// at its monitoring address, and who was connected stays so.
func TestACertificateOfABrokerIsRenewedWithoutARestart(t *testing.T) {
	dir := t.TempDir()
	certify(t, dir, false)
	s := certified(t, dir)
	client := func() *nats.Conn {
		t.Helper()
		d := entry(dir)
		nc, err := nats.Connect(s.ClientURL(), nats.RootCAs(d.CA), nats.ClientCert(d.Cert, d.Key), nats.NoReconnect(), nats.Timeout(30*time.Second))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(nc.Close)
		return nc
	}
	serial := func(state tls.ConnectionState) string { return state.PeerCertificates[0].SerialNumber.String() }
	shown := func() (toClients, toWatchers string) {
		t.Helper()
		state, err := client().TLSConnectionState()
		if err != nil {
			t.Fatal(err)
		}
		config := &tls.Config{InsecureSkipVerify: true} // #nosec G402 -- looks at what is shown
		conn, err := (&tls.Dialer{Config: config}).DialContext(t.Context(), "tcp", s.MonitorAddr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = conn.Close() }()
		return serial(state), serial(conn.(*tls.Conn).ConnectionState())
	}
	stands := client()
	first, watched := shown()
	certify(t, dir, true)
	if still, _ := shown(); still != first {
		t.Error("it shows another certificate before it was told to")
	}
	if err := s.Reload(); err != nil {
		t.Fatalf("the broker reads its files again: %v", err)
	}
	if now, seen := shown(); now == first || seen == watched || now != seen {
		t.Errorf("it shows %s to clients and %s to watchers; before %s and %s", now, seen, first, watched)
	}
	if err := stands.FlushTimeout(30 * time.Second); err != nil || stands.Stats().Reconnects > 0 {
		t.Errorf("who was connected: %v", err)
	}
}
