// Package issuertest is a stand-in for the sign-in of a company: an OpenID provider
// that lets in whoever the test says, and lies in the ways the test asks for.
package issuertest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"testing"
	"time"
)

// ClientID and Secret are those of the desk at the issuer.
const (
	ClientID = "desk"
	Secret   = "issuer-canary-1f0c"
)

// Issuer is the stand-in. Its fields may be set before a request.
type Issuer struct {
	t      *testing.T
	Server *httptest.Server
	rsa    *rsa.PrivateKey
	ec     *ecdsa.PrivateKey

	mu sync.Mutex
	// Claims of the next tokens, over those that are right; nil takes one out.
	Claims map[string]any
	// Alg by which tokens are signed: RS256, ES256, and the lies HS256, none, and
	// forged, which is RS256 by another's key.
	Alg string
	// Named is what discovery calls the issuer; empty: what it is.
	Named string
	// Iss is the parameter of answers; empty: none.
	Iss string
	// Names is whether discovery promises that parameter.
	Names bool
	codes map[string]url.Values // what was asked, by code
}

// New starts an issuer.
func New(t *testing.T) *Issuer {
	t.Helper()
	i := &Issuer{t: t, Alg: "RS256", codes: map[string]url.Values{}}
	var err error
	if i.rsa, err = rsa.GenerateKey(rand.Reader, 2048); err != nil {
		t.Fatal(err)
	}
	if i.ec, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration", i.discovery)
	mux.HandleFunc("GET /keys", i.keys)
	mux.HandleFunc("GET /authorize", i.authorize)
	mux.HandleFunc("POST /token", i.token)
	i.Server = httptest.NewServer(mux)
	t.Cleanup(i.Server.Close)
	return i
}

// Lie has the next answers made so.
func (i *Issuer) Lie(how func(*Issuer)) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.Claims, i.Alg, i.Named, i.Iss, i.Names = nil, "RS256", "", "", false
	how(i)
}

func (i *Issuer) discovery(w http.ResponseWriter, _ *http.Request) {
	i.mu.Lock()
	defer i.mu.Unlock()
	named := i.Server.URL
	if i.Named != "" {
		named = i.Named
	}
	i.say(w, http.StatusOK, map[string]any{"issuer": named, "authorization_endpoint": i.Server.URL + "/authorize", "token_endpoint": i.Server.URL + "/token",
		"jwks_uri": i.Server.URL + "/keys", "id_token_signing_alg_values_supported": []string{"RS256", "ES256", "HS256", "none"},
		"authorization_response_iss_parameter_supported": i.Names})
}

func (i *Issuer) keys(w http.ResponseWriter, _ *http.Request) {
	point, err := i.ec.PublicKey.Bytes()
	if err != nil {
		i.t.Error(err)
		return
	}
	i.say(w, http.StatusOK, map[string]any{"keys": []map[string]string{
		{"kty": "RSA", "kid": "rsa", "use": "sig", "n": encode(i.rsa.N.Bytes()), "e": encode(big.NewInt(int64(i.rsa.E)).Bytes())},
		{"kty": "EC", "kid": "ec", "use": "sig", "crv": "P-256", "x": encode(point[1:33]), "y": encode(point[33:])}}})
}

// authorize lets in whoever comes and sends the browser back.
func (i *Issuer) authorize(w http.ResponseWriter, r *http.Request) {
	i.mu.Lock()
	defer i.mu.Unlock()
	asked := r.URL.Query()
	if asked.Get("client_id") != ClientID || asked.Get("code_challenge_method") != "S256" || asked.Get("response_type") != "code" || asked.Get("nonce") == "" {
		i.t.Errorf("the issuer is asked %v", asked)
	}
	code := rand.Text()
	i.codes[code] = asked
	back := url.Values{"code": {code}, "state": {asked.Get("state")}}
	if i.Iss != "" {
		back.Set("iss", i.Iss)
	}
	http.Redirect(w, r, asked.Get("redirect_uri")+"?"+back.Encode(), http.StatusSeeOther)
}

// token gives a token for a code, once, to who has the verifier.
func (i *Issuer) token(w http.ResponseWriter, r *http.Request) {
	i.mu.Lock()
	defer i.mu.Unlock()
	id, password, _ := r.BasicAuth()
	code := r.PostFormValue("code")
	asked := i.codes[code]
	delete(i.codes, code)
	sum := sha256.Sum256([]byte(r.PostFormValue("code_verifier")))
	if asked == nil || id != ClientID || !hmac.Equal([]byte(password), []byte(Secret)) || r.PostFormValue("redirect_uri") != asked.Get("redirect_uri") ||
		!hmac.Equal([]byte(encode(sum[:])), []byte(asked.Get("code_challenge"))) {
		i.say(w, http.StatusBadRequest, map[string]any{"error": "invalid_grant"})
		return
	}
	now := time.Now()
	claims := map[string]any{"iss": i.Server.URL, "aud": ClientID, "sub": "7", "preferred_username": "mila", "nonce": asked.Get("nonce"),
		"iat": now.Unix(), "exp": now.Add(5 * time.Minute).Unix(), "groups": []string{"answering"}}
	maps.Copy(claims, i.Claims)
	maps.DeleteFunc(claims, func(_ string, v any) bool { return v == nil })
	i.say(w, http.StatusOK, map[string]any{"access_token": rand.Text(), "token_type": "Bearer", "expires_in": 60, "id_token": i.sign(claims)})
}

func (i *Issuer) say(w http.ResponseWriter, status int, what any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	if err := json.NewEncoder(w).Encode(what); err != nil {
		i.t.Log(err) // who asked went away
	}
}

func (i *Issuer) sign(claims map[string]any) string {
	alg, kid := i.Alg, "rsa"
	if alg == "forged" {
		alg = "RS256"
	}
	if alg == "ES256" {
		kid = "ec"
	}
	part := func(v any) string {
		data, err := json.Marshal(v)
		if err != nil {
			i.t.Error(err)
		}
		return encode(data)
	}
	body := part(map[string]string{"alg": alg, "kid": kid}) + "." + part(claims)
	sum := sha256.Sum256([]byte(body))
	var seal []byte
	var err error
	switch i.Alg {
	case "RS256":
		seal, err = rsa.SignPKCS1v15(rand.Reader, i.rsa, crypto.SHA256, sum[:])
	case "forged":
		other, made := rsa.GenerateKey(rand.Reader, 2048)
		if made != nil {
			i.t.Error(made)
			return ""
		}
		seal, err = rsa.SignPKCS1v15(rand.Reader, other, crypto.SHA256, sum[:])
	case "ES256":
		r, s, signed := ecdsa.Sign(rand.Reader, i.ec, sum[:])
		if err = signed; err == nil {
			seal = append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...)
		}
	case "HS256": // with what everybody knows
		h := hmac.New(sha256.New, i.rsa.N.Bytes())
		h.Write([]byte(body))
		seal = h.Sum(nil)
	}
	if err != nil {
		i.t.Error(err)
	}
	return fmt.Sprint(body, ".", encode(seal))
}

func encode(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }
