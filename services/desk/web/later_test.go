package web_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/parley-desk/parley/services/desk/web/webtest"
)

// deaf has the effects of what is drawn wait while the page is told to hold them, as they
// do on a machine that is busy with something else.
const deaf = `{ const draw = requestAnimationFrame, wait = setTimeout, held = [];
	window.hold = (on) => { window.holds = on; if (!on) held.splice(0).forEach((f) => f()); };
	window.requestAnimationFrame = (f) => (window.holds ? held.push(f) : draw(f));
	window.setTimeout = (f, ms, ...rest) => (window.holds && ms === 35 ? held.push(f) : wait(f, ms, ...rest)); }`

// TestAPartThatComesMeanwhile: what is loaded apart is drawn also when it comes after its
// place was drawn and before the page has done what follows from that.
func TestAPartThatComesMeanwhile(t *testing.T) {
	tab, house := webtest.Browse(t), webtest.New()
	handler, err := house.Handler()
	if err != nil {
		t.Fatal(err)
	}
	let := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/audit.") {
			<-let
		}
		handler.ServeHTTP(w, r)
	}))
	t.Cleanup(func() { house.Cut(true); server.CloseClientConnections(); server.Close() })
	b := &browser{Tab: tab, t: t, house: house, url: server.URL}
	b.Before(deaf)
	b.enterSetUp(webtest.Admin)
	b.Do(chromedp.Evaluate[chromedp.Void]("hold(true), void (location.hash = '#/audit')"))
	b.Await("the place of the audit", "document.querySelector('.setup main h1')?.textContent === 'Audit'")
	close(let)
	b.Do(chromedp.Evaluate[chromedp.Void](fmt.Sprintf("import('/%s').then(() => { hold(false); })", find(t, "dist", "audit.")), chromedp.EvalAwaitPromise))
	b.Await("the audit", "document.querySelector('[data-part=records]')")
}
