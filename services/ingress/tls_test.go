package ingress_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"encoding/pem"
	"io"
	"math/big"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// issue writes a certificate for hook.test and its key to the files, and gives
// who trusts it.
func issue(t *testing.T, certFile, keyFile string) *x509.CertPool {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"hook.test"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	cert := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	for path, content := range map[string][]byte{certFile: cert, keyFile: pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: raw})} {
		if err := os.WriteFile(path+".new", content, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(path+".new", path); err != nil {
			t.Fatal(err)
		}
	}
	trust := x509.NewCertPool()
	trust.AppendCertsFromPEM(cert)
	return trust
}

// SI9: TLS 1.2 at the least, a certificate that is replaced without a restart,
// and a bound on the streams of one connection.
func TestTLS(t *testing.T) {
	cfg, dir := settings(), t.TempDir()
	cfg.TLS.Cert, cfg.TLS.Key = filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key")
	trust := issue(t, cfg.TLS.Cert, cfg.TLS.Key)
	r := start(t, cfg)
	defer r.end()
	dial := func(trust *x509.CertPool, more func(*tls.Config)) (*tls.Conn, error) {
		c := &tls.Config{RootCAs: trust, ServerName: "hook.test"}
		more(c)
		return tls.Dial("tcp", r.addr, c)
	}

	t.Run("webhooks", func(t *testing.T) {
		for _, h2 := range []bool{false, true} {
			client := &http.Client{Transport: &http.Transport{ForceAttemptHTTP2: h2, TLSClientConfig: &tls.Config{RootCAs: trust, ServerName: "hook.test"}}}
			if status := r.post(client, "https://"+r.addr, `{"object":"page","entry":[{"id":"1","messaging":[{"sender":{"id":"7"}}]}]}`); status != http.StatusOK {
				t.Errorf("h2 %v: answered %d", h2, status)
			}
			client.CloseIdleConnections()
		}
	})
	t.Run("versions", func(t *testing.T) {
		for version, taken := range map[uint16]bool{tls.VersionTLS11: false, tls.VersionTLS12: true, tls.VersionTLS13: true} {
			conn, err := dial(trust, func(c *tls.Config) { c.MinVersion, c.MaxVersion = tls.VersionTLS10, version })
			if (err == nil) != taken {
				t.Errorf("%s: %v", tls.VersionName(version), err)
			}
			if err == nil {
				_ = conn.Close()
			}
		}
	})
	t.Run("plain HTTP", func(t *testing.T) {
		if resp, err := http.Get("http://" + r.addr + "/webhook/demo"); err == nil {
			_ = resp.Body.Close()
			if resp.StatusCode != http.StatusBadRequest {
				t.Errorf("answered %d", resp.StatusCode)
			}
		}
	})
	t.Run("streams", func(t *testing.T) {
		conn, err := dial(trust, func(c *tls.Config) { c.NextProtos = []string{"h2"} })
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = conn.Close() }()
		if got := maxStreams(t, conn); got != 100 {
			t.Errorf("a connection may have %d streams, want 100", got)
		}
	})
	t.Run("replaced", func(t *testing.T) {
		renewed := issue(t, cfg.TLS.Cert, cfg.TLS.Key)
		conn, err := dial(renewed, func(*tls.Config) {})
		if err != nil {
			t.Fatalf("the new certificate is not served: %v", err)
		}
		_ = conn.Close()
	})
}

// maxStreams reads SETTINGS_MAX_CONCURRENT_STREAMS, setting 3, out of the first
// frame of the server.
func maxStreams(t *testing.T, conn *tls.Conn) uint32 {
	t.Helper()
	_ = conn.SetDeadline(time.Now().Add(time.Minute))
	if _, err := io.WriteString(conn, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00"); err != nil {
		t.Fatal(err)
	}
	head := make([]byte, 9)
	if _, err := io.ReadFull(conn, head); err != nil {
		t.Fatal(err)
	}
	frame := make([]byte, binary.BigEndian.Uint32(append([]byte{0}, head[:3]...)))
	if _, err := io.ReadFull(conn, frame); err != nil || head[3] != 4 {
		t.Fatalf("frame of type %d, %v", head[3], err)
	}
	for ; len(frame) >= 6; frame = frame[6:] {
		if binary.BigEndian.Uint16(frame) == 3 {
			return binary.BigEndian.Uint32(frame[2:])
		}
	}
	return 0
}

func TestTLSFilesThatAreNotThere(t *testing.T) {
	cfg := settings()
	cfg.TLS.Cert, cfg.TLS.Key = filepath.Join(t.TempDir(), "tls.crt"), "tls.key"
	_, service := build(t, cfg)
	if err := service.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "ingress.tls.cert") || !strings.Contains(err.Error(), "tls.crt") {
		t.Errorf("ended with %v", err)
	}
}
