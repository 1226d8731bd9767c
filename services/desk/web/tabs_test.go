package web_test

import (
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/parley-desk/parley/services/desk/web/webtest"
)

// The page's ears and eyes, so that a test can hear and see it: how often it
// made a noise, and the notices it put up. Nobody looks at the tab.
const (
	ears = `window.beeps = 0;
		window.AudioContext = class { constructor() { window.beeps++; } resume() { return new Promise(() => {}); } close() {} };
		Object.defineProperty(navigator, 'userActivation', { value: { hasBeenActive: true } });`
	unseen = `document.hasFocus = () => false;
		addEventListener('focus', (e) => e.stopImmediatePropagation(), true);`
	notices = `window.notices = [];
		window.Notification = class {
			static permission = 'granted';
			constructor(title) { this.title = title; this.up = true; window.notices.push(this); }
			close() { this.up = false; }
		};`
)

// TestOneTabMakesTheNoise opens a second tab behind the first.
func TestOneTabMakesTheNoise(t *testing.T) {
	b := open(t)
	b.Before(ears)
	b.signIn()
	behind := b.Beside()
	behind.Before(ears + unseen)
	behind.Go(b.url)
	behind.Await("the link in the tab behind", "document.querySelector('.pill.live')")
	b.house.Add(offered("1001", "Иван Петров"), "Ало?")
	for _, tab := range []*webtest.Tab{b.Tab, behind} {
		tab.Await("the offer", "document.querySelector('.offer')")
	}
	b.Await("the noise", "window.beeps > 0")
	behind.Await("silence", "window.beeps === 0")
}

// TestLateTabKnowsTheClock has the house an hour before the browser: the time
// left of an offer is the same in a tab that joins later.
func TestLateTabKnowsTheClock(t *testing.T) {
	b := open(t)
	b.house.Ahead(time.Hour)
	b.signIn()
	b.house.Add(offered("1001", "Иван Петров"), "Ало?")
	b.Await("the offer", "document.querySelector('.offer')")
	const fair = "/^([1-5]?\\d|60) s$/.test(document.querySelector('.offer .secs').textContent)"
	if b.Eval("String("+fair+")") != "true" {
		t.Errorf("an offer of 60 s shows %s", b.Eval("document.querySelector('.offer .secs').textContent"))
	}
	late := b.Beside()
	late.Go(b.url)
	late.Await("the offer", "document.querySelector('.offer')")
	if late.Eval("String("+fair+")") != "true" {
		t.Errorf("in the late tab it shows %s", late.Eval("document.querySelector('.offer .secs').textContent"))
	}
}

// TestNoticesStayAsLongAsOffers puts up a second offer and declines it.
func TestNoticesStayAsLongAsOffers(t *testing.T) {
	b := open(t)
	b.Before(notices + unseen)
	b.signIn()
	up := "window.notices.filter((n) => n.up).map((n) => n.title).join('|')"
	b.house.Add(offered("1001", "Anna"), "Ало?")
	b.Await("the first notice", up+" === 'New conversation: Anna'")
	b.house.Add(offered("1002", "Elena"), "Ало?")
	b.Await("both notices", up+" === 'New conversation: Anna|New conversation: Elena'")
	b.Click(".offer:nth-child(2) button:nth-child(2)")
	b.Await("the first notice again", up+" === 'New conversation: Anna' && window.notices.length === 2")
}

// TestOneAgentABrowser signs two agents in in two tabs: the cookie is the
// second's, so the first has left.
func TestOneAgentABrowser(t *testing.T) {
	b := open(t)
	other := b.Beside()
	other.Go(b.url)
	other.Await("the door", "document.querySelector('input[name=agent]')") // before the browser is anybody's
	b.SignIn(b.url, webtest.Agent, webtest.Password)
	enter := func(tab *webtest.Tab, agent string) {
		t.Helper()
		tab.Do(chromedp.SendKeys(chromedp.CSS("input[name=agent]"), agent),
			chromedp.SendKeys(chromedp.CSS("input[name=password]"), webtest.Password+"\r"))
		tab.Await("the desk", "document.querySelector('.pill.live')")
	}
	enter(other, webtest.Other)
	b.Await("the door, and why", "document.querySelector('.door')?.innerText.includes('Somebody else has signed in')")
	b.Shot("somebody-else")
	enter(b.Tab, webtest.Agent)
	other.Await("the door", "document.querySelector('.door')")
}

// TestTooManyBrowsers: a page that is one too many says which limit it met, and
// comes in by itself when there is room.
func TestTooManyBrowsers(t *testing.T) {
	b := open(t)
	b.signIn()
	b.house.Cut(true)
	b.house.Crowd(true)
	b.house.Cut(false)
	b.Await("why not", "document.querySelector('.banner')?.innerText.startsWith('You have the desk open in as many browsers') && document.querySelector('.pill.down')")
	b.Shot("too-many-browsers")
	b.house.Crowd(false)
	b.Await("the desk", "document.querySelector('.pill.live') && !document.querySelector('.banner')")
}
