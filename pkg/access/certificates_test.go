package access_test

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-desk/parley/pkg/access"
	"github.com/parley-desk/parley/pkg/fault"
)

func certify(t *testing.T, dir string, renew bool) []string {
	t.Helper()
	written, err := access.Create(access.Plan{Dir: dir, Partitions: 2, Group: "main", Brokers: []string{"nats-1:6222", "nats-2:6222"},
		Certificates: true, Redis: []string{"redis", "10.0.0.9"}, Renew: renew})
	if err != nil {
		t.Fatal(err)
	}
	return written
}

// served tells whether who trusts the authority in trusts takes the certificate in
// the folder for host, now.
func served(t *testing.T, trusts, folder, host string) error {
	t.Helper()
	pair, err := tls.LoadX509KeyPair(filepath.Join(folder, access.CertFile), filepath.Join(folder, access.KeyFile))
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	raw, err := os.ReadFile(trusts)
	if err != nil || !roots.AppendCertsFromPEM(raw) {
		t.Fatalf("read the authority: %v", err)
	}
	for _, usage := range []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth} {
		if _, err := pair.Leaf.Verify(x509.VerifyOptions{Roots: roots, DNSName: host, CurrentTime: time.Now(), KeyUsages: []x509.ExtKeyUsage{usage}}); err != nil {
			return err
		}
	}
	return nil
}

func TestEverybodyGetsACertificateOfItsOwn(t *testing.T) {
	dir := t.TempDir()
	certify(t, dir, false)
	files := contents(t, dir) // keys are 0600
	for folder, hosts := range map[string][]string{"nats": {"nats-1", "nats-2", "127.0.0.1"}, "redis": {"redis", "10.0.0.9", "localhost"}, "admin": {"admin"}, "desk": {"desk"}} {
		for _, host := range hosts {
			if err := served(t, filepath.Join(dir, folder, access.CAFile), filepath.Join(dir, folder), host); err != nil {
				t.Errorf("%s as %s: %v", folder, host, err)
			}
		}
		if served(t, filepath.Join(dir, access.AuthorityFile), filepath.Join(dir, folder), "other") == nil {
			t.Errorf("%s passes for another", folder)
		}
		pair, err := tls.LoadX509KeyPair(filepath.Join(dir, folder, access.CertFile), filepath.Join(dir, folder, access.KeyFile))
		if err != nil || len(pair.Leaf.URIs) != 1 || pair.Leaf.URIs[0].String() != access.URI(folder) || pair.Leaf.IsCA {
			t.Errorf("%s: %v, it names %v", folder, err, pair.Leaf.URIs)
		}
	}
	if files["desk/"+access.KeyFile] == files["admin/"+access.KeyFile] {
		t.Error("two have one key")
	}
	for name, text := range files {
		if secret := strings.HasSuffix(name, ".key"); secret != strings.Contains(text, "PRIVATE KEY") {
			t.Errorf("%s holds a key: %v", name, !secret)
		}
	}
	if again := certify(t, dir, false); len(again) > 0 {
		t.Errorf("run again it wrote %v", again)
	}
}

func reason(err error) string {
	var f *fault.Error
	if errors.As(err, &f) {
		return f.Reason
	}
	return ""
}

// A certificate is made anew in time, for the same key: whoever trusts the authority
// before trusts it, and one file is replaced, so that no pair is ever torn.
func TestACertificateIsRenewedBeforeItLapses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		certify(t, dir, false)
		first := contents(t, dir)
		old := filepath.Join(t.TempDir(), "ca.pem")
		if err := os.WriteFile(old, []byte(first[access.AuthorityFile]), 0o600); err != nil {
			t.Fatal(err)
		}
		time.Sleep(240 * 24 * time.Hour)
		if early := certify(t, dir, false); len(early) > 0 {
			t.Errorf("with a third of the time left it wrote %v", early)
		}
		time.Sleep(10 * 24 * time.Hour)
		if late := certify(t, dir, false); len(late) != len(access.Services())+3 || slices.ContainsFunc(late, func(n string) bool { return filepath.Base(n) != access.CertFile }) {
			t.Errorf("with less left it wrote %v", late)
		}
		if forced := certify(t, dir, true); len(forced) != len(access.Services())+3 {
			t.Errorf("told to renew it wrote %v", forced)
		}
		for range 10 { // years, in which the authority is renewed too
			time.Sleep(300 * 24 * time.Hour)
			certify(t, dir, false)
			if err := served(t, filepath.Join(dir, "desk", access.CAFile), filepath.Join(dir, "nats"), "nats-1"); err != nil {
				t.Fatalf("%v: %v", time.Now(), err)
			}
		}
		if contents(t, dir)[access.AuthorityFile] == first[access.AuthorityFile] {
			t.Error("the authority lapses")
		}
		if err := served(t, old, filepath.Join(dir, "nats"), "nats-1"); err != nil {
			t.Errorf("who has the authority's certificate from before: %v", err)
		}
	})
}

// The authority's key may be kept elsewhere: it is asked for when there is something
// to sign, and nothing is signed by another in its place.
func TestTheAuthoritysKeyMayBeKeptElsewhere(t *testing.T) {
	dir := t.TempDir()
	certify(t, dir, false)
	key := filepath.Join(dir, access.AuthorityKeyFile)
	if err := os.Rename(key, key+".away"); err != nil {
		t.Fatal(err)
	}
	if again := certify(t, dir, false); len(again) > 0 {
		t.Errorf("with nothing to do it wrote %v", again)
	}
	if err := os.Remove(filepath.Join(dir, "desk", access.CertFile)); err != nil {
		t.Fatal(err)
	}
	plan := access.Plan{Dir: dir, Partitions: 2, Group: "main", Brokers: []string{"nats-1:6222", "nats-2:6222"}, Certificates: true, Redis: []string{"redis", "10.0.0.9"}}
	if written, err := access.Create(plan); reason(err) != "AUTHORITY_KEY_MISSING" || len(written) > 0 {
		t.Errorf("it wrote %v: %v", written, err)
	}
	if err := os.Rename(key+".away", key); err != nil {
		t.Fatal(err)
	}
	if again := certify(t, dir, false); !slices.Equal(again, []string{"desk/" + access.CertFile}) {
		t.Errorf("with it again it wrote %v", again)
	}
	authority := filepath.Join(dir, access.AuthorityFile)
	whole, err := os.ReadFile(authority)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(authority, whole[:40], 0o600); err != nil {
		t.Fatal(err)
	}
	if written, err := access.Create(plan); reason(err) != "AUTHORITY_INVALID" || len(written) > 0 {
		t.Errorf("with a torn authority it wrote %v: %v", written, err)
	}
	if err := os.WriteFile(authority, whole, 0o600); err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(key)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(key, bytes.ReplaceAll(raw, []byte("-----"), []byte("....")), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := access.Create(plan); reason(err) != "TLS_KEY_INVALID" || strings.Contains(err.Error(), "PRIVATE") {
		t.Errorf("with a broken key: %v", err)
	}
}

// A caller is let in and lets nobody in: its certificate names it, no host, and serves
// nothing. Who is named no more keeps the files and lapses.
func TestCallersGetACertificateToCallWith(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		plan := access.Plan{Dir: t.TempDir(), Partitions: 2, Group: "main", Certificates: true, Callers: []string{"petar", "ci"}}
		made := func() []string {
			t.Helper()
			written, err := access.Create(plan)
			if err != nil {
				t.Fatal(err)
			}
			return written
		}
		leaf := func(name string) *x509.Certificate {
			t.Helper()
			folder := filepath.Join(plan.Dir, access.CallersDir, name)
			pair, err := tls.LoadX509KeyPair(filepath.Join(folder, access.CertFile), filepath.Join(folder, access.KeyFile))
			if err != nil {
				t.Fatal(err)
			}
			return pair.Leaf
		}
		made()
		contents(t, plan.Dir) // keys are 0600
		for _, name := range plan.Callers {
			c := leaf(name)
			if len(c.URIs) != 1 || c.URIs[0].String() != access.Caller(name) || len(c.DNSNames)+len(c.IPAddresses) > 0 ||
				!slices.Equal(c.ExtKeyUsage, []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}) || c.IsCA {
				t.Errorf("%s: it names %v, %v and %v, for %v", name, c.URIs, c.DNSNames, c.IPAddresses, c.ExtKeyUsage)
			}
		}
		if again := made(); len(again) > 0 {
			t.Errorf("run again it wrote %v", again)
		}
		plan.Callers = []string{"petar"}
		time.Sleep(300 * 24 * time.Hour)
		made()
		if stays, lapses := leaf("petar"), leaf("ci"); time.Until(stays.NotAfter) < 300*24*time.Hour || time.Until(lapses.NotAfter) > 70*24*time.Hour {
			t.Errorf("who is named has until %v, who is not until %v", stays.NotAfter, lapses.NotAfter)
		}
		for _, bad := range []string{"", ".", "..", "../nats", "a/b", "Petar", "-x", strings.Repeat("x", 64)} {
			elsewhere := t.TempDir()
			written, err := access.Create(access.Plan{Dir: elsewhere, Partitions: 1, Group: "main", Certificates: true, Callers: []string{bad}})
			if reason(err) != "CALLER_NAME" || len(written) > 0 || len(contents(t, elsewhere)) > 0 {
				t.Errorf("%q: %v, it wrote %v", bad, err, written)
			}
		}
	})
}
