package web_test

import (
	"testing"

	deskv1 "github.com/parley-desk/parley/proto/gen/parley/desk/v1"
	"github.com/parley-desk/parley/services/desk/web/webtest"
)

// TestWrapUpForm (L117): closing asks what became of the conversation, and no
// more codes than may be can be chosen. Labels can still be given.
func TestWrapUpForm(t *testing.T) {
	b := open(t)
	b.house.Ask(&deskv1.WrapUpForm{Most: 2, Required: true, Options: []*deskv1.DispositionOption{
		{Code: "sold", Name: "Продажба"}, {Code: "refund", Name: "Върнати пари"}, {Code: "praise", Name: "Похвала"}}})
	b.house.Add(active("1001", "Иван Петров"), "Здравейте.")
	b.signIn()
	b.Click(".row")
	b.press("End")
	b.press("Close")
	b.Await("the form", "document.querySelectorAll('.codes input').length === 3 && document.querySelector('dialog .primary').disabled")
	b.Await("the labels, and the keyboard where one begins", "document.querySelector('dialog .labels') && document.activeElement === document.querySelector('.codes input')")
	for range 2 {
		b.Press("another code", "document.querySelector('.codes input:not(:checked):not(:disabled)')")
	}
	b.Await("no third", "document.querySelectorAll('.codes input:disabled').length === 1 && !document.querySelector('dialog .primary').disabled")
	b.Click("dialog .labels input")
	b.Key("VIP")
	b.Enter()
	b.Await("the label, and the form as it was", "document.querySelector('dialog .labels li')?.innerText.startsWith('VIP') && document.querySelectorAll('.codes input:checked').length === 2")
	b.Click("dialog textarea")
	b.Key("Доволен е.")
	b.Shot("wrap-up-form")
	b.Click("dialog .primary")
	b.Await("an empty desk", "document.querySelector('.nothing-open') && !document.querySelector('dialog')")
	got := webtest.Asked[*deskv1.CloseConversationRequest](b.house)
	if len(got.GetDispositions()) != 2 || got.GetDispositions()[0] != "sold" || got.GetNote() != "Доволен е." {
		t.Errorf("the desk was asked for %v", got)
	}
}

// TestWrapUpIsForNotes: when the talk is over the composer takes notes without being
// told, and what was written to the customer stays where it was.
func TestWrapUpIsForNotes(t *testing.T) {
	b := open(t)
	b.house.Add(active("1001", "Иван Петров"), "Здравейте.")
	b.signIn()
	b.Click(".row")
	b.Await("the cursor in the composer", "document.activeElement?.tagName === 'TEXTAREA'")
	b.Key("half a sent")
	b.press("End")
	b.press("Go on")
	b.Await("a place for notes", "document.querySelector('.pen.note textarea')?.value === '' && !document.querySelector('.under .why')")
	b.Shot("wrap-up-note")
	b.Click("textarea")
	b.Key("Доволен е.")
	b.Enter()
	b.Await("the note", "document.querySelector('.msg.note .text')?.textContent === 'Доволен е.'")
	b.Click(".modes button")
	b.Await("the reply as it was", "document.querySelector('.pen.reply textarea')?.value === 'half a sent' && document.querySelector('.under .why')")
}
