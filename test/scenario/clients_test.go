package scenario_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/parley-desk/parley/services/desk/web/webtest"
)

// TestAnAdministratorHandsOutATokenThatWorks goes the way of a token with nothing but a
// browser: the program that has it reads what it may and nothing else, has the next one
// beside it, and is let in no more when it is revoked.
func TestAnAdministratorHandsOutATokenThatWorks(t *testing.T) {
	o := office{webtest.Browse(t)}
	h := together(t)
	h.apply(administrator)
	o.enter(h.desks[0], "vera")
	o.Await("the page as it stays", "document.querySelector('[data-step=app] form')")
	o.Click(".places a[href='#/clients']")
	o.Click("[data-deed=new-client]")
	o.Await("the form", "document.querySelector('[data-part=make]')")
	o.Do(chromedp.SendKeys(chromedp.CSS("[data-part=make] [name=id]"), "reader"))
	o.Click("[name='config.read']")
	o.Click("[data-part=make] .primary")
	first := h.token(o)
	if out, err := h.try("get", "agents", "--token-file", first); err != nil || !strings.Contains(string(out), "vera") {
		t.Fatalf("the token does not work: %s %v", out, err)
	}
	if _, err := h.try("client", "list", "--token-file", first); err == nil {
		t.Error("a client that reads the configuration lists clients")
	}
	o.Click("[data-deed=kept]")
	o.Await("that it was used", "/20\\d\\d/.test(document.querySelector('[data-client=reader] .facts dd')?.textContent ?? '')")

	o.Click("[data-client=reader] [data-deed=turn]")
	o.Click("dialog .primary")
	second := h.token(o)
	for _, token := range []string{first, second} {
		if _, err := h.try("get", "agents", "--token-file", token); err != nil {
			t.Errorf("a token is no good after it was turned: %v", err)
		}
	}
	o.Click("[data-client=reader] [data-deed=revoke]")
	o.Click("dialog .danger")
	o.Await("that it is revoked", "document.querySelector('[data-client=reader] [data-state=clientRevoked]')")
	await(t, time.Minute, "no token works any more", func() bool {
		_, one := h.try("get", "agents", "--token-file", first)
		_, two := h.try("get", "agents", "--token-file", second)
		return one != nil && two != nil
	}, h.logs)
}

// token keeps what the page shows this once as a program would, and gives the file.
func (h *house) token(o office) string {
	h.t.Helper()
	o.Await("a token", "document.querySelector('[data-part=token] input')?.value")
	text := o.Eval("document.querySelector('[data-part=token] input').value")
	path := filepath.Join(h.t.TempDir(), "token")
	if err := os.WriteFile(path, []byte(text+"\n"), 0o600); err != nil {
		h.t.Fatal(err)
	}
	return path
}
