package scenario_test

import (
	"fmt"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/parley-desk/parley/services/desk/web/webtest"
)

// TestStoryInTheBrowser is the whole way as two people see it: a customer
// writes on a telephone, an agent is offered it, accepts and answers, the ticks
// follow, the house is killed in the middle, and the conversation goes on.
func TestStoryInTheBrowser(t *testing.T) {
	desk := webtest.Browse(t)
	h := together(t)
	h.ctl("apply", "-f", "../../deploy/sample/house.yaml")
	phone := desk.Beside()
	phone.Size(1100, 820, "light")
	desk.SignIn(h.desks[0], "mila", "parley-demo")
	desk.Await("an available agent", "document.querySelector('[data-presence=PRESENCE_AVAILABLE]')")

	phone.Go(h.sandbox + "/phone")
	phone.Await("the pages", "document.querySelector('#page').options.length > 0")
	newcomer(phone)
	say(phone, "Здравейте, къде е поръчката ми 48210?")
	desk.Await("the offer", "/поръчката ми 48210/.test(document.querySelector('.offer .line')?.textContent)")
	desk.Await("its countdown", "/\\d/.test(document.querySelector('.offer .secs').textContent)")
	desk.Shot("desk-offer")
	watchTicks(desk)
	desk.Key("a", chromedp.KeyModifiers(chromedp.ModifierAlt))
	desk.Await("the customer's words", "[...document.querySelectorAll('.msg.in .text')].some((e) => /48210/.test(e.textContent))")
	desk.Await("the cursor in the composer", "document.activeElement?.tagName === 'TEXTAREA'")

	answer(desk, "Здравейте! Пратката е на път и пристига утре.")
	phone.Await("the answer on the phone", says("li.theirs", "пристига утре"))
	desk.Await("read", ticked("DELIVERY_READ", 1))
	if seen := strings.Fields(desk.Eval("window.ticks.join(' ')")); !climbs(seen) {
		t.Errorf("the bubble went %v", seen)
	}
	desk.Shot("desk-talk")
	phone.Shot("phone")
	floor := webtest.Browse(t)
	floor.SignIn(h.desks[0], "elena", "parley-demo")
	floor.Await("the conversation on the supervisor's floor", "/Мила/.test(document.querySelector('.floor tbody tr')?.innerText)")
	floor.Shot("floor")

	all := h.processes[0]
	all.signal(t, syscall.SIGKILL)
	desk.Await("the lost line", "document.querySelector('.banner.bad')")
	answer(desk, "Имате ли още въпроси?")
	desk.Await("the waiting bubble", "document.querySelector('[data-outbox=waiting]')")
	all.start(t)
	h.awaitReady()
	phone.Await("what was written while the house was down", says("li.theirs", "още въпроси"))
	say(phone, "Не, благодаря!")
	desk.Await("the customer's thanks", says(".msg.in", "благодаря"))
	desk.Await("the second answer read", ticked("DELIVERY_READ", 2))
	for where, n := range map[string]string{
		"on the phone": phone.Eval("String(document.querySelectorAll('li.theirs .bubble').length)"),
		"on the desk":  desk.Eval("String(document.querySelectorAll('.msg.out').length)"),
	} {
		if n != "2" {
			t.Errorf("%s answers %s, want 2", n, where)
		}
	}

	desk.Click(".acts .danger")
	desk.Await("wrap-up", "document.querySelector('.banner.calm')")
	desk.Click(".acts .primary")
	desk.Await("an empty desk", "document.querySelector('.nothing-open')")
	say(phone, "Още нещо: получих ли фактура?")
	desk.Await("the next offer, to an agent who is still available", "/фактура/.test(document.querySelector('.offer .line')?.textContent)")
	desk.Key("a", chromedp.KeyModifiers(chromedp.ModifierAlt))
	desk.Await("the words that opened the second conversation", says(".msg.in", "фактура"))
	desk.Await("and the first", says(".msg.in", "48210"))
}

// newcomer makes a customer on the telephone, who is the one that writes from now on.
func newcomer(phone *webtest.Tab) {
	before := phone.Eval("location.hash")
	phone.Click("#who button[type=submit]")
	phone.Await("a customer of its own", fmt.Sprintf("location.hash !== %q", before))
}

// say writes a message on the telephone.
func say(phone *webtest.Tab, text string) {
	phone.Do(chromedp.Focus(chromedp.CSS("#text")))
	phone.Key(text)
	phone.Enter()
	phone.Await("the message on the phone", says("li.mine", text))
}

// answer writes at the desk, where the cursor stands in the composer.
func answer(desk *webtest.Tab, text string) {
	desk.Do(chromedp.Focus(chromedp.CSS("textarea")))
	desk.Key(text)
	desk.Enter()
	desk.Await("the bubble", says(".msg.out", text))
}

func says(css, text string) string {
	return fmt.Sprintf("[...document.querySelectorAll(%q)].some((e) => e.textContent.includes(%q))", css, text)
}

// ticked is true when n bubbles of the agent stand there and the newest is so.
func ticked(delivery string, n int) string {
	return fmt.Sprintf("document.querySelectorAll('.msg.out').length === %d && [...document.querySelectorAll('.msg.out')].at(-1).dataset.delivery === %q", n, delivery)
}

// watchTicks notes every state that the newest bubble of the agent goes through.
func watchTicks(desk *webtest.Tab) {
	desk.Do(chromedp.Evaluate[chromedp.Void](`void (() => {
		window.ticks = [];
		new MutationObserver(() => {
			const b = [...document.querySelectorAll('.msg.out')].at(-1);
			const now = b && (b.dataset.delivery ?? 'OUTBOX');
			if (now && window.ticks.at(-1) !== now) window.ticks.push(now);
		}).observe(document.body, { subtree: true, childList: true, attributes: true });
	})()`))
}

// climbs tells whether a bubble only ever went forward, from where it is
// written to where it is read. Quick receipts may skip a step.
func climbs(seen []string) bool {
	order := []string{"OUTBOX", "DELIVERY_SENDING", "DELIVERY_SENT", "DELIVERY_DELIVERED", "DELIVERY_READ"}
	at := -1
	for _, s := range seen {
		i := slices.Index(order, s)
		if i <= at {
			return false
		}
		at = i
	}
	return at == len(order)-1 && (seen[0] == order[0] || seen[0] == order[1])
}
