package web_test

import (
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	deskv1 "github.com/parley-desk/parley/proto/gen/parley/desk/v1"
	"github.com/parley-desk/parley/services/desk/web/webtest"
)

// approved are the utility templates of the page in these tests.
func approved() []*deskv1.ReadyTemplate {
	return []*deskv1.ReadyTemplate{
		{Name: "order_update", Language: "bg", Text: "Поръчка {{1}} е {{2}}. Благодарим Ви!", Blanks: []string{"1", "2"}},
		{Name: "ready", Language: "en_US", Text: "{{customer_name}}, it is ready.", Blanks: []string{"customer_name"}},
		{Name: "paid", Language: "en", Text: "Thank you: it is paid."},
	}
}

// template chooses a utility template for a customer whose time to reply is over.
func (b *browser) template(key string) {
	b.t.Helper()
	b.Await("the templates, and none of them chosen", "document.querySelectorAll('.utility option').length === 4 && !document.querySelector('.utility .text')")
	b.choose(".utility select", key)
	b.Await("the text of it", "document.querySelector('.utility .text')")
}

func templateState(b *browser) {
	world(b.house)
	b.house.Approve(approved()...)
	b.signIn()
	b.opens("Anna")
	b.template("order_update bg")
	b.Do(chromedp.SendKeys(chromedp.CSS(".utility label:nth-of-type(1) input"), "A-1734"))
	b.Await("the preview", "document.querySelector('.utility .text').innerText.includes('Поръчка A-1734 е {{2}}')")
}

// TestATemplateIsSentWhenNothingElseMay (S32): with the keyboard alone, and once;
// what is written below it stays.
func TestATemplateIsSentWhenNothingElseMay(t *testing.T) {
	b := open(t)
	templateState(b)
	b.Reads("whether a template with an open blank is held back", "String(document.querySelector('.utility .primary').disabled)", "true")
	b.Do(chromedp.SendKeys(chromedp.CSS(".field textarea"), "Звънете му"))
	b.Do(chromedp.SendKeys(chromedp.CSS(".utility label:nth-of-type(2) input"), "на път"))
	b.Enter()
	b.Await("the message", "[...document.querySelectorAll('.msg.out .text')].some((e) => e.innerText === 'Поръчка A-1734 е на път. Благодарим Ви!' && e.getClientRects().length)")
	b.Await("it to be stored", "!document.querySelector('[data-outbox]')")
	got := webtest.Asked[*deskv1.SendMessageRequest](b.house).GetTemplate().GetUtility()
	if p := got.GetParameters(); got.GetName() != "order_update" || got.GetLanguage() != "bg" || len(p) != 2 || p[0].GetName() != "" || p[0].GetText() != "A-1734" || p[1].GetText() != "на път" {
		t.Errorf("asked for %v", got)
	}
	b.Await("nothing chosen, and the keyboard there", "!document.querySelector('.utility .text') && document.activeElement === document.querySelector('.utility select')")
	if draft, notes := b.Eval("document.querySelector('.field textarea').value"), b.Eval("[...document.querySelectorAll('.msg.note')].map((e) => e.innerText).join('|')"); draft != "Звънете му" || strings.Contains(notes, draft) {
		t.Errorf("what was written below is %q, and the notes are %q", draft, notes)
	}

	b.template("ready en_US")
	b.Do(chromedp.SendKeys(chromedp.CSS(".utility input"), "Anna"))
	b.Click(".utility .primary")
	b.Await("the second", "[...document.querySelectorAll('.msg.out .text')].some((e) => e.innerText === 'Anna, it is ready.')")
	b.Await("it to be stored", "!document.querySelector('[data-outbox]')")
	if p := webtest.Asked[*deskv1.SendMessageRequest](b.house).GetTemplate().GetUtility().GetParameters(); len(p) != 1 || p[0].GetName() != "customer_name" {
		t.Errorf("asked for %v", p)
	}
	b.template("paid en")
	b.Click(".utility .primary")
	b.Await("the third", "[...document.querySelectorAll('.msg.out .text')].some((e) => e.innerText === 'Thank you: it is paid.')")
}

// TestNoTemplateIsOfferedWhileATextMayBeSent, nor where the page has none.
func TestNoTemplateIsOfferedWhileATextMayBeSent(t *testing.T) {
	b := open(t)
	world(b.house)
	b.house.Approve(approved()...)
	b.signIn()
	b.opens("Иван")
	b.Await("the composer", "document.querySelector('.field textarea')")
	if b.Eval("String(!!document.querySelector('.utility'))") != "false" {
		t.Error("a template is offered while the window is open")
	}
	b.house.Approve()
	b.opens("Anna")
	b.Await("the closed window", "document.querySelector('.banner.bad')")
	if b.Eval("String(!!document.querySelector('.utility'))") != "false" {
		t.Error("a choice among no templates is offered")
	}
}
