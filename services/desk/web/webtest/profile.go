package webtest

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/storage"
	"github.com/chromedp/cdproto/target"
	"github.com/chromedp/chromedp"
)

// profile is cookies, storage and cache of Chromium's, and a page that stays open:
// pages of 127.0.0.1 share its process, which is most of what opening one costs.
type profile struct {
	ctx  context.Context
	page string
}

// profiles are those whose tests have ended, and what ends all that were made.
var profiles struct {
	mu   sync.Mutex
	idle []*profile
	stop []func()
}

// profileOf gives a test a profile in which nothing is. What one test left in it, the
// next does not see: once its tabs are closed, what pages from there have kept is
// cleared. Where that fails, or nobody knows from where, the profile is not used again.
func profileOf(t testing.TB, from *string) *profile {
	t.Helper()
	p, err := newProfile()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if !strings.HasPrefix(*from, "http") {
			return
		}
		if err := chromedp.Do(p.ctx, set(storage.ClearDataForOrigin, storage.ClearDataForOriginParams{Origin: *from, StorageTypes: "all"}),
			set(network.ClearBrowserCookies, cdp.Empty{}), set(network.ClearBrowserCache, cdp.Empty{})); err != nil {
			t.Logf("the profile is not used again: %v", err)
			return
		}
		profiles.mu.Lock()
		defer profiles.mu.Unlock()
		profiles.idle = append(profiles.idle, p)
	})
	return p
}

func newProfile() (*profile, error) {
	profiles.mu.Lock()
	defer profiles.mu.Unlock()
	if n := len(profiles.idle) - 1; n >= 0 {
		p := profiles.idle[n]
		profiles.idle = profiles.idle[:n]
		return p, nil
	}
	server := httptest.NewServer(http.NotFoundHandler())
	ctx, cancel := chromedp.NewContext(browser.ctx, chromedp.WithNewBrowserContext())
	profiles.stop = append(profiles.stop, cancel, server.Close)
	return &profile{ctx, server.URL}, chromedp.Do(ctx, chromedp.Navigate(server.URL))
}

// open opens a tab; cancelling its context closes it.
func (p *profile) open() (context.Context, error) {
	c := chromedp.FromContext(p.ctx)
	made, err := cdp.Call(p.ctx, c.Browser, target.CreateTarget, target.CreateTargetParams{URL: p.page, BrowserContextID: c.BrowserContextID})
	if err != nil {
		return nil, err
	}
	ctx, _ := chromedp.NewContext(p.ctx, chromedp.WithTargetID(made.TargetID))
	// The first call takes the tab, which lives as long as that call's context.
	return ctx, chromedp.Do(ctx)
}
