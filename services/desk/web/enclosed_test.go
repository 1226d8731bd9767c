package web_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	deskv1 "github.com/parley-desk/parley/proto/gen/parley/desk/v1"
	"github.com/parley-desk/parley/services/desk/web/webtest"
)

// sends is an active conversation in which the agent may send files.
func sends() webtest.Customer {
	c := active("1001", "Иван Петров")
	c.Files = &deskv1.FileLimits{Types: []string{"png", "pdf", "txt"}, PictureBytes: 2 << 20, Bytes: 5 << 20}
	return c
}

// give has the page get files, each name:type:size, by one of its ways.
func (b *browser) give(way string, files ...string) {
	b.t.Helper()
	var all strings.Builder
	for _, f := range files {
		name, rest, _ := strings.Cut(f, ":")
		kind, size, _ := strings.Cut(rest, ":")
		fmt.Fprintf(&all, "dt.items.add(new File([new Uint8Array(%s).fill(120)], %q, {type: %q}));", size, name, kind)
	}
	event := map[string]string{
		"chosen":  "const i = document.querySelector('.clip input'); i.files = dt.files; i.dispatchEvent(new Event('change', {bubbles: true}))",
		"dropped": "window.dispatchEvent(new DragEvent('drop', {dataTransfer: dt, cancelable: true}))",
		"pasted":  "document.querySelector('textarea').dispatchEvent(new ClipboardEvent('paste', {clipboardData: dt, bubbles: true, cancelable: true}))",
	}[way]
	b.With("the composer", "document.querySelector('.clip input')", "(() => { const dt = new DataTransfer(); "+all.String()+event+"; })()")
}

func files(state string, n int) string {
	return fmt.Sprintf("document.querySelectorAll('[data-file=%s]').length === %d", state, n)
}

// TestFilesToSend come by the button, by dropping and by pasting, go on after a
// line that breaks, and leave with the message.
func TestFilesToSend(t *testing.T) {
	b := open(t)
	b.house.Uploads = webtest.Uploads{Tear: 2}
	b.house.Add(sends(), "Имате ли снимка?")
	b.signIn()
	b.Click(".row")
	b.Await("the button", "document.querySelector('.clip input')")
	b.give("chosen", "котка.png:image/png:1500000")
	b.give("dropped", "order.pdf:application/pdf:300000")
	b.give("pasted", "image.png:image/png:70")
	b.Await("all of them at the desk", files("done", 3))
	b.Await("thumbnails", "[...document.querySelectorAll('.enclosed img')].filter((e) => e.src.startsWith('blob:')).length === 2")
	b.Shot("files-chosen")
	b.Key("Ето я")
	b.Enter()
	b.Await("the message with its files", "document.querySelectorAll('.msg.out .pic.kept').length === 3 && document.querySelector('.msg.out .text').textContent === 'Ето я'")
	b.Await("nothing left in the composer", "!document.querySelector('.enclosed') && document.querySelector('textarea').value === ''")
	b.Shot("files-sent")
	sizes := []int{}
	for _, data := range b.house.Taken(b.house.Uploads.Sent...) {
		sizes = append(sizes, len(data))
	}
	if !slices.Equal(sizes, []int{1_500_000, 300_000, 70}) {
		t.Errorf("%v bytes were sent", sizes)
	}
	if n := b.house.Sends(); n != 1 {
		t.Errorf("%d messages", n)
	}
}

// TestFilesThatAreNotSent say why in both languages, and keep the message back
// until the agent has decided.
func TestFilesThatAreNotSent(t *testing.T) {
	for lang, want := range map[string][]string{
		"en": {"Files of this sort are not sent", "It may have at most 2.1 MB", "The file is empty", "The virus scanner says that it is harmful"},
		"bg": {"Файлове от този вид не се изпращат", "Може да е най-много 2,1 MB", "Файлът е празен", "Антивирусната проверка го намира за опасен"},
	} {
		b := open(t)
		b.house.Uploads = webtest.Uploads{Refuse: "FILE_HARMFUL"}
		b.house.Add(sends(), "Здравейте.")
		b.Go(b.url)
		b.Click("button[lang=" + lang + "]")
		b.signIn()
		b.Click(".row")
		b.Await("the button", "document.querySelector('.clip input')")
		b.give("chosen", "a.exe:application/x-msdownload:9", "large.png:image/png:3000000", "nothing.txt:text/plain:0", "bad.txt:text/plain:9")
		b.Await("that none is taken", files("refused", 4))
		b.Reads("why, in "+lang, "[...document.querySelectorAll('.enclosed small')].map((e) => e.textContent.replace(/\u00a0/g, ' ')).join('|')", strings.Join(want, "|"))
		b.Shot("files-refused-" + lang)
		b.Key("x")
		b.Await("that nothing can be sent", "document.querySelector('.send').disabled")
		for left := range 4 {
			b.Await("one less", files("refused", 4-left))
			b.Click(".enclosed li:first-child button:last-child")
		}
		b.Await("that the text can be sent", "!document.querySelector('.enclosed') && !document.querySelector('.send').disabled")
	}
}

// TestAFileThatCouldNotBeChecked is tried again by the agent without being
// uploaded again, and can be given up.
func TestAFileThatCouldNotBeChecked(t *testing.T) {
	b := open(t)
	b.house.Uploads = webtest.Uploads{Unsure: 1}
	b.house.Add(sends(), "Здравейте.")
	b.signIn()
	b.Click(".row")
	b.Await("the button", "document.querySelector('.clip input')")
	b.give("chosen", "a.txt:text/plain:9")
	b.Await("that it failed", files("failed", 1))
	b.Click(".enclosed button") // again
	b.Await("that it is checked", files("done", 1))
	if got := b.house.Taken("u1", "u2"); !slices.Equal(got, []string{strings.Repeat("x", 9)}) {
		t.Errorf("the desk has %q", got)
	}
	b.Click(".enclosed button:last-child")
	b.Await("that it is gone", "!document.querySelector('.enclosed')")
	b.Click(".modes .chip:nth-child(2)")
	b.Await("that notes take none", "!document.querySelector('.clip')")
}

// TestFilesSurviveAReload: what the desk has is still chosen, and leaves with the
// message; what was on its way goes on when it is chosen again. Afterwards nothing
// is left to come back.
func TestFilesSurviveAReload(t *testing.T) {
	b := open(t)
	b.house.Add(sends(), "Имате ли снимка?")
	b.signIn()
	b.Click(".row")
	b.Await("the button", "document.querySelector('.clip input')")
	b.give("chosen", "order.pdf:application/pdf:70")
	b.Await("one at the desk", files("done", 1))
	b.house.Tear(1000)
	b.give("chosen", "котка.png:image/png:1500000")
	b.Await("one that waits for the line", "[...document.querySelectorAll('.enclosed small')].some((e) => e.textContent.includes('The line is broken'))")
	b.Go(b.url)
	b.Await("the conversation", "document.querySelector('.row')")
	b.Click(".row")
	b.Await("what is at the desk", files("done", 1))
	b.Await("what was on its way", files("refused", 1)+" && document.querySelector('.enclosed .bad').textContent.includes('The upload broke off')")
	b.Shot("files-reloaded")
	b.give("chosen", "котка.png:image/png:1500000")
	b.house.Tear(0)
	b.Await("both at the desk", files("done", 2))
	b.Click("textarea")
	b.Key("Ето я")
	b.Enter()
	b.Await("the message with its files", "document.querySelectorAll('.msg.out .pic.kept').length === 2")
	sizes := []int{}
	for _, data := range b.house.Taken(b.house.Uploads.Sent...) {
		sizes = append(sizes, len(data))
	}
	if !slices.Equal(sizes, []int{70, 1_500_000}) {
		t.Errorf("%v bytes were sent", sizes)
	}
	if more := b.house.Taken("u3"); len(more) > 0 {
		t.Error("what the desk had in part was begun anew")
	}
	b.Go(b.url)
	b.Await("the conversation", "document.querySelector('.row')")
	b.Click(".row")
	b.Await("the composer", "document.querySelector('textarea')")
	if left := b.Eval("Object.keys(sessionStorage).filter((k) => k.startsWith('parley.files.')).join()"); left != "" || b.Eval("String(document.querySelector('.enclosed'))") != "null" {
		t.Errorf("of a message that was sent %q is left", left)
	}
}

// TestChoosingOnATelephone: the button can be seen and pressed at 360 px, beside
// what is written and what sends it.
func TestChoosingOnATelephone(t *testing.T) {
	b := open(t)
	b.house.Add(sends(), "Имате ли снимка?")
	b.Size(360, 640, "light")
	b.signIn()
	b.Click(".row")
	b.Await("the button", "document.querySelector('.clip input')")
	b.Reads("what keeps anybody from choosing files", `(() => {
		const r = document.querySelector('.clip').getBoundingClientRect();
		const at = document.elementFromPoint(r.left + r.width / 2, r.top + r.height / 2);
		return [r.width >= 40 && r.height >= 40 ? '' : r.width + 'x' + r.height, r.left >= 0 && r.right <= innerWidth && r.bottom <= innerHeight ? '' : 'outside',
			at?.closest('.clip') ? '' : 'covered', document.documentElement.scrollWidth > innerWidth ? 'scrolls' : ''].filter(Boolean).join();
	})()`, "")
	b.give("chosen", "котка.png:image/png:70")
	b.Await("a file at the desk", files("done", 1))
	b.Shot("files-telephone")
}
