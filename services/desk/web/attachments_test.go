package web_test

import (
	"fmt"
	"image"
	"image/png"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	deskv1 "github.com/parley-desk/parley/proto/gen/parley/desk/v1"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
)

// gallery serves one picture and counts who asks for it.
func gallery(t *testing.T) (url string, asked *atomic.Int32) {
	t.Helper()
	asked = new(atomic.Int32)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		w.Header().Set("Content-Type", "image/png")
		_ = png.Encode(w, image.NewRGBA(image.Rect(0, 0, 320, 240)))
	}))
	t.Cleanup(server.Close)
	return server.URL, asked
}

// TestPicturesAndPolicy shows pictures of an origin that the desk allows and
// links to those of another, which is not asked for them; and text cannot become
// script.
func TestPicturesAndPolicy(t *testing.T) {
	allowed, _ := gallery(t)
	foreign, asked := gallery(t)
	b := open(t, allowed)
	b.house.Add(active("1001", "Иван Петров"), "Здравейте.")
	b.house.Say("1001", &deskv1.TimelineItem{Id: "p1", Author: deskv1.Author_AUTHOR_CUSTOMER,
		Attachments: []*threadv1.Attachment{{Type: "image", Url: allowed + "/photo.png"}}})
	b.house.Say("1001", &deskv1.TimelineItem{Id: "p2", Author: deskv1.Author_AUTHOR_CUSTOMER,
		Attachments: []*threadv1.Attachment{{Type: "image", Url: foreign + "/photo.png"}}})
	b.signIn()
	b.Click(".row")
	b.Await("the picture", "document.querySelector('.pic img')?.naturalWidth === 320")
	b.Await("the link to the other", "document.querySelector('.att a')?.href === '"+foreign+"/photo.png'")
	b.Await("what it is", "document.querySelector('.att-name').innerText.replace('\\n', ' ') === 'Image Not shown here'")
	b.Shot("pictures")
	if n := asked.Load(); n != 0 {
		t.Errorf("the other origin was asked %d times", n)
	}
	if got := b.Eval("(() => { try { document.createElement('p').innerHTML = '<b>'; return 'taken'; } catch (e) { return e.name; } })()"); got != "TypeError" {
		t.Errorf("text as markup is %s", got)
	}
	if got := b.Eval("(() => { try { new Worker('data:,'); return 'taken'; } catch (e) { return e.name; } })()"); got != "TypeError" {
		t.Errorf("another script as a worker is %s", got)
	}
}

// TestAttachmentsHavePlainWords, in the list and in the conversation, of kinds
// that the page cannot show and of such as nobody has heard of.
func TestAttachmentsHavePlainWords(t *testing.T) {
	b := open(t)
	b.house.Add(active("1001", "Иван Петров"), "[image]")
	b.house.Add(active("1002", "Мария Георгиева"), "[appointment_booking]")
	kinds := map[string]string{"image": "Снимка", "audio": "Гласово съобщение", "video": "Видео", "file": "Файл", "location": "Местоположение",
		"sticker": "Стикер", "fallback": "Връзка", "template": "Прикачено", "appointment_booking": "Прикачено"}
	for kind := range kinds {
		b.house.Say("1001", &deskv1.TimelineItem{Id: kind, Author: deskv1.Author_AUTHOR_CUSTOMER, Attachments: []*threadv1.Attachment{{Type: kind, Raw: "{}"}}})
	}
	b.house.Say("1001", &deskv1.TimelineItem{Id: "last", Author: deskv1.Author_AUTHOR_CUSTOMER, Text: "[image]"})
	b.Go(b.url)
	b.Click("button[lang=bg]")
	b.signIn()
	b.Await("words in the list", "[...document.querySelectorAll('.row .line')].map((e) => e.textContent).sort().join() === 'Прикачено,Снимка'")
	b.opens("Иван")
	b.Await("the history", fmt.Sprintf("document.querySelectorAll('.att').length === %d", len(kinds)))
	for kind, word := range kinds {
		b.Await(kind, "[...document.querySelectorAll('.att-name')].some((e) => e.firstChild.data === '"+word+"')")
	}
	b.Shot("attachments-bg")
	if latin := b.Eval("([...document.querySelectorAll('.att')].map((e) => e.innerText).join(' ').match(/[a-z_]{2,}/gi) ?? []).join(' ')"); latin != "" {
		t.Errorf("machine words are shown: %s", latin)
	}
}
