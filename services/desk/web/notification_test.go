package web_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
	deskv1 "github.com/parley-desk/parley/proto/gen/parley/desk/v1"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
	"github.com/parley-desk/parley/services/desk/web/webtest"
)

// told is how an agent is told by a template of notifications.
func told() *deskv1.Notification {
	return &deskv1.Notification{Desktop: configv1.DesktopNotification_DESKTOP_NOTIFICATION_ALWAYS, Texts: []*deskv1.NotificationText{
		{Language: "bg", Title: "Златен клиент", Accept: "Поеми", Reject: "Не сега",
			Rows: []*configv1.NotificationRow{{Label: "Поръчка", Text: "A-4711"}}},
		{Language: "en", Title: "Gold customer", Accept: "Take it", Reject: "Not this one",
			Rows: []*configv1.NotificationRow{{Label: "Order", Text: "A-4711"}, {Label: "Page", Text: "Магазин Витоша"}}}}}
}

func offeredBy(psid string, told *deskv1.Notification) webtest.Customer {
	return webtest.Customer{PSID: psid, Name: "Рая Николова", Queue: "Доставки", Phase: threadv1.Phase_PHASE_OPEN,
		Window: 20 * time.Hour, Offer: 10 * time.Minute, Told: told}
}

// TestAnOfferSaysWhatItsTemplateSays is L91: title, rows and words of the template in
// the language of the page, a countdown that may be hidden, and nothing to reject with
// where the template says so.
func TestAnOfferSaysWhatItsTemplateSays(t *testing.T) {
	b := open(t)
	b.signIn()
	b.house.Add(offeredBy("2001", told()), "Къде е поръчката ми?")
	b.Await("title, rows and words", `[...document.querySelectorAll('.offer .what, .offer dt, .offer dd, .offer .buttons button')].slice(0, 7)
		.map((e) => e.firstChild.textContent).join('|') === 'Gold customer|Order|A-4711|Page|Магазин Витоша|Take it|Not this one'`)
	b.Await("the countdown", "document.querySelector('.offer .secs') && document.querySelector('.offer .fuse')")
	b.Shot("offer-template")

	b.Click(".me")
	b.press("Български")
	b.Await("the words of the other language", "document.querySelector('.offer .what').textContent === 'Златен клиент'")
	b.house.Take("2001")

	quiet := told()
	quiet.HideCountdown, quiet.NoReject = true, true
	b.house.Add(offeredBy("2002", quiet), "Къде е поръчката ми?")
	b.Await("one thing to press, and no countdown", "document.querySelectorAll('.offer:not(.ask) .buttons button').length === 1 && !document.querySelector('.offer .secs, .offer .fuse')")
	b.Key("r", chromedp.KeyModifiers(chromedp.ModifierAlt))
	b.Key("a", chromedp.KeyModifiers(chromedp.ModifierAlt))
	b.Await("the conversation, which was not rejected", "document.querySelector('.head h1')?.textContent === 'Рая Николова'")
}

// TestWhoeverIsGivenAConversationIsTold is L91 and L95: there is nothing to accept,
// only something to open.
func TestWhoeverIsGivenAConversationIsTold(t *testing.T) {
	b := open(t)
	b.signIn()
	b.house.Add(webtest.Customer{PSID: "2001", Name: "Рая Николова", Phase: threadv1.Phase_PHASE_ACTIVE, Window: 20 * time.Hour, Given: time.Minute}, "Ало?")
	b.Await("the word of it", "document.querySelector('.offer .what')?.textContent === 'Yours now' && document.querySelectorAll('.offer .buttons button').length === 1")
	b.Shot("offer-given")
	b.tap(".offer .primary")
	b.Await("the conversation, and nothing more to tell", "document.querySelector('.head h1')?.textContent === 'Рая Николова' && !document.querySelector('.offer')")

	late := told()
	b.house.Add(webtest.Customer{PSID: "2002", Name: "Anna", Phase: threadv1.Phase_PHASE_ACTIVE, Window: 20 * time.Hour, Given: time.Second, Told: late}, "Hello?")
	b.Await("it to be in the list, and told no longer", "[...document.querySelectorAll('.row')].some((e) => e.innerText.includes('Anna')) && !document.querySelector('.offer:not(.ask)')")
}

// TestTheBrowserIsAskedOnce is L91: whether the browser may tell of conversations, too,
// is asked when a template wants it first, and never again once it was answered.
func TestTheBrowserIsAskedOnce(t *testing.T) {
	b := open(t)
	b.Before(`window.Notification = class { static permission = 'default'; static requestPermission = async () => 'default'; }`)
	b.signIn()
	b.house.Add(offeredBy("2001", nil), "Ало?")
	b.Await("the offer that is as built in, and no question", "document.querySelector('.offer') && !document.querySelector('.ask')")
	b.house.Add(offeredBy("2002", told()), "Ало?")
	b.Await("the question", "document.querySelector('.ask')")
	b.house.Take("2002")
	b.Await("the question to stay", "document.querySelectorAll('.offer:not(.ask)').length === 1 && document.querySelector('.ask')")
	b.press("Not now")
	b.Await("it to go", "!document.querySelector('.ask')")
	b.Do(chromedp.Reload())
	b.house.Add(offeredBy("2003", told()), "Ало?")
	b.Await("no question any more", "document.querySelectorAll('.offer').length === 2 && !document.querySelector('.ask')")
}

// TestTheBrowserTellsWhenTheTemplateWantsIt is L91: never, always, or while nobody looks
// at the page, which is also what is built in.
func TestTheBrowserTellsWhenTheTemplateWantsIt(t *testing.T) {
	b := open(t)
	b.Before(`window.told = []; window.looks = true; document.hasFocus = () => window.looks;
		window.Notification = class { static permission = 'granted'; constructor(title) { window.told.push(title); } close() {} }`)
	b.signIn()
	psid := 2000
	for _, c := range []struct {
		desktop configv1.DesktopNotification
		looks   bool
		tells   bool
	}{
		{configv1.DesktopNotification_DESKTOP_NOTIFICATION_NEVER, true, false},
		{configv1.DesktopNotification_DESKTOP_NOTIFICATION_NEVER, false, false},
		{configv1.DesktopNotification_DESKTOP_NOTIFICATION_ALWAYS, true, true},
		{configv1.DesktopNotification_DESKTOP_NOTIFICATION_ALWAYS, false, true},
		{configv1.DesktopNotification_DESKTOP_NOTIFICATION_BACKGROUND, true, false},
		{configv1.DesktopNotification_DESKTOP_NOTIFICATION_BACKGROUND, false, true},
		{configv1.DesktopNotification_DESKTOP_NOTIFICATION_UNSPECIFIED, true, false},
		{configv1.DesktopNotification_DESKTOP_NOTIFICATION_UNSPECIFIED, false, true},
	} {
		n := told()
		n.Desktop = c.desktop
		b.Eval(`String((window.told = []).length, window.looks = ` + map[bool]string{true: "true", false: "false"}[c.looks] + `)`)
		psid++
		id := fmt.Sprint(psid)
		b.house.Add(offeredBy(id, n), "Ало?")
		b.Await("the offer", "document.querySelector('.offer')")
		want := "[]"
		if c.tells {
			want = `["Gold customer: Рая Николова"]`
			b.Await("the word of the browser", "window.told.length > 0")
		}
		if got := b.Eval("JSON.stringify(window.told)"); got != want {
			t.Errorf("%v, looked at %t: told %s, want %s", c.desktop, c.looks, got, want)
		}
		b.house.Take(id)
		b.Await("it to be gone", "!document.querySelector('.offer:not(.ask)')")
	}
}

// TestAListSaysTheTitleOfASession is S40: the workstream's title stands in the list,
// and both it and the name find the conversation.
func TestAListSaysTheTitleOfASession(t *testing.T) {
	b := open(t)
	b.house.Add(webtest.Customer{PSID: "2001", Name: "Anna", Title: "A-4711 · Anna Berger", Phase: threadv1.Phase_PHASE_ACTIVE, Window: 20 * time.Hour}, "Hello?")
	b.house.Add(webtest.Customer{PSID: "2002", Name: "Иван Петров", Phase: threadv1.Phase_PHASE_ACTIVE, Window: 20 * time.Hour}, "Ало?")
	b.signIn()
	b.Await("the title, and the name of who has none", "[...document.querySelectorAll('.row .name')].map((e) => e.textContent).sort().join('|') === 'A-4711 · Anna Berger|Иван Петров'")
	b.Click("input[type=search]")
	b.Key("4711")
	b.Await("it to be found", "document.querySelectorAll('.row').length === 1 && document.querySelector('.row .name').textContent === 'A-4711 · Anna Berger'")
}
