package web_test

import "testing"

// TestContact: nobody is known; the agent finds the contact by the name of the
// profile, links it, changes it on the spot and takes the link back.
func TestContact(t *testing.T) {
	b := open(t)
	b.house.Add(active("1001", "Иван"), "Здравейте.")
	b.signIn()
	b.Click(".row")
	b.Await("the card", "document.querySelector('.contact')?.textContent.includes('Not known yet who this is')")
	b.Await("the summary", "document.querySelector('.contact').textContent.includes('Autumn sale') && document.querySelector('.contact').textContent.includes('4711')")
	b.Await("the labels of what was before", "document.querySelector('.earlier li')?.textContent.includes('Орлин Василев · VIP')")
	b.Click(".contact .links button")
	b.Await("both contacts", "document.querySelectorAll('.targets button').length === 2")
	b.Shot("contact-search")
	b.Click(".targets button")
	b.Await("the contact", "document.querySelector('.contact dl')?.textContent.includes('ivan@example.com')")
	b.Shot("contact")
	b.Click(".contact .links button")
	b.Await("the form", "document.querySelector('.contact .edit')")
	b.Shot("contact-edit")
	b.Click(".contact .edit .primary")
	b.Await("the end of it", "!document.querySelector('.contact .edit')")
	b.Click(".contact .links button:last-child")
	b.Await("nobody again", "document.querySelector('.contact').textContent.includes('Not known yet who this is')")
}
