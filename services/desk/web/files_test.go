package web_test

import (
	"strings"
	"testing"

	deskv1 "github.com/parley-desk/parley/proto/gen/parley/desk/v1"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
)

// filed says a message of the customer with one file.
func (b *browser) filed(id, kind string, file *deskv1.File) {
	b.house.Say("1001", &deskv1.TimelineItem{Id: id, Author: deskv1.Author_AUTHOR_CUSTOMER,
		Attachments: []*threadv1.Attachment{{Type: kind}}, Files: []*deskv1.File{file}})
}

// TestFilesHavePlainWords in both languages, wherever they stand.
func TestFilesHavePlainWords(t *testing.T) {
	here, lost, copying, refused := deskv1.FileStatus_FILE_STATUS_HERE, deskv1.FileStatus_FILE_STATUS_LOST, deskv1.FileStatus_FILE_STATUS_COPYING, deskv1.FileStatus_FILE_STATUS_REFUSED
	cases := []struct {
		id, kind string
		file     *deskv1.File
		en, bg   string
	}{
		{"f1", "file", &deskv1.File{Status: copying}, "File|Being copied…", "Файл|Копира се…"},
		{"f2", "file", &deskv1.File{Status: here, ContentType: "application/pdf", Name: "поръчка.pdf", Size: 2_300_000}, "поръчка.pdf|2.3 MB|Open", "поръчка.pdf|2,3 MB|Отвори"},
		{"f3", "image", &deskv1.File{Status: lost, Reason: "TOO_LARGE"}, "Image|Too large", "Снимка|Твърде голям файл"},
		{"f4", "image", &deskv1.File{Status: lost, Reason: "TOO_MANY_PIXELS"}, "Image|Too large", "Снимка|Твърде голям файл"},
		{"f5", "video", &deskv1.File{Status: lost, Reason: "EXPIRED"}, "Video|No longer available", "Видео|Вече не е достъпно"},
		{"f6", "audio", &deskv1.File{Status: lost, Reason: "LINK_REFUSED"}, "Voice message|Could not be copied", "Гласово съобщение|Не можа да се копира"},
		{"f7", "file", &deskv1.File{Status: lost, Reason: "TYPE_NOT_ALLOWED"}, "File|Error: Customer sent an unsupported message type", "Файл|Грешка: клиентът изпрати съобщение от неподдържан вид"},
		{"f8", "sticker", &deskv1.File{Status: refused, Reason: "OFF"}, "Sticker|Error: Customer sent an unsupported message type", "Стикер|Грешка: клиентът изпрати съобщение от неподдържан вид"},
	}
	for _, lang := range []string{"en", "bg"} {
		b := open(t)
		b.house.Add(active("1001", "Иван Петров"), "Здравейте.")
		var want []string
		for _, c := range cases {
			b.filed(c.id, c.kind, c.file)
			want = append(want, map[string]string{"en": c.en, "bg": c.bg}[lang])
		}
		b.Go(b.url)
		b.Click("button[lang=" + lang + "]")
		b.signIn()
		b.Click(".row")
		b.Await("all of them", "document.querySelectorAll('.att').length === 8")
		b.Reads("files in "+lang, "[...document.querySelectorAll('.att')].map((e) => [...e.querySelectorAll('.att-name, a')].map((p) => p.innerText.trim().replace(/\\s*\\n+/, '|').replace(/\u00a0/g, ' ')).join('|')).join('\\n')", strings.Join(want, "\n"))
		b.Shot("files-" + lang)
	}
}

// TestPicturesKeepTheirPlace: what is below a picture does not move when it
// comes, and a file that is ready takes the place of its card.
func TestPicturesKeepTheirPlace(t *testing.T) {
	b := open(t)
	release := make(chan struct{})
	b.house.HoldFiles(release)
	b.house.Add(active("1001", "Иван Петров"), "Здравейте.")
	b.filed("f1", "image", &deskv1.File{Status: deskv1.FileStatus_FILE_STATUS_COPYING})
	b.signIn()
	b.Click(".row")
	b.Await("the card", "document.querySelector('.att')")
	b.filed("f1", "image", &deskv1.File{Status: deskv1.FileStatus_FILE_STATUS_HERE, ContentType: "image/png", Size: 9, Width: 640, Height: 480, Name: "a.png"})
	b.Await("its place", "document.querySelector('.pic.kept img') && !document.querySelector('.att')")
	box := "JSON.stringify([...document.querySelectorAll('.pic.kept img')].map((e) => [Math.round(e.getBoundingClientRect().width), Math.round(e.getBoundingClientRect().height)]))"
	before := b.Eval(box)
	close(release)
	b.Await("the picture", "document.querySelector('.pic.kept img').naturalWidth === 640")
	if after := b.Eval(box); before != after || before != "[[373,280]]" {
		t.Errorf("it had %s and has %s", before, after)
	}
	if src := b.Eval("document.querySelector('.pic.kept img').getAttribute('src')"); !strings.HasPrefix(src, "/files?") || !strings.Contains(src, "item=f1&index=0") || !strings.Contains(src, "psid=1001") {
		t.Errorf("it comes from %s", src)
	}
	b.Shot("picture")
}
