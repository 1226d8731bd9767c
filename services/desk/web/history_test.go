package web_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	deskv1 "github.com/parley-desk/parley/proto/gen/parley/desk/v1"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
	"github.com/parley-desk/parley/services/desk/web/webtest"
)

// says is true when these are the messages of the customer, from the top.
func says(texts string) string {
	return fmt.Sprintf("[...document.querySelectorAll('.msg.in .text')].map((e) => e.textContent).join('|') === %q", texts)
}

// offered is somebody whose conversation is offered to the agent.
func offered(psid, name string) webtest.Customer {
	return webtest.Customer{PSID: psid, Name: name, Queue: "Доставки", Phase: threadv1.Phase_PHASE_OPEN, Window: 24 * time.Hour, Offer: time.Minute}
}

// TestReturningCustomerIsReadInWhole ends one conversation of a customer and
// gives another back to the queue: what is said while the thread is nobody's is
// on the desk when it is accepted again.
func TestReturningCustomerIsReadInWhole(t *testing.T) {
	b := open(t)
	b.house.Add(active("1001", "Иван Петров"), "Първи въпрос")
	b.signIn()
	b.Click(".row")
	b.Await("the first conversation", says("Първи въпрос"))
	b.Click(".acts .danger")
	b.Await("wrap-up", "document.querySelector('.banner.calm')")
	b.Click(".acts .primary")
	b.Await("an empty desk", "document.querySelector('.nothing-open')")

	accept := func(texts string) {
		t.Helper()
		b.Await("the offer", "document.querySelector('.offer')")
		b.Key("a", chromedp.KeyModifiers(chromedp.ModifierAlt))
		b.Await("the whole thread", says(texts))
	}
	b.house.Add(offered("1001", "Иван Петров"), "Втори въпрос")
	accept("Първи въпрос|Втори въпрос")

	b.press("Release")
	b.Click("dialog .primary")
	b.Await("an empty desk", "document.querySelector('.nothing-open')")
	b.house.Add(offered("1001", "Иван Петров"), "Ало?")
	accept("Първи въпрос|Втори въпрос|Ало?")
}

// TestOldPageOfHistoryLeavesNoHole reads the history while a snapshot says that
// something was missed: the page that was asked for before it is not the truth.
func TestOldPageOfHistoryLeavesNoHole(t *testing.T) {
	b := open(t)
	b.house.Add(active("1001", "Иван Петров"), "Здравейте.")
	b.signIn()
	let := b.house.HoldHistory()
	defer let()
	b.Click(".row")
	b.Await("the conversation", "document.querySelector('.head h1')")
	for b.house.Held() {
		b.Await("a moment", "true")
	}
	b.house.Lapse("1001", &deskv1.TimelineItem{Id: "m.missed", Author: deskv1.Author_AUTHOR_CUSTOMER, Text: "Пропуснато"})
	b.Await("what was missed", says("Здравейте.|Пропуснато"))
	let()
	b.house.Say("1001", &deskv1.TimelineItem{Id: "m.next", Author: deskv1.Author_AUTHOR_CUSTOMER, Text: "Следващо"})
	b.Await("all of it", says("Здравейте.|Пропуснато|Следващо"))
}
