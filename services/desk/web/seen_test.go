package web_test

import (
	"testing"

	deskv1 "github.com/parley-desk/parley/proto/gen/parley/desk/v1"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
	"github.com/parley-desk/parley/services/desk/web/webtest"
)

// TestTheCustomerLearnsWhatWasRead when the agent opens it, but not of a
// conversation to which the agent may not write.
func TestTheCustomerLearnsWhatWasRead(t *testing.T) {
	b := open(t)
	b.house.Add(active("1001", "Иван Петров"), "Здравейте.")
	aside := active("1002", "Мария Илиева")
	aside.Phase = threadv1.Phase_PHASE_WAITING
	b.house.Add(aside, "Ало?")
	b.signIn()
	for _, c := range []struct{ tab, name string }{{"Waiting", "Мария"}, {"Mine", "Иван"}} {
		if got := webtest.Asked[*deskv1.SignalRequest](b.house); got != nil {
			t.Errorf("before %s was opened the customer learnt %v", c.name, got)
		}
		b.Await("the list", "[...document.querySelectorAll('button')].some((e) => e.innerText.startsWith('"+c.tab+"') && (e.click(), true))")
		b.Await("the row", "[...document.querySelectorAll('.row')].some((e) => e.innerText.includes('"+c.name+"') && (e.click(), true))")
		b.Await("the history", "document.querySelector('h1')?.innerText.includes('"+c.name+"') && document.querySelector('.msg.in')")
	}
	b.Await("the sign", "performance.getEntriesByType('resource').some((e) => e.name.endsWith('/Signal'))")
	if got := webtest.Asked[*deskv1.SignalRequest](b.house); got.GetSign() != "mark_seen" || got.GetRef().GetPsid() != "1001" {
		t.Errorf("the customer learnt %v", got)
	}
}
