package web_test

import (
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	deskv1 "github.com/parley-desk/parley/proto/gen/parley/desk/v1"
	"github.com/parley-desk/parley/services/desk/web/webtest"
)

// twoTalks is an agent with two conversations for whom the time to undo an End never
// runs out by itself.
func twoTalks(t *testing.T) *browser {
	t.Helper()
	b := open(t)
	b.Before("{ const real = setTimeout; window.setTimeout = (f, ms, ...rest) => (ms > 4000 && ms <= 5000 ? 0 : real(f, ms, ...rest)); }")
	b.house.Add(active("1001", "Иван Петров"), "Здравейте.")
	b.house.Add(active("1002", "Мария Георгиева"), "Здравейте!")
	b.signIn()
	b.Await("what holds an End", "performance.getEntriesByType('resource').some((e) => e.name.includes('/ending.')) || (document.querySelector('.row')?.click(), false)")
	b.opens("Иван")
	b.Await("that it holds", "document.querySelector('.acts .danger')")
	return b
}

// ended is whose conversation the desk was told to end last.
func (b *browser) ended() string {
	return webtest.Asked[*deskv1.EndConversationRequest](b.house).GetRef().GetPsid()
}

// TestAnEndCanBeUndone, and is taken back by whoever writes before it is given: the
// customer, or the agent.
func TestAnEndCanBeUndone(t *testing.T) {
	b := twoTalks(t)
	b.press("End")
	b.Await("the way back", "document.querySelector('.centre > .banner.warn')?.innerText.includes('Иван Петров: the talk ends in')")
	b.Shot("end-held")
	b.press("Undo")
	b.Await("nothing of it", "!document.querySelector('.centre > .banner.warn')")
	b.press("End")
	b.Await("it again", "document.querySelector('.centre > .banner.warn')")
	b.house.Say("1001", &deskv1.TimelineItem{Id: "more", Author: deskv1.Author_AUTHOR_CUSTOMER, Text: "Чакайте!"})
	b.Await("that it is off", "document.querySelector('.centre > .banner.warn')?.innerText.includes('The talk goes on')")
	b.press("Dismiss")
	b.press("End")
	b.Await("it once more", "document.querySelector('.centre > .banner.warn')?.innerText.includes('the talk ends in')")
	b.Click("textarea")
	b.Key("Да?")
	b.Enter()
	b.Await("that it is off", "document.querySelector('.centre > .banner.warn')?.innerText.includes('The talk goes on') && document.querySelector('.msg.out .text')?.textContent === 'Да?'")
	if got := b.ended(); got != "" {
		t.Errorf("the conversation of %s was ended", got)
	}
}

// TestAnEndIsNotForgotten: another one, and a page that is not looked at, give it at
// once.
func TestAnEndIsNotForgotten(t *testing.T) {
	b := twoTalks(t)
	b.press("End")
	b.Await("the way back", "document.querySelector('.centre > .banner.warn')")
	b.opens("Мария")
	b.press("End")
	b.Await("the other one's", "document.querySelector('.centre > .banner.warn')?.innerText.includes('Мария Георгиева')")
	b.Await("the end of the first", "[...document.querySelectorAll('.row')].some((e) => e.innerText.includes('Иван') && e.innerText.includes('Wrap-up'))")
	if got := b.ended(); got != "1001" {
		t.Errorf("the conversation of %q was ended", got)
	}
	b.Do(chromedp.Evaluate[chromedp.Void]("void (Object.defineProperty(document, 'hidden', {value: true, configurable: true}), document.dispatchEvent(new Event('visibilitychange')))"))
	b.Await("the end of the second, and a place for notes", "document.querySelector('.pen.note') && !document.querySelector('.centre > .banner.warn')")
	if got := b.ended(); got != "1002" {
		t.Errorf("the conversation of %q was ended", got)
	}
}

// TestAnEndOutlivesThePage: one that is held when the page is closed is given all the
// same.
func TestAnEndOutlivesThePage(t *testing.T) {
	b := twoTalks(t)
	b.press("End")
	b.Await("the way back", "document.querySelector('.centre > .banner.warn')")
	let := b.house.HoldEnd()
	defer let()
	b.Go("about:blank")
	b.Go(b.url) // the page is gone, and with it whatever went with it
	b.Await("the desk", "document.querySelector('.pill.live') && document.querySelectorAll('.row').length === 2")
	let()
	for late := time.Now().Add(webtest.Patience); b.ended() == "" && time.Now().Before(late); {
		b.Await("a moment", "true")
	}
	if got := b.ended(); got != "1001" {
		t.Errorf("the conversation of %q was ended", got)
	}
}
