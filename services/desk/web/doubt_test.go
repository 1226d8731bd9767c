package web_test

import (
	"testing"

	deskv1 "github.com/parley-desk/parley/proto/gen/parley/desk/v1"
	"github.com/parley-desk/parley/services/desk/web/webtest"
)

// TestWhatCanBeDoneAboutDoubt: while a message may still be proved the agent can say
// that what is behind it need not wait, and not send it again; when nothing proved it,
// both sending it again and leaving it; and nothing about one that is left.
func TestWhatCanBeDoneAboutDoubt(t *testing.T) {
	b := open(t)
	b.house.Add(active("1001", "Иван Петров"), "Здравейте.")
	b.house.Say("1001", &deskv1.TimelineItem{Id: "d1", Author: deskv1.Author_AUTHOR_AGENT, Agent: webtest.Agent, Text: "Пътува.", Delivery: deskv1.Delivery_DELIVERY_UNCERTAIN, Reason: "TIMEOUT"})
	b.signIn()
	b.opens("Иван")
	const choices = "[...document.querySelectorAll('.msg.out .choices button')].map((e) => e.innerText).join('|')"
	b.Await("what can be done while it may be proved", choices+" === 'Do not wait'")
	b.Shot("doubt")
	b.Click(".choices button")
	b.Await("it to be left", "document.querySelector('[data-delivery=DELIVERY_ABANDONED]') && "+choices+" === ''")
	if got := webtest.Asked[*deskv1.AbandonSendRequest](b.house); got.GetItem() != "d1" || got.GetRef().GetPsid() != "1001" {
		t.Errorf("asked for %v", got)
	}
	b.house.Deliver("1001", deskv1.Delivery_DELIVERY_UNCONFIRMED)
	b.Await("what can be done without proof", choices+" === 'Send again|Leave it' && document.querySelector('.choices .why')?.innerText.includes('may or may not')")
	b.Click(".choices button:nth-of-type(2)")
	b.Await("it to be left again", "document.querySelector('[data-delivery=DELIVERY_ABANDONED]') && "+choices+" === ''")
	b.house.Deliver("1001", deskv1.Delivery_DELIVERY_UNCONFIRMED)
	b.Await("the choice again", choices+" !== ''")
	b.Click(".choices button:nth-of-type(1)")
	b.Await("the repetition", "document.querySelectorAll('.msg.out').length === 2")
	if got := webtest.Asked[*deskv1.ResendMessageRequest](b.house); got.GetItem() != "d1" || got.GetClientId() == "" {
		t.Errorf("asked for %v", got)
	}
}
