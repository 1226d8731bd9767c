package web_test

import (
	"slices"
	"testing"

	deskv1 "github.com/parley-desk/parley/proto/gen/parley/desk/v1"
	"github.com/parley-desk/parley/services/desk/web/webtest"
)

// labelled awaits the labels of the conversation that is open.
func labelled(tab *webtest.Tab, labels string) {
	tab.Await("the labels "+labels, "[...document.querySelectorAll('.labels li span')].map((e) => e.innerText).join() === '"+labels+"'")
}

// TestLabelsOfAConversation: the agent gives and takes them by keyboard and by hand,
// another tab has them at once, the list shows and finds them, and what another
// conversation has is proposed and written as there.
func TestLabelsOfAConversation(t *testing.T) {
	b := open(t)
	b.house.Add(active("1001", "Иван"), "Hello?")
	b.house.Add(active("1002", "Мария"), "Hello?")
	b.house.Label("1002", "VIP")
	b.signIn()
	b.opens("Иван")
	b.Await("what is proposed", "[...document.querySelectorAll('.labels option')].map((e) => e.value).join() === 'VIP'")
	other := b.Beside()
	other.Go(b.url)
	other.Await("the list in the second tab", "document.querySelector('.pill.live') && document.querySelector('.row')")
	other.Press("the row", "[...document.querySelectorAll('.row')].find((e) => e.innerText.includes('Иван'))")

	b.With("the field", "document.querySelector('.labels input')", "e.focus()")
	b.Key("late")
	b.Enter()
	labelled(b.Tab, "late")
	labelled(other, "late")
	b.Await("an empty field that has the focus", "document.activeElement === document.querySelector('.labels input') && document.activeElement.value === ''")
	b.Key("vip")
	b.Enter()
	labelled(b.Tab, "late,VIP")
	if got := webtest.Asked[*deskv1.LabelConversationRequest](b.house); !slices.Equal(got.GetAdded(), []string{"VIP"}) || got.GetClientId() == "" {
		t.Errorf("asked for %v", got)
	}
	b.Await("what was done", "[...document.querySelectorAll('.talk, main')].some((e) => e.innerText.includes('labels +VIP')) && document.querySelector('.labels input').value === ''")
	b.Shot("labels")
	b.With("what takes it", "document.querySelector('.labels li button')", "e.focus()")
	b.Enter()
	labelled(b.Tab, "VIP")
	labelled(other, "VIP")
	b.Await("the focus in the field", "document.activeElement === document.querySelector('.labels input')")
	if got := webtest.Asked[*deskv1.LabelConversationRequest](b.house); !slices.Equal(got.GetRemoved(), []string{"late"}) {
		t.Errorf("asked for %v", got)
	}
	b.house.Label("1002", "спешно")
	b.With("the search", "document.querySelector('.list input[type=search]')", "e.focus()")
	b.Key("спешно")
	b.Await("the one that has it", "[...document.querySelectorAll('.row .name')].map((e) => e.innerText).join() === 'Мария'")
	b.house.Label("1001", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10")
	b.Await("a field that takes no more", "document.querySelector('.labels input').readOnly")
}

// TestFloorByLabel: a supervisor finds the conversations with a label.
func TestFloorByLabel(t *testing.T) {
	b := open(t)
	busy(b)
	b.house.Label("2003", "VIP")
	b.supervise()
	b.Await("the choice", "document.querySelectorAll('select[aria-label=Label] option').length === 2")
	b.choose("select[aria-label=Label]", "VIP")
	b.Await("the one that has it", "document.querySelectorAll('.floor tbody tr').length === 1 && document.querySelector('.floor tbody th').innerText.includes('VIP')")
	if got := webtest.Asked[*deskv1.ListOngoingRequest](b.house); got.GetLabel() != "VIP" {
		t.Errorf("asked for %v", got)
	}
	b.Shot("labels-floor")
	b.choose("select[aria-label=Label]", "")
	b.Await("all again", "document.querySelectorAll('.floor tbody tr').length === 4")
}

func labelsState(b *browser) {
	world(b.house)
	b.house.Label("1001", "VIP", "Закъсняла доставка в съботния ден, пак", "متأخر")
	b.house.Label("1006", "Закъсняла доставка в съботния ден, пак")
	b.signIn()
	b.opens("Иван")
	b.Await("the labels", "document.querySelectorAll('.labels li button').length === 3")
}
