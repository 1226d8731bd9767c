package graph

import (
	"context"
	"encoding/json"
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

// Unsubscribe has Meta send none of the page's webhooks to the app any more.
// Doing it again changes nothing. Where Meta refuses the page's token, it is
// asked in the name of the app itself, so a dead token does not keep a page.
func (c *Client) Unsubscribe(ctx context.Context, page Page, appID string) error {
	if !page.Token.Empty() {
		err := c.unsubscribe(ctx, page, page.ID)
		if err == nil || !fault.Is(err, fault.Denied) && !fault.Is(err, fault.Precondition) && !fault.Is(err, fault.NotFound) {
			return err
		}
	}
	return c.unsubscribe(ctx, inTheNameOf(page, appID), page.ID)
}

func (c *Client) unsubscribe(ctx context.Context, as Page, id string) error {
	var answer struct {
		Success bool `json:"success"`
	}
	err := c.read(ctx, as, call{operation: "unsubscribe", method: http.MethodDelete, path: []string{id, "subscribed_apps"}}, &answer)
	if err == nil && !answer.Success {
		return fault.New(fault.Precondition, "SUBSCRIBED", "Meta did not unsubscribe the page")
	}
	return err
}

// TokenInfo is what Meta says of a token.
type TokenInfo struct {
	Valid       bool
	Code        int       // why it is not valid, as an error code; 0: not told
	Subcode     int       // with Code
	Type        string    // "PAGE" for a page token, "USER" for a person's, "SYSTEM_USER" for a system user's
	AppID       string    // app that got it
	Page        string    // page it is for; empty for other types
	Expires     time.Time // zero: never
	DataExpires time.Time // when it gives no more data; zero: never
	Scopes      []string  // permissions
	Targets     []string  // pages that granular permissions are for, each once; none: all, or no such permission
}

// DebugToken asks Meta about the page's token, in the name of the app itself.
// Meta takes the token it is asked about only in the query. The error is Meta's
// refusal of the app, or of a token that another app got (code 100); a token
// that is dead is no error.
func (c *Client) DebugToken(ctx context.Context, page Page, appID string) (TokenInfo, error) {
	var answer struct {
		Data *struct {
			Valid   bool     `json:"is_valid"`
			Type    string   `json:"type"`
			AppID   id       `json:"app_id"`
			Profile id       `json:"profile_id"`
			Expires int64    `json:"expires_at"`
			Data    int64    `json:"data_access_expires_at"`
			Scopes  []string `json:"scopes"`
			// Read apart: a shape that is not expected spoils nothing else.
			Granular json.RawMessage `json:"granular_scopes"`
			Error    struct {
				Code    number `json:"code"`
				Subcode number `json:"subcode"`
			} `json:"error"`
		} `json:"data"`
	}
	err := c.read(ctx, inTheNameOf(page, appID), call{operation: "debug_token", method: http.MethodGet, path: []string{"debug_token"},
		query: url.Values{"input_token": {page.Token.Reveal()}}}, &answer)
	if err != nil {
		return TokenInfo{}, err
	}
	d := answer.Data
	if d == nil { // what is not told must not pass for a token that is dead
		return TokenInfo{}, fault.New(fault.Unavailable, ReasonUnreadable, "Meta answered nothing of the token")
	}
	return TokenInfo{Valid: d.Valid, Code: int(d.Error.Code), Subcode: int(d.Error.Subcode), Type: d.Type, AppID: string(d.AppID),
		Page: string(d.Profile), Expires: moment(d.Expires), DataExpires: moment(d.Data), Scopes: d.Scopes, Targets: targets(d.Granular)}, nil
}

// targets are the pages that granular permissions of pages are for.
func targets(granular json.RawMessage) []string {
	var scopes []struct {
		Scope   string `json:"scope"`
		Targets []id   `json:"target_ids"`
	}
	if json.Unmarshal(granular, &scopes) != nil {
		return nil
	}
	var all []string
	seen := map[id]bool{}
	for _, s := range scopes {
		for _, target := range s.Targets {
			if strings.HasPrefix(s.Scope, "pages_") && pageID(string(target)) && !seen[target] {
				seen[target] = true
				all = append(all, string(target))
			}
		}
	}
	return all
}

// Approved lists the permissions and features that Meta approved the app for
// and that are live, in the name of the app itself.
func (c *Client) Approved(ctx context.Context, page Page, appID string) ([]string, error) {
	var answer struct {
		Data []struct {
			Permission string `json:"permission"`
			Status     string `json:"status"`
		} `json:"data"`
	}
	err := c.read(ctx, inTheNameOf(page, appID), call{operation: "app_permissions", method: http.MethodGet, path: []string{appID, "permissions"}}, &answer)
	var live []string
	for _, p := range answer.Data {
		if p.Status == "live" {
			live = append(live, p.Permission)
		}
	}
	return live, err
}

// inTheNameOf is the app that acts for the page, acting for itself.
func inTheNameOf(page Page, appID string) Page {
	return Page{Token: secret.NewText(appID + "|" + page.AppSecret.Reveal()), Version: page.Version}
}

// moment reads a time of Meta's; 0 is never.
func moment(seconds int64) time.Time {
	if seconds <= 0 {
		return time.Time{}
	}
	return time.Unix(seconds, 0)
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
