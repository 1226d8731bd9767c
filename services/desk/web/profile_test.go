package web_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/parley-desk/parley/services/desk/web/webtest"
)

// TestNothingIsLeftToTheNext: tests browse in one profile, one after another, and none
// finds what the one before kept, not even at the same address. Two at once have two.
func TestNothingIsLeftToTheNext(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		w.Header().Set("Cache-Control", "max-age=3600")
		_, _ = w.Write([]byte("<!DOCTYPE html><title>kept</title>"))
	}))
	defer server.Close()
	const left = `(async () => JSON.stringify([document.cookie, localStorage.length, (await indexedDB.databases()).length, (await caches.keys()).length]))()`
	look := func(t *testing.T, b *webtest.Tab) {
		t.Helper()
		b.Go(server.URL)
		b.Do(chromedp.Evaluate[chromedp.Void](left+".then((all) => { document.title = all; })", chromedp.EvalAwaitPromise))
		if got := b.Eval("document.title"); got != `["",0,0,0]` {
			t.Errorf("there is %s", got)
		}
	}
	for range 2 {
		t.Run("", func(t *testing.T) {
			b := webtest.Browse(t)
			look(t, b)
			b.Do(chromedp.Evaluate[chromedp.Void](`(async () => {
				document.cookie = 'a=1; max-age=3600';
				localStorage.a = 1;
				await caches.open('a');
				await new Promise((done) => { indexedDB.open('a').onsuccess = done; });
			})()`, chromedp.EvalAwaitPromise))
			look(t, webtest.Browse(t))
		})
	}
}
