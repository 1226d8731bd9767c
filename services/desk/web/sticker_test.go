package web_test

import (
	"testing"
	"time"

	deskv1 "github.com/parley-desk/parley/proto/gen/parley/desk/v1"
	"github.com/parley-desk/parley/services/desk/web/webtest"
)

// TestTheThumb goes in place of a message, once for a double click, answers what is
// quoted, and leaves what is written; it is drawn large.
func TestTheThumb(t *testing.T) {
	b := open(t)
	world(b.house)
	b.signIn()
	b.opens("Мария")
	b.Await("the thumb", "document.querySelector('.thumb')")
	b.Key("Проверявам")
	b.Click(".msg.in .answers button:nth-of-type(1)")
	b.Await("what is quoted", "document.querySelector('.pen .quote')")
	b.Eval("['', ''].map((_, n) => document.querySelector('.thumb').dispatchEvent(new MouseEvent('click', {bubbles: true, detail: n + 1}))).join()")
	b.Await("the thumb in the log", "parseFloat(getComputedStyle(document.querySelector('.msg.out .bubble.sticker .text') ?? document.body).fontSize) > 40")
	b.Await("it to be stored", "!document.querySelector('[data-outbox]')")
	got := webtest.Asked[*deskv1.SendMessageRequest](b.house)
	if got.GetSticker() != "369239263222822" || got.GetText() != "" || got.GetReplyTo() == "" {
		t.Errorf("asked for %v", got)
	}
	b.Await("that nothing is quoted any more", "!document.querySelector('.pen .quote')")
	if n, draft := b.Eval("document.querySelectorAll('.msg.out .bubble.sticker').length + ''"), b.Eval("document.querySelector('.field textarea').value"); n != "1" || draft != "Проверявам" {
		t.Errorf("%s thumbs, and %q is written", n, draft)
	}
	b.Shot("thumb")
	b.Click(".pen .chip:nth-of-type(2)")
	b.Await("none beside a note", "!document.querySelector('.thumb')")
	b.Size(360, 640, "light")
	b.Click(".pen .chip:nth-of-type(1)")
	b.Await("it on a telephone", `(() => {
		const r = document.querySelector('.thumb')?.getBoundingClientRect();
		return r && r.width >= 40 && r.height >= 30 && r.right <= innerWidth && document.elementFromPoint(r.left + r.width / 2, r.top + r.height / 2).className === 'thumb';
	})()`)
	b.Shot("thumb-telephone")
}

// TestNoThumbWhereMessengerTakesNone: on the second day a text may go by the tag, and
// a sticker may not.
func TestNoThumbWhereMessengerTakesNone(t *testing.T) {
	b := open(t)
	tagged := active("1001", "Иван Петров")
	tagged.Silent, tagged.Window = 30*time.Hour, 100*time.Hour
	b.house.Add(tagged, "Здравейте.")
	b.house.Add(active("1002", "Мария Георгиева"), "Здравейте!")
	b.signIn()
	b.opens("Мария")
	b.Await("the thumb", "document.querySelector('.thumb')")
	b.opens("Иван")
	b.Await("a composer without", "!document.querySelector('.thumb') && !document.querySelector('.why') && document.querySelector('.field textarea')")
}
