package host_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"log/slog"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/parley-desk/parley/pkg/host"
)

// pair makes a certificate called name and its key, in PEM.
func pair(t *testing.T, name string) (cert, key []byte) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: raw})
}

// replace puts a file in the place of another, as renewal does.
func replace(t *testing.T, path string, content []byte) {
	t.Helper()
	if err := os.WriteFile(path+".new", content, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
}

func TestACertificateIsReplacedWhileItIsServed(t *testing.T) {
	dir := t.TempDir()
	certFile, keyFile := filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key")
	var log bytes.Buffer
	registry := prometheus.NewRegistry()
	open := func() (*host.Certificate, error) {
		return host.OpenCertificate(host.Deps{Log: slog.New(slog.NewTextHandler(&log, nil)), Registry: registry}, "ingress.tls", certFile, keyFile)
	}
	if _, err := open(); err == nil || !strings.Contains(err.Error(), "ingress.tls.cert") {
		t.Fatalf("files that are not there: %v", err)
	}
	oldCert, oldKey := pair(t, "old.test")
	newCert, newKey := pair(t, "new.test")
	replace(t, certFile, oldCert)
	replace(t, keyFile, oldKey)
	c, err := open()
	if err != nil {
		t.Fatal(err)
	}
	serves := func(when, want string) {
		t.Helper()
		got, err := c.Get(nil)
		if err != nil || got.Leaf.DNSNames[0] != want {
			t.Errorf("%s: serves %v, %v; want %s", when, got.Leaf.DNSNames, err, want)
		}
	}
	serves("at first", "old.test")
	replace(t, certFile, newCert)
	serves("with the new certificate and the old key", "old.test")
	serves("and again", "old.test")
	if n := strings.Count(log.String(), "cannot be used"); n != 1 {
		t.Errorf("the log says %d times that they make no pair, want once:\n%s", n, log.String())
	}
	replace(t, keyFile, newKey)
	serves("with the new key too", "new.test")
	if err := os.WriteFile(certFile, []byte("nonsense"), 0o600); err != nil {
		t.Fatal(err)
	}
	serves("when the file is damaged", "new.test")
	if err := os.Remove(certFile); err != nil {
		t.Fatal(err)
	}
	serves("when it is gone", "new.test")
	replace(t, certFile, oldCert)
	replace(t, keyFile, oldKey)
	serves("when others are there", "old.test")
	families, err := registry.Gather()
	if err != nil || len(families) != 1 || families[0].GetMetric()[0].GetGauge().GetValue() < float64(time.Now().Unix()) {
		t.Errorf("its end is measured as %v, %v", families, err)
	}
	if strings.Contains(log.String(), "PRIVATE") {
		t.Error("the log holds the key")
	}
}

// Many clients come while it is replaced; each is served a whole pair.
func TestACertificateIsReplacedUnderLoad(t *testing.T) {
	dir := t.TempDir()
	certFile, keyFile := filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key")
	oldCert, oldKey := pair(t, "old.test")
	newCert, newKey := pair(t, "new.test")
	replace(t, certFile, oldCert)
	replace(t, keyFile, oldKey)
	c, err := host.OpenCertificate(host.Deps{Log: slog.New(slog.DiscardHandler), Registry: prometheus.NewRegistry()}, "ingress.tls", certFile, keyFile)
	if err != nil {
		t.Fatal(err)
	}
	var clients sync.WaitGroup
	for range 4 {
		clients.Go(func() {
			for {
				got, err := c.Get(nil)
				if err != nil || !got.PrivateKey.(*ecdsa.PrivateKey).PublicKey.Equal(got.Leaf.PublicKey) {
					t.Errorf("served %v, %v", got, err)
					return
				}
				if got.Leaf.DNSNames[0] == "new.test" {
					return
				}
			}
		})
	}
	replace(t, certFile, newCert)
	replace(t, keyFile, newKey)
	clients.Wait()
}
