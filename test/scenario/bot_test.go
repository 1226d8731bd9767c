package scenario_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/parley-desk/parley/services/desk/web/webtest"
)

// TestABotHasItFirst: the sandbox's bot greets, the customer presses a quick reply,
// the bot notes the topic and hands over, the rules send it to the queue of that
// topic, and an agent reads all of it and answers. Then the bot's secret is another,
// it refuses to answer, and the next conversation comes to an agent with the reason.
func TestABotHasItFirst(t *testing.T) {
	desk := webtest.Browse(t)
	h := together(t, "--engagement.bot-loopback", "true")
	manifest, err := os.ReadFile("../../deploy/sample/bot.yaml")
	if err != nil {
		t.Fatal(err)
	}
	withBot := func(name, secret string) {
		file := filepath.Join(h.dir, name)
		text := strings.ReplaceAll(string(manifest), "http://127.0.0.1:8082", h.sandbox)
		if err := os.WriteFile(file, []byte(strings.ReplaceAll(text, "demo-bot-secret-0123456789", secret)), 0o600); err != nil {
			t.Fatal(err)
		}
		h.ctl("apply", "-f", file)
	}
	h.ctl("apply", "-f", "../../deploy/sample/house.yaml")
	withBot("bot.yaml", "demo-bot-secret-0123456789")
	phone := desk.Beside()
	phone.Size(1100, 820, "light")
	desk.SignIn(h.desks[0], "mila", "parley-demo")
	desk.Await("an available agent", "document.querySelector('[data-presence=PRESENCE_AVAILABLE]')")
	phone.Go(h.sandbox + "/phone")
	phone.Await("the pages", "document.querySelector('#page').options.length > 0")
	newcomer(phone)
	say(phone, "Добър ден")
	phone.Await("the bot's greeting and its topics", says("li.theirs button.press", "Поръчка"))
	desk.Await("that no agent is asked yet", "!document.querySelector('.offer')")
	phone.Click("li.theirs button.press")
	phone.Await("that a colleague takes over", says("li.theirs", "колега"))
	desk.Await("the offer", "document.querySelector('.offer .secs')")
	desk.Key("a", chromedp.KeyModifiers(chromedp.ModifierAlt))
	desk.Await("what the bot said, as the bot's", says(".msg.out.auto", "ботът на магазина"))
	desk.Await("who said it", says(".msg .by", "Bot"))
	desk.Await("what the bot found out", says(".sys", "topic"))
	desk.Await("the escalation", says(".sys", "The bot handed over"))
	desk.Await("the queue of the topic", says(".sys", "Orders"))
	desk.Shot("bot-desk")
	desk.Do(chromedp.Focus(chromedp.CSS("textarea")))
	desk.Key("Коя поръчка?")
	desk.Enter()
	phone.Await("the agent's answer", says("li.theirs", "Коя поръчка?"))
	phone.Shot("bot-phone")

	withBot("other.yaml", "another-secret-9876543210")
	newcomer(phone)
	say(phone, "Има ли някой?")
	desk.Await("the second offer", "document.querySelector('.offer .secs')")
	desk.Key("a", chromedp.KeyModifiers(chromedp.ModifierAlt))
	desk.Await("why it is an agent's", says(".sys", "The bot handed over · it failed"))
	desk.Shot("bot-failed")
}
