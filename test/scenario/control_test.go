package scenario_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/parley-desk/parley/services/desk/web/webtest"
)

// TestAThreadOfAnotherApp: the page's inbox takes a thread from under an agent's
// hands. The agent sees who has it and what is said meanwhile, cannot send, and
// takes control back. Then an app takes it of which Meta tells nothing: the send
// that is refused tells.
func TestAThreadOfAnotherApp(t *testing.T) {
	desk := webtest.Browse(t)
	h := together(t)
	h.ctl("apply", "-f", "../../deploy/sample/house.yaml")
	desk.SignIn(h.desks[0], "mila", "parley-demo")
	desk.Await("an available agent", "document.querySelector('[data-presence=PRESENCE_AVAILABLE]')")
	customer := "/sandbox/customers/" + pageIDs()[0] + "/24681357924681357/"
	h.at(customer+"messages", map[string]any{"text": "Имате ли сини обувки?", "name": "Иван Петров"})
	desk.Await("the offer", "/сини обувки/.test(document.querySelector('.offer .line')?.textContent)")
	desk.Key("a", chromedp.KeyModifiers(chromedp.ModifierAlt))
	desk.Await("the customer's words", says(".msg.in", "сини обувки"))
	answer(desk, "Да, номер 43.")
	desk.Await("sent", ticked("DELIVERY_DELIVERED", 1))

	owned := "document.querySelector('.banner.warn button')"
	h.at(customer+"control", map[string]any{"how": "take"})
	desk.Await("who has it", owned+` && /The page's inbox has this conversation/.test(document.querySelector('.banner.warn').textContent)`)
	h.at(customer+"messages", map[string]any{"text": "А 42?"})
	h.at(customer+"replies", map[string]any{"text": "Само 43, съжаляваме."})
	desk.Await("what the customer wrote meanwhile, marked", says(".msg.in", "А 42?")+" && "+says(".msg.in .foot", "seen while another app"))
	desk.Await("what the inbox answered, marked", says(".msg.other", "съжаляваме")+" && "+says(".msg.other .foot", "seen while another app"))
	desk.Await("why nothing can be sent", says("#pen-why", "another app has the conversation")+" && document.querySelector('.send').disabled")
	desk.Shot("desk-owned")
	desk.Click(".banner.warn button")
	desk.Await("that it was taken", "!document.querySelector('.banner') && "+says(".sys", "You took control"))
	answer(desk, "Ето ме отново.")
	desk.Await("sent again", ticked("DELIVERY_DELIVERED", 3)) // two of ours, one of the inbox

	h.at("/sandbox/script", map[string]any{"rules": []any{map[string]any{"match": map[string]any{"text_prefix": "Опит"},
		"do": "error", "status": 403, "code": 10, "subcode": 2018321, "times": 1}}})
	answer(desk, "Опит за отговор")
	desk.Await("that it failed, and what to do", "document.querySelector('[data-delivery=DELIVERY_FAILED]') && "+owned+" && /Another app/.test(document.querySelector('.banner.warn').textContent)")
	desk.Shot("desk-owned-refused")
	desk.Click(".banner.warn button")
	// The line about it moves what is above it, and with that the button.
	desk.Await("that it was taken", "!document.querySelector('.banner') && [...document.querySelectorAll('.sys')].filter((l) => /You took control/.test(l.textContent)).length === 2")
	desk.Click("[data-delivery=DELIVERY_FAILED] .choices button")
	desk.Await("the answer after all", ticked("DELIVERY_DELIVERED", 5))
}

// at posts to the sandbox, which must do it.
func (h *house) at(path string, body any) {
	h.t.Helper()
	raw, err := json.Marshal(body)
	if err != nil {
		h.t.Fatal(err)
	}
	resp, err := http.Post(h.sandbox+path, "application/json", bytes.NewReader(raw))
	if err != nil {
		h.t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		h.t.Fatalf("%s: %s", path, resp.Status)
	}
}
