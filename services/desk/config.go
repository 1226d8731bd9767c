package desk

import (
	"cmp"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/parley-desk/parley/pkg/fault"
	"github.com/parley-desk/parley/pkg/host"
	"github.com/parley-desk/parley/pkg/rights"
	"github.com/parley-desk/parley/pkg/secret"
	"github.com/parley-desk/parley/pkg/session"
	authv1 "github.com/parley-desk/parley/proto/gen/parley/auth/v1"
	"github.com/parley-desk/parley/services/desk/internal/api"
	"github.com/parley-desk/parley/services/desk/internal/federate"
	"github.com/parley-desk/parley/services/desk/internal/scan"
)

const (
	// grace is how long commands in flight may take when the process stops.
	grace = 10 * time.Second
	// transfer is how long a caller may take to send a request, and again to
	// read the answer. Streams of events set their own limits.
	transfer = 15 * time.Second
)

// Config is the settings of the desk.
type Config struct {
	Listen          string        `koanf:"listen" default:"127.0.0.1:8080" help:"Address of the desk."`
	PublicURL       string        `koanf:"public_url" default:"" help:"URL by which agents reach the desk, https://desk.example.com; with https the cookie is kept to https. Empty: as the browser says."`
	ImageOrigins    []string      `koanf:"image_origins" default:"" help:"Origins beside Meta's from which the page may show pictures, like https://pictures.example.com."`
	Proxies         []string      `koanf:"proxies" default:"" help:"Proxies in front of the desk, as addresses or networks (10.0.0.7, 10.1.0.0/16). Of a request that comes from one, the caller is the last address in X-Forwarded-For that is none of them; that header is not believed from anybody else."`
	Events          int           `koanf:"events" default:"2048" help:"Events remembered for each agent, from which a page that lost its connection continues."`
	Streams         int           `koanf:"streams" default:"3" help:"Streams of events that one sign-in may hold open. The page needs one for all its tabs, or one a tab where the browser knows no shared workers."`
	Connections     int           `koanf:"connections" default:"20000" help:"Connections open at once; one too many is closed when it comes."`
	Requests        int           `koanf:"requests" default:"1024" help:"Requests in work at once, without streams of events; beyond them they get 503 unread. 0: no bound."`
	AddressRate     int           `koanf:"address_rate" default:"1000" help:"Requests a second that one address may make, and twice as many at once; beyond them they get 429 unread. Offices come from one address. 0: no bound."`
	SessionRate     int           `koanf:"session_rate" default:"50" help:"Requests a second that one sign-in may make, and twice as many at once; beyond them they get 429. 0: no bound."`
	Sessions        int           `koanf:"sessions" default:"10" help:"Sign-ins with which one agent may have the desk open, at each process of it. A page of one more says so and comes in when another is closed."`
	SessionIdle     time.Duration `koanf:"session_idle" default:"30m" help:"How long a sign-in lives while nothing is asked with it and no page of it is open at the desk."`
	SessionAge      time.Duration `koanf:"session_age" default:"24h" help:"How long a sign-in lives in all, at most 24h."`
	LocalAccounts   bool          `koanf:"local_accounts" default:"true" help:"Let agents sign in with the password that administrators gave them. Only with oidc.issuer can it be switched off."`
	OIDC            OIDC          `koanf:"oidc"`
	Invitation      time.Duration `koanf:"invitation" default:"120s" help:"How long an agent who is asked for advice, or by a supervisor to take a conversation over, has to answer, where no template of notifications says it."`
	Withhold        []string      `koanf:"withhold" default:"" help:"What supervisors may not do here about the conversations of others, of monitor (and join), assign, transfer, skills and force_close, nor about agents: adjust, which is capacity, skills and queues. Empty: all of it is theirs."`
	PersonalReplies int           `koanf:"personal_replies" default:"100" help:"Canned replies that an agent may write for own use, 0 to 100; 0 switches them off."`
	Uploads         int           `koanf:"uploads" default:"20" help:"Files that one agent may have uploaded and not sent."`
	UploadAge       time.Duration `koanf:"upload_age" default:"1h" help:"How long a file that is not sent is kept from when its upload began."`
	ScanCommand     []string      `koanf:"scan_command" default:"" help:"Command and its arguments that look at every file of an agent's: clamdscan,--no-summary,-. The file is its standard input; it ends with 0 for harmless and 1 for harmful, and with anything else the file is not sent. Empty: nobody looks."`
	ScanICAP        string        `koanf:"scan_icap" default:"" help:"ICAP server that looks at every file of an agent's, by RESPMOD: icap://scanner.example.com:1344/avscan. Only 204 lets a file through. Empty: none."`
	ScanTimeout     time.Duration `koanf:"scan_timeout" default:"30s" help:"How long looking at one file may take; after that it is not sent."`
	Items           int           `koanf:"items" default:"200000" help:"Timeline items held in memory for all threads, about 1 KB each."`
}

// OIDC is sign-in by the accounts of the company, by OpenID Connect.
type OIDC struct {
	Issuer       string   `koanf:"issuer" default:"" help:"Issuer of the company's accounts, exactly as it calls itself: https://login.example.com/realms/example. Empty: none."`
	ClientID     string   `koanf:"client_id" default:"" help:"Id under which the issuer knows the desk."`
	ClientSecret string   `koanf:"client_secret" default:"" secret:"true" help:"Secret of that client; empty for a public client."`
	Name         string   `koanf:"name" default:"preferred_username" help:"Claim of the ID token that says who it is: the company_account of an agent, or the id of one that has none."`
	Scopes       []string `koanf:"scopes" default:"profile" help:"Scopes to ask for beside openid."`
	Groups       string   `koanf:"groups" default:"groups" help:"Claim of the ID token that says in which groups somebody is."`
	Roles        []string `koanf:"roles" default:"" help:"Roles that groups give, as GROUP=ROLE. At every sign-in an agent is given these, and loses others. Empty: roles are those that administrators gave."`
	Label        string   `koanf:"label" default:"" help:"Name of the company's sign-in, on the button; its host when empty."`
}

// check tells what is wrong with the settings.
func (o *OIDC) check(c *Config, wrong func(ok bool, field, format string, args ...any)) {
	if o.Issuer == "" {
		wrong(c.LocalAccounts, "local_accounts", "can be switched off only with oidc.issuer: nobody could sign in")
		return
	}
	u, err := url.Parse(o.Issuer)
	wrong(err == nil && u.Host != "" && u.User == nil && u.RawQuery == "" && u.Fragment == "" && (u.Scheme == "https" || u.Scheme == "http" && loopback(u.Hostname())),
		"oidc.issuer", "%q is not like https://login.example.com/realms/example; http only for this machine, in development", o.Issuer)
	wrong(o.ClientID != "", "oidc.client_id", "is needed with oidc.issuer")
	wrong(o.Name != "", "oidc.name", "is needed with oidc.issuer")
	wrong(c.PublicURL != "", "public_url", "is needed with oidc.issuer: it sends browsers back there")
	for _, line := range o.Roles {
		at := strings.LastIndex(line, "=")
		wrong(at > 0 && slices.Contains(rights.People(), line[at+1:]), "oidc.roles", "%q is not GROUP=ROLE, with one of the roles %s", line, strings.Join(rights.People(), ", "))
	}
}

// loopback tells whether a host is this machine.
func loopback(host string) bool { return host == "localhost" || net.ParseIP(host).IsLoopback() }

// label is what the button of the company's sign-in says; empty: there is none.
func (o *OIDC) label() string {
	u, err := url.Parse(o.Issuer)
	if o.Issuer == "" || err != nil {
		return ""
	}
	return cmp.Or(o.Label, u.Hostname())
}

// federated is sign-in by the company's accounts; nil when there is none.
func (c *Config) federated(deps host.Deps) *api.Federated {
	origin, err := c.origin()
	if c.OIDC.Issuer == "" || err != nil {
		return nil
	}
	return &api.Federated{Roles: c.OIDC.Roles, Federation: federate.New(federate.Settings{
		Issuer: c.OIDC.Issuer, ClientID: c.OIDC.ClientID, Secret: secret.NewText(c.OIDC.ClientSecret), Return: origin + "/sso/callback",
		Scopes: c.OIDC.Scopes, Name: c.OIDC.Name, Groups: c.OIDC.Groups}, deps.Secrets, deps.Now)}
}

// Validate tells everything that is wrong with the settings.
func (c *Config) Validate() error {
	var bad []fault.Violation
	wrong := func(ok bool, field, format string, args ...any) {
		if !ok {
			bad = append(bad, fault.Violation{Field: field, Description: fmt.Sprintf(format, args...)})
		}
	}
	_, _, err := net.SplitHostPort(c.Listen)
	wrong(err == nil, "listen", "%q is not host:port", c.Listen)
	_, err = c.origin()
	wrong(err == nil, "public_url", "%q is not like https://desk.example.com", c.PublicURL)
	for _, p := range c.Proxies {
		_, err := prefix(p)
		wrong(err == nil, "proxies", "%q is no address and no network such as 10.1.0.0/16", p)
	}
	for _, image := range c.ImageOrigins {
		_, err := origin(image)
		wrong(err == nil, "image_origins", "%q is not like https://pictures.example.com", image)
	}
	wrong(c.Events >= 16, "events", "must be at least 16, is %d", c.Events)
	wrong(c.Streams >= 1, "streams", "must be at least 1, is %d", c.Streams)
	wrong(c.Connections >= 1, "connections", "must be at least 1, is %d", c.Connections)
	wrong(c.Requests >= 0, "requests", "must be 0 or more, is %d", c.Requests)
	wrong(c.AddressRate >= 0 && c.AddressRate <= 1_000_000, "address_rate", "must be 0 to 1000000, is %d", c.AddressRate)
	wrong(c.SessionRate >= 0 && c.SessionRate <= 1_000_000, "session_rate", "must be 0 to 1000000, is %d", c.SessionRate)
	wrong(c.Sessions >= 1, "sessions", "must be at least 1, is %d", c.Sessions)
	wrong(c.SessionIdle >= time.Minute && c.SessionIdle <= c.SessionAge, "session_idle", "must be 1m to session_age, is %v", c.SessionIdle)
	wrong(c.SessionAge <= session.Longest, "session_age", "must be at most %v, is %v", session.Longest, c.SessionAge)
	c.OIDC.check(c, wrong)
	wrong(c.Invitation >= 10*time.Second, "invitation", "must be at least 10s, is %v", c.Invitation)
	for _, word := range c.Withhold {
		wrong(withheld[word] != 0, "withhold", "%q is none of monitor, assign, transfer, skills, force_close and adjust", word)
	}
	wrong(c.Uploads >= 1, "uploads", "must be at least 1, is %d", c.Uploads)
	wrong(c.UploadAge >= time.Minute, "upload_age", "must be at least 1m, is %v", c.UploadAge)
	wrong(c.ScanTimeout > 0 && c.ScanTimeout <= 10*time.Minute, "scan_timeout", "must be more than 0 and at most 10m, is %v", c.ScanTimeout)
	_, err = scan.New(c.ScanCommand, c.ScanICAP, c.ScanTimeout)
	wrong(err == nil, "scan_icap", "%v", err)
	wrong(c.PersonalReplies >= 0 && c.PersonalReplies <= 100, "personal_replies", "must be 0 to 100, is %d", c.PersonalReplies)
	wrong(c.Items >= 1000, "items", "must be at least 1000, is %d", c.Items)
	if len(bad) == 0 {
		return nil
	}
	f := fault.New(fault.Invalid, "BAD_SETTING", "%s: %s", bad[0].Field, bad[0].Description)
	f.Violations = bad
	return f
}

// withheld are what the words of Withhold take from supervisors (L104).
var withheld = map[string]rights.Permission{
	"monitor":     authv1.Permission_PERMISSION_CONVERSATION_MONITOR,
	"assign":      authv1.Permission_PERMISSION_CONVERSATION_ASSIGN,
	"transfer":    authv1.Permission_PERMISSION_CONVERSATION_TRANSFER,
	"skills":      authv1.Permission_PERMISSION_CONVERSATION_SKILL,
	"force_close": authv1.Permission_PERMISSION_CONVERSATION_FORCE_CLOSE,
	"adjust":      authv1.Permission_PERMISSION_CREW_ADJUST,
}

// off are the permissions that supervisors do not have here.
func (c *Config) off() []rights.Permission {
	var all []rights.Permission
	for _, word := range c.Withhold {
		all = append(all, withheld[word])
	}
	return all
}

// origin is scheme and host of PublicURL; empty when there is none.
func (c *Config) origin() (string, error) {
	if c.PublicURL == "" {
		return "", nil
	}
	return origin(c.PublicURL)
}

// here is origin of settings that were validated.
func (c *Config) here() string {
	o, _ := c.origin()
	return o
}

// images are the origins of ImageOrigins, which were validated.
func (c *Config) images() []string {
	var all []string
	for _, image := range c.ImageOrigins {
		if o, err := origin(image); err == nil {
			all = append(all, o)
		}
	}
	return all
}

// hosts are those that may stand in a header: url.Parse lets more pass.
var hosts = regexp.MustCompile(`^[0-9A-Za-z.:\[\]-]+$`)

// origin is scheme and host of a URL that has nothing more.
func origin(raw string) (string, error) {
	u, err := url.Parse(raw)
	if err != nil {
		return "", err
	}
	if (u.Scheme != "https" && u.Scheme != "http") || !hosts.MatchString(u.Host) || u.User != nil ||
		strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" {
		return "", fmt.Errorf("%q is not an origin", raw)
	}
	return u.Scheme + "://" + u.Host, nil
}

func (c *Config) secure() bool { return strings.HasPrefix(c.PublicURL, "https://") }

// address is the network address of a caller: of who is connected, and where that is
// one of Proxies, of whom the proxies name (SI6).
func (c *Config) address(r *http.Request) string {
	caller, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	said := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for i := len(said) - 1; i >= 0 && c.proxy(caller); i-- {
		next, err := netip.ParseAddr(strings.TrimSpace(said[i]))
		if err != nil {
			break
		}
		caller = next.Unmap().String()
	}
	return caller
}

// proxy tells whether an address is one of Proxies.
func (c *Config) proxy(address string) bool {
	ip, err := netip.ParseAddr(address)
	return err == nil && slices.ContainsFunc(c.Proxies, func(p string) bool {
		network, err := prefix(p)
		return err == nil && network.Contains(ip.Unmap().WithZone(""))
	})
}

// prefix is an address or a network.
func prefix(s string) (netip.Prefix, error) {
	if ip, err := netip.ParseAddr(s); err == nil {
		return ip.Prefix(ip.BitLen())
	}
	return netip.ParsePrefix(s)
}

// sameOrigin refuses what a browser sends on behalf of another site (SK3).
func (c *Config) sameOrigin(next http.Handler) http.Handler {
	guard := http.NewCrossOriginProtection()
	if origin, err := c.origin(); err == nil && origin != "" {
		// The origin was validated; a proxy may have changed the Host header,
		// by which the guard knows it otherwise.
		_ = guard.AddTrustedOrigin(origin)
	}
	return guard.Handler(next)
}

func (c *Config) server(log *slog.Logger, handler http.Handler) *http.Server {
	return &http.Server{
		Handler:           bound(handler),
		ReadHeaderTimeout: 5 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
}

// bound gives every request its own time, which a stream may lift; the
// server's own limits could not be.
func bound(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		conn := http.NewResponseController(w)
		_ = conn.SetReadDeadline(time.Now().Add(transfer)) // every connection of this server has deadlines
		_ = conn.SetWriteDeadline(time.Now().Add(2 * transfer))
		next.ServeHTTP(w, r)
	})
}
