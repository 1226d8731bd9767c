package web_test

import (
	"testing"

	deskv1 "github.com/parley-desk/parley/proto/gen/parley/desk/v1"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
	"github.com/parley-desk/parley/services/desk/web/webtest"
)

// TestWhatAMessageOffers is drawn below it or in it: quick replies, buttons and
// cards, with what the customer pressed. Links lead to the web or nowhere, and a
// picture of another origin is only named.
func TestWhatAMessageOffers(t *testing.T) {
	allowed, _ := gallery(t)
	foreign, asked := gallery(t)
	b := open(t, allowed)
	b.house.Add(active("1001", "Иван Петров"), "Здравейте.")
	b.house.Say("1001", &deskv1.TimelineItem{Id: "q", Author: deskv1.Author_AUTHOR_AGENT, Agent: webtest.Agent, Text: "Кога ви е удобно?", Delivery: deskv1.Delivery_DELIVERY_READ,
		QuickReplies: []*threadv1.QuickReply{{Title: "Днес", Payload: "TODAY"}, {Title: "<b>Утре</b>", Payload: "TOMORROW"}, {ContentType: "user_phone_number"}, {ContentType: "user_email"}},
		Details:      map[string]string{"chosen": "TOMORROW"}})
	b.house.Say("1001", &deskv1.TimelineItem{Id: "b", Author: deskv1.Author_AUTHOR_AUTOMATED, Text: "Как да помогна?\n[Поръчка]\n[Сайтът]\n[Капан]", Delivery: deskv1.Delivery_DELIVERY_SENT,
		Template: &threadv1.Template{Button: &threadv1.ButtonTemplate{Text: "Как да помогна?", Buttons: []*threadv1.Button{
			{Title: "Поръчка", Payload: "ORDER"}, {Title: "Сайтът", Url: "https://example.com/orders?id=1"}, {Title: "Капан", Url: "javascript:alert(1)"}}}},
		Details: map[string]string{"chosen": "ORDER"}})
	b.house.Say("1001", &deskv1.TimelineItem{Id: "g", Author: deskv1.Author_AUTHOR_BOT, Text: "Обувки\nЧерни\n[Купи]\nЧанта", Delivery: deskv1.Delivery_DELIVERY_SENT,
		Template: &threadv1.Template{Generic: &threadv1.GenericTemplate{Elements: []*threadv1.Card{
			{Title: "Обувки", Subtitle: "Черни", ImageUrl: allowed + "/shoe.png", Buttons: []*threadv1.Button{{Title: "Купи", Payload: "BUY"}}},
			{Title: "Чанта", ImageUrl: foreign + "/bag.png"}, {Title: "Шапка", ImageUrl: "javascript:alert(1)"}}}}})
	b.signIn()
	b.Click(".row")
	b.Await("quick replies", "document.querySelectorAll('.quick li').length === 4 && document.querySelectorAll('.quick .chosen').length === 1")
	b.Reads("quick replies", "[...document.querySelectorAll('.quick li')].map((e) => e.innerText.replace(/\\s+/g, ' ')).join('|')", "Днес|Pressed a button: <b>Утре</b>|📞 Phone|✉ E-mail")
	b.Await("buttons", "document.querySelectorAll('.pads li').length === 4")
	if got := b.Eval("[...document.querySelectorAll('.offered a, .quick a')].filter((e) => e.closest('.pads')).map((e) => e.href + ' ' + e.innerText.replace(/\\s+/g, ' ')).join('|')"); got != "https://example.com/orders?id=1 Сайтът example.com" {
		t.Errorf("links lead to %s", got)
	}
	if got := b.Eval("[...document.querySelectorAll('.pads .chosen')].map((e) => e.lastChild.textContent).join('|')"); got != "Поръчка" {
		t.Errorf("pressed is %s", got)
	}
	b.Await("what the trap is", "[...document.querySelectorAll('.pads li')].some((e) => e.innerText.includes('Капан') && e.innerText.includes('javascript:alert(1)') && !e.querySelector('a'))")
	b.Await("that nothing is told twice", "[...document.querySelectorAll('.bubble > .text')].filter((e) => e.offsetParent && /[[]/.test(e.textContent)).length === 0")
	b.Await("cards", "document.querySelectorAll('.cards > li').length === 3 && document.querySelector('.cards .quiet').innerText === 'Черни'")
	b.Await("the picture", "document.querySelector('.cards .pic img')?.naturalWidth === 320")
	b.Await("a name for the other", "document.querySelectorAll('.cards .att').length === 1 && document.querySelector('.cards .att a').href === '"+foreign+"/bag.png'")
	b.Shot("offered")
	if n := asked.Load(); n != 0 {
		t.Errorf("the other origin was asked %d times", n)
	}
}
