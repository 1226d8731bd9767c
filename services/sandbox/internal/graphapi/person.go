package graphapi

import (
	"cmp"
	"crypto/hmac"
	"encoding/base64"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/parley-desk/parley/services/sandbox/internal/journal"
	"github.com/parley-desk/parley/services/sandbox/internal/world"
)

const (
	userToken   = "USER"
	systemToken = "SYSTEM_USER"

	// accountsListed is how many pages of a person one answer lists at most:
	// few, so that whoever does not go on misses some.
	accountsListed = 2

	shortLife = time.Hour               // of a person's token, and of those of pages that it gives
	longLife  = 5_183_944 * time.Second // of a long-lived one
)

// exchange is GET /oauth/access_token: a long-lived token for a person's token,
// the same for the same one.
func (a *API) exchange(c *call) {
	if a.scripted(c, "exchange", "") {
		return
	}
	q := c.fields.query
	value := q.Get("fb_exchange_token")
	t := a.token(value)
	switch {
	case q.Get("grant_type") != "fb_exchange_token" || value == "":
		refuse(c.w, badRequest("The parameters grant_type and fb_exchange_token are required"))
	case q.Get("client_id") != a.set.AppID:
		refuse(c.w, &graphError{Status: 400, Code: 101, Message: "Error validating application"})
	case !hmac.Equal([]byte(q.Get("client_secret")), []byte(a.secret())):
		refuse(c.w, &graphError{Status: 400, Code: 1, Message: "Error validating client secret"})
	case t.Dead:
		refuse(c.w, &graphError{Status: 400, Code: 190, Subcode: t.Subcode, Message: "Error validating access token"})
	case t.AppID != a.set.AppID:
		refuse(c.w, &graphError{Status: 400, Code: 190, Message: "The access token does not belong to the application"})
	case t.Type != userToken:
		refuse(c.w, badRequest("Only the token of a person can be exchanged"))
	default:
		a.lengthen(c, t)
	}
}

// lengthen answers with the long-lived token of a person's token, which is
// itself when it is one.
func (a *API) lengthen(c *call, t journal.Token) {
	ends := a.world.Now().Add(longLife)
	if !t.Long {
		t.Value, t.Long, t.ExpiresMS = "user-"+Proof(a.secret(), "long-lived "+t.Value)[:40], true, ends.UnixMilli()
		if !a.issue(c, t) {
			return
		}
	}
	answer(c.w, http.StatusOK, map[string]any{"access_token": t.Value, "token_type": "bearer", "expires_in": int64(longLife.Seconds())})
}

// issue makes tokens known; of one that is known already, what was said stands.
// It answers the call, and says false, when that cannot be kept.
func (a *API) issue(c *call, tokens ...journal.Token) bool {
	err := a.world.Commit(func(s *world.State, _ time.Time) ([]journal.Record, error) {
		var out []journal.Record
		for _, t := range tokens {
			if s.Token(t.Value) == nil {
				out = append(out, journal.Record{Kind: journal.TokenDescribed, Token: &t})
			}
		}
		return out, nil
	})
	if err != nil {
		refuse(c.w, &graphError{Status: 500, Code: 1, Message: "The sandbox cannot write its journal"})
	}
	return err == nil
}

// personal tells whether a token is that of a person or of a system user, who
// have pages.
func personal(t journal.Token) bool { return t.Type == userToken || t.Type == systemToken }

// asPerson answers a call with the token of a person: their pages, and one of
// them. It says false when the call is none of these.
func (a *API) asPerson(c *call, path []string) bool {
	t := a.token(c.fields.token)
	list := len(path) == 2 && path[0] == "me" && path[1] == "accounts"
	at := slices.IndexFunc(t.Accounts, func(one journal.Account) bool { return len(path) == 1 && one.Page == path[0] })
	if !personal(t) || t.Dead || t.AppID != a.set.AppID || c.r.Method != http.MethodGet || !list && at < 0 {
		return false
	}
	switch e := a.proven(c); {
	case e != nil:
		refuse(c.w, e)
	case list:
		a.pagesOf(c, t)
	case !a.scripted(c, "page_token", ""):
		a.pageOf(c, t, t.Accounts[at])
	}
	return true
}

// pagesOf is GET /me/accounts of a person, a few at a time.
func (a *API) pagesOf(c *call, t journal.Token) {
	if a.scripted(c, "accounts", "") {
		return
	}
	query := c.fields.query
	raw, err := base64.RawURLEncoding.DecodeString(query.Get("after"))
	from, odd := strconv.Atoi(cmp.Or(string(raw), "0"))
	limit, wrong := strconv.Atoi(cmp.Or(query.Get("limit"), strconv.Itoa(accountsListed)))
	if err != nil || odd != nil || wrong != nil || from < 0 || limit < 1 {
		refuse(c.w, badRequest("Invalid cursor or limit"))
		return
	}
	all := t.Accounts
	if t.Granular {
		all = nil
	}
	from = min(from, len(all))
	to := min(from+min(limit, accountsListed), len(all))
	data := []any{}
	for _, one := range all[from:to] {
		shown, ok := a.account(c, t, one)
		if !ok {
			return
		}
		data = append(data, shown)
	}
	body := map[string]any{"data": data}
	if len(data) > 0 {
		after := base64.RawURLEncoding.EncodeToString([]byte(strconv.Itoa(to)))
		paging := map[string]any{"cursors": map[string]any{"after": after}}
		if to < len(all) {
			query.Set("after", after)
			paging["next"] = "https://graph.facebook.com" + c.r.URL.Path + "?" + public(query).Encode()
		}
		body["paging"] = paging
	}
	answer(c.w, http.StatusOK, body)
}

// pageOf is GET /{page} with the token of a person who administers it.
func (a *API) pageOf(c *call, t journal.Token, one journal.Account) {
	shown, ok := a.account(c, t, one)
	if !ok {
		return
	}
	fields := strings.Split(c.fields.query.Get("fields"), ",")
	for name := range shown {
		if name != "id" && !slices.Contains(fields, name) {
			delete(shown, name)
		}
	}
	answer(c.w, http.StatusOK, shown)
}

// account is a page as a person sees it, with the token that they get for it. It
// says false when it answered the call instead.
func (a *API) account(c *call, t journal.Token, one journal.Account) (map[string]any, bool) {
	shown := map[string]any{"id": one.Page, "name": "Page " + one.Page, "tasks": []string{"MESSAGING", "MODERATE", "MANAGE"}}
	a.world.View(func(s *world.State) {
		if p := s.Pages[one.Page]; p != nil {
			shown["name"] = p.Name
		}
	})
	if one.Withheld {
		return shown, true
	}
	given := journal.Token{Value: one.Token, Page: one.Page, DataExpiresMS: t.DataExpiresMS, Scopes: t.Scopes}
	if given.Value == "" {
		given.Value = "page-" + Proof(a.secret(), "token of "+one.Page+" for "+t.Value)[:40]
		switch {
		case t.Type == systemToken:
			given.ExpiresMS = t.ExpiresMS
		case !t.Long:
			given.ExpiresMS = cmp.Or(t.ExpiresMS, a.world.Now().Add(shortLife).UnixMilli())
		}
		if !a.issue(c, given) {
			return nil, false
		}
	}
	shown["access_token"] = given.Value
	return shown, true
}
