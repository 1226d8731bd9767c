package scenario_test

import (
	"fmt"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/parley-desk/parley/services/desk/web/webtest"
)

// TestAgentQuotesAndReacts: the customer sees that the agent types, which message
// an answer answers, a reaction and that it is taken back, and a thumb; and presses
// a button of a template, which comes to the agent.
func TestAgentQuotesAndReacts(t *testing.T) {
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
	say(phone, "Имате ли зелени?")
	desk.Await("the offer", "document.querySelector('.offer .secs')")
	desk.Key("a", chromedp.KeyModifiers(chromedp.ModifierAlt))
	desk.Await("the first question", says(".msg.in", "зелени"))
	say(phone, "А сини?")
	desk.Await("the second question", says(".msg.in", "сини"))

	desk.Click(".msg.in .answers button:nth-of-type(1)") // of the first question
	desk.Await("what is quoted", says(".pen .quote, .quote", "зелени"))
	desk.Do(chromedp.Focus(chromedp.CSS("textarea")))
	desk.Key("Да")
	phone.Await("that the agent types", "document.querySelector('.typing')")
	desk.Enter()
	phone.Await("the answer and what it answers", "[...document.querySelectorAll('li.theirs')].some((e) => e.textContent.includes('Да') && /зелени/.test(e.querySelector('.answers')?.textContent))")
	desk.Await("the quote at the desk", "/зелени/.test(document.querySelector('.msg.out .quote')?.textContent)")

	desk.Click(".msg.in .answers button:nth-of-type(3)")
	phone.Await("the reaction", "document.querySelector('li.mine .reaction')?.textContent.startsWith('❤')")
	desk.Await("the reaction at the desk", "document.querySelector('.msg.in .reaction')")
	desk.Shot("kinds-desk")
	desk.Click(".msg.in .answers button:nth-of-type(3)")
	phone.Await("that it was taken back", "!document.querySelector('li.mine .reaction')")

	desk.Click(".thumb")
	phone.Await("the thumb", "document.querySelector('li.theirs img[src=\"thumb.svg\"]')")
	desk.Await("that the thumb arrived", "document.querySelector('[data-delivery=DELIVERY_DELIVERED] .sticker, [data-delivery=DELIVERY_READ] .sticker')")

	desk.Do(chromedp.Evaluate[chromedp.Void](template("Кой размер?", "Малък", "Голям")))
	desk.Await("that the desk takes a template", "window.answered === 200")
	phone.Await("the template", says("li.theirs button.press", "Голям"))
	phone.Shot("kinds-phone")
	phone.Click("li.theirs button.press:last-of-type")
	desk.Await("what was pressed", says(".msg.in", "Голям"))
	desk.Do(chromedp.Evaluate[chromedp.Void](template("Кой?", "1", "2", "3", "4")))
	desk.Await("that the desk takes none with four buttons, which Meta would not", "window.answered === 400")
}

// template is a program that sends a button template in the first conversation,
// with the session of the page, and keeps the status in window.answered.
func template(text string, titles ...string) string {
	var buttons string
	for n, title := range titles {
		buttons += fmt.Sprintf("{title: %q, payload: 'p%d'},", title, n)
	}
	return fmt.Sprintf(`void (async () => {
		const call = (method, body) => fetch('/parley.desk.v1.DeskService/' + method, {method: 'POST',
			headers: {'Content-Type': 'application/json', 'Connect-Protocol-Version': '1'}, body: JSON.stringify(body)});
		const list = await (await call('ListConversations', {})).json();
		const sent = await call('SendMessage', {ref: list.conversations[0].ref, clientId: crypto.randomUUID(),
			template: {button: {text: %q, buttons: [%s]}}});
		window.answered = sent.status;
	})()`, text, buttons)
}
