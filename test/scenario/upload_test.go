package scenario_test

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"net/http"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/parley-desk/parley/services/desk/web/webtest"
)

// plain is a small picture of one colour.
func plain(t *testing.T, c color.Color) []byte {
	t.Helper()
	picture := image.NewRGBA(image.Rect(0, 0, 320, 240))
	for x := range 320 {
		for y := range 240 {
			picture.Set(x, y, c)
		}
	}
	var out bytes.Buffer
	if err := png.Encode(&out, picture); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// choose gives the page files, in order, as if the agent had chosen them.
func choose(b *webtest.Tab, names []string, data ...[]byte) {
	var add strings.Builder
	for i, d := range data {
		fmt.Fprintf(&add, "dt.items.add(new File([Uint8Array.from(atob(%q), (c) => c.charCodeAt(0))], %q, {type: 'image/png'}));",
			base64.StdEncoding.EncodeToString(d), names[i])
	}
	b.Do(chromedp.Evaluate[chromedp.Void]("void (() => { const dt = new DataTransfer(); " + add.String() +
		"const i = document.querySelector('.clip input'); i.files = dt.files; window.chosen = performance.now(); i.dispatchEvent(new Event('change', {bubbles: true})); })()"))
}

// left is what the sandbox's customer got, message by message: a text, or the
// name of a file; and how many uploads Meta took.
func (h *house) left() (got []string, uploads int) {
	h.t.Helper()
	f, err := os.Open(h.journal)
	if err != nil {
		return nil, 0
	}
	defer func() { _ = f.Close() }()
	lines := bufio.NewScanner(f)
	lines.Buffer(make([]byte, 64<<10), 8<<20)
	for lines.Scan() {
		var r struct {
			Kind, Text, Attachment, URL string
			Send                        struct{ Delivered bool }
		}
		if json.Unmarshal(lines.Bytes(), &r) != nil {
			continue
		}
		switch {
		case r.Kind == "file_uploaded":
			uploads++
		case r.Kind == "send_received" && r.Send.Delivered && r.URL != "":
			path, _, _ := strings.Cut(r.URL, "?")
			got = append(got, r.Attachment+" "+path[strings.LastIndexByte(path, '/')+1:])
		case r.Kind == "send_received" && r.Send.Delivered:
			got = append(got, r.Text)
		}
	}
	return got, uploads
}

// attaching is a house in one process, whose agent has a conversation open in which
// files may be sent, and the customer's telephone.
func attaching(t *testing.T, more ...string) (h *house, desk, phone *webtest.Tab) {
	t.Helper()
	desk = webtest.Browse(t)
	h = together(t, more...)
	h.ctl("apply", "-f", "../../deploy/sample/house.yaml")
	phone = desk.Beside()
	phone.Size(1100, 820, "light")
	desk.SignIn(h.desks[0], "mila", "parley-demo")
	desk.Await("an available agent", "document.querySelector('[data-presence=PRESENCE_AVAILABLE]')")
	phone.Go(h.sandbox + "/phone")
	phone.Await("the pages", "document.querySelector('#page').options.length > 0")
	newcomer(phone)
	say(phone, "Имате ли снимки?")
	desk.Await("the offer", "document.querySelector('.offer .secs')")
	desk.Key("a", chromedp.KeyModifiers(chromedp.ModifierAlt))
	desk.Await("the way to choose files", "document.querySelector('.clip input')")
	return h, desk, phone
}

// TestAgentsSendFiles: two pictures and a text reach the customer once and in
// order, although the house is killed after Meta took the second picture and
// before its message; and a picture that Meta has is not uploaded again.
func TestAgentsSendFiles(t *testing.T) {
	h, desk, phone := attaching(t)
	r, err := http.Post(h.sandbox+"/sandbox/script", "application/json",
		strings.NewReader(`{"rules": [{"match": {"call": "message_attachments", "nth": 2}, "do": "ok", "stall_ms": 30000}]}`))
	if err != nil {
		t.Fatal(err)
	}
	_ = r.Body.Close()
	large, small := noisy(t), plain(t, color.RGBA{R: 200, G: 60, B: 60, A: 255})
	choose(desk, []string{"large.png"}, large)
	desk.Await("the large picture at the desk", "document.querySelectorAll('[data-file=done]').length === 1")
	t.Logf("%d bytes took %s ms from the browser to the desk", len(large), desk.Eval("String(Math.round(performance.now() - window.chosen))"))
	choose(desk, []string{"small.png"}, small)
	desk.Await("both", "document.querySelectorAll('[data-file=done]').length === 2")
	desk.Shot("upload-chosen")
	desk.Do(chromedp.Focus(chromedp.CSS("textarea")))
	desk.Key("Ето ги")
	desk.Enter()
	phone.Await("the first picture", "[...document.querySelectorAll('li.theirs img')].filter((e) => e.naturalWidth === 1300).length === 1")
	await(t, time.Minute, "Meta takes the second picture", func() bool { _, n := h.left(); return n == 2 }, h.logs)

	all := h.processes[0]
	all.signal(t, syscall.SIGKILL)
	if got, _ := h.left(); !slices.Equal(got, []string{"image large.png"}) {
		t.Fatalf("before the end the customer had %q", got)
	}
	all.start(t)
	h.awaitReady()
	want := []string{"image large.png", "image small.png", "Ето ги"}
	await(t, time.Minute, "everything to arrive", func() bool { got, _ := h.left(); return len(got) >= len(want) }, h.logs)
	if got, uploads := h.left(); !slices.Equal(got, want) || uploads != 3 {
		t.Errorf("the customer got %q, of %d uploads", got, uploads)
	}
	desk.Go(h.desks[0])
	desk.Await("the list", "document.querySelector('.row')")
	desk.Click(".row")
	desk.Await("the message as it was sent", "document.querySelectorAll('.msg.out .pic.kept img').length === 2 && document.querySelector('.msg.out .text').textContent === 'Ето ги'")
	desk.Await("its pictures from our store", "[...document.querySelectorAll('.msg.out .pic.kept img')].every((e) => e.naturalWidth > 0 && new URL(e.src).origin === location.origin)")
	desk.Await("that it was delivered", "/DELIVERED|READ/.test(document.querySelector('.msg.out').dataset.delivery)")
	desk.Shot("upload-desk")

	choose(desk, []string{"again.png"}, large)
	desk.Await("the picture again at the desk", "document.querySelectorAll('[data-file=done]').length === 1")
	desk.Do(chromedp.Focus(chromedp.CSS("textarea")))
	desk.Enter()
	await(t, time.Minute, "it to arrive again", func() bool { got, _ := h.left(); return len(got) == len(want)+1 }, h.logs)
	if _, uploads := h.left(); uploads != 3 {
		t.Errorf("a picture that Meta has was uploaded again: %d uploads", uploads)
	}
	phone.Await("all of it on the telephone", "[...document.querySelectorAll('li.theirs img')].filter((e) => e.naturalWidth > 0).length === 3")
	phone.Shot("upload-phone")
}

// TestPicturesOfOnePress: what is chosen together and sent by one press of Send
// is at Meta once each, in the order of the choice, and the text after it.
func TestPicturesOfOnePress(t *testing.T) {
	h, desk, phone := attaching(t)
	choose(desk, []string{"first.png", "second.png", "third.png"},
		plain(t, color.RGBA{R: 200, A: 255}), plain(t, color.RGBA{G: 200, A: 255}), plain(t, color.RGBA{B: 200, A: 255}))
	desk.Await("all three at the desk", "document.querySelectorAll('[data-file=done]').length === 3")
	desk.Do(chromedp.Focus(chromedp.CSS("textarea")))
	desk.Key("Ето ги трите")
	desk.Click(".send")
	want := []string{"image first.png", "image second.png", "image third.png", "Ето ги трите"}
	await(t, time.Minute, "the text to arrive", func() bool { got, _ := h.left(); return slices.Contains(got, want[3]) }, h.logs)
	desk.Await("that all was delivered", "/DELIVERED|READ/.test(document.querySelector('.msg.out')?.dataset.delivery)")
	if got, uploads := h.left(); !slices.Equal(got, want) || uploads != 3 {
		t.Errorf("the customer got %q, of %d uploads", got, uploads)
	}
	desk.Await("one message of all", "document.querySelectorAll('.msg.out').length === 1 && document.querySelectorAll('.msg.out .pic.kept img').length === 3")
	phone.Await("all of it on the telephone", "[...document.querySelectorAll('li.theirs img')].filter((e) => e.naturalWidth > 0).length === 3")
	desk.Shot("upload-three")
}
