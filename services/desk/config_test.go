package desk_test

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"connectrpc.com/connect"

	"github.com/parley-desk/parley/pkg/fault"
	deskv1 "github.com/parley-desk/parley/proto/gen/parley/desk/v1"
	"github.com/parley-desk/parley/services/desk"
)

func TestSettings(t *testing.T) {
	good := desk.Config{Listen: "127.0.0.1:8080", PublicURL: "https://desk.example.com", Events: 2048, Streams: 3, Connections: 1, Sessions: 10, LocalAccounts: true, SessionIdle: 30 * time.Minute, SessionAge: 24 * time.Hour, Invitation: time.Minute, Items: 200_000,
		Uploads: 20, UploadAge: time.Hour, ScanTimeout: 30 * time.Second}
	for name, tc := range map[string]struct {
		change func(*desk.Config)
		wrong  []string
	}{
		"good":                {func(*desk.Config) {}, nil},
		"no public URL":       {func(c *desk.Config) { c.PublicURL = "" }, nil},
		"with a last slash":   {func(c *desk.Config) { c.PublicURL = "http://desk.example.com/" }, nil},
		"no port":             {func(c *desk.Config) { c.Listen = "127.0.0.1" }, []string{"listen"}},
		"no scheme":           {func(c *desk.Config) { c.PublicURL = "desk.example.com" }, []string{"public_url"}},
		"another scheme":      {func(c *desk.Config) { c.PublicURL = "ftp://desk.example.com" }, []string{"public_url"}},
		"with a path":         {func(c *desk.Config) { c.PublicURL = "https://example.com/desk" }, []string{"public_url"}},
		"no URL at all":       {func(c *desk.Config) { c.PublicURL = "https://a b" }, []string{"public_url"}},
		"proxies":             {func(c *desk.Config) { c.Proxies = []string{"10.0.0.1", "10.1.0.0/16", "::1"} }, nil},
		"proxies of all":      {func(c *desk.Config) { c.Proxies = []string{"proxy.example", "10.0.0.1:80"} }, []string{"proxies", "proxies"}},
		"with pictures":       {func(c *desk.Config) { c.ImageOrigins = []string{"http://127.0.0.1:8082", "https://[::1]/"} }, nil},
		"pictures of all":     {func(c *desk.Config) { c.ImageOrigins = []string{"https:", "*"} }, []string{"image_origins", "image_origins"}},
		"more than origins":   {func(c *desk.Config) { c.ImageOrigins = []string{"https://a.example/b", "https://u@a.example"} }, []string{"image_origins", "image_origins"}},
		"a rule of its own":   {func(c *desk.Config) { c.ImageOrigins = []string{"https://a.example;script-src"} }, []string{"image_origins"}},
		"withheld":            {func(c *desk.Config) { c.Withhold = []string{"monitor", "force_close"} }, nil},
		"an invented word":    {func(c *desk.Config) { c.Withhold = []string{"monitor", "everything"} }, []string{"withhold"}},
		"a short session":     {func(c *desk.Config) { c.SessionIdle = time.Second }, []string{"session_idle"}},
		"idle beyond its age": {func(c *desk.Config) { c.SessionAge = time.Minute }, []string{"session_idle"}},
		"a session for ever":  {func(c *desk.Config) { c.SessionAge = 25 * time.Hour }, []string{"session_age"}},
		"nobody may sign in":  {func(c *desk.Config) { c.LocalAccounts = false }, []string{"local_accounts"}},
		"the company alone": {func(c *desk.Config) {
			c.LocalAccounts, c.OIDC = false, desk.OIDC{Issuer: "https://login.example.com/realms/a", ClientID: "desk", Name: "sub", Roles: []string{"CN=a=agent"}}
		}, nil},
		"an issuer in clear": {func(c *desk.Config) {
			c.OIDC = desk.OIDC{Issuer: "http://login.example.com", ClientID: "desk", Name: "sub"}
		}, []string{"oidc.issuer"}},
		"an issuer alone": {func(c *desk.Config) {
			c.PublicURL, c.OIDC = "", desk.OIDC{Issuer: "http://127.0.0.1:8080", Roles: []string{"all", "x=king", "=agent"}}
		},
			[]string{"oidc.client_id", "oidc.name", "public_url", "oidc.roles", "oidc.roles", "oidc.roles"}},
		"all too small": {func(c *desk.Config) {
			c.Events, c.Streams, c.Sessions, c.Invitation, c.Items = 15, 0, 0, time.Second, 999
			c.Connections, c.Requests, c.AddressRate, c.SessionRate = 0, -1, -1, -1
		}, []string{"events", "streams", "connections", "requests", "address_rate", "session_rate", "sessions", "invitation", "items"}},
	} {
		t.Run(name, func(t *testing.T) {
			c := good
			tc.change(&c)
			err := c.Validate()
			var wrong []string
			if f, ok := err.(*fault.Error); ok { //nolint:errorlint // it is not wrapped
				for _, v := range f.Violations {
					wrong = append(wrong, v.Field)
				}
			}
			if (err == nil) != (tc.wrong == nil) || !slices.Equal(wrong, tc.wrong) {
				t.Errorf("wrong are %v: %v", wrong, err)
			}
		})
	}
}

// TestAddress (SI6): the header of a proxy is believed only where there is one, and
// of what it says only what the proxies themselves have seen.
func TestAddress(t *testing.T) {
	for name, tc := range map[string]struct {
		proxies   []string
		remote    string
		forwarded []string
		want      string
	}{
		"direct":                {nil, "192.0.2.1:5000", nil, "192.0.2.1"},
		"direct, lying":         {nil, "192.0.2.1:5000", []string{"203.0.113.9"}, "192.0.2.1"},
		"past the proxy, lying": {[]string{"10.0.0.0/24"}, "10.0.1.1:5000", []string{"203.0.113.9"}, "10.0.1.1"},
		"by IPv6":               {nil, "[2001:db8::1]:5000", nil, "2001:db8::1"},
		"by a socket":           {[]string{"10.0.0.1"}, "@", []string{"203.0.113.9"}, "@"},
		"proxied":               {[]string{"10.0.0.1"}, "10.0.0.1:5000", []string{"203.0.113.9"}, "203.0.113.9"},
		"proxied by IPv6":       {[]string{"2001:db8::/64"}, "[2001:db8::7]:5000", []string{"2001:db8:1::1"}, "2001:db8:1::1"},
		"proxied, mapped":       {[]string{"10.0.0.1"}, "[::ffff:10.0.0.1]:5000", []string{"::ffff:203.0.113.9"}, "203.0.113.9"},
		"proxied, lying":        {[]string{"10.0.0.1"}, "10.0.0.1:5000", []string{"1.1.1.1, 203.0.113.9"}, "203.0.113.9"},
		"proxied, lying more":   {[]string{"10.0.0.1"}, "10.0.0.1:5000", []string{"1.1.1.1", "203.0.113.9"}, "203.0.113.9"},
		"proxied twice":         {[]string{"10.0.0.0/24"}, "10.0.0.1:5000", []string{"1.1.1.1, 203.0.113.9, 10.0.0.2"}, "203.0.113.9"},
		"proxied, rubbish":      {[]string{"10.0.0.1"}, "10.0.0.1:5000", []string{"203.0.113.9, x"}, "10.0.0.1"},
		"from beside the proxy": {[]string{"10.0.0.1"}, "10.0.0.1:5000", nil, "10.0.0.1"},
		"nothing but proxies":   {[]string{"10.0.0.0/24"}, "10.0.0.1:5000", []string{"10.0.0.3, 10.0.0.2"}, "10.0.0.3"},
	} {
		t.Run(name, func(t *testing.T) {
			r := httptest.NewRequest(http.MethodGet, "/", nil)
			r.RemoteAddr, r.Header["X-Forwarded-For"] = tc.remote, tc.forwarded
			if got := (&desk.Config{Proxies: tc.proxies}).Address(r); got != tc.want {
				t.Errorf("got %s, want %s", got, tc.want)
			}
		})
	}
}

// TestBehindAProxy: with a public URL the cookie is kept to https, and our own
// page is known as ours although the proxy calls us by another name.
func TestBehindAProxy(t *testing.T) {
	h := newHouse(t, func(c *desk.Config) { c.PublicURL = "https://desk.example.com" })
	c := h.agent("")
	for origin, want := range map[string]int{"https://desk.example.com": http.StatusOK, "https://evil.example.com": http.StatusForbidden} {
		if got := h.post(c, method{path: "/parley.desk.v1.SessionService/SignOut"}, []byte(`{}`), "Origin", origin); got.status != want {
			t.Errorf("from %s: %+v", origin, got)
		}
	}
	r, err := c.sessions.SignIn(t.Context(), connect.NewRequest(&deskv1.SignInRequest{Agent: "mila", Password: password}))
	if err != nil {
		t.Fatal(err)
	}
	if cookie, err := http.ParseSetCookie(r.Header().Get("Set-Cookie")); err != nil || cookie.Name != "__Host-parley" || !cookie.Secure || cookie.Path != "/" {
		t.Errorf("the cookie is %v, %v", cookie, err)
	}
}
