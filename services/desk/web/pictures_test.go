package web_test

import (
	"os"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	deskv1 "github.com/parley-desk/parley/proto/gen/parley/desk/v1"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
	"github.com/parley-desk/parley/services/desk/web/webtest"
)

// world is a desk with one of everything, for pictures and measuring.
func world(h *webtest.House) {
	ivan := active("1001", "Иван Петров")
	h.Add(ivan, "Здравейте, поръчката ми 48210 закъснява.")
	for _, item := range history() {
		h.Say("1001", item)
	}
	maria := active("1002", "Мария Георгиева")
	maria.Silent = 12 * time.Minute
	h.Add(maria, "Здравейте!", "А кога ще пристигне?")
	elena := active("1003", "Elena Rossi")
	elena.Window, elena.Silent = 79*time.Minute, 22*time.Hour
	h.Add(elena, "Grazie! Ci sono novità?")
	h.Say("1003", &deskv1.TimelineItem{Id: "i.elena", Author: deskv1.Author_AUTHOR_AGENT, Agent: webtest.Agent, Text: "Un momento, controllo.", Delivery: deskv1.Delivery_DELIVERY_READ})
	anna := active("1004", "Anna Schmidt")
	anna.Window, anna.Silent = 0, 30*time.Hour
	h.Add(anna, "Guten Tag, die Garantie?")
	h.Say("1004", &deskv1.TimelineItem{Id: "i.anna", Author: deskv1.Author_AUTHOR_AGENT, Agent: webtest.Agent, Text: "Wir prüfen das.", Delivery: deskv1.Delivery_DELIVERY_DELIVERED, AtMs: time.Now().Add(-29 * time.Hour).UnixMilli()})
	wrap := active("1005", "نادية حداد")
	wrap.Phase = threadv1.Phase_PHASE_WRAP_UP
	h.Add(wrap, "شكرا جزيلا")
	parked := active("1006", "Стефан Димитров")
	parked.Phase = threadv1.Phase_PHASE_WAITING
	h.Add(parked, "Ще пиша утре.")
}

// history is a thread with one of every kind of item.
func history() []*deskv1.TimelineItem {
	const customer, agent = deskv1.Author_AUTHOR_CUSTOMER, deskv1.Author_AUTHOR_AGENT
	at := func(ago time.Duration) int64 { return time.Now().Add(-ago).UnixMilli() }
	lat, lon := 42.6977, 23.3219
	return []*deskv1.TimelineItem{
		{Id: "s1", Author: deskv1.Author_AUTHOR_SYSTEM, Text: "conversation_routed", Details: map[string]string{"queue": "Доставки"}, AtMs: at(26 * time.Hour)},
		{Id: "s2", Author: deskv1.Author_AUTHOR_SYSTEM, Text: "agent_assigned", Agent: webtest.Agent, Details: map[string]string{"cause": "accepted"}, AtMs: at(26*time.Hour - time.Minute)},
		{Id: "h0", Author: customer, Text: "Ето снимка и адреса: https://example.com/track?id=48210.", AtMs: at(25 * time.Hour),
			Attachments: []*threadv1.Attachment{{Type: "location", Title: "Дом", Latitude: &lat, Longitude: &lon}, {Type: "appointment_booking", Raw: "{}"}}},
		{Id: "h1", Author: agent, Agent: webtest.Agent, Text: "Здравейте! Проверявам веднага.", Delivery: deskv1.Delivery_DELIVERY_READ, AtMs: at(24*time.Hour + 50*time.Minute), Mids: []string{"mid.h1"}},
		{Id: "h2", Author: deskv1.Author_AUTHOR_NOTE, Agent: "orlin", Text: "Клиентът вече е писал за същата пратка вчера.", AtMs: at(50 * time.Minute)},
		{Id: "h3", Author: deskv1.Author_AUTHOR_EXTERNAL, Text: "Имате отговор и по пощата.", AtMs: at(45 * time.Minute)},
		{Id: "h4", Author: customer, Text: "Благодаря! Имате ли новини?", Edited: true, Reaction: "👍", ReplyTo: "mid.h1", AtMs: at(20 * time.Minute)},
		{Id: "h5", Author: customer, Unsent: true, AtMs: at(19 * time.Minute)},
		{Id: "h6", Author: agent, Agent: webtest.Agent, Text: "Пратката е в офиса.", Delivery: deskv1.Delivery_DELIVERY_UNCONFIRMED, AtMs: at(10 * time.Minute)},
		{Id: "h7", Author: agent, Agent: webtest.Agent, Text: "Може да я вземете до 18:00.", Delivery: deskv1.Delivery_DELIVERY_FAILED, Reason: "PERSON_UNAVAILABLE", AtMs: at(9 * time.Minute)},
		{Id: "h8", Author: agent, Agent: webtest.Agent, Text: "Чувате ли ме?", Delivery: deskv1.Delivery_DELIVERY_DELIVERED, AtMs: at(2 * time.Minute)},
	}
}

// TestPictures takes the pictures a person looks at before a release; it runs
// only where PARLEY_SHOTS names a directory for them.
func TestPictures(t *testing.T) {
	if os.Getenv("PARLEY_SHOTS") == "" {
		t.Skip("PARLEY_SHOTS is not set: no pictures wanted")
	}
	b := open(t)
	b.Do(chromedp.Navigate(b.url), chromedp.WaitVisible(chromedp.CSS("input[name=agent]")))
	b.Shot("sign-in-light")
	world(b.house)
	b.signIn()
	b.Await("the rows", "document.querySelectorAll('.row').length === 5")
	b.Shot("list-light")
	b.Do(chromedp.Evaluate[chromedp.Void]("void [...document.querySelectorAll('.row')].find((e) => e.innerText.includes('Иван')).click()"))
	b.Await("the history", "document.querySelectorAll('.msg').length > 8")
	b.Shot("talk-light-en")
	b.house.Add(webtest.Customer{PSID: "2001", Name: "Рая Николова", Queue: "Доставки", Phase: threadv1.Phase_PHASE_OPEN, Window: 24 * time.Hour, Offer: 45 * time.Second},
		"Благодаря! Имате ли новини за доставката?")
	b.Await("the offer", "document.querySelector('.offer')")
	b.Click(".me")
	b.Do(chromedp.Evaluate[chromedp.Void]("void [...document.querySelectorAll('.seg button')].find((e) => e.innerText === 'Български').click()"))
	b.Shot("menu-light")
	b.Key("\x1b")
	b.Shot("offer-light-bg")
	b.Size(1440, 900, "dark")
	b.Shot("offer-dark-bg")
	b.Do(chromedp.Evaluate[chromedp.Void]("void [...document.querySelectorAll('.row')].find((e) => e.innerText.includes('Anna')).click()"))
	b.Await("the closed window", "document.querySelector('.banner.bad')")
	b.Shot("closed-dark-bg")
	b.Size(900, 800, "dark")
	b.Shot("two-columns-dark")
	b.Click(".head .only-narrow")
	b.Shot("two-columns-panel-dark")
	b.Click(".panel .icon")
	b.Size(412, 880, "light")
	b.Shot("phone-talk")
	b.Click(".back")
	b.Shot("phone-list")
	b.Key("?")
	b.Shot("phone-help")
}
