package scenario_test

import (
	"fmt"
	"strings"
	"syscall"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/parley-desk/parley/services/desk/web/webtest"
)

// asks is a house that asks customers what it is about, routes by that, and asks
// them at the end how it was.
const asks = `
apiVersion: parley.dev/v1
kind: Queue
metadata: {name: repairs, displayName: Сервиз}
spec: {agents: [mila], assignment: least_active}
---
apiVersion: parley.dev/v1
kind: Queue
metadata: {name: front, displayName: Front desk}
spec: {agents: [orlin], assignment: least_active}
---
apiVersion: parley.dev/v1
kind: Ruleset
metadata: {name: routes}
spec:
  route:
    - {name: repairs, when: variables.topic == "repair", queues: [{queue: repairs}]}
---
apiVersion: parley.dev/v1
kind: Workstream
metadata: {name: facebook, displayName: Facebook Messenger}
spec:
  queue: front
  units: 1
  offerSeconds: 60
  routing: routes
  variables: [{name: topic}, {name: order}]
  questions:
    minutes: 5
    list:
      - variable: topic
        texts: [{language: bg, text: "За какво става дума?"}]
        choices:
          - {value: sales, titles: [{language: bg, text: Поръчка}]}
          - {value: repair, titles: [{language: bg, text: Ремонт}]}
      - variable: order
        texts: [{language: bg, text: "Кой е номерът на поръчката?"}]
        check: pattern
        pattern: A-[0-9]+
  survey: {mode: %s, comment: true}
`

// TestCustomersAreAsked: a customer answers questions before anybody has the
// conversation, through the death of the house, and the answer chooses the agent;
// then the customer rates it in Messenger, and the next one on the page of a link.
// No answer opens a conversation, and the link works once.
func TestCustomersAreAsked(t *testing.T) {
	desk := webtest.Browse(t)
	h := together(t)
	h.ctl("apply", "-f", "../../deploy/sample/house.yaml")
	h.apply(fmt.Sprintf(asks, "conversation"))
	phone := desk.Beside()
	phone.Size(1100, 820, "light")
	desk.SignIn(h.desks[0], "mila", "parley-demo")
	desk.Await("an available agent", "document.querySelector('[data-presence=PRESENCE_AVAILABLE]')")
	phone.Go(h.sandbox + "/phone")
	phone.Await("the pages", "document.querySelector('#page').options.length > 0")
	newcomer(phone)

	say(phone, "Здравейте!")
	press(phone, "Ремонт")
	phone.Await("the second question", says("li.theirs", "Кой е номерът"))
	say(phone, "не знам")
	phone.Await("that this does not fit", says("li.theirs", "не подхожда"))
	all := h.processes[0]
	all.signal(t, syscall.SIGKILL)
	all.start(t)
	h.awaitReady()
	say(phone, "A-17")
	desk.Await("the offer, by the answer", "document.querySelector('.offer .secs')")
	desk.Key("a", chromedp.KeyModifiers(chromedp.ModifierAlt))
	desk.Await("what the customer answered, beside the customer", "/topic\\s*repair/.test(document.body.innerText) && /order\\s*A-17/.test(document.body.innerText)")
	desk.Await("and in the transcript", says(".turn, .system, li, p", "topic: repair"))
	desk.Shot("questions-desk")
	phone.Shot("questions-phone")

	desk.Click(".acts .danger")
	press(phone, "5")
	press(phone, "Ще напиша")
	phone.Await("that the words are waited for", says("li.theirs", "напишете ги в едно"))
	say(phone, "Много бързо, браво!")
	phone.Await("thanks", says("li.theirs", "Благодарим Ви за отговора"))
	desk.Await("the answer in the transcript", says("body", "Много бързо, браво!")+" && "+says("body", "The customer’s rating: 5"))
	desk.Await("and beside the customer", "/5 \\/ 5/.test(document.body.innerText)")
	desk.Shot("survey-desk")
	phone.Shot("survey-phone")
	desk.Click(".acts .primary")
	desk.Await("an empty desk", "document.querySelector('.nothing-open')")
	press(phone, "4") // once more
	if table := string(h.ctl("survey", "export")); !strings.Contains(table, "conversation,person,facebook,repairs,mila,") || !strings.Contains(table, ",5,1,5,\"Много бързо, браво!\"") && !strings.Contains(table, ",5,1,5,Много бързо") {
		t.Errorf("exported %s", table)
	}
	byLink(t, h, desk, phone)
}

// byLink has the same customer come again, and answer on a page.
func byLink(t *testing.T, h *house, desk, phone *webtest.Tab) {
	h.apply(fmt.Sprintf(asks, "link"))
	say(phone, "Още нещо")
	phone.Await("the question, again", "[...document.querySelectorAll('li.theirs')].filter((e) => e.textContent.includes('За какво става дума')).length === 2")
	press(phone, "Ремонт")
	phone.Await("the second question", "[...document.querySelectorAll('li.theirs')].filter((e) => e.textContent.includes('Кой е номерът')).length === 3")
	say(phone, "A-18")
	desk.Await("the offer", "document.querySelector('.offer .secs')")
	desk.Key("a", chromedp.KeyModifiers(chromedp.ModifierAlt))
	desk.Await("the conversation", says(".msg.in", "Още нещо"))
	desk.Click(".acts .danger")
	phone.Await("the link", says("li.theirs", "/survey/"))
	link := phone.Eval("[...document.querySelectorAll('li.theirs .bubble')].map((e) => e.textContent.match(/http:\\S+\\/survey\\/[\\w-]+/)?.[0]).filter(Boolean).at(-1)")
	page := desk.Beside()
	page.Size(420, 760, "light")
	page.Go(link)
	page.Await("the page", says("legend", "Доколко сте доволни"))
	page.Do(chromedp.SetValue(chromedp.CSS("textarea"), "Добре <script>"))
	page.Click("input[value='4'] + span")
	page.Shot("survey-page")
	page.Click("button")
	page.Do(chromedp.WaitReady(chromedp.CSS("main > p"))) // the form leads to another page
	page.Await("thanks", says("main", "Благодарим Ви за отговора"))
	page.Shot("survey-thanks")
	page.Go(link)
	page.Await("that it was answered", says("main", "Вече сте отговорили"))
	desk.Await("the answer", says("body", "The customer’s rating: 4: Добре <script>"))
	if table := string(h.ctl("survey", "export")); !strings.Contains(table, "link,person,") || strings.Count(table, "\n") != 3 {
		t.Errorf("exported %s", table)
	}
}

// press presses the newest answer with that title on the telephone.
func press(phone *webtest.Tab, title string) {
	found := fmt.Sprintf("[...document.querySelectorAll('li.theirs .press')].filter((e) => e.textContent === %q).at(-1)", title)
	phone.Await("the answer "+title, found)
	phone.Eval("String(" + found + ".click())")
}
