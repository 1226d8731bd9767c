package scenario_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"image"
	"image/png"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/parley-desk/parley/services/desk/web/webtest"
)

// noisy is a picture that cannot be pressed together: about 5 MB.
func noisy(t *testing.T) []byte {
	t.Helper()
	picture := image.NewNRGBA(image.Rect(0, 0, 1300, 1290))
	_, _ = rand.NewChaCha8([32]byte{}).Read(picture.Pix)
	for i := 3; i < len(picture.Pix); i += 4 {
		picture.Pix[i] = 255
	}
	var out bytes.Buffer
	if err := (&png.Encoder{CompressionLevel: png.NoCompression}).Encode(&out, picture); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// post does what the telephone's page does.
func (h *house) post(path string, body []byte) (answer map[string]any) {
	h.t.Helper()
	r, err := http.Post(h.sandbox+path, "application/json", bytes.NewReader(body))
	if err != nil {
		h.t.Fatal(err)
	}
	defer func() { _ = r.Body.Close() }()
	raw, err := io.ReadAll(r.Body)
	if err != nil || r.StatusCode != http.StatusOK || json.Unmarshal(raw, &answer) != nil {
		h.t.Fatalf("%s: %d %s (%v)", path, r.StatusCode, raw, err)
	}
	return answer
}

// TestCustomersSendFiles: the agent sees a picture, also one of 5 MB, from
// the desk itself; saves a document; reads why another file is not
// there; and all of it is still there when the house was killed.
func TestCustomersSendFiles(t *testing.T) {
	browser := webtest.Browse(t)
	h := together(t)
	h.ctl("apply", "-f", "../../deploy/sample/house.yaml")
	browser.SignIn(h.desks[0], "mila", "parley-demo")
	browser.Await("an available agent", "document.querySelector('[data-presence=PRESENCE_AVAILABLE]')")
	page, _, _ := strings.Cut(pages[0], ":")
	messages := "/sandbox/customers/" + page + "/24681357924681357/messages"
	send := func(m map[string]any) {
		m["name"] = "Иван Петров"
		body, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		h.post(messages, body)
	}
	send(map[string]any{"attachment": "image"})
	browser.Await("the offer", "document.querySelector('.offer')")
	browser.Key("a", chromedp.KeyModifiers(chromedp.ModifierAlt))
	browser.Await("the picture", "document.querySelector('.pic.kept img')?.naturalWidth === 320")
	if from := browser.Eval("new URL(document.querySelector('.pic.kept img').src).origin"); from != h.desks[0] {
		t.Errorf("the picture comes from %s", from)
	}

	// A second is what it may take, which nothing here insists on: a machine that
	// tests has other work too.
	large, pictures, began := h.post("/sandbox/media?name=large.png", noisy(t)), 2, time.Now()
	send(large)
	browser.Await("the large picture", "[...document.querySelectorAll('.pic.kept img')].some((e) => e.naturalWidth === 1300)")
	t.Logf("5 MB took %s", time.Since(began))
	for name, data := range map[string]string{"order.pdf": "%PDF-1.7 order", "report.exe": "MZ", "page.txt": "<html><script>"} {
		send(h.post("/sandbox/media?name="+name, []byte(data)))
	}
	send(map[string]any{"attachment": "file", "url": "http://127.0.0.1:22/a.pdf"})
	send(map[string]any{"attachment": "location"})
	there := func() {
		t.Helper()
		browser.Await("the pictures", fmt.Sprintf("[...document.querySelectorAll('.pic.kept img')].filter((e) => e.naturalWidth > 0).length === %d", pictures))
		browser.Await("the document", "[...document.querySelectorAll('.att')].some((e) => /order.pdf/.test(e.innerText) && e.querySelector('a[href^=\"/files?\"]'))")
		browser.Await("two of no sort that is taken", "[...document.querySelectorAll('.att')].filter((e) => e.innerText.includes('Error: Customer sent an unsupported message type')).length === 2")
		browser.Await("one that cannot be had", "[...document.querySelectorAll('.att')].some((e) => e.innerText.includes('Could not be copied'))")
		browser.Await("the place", "[...document.querySelectorAll('.att a')].some((e) => e.href.includes('openstreetmap'))")
	}
	there()
	browser.Shot("desk-files")
	all := h.processes[0]
	all.signal(t, syscall.SIGKILL)
	all.start(t)
	h.awaitReady()
	browser.Go(h.desks[0])
	browser.Await("the list", "document.querySelector('.row')")
	browser.Click(".row")
	there()
}
