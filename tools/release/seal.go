package main

import (
	"bufio"
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

const (
	sumsFile      = "SHA256SUMS"     // as `sha256sum -c` reads it
	signatureFile = "SHA256SUMS.sig" // as `openssl pkeyutl -verify -rawin` reads it
)

type entry struct{ sum, name string }

// signer reads a private key; nil when there is none.
func signer(path string) (ed25519.PrivateKey, error) {
	if path == "" {
		return nil, nil
	}
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("-key: %w", err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("-key: %s can be read by others (mode %o); chmod 600", path, info.Mode().Perm())
	}
	key, err := readKey(path, x509.ParsePKCS8PrivateKey)
	if err != nil {
		return nil, err
	}
	private, ok := key.(ed25519.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("-key: %s is no Ed25519 key; openssl genpkey -algorithm ed25519 makes one", path)
	}
	return private, nil
}

func readKey(path string, parse func([]byte) (any, error)) (any, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("-key: %w", err)
	}
	block, _ := pem.Decode(raw)
	if block == nil {
		return nil, fmt.Errorf("-key: %s is not PEM", path)
	}
	key, err := parse(block.Bytes)
	if err != nil {
		// What the parser says could quote the key.
		return nil, fmt.Errorf("-key: %s is no key of the kind that is wanted here", path)
	}
	return key, nil
}

// seal writes the sums of all that is in a folder, and signs them.
func seal(dir string, key ed25519.PrivateKey) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	var sums bytes.Buffer
	for _, e := range entries {
		sum, err := sumOf(filepath.Join(dir, e.Name()))
		if err != nil {
			return err
		}
		fmt.Fprintf(&sums, "%s  %s\n", sum, e.Name())
	}
	if err := os.WriteFile(filepath.Join(dir, sumsFile), sums.Bytes(), 0o644); err != nil {
		return err
	}
	if key == nil {
		fmt.Println("not signed: there was no -key")
		return nil
	}
	return os.WriteFile(filepath.Join(dir, signatureFile), ed25519.Sign(key, sums.Bytes()), 0o644)
}

// verify tells whether everything in a folder is what was signed: nothing
// changed, nothing missing, nothing more.
func verify(dir, key string) error {
	if dir == "" {
		return errors.New("name the folder of the release")
	}
	if key == "" {
		return errors.New("-key is missing: sums alone say nothing of who made them")
	}
	read, err := readKey(key, x509.ParsePKIXPublicKey)
	if err != nil {
		return err
	}
	public, ok := read.(ed25519.PublicKey)
	if !ok {
		return fmt.Errorf("-key: %s is no Ed25519 key", key)
	}
	raw, err := os.ReadFile(filepath.Join(dir, sumsFile))
	if err != nil {
		return err
	}
	signature, err := os.ReadFile(filepath.Join(dir, signatureFile))
	if errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("%s was not signed", dir)
	}
	if err != nil {
		return err
	}
	if !ed25519.Verify(public, raw, signature) {
		return fmt.Errorf("%s was not signed with this key, or was changed since", filepath.Join(dir, sumsFile))
	}
	return compare(dir)
}

func compare(dir string) error {
	sums, err := readSums(dir)
	if err != nil {
		return err
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	var wrong []string
	for _, e := range entries {
		known := slices.ContainsFunc(sums, func(s entry) bool { return s.name == e.Name() })
		if !known && e.Name() != sumsFile && e.Name() != signatureFile {
			wrong = append(wrong, e.Name()+" is of nobody")
		}
	}
	for _, s := range sums {
		switch sum, err := sumOf(filepath.Join(dir, s.name)); {
		case errors.Is(err, os.ErrNotExist):
			wrong = append(wrong, s.name+" is missing")
		case err != nil:
			return err
		case sum != s.sum:
			wrong = append(wrong, s.name+" was changed")
		}
	}
	if len(wrong) > 0 {
		return errors.New(strings.Join(wrong, "\n"))
	}
	fmt.Printf("%d files are what was signed\n", len(sums))
	return nil
}

// readSums reads the list of a release. A name in it is a file of the folder and
// nothing elsewhere.
func readSums(dir string) ([]entry, error) {
	f, err := os.Open(filepath.Join(dir, sumsFile))
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	var out []entry
	lines := bufio.NewScanner(f)
	for n := 1; lines.Scan(); n++ {
		sum, name, ok := strings.Cut(lines.Text(), "  ")
		if raw, err := hex.DecodeString(sum); !ok || err != nil || len(raw) != sha256.Size || !filepath.IsLocal(name) || filepath.Base(name) != name {
			return nil, fmt.Errorf("%s:%d is no sum and name", sumsFile, n)
		}
		out = append(out, entry{sum, name})
	}
	return out, lines.Err()
}

func sumOf(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer func() { _ = f.Close() }()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}
