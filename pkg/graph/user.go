package graph

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"golang.org/x/sync/errgroup"

	"github.com/parley-desk/parley/pkg/fault"
	"github.com/parley-desk/parley/pkg/secret"
)

// Bounds of what is read of a person's pages: a list at Meta is as long as Meta
// says, and a circle of cursors has no end.
const (
	accountsAtOnce = 100     // pages that one answer lists
	mostLists      = 20      // answers that are read
	mostPages      = 1000    // pages that are kept
	mostTargets    = 100     // pages of granular permissions that are asked for
	targetsAtOnce  = 4       // of them at a time
	longestName    = 100     // characters of a page's name that are kept
	longestToken   = 2 << 10 // bytes; Meta's have some hundred
	mostTasks      = 20      // tasks on a page that are kept
	longestTask    = 40      // letters of one that is kept
)

// User is a person, or a business's system user, on whose behalf a call is made,
// and the app that acts.
type User struct {
	AppID     string
	AppSecret secret.Text // proves the app to Meta, and signs the token
	Token     secret.Text // user access token, or that of a system user
	Version   string      // Graph API version, "v26.0"
}

// acting is the person as the one on whose behalf a call is made.
func (u User) acting() Page {
	return Page{AppSecret: u.AppSecret, Token: u.Token, Version: u.Version}
}

// DebugUserToken is DebugToken for the token of a person or a system user.
func (c *Client) DebugUserToken(ctx context.Context, u User) (TokenInfo, error) {
	return c.DebugToken(ctx, u.acting(), u.AppID)
}

// ExchangeUserToken has Meta make a long-lived token of a person's token, which
// may be one already, and tells when that ends; zero: never. The tokens of pages
// that a long-lived one gives have no end, nor have those that a system user's
// gives, which is not exchanged. Meta takes the token, and the secret
// of the app, only in the query.
func (c *Client) ExchangeUserToken(ctx context.Context, u User) (secret.Text, time.Time, error) {
	var answer struct {
		Token   string          `json:"access_token"`
		Expires json.RawMessage `json:"expires_in"`
	}
	err := c.read(ctx, Page{Version: u.Version}, call{operation: "exchange_token", method: http.MethodGet, path: []string{"oauth", "access_token"},
		query: url.Values{"grant_type": {"fb_exchange_token"}, "client_id": {u.AppID}, "client_secret": {u.AppSecret.Reveal()},
			"fb_exchange_token": {u.Token.Reveal()}}}, &answer)
	switch {
	case err != nil:
		return secret.Text{}, time.Time{}, err
	case !usable(answer.Token):
		return secret.Text{}, time.Time{}, fault.New(fault.Unavailable, ReasonUnreadable, "Meta exchanged the token and answered none")
	}
	return secret.NewText(answer.Token), ending(answer.Expires, time.Now()), nil
}

// ending reads "expires_in". What cannot be read, and what is beyond any life of
// a token, is no end: it is asked for again with the token itself.
func ending(raw json.RawMessage, now time.Time) time.Time {
	const century = 100 * 365 * 24 * 60 * 60
	seconds, err := strconv.ParseInt(strings.Trim(string(raw), `"`), 10, 64)
	if err != nil || seconds <= 0 || seconds > century {
		return time.Time{}
	}
	return now.Add(time.Duration(seconds) * time.Second)
}

// UserPage is a page that a person administers.
type UserPage struct {
	ID    string
	Name  string      // printable, and cut when it is long
	Token secret.Text // of the page; empty when Meta gives the person none
	Tasks []string    // what the person may do on it, "MESSAGING"; not told with granular permissions
}

// UserPages are the pages of a person, each once, in Meta's order.
type UserPages struct {
	Pages []UserPage
	Cut   bool // there are more than are read, or Meta's list ran in a circle
}

// PagesOfUser lists the pages of a person with the tokens that Meta gives for
// them. Where a person granted the app single pages, Meta's list may be empty;
// then the pages that the token's granular permissions name are asked for one by
// one, and one that Meta refuses has no token.
func (c *Client) PagesOfUser(ctx context.Context, u User) (UserPages, error) {
	list, err := c.accounts(ctx, u)
	if err != nil || len(list.Pages) > 0 || list.Cut {
		return list, err
	}
	return c.granted(ctx, u)
}

// accounts reads /me/accounts to its end. It goes on by cursor: the address of
// the next part that Meta gives may lead anywhere, and is not followed.
func (c *Client) accounts(ctx context.Context, u User) (UserPages, error) {
	list, seen := UserPages{}, map[string]bool{}
	query := url.Values{"fields": {"id,name,access_token,tasks"}, "limit": {strconv.Itoa(accountsAtOnce)}}
	for range mostLists {
		var answer struct {
			Data   []json.RawMessage `json:"data"`
			Paging struct {
				Cursors struct {
					After string `json:"after"`
				} `json:"cursors"`
				Next string `json:"next"`
			} `json:"paging"`
		}
		if err := c.read(ctx, u.acting(), call{operation: "accounts", method: http.MethodGet, path: []string{"me", "accounts"}, query: query}, &answer); err != nil {
			return UserPages{}, err
		}
		for _, raw := range answer.Data {
			list.add(raw)
		}
		after := answer.Paging.Cursors.After
		switch {
		case answer.Paging.Next == "":
			return list, nil
		case after == "" || seen[after] || len(list.Pages) >= mostPages:
			list.Cut = true
			return list, nil
		}
		seen[after] = true
		query.Set("after", after)
	}
	list.Cut = true
	return list, nil
}

// granted asks for the pages that the granular permissions of the token name.
func (c *Client) granted(ctx context.Context, u User) (UserPages, error) {
	info, err := c.DebugUserToken(ctx, u)
	if err != nil {
		return UserPages{}, err
	}
	targets := info.Targets[:min(len(info.Targets), mostTargets)]
	answers := make([]json.RawMessage, len(targets))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(targetsAtOnce)
	for i, target := range targets {
		group.Go(func() error {
			err := c.read(ctx, u.acting(), call{operation: "page_token", method: http.MethodGet, path: []string{target},
				query: url.Values{"fields": {"id,name,access_token"}}}, &answers[i])
			if fault.Is(err, fault.Denied) || fault.Is(err, fault.Precondition) || fault.Is(err, fault.NotFound) {
				err = nil
			}
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return UserPages{}, err
	}
	list := UserPages{Cut: len(targets) < len(info.Targets)}
	for i, target := range targets {
		one := userPage(answers[i])
		if one.ID != target { // refused, or the answer to another question
			one = UserPage{ID: target}
		}
		list.Pages = append(list.Pages, one)
	}
	return list, nil
}

// add takes one entry of Meta's list; what is no page is passed over, and of a
// page that comes twice the one with a token stays.
func (l *UserPages) add(raw json.RawMessage) {
	one := userPage(raw)
	if !pageID(one.ID) {
		return
	}
	for i, p := range l.Pages {
		if p.ID == one.ID {
			if p.Token.Empty() {
				l.Pages[i] = one
			}
			return
		}
	}
	if len(l.Pages) == mostPages {
		l.Cut = true
		return
	}
	l.Pages = append(l.Pages, one)
}

// userPage reads a page as Meta shows it to a person, each field by itself: one
// that is odd leaves the others.
func userPage(raw json.RawMessage) UserPage {
	var p struct {
		ID    json.RawMessage `json:"id"`
		Name  json.RawMessage `json:"name"`
		Token json.RawMessage `json:"access_token"`
		Tasks json.RawMessage `json:"tasks"`
	}
	if json.Unmarshal(raw, &p) != nil {
		return UserPage{}
	}
	one := UserPage{ID: strings.Trim(string(p.ID), `"`)}
	var name, token string
	if json.Unmarshal(p.Name, &name) == nil {
		one.Name = shownName(name)
	}
	if json.Unmarshal(p.Token, &token) == nil && usable(token) {
		one.Token = secret.NewText(token)
	}
	var tasks []string
	if json.Unmarshal(p.Tasks, &tasks) == nil {
		one.Tasks = slices.DeleteFunc(tasks[:min(len(tasks), mostTasks)], func(task string) bool {
			return task == "" || len(task) > longestTask || strings.Trim(task, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_") != ""
		})
	}
	return one
}

// shownName is a name that can be written to a terminal.
func shownName(name string) string {
	kept := []rune(strings.Map(func(r rune) rune {
		if !unicode.IsGraphic(r) || r == unicode.ReplacementChar {
			return -1
		}
		return r
	}, name))
	return string(kept[:min(len(kept), longestName)])
}

// usable tells whether a token can be one: a word that fits into a header.
func usable(token string) bool {
	return token != "" && len(token) <= longestToken &&
		!strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' })
}

// pageID tells whether an id can be a page's: up to 20 digits.
func pageID(id string) bool {
	return id != "" && len(id) <= 20 && strings.Trim(id, "0123456789") == ""
}
