package bus_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

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
