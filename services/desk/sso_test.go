package desk_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"connectrpc.com/connect"

	"github.com/parley-desk/parley/pkg/secret"
	adminv1 "github.com/parley-desk/parley/proto/gen/parley/admin/v1"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
	deskv1 "github.com/parley-desk/parley/proto/gen/parley/desk/v1"
	"github.com/parley-desk/parley/services/desk"
	"github.com/parley-desk/parley/services/desk/internal/federate"
	"github.com/parley-desk/parley/services/desk/internal/federate/issuertest"
)

// company is a desk to which agents sign in with the accounts of their company.
type company struct {
	*house
	issuer *issuertest.Issuer
}

func newCompany(t *testing.T, change ...func(*desk.Config)) *company {
	t.Helper()
	issuer := issuertest.New(t)
	h := newHouse(t, append([]func(*desk.Config){func(c *desk.Config) {
		c.OIDC = desk.OIDC{Issuer: issuer.Server.URL, ClientID: issuertest.ClientID, ClientSecret: issuertest.Secret, Name: "preferred_username",
			Groups: "groups", Scopes: []string{"profile"}, Label: "Example & Co"}
		c.PublicURL = "http://desk.example.com"
	}}, change...)...)
	return &company{h, issuer}
}

// browser is one that finds the desk under its public name.
func (c *company) browser() *http.Client {
	jar, err := cookiejar.New(nil)
	if err != nil {
		c.t.Fatal(err)
	}
	return &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// get asks, at the desk when the address is its public one.
func (c *company) get(b *http.Client, address string) (status int, location, body string) {
	c.t.Helper()
	address = strings.Replace(address, "http://desk.example.com", c.url, 1)
	r, err := http.NewRequestWithContext(c.t.Context(), http.MethodGet, address, nil)
	if err != nil {
		c.t.Fatal(err)
	}
	answer, err := b.Do(r)
	if err != nil {
		c.t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	data, err := io.ReadAll(answer.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	return answer.StatusCode, answer.Header.Get("Location"), string(data)
}

// back goes to the issuer and gives the address at which it sends the browser back.
func (c *company) back(b *http.Client, begin string) string {
	c.t.Helper()
	status, there, body := c.get(b, c.url+begin)
	if status != http.StatusSeeOther || !strings.HasPrefix(there, c.issuer.Server.URL+"/authorize?") {
		c.t.Fatalf("%d leads to %q: %s", status, there, body)
	}
	status, back, body := c.get(b, there)
	if status != http.StatusSeeOther || !strings.HasPrefix(back, "http://desk.example.com/sso/callback?") {
		c.t.Fatalf("%d leads back to %q: %s", status, back, body)
	}
	return back
}

// who is signed in in a browser; empty: nobody.
func (c *company) who(b *http.Client) string {
	c.t.Helper()
	me := c.agent("")
	me.http.Jar.SetCookies(mustURL(c.t, c.url), b.Jar.Cookies(mustURL(c.t, c.url)))
	answer, err := me.sessions.WhoAmI(c.t.Context(), connect.NewRequest(&deskv1.WhoAmIRequest{}))
	if connect.CodeOf(err) == connect.CodeUnauthenticated {
		return ""
	}
	if err != nil {
		c.t.Fatal(err)
	}
	return answer.Msg.GetMe().GetAgent()
}

// TestTheCompanysAccount lets an agent in, to the desk or to the set-up page and to
// nowhere else.
func TestTheCompanysAccount(t *testing.T) {
	c := newCompany(t)
	for begin, want := range map[string]string{"/sso": "/", "/sso?to=setup": "/setup", "/sso?to=//evil.example": "/", "/sso?to=https://evil.example": "/"} {
		for _, alg := range []string{"RS256", "ES256"} {
			c.issuer.Lie(func(i *issuertest.Issuer) { i.Alg = alg })
			b := c.browser()
			back := c.back(b, begin)
			if c.who(b) != "" {
				t.Error("the issuer alone signs somebody in")
			}
			if status, place, body := c.get(b, back); status != http.StatusSeeOther || place != want || c.who(b) != "mila" {
				t.Errorf("%s, %s: %d, to %q, %q is in: %s", begin, alg, status, place, c.who(b), body)
			}
		}
	}
	if status, _, body := c.get(c.browser(), c.url+"/"); status != http.StatusOK || !strings.Contains(body, `data-sso="Example &amp; Co"`) || strings.Contains(body, "data-closed") {
		t.Errorf("the page says %d %s", status, body)
	}
	if _, err := c.agent("").sessions.SignIn(t.Context(), connect.NewRequest(&deskv1.SignInRequest{Agent: "mila", Password: password})); err != nil {
		t.Errorf("passwords are still taken: %v", err)
	}
}

// TestAttacksOnTheCompanysAccount: each is refused, signs nobody in, and says nothing
// of what came.
func TestAttacksOnTheCompanysAccount(t *testing.T) {
	claim := func(name string, value any) func(*issuertest.Issuer) {
		return func(i *issuertest.Issuer) { i.Claims = map[string]any{name: value} }
	}
	alg := func(name string) func(*issuertest.Issuer) { return func(i *issuertest.Issuer) { i.Alg = name } }
	c := newCompany(t)
	for name, lie := range map[string]func(*issuertest.Issuer){
		"wrong issuer":         claim("iss", "https://evil.example"),
		"no issuer":            claim("iss", nil),
		"wrong audience":       claim("aud", "other"),
		"several audiences":    claim("aud", []string{"desk", "other"}),
		"another party":        claim("azp", "other"),
		"wrong nonce":          claim("nonce", "x"),
		"no nonce":             claim("nonce", nil),
		"expired":              claim("exp", time.Now().Add(-time.Minute).Unix()),
		"no expiry":            claim("exp", nil),
		"not yet":              claim("nbf", time.Now().Add(time.Hour).Unix()),
		"from the future":      claim("iat", time.Now().Add(time.Hour).Unix()),
		"nobody":               claim("preferred_username", nil),
		"no text":              claim("preferred_username", 7),
		"unsigned":             alg("none"),
		"by a shared key":      alg("HS256"),
		"by another's key":     alg("forged"),
		"an answer of another": func(i *issuertest.Issuer) { i.Iss = "https://evil.example" },
		"unknown":              claim("preferred_username", "stranger"),
		"looks like mila":      claim("preferred_username", "m\u0131la"),
	} {
		t.Run(name, func(t *testing.T) {
			c.issuer.Lie(lie)
			b := c.browser()
			status, place, body := c.get(b, c.back(b, "/sso"))
			if status != http.StatusUnauthorized || place != "" || c.who(b) != "" || strings.Contains(body, "evil") || !strings.Contains(body, `lang="bg"`) {
				t.Errorf("%d, to %q, %q is in: %s", status, place, c.who(b), body)
			}
		})
	}
	c.issuer.Lie(func(*issuertest.Issuer) {})

	b, thief := c.browser(), c.browser()
	back := c.back(b, "/sso")
	c.back(thief, "/sso")
	if status, _, _ := c.get(thief, back); status != http.StatusUnauthorized || c.who(thief) != "" {
		t.Errorf("a code brought into another browser: %d, %q is in", status, c.who(thief))
	}
	plain := c.browser()
	if status, _, _ := c.get(plain, back); status != http.StatusUnauthorized {
		t.Errorf("into one that began nothing: %d", status)
	}
	remembered := b.Jar.Cookies(mustURL(t, c.url))
	if status, _, _ := c.get(b, back); status != http.StatusSeeOther || c.who(b) != "mila" {
		t.Fatalf("the right browser: %d", status)
	}
	if status, _, _ := c.get(b, back); status != http.StatusUnauthorized || c.who(b) != "mila" {
		t.Errorf("the same answer again: %d", status)
	}
	thief.Jar.SetCookies(mustURL(t, c.url), remembered) // copied with the address from the history
	if status, _, _ := c.get(thief, back); status != http.StatusUnauthorized || c.who(thief) != "" {
		t.Errorf("the same code again: %d", status)
	}
	for _, query := range []string{"", "?code=x", "?state=", "?error=access_denied&error_description=<script>"} {
		b := c.browser()
		good, err := url.Parse(c.back(b, "/sso"))
		if err != nil {
			t.Fatal(err)
		}
		state := "&state=" + url.QueryEscape(good.Query().Get("state"))
		for _, more := range []string{"", "&" + good.RawQuery + state} { // a parameter that comes twice is none
			if status, _, body := c.get(b, c.url+"/sso/callback?"+strings.TrimPrefix(query, "?")+more); status != http.StatusUnauthorized || c.who(b) != "" || strings.Contains(body, "script") {
				t.Errorf("%q%q: %d %s", query, more, status, body)
			}
		}
	}
}

// TestMixUp: an issuer that promises to name itself must, and one that is not who the
// settings say is not asked.
func TestMixUp(t *testing.T) {
	c := newCompany(t)
	c.issuer.Lie(func(i *issuertest.Issuer) { i.Named = "https://evil.example" })
	if status, place, _ := c.get(c.browser(), c.url+"/sso"); status != http.StatusServiceUnavailable || place != "" {
		t.Errorf("another issuer under this address: %d, to %q", status, place)
	}
	reach := func() string {
		found := &adminv1.ReachIssuerResponse{}
		if err := c.bus.Call(t.Context(), "desk.issuer", &adminv1.ReachIssuerRequest{}, found); err != nil {
			t.Fatal(err)
		}
		return found.GetTrouble()
	}
	if got := reach(); !strings.Contains(got, "evil.example") {
		t.Errorf("the doctor is told %q", got)
	}
	c.issuer.Lie(func(i *issuertest.Issuer) { i.Names = true })
	if got := reach(); got != "" {
		t.Errorf("the doctor is told %q", got)
	}
	b := c.browser()
	if status, _, _ := c.get(b, c.back(b, "/sso")); status != http.StatusUnauthorized {
		t.Errorf("it does not name itself: %d", status)
	}
	c.issuer.Lie(func(i *issuertest.Issuer) { i.Names, i.Iss = true, i.Server.URL })
	if status, _, _ := c.get(b, c.back(b, "/sso")); status != http.StatusSeeOther || c.who(b) != "mila" {
		t.Errorf("it names itself: %d", status)
	}
	c.issuer.Server.Close()
	if got := reach(); got == "" {
		t.Error("the doctor is not told that the issuer is away")
	}
}

// TestGroupsGiveRoles, what groups do not give is taken, and without any nobody is let
// in.
func TestGroupsGiveRoles(t *testing.T) {
	c := newCompany(t, func(cfg *desk.Config) {
		cfg.OIDC.Roles = []string{"answering=agent", "leading=supervisor", "a=b=agent"}
	})
	var mu sync.Mutex
	var given [][]string
	serve(c.house, "admin.enrol", func(_ context.Context, r *adminv1.EnrolRequest) (*adminv1.EnrolResponse, error) {
		mu.Lock()
		defer mu.Unlock()
		given = append(given, r.GetRoles())
		agent := c.world.Agents[r.GetAgent()]
		c.world.Agents[r.GetAgent()] = &configv1.Agent{Meta: agent.GetMeta(), Password: agent.GetPassword(), Roles: r.GetRoles()}
		return &adminv1.EnrolResponse{}, nil
	})
	for _, tc := range []struct {
		groups any
		status int
		given  []string
	}{
		{[]string{"answering", "else"}, http.StatusSeeOther, nil}, // has it already
		{[]string{"leading"}, http.StatusSeeOther, []string{"supervisor"}},
		{[]string{"answering", "leading", "a=b"}, http.StatusSeeOther, []string{"agent", "supervisor"}},
		{"answering", http.StatusSeeOther, []string{"agent"}},
		{[]string{"else"}, http.StatusUnauthorized, nil},
		{[]any{"answering", 7}, http.StatusUnauthorized, nil},
		{nil, http.StatusUnauthorized, nil},
	} {
		mu.Lock()
		given = nil
		mu.Unlock()
		c.issuer.Lie(func(i *issuertest.Issuer) { i.Claims = map[string]any{"groups": tc.groups} })
		b := c.browser()
		status, _, body := c.get(b, c.back(b, "/sso"))
		mu.Lock()
		if status != tc.status || len(given) > 1 || (len(given) == 1) != (tc.given != nil) || len(given) == 1 && !slices.Equal(given[0], tc.given) {
			t.Errorf("%v: %d, given %v: %s", tc.groups, status, given, body)
		}
		mu.Unlock()
	}
}

// TestWhoTheAccountIs: the name of the account wins over the id, in letters small or
// capital; one that two have is nobody's; and who may not sign in may not.
func TestWhoTheAccountIs(t *testing.T) {
	c := newCompany(t, func(cfg *desk.Config) { cfg.LocalAccounts = false })
	set := func(id, account string, barred bool) {
		old := c.world.Agents[id]
		c.world.Agents[id] = &configv1.Agent{Meta: old.GetMeta(), Roles: old.GetRoles(), Password: old.GetPassword(), CompanyAccount: account, Barred: barred}
	}
	set("orlin", "Orlin@Example.com", false)
	set("sonya", "sonya@example.com", true)
	set("irina", "petar", false)
	for name, want := range map[string]string{"mila": "mila", "orlin@example.COM": "orlin", "orlin": "", "sonya@example.com": "", "petar": "", "": ""} {
		c.issuer.Lie(func(i *issuertest.Issuer) { i.Claims = map[string]any{"preferred_username": name} })
		b := c.browser()
		if status, _, body := c.get(b, c.back(b, "/sso")); c.who(b) != want || (status == http.StatusSeeOther) != (want != "") {
			t.Errorf("%q: %d, %q is in: %s", name, status, c.who(b), body)
		}
	}
	if _, err := c.agent("").sessions.SignIn(t.Context(), connect.NewRequest(&deskv1.SignInRequest{Agent: "mila", Password: password})); connect.CodeOf(err) != connect.CodePermissionDenied {
		t.Errorf("a password is taken: %v", err)
	}
	if _, _, body := c.get(c.browser(), c.url+"/setup"); !strings.Contains(body, `data-closed="yes"`) {
		t.Errorf("the page says %s", body)
	}
}

// TestTheIssuersSecretIsNotTold in what is logged when things go wrong.
func TestTheIssuersSecretIsNotTold(t *testing.T) {
	issuer := issuertest.New(t)
	box, err := secret.New()
	if err != nil {
		t.Fatal(err)
	}
	settings := federate.Settings{Issuer: issuer.Server.URL, ClientID: "desk", Secret: secret.NewText(issuertest.Secret), Return: "http://desk.example.com/sso/callback", Name: "sub"}
	var said bytes.Buffer
	log := slog.New(slog.NewTextHandler(&said, nil))
	f := federate.New(settings, box, time.Now)
	_, cookie, err := f.Begin(t.Context(), "/")
	log.Info("begun", "settings", settings, "text", fmt.Sprintf("%+v", settings), "cookie", cookie, "err", err)
	issuer.Server.Close()
	_, err = f.Finish(t.Context(), map[string][]string{"code": {"x"}, "state": {"x"}}, cookie)
	log.Info("finished", "err", err)
	if strings.Contains(said.String(), issuertest.Secret) || strings.Contains(said.String(), cookie.Reveal()) {
		t.Error("a secret is told")
	}
}
