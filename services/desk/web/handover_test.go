package web_test

import (
	"testing"

	deskv1 "github.com/parley-desk/parley/proto/gen/parley/desk/v1"
	distributionv1 "github.com/parley-desk/parley/proto/gen/parley/distribution/v1"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
	"github.com/parley-desk/parley/services/desk/web/webtest"
)

// press clicks the button with this text.
func (b *browser) press(text string) {
	b.t.Helper()
	b.Press("the button "+text, "[...document.querySelectorAll('button')].find((e) => e.checkVisibility() && !e.disabled && e.innerText.trim().startsWith('"+text+"'))")
}

func TestTransferOnThePage(t *testing.T) {
	b := open(t)
	b.house.Add(active("1001", "Иван Петров"), "Здравейте.")
	b.signIn()
	b.Click(".row")
	b.press("Transfer")
	b.Await("who can have it", "document.querySelectorAll('.targets button').length === 2 && document.querySelector('dialog .primary').disabled")
	b.Shot("transfer-agents")
	b.press("Show 1 unavailable")
	b.Await("who cannot", "document.querySelector('.targets button:disabled .quiet')?.innerText.startsWith('Not there')")
	b.press("Queues")
	b.Await("the queues", "document.querySelector('.targets .name')?.innerText === 'VIP'")
	b.With("a queue", "document.querySelector('.targets button')", "e.focus()")
	b.Enter()
	b.Click("dialog textarea")
	b.Key("Чака от вчера.")
	b.Shot("transfer-queue")
	b.Click("dialog .primary")
	b.Await("an empty desk", "document.querySelector('.nothing-open') && !document.querySelector('dialog')")
	got := webtest.Asked[*deskv1.TransferConversationRequest](b.house)
	if got.GetToQueue() != "vip" || got.GetNote() != "Чака от вчера." || len(got.GetClientId()) != 36 {
		t.Errorf("the desk was asked for %v", got)
	}
}

func TestConsultOnThePage(t *testing.T) {
	b := open(t)
	b.house.Add(active("1001", "Иван Петров"), "Ще ми върнете ли парите?")
	b.signIn()
	b.Click(".row")
	b.press("Consult")
	b.press("Орлин Василев")
	b.Click("dialog .primary")
	b.Await("who was asked", "!document.querySelector('dialog') && document.querySelector('.company')?.innerText.includes('Asked')")
	b.house.Come("1001")
	b.press("Consult") // the header's: another one; Esc leaves it
	b.Await("whom to ask", "document.querySelector('dialog[open]')")
	b.Key("\x1b")
	b.Await("no dialog", "!document.querySelector('dialog')")
	b.Click("form.pen .chip:nth-of-type(2)")
	b.Await("the private pane", "document.querySelector('.pen.note.advice')")
	b.Key("Можем ли?")
	b.Enter()
	b.Await("what was said in private", "document.querySelector('.msg.note.advice .text')?.innerText === 'Можем ли?' && !document.querySelector('[data-outbox]')")
	b.Shot("consult")
	b.press("Let write")
	b.Await("that he may write", "document.querySelector('.company')?.innerText.includes('may write to the customer')")
	b.Press("what ends it", "[...document.querySelectorAll('.company button')].at(-1)")
	b.Await("the end of it", "!document.querySelector('.company')")
}

func TestAdviceOnThePage(t *testing.T) {
	b := open(t)
	b.signIn()
	b.house.Invite(active("1001", "Иван Петров"), "Връщаме ли пари?", "Ще ми върнете ли парите?")
	b.Await("the invitation", "document.querySelector('.invite')?.innerText.includes('Връщаме ли пари?') && !document.querySelector('.row')")
	b.Shot("invitation")
	b.Click(".invite .primary")
	b.Await("the conversation", "document.querySelector('.head h1')?.innerText === 'Иван Петров' && document.querySelector('.company')?.innerText.includes('Орлин')")
	b.Await("that nothing can be sent", "document.querySelector('.pen').innerText.includes('Consult')")
	b.Shot("advice")
	b.press("Leave")
	b.Await("an empty desk", "document.querySelector('.nothing-open')")
}

// TestBeingHandedAConversation: a supervisor's hand-over is shown with the time
// to answer; with a yes the conversation is the agent's.
func TestBeingHandedAConversation(t *testing.T) {
	b := open(t)
	b.signIn()
	b.house.Hand(active("1001", "Иван Петров"), "Още чакам.")
	b.Await("the question", "document.querySelector('.offer.invite .what')?.innerText === 'Соня Колева hands a conversation over to you'")
	b.Await("its clock", "/^1[0-2]\\d s$/.test(document.querySelector('.offer.invite .secs')?.innerText)")
	b.Shot("handed-over")
	b.press("Accept")
	b.Await("the conversation", "document.querySelector('.head h1')?.innerText === 'Иван Петров' && !document.querySelector('.company, .offer')")
}

// TestWhoJoinsWritesToTheCustomer: what is whispered are notes; with joining the place
// to reply is there without being asked for.
func TestWhoJoinsWritesToTheCustomer(t *testing.T) {
	b := open(t)
	whisperState(b)
	b.Await("a place to whisper", "document.querySelector('.pen.note')")
	b.Click("textarea")
	b.Key("Питай го кога.")
	b.Enter()
	b.Await("the whisper", "document.querySelector('.msg.note') && !document.querySelector('[data-outbox]')")
	b.press("Join")
	b.Await("a place to reply", "document.querySelector('.pen.reply textarea')?.value === ''")
}

func TestPickingOnThePage(t *testing.T) {
	b := open(t)
	b.house.Wait("Рая Николова", "Стефан Димитров")
	b.signIn()
	b.press("Open")
	b.Await("what waits", "document.querySelectorAll('.open-items .take').length === 2")
	b.Await("their places", "[...document.querySelectorAll('.open-items .of')].map((e) => e.innerText).join() === 'No. 1 · Доставки,No. 2 · Доставки'")
	b.Await("how full the queue is", "/^Доставки 2 waiting · longest \\d:\\d\\d · a new one waits about 3 min · 1 of 4 agents ready$/.test(document.querySelector('.queues')?.innerText)")
	b.Shot("open-items")
	b.house.Wait("Ана Тодорова")
	b.Await("one who came meanwhile", "document.querySelectorAll('.open-items .take').length === 3 && document.querySelector('.queues').innerText.includes('3 waiting')")
	b.Click(".open-items .take")
	b.Await("the conversation", "document.querySelector('.head h1')?.innerText === 'Рая Николова' && document.querySelectorAll('.row').length === 1")
}

func TestAnOfferIsToldToBeShown(t *testing.T) {
	b := open(t)
	b.signIn()
	b.house.Add(webtest.Customer{PSID: "1001", Name: "Рая Николова", Phase: threadv1.Phase_PHASE_OPEN, Window: 60e9, Offer: 60e9}, "Ало?")
	b.Await("the offer", "document.querySelector('.offer')")
	b.Await("its clock", "parseInt(document.querySelector('.offer .secs').innerText) < 60")
	webtest.AwaitAsked(t, b.house, func(r *deskv1.ShowOfferRequest) bool { return r.GetFence() == 7 && r.GetRef().GetPsid() == "1001" })
}

func TestAStatusIsChosen(t *testing.T) {
	b := open(t)
	b.signIn()
	b.Await("the page", "document.querySelector('.presence select')?.disabled === false")
	b.choose(".presence select", "PRESENCE_AWAY lunch")
	b.Await("the status", "document.querySelector('.presence').dataset.presence === 'PRESENCE_AWAY' && document.querySelector('.presence select').selectedOptions[0].innerText === 'На обяд'")
	b.Await("the desk to know", "document.querySelector('.presence select').value === 'PRESENCE_AWAY lunch'")
	webtest.AwaitAsked(t, b.house, func(r *deskv1.SetPresenceRequest) bool {
		return r.GetStatus() == "lunch" && r.GetPresence() == distributionv1.Presence_PRESENCE_AWAY
	})
}
