package web_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/chromedp/chromedp/kb"

	deskv1 "github.com/parley-desk/parley/proto/gen/parley/desk/v1"
)

// picture is a file of the customer's that the desk has.
func picture(name string) *deskv1.File {
	return &deskv1.File{Status: deskv1.FileStatus_FILE_STATUS_HERE, ContentType: "image/png", Size: 9, Width: 640, Height: 480, Name: name}
}

// photographs is a conversation with three pictures, one that was refused and one that
// lapsed, opened at the second.
func photographs(b *browser) {
	b.house.Add(active("1001", "Иван Петров"), "Здравейте.")
	b.filed("f1", "image", picture("отпред.png"))
	b.filed("f2", "image", &deskv1.File{Status: deskv1.FileStatus_FILE_STATUS_REFUSED, Reason: "OFF"})
	b.filed("f3", "image", picture("отзад.png"))
	b.filed("f4", "image", &deskv1.File{Status: deskv1.FileStatus_FILE_STATUS_LOST, Reason: "EXPIRED"})
	b.filed("f5", "image", picture("касова бележка.png"))
	b.signIn()
	b.Click(".row")
	b.Await("the pictures", "document.querySelectorAll('a.pic img').length === 3")
	b.Await("what shows them", "performance.getEntriesByType('resource').some((e) => e.name.includes('/lightbox.'))")
	b.Click(".msg:has(a[href*='item=f3']) a.pic")
	b.Await("the picture over the page", shows("отзад.png", "2 / 3"))
}

// shows is true when a picture stands over the page.
func shows(name, place string) string {
	return fmt.Sprintf("document.querySelector('dialog[open]')?.ariaLabel === %q && document.querySelector('.lightbox img')?.alt === %[1]q && document.querySelector('.lightbox img').naturalWidth === 640 && document.querySelector('dialog output').textContent === %q", name, place)
}

// TestPicturesOpenOverThePage, one after another by the arrows and no more of them
// than are there; the focus goes back to where it came from.
func TestPicturesOpenOverThePage(t *testing.T) {
	b := open(t)
	photographs(b)
	b.Key(kb.ArrowRight)
	b.Await("the last one", shows("касова бележка.png", "3 / 3"))
	b.Key(kb.ArrowRight)
	b.Await("that there is none after it", "document.querySelector('dialog .icon:nth-of-type(2)').ariaDisabled === 'true'")
	b.Key(kb.ArrowLeft)
	b.Key(kb.ArrowLeft)
	b.Await("the first one, and none before it", shows("отпред.png", "1 / 3")+" && document.querySelector('dialog .icon').ariaDisabled === 'true'")
	b.Await("its links", "[...document.querySelectorAll('dialog a')].map((e) => (e.download || e.target) + e.href.includes('item=f1')).join() === 'отпред.pngtrue,_blanktrue'")
	b.Click(".lightbox img")
	b.Await("all of its pixels", "document.querySelector('.lightbox img').clientWidth === 640 && document.querySelector('dialog [aria-pressed=true]')")
	b.Click(".lightbox img")
	b.Await("the whole of it", "!document.querySelector('dialog [aria-pressed=true]')")
	b.Key(kb.Escape)
	b.Await("the conversation, and the focus where it was", "!document.querySelector('dialog') && document.activeElement.href?.includes('item=f3')")
	b.Enter()
	b.Await("it again, by the keyboard", shows("отзад.png", "2 / 3"))
}

// TestAPictureThatGoes from the conversation goes from over the page, and one that
// cannot be had any more says so.
func TestAPictureThatGoes(t *testing.T) {
	b := open(t)
	photographs(b)
	b.house.Say("1001", &deskv1.TimelineItem{Id: "f3", Author: deskv1.Author_AUTHOR_CUSTOMER, Unsent: true})
	b.Await("that it is gone", "!document.querySelector('dialog') && document.querySelectorAll('a.pic').length === 2")
	b.Click("a.pic")
	b.Await("another", shows("отпред.png", "1 / 2"))
	b.With("the picture", "document.querySelector('.lightbox img')", "e.dispatchEvent(new Event('error'))")
	b.Await("why it is not there", "document.querySelector('.lightbox .gone')?.textContent === 'The picture cannot be shown any more.' && !document.querySelector('.lightbox img')")
	b.Key(kb.ArrowRight)
	b.Await("the other one", shows("касова бележка.png", "2 / 2"))
}

// TestAPictureInATabOfItsOwn: who wants that gets it, as with every link.
func TestAPictureInATabOfItsOwn(t *testing.T) {
	b := open(t)
	photographs(b)
	b.Key(kb.Escape)
	b.Await("the conversation", "!document.querySelector('dialog')")
	got := b.Eval(`(() => {
		const taken = [];
		addEventListener('click', (e) => { taken.push(e.defaultPrevented); e.preventDefault(); });
		for (const how of [{ctrlKey: true}, {metaKey: true}, {shiftKey: true}, {}]) document.querySelector('a.pic').dispatchEvent(new MouseEvent('click', {bubbles: true, cancelable: true, ...how}));
		return taken.join();
	})()`)
	if got != "false,false,false,true" {
		t.Errorf("the page takes presses: %s", got)
	}
}

// TestPicturesFurtherBack: where the first picture is not the first of the thread,
// going back reads what is older.
func TestPicturesFurtherBack(t *testing.T) {
	b := open(t)
	b.house.Add(active("1001", "Иван Петров"), "Здравейте.")
	b.filed("f1", "image", picture("отпред.png"))
	for n := range 70 {
		b.house.Say("1001", &deskv1.TimelineItem{Id: fmt.Sprint("m", n), Author: deskv1.Author_AUTHOR_CUSTOMER, Text: fmt.Sprint("ред ", n), AtMs: time.Now().UnixMilli()})
	}
	b.filed("f3", "image", picture("отзад.png"))
	b.signIn()
	b.Click(".row")
	b.Await("the newest page", "document.querySelectorAll('a.pic').length === 1")
	b.Await("what shows them", "performance.getEntriesByType('resource').some((e) => e.name.includes('/lightbox.'))")
	b.Click("a.pic")
	b.Await("the picture", shows("отзад.png", "1 / 1"))
	b.Key(kb.ArrowLeft)
	b.Await("the one before", shows("отпред.png", "1 / 2"))
	b.Await("the beginning", "document.querySelector('dialog .icon').ariaDisabled === 'true'")
}
