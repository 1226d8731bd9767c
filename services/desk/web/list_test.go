package web_test

import (
	"fmt"
	"testing"
	"time"

	deskv1 "github.com/parley-desk/parley/proto/gen/parley/desk/v1"
	"github.com/parley-desk/parley/services/desk/web/webtest"
)

// TestTheListIsNarrowed to what is about to close, to what has closed and to a label,
// together with the search; what is said of the queue is how many wait.
func TestTheListIsNarrowed(t *testing.T) {
	b := open(t)
	for psid, c := range map[string]struct {
		name   string
		window time.Duration
	}{"1001": {"Иван", 20 * time.Hour}, "1002": {"Мария", 2 * time.Hour}, "1003": {"Ани", 0}, "1004": {"Борис", 3 * time.Hour}} {
		who := active(psid, c.name)
		who.Window = c.window
		b.house.Add(who, "Здравейте.")
	}
	b.house.Label("1001", "VIP")
	b.house.Wait("Рая", "Стефан")
	b.signIn()
	const choice, names = "select[aria-label=\"Conversations shown\"]", "[...document.querySelectorAll('.row .name')].map((e) => e.innerText).sort().join()"
	b.Await("the choice", "document.querySelector('"+choice+"')")
	b.Reads("what there is", "[...document.querySelectorAll('"+choice+" option')].map((e) => e.innerText).join('; ')", "All; Closes within 4 h (2); Closed (1); VIP (1)")
	b.Reads("the list", "[...document.querySelectorAll('.sections .chip')].map((e) => e.innerText).join('; ')", "Mine 4; Waiting 0; Open 2")
	for value, want := range map[string]string{"closing": "Борис,Мария", "closed": "Ани", "#VIP": "Иван", "": "Ани,Борис,Иван,Мария"} {
		b.choose(choice, value)
		b.Await("those of "+value, names+" === '"+want+"'")
	}
	b.choose(choice, "closing")
	b.Click(".list input[type=search]")
	b.Key("Мар")
	b.Await("the one of both", names+" === 'Мария'")
	b.Shot("list-narrowed")
	b.house.Label("1001")
	b.Await("a label less", "document.querySelectorAll('"+choice+" option').length === 3")
	b.press("Open")
	b.Await("the queue, which has no such choice", "document.querySelector('.open-items') && !document.querySelector('"+choice+"')")
	b.press("Mine")
	b.Await("all that are found", names+" === 'Мария' && document.querySelector('"+choice+"').value === ''")
}

// TestClosedToday (L97): what the agent closed is under the work list, when the agent
// asks for it, since this morning of the agent's.
func TestClosedToday(t *testing.T) {
	b := open(t)
	b.house.Add(active("1001", "Иван"), "Здравейте.")
	b.house.Add(active("1002", "Мария"), "Здравейте.")
	b.signIn()
	closes := func(customer string) {
		b.opens(customer)
		b.press("End")
		b.press("Close")
		b.Await("it to be gone", "![...document.querySelectorAll('.row')].some((e) => e.innerText.includes('"+customer+"'))")
	}
	closes("Иван")
	b.Click(".closed summary")
	const told = "[...document.querySelectorAll('.closed li button')].map((e) => e.innerText).join()"
	b.Await("what is over", told+" === 'Иван' && document.querySelector('.closed summary').innerText === 'Closed today (1)'")
	closes("Мария")
	b.Await("more of it", told+" === 'Иван,Мария'")
	b.Shot("closed-today")
	b.Click(".closed li button")
	b.Await("what was said", "[...document.querySelectorAll('.past-log .msg.in .text')].some((e) => e.textContent === 'Здравейте.')")
	b.press("Close")
	b.Await("the desk again", "!document.querySelector('dialog')")
	morning := b.Eval("String(new Date().setHours(0, 0, 0, 0))")
	if got := webtest.Asked[*deskv1.ListClosedItemsRequest](b.house); fmt.Sprint(got.GetSinceMs()) != morning {
		t.Errorf("asked since %d, want %s", got.GetSinceMs(), morning)
	}
}

// TestWhatIsNewHasALineAboveIt, from when the agent comes back to a conversation until
// the agent leaves it.
func TestWhatIsNewHasALineAboveIt(t *testing.T) {
	b := open(t)
	b.house.Add(active("1001", "Иван"), "Здравейте.")
	b.house.Add(active("1002", "Мария"), "Здравейте.")
	b.signIn()
	says := func(id, text string) {
		b.house.Say("1001", &deskv1.TimelineItem{Id: id, Author: deskv1.Author_AUTHOR_CUSTOMER, Text: text})
	}
	b.opens("Иван")
	says("m.seen", "Видяно")
	b.Await("what is seen", "[...document.querySelectorAll('.msg.in .text')].at(-1).textContent === 'Видяно' && !document.querySelector('.day.fresh')")
	b.opens("Мария")
	says("m.1", "Първо")
	says("m.2", "Второ")
	b.Await("that there is more", "document.querySelector('.row .badge.count')?.innerText.startsWith('4')")
	b.opens("Иван")
	const line = "document.querySelectorAll('.day.fresh').length === 1 && document.querySelector('.day.fresh').innerText === 'New' && document.querySelector('.day.fresh').nextElementSibling.innerText.includes('Първо')"
	b.Await("the line", line)
	b.Shot("unread-line")
	says("m.3", "Трето")
	b.Await("it to stay where it was", "[...document.querySelectorAll('.msg.in .text')].at(-1).textContent === 'Трето' && "+line)
	b.opens("Мария")
	b.opens("Иван")
	b.Await("nothing new", "document.querySelector('.head h1').innerText === 'Иван' && document.querySelector('.msg') && !document.querySelector('.day.fresh')")
}
