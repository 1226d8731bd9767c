package web_test

import (
	"testing"

	deskv1 "github.com/parley-desk/parley/proto/gen/parley/desk/v1"
	"github.com/parley-desk/parley/services/desk/web/webtest"
)

// TestGalleryOfDeeds is TestGallery for what an agent or a supervisor is in the middle
// of: dialogs, lists and forms that stand in or over a conversation.
func TestGalleryOfDeeds(t *testing.T) {
	look(t, map[string]func(b *browser){
		"picture":   photographs,
		"transfer":  func(b *browser) { hands(b, "Transfer") },
		"consult":   func(b *browser) { hands(b, "Consult") },
		"wrap-up":   wrapUpState,
		"contacts":  contactsState,
		"contact":   contactState,
		"replies":   repliesState,
		"own reply": ownReplyState,
		"files":     filesState,
		"offline":   offlineState,
		"ended": func(b *browser) {
			signedIn(b)
			b.house.End("EXPIRED")
			b.Await("the door", "document.querySelector('.ended')")
		},
		"joined":  joinedState,
		"earlier": earlierState,
	})
}

// signedIn is an agent before a conversation.
func signedIn(b *browser) {
	b.house.Add(sends(), "Здравейте, поръчката ми 48210 закъснява.")
	b.signIn()
	b.Click(".row")
	b.Await("the cursor in the composer", "document.activeElement?.tagName === 'TEXTAREA'")
}

func hands(b *browser, how string) {
	signedIn(b)
	b.press(how)
	b.Await("to whom", "document.querySelectorAll('dialog .targets button').length > 0")
}

func wrapUpState(b *browser) {
	b.house.Ask(&deskv1.WrapUpForm{Most: 2, Required: true, NoteRequired: true, Options: []*deskv1.DispositionOption{
		{Code: "sold", Name: "Продажба"}, {Code: "refund", Name: "Върнати пари"}, {Code: "praise", Name: "Похвала"}}})
	signedIn(b)
	b.press("End")
	b.press("Close")
	b.Await("the form", "document.querySelectorAll('dialog .codes input').length === 3")
}

func contactsState(b *browser) {
	signedIn(b)
	b.Await("the card", "document.querySelector('.contact .links button')")
	b.Press("it", "document.querySelector('.head .only-narrow')") // there is room for it at every width
	b.Click(".contact .links button")
	b.Await("whom it could be", "document.querySelector('.targets button')")
}

func contactState(b *browser) {
	contactsState(b)
	b.Click(".targets button")
	b.Await("the contact", "!document.querySelector('dialog') && document.querySelector('.contact').textContent.includes('ivan@example.com')")
	b.Click(".contact .links button")
	b.Await("the form", "document.querySelector('.contact .edit')")
}

func repliesState(b *browser) {
	signedIn(b)
	b.Key("/")
	b.Await("the list", "document.querySelectorAll('.replies li').length === 2")
}

func ownReplyState(b *browser) {
	repliesState(b)
	b.press("Edit my own")
	b.Await("the form", "document.querySelector('dialog')")
}

func filesState(b *browser) {
	b.house.Uploads = webtest.Uploads{Refuse: "FILE_HARMFUL"}
	signedIn(b)
	b.give("chosen", "a.exe:application/x-msdownload:9", "котка.png:image/png:70")
	b.Await("them", files("refused", 2))
}

func offlineState(b *browser) {
	signedIn(b)
	b.house.Cut(true)
	b.Await("the banner", "document.querySelector('.banner.bad')")
	b.Key("written in a tunnel")
	b.Enter()
	b.Await("what waits", "document.querySelector('[data-outbox=waiting]')")
}

func joinedState(b *browser) {
	whisperState(b)
	b.press("Join")
	b.Await("a composer for the customer", "document.querySelector('.company') && !document.querySelector('.pen.advice')")
}
