package web_test

import (
	"errors"
	"testing"

	"connectrpc.com/connect"
	"github.com/chromedp/chromedp"
)

// clipboard lets a test read what the page copies.
const clipboard = `Object.defineProperty(navigator, 'clipboard', { value: { writeText: async (text) => { window.copied = text; } } });`

// TestUnsentTextOutlivesItsConversation has a conversation taken from the agent
// while the line is cut and a text waits for it: the text is neither sent nor
// lost, until the agent discards it.
func TestUnsentTextOutlivesItsConversation(t *testing.T) {
	b := open(t)
	b.Before(clipboard)
	b.house.Add(active("1001", "Иван Петров"), "Здравейте.")
	b.house.Add(active("1002", "Мария Георгиева"), "Добър ден.")
	b.signIn()
	b.Click(".row")
	b.Await("the history", "document.querySelector('.msg.in')")
	b.Await("nothing that is not sent", "document.querySelector('.unsent:empty')")
	who := b.Eval("document.querySelector('.head h1').textContent")
	psid := map[string]string{"Иван Петров": "1001", "Мария Георгиева": "1002"}[who]
	b.house.Cut(true)
	b.Await("the banner", "document.querySelector('.banner.bad')")
	b.Key("Пратката тръгна.")
	b.Enter()
	b.Await("the waiting bubble", "document.querySelector('[data-outbox=waiting]')")
	b.house.Take(psid)
	b.house.Cut(false)
	unsent := "document.querySelector('[data-unsent] .name')?.textContent === '" + who + "' && document.querySelector('[data-unsent] .text').textContent === 'Пратката тръгна.'"
	b.Await("the text that was not sent", unsent)
	b.Await("no word of doubt", "!document.querySelector('[data-unsent] .why')")
	b.Shot("unsent")
	b.Size(412, 880, "dark")
	b.Shot("unsent-phone")
	b.Size(1440, 900, "light")
	b.Do(chromedp.Reload())
	b.Await("the text after the reload", unsent)
	b.Click("[data-unsent] button")
	b.Await("the copy", "window.copied === 'Пратката тръгна.'")
	if n := b.house.Sends(); n != 0 {
		t.Errorf("the desk stored %d messages of a conversation that is gone, want 0", n)
	}
	b.Click("[data-unsent] button:last-child")
	b.Await("an empty place", "document.querySelector('.unsent:empty')")
	b.Do(chromedp.Reload())
	b.Await("the list", "document.querySelector('.row')")
	b.Await("what was discarded to stay so", "document.querySelector('.unsent:empty')")
}

// TestUnsentTextWaitsForItsAgent gives the conversation back to the agent: the
// text is in it again, and leaves only when the agent says so. Whether an earlier
// try of it came through nobody knows, which is said.
func TestUnsentTextWaitsForItsAgent(t *testing.T) {
	b := open(t)
	b.house.Add(active("1001", "Иван Петров"), "Здравейте.")
	b.signIn()
	b.Click(".row")
	b.Await("the history", "document.querySelector('.msg.in')")
	busy := connect.NewError(connect.CodeUnavailable, errors.New("busy"))
	b.house.FailNext(busy, busy, busy)
	b.Key("Пратката тръгна.")
	b.Enter()
	b.Await("the failed bubble", "document.querySelector('[data-outbox=failed]')")
	back := b.house.Take("1001")
	b.Await("the text, and doubt", "document.querySelector('[data-unsent] .why')?.textContent.includes('may have been sent')")
	back()
	b.Await("it in its place again", "document.querySelector('.row') && document.querySelector('.unsent:empty')")
	b.Click(".row")
	b.Await("the bubble", "document.querySelector('[data-outbox=failed] .choices button')")
	if n := b.house.Sends(); n != 0 {
		t.Errorf("the desk stored %d messages before Retry, want 0", n)
	}
	b.Click("[data-outbox=failed] .choices button")
	b.Await("the message", "document.querySelectorAll('.msg.out').length === 1 && !document.querySelector('[data-outbox]')")
	if n := b.house.Sends(); n != 1 {
		t.Errorf("the desk stored %d messages, want 1", n)
	}
}
