package web_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/parley-desk/parley/pkg/session"
	"github.com/parley-desk/parley/services/desk/internal/page"
	"github.com/parley-desk/parley/services/desk/web/webtest"
)

// knock tries to sign in at the door that is shown.
func (b *browser) knock(agent string) {
	b.t.Helper()
	b.Do(chromedp.WaitVisible(chromedp.CSS("input[name=agent]")),
		chromedp.SendKeys(chromedp.CSS("input[name=agent]"), agent),
		chromedp.SendKeys(chromedp.CSS("input[name=password]"), webtest.Password+"\r"))
}

// both asks for a text of the door in English and in Bulgarian.
func (b *browser) both(what, en, bg string) {
	b.t.Helper()
	says := func(text string) string {
		return fmt.Sprintf("document.querySelector('.door')?.innerText.includes(%q)", text)
	}
	b.Await(what, says(en))
	b.Click("button[lang=bg]")
	b.Await(what+", in Bulgarian", says(bg))
	b.Shot("door-" + what)
	b.Click("button[lang=en]")
	b.Await(what+", in English", says(en))
}

// TestDoorSaysWhoMayEnter: not who has no role of an agent, neither by password
// nor by a cookie; and after too many tries nobody, for so long.
func TestDoorSaysWhoMayEnter(t *testing.T) {
	b := open(t)
	b.Go(b.url)
	// S49: agents are told what becomes of what is written.
	b.both("recorded", "Conversations are kept, and supervisors may read along.", "Разговорите се съхраняват и супервайзорите могат да ги следят.")
	b.knock(webtest.Stranger)
	b.both("no-role", "You lack the role of an agent", "Нямате роля на оператор")
	b.Do(chromedp.Evaluate[chromedp.Void](`document.cookie = 'webtest=sonya; path=/'`), chromedp.Reload())
	b.both("no-role-cookie", "You lack the role of an agent", "Нямате роля на оператор")

	b.house.Bar(115 * time.Second)
	b.knock(webtest.Agent)
	b.both("too-many-tries", "Wait 1:", "Опитайте пак след 1:")
	b.Await("no other try meanwhile", "document.querySelector('.door .primary').disabled")
	b.house.Bar(2 * time.Second)
	b.Do(chromedp.Reload())
	b.Await("the door", "document.querySelector('.door .primary')")
	// It may be over before anybody looks.
	b.Eval("String(new MutationObserver(() => { window.waited ||= document.querySelector('.door .primary')?.disabled && document.querySelector('.wrong'); }).observe(document, { subtree: true, childList: true, attributes: true }))")
	b.knock(webtest.Agent)
	b.Await("the wait", "window.waited")
	b.Await("its end", "!document.querySelector('.door .primary').disabled && !document.querySelector('.wrong')")
}

// TestDoorSaysWhySessionsEnd, both when it happens and to who comes later.
func TestDoorSaysWhySessionsEnd(t *testing.T) {
	b := open(t)
	for end, want := range map[session.End][2]string{
		session.Expired:   {"Your session has expired.", "Срокът на сесията изтече."},
		session.SignedOut: {"You have been signed out.", "Излязохте от профила си."},
		session.Renewed:   {"Your password was changed", "Паролата ви беше сменена"},
		session.Revoked:   {"An administrator has removed", "Администратор е премахнал"},
		session.Dismissed: {"An administrator has signed you out", "Администратор приключи сесията"},
		session.Copied:    {"used in two places", "използван на две места"},
		session.Stripped:  {"You lack the role of an agent", "Нямате роля на оператор"},
	} {
		b.signIn()
		b.house.End(string(end))
		b.both(string(end), want[0], want[1])
		b.Do(chromedp.Reload())
		b.both(string(end)+"-later", want[0], want[1])
	}
}

// TestTheCompanysDoor leads to the company's account and back, beside a password or
// instead of one.
func TestTheCompanysDoor(t *testing.T) {
	for name, door := range map[string]page.Door{"alone": {Federated: "Example & Co"}, "beside": {Federated: "Example & Co", Local: true}} {
		t.Run(name, func(t *testing.T) {
			b := behind(t, door)
			b.Go(b.url)
			b.both("company-"+name, "Sign in: Example & Co", "Вход: Example & Co")
			if fields := b.Eval("String(!!document.querySelector('input[name=password]'))"); fields != fmt.Sprint(door.Local) {
				t.Errorf("a password may be written: %s, want %v", fields, door.Local)
			}
			if said := b.Barriers(); said != "" {
				t.Error(said)
			}
			b.Click(".door form button.primary")
			b.Await("the desk", "document.querySelector('.pill.live')")
		})
	}
}

// TestSigningOutTellsTheOtherTab why it has left too.
func TestSigningOutTellsTheOtherTab(t *testing.T) {
	b := open(t)
	b.signIn()
	other := b.Beside()
	other.Go(b.url)
	other.Await("the desk", "document.querySelector('.pill.live')")
	b.Click(".me")
	b.Click(".menu .wide")
	b.Await("the door, without a reason", "document.querySelector('.door form') && !document.querySelector('.ended')")
	other.Await("the door, and why", "document.querySelector('.ended')?.innerText.includes('You have been signed out')")
}
