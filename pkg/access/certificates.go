package access

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"io/fs"
	"math/big"
	"net"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"slices"
	"time"

	"github.com/parley-desk/parley/pkg/fault"
)

// Names of the files of certificates, below Dir. A folder of somebody with a
// certificate has all three of CAFile, CertFile and KeyFile.
const (
	CAFile   = "ca.pem"  // who signs, in every folder
	CertFile = "tls.pem" // a certificate
	KeyFile  = "tls.key" // the key of it. A secret

	// AuthorityFile and AuthorityKeyFile are the house's authority. No process
	// reads its key.
	AuthorityFile    = "ca/ca.pem"
	AuthorityKeyFile = "ca/ca.key"
)

// How long certificates hold. What has less than a third of it left is made anew.
const (
	authorityHolds   = 10 * 365 * 24 * time.Hour
	certificateHolds = 365 * 24 * time.Hour
)

// CallersDir has a folder for every caller of Plan.
const CallersDir = "callers"

// URI names a service in its certificate, for admin.grants too.
func URI(service string) string { return "spiffe://parley/" + service }

// Caller names in a certificate, and so in admin.grants, a person or program that
// calls the house from outside.
func Caller(name string) string { return URI(path.Join(CallersDir, name)) }

// authority signs certificates. Its own follows from its key: it is renewed with
// the same one, so whoever trusts the one before trusts what either signs.
type authority struct {
	cert *x509.Certificate
	pem  []byte
	key  *ecdsa.PrivateKey // nil when the file is kept elsewhere
}

// certificates gives one to every service, the brokers, Redis, the collector of traces,
// and the callers that are named: who is named no more lapses. Keys that are
// there stay; a certificate is made when it does not go with its key, its names or
// the authority, when less than a third of its time is left, and for Plan.Renew.
func (w *writer) certificates() error {
	if !w.plan.Certificates {
		return nil
	}
	ca, err := w.authority()
	if err != nil {
		return err
	}
	for _, s := range Services() {
		if err := w.certificate(ca, s.Name, server(s.Name)); err != nil {
			return err
		}
	}
	for _, name := range w.plan.Callers {
		if err := w.certificate(ca, path.Join(CallersDir, name), &x509.Certificate{}); err != nil {
			return err
		}
	}
	brokers := make([]string, len(w.plan.Brokers))
	for i, b := range w.plan.Brokers {
		if brokers[i], _, err = net.SplitHostPort(b); err != nil {
			return err
		}
	}
	if len(brokers) == 0 {
		brokers = []string{"nats"}
	}
	return errors.Join(w.certificate(ca, "nats", server(brokers...)), w.certificate(ca, "redis", server(w.plan.Redis...)),
		w.certificate(ca, "collector", server(w.plan.Collectors...)))
}

// server is what a certificate says of who serves under these names, and on this
// machine. Brokers and Redis are clients of their like, so everybody may be one.
func server(names ...string) *x509.Certificate {
	c := &x509.Certificate{ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1).To4(), net.IPv6loopback}}
	for _, name := range names {
		if ip := net.ParseIP(name); ip != nil {
			c.IPAddresses = append(c.IPAddresses, ip)
		} else {
			c.DNSNames = append(c.DNSNames, name)
		}
	}
	return c
}

// authority reads that of the house, or makes it. Without its key it can be read
// for as long as nothing is to be signed.
func (w *writer) authority() (ca authority, err error) {
	ca.cert, ca.pem = w.readCertificate(AuthorityFile)
	if _, err := os.Stat(filepath.Join(w.plan.Dir, AuthorityKeyFile)); errors.Is(err, fs.ErrNotExist) && ca.cert != nil {
		return ca, nil
	}
	if _, err := os.Stat(filepath.Join(w.plan.Dir, AuthorityFile)); err == nil && ca.cert == nil {
		return ca, fault.New(fault.Invalid, "AUTHORITY_INVALID", "%s holds no certificate in PEM; put back what was there, or remove it to have it made from its key", filepath.Join(w.plan.Dir, AuthorityFile))
	}
	if ca.key, err = w.key(AuthorityKeyFile); err != nil {
		return ca, err
	}
	if ca.cert != nil && ca.key.PublicKey.Equal(ca.cert.PublicKey) && fresh(ca.cert) {
		return ca, nil
	}
	template := &x509.Certificate{Subject: pkix.Name{CommonName: "Parley"}, NotAfter: time.Now().Add(authorityHolds),
		IsCA: true, BasicConstraintsValid: true, MaxPathLenZero: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign}
	if ca.pem, err = sign(template, template, &ca.key.PublicKey, ca.key); err != nil {
		return ca, err
	}
	if err := w.write(AuthorityFile, ca.pem, 0o644); err != nil {
		return ca, err
	}
	ca.cert, _ = w.readCertificate(AuthorityFile)
	return ca, nil
}

// certificate has a folder hold one that says what want says, and whose it is.
func (w *writer) certificate(ca authority, folder string, want *x509.Certificate) error {
	if err := w.derived(filepath.Join(folder, CAFile), string(ca.pem), 0o644); err != nil {
		return err
	}
	key, err := w.key(filepath.Join(folder, KeyFile))
	if err != nil {
		return err
	}
	id, err := url.Parse(URI(folder))
	if err != nil {
		return err
	}
	want.Subject, want.URIs, want.KeyUsage = pkix.Name{CommonName: path.Base(folder)}, []*url.URL{id}, x509.KeyUsageDigitalSignature
	want.ExtKeyUsage = append(want.ExtKeyUsage, x509.ExtKeyUsageClientAuth)
	file := filepath.Join(folder, CertFile)
	if is, _ := w.readCertificate(file); !w.plan.Renew && is != nil && key.PublicKey.Equal(is.PublicKey) && fresh(is) && is.CheckSignatureFrom(ca.cert) == nil &&
		slices.Equal(is.DNSNames, want.DNSNames) && slices.EqualFunc(is.IPAddresses, want.IPAddresses, net.IP.Equal) {
		return nil
	}
	if ca.key == nil {
		return fault.New(fault.Precondition, "AUTHORITY_KEY_MISSING", "%s needs a new certificate, and %s, which signs it, is not there; put it back and run this again, or remove %s too for a new authority",
			folder, filepath.Join(w.plan.Dir, AuthorityKeyFile), AuthorityFile)
	}
	if want.NotAfter = time.Now().Add(certificateHolds); want.NotAfter.After(ca.cert.NotAfter) {
		want.NotAfter = ca.cert.NotAfter
	}
	cert, err := sign(want, ca.cert, &key.PublicKey, ca.key)
	if err != nil {
		return err
	}
	return w.write(file, cert, 0o644) // whoever is spoken to sees it
}

// fresh tells whether a third of a certificate's time is left.
func fresh(c *x509.Certificate) bool {
	return time.Until(c.NotAfter) > c.NotAfter.Sub(c.NotBefore)/3
}

// sign makes a certificate, in PEM, that holds from an hour ago: clocks differ.
func sign(template, parent *x509.Certificate, public *ecdsa.PublicKey, key *ecdsa.PrivateKey) ([]byte, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, err
	}
	template.SerialNumber, template.NotBefore = serial, time.Now().Add(-time.Hour)
	der, err := x509.CreateCertificate(rand.Reader, template, parent, public, key)
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), err
}

// readCertificate gives nothing for a file that holds none.
func (w *writer) readCertificate(name string) (*x509.Certificate, []byte) {
	raw, err := os.ReadFile(filepath.Join(w.plan.Dir, name))
	if err != nil {
		return nil, nil
	}
	block, _ := pem.Decode(raw)
	if block == nil {
		return nil, nil
	}
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil, nil
	}
	return cert, raw
}

// key reads the key of a certificate, or makes it.
func (w *writer) key(name string) (*ecdsa.PrivateKey, error) {
	raw, err := w.secret(name, func() ([]byte, error) {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			return nil, err
		}
		der, err := x509.MarshalPKCS8PrivateKey(key)
		return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), err
	})
	if err != nil {
		return nil, err
	}
	if block, _ := pem.Decode(bytes.TrimSpace(raw)); block != nil {
		parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
		if key, ok := parsed.(*ecdsa.PrivateKey); ok && err == nil {
			return key, nil
		}
	}
	// The cause may quote what is in the file.
	return nil, fault.New(fault.Invalid, "TLS_KEY_INVALID", "%s holds no ECDSA key in PKCS #8 and PEM; remove it and run this again for a new one", filepath.Join(w.plan.Dir, name))
}
