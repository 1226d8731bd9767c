package web_test

import (
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	deskv1 "github.com/parley-desk/parley/proto/gen/parley/desk/v1"
	"github.com/parley-desk/parley/services/desk/web/webtest"
)

// draft is what stands in the composer, as an expression.
const draft = "document.querySelector('.field textarea').value"

// TestCannedRepliesByKeys (L115): a slash, some words, arrows and Enter put a
// reply into the composer; nothing is sent by it.
func TestCannedRepliesByKeys(t *testing.T) {
	b := open(t)
	b.house.Add(active("1001", "Иван Петров"), "Здравейте.")
	b.signIn()
	b.Click(".row")
	b.Await("the cursor in the composer", "document.activeElement?.matches('.field textarea')")
	b.Key("/")
	b.Await("the list", "document.querySelectorAll('.replies li').length === 2 && document.querySelector('.field textarea').getAttribute('aria-activedescendant') === 'reply-0'")
	b.Shot("replies")
	b.Key(kb.ArrowDown)
	b.Await("the second", "document.querySelector('.replies li[aria-selected=true]')?.id === 'reply-1'")
	b.Key("q #дост")
	b.Await("one", "document.querySelectorAll('.replies li').length === 1")
	webtest.AwaitAsked(t, b.house, func(r *deskv1.ListCannedRepliesRequest) bool { return r.GetQuery() == "#дост" })
	// Fewer letters find the same one. Until the list is of all of them, Enter does nothing.
	b.Await("the list to take Enter", "!document.querySelector('.replies') || (document.querySelector('.field textarea').dispatchEvent(new KeyboardEvent('keydown', { key: 'Enter', bubbles: true, cancelable: true })), false)")
	b.Await("the text", draft+" === 'Съжаляваме, пратката закъснява с един ден.' && !document.querySelector('.replies') && document.activeElement.tagName === 'TEXTAREA'")
	if n := b.house.Sends(); n != 0 {
		t.Errorf("%d messages were sent", n)
	}
	b.Enter()
	b.Await("an empty composer", draft+" === ''")
	b.Key("/nothing")
	b.Await("nothing", "document.querySelector('.replies [role=status]')")
	b.Enter()
	b.Key("\x1b")
	b.Await("no list", "!document.querySelector('.replies') && "+draft+" === '/nothing'")
	b.Enter()
	b.Await("a message with a slash", draft+" === '' && document.querySelectorAll('.msg.out').length === 2 && !document.querySelector('[data-outbox]')")
	if n := b.house.Sends(); n != 2 {
		t.Errorf("%d messages were sent", n)
	}
}

// TestQuickRepliesOfACannedReply come into the composer with it, can be removed
// one by one, leave with the text, and go with the text when that is deleted.
func TestQuickRepliesOfACannedReply(t *testing.T) {
	b := open(t)
	b.house.Add(active("1001", "Иван Петров"), "Здравейте.")
	b.signIn()
	b.Click(".row")
	b.Await("the cursor in the composer", "document.activeElement?.matches('.field textarea')")
	b.Key("/")
	b.Await("the reply with its answers", "document.querySelectorAll('.replies .quick > span').length === 3")
	b.Shot("replies-quick")
	b.Enter()
	b.Await("chips", "document.querySelectorAll('.pen .quick li').length === 3")
	b.Shot("composer-quick")
	b.Click(".pen .quick li:nth-child(2) button")
	b.Await("two, and the cursor back", "document.querySelectorAll('.pen .quick li').length === 2 && document.activeElement.tagName === 'TEXTAREA'")
	b.Enter()
	b.Await("the message with its answers", "document.querySelectorAll('.msg.out .quick li, .msg.out + .quick li').length === 2 && "+draft+" === ''")
	b.Await("no chips, and the message stored", "!document.querySelector('.pen .quick, [data-outbox]')")
	b.Shot("sent-quick")
	if n := b.house.Sends(); n != 1 {
		t.Errorf("%d messages", n)
	}
	b.Key("/")
	b.Await("the reply again", "document.querySelectorAll('.replies .quick > span').length === 3")
	b.Enter()
	b.Await("chips again", "document.querySelectorAll('.pen .quick li').length === 3")
	b.With("the composer", "document.querySelector('.field textarea')", "e.select()")
	b.Key(kb.Backspace)
	b.Await("that they went with the text", draft+" === '' && !document.querySelector('.pen .quick')")
}

func TestOwnReplies(t *testing.T) {
	b := open(t)
	b.house.Add(active("1001", "Иван Петров"), "Здравейте.")
	b.signIn()
	b.Click(".row")
	b.Await("the cursor in the composer", "document.activeElement?.matches('.field textarea')")
	b.Key("/q")
	b.Await("the list", "document.querySelectorAll('.replies li').length === 2")
	b.press("Edit my own")
	b.Click("dialog button.primary:not(:disabled)") // another button begins with New as well
	b.Click("dialog input")
	b.Key("Край")
	b.Click("dialog textarea")
	b.Key("Поздрави, {Name}")
	b.press("Save")
	b.Await("what is wrong", "document.querySelector('dialog .wrong')?.innerText.startsWith('Not saved')")
	b.Click("dialog textarea")
	b.Key(kb.End)
	for range len("{Name}") {
		b.Key(kb.Backspace)
	}
	b.press("{AgentFirstName}")
	b.Shot("replies-own")
	b.Click("dialog input:last-of-type")
	b.Key("#край  чао")
	b.press("Save")
	b.Await("it is kept", "document.querySelector('.targets .name')?.innerText === 'Край'")
	got := webtest.Asked[*deskv1.CreatePersonalReplyRequest](b.house).GetReply()
	if got.GetTitle() != "Край" || got.GetText() != "Поздрави, {AgentFirstName}" || len(got.GetTags()) != 2 || got.GetTags()[0] != "край" || len(got.GetId()) != 36 {
		t.Errorf("kept is %v", got)
	}
	b.Key("\x1b")
	b.Await("no dialog", "!document.querySelector('dialog') && document.querySelectorAll('.replies li').length === 3")
	b.press("Personal")
	b.Await("one", "document.querySelectorAll('.replies li').length === 1 && document.activeElement.tagName === 'TEXTAREA'")
	b.press("Edit my own")
	b.press("Край")
	b.press("Delete")
	b.Await("none", "document.querySelector('.targets .none')")
}

// TestCommandsByKeys (L98): a slash and the word of a command do what a button over the
// conversation does, and leave nothing in the composer.
func TestCommandsByKeys(t *testing.T) {
	b := open(t)
	b.house.Add(active("1001", "Иван Петров"), "Здравейте.")
	b.signIn()
	b.Click(".row")
	b.Await("the cursor in the composer", "document.activeElement?.matches('.field textarea')")
	for _, c := range []struct{ word, opens string }{
		{"t", "document.querySelector('dialog[open] .hand-over .seg [aria-pressed=true]')?.innerText === 'Agents'"},
		{"tq", "document.querySelector('dialog[open] .hand-over .seg [aria-pressed=true]')?.innerText === 'Queues'"},
		{"c", "document.querySelector('dialog[open] .hand-over:not(:has(.seg))')"},
	} {
		b.Key("/" + c.word)
		b.Await("the command "+c.word, "document.querySelector('.replies li[aria-selected=true]')?.innerText.startsWith('/"+c.word+" ')")
		b.Enter()
		b.Await("what it opens", c.opens)
		b.Key(kb.Escape)
		b.Await("the desk again, and the cursor back", "!document.querySelector('dialog') && "+draft+" === '' && document.activeElement.matches('.field textarea')")
	}
	b.Key("/nothing")
	b.Await("no command", "document.querySelector('.replies [role=status]') && !document.querySelector('.replies li')")
	b.Do(chromedp.Evaluate[chromedp.Void]("void document.querySelector('.field textarea').select()"))
	b.Key("/end")
	b.Await("the command end", "document.querySelector('.replies li')?.innerText.startsWith('/end ')")
	b.Enter()
	b.Await("wrap-up", "document.querySelector('.banner')?.innerText.startsWith('Wrap-up') && !document.querySelector('dialog[open]')")
	if n := b.house.Sends(); n != 0 {
		t.Errorf("%d messages were sent", n)
	}
}
