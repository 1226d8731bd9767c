package flood

import (
	"bytes"
	"cmp"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/cookiejar"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"
)

// Honest is the traffic that has to go on: Meta's webhooks, signed, and an agent's calls
// at the desk.
type Honest struct {
	Hook, Desk      string // base URLs
	TLS             *tls.Config
	Secret, Page    string // of the app, and the page's id
	Agent, Password string
	Callers         int // of each sort, who make a call each at a time
	Calls           int // in all, of each sort
	Rate            int // a second, of each sort: an agent has a bound, and keeps within it
}

// Answered is how long each call took; a call that was not answered 200 is an error. What
// a caller may do again (429, 503) is no answer.
type Answered struct{ Hook, Desk []time.Duration }

// Run makes the calls.
func (h Honest) Run(ctx context.Context) (Answered, error) {
	jar, _ := cookiejar.New(nil) // never fails
	client := &http.Client{Timeout: time.Minute, Jar: jar, Transport: &http.Transport{TLSClientConfig: h.TLS, MaxIdleConnsPerHost: h.Callers}}
	if err := post(ctx, client, h.Desk+"/parley.desk.v1.SessionService/SignIn", fmt.Appendf(nil, `{"agent":%q,"password":%q}`, h.Agent, h.Password), ""); err != nil {
		return Answered{}, fmt.Errorf("sign in: %w", err)
	}
	var got Answered
	var one, two error
	var both sync.WaitGroup
	began := time.Now().UnixMilli()
	both.Go(func() {
		got.Hook, one = h.each(ctx, func(n int64) error {
			body := fmt.Appendf(nil, `{"object":"page","entry":[{"id":%q,"time":%d,"messaging":[{"sender":{"id":"%d"},"recipient":{"id":%q},"timestamp":%d,"message":{"mid":"m_honest-%d-%d","text":"Здравейте!"}}]}]}`,
				h.Page, began, 7_100_000_000_000_000+n, h.Page, began, began, n)
			mac := hmac.New(sha256.New, []byte(h.Secret))
			mac.Write(body)
			return post(ctx, client, h.Hook, body, "sha256="+hex.EncodeToString(mac.Sum(nil)))
		})
	})
	both.Go(func() {
		got.Desk, two = h.each(ctx, func(int64) error {
			return post(ctx, client, h.Desk+"/parley.desk.v1.SessionService/WhoAmI", []byte(`{}`), "")
		})
	})
	both.Wait()
	return got, errors.Join(one, two)
}

// each makes the calls of one sort.
func (h Honest) each(ctx context.Context, call func(n int64) error) ([]time.Duration, error) {
	var next atomic.Int64
	var mu sync.Mutex
	var took []time.Duration
	var failed int
	var first error
	pace := time.NewTicker(time.Second / time.Duration(h.Rate))
	defer pace.Stop()
	var all sync.WaitGroup
	for range h.Callers {
		all.Go(func() {
			for n := next.Add(1); n <= int64(h.Calls) && ctx.Err() == nil; n = next.Add(1) {
				select {
				case <-pace.C:
				case <-ctx.Done():
					return
				}
				began := time.Now()
				err := call(n)
				mu.Lock()
				if took = append(took, time.Since(began)); err != nil {
					failed, first = failed+1, cmp.Or(first, err)
				}
				mu.Unlock()
			}
		})
	}
	all.Wait()
	if failed > 0 {
		first = fmt.Errorf("%d of %d failed, one by: %w", failed, len(took), first)
	}
	return took, errors.Join(first, ctx.Err())
}

func post(ctx context.Context, client *http.Client, url string, body []byte, signature string) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Connect-Protocol-Version", "1")
	if signature != "" {
		r.Header.Set("X-Hub-Signature-256", signature)
	}
	resp, err := client.Do(r)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	said, err := io.ReadAll(io.LimitReader(resp.Body, 4096))
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s answers %d: %s", url, resp.StatusCode, said)
	}
	return err
}

// Certificate writes a certificate for this machine and its key into a folder, and gives
// the files and what trusts it.
func Certificate(dir string) (cert, key string, trust *tls.Config, err error) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return "", "", nil, err
	}
	form := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "flood"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign}
	der, err := x509.CreateCertificate(rand.Reader, form, form, private.Public(), private)
	if err != nil {
		return "", "", nil, err
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return "", "", nil, err
	}
	cert, key = filepath.Join(dir, "flood.crt"), filepath.Join(dir, "flood.key")
	public := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(public)
	return cert, key, &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
		errors.Join(os.WriteFile(cert, public, 0o600), os.WriteFile(key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}), 0o600))
}
