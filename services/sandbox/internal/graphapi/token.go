package graphapi

import (
	"crypto/hmac"
	"net/http"

	"github.com/parley-desk/parley/services/sandbox/internal/journal"
	"github.com/parley-desk/parley/services/sandbox/internal/world"
)

const (
	pageToken    = "PAGE"
	invalidToken = 467 // subcode of 190: it never was one, or is none any more
)

// token is what a token is now, with everything that was left out filled in.
// One that never was a token is a dead one.
func (a *API) token(value string) journal.Token {
	t := journal.Token{Value: value, Dead: true}
	a.world.View(func(s *world.State) {
		if known := s.Token(value); known != nil {
			t = *known
		}
	})
	if t.ExpiresMS > 0 && t.ExpiresMS <= a.world.Now().UnixMilli() {
		t.Dead, t.Subcode = true, 463
	}
	if t.Dead && t.Subcode == 0 {
		t.Subcode = invalidToken
	}
	if t.Type == "" {
		t.Type = pageToken
	}
	if t.AppID == "" {
		t.AppID = a.set.AppID
	}
	if t.Scopes == nil {
		t.Scopes = []string{"pages_messaging", "pages_manage_metadata", "pages_show_list", "pages_read_engagement"}
	}
	return t
}

// asApp tells whether the call is made in the name of the app itself, with its
// id and its secret.
func (a *API) asApp(c *call) bool {
	return hmac.Equal([]byte(c.fields.token), []byte(a.set.AppID+"|"+a.secret()))
}

// debugToken is GET /debug_token, with the app's or a page's token. For a script
// it is about the page of the token that is asked about.
func (a *API) debugToken(c *call) {
	if !a.asApp(c) {
		if e := a.authorise(c); e != nil {
			refuse(c.w, e)
			return
		}
	}
	t := a.token(c.fields.query.Get("input_token"))
	a.world.View(func(s *world.State) { c.page = s.Pages[t.Page] })
	if a.scripted(c, "debug_token", "") {
		return
	}
	if t.AppID != a.set.AppID {
		refuse(c.w, badRequest("The app of the token is not the one that asks"))
		return
	}
	data := map[string]any{"app_id": t.AppID, "is_valid": !t.Dead, "type": t.Type,
		"expires_at": t.ExpiresMS / 1000, "data_access_expires_at": t.DataExpiresMS / 1000}
	if t.Dead {
		data["error"] = map[string]any{"code": 190, "subcode": t.Subcode, "message": "The access token is not valid"}
	} else {
		data["scopes"] = t.Scopes
	}
	if personal(t) && t.Granular && !t.Dead {
		var pages []string
		for _, one := range t.Accounts {
			pages = append(pages, one.Page)
		}
		data["granular_scopes"] = []any{map[string]any{"scope": "pages_show_list", "target_ids": pages},
			map[string]any{"scope": "pages_messaging", "target_ids": pages}, map[string]any{"scope": "public_profile"}}
	}
	if t.Type == pageToken && t.Page != "" {
		data["profile_id"] = t.Page
	}
	answer(c.w, http.StatusOK, map[string]any{"data": data})
}

// approvals is GET /{app}/permissions: what App Review has approved.
func (a *API) approvals(c *call) {
	if !a.asApp(c) {
		refuse(c.w, &graphError{Status: 400, Code: 190, Message: "Invalid OAuth access token signature"})
		return
	}
	if a.scripted(c, "app_permissions", "") {
		return
	}
	data := []any{}
	add := func(granted bool, name string) {
		if granted {
			data = append(data, map[string]any{"permission": name, "status": "live"})
		}
	}
	add(a.set.Live, "pages_messaging")
	add(a.set.HumanAgent, "human_agent")
	add(a.set.ProfileExtras, "business_asset_user_profile_access")
	answer(c.w, http.StatusOK, map[string]any{"data": data})
}
