package web_test

import (
	"testing"

	deskv1 "github.com/parley-desk/parley/proto/gen/parley/desk/v1"
)

// TestRecoveredMessage: a message that was missed and fetched later says so, and
// stands at its own time.
func TestRecoveredMessage(t *testing.T) {
	b := open(t)
	b.house.Add(active("1001", "Иван Петров"), "Здравейте.", "Ало?")
	b.signIn()
	b.Click(".row")
	b.Await("the history", "document.querySelectorAll('.msg.in').length === 2")
	b.house.Say("1001", &deskv1.TimelineItem{Id: "m.missed", Author: deskv1.Author_AUTHOR_CUSTOMER, AtMs: 1_000, Text: "Има ли някой?", Late: true, Recovered: true})
	b.Await("the message, before the others", "document.querySelector('.msg.in .bubble')?.textContent.includes('Има ли някой?')")
	b.Await("its mark", "document.querySelector('.msg.in .foot')?.textContent.includes('missed at first, fetched later')")
	b.Await("one mark", "!document.body.textContent.includes('arrived late')")
	b.Shot("recovered")
}
