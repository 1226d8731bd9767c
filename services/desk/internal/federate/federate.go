// Package federate lets agents in by the accounts of their company: OpenID Connect,
// authorization code with PKCE. What holds, whatever a browser, a network or another
// issuer sends:
//
//   - A code is taken only in the browser that asked for it: state, nonce and the PKCE
//     verifier travel in a sealed cookie of this host, good for some minutes and for
//     one answer.
//   - What an ID token says counts only when the one issuer of the settings signed it,
//     with an asymmetric key of its own, for this client, in answer to this very
//     request, and it has not expired.
//   - The answer names no address to go to: that is the desk or the set-up page.
//   - Who is not an agent already is not let in, whatever the issuer says.
package federate

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"github.com/parley-desk/parley/pkg/fault"
	"github.com/parley-desk/parley/pkg/secret"
)

const (
	// asking is how long the issuer may take for one request.
	asking = 10 * time.Second
	// entering is how long somebody may take to sign in at the issuer.
	entering = 10 * time.Minute
	// fresh is how long a discovery document is used before it is read again.
	fresh = time.Hour
	// most is how much of an answer of the issuer is read.
	most = 1 << 20
	// sealUse is the purpose of the key that seals the cookie of a request.
	sealUse = "desk.federate"
)

// algorithms are those by which an ID token may be signed: the issuer alone has the
// key. "none" and those with a shared key are not among them.
var algorithms = []string{oidc.RS256, oidc.RS384, oidc.RS512, oidc.ES256, oidc.ES384, oidc.ES512, oidc.PS256, oidc.PS384, oidc.PS512, oidc.EdDSA}

// Settings are who is asked, and what the answer is read by.
type Settings struct {
	Issuer   string // exactly as it calls itself
	ClientID string
	Secret   secret.Text // empty: a public client
	Return   string      // URL of this desk to which the issuer sends browsers back
	Scopes   []string    // beside openid
	Name     string      // claim that says who it is
	Groups   string      // claim that says in which groups
	Client   *http.Client
}

// Sealer is the part of secret.Box that seals cookies.
type Sealer interface {
	MAC(purpose string, data []byte) []byte
	Verify(purpose string, data, mac []byte) bool
}

// Federation asks one issuer. It is safe for concurrent use.
type Federation struct {
	settings Settings
	sealer   Sealer
	now      func() time.Time
	client   *http.Client

	mu    sync.Mutex
	found *issuer // nil: not yet
}

// issuer is one as it described itself.
type issuer struct {
	provider *oidc.Provider
	verifier *oidc.IDTokenVerifier
	names    bool // itself in its answers (RFC 9207)
	until    time.Time
}

// New makes a federation; it asks nobody yet.
func New(s Settings, sealer Sealer, now func() time.Time) *Federation {
	client := &http.Client{Timeout: asking}
	if s.Client != nil {
		client.Transport = s.Client.Transport
	}
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse } // no document and no token is anywhere else
	client.Transport = bounded{client.Transport}
	return &Federation{settings: s, sealer: sealer, now: now, client: client}
}

// bounded reads no more of an answer than most.
type bounded struct{ next http.RoundTripper }

// RoundTrip sends a request.
func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	next := b.next
	if next == nil {
		next = http.DefaultTransport
	}
	answer, err := next.RoundTrip(r)
	if err == nil {
		answer.Body = struct {
			io.Reader
			io.Closer
		}{io.LimitReader(answer.Body, most), answer.Body}
	}
	return answer, err
}

// Asked is what is remembered of a request, in the browser.
type asked struct {
	State    string `json:"s"`
	Nonce    string `json:"n"`
	Verifier string `json:"v"`
	Place    string `json:"p"`
	Until    int64  `json:"u"` // ms since 1970 UTC
}

// Account is who the issuer says somebody is.
type Account struct {
	Name   string   // value of the claim of the settings
	Groups []string // value of that claim; nil: it does not say
	Place  string   // where to go: "/" or "/setup"
}

// Begin gives the address at the issuer to which a browser is to go, and what it must
// bring back in a cookie. The place is where it wants to be then.
func (f *Federation) Begin(ctx context.Context, place string) (address string, cookie secret.Text, _ error) {
	i, err := f.issuer(ctx)
	if err != nil {
		return "", cookie, err
	}
	if place != "/setup" {
		place = "/"
	}
	a := asked{State: chance(), Nonce: chance(), Verifier: oauth2.GenerateVerifier(), Place: place, Until: f.now().Add(entering).UnixMilli()}
	if cookie, err = f.seal(a); err != nil {
		return "", cookie, err
	}
	return f.exchange(i).AuthCodeURL(a.State, oidc.Nonce(a.Nonce), oauth2.S256ChallengeOption(a.Verifier)), cookie, nil
}

// Finish gives who came back from the issuer, by the query of the address to which it
// sent the browser and the cookie of Begin. The fault says why nobody did.
func (f *Federation) Finish(ctx context.Context, query map[string][]string, cookie secret.Text) (Account, error) {
	get := func(name string) string {
		if all := query[name]; len(all) == 1 {
			return all[0]
		}
		return "" // none, or several of which one may be somebody else's
	}
	a, ok := f.unseal(cookie)
	if !ok || !secret.NewText(a.State).Equal(get("state")) {
		return Account{}, fault.New(fault.Unauthenticated, "SIGN_IN_LOST", "this answer belongs to no sign-in of this browser, or to one that began more than %v ago; begin again", entering)
	}
	i, err := f.issuer(ctx)
	if err != nil {
		return Account{}, err
	}
	if iss := get("iss"); iss != f.settings.Issuer && (i.names || len(query["iss"]) > 0) {
		return Account{}, refused("the answer comes from another issuer than %s", f.settings.Issuer)
	}
	if get("error") != "" || get("code") == "" {
		return Account{}, refused("%s let nobody in", f.settings.Issuer) // its words stay out: anybody can write them
	}
	ctx, cancel := context.WithTimeout(oidc.ClientContext(ctx, f.client), asking)
	defer cancel()
	token, err := f.exchange(i).Exchange(ctx, get("code"), oauth2.VerifierOption(a.Verifier))
	if no := new(oauth2.RetrieveError); errors.As(err, &no) && no.Response.StatusCode < http.StatusInternalServerError {
		return Account{}, refused("%s does not take the code: %s", f.settings.Issuer, word(no.ErrorCode))
	} else if err != nil {
		return Account{}, f.away(err)
	}
	raw, _ := token.Extra("id_token").(string)
	account, err := f.read(ctx, i, raw, a)
	account.Place = a.Place
	return account, err
}

// read checks an ID token and reads it.
func (f *Federation) read(ctx context.Context, i *issuer, raw string, a asked) (Account, error) {
	token, err := i.verifier.Verify(ctx, raw)
	if err != nil {
		return Account{}, refused("the ID token does not hold: %v", err)
	}
	var claims struct {
		For string `json:"azp"`
	}
	all := map[string]json.RawMessage{}
	if err := errors.Join(token.Claims(&claims), token.Claims(&all)); err != nil {
		return Account{}, refused("the ID token cannot be read: %v", err)
	}
	switch {
	case !secret.NewText(a.Nonce).Equal(token.Nonce):
		return Account{}, refused("the ID token answers another request")
	case claims.For != "" && claims.For != f.settings.ClientID, claims.For == "" && len(token.Audience) > 1:
		return Account{}, refused("the ID token is for another client")
	case token.IssuedAt.After(f.now().Add(5 * time.Minute)):
		return Account{}, refused("the ID token is from the future: compare the clocks")
	}
	var account Account
	if json.Unmarshal(all[f.settings.Name], &account.Name) != nil || account.Name == "" {
		return Account{}, refused("the ID token has no claim %q with a text; have %s put it in, or set desk.oidc.name", f.settings.Name, f.settings.Issuer)
	}
	account.Groups = words(all[f.settings.Groups])
	return account, nil
}

// words are the texts of a claim that is one or a list; nil where it is neither.
func words(raw json.RawMessage) []string {
	var one string
	if json.Unmarshal(raw, &one) == nil && one != "" {
		return []string{one}
	}
	var many []string
	if json.Unmarshal(raw, &many) != nil {
		return nil
	}
	return many
}

// Roles are those that groups give, by lines "group=role", in their order.
func Roles(lines, groups []string) []string {
	var roles []string
	for _, line := range lines {
		at := strings.LastIndex(line, "=")
		if at > 0 && slices.Contains(groups, line[:at]) && !slices.Contains(roles, line[at+1:]) {
			roles = append(roles, line[at+1:])
		}
	}
	return roles
}

// Reach tells whether the issuer can be reached and is who the settings say; it asks
// anew.
func (f *Federation) Reach(ctx context.Context) error {
	found, err := f.discover(ctx)
	if err == nil {
		f.mu.Lock()
		f.found = found
		f.mu.Unlock()
	}
	return err
}

// Issuer is who is asked.
func (f *Federation) Issuer() string { return f.settings.Issuer }

// issuer is what it said of itself, not long ago; when it cannot be asked again, what
// it said before holds.
func (f *Federation) issuer(ctx context.Context) (*issuer, error) {
	f.mu.Lock()
	found := f.found
	f.mu.Unlock()
	if found != nil && f.now().Before(found.until) {
		return found, nil
	}
	asked, err := f.discover(ctx)
	if err != nil && found != nil {
		return found, nil //nolint:nilerr // better than keeping everybody out
	}
	if err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.found = asked
	return asked, nil
}

func (f *Federation) discover(ctx context.Context) (*issuer, error) {
	// The provider keeps the context's client, not its end, for later requests.
	ctx, cancel := context.WithTimeout(oidc.ClientContext(ctx, f.client), asking)
	defer cancel()
	provider, err := oidc.NewProvider(ctx, f.settings.Issuer)
	if err != nil {
		return nil, f.away(err)
	}
	var said struct {
		Names bool `json:"authorization_response_iss_parameter_supported"`
	}
	if err := provider.Claims(&said); err != nil {
		return nil, f.away(err)
	}
	return &issuer{provider: provider, names: said.Names, until: f.now().Add(fresh),
		verifier: provider.Verifier(&oidc.Config{ClientID: f.settings.ClientID, SupportedSigningAlgs: algorithms, Now: f.now})}, nil
}

func (f *Federation) exchange(i *issuer) *oauth2.Config {
	return &oauth2.Config{ClientID: f.settings.ClientID, ClientSecret: f.settings.Secret.Reveal(), Endpoint: i.provider.Endpoint(),
		RedirectURL: f.settings.Return, Scopes: append([]string{oidc.ScopeOpenID}, f.settings.Scopes...)}
}

func (f *Federation) away(err error) error {
	return &fault.Error{Kind: fault.Unavailable, Reason: "ISSUER_AWAY", Cause: err,
		Message: fmt.Sprintf("%s cannot be asked who this is, or is not who the settings say; try again", f.settings.Issuer)}
}

func refused(format string, args ...any) error {
	return fault.New(fault.Unauthenticated, "SIGN_IN_REFUSED", format, args...)
}

// word keeps what is no word of OAuth out of messages.
func word(s string) string {
	if s == "" || len(s) > 40 || strings.ContainsFunc(s, func(r rune) bool { return (r < 'a' || r > 'z') && r != '_' }) {
		return "no reason is given"
	}
	return s
}

func (f *Federation) seal(a asked) (secret.Text, error) {
	data, _ := json.Marshal(a) // a struct of strings and a number cannot fail
	mac := f.sealer.MAC(sealUse, data)
	if mac == nil {
		return secret.Text{}, fault.New(fault.Internal, "", "the keyset gives no key to seal a sign-in with")
	}
	return secret.NewText(base64.RawURLEncoding.EncodeToString(data) + "." + base64.RawURLEncoding.EncodeToString(mac)), nil
}

func (f *Federation) unseal(cookie secret.Text) (a asked, ok bool) {
	body, seal, _ := strings.Cut(cookie.Reveal(), ".")
	data, err1 := base64.RawURLEncoding.DecodeString(body)
	mac, err2 := base64.RawURLEncoding.DecodeString(seal)
	if err1 != nil || err2 != nil || !f.sealer.Verify(sealUse, data, mac) || json.Unmarshal(data, &a) != nil {
		return asked{}, false
	}
	return a, a.State != "" && f.now().UnixMilli() < a.Until
}

// chance is 128 random bits.
func chance() string {
	var bits [16]byte
	_, _ = rand.Read(bits[:]) // never fails: crypto/rand ends the process instead
	return base64.RawURLEncoding.EncodeToString(bits[:])
}
