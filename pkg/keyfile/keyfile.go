// Package keyfile reads files that settings name: of a key or a password and nothing
// else, and of whom to trust.
package keyfile

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"io"
	"os"

	"github.com/parley-desk/parley/pkg/fault"
)

// mostOfFile is more than a key or a password has.
const mostOfFile = 64 << 10

// Read reads the secret in a file that a setting names, without the white
// space around it. A file that its group or the world may read is refused (SC5):
// whoever could read it may have.
func Read(setting, path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fault.Wrap(err, "reading the file of %s", setting)
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return nil, fault.Wrap(err, "reading the file of %s", setting)
	}
	if mode := info.Mode(); !mode.IsRegular() || mode.Perm()&0o077 != 0 {
		return nil, fault.New(fault.Precondition, "SECRET_EXPOSED",
			"%s, the file of %s, has mode %v and others could read it; replace what is in it if they might have, then run chmod 600 %s", path, setting, mode, path)
	}
	data, err := io.ReadAll(io.LimitReader(f, mostOfFile))
	if err != nil {
		return nil, fault.Wrap(err, "reading the file of %s", setting)
	}
	if data = bytes.TrimSpace(data); len(data) == 0 {
		return nil, fault.New(fault.Invalid, "SECRET_EMPTY", "%s, the file of %s, is empty", path, setting)
	}
	return data, nil
}

// Authorities reads the PEM file of those whose certificates are taken; nil, which
// stands for those of the system, when the setting names none.
func Authorities(setting, path string) (*x509.CertPool, error) {
	if path == "" {
		return nil, nil
	}
	pem, err := os.ReadFile(path)
	if err != nil {
		return nil, fault.Wrap(err, "reading the file of %s", setting)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fault.New(fault.Invalid, "AUTHORITIES_INVALID", "%s, the file of %s, holds no certificate in PEM; name that of who signs the certificates there", path, setting)
	}
	return pool, nil
}

// Client is TLS to a server whose certificate an authority of the file ca signs, with
// the certificate of this process, if it has one. Settings are named by what they
// begin with: "redis." has redis.ca, redis.cert and redis.key.
func Client(settings, ca, cert, key string) (*tls.Config, error) {
	roots, err := Authorities(settings+"ca", ca)
	if err != nil {
		return nil, err
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots}
	if cert == "" {
		return config, nil
	}
	if _, err := Read(settings+"key", key); err != nil {
		return nil, err
	}
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		return nil, fault.Wrap(err, "reading %[1]scert and %[1]skey", settings)
	}
	config.Certificates = []tls.Certificate{pair}
	return config, nil
}
