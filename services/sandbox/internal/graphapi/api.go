// Package graphapi answers the part of Meta's Graph API that a Messenger
// channel uses, with Meta's checks, error bodies and time windows, and with
// whatever else a script asks for.
//
// A call is decided and journalled in one step before it is answered, so the
// journal knows what was delivered even when the caller never hears of it.
package graphapi

import (
	"cmp"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http"
	"regexp"
	"strings"
	"sync/atomic"
	"time"

	"github.com/parley-desk/parley/services/sandbox/internal/script"
	"github.com/parley-desk/parley/services/sandbox/internal/world"
)

// Settings are the app as Meta knows it.
type Settings struct {
	AppID         string
	AppSecret     string        // until it is reset
	RequireProof  bool          // "Require App Secret" of the app's settings
	Live          bool          // the app is approved for pages_messaging
	HumanAgent    bool          // the Human Agent feature is granted
	DefaultApp    bool          // the app is the default one of its pages, and may take threads
	Templates     []Template    // utility templates that every page has approved
	ProfileExtras bool          // locale and timezone may be asked for
	EchoDelay     time.Duration // from a delivered message to its echo
	ReceiptDelay  time.Duration // from its echo to the delivery receipt
	Media         string        // where the sandbox serves pictures
	// Keep keeps a file that a page uploads, and gives its link.
	Keep func(name string, from io.Reader) (link string, err error)
}

// API is the http.Handler of the Graph API, mounted at its root. Paths may
// begin with a version or not.
type API struct {
	set    Settings
	world  *world.World
	player atomic.Pointer[script.Player]
}

// New makes the API and plays s from its beginning.
func New(set Settings, w *world.World, s script.Script) *API {
	a := &API{set: set, world: w}
	a.Play(s)
	return a
}

// Play replaces the script that is played.
func (a *API) Play(s script.Script) { a.player.Store(script.NewPlayer(s)) }

// call is a request after its address and its token were understood.
type call struct {
	w      http.ResponseWriter
	r      *http.Request
	fields fields
	page   *world.Page // whose token it is
}

// ServeHTTP answers one Graph call.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	if isVersion(path[0]) {
		path = path[1:]
	}
	f, err := readFields(r)
	if err != nil || len(path) == 0 || len(path) > 2 {
		refuse(w, badRequest("The request could not be understood"))
		return
	}
	c := &call{w: w, r: r, fields: f}
	switch {
	case len(path) == 1 && path[0] == "debug_token":
		a.debugToken(c)
		return
	case len(path) == 2 && path[0] == "oauth" && path[1] == "access_token" && r.Method == http.MethodGet:
		a.exchange(c)
		return
	case len(path) == 2 && path[0] == a.set.AppID && path[1] == "permissions":
		a.approvals(c)
		return
	case len(path) == 2 && r.Method == http.MethodDelete && path[1] == "subscribed_apps" && a.asApp(c):
		a.world.View(func(s *world.State) { c.page = s.Pages[path[0]] })
		if c.page == nil {
			refuse(w, unknownObject(path[0]))
			return
		}
		a.unsubscribe(c)
		return
	case a.asPerson(c, path):
		return
	}
	if e := a.authorise(c); e != nil {
		refuse(w, e)
		return
	}
	if path[0] == "me" {
		path[0] = c.page.ID
	}
	a.route(c, path)
}

func isVersion(s string) bool {
	ok, _ := regexp.MatchString(`^v\d+\.\d+$`, s)
	return ok
}

func (a *API) route(c *call, path []string) {
	object, edge := path[0], ""
	if len(path) == 2 {
		edge = path[1]
	}
	if edge != "" && object != c.page.ID {
		refuse(c.w, unknownObject(object)) // a page's token is good for that page only
		return
	}
	switch c.r.Method + " " + edge {
	case "POST messages":
		a.send(c)
	case "POST message_attachments":
		a.takeFile(c)
	case "GET personas":
		a.personas(c)
	case "POST personas":
		a.makePersona(c)
	case "DELETE ":
		a.dropPersona(c, object)
	case "POST take_thread_control":
		a.takeControl(c)
	case "GET conversations":
		a.conversations(c)
	case "GET subscribed_apps":
		a.subscriptions(c)
	case "POST subscribed_apps":
		a.subscribe(c)
	case "DELETE subscribed_apps":
		a.unsubscribe(c)
	case "GET accounts":
		a.accounts(c)
	case "GET ":
		a.object(c, object)
	default:
		refuse(c.w, unknownObject(object))
	}
}

// authorise finds the page of the token and checks the proof that the caller
// knows the app secret.
func (a *API) authorise(c *call) *graphError {
	token := c.fields.token
	if token == "" {
		return &graphError{Status: 400, Code: 2500, Message: "An active access token is needed"}
	}
	known := a.token(token)
	a.world.View(func(s *world.State) { c.page = s.Pages[known.Page] })
	switch {
	case known.Dead:
		return &graphError{Status: 401, Code: 190, Subcode: known.Subcode, Message: "The access token is not valid"}
	case known.Type != pageToken:
		return &graphError{Status: 400, Code: 190, Subcode: 2069032, Message: "A page access token is needed for this call"}
	case c.page == nil:
		return &graphError{Status: 401, Code: 190, Subcode: 467, Message: "The access token is not valid"}
	}
	return a.proven(c)
}

// proven checks the proof that the caller knows the app secret.
func (a *API) proven(c *call) *graphError {
	switch proof := c.fields.proof; {
	case proof == "" && a.set.RequireProof:
		return &graphError{Status: 400, Code: 100, Type: "GraphMethodException",
			Message: "Server calls of this app need the appsecret_proof argument"}
	case proof != "" && !hmac.Equal([]byte(proof), []byte(Proof(a.secret(), c.fields.token))):
		return &graphError{Status: 400, Code: 100, Type: "GraphMethodException",
			Message: "The appsecret_proof argument does not fit the token"}
	}
	return nil
}

// secret is the app secret as it is now.
func (a *API) secret() (value string) {
	a.world.View(func(s *world.State) { value = cmp.Or(s.AppSecret, a.set.AppSecret) })
	return value
}

// Proof is the appsecret_proof of a token.
func Proof(secret, token string) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(token)) //nolint:errcheck // never fails
	return hex.EncodeToString(mac.Sum(nil))
}
