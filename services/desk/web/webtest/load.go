package webtest

import (
	"context"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/performance"
	"github.com/chromedp/chromedp"
)

// BrowseAlone opens an empty tab of a Chromium that nobody else uses and that works as
// people's does: what it may do beside the page it does beside it.
func BrowseAlone(t testing.TB) *Tab {
	t.Helper()
	path := chromium()
	if path == "" {
		t.Skip("chromium is not installed: pages are not driven")
	}
	ctx, stop, err := launch(path)
	t.Cleanup(func() {
		for _, f := range stop {
			f()
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return tab(t, ctx)
}

// Load is how much processor time the page's own thread has taken: in all, and what of
// it for scripts, for layout and for style. The rest is painting, and being told.
type Load struct {
	All, Script, Layout, Style time.Duration
	// Drawn is how often something on the page took another place or size.
	Drawn int
}

// Less is what came since an earlier one.
func (l Load) Less(old Load) Load {
	return Load{l.All - old.All, l.Script - old.Script, l.Layout - old.Layout, l.Style - old.Style, l.Drawn - old.Drawn}
}

// Load is what the page has taken so far, by the clock of its thread: a busy machine
// makes it no larger. The page is asked nothing between two calls.
func (b *Tab) Load() (l Load) {
	b.t.Helper()
	counts := map[string]*time.Duration{"TaskDuration": &l.All, "ScriptDuration": &l.Script, "LayoutDuration": &l.Layout, "RecalcStyleDuration": &l.Style}
	b.Do(func(ctx context.Context, tab *chromedp.Target) (none chromedp.Void, err error) {
		if _, err := cdp.Call(ctx, tab, performance.Enable, performance.EnableParams{TimeDomain: performance.EnableTimeDomainThreadTicks}); err != nil {
			return none, err
		}
		all, err := cdp.Call(ctx, tab, performance.GetMetrics, cdp.Empty{})
		for _, m := range all.Metrics {
			if to := counts[m.Name]; to != nil {
				*to = time.Duration(m.Value * float64(time.Second))
			}
			if m.Name == "LayoutCount" {
				l.Drawn = int(m.Value)
			}
		}
		return none, err
	})
	return l
}
