package web_test

import (
	"testing"
	"time"

	deskv1 "github.com/parley-desk/parley/proto/gen/parley/desk/v1"
)

// TestDeferredReply: the bubble of a reply that waits says why and when it is
// tried again; that its page cannot be written from stands over the messages,
// until a reply leaves.
func TestDeferredReply(t *testing.T) {
	b := open(t)
	b.house.Add(active("1001", "Иван Петров"), "Здравейте.")
	b.signIn()
	b.Click(".row")
	b.Await("the history", "document.querySelector('.msg.in')")
	b.Key("Пратката тръгна.")
	b.Enter()
	b.Await("the message", delivered(deskv1.Delivery_DELIVERY_SENDING))

	says := func(text string) string {
		return "document.querySelector('.msg.out .waits')?.textContent.includes('" + text + "')"
	}
	b.house.Defer("1001", "THROTTLED", 115*time.Second)
	b.Await("why", says("Messenger takes no more just now"))
	b.Await("when", says("next try in 1:"))
	b.Await("no banner", "!document.querySelector('.banner')")
	b.Await("nothing that says it is on its way", "!document.querySelector('.msg.out .state')")
	b.Shot("deferred")
	b.house.Defer("1001", "PAGE_DISCONNECTED", 10*time.Minute)
	banner := "document.querySelector('.banner.bad')?.textContent.includes('The page is not connected')"
	b.Await("the banner", banner+" && "+says("the page is not connected"))
	b.Shot("disconnected")
	b.house.Defer("1001", "PAGE_DISCONNECTED", 0)
	b.Await("another try", says("Sending")+" && "+banner)

	b.Key("Още нещо.")
	b.Enter()
	b.Await("what waits behind it", "document.querySelectorAll('.msg.out').length === 2 && "+banner)
	b.house.Deliver("1001", deskv1.Delivery_DELIVERY_SENT)
	b.Await("the end of it", "!document.querySelector('.banner')")
}

// TestDisconnectedPage: that a page cannot be written from is told before anybody
// tries, goes before the window, and goes away when the page works again. What
// is written meanwhile waits for the page and for no time.
func TestDisconnectedPage(t *testing.T) {
	b := open(t)
	b.house.Add(active("1001", "Иван Петров"), "Здравейте.")
	b.signIn()
	b.Click(".row")
	b.Await("the history", "document.querySelector('.msg.in')")
	banner := "document.querySelector('.banner.bad')?.textContent.includes('The page is not connected')"
	b.Await("no banner", "!document.querySelector('.banner')")
	b.house.Disconnect("1001", "PAGE_DISCONNECTED")
	b.Await("the banner", banner)
	b.Key("Пратката тръгна.")
	b.Enter()
	b.Await("the message", delivered(deskv1.Delivery_DELIVERY_SENDING))
	b.house.Park("1001")
	b.Await("that it waits", "document.querySelector('.msg.out .waits')?.textContent.trim() === '· Not sent yet: the page is not connected'")
	b.Shot("disconnected-before")
	b.house.Disconnect("1001", "")
	b.house.Deliver("1001", deskv1.Delivery_DELIVERY_SENT)
	b.Await("the end of it", "!document.querySelector('.banner') && !document.querySelector('.waits')")
}
