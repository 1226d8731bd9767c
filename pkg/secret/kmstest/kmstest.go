// Package kmstest plays a key management service for tests: the transit engine
// of HashiCorp Vault and OpenBao, as far as a keyset needs it.
package kmstest

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/tink-crypto/tink-go/v2/aead/subtle"
)

// Server is a service that has every key and takes one token. It ends with the
// test.
type Server struct {
	*httptest.Server
	CA    string // PEM file of its certificate
	token string

	mu     sync.Mutex
	answer http.HandlerFunc
	asked  int
}

// New starts a service that takes token.
func New(t testing.TB, token string) *Server {
	t.Helper()
	s := &Server{token: token, CA: filepath.Join(t.TempDir(), "ca.pem")}
	s.Server = httptest.NewTLSServer(http.HandlerFunc(s.handle))
	t.Cleanup(s.Close)
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})
	if err := os.WriteFile(s.CA, block, 0o600); err != nil {
		t.Fatal(err)
	}
	return s
}

// URI names a key of the service.
func (s *Server) URI(key string) string {
	return "hcvault://" + strings.TrimPrefix(s.URL, "https://") + "/transit/keys/" + key
}

// Answer has f answer everything from now on; nil is the service itself again.
func (s *Server) Answer(f http.HandlerFunc) { s.mu.Lock(); defer s.mu.Unlock(); s.answer = f }

// Asked is how many requests there were.
func (s *Server) Asked() int { s.mu.Lock(); defer s.mu.Unlock(); return s.asked }

func (s *Server) handle(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.asked++
	answer := s.answer
	s.mu.Unlock()
	if answer == nil {
		answer = s.Serve
	}
	answer(w, r)
}

// Serve answers as the service does.
func (s *Server) Serve(w http.ResponseWriter, r *http.Request) {
	parts := strings.Split(strings.TrimPrefix(r.URL.Path, "/v1/transit/"), "/")
	if r.Method != http.MethodPost || len(parts) != 2 || r.Header.Get("X-Vault-Token") != s.token {
		w.WriteHeader(http.StatusForbidden)
		_, _ = io.WriteString(w, `{"errors":["1 error occurred:\n\t* permission denied\n\n"]}`)
		return
	}
	key := sha256.Sum256([]byte(parts[1]))
	cipher, err := subtle.NewAESGCM(key[:])
	var in, out map[string]string
	if err == nil {
		err = json.NewDecoder(r.Body).Decode(&in)
	}
	if err == nil {
		out, err = transit(cipher, parts[0], in)
	}
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
		_, _ = io.WriteString(w, `{"errors":["cipher: message authentication failed"]}`)
		return
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"data": out})
}

// version stands before what the first version of a key encrypted.
const version = "vault:v1:"

func transit(cipher *subtle.AESGCM, what string, in map[string]string) (map[string]string, error) {
	if what == "encrypt" {
		plain, err := base64.StdEncoding.DecodeString(in["plaintext"])
		if err != nil {
			return nil, err
		}
		sealed, err := cipher.Encrypt(plain, nil)
		return map[string]string{"ciphertext": version + base64.StdEncoding.EncodeToString(sealed)}, err
	}
	sealed, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(in["ciphertext"], version))
	if err != nil {
		return nil, err
	}
	plain, err := cipher.Decrypt(sealed, nil)
	return map[string]string{"plaintext": base64.StdEncoding.EncodeToString(plain)}, err
}
