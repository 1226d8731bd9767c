package web_test

import (
	"errors"
	"fmt"
	"net/http/httptest"
	"os"
	"testing"
	"time"

	"connectrpc.com/connect"
	"github.com/chromedp/chromedp"

	deskv1 "github.com/parley-desk/parley/proto/gen/parley/desk/v1"
	distributionv1 "github.com/parley-desk/parley/proto/gen/parley/distribution/v1"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
	"github.com/parley-desk/parley/services/desk/internal/page"
	"github.com/parley-desk/parley/services/desk/web/webtest"
)

func TestMain(m *testing.M) { os.Exit(webtest.Run(m)) }

// browser is a tab on a house of its own.
type browser struct {
	*webtest.Tab
	t     *testing.T
	house *webtest.House
	url   string
}

// open starts a browser, in which pictures come from the origins in images; the
// test is skipped where there is none.
func open(t *testing.T, images ...string) *browser {
	t.Helper()
	return behind(t, page.Door{Local: true}, images...)
}

// behind is open with another door.
func behind(t *testing.T, door page.Door, images ...string) *browser {
	t.Helper()
	tab, house := webtest.Browse(t), webtest.New()
	handler, err := house.HandlerBehind(door, images...)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(handler)
	t.Cleanup(func() { house.Cut(true); server.CloseClientConnections(); server.Close() })
	return &browser{Tab: tab, t: t, house: house, url: server.URL}
}

func (b *browser) signIn() {
	b.t.Helper()
	b.comes(webtest.Agent)
}

// comes has the desk open and somebody signed in. A new tab knows who it is, as it does
// every morning; who has left this one types.
func (b *browser) comes(agent string) {
	b.t.Helper()
	if b.Eval("location.origin") == b.url {
		b.SignIn(b.url, agent, webtest.Password)
		return
	}
	b.Admit(b.url, agent)
	b.Await("the link", "document.querySelector('.pill.live')")
}

// delivered is true when the newest bubble of the agent stands there.
func delivered(d deskv1.Delivery) string {
	return fmt.Sprintf("[...document.querySelectorAll('.msg.out')].at(-1)?.dataset.delivery === %q", d.String())
}

func TestAgentAnswersAnOffer(t *testing.T) {
	b := open(t)
	b.signIn()
	b.house.Add(webtest.Customer{PSID: "7254000000007890", Name: "Рая Николова", Queue: "Доставки",
		Phase: threadv1.Phase_PHASE_OPEN, Window: 20 * time.Hour, Offer: time.Minute}, "Благодаря! Имате ли новини за доставката?")
	b.Await("the offer", "document.querySelector('.offer .primary') && /^[1-6]\\d s$/.test(document.querySelector('.offer .secs').textContent)")
	b.Shot("offer-first")
	b.Key("a", chromedp.KeyModifiers(chromedp.ModifierAlt))
	b.Await("the conversation", "document.querySelector('.head h1')?.textContent === 'Рая Николова' && !document.querySelector('.offer')")
	b.Await("its history", "document.querySelector('.msg.in')")
	b.Await("the cursor in the composer", "document.activeElement?.tagName === 'TEXTAREA'")

	b.Key("Здравейте! Проверявам веднага.")
	b.Enter()
	b.Await("the bubble", "document.querySelector('.msg.out .text')?.textContent === 'Здравейте! Проверявам веднага.'")
	b.Await("the empty field", "document.querySelector('textarea').value === ''")
	for _, d := range []deskv1.Delivery{deskv1.Delivery_DELIVERY_SENT, deskv1.Delivery_DELIVERY_DELIVERED, deskv1.Delivery_DELIVERY_READ} {
		b.Await("the stored message", "!document.querySelector('[data-outbox]')")
		b.house.Deliver("7254000000007890", d)
		b.Await(d.String(), delivered(d))
	}
	if n := b.house.Sends(); n != 1 {
		t.Errorf("the desk stored %d messages, want 1", n)
	}
	b.Click(".acts .danger")
	b.Await("wrap-up", "document.querySelector('.banner.calm')")
	b.Click(".acts .primary")
	b.Await("an empty desk", "document.querySelector('.nothing-open')")
}

// TestDraftOutlivesAReload, and no sign-out: who comes next at this tab finds nothing of
// it (SK8).
func TestDraftOutlivesAReload(t *testing.T) {
	b := open(t)
	b.house.Add(active("1001", "Иван Петров"), "Здравейте, поръчката ми 48210 закъснява.")
	b.signIn()
	b.Click(".row")
	b.Await("the cursor in the composer", "document.activeElement?.tagName === 'TEXTAREA'")
	b.Key("half a sent")
	b.Do(chromedp.Reload())
	b.Await("the draft", "document.querySelector('textarea')?.value === 'half a sent'")
	b.Click(".me")
	b.Click(".menu .wide")
	b.Await("the door", "document.querySelector('input[name=agent]')")
	if left := b.Eval("JSON.stringify(sessionStorage)"); left != "{}" {
		t.Errorf("the tab keeps %s", left)
	}
	b.signIn()
	b.Click(".row")
	b.Await("an empty composer", "document.querySelector('textarea')?.value === ''")
}

func TestNothingIsLostWhileOffline(t *testing.T) {
	b := open(t)
	b.house.Add(active("1001", "Иван Петров"), "Здравейте.")
	b.signIn()
	b.Click(".row")
	b.Await("the history", "document.querySelector('.msg.in')")

	b.house.Cut(true)
	b.Await("the banner", "document.querySelector('.banner.bad')")
	b.Key("written in a tunnel")
	b.Enter()
	b.Await("the waiting bubble", "document.querySelector('[data-outbox=waiting]')")
	b.Shot("offline")
	b.house.Say("1001", &deskv1.TimelineItem{Id: "m.late", Author: deskv1.Author_AUTHOR_CUSTOMER, Text: "Има ли някой?"})
	b.house.Cut(false)
	b.Await("the line", "document.querySelector('.pill.live') && !document.querySelector('.banner.bad')")
	b.Await("what came meanwhile", "[...document.querySelectorAll('.msg.in .text')].some((e) => e.textContent === 'Има ли някой?')")
	b.Await("the message sent", delivered(deskv1.Delivery_DELIVERY_SENDING))
	b.Await("no doubles", "document.querySelectorAll('.msg').length === 3 && !document.querySelector('[data-outbox]')")
	if n := b.house.Sends(); n != 1 {
		t.Errorf("the desk stored %d messages, want 1", n)
	}
}

// TestTheHouseDiesInMidSend: it has the message and did not say so. What was written
// stays, the page says what it waits for, and it is sent once.
func TestTheHouseDiesInMidSend(t *testing.T) {
	b := open(t)
	b.house.Add(active("1001", "Иван Петров"), "Здравейте.")
	b.signIn()
	b.Click(".row")
	b.Await("the history", "document.querySelector('.msg.in')")
	b.house.DieInMidSend()
	b.Key("on its way")
	b.Enter()
	b.Await("what it waits for", "document.querySelector('.banner.bad')?.innerText.startsWith('No connection') && document.querySelector('[data-outbox=waiting]')?.innerText.includes('on its way')")
	b.Shot("mid-send")
	if n := b.house.Sends(); n != 1 {
		t.Errorf("the desk stored %d messages before it died, want 1", n)
	}
	b.house.Cut(false)
	b.Await("the message, once", delivered(deskv1.Delivery_DELIVERY_SENDING)+" && document.querySelectorAll('.msg').length === 2 && !document.querySelector('[data-outbox]')")
	if n := b.house.Sends(); n != 1 {
		t.Errorf("the desk stored %d messages, want 1", n)
	}
}

func TestOutboxOutlivesAReload(t *testing.T) {
	b := open(t)
	b.house.Add(active("1001", "Иван Петров"), "Здравейте.")
	b.signIn()
	b.Click(".row")
	b.Await("the history", "document.querySelector('.msg.in')")
	b.house.FailNext(refused(), refused())
	b.Key("kept")
	b.Enter()
	b.Await("the failed bubble", "document.querySelector('[data-outbox=failed]')")
	b.Do(chromedp.Reload())
	b.Await("the failed bubble after the reload", "document.querySelector('[data-outbox=failed] .text')?.textContent === 'kept'")
}

func TestFailedSendWaitsForTheAgent(t *testing.T) {
	b := open(t)
	b.house.Add(active("1001", "Иван Петров"), "Здравейте.")
	b.signIn()
	b.Click(".row")
	b.Await("the history", "document.querySelector('.msg.in')")

	b.house.FailNext(refused())
	b.Key("once more")
	b.Enter()
	b.Await("the failed bubble", "document.querySelector('[data-outbox=failed] .choices button')")
	b.Shot("failed-send")
	if n := b.house.Sends(); n != 0 {
		t.Fatalf("the desk stored %d messages before Retry, want 0", n)
	}
	b.Click("[data-outbox=failed] .choices button")
	b.Await("the message", delivered(deskv1.Delivery_DELIVERY_SENDING)+" && !document.querySelector('[data-outbox]')")

	// What the desk could not take is tried again without asking.
	busy := connect.NewError(connect.CodeUnavailable, errors.New("busy"))
	b.house.FailNext(busy, busy)
	b.Key("third time lucky")
	b.Enter()
	b.Await("the second message", "document.querySelectorAll('.msg.out').length === 2 && !document.querySelector('[data-outbox]')")
	if n := b.house.Sends(); n != 2 {
		t.Errorf("the desk stored %d messages, want 2", n)
	}
}

func TestClosedWindowTakesNoReply(t *testing.T) {
	b := open(t)
	c := active("1001", "Anna Schmidt")
	c.Window = 0
	b.house.Add(c, "Здравейте.")
	b.signIn()
	b.Click(".row")
	b.Await("the reason", "document.querySelector('.banner.bad')")
	b.Await("note mode", "document.querySelector('.pen.note')")
	b.Click(".modes button")
	b.Await("reply mode", "document.querySelector('.pen.reply')")
	b.Key("too late")
	b.Enter()
	b.Await("Send disabled with its reason", "document.querySelector('.send').disabled && document.querySelector('.under .why')")
	if n := b.house.Sends(); n != 0 {
		t.Errorf("the desk stored %d messages, want 0", n)
	}
}

func TestTabsShareOneStream(t *testing.T) {
	b := open(t)
	b.house.Add(active("1001", "Иван Петров"), "Здравейте.")
	b.signIn()
	b.Click(".row")
	b.Await("the history", "document.querySelector('.msg.in')")

	other := b.Beside()
	other.Go(b.url)
	other.Await("the list in the second tab", "document.querySelector('.pill.live') && document.querySelector('.row')")
	b.house.Say("1001", &deskv1.TimelineItem{Id: "m.both", Author: deskv1.Author_AUTHOR_CUSTOMER, Text: "И двата ли?"})
	for _, tab := range []*webtest.Tab{b.Tab, other} {
		tab.Await("the message in both tabs", "document.querySelector('.row .line').textContent === 'И двата ли?'")
	}
	if n := b.house.Streams(); n != 1 {
		t.Errorf("two tabs hold %d streams, want 1", n)
	}
}

// TestPageKeepsWhatTheAgentChose tells the house what the agent is ready for, in
// case it has forgotten, until somebody signs in anew.
func TestPageKeepsWhatTheAgentChose(t *testing.T) {
	b := open(t)
	b.signIn()
	wishes := func(want distributionv1.Presence) {
		t.Helper()
		if got := b.house.Wish(); got != want {
			t.Errorf("the stream is opened with %v, want %v", got, want)
		}
	}
	wishes(distributionv1.Presence_PRESENCE_UNSPECIFIED)
	b.choose(".presence select", "PRESENCE_AWAY")
	b.Await("what was chosen", "localStorage.getItem('parley.presence.mila')")
	b.house.Cut(true)
	b.Await("the end of the link", "document.querySelector('.pill.down')")
	b.house.Cut(false)
	b.Await("the link", "document.querySelector('.pill.live')")
	wishes(distributionv1.Presence_PRESENCE_AWAY)
	b.Do(chromedp.Reload())
	b.Await("the link after the reload", "document.querySelector('.pill.live')")
	wishes(distributionv1.Presence_PRESENCE_AWAY)
	b.Click(".me")
	b.Click(".menu .wide")
	b.Await("the door", "document.querySelector('.door form')")
	b.signIn()
	wishes(distributionv1.Presence_PRESENCE_UNSPECIFIED)
}

func refused() error {
	return connect.NewError(connect.CodeInvalidArgument, errors.New("the text has a mistake"))
}

func active(psid, name string) webtest.Customer {
	return webtest.Customer{PSID: psid, Name: name, Queue: "Доставки", Phase: threadv1.Phase_PHASE_ACTIVE, Window: 20 * time.Hour}
}

// TestNoEnglishOnTheBulgarianPage has the desk refuse in its own words, which
// are for logs, and shows what the house kept without understanding it.
func TestNoEnglishOnTheBulgarianPage(t *testing.T) {
	b := open(t)
	b.house.Add(active("1001", "Иван Петров"), "Здравейте.")
	for i, kind := range []string{"account_linking", "pass_thread_control", "unreadable"} {
		b.house.Say("1001", &deskv1.TimelineItem{Id: fmt.Sprintf("s%d", i), Author: deskv1.Author_AUTHOR_SYSTEM, Text: "event_kept",
			Details: map[string]string{"kind": kind, "summary": kind + ": the item is not an object"}})
	}
	for i, reason := range []string{"THREAD_OWNED", "PAGE_RESTRICTED", "TIMEOUT"} {
		b.house.Say("1001", &deskv1.TimelineItem{Id: fmt.Sprintf("f%d", i), Author: deskv1.Author_AUTHOR_AGENT, Agent: webtest.Agent,
			Text: "Проверявам.", Delivery: deskv1.Delivery_DELIVERY_FAILED, Reason: reason})
	}
	b.Go(b.url)
	b.Click("button[lang=bg]")
	b.signIn()
	b.Click(".row")
	b.Await("the history", "document.querySelectorAll('.msg.bad').length === 3")
	b.house.FailNext(connect.NewError(connect.CodeInternal, errors.New("something went wrong here")), refused())
	b.Key("едно")
	b.Enter()
	b.Await("the first refusal", "document.querySelectorAll('[data-outbox=failed]').length === 1")
	b.Key("две")
	b.Enter()
	b.Await("the second refusal", "document.querySelectorAll('[data-outbox=failed] .why').length === 2")
	b.Shot("refused-bg")
	if latin := b.Eval("(document.querySelector('.log').innerText.match(/[a-z_]{2,}/gi) ?? []).filter((w) => !['Messenger', 'Meta', 'Parley'].includes(w)).join(' ')"); latin != "" {
		t.Errorf("not in Bulgarian: %s", latin)
	}
}
