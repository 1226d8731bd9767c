package graph

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/parley-desk/parley/pkg/fault"
	"github.com/parley-desk/parley/pkg/secret"
)

// SubscribedApp is an app that gets webhooks of a page.
type SubscribedApp struct {
	ID     string   `json:"id"`
	Name   string   `json:"name"`
	Fields []string `json:"subscribed_fields"`
}

// SubscribedApps lists the apps that get webhooks of the page. That ours is
// among them is the only way to know: a lost subscription shows as silence.
func (c *Client) SubscribedApps(ctx context.Context, page Page) ([]SubscribedApp, error) {
	var answer struct {
		Data []SubscribedApp `json:"data"`
	}
	err := c.read(ctx, page, call{operation: "subscribed_apps", method: http.MethodGet, path: []string{page.ID, "subscribed_apps"}}, &answer)
	return answer.Data, err
}

// Subscribe has Meta send the page's webhooks of these fields to the app of
// the token. Doing it again changes nothing.
func (c *Client) Subscribe(ctx context.Context, page Page, fields []string) error {
	var answer struct {
		Success bool `json:"success"`
	}
	err := c.read(ctx, page, call{operation: "subscribe", method: http.MethodPost, path: []string{page.ID, "subscribed_apps"},
		query: url.Values{"subscribed_fields": {strings.Join(fields, ",")}}}, &answer)
	if err == nil && !answer.Success {
		return fault.New(fault.Precondition, "NOT_SUBSCRIBED", "Meta did not subscribe the page")
	}
	return err
}

// TokenInfo is what Meta says of a token.
type TokenInfo struct {
	Valid   bool
	Type    string    // "PAGE" for a page token
	AppID   string    // app that got it
	Page    string    // page it is for; empty for other types
	Expires time.Time // zero: never
	Scopes  []string  // permissions
}

// DebugToken asks Meta about the page's token, in the name of the app itself.
// Meta takes the token it is asked about only in the query.
func (c *Client) DebugToken(ctx context.Context, page Page, appID string) (TokenInfo, error) {
	app := Page{Token: secret.NewText(appID + "|" + page.AppSecret.Reveal()), Version: page.Version}
	var answer struct {
		Data struct {
			Valid   bool     `json:"is_valid"`
			Type    string   `json:"type"`
			AppID   id       `json:"app_id"`
			Profile id       `json:"profile_id"`
			Expires int64    `json:"expires_at"`
			Scopes  []string `json:"scopes"`
		} `json:"data"`
	}
	err := c.read(ctx, app, call{operation: "debug_token", method: http.MethodGet, path: []string{"debug_token"},
		query: url.Values{"input_token": {page.Token.Reveal()}}}, &answer)
	if err != nil {
		return TokenInfo{}, err
	}
	d := answer.Data
	info := TokenInfo{Valid: d.Valid, Type: d.Type, AppID: string(d.AppID), Page: string(d.Profile), Scopes: d.Scopes}
	if d.Expires > 0 {
		info.Expires = time.Unix(d.Expires, 0)
	}
	return info, nil
}

// id is an id of Meta's, which comes as a number in some answers and as a
// string in others.
type id string

func (i *id) UnmarshalJSON(b []byte) error {
	if s := strings.Trim(string(b), `"`); s != "null" {
		*i = id(s)
	}
	return nil
}
