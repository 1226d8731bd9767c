package scenario_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/parley-desk/parley/services/desk/web/webtest"
)

const administrator = `apiVersion: parley.dev/v1
kind: Agent
metadata: {name: vera, displayName: Вера}
spec: {roles: [admin], password: {value: parley-demo}}
`

// office is a tab on the set-up page.
type office struct{ *webtest.Tab }

func (o office) enter(url, agent string) {
	o.Go(url + "/setup")
	o.Do(chromedp.WaitVisible(chromedp.CSS("input[name=agent]")), chromedp.SendKeys(chromedp.CSS("input[name=agent]"), agent),
		chromedp.SendKeys(chromedp.CSS("input[name=password]"), "parley-demo\r"))
}

// fill writes into a field of a form, by the path of the field.
func (o office) fill(within, field, text string) {
	css := fmt.Sprintf("%s [data-field=%q] :is(input, textarea)", within, field)
	o.Await("the field "+field, fmt.Sprintf("document.querySelector(%q)", css))
	o.Do(chromedp.Evaluate[chromedp.Void](fmt.Sprintf(`void ((e) => { e.value = ''; e.dispatchEvent(new Event('input', { bubbles: true })); })(document.querySelector(%q))`, css)),
		chromedp.SendKeys(chromedp.CSS(css), text))
}

func (o office) says(what, text string) {
	o.Await(what, fmt.Sprintf("document.body.innerText.includes(%q)", text))
}

// save presses the button of the form in a part of the step, and waits for what
// was made.
func (o office) save(kind string) {
	o.Click("[data-made=" + kind + "] .save .primary")
	o.Await("the "+kind, fmt.Sprintf("document.querySelector('[data-made=%s] .badge.good')", kind))
}

// TestAnAdministratorsFirstPage goes from an empty house to a customer's message at
// an agent, with nothing but a browser; rubbish is refused by field on the way.
func TestAnAdministratorsFirstPage(t *testing.T) {
	o := office{webtest.Browse(t)}
	h := together(t)
	h.apply(administrator)
	o.enter(h.desks[0], "vera")
	o.Await("the first step", "document.querySelector('[data-step=app] form')")
	o.Shot("setup-1-app")

	o.fill("", "appId", "rubbish")
	o.Click("[data-made=channelAccount] .save .primary")
	o.Await("what is wrong, by field", "document.querySelector('[data-field=appId] .wrong') && document.querySelector('[data-field=appSecret] .wrong')")
	o.Shot("setup-1-app-wrong")
	o.fill("", "meta.id", "demo")
	o.fill("", "appId", "424242424242424")
	o.fill("", "appSecret", "demo-app-secret-0123456789abcdef")
	o.save("channelAccount")
	o.Await("the notice", "document.querySelector('[data-made=privacy] blockquote')?.textContent.length > 100")
	o.Click("[data-made=privacy] > button")
	o.Await("who noted it", "document.body.innerText.includes('agent:vera took note')")
	o.Click("[data-next]")

	page, token := pageIDs()[0], "demo-page-token-shop"
	o.fill("", "meta.id", "shop")
	o.fill("", "meta.displayName", "Магазин Витоша")
	o.fill("", "pageId", page)
	o.fill("", "accessToken", "no token of this page")
	o.Click("[data-made=page] .save .primary")
	o.Await("that the token is refused", "document.querySelector('[data-field=accessToken] .wrong')")
	o.Shot("setup-2-token-wrong")
	o.fill("", "accessToken", token)
	o.Click("[data-made=page] .save .primary")
	o.Await("the page", "document.querySelector('[data-made=page] .badge.good')")
	// Who leaves goes on where it stands.
	o.Go(h.desks[0] + "/setup#/wizard")
	o.Await("the step after it", "document.querySelector('[data-step=webhook] [data-check=callback][data-verdict=VERDICT_WAITING]')")
	o.Click(".callback > button")
	o.Await("the verify token", "document.querySelectorAll('.callback input').length === 2")
	verify := o.Eval("document.querySelectorAll('.callback input')[1].value")
	if url := o.Eval("document.querySelector('.callback input').value"); !strings.HasSuffix(url, "/webhook/demo") {
		t.Errorf("the callback is %s", url)
	}
	o.Shot("setup-3-webhook")
	h.at("/sandbox/verify", map[string]any{"verify_token": verify})
	o.Await("that Meta verified it", "document.querySelector('[data-check=callback][data-verdict=VERDICT_PASSED]')")
	o.Click(".deeds button:nth-child(2)")
	o.Await("the subscription", "document.querySelector('[data-check=subscription][data-verdict=VERDICT_PASSED]')")
	h.at("/sandbox/customers/"+page+"/24681357924681357/messages", map[string]any{"text": "Имате ли сини обувки?", "name": "Иван Петров"})
	o.Await("the first message, live", "document.querySelector('[data-heard=true]')")
	o.Shot("setup-3-heard")
	o.Click("[data-next]")

	o.fill("[data-made=agent]", "meta.id", "mila")
	o.fill("[data-made=agent]", "meta.displayName", "Мила")
	o.fill("[data-made=agent]", "password", "kurz")
	o.Click("[data-made=agent] .save .primary")
	o.Await("that the password is too short", "document.querySelector('[data-made=agent] [data-field=password] .wrong')")
	o.fill("[data-made=agent]", "password", "parley-demo")
	o.Click("[data-made=agent] .save .primary")
	o.says("the agent", "People who answer: Мила")
	o.Shot("setup-4-people")
	o.Do(chromedp.Evaluate[chromedp.Void]("void document.querySelector('[data-made=queue] input[value=mila]').scrollIntoView()"))
	o.Await("the agent, chosen", "document.querySelector('[data-made=queue] input[value=mila]').checked")
	o.save("queue")
	o.Click("[data-next]")
	o.save("workstream")
	o.save("automatedMessage")
	o.Click("[data-made=page] .save .primary")
	o.Await("the page's workstream", "document.querySelector('.wizard nav li:nth-child(5) .mark').textContent === '✓'")
	o.Shot("setup-5-work")
	o.Click("[data-next]")
	o.Click("[data-deed=test]")
	o.Await("the whole way", "document.querySelectorAll('.deeds [data-verdict=VERDICT_PASSED]').length === 3")
	o.Await("a page that works", "document.querySelector('[data-state=PAGE_STATE_RUNNING], [data-state=PAGE_STATE_DEGRADED]')")
	o.says("the end", "All is set up")
	o.Shot("setup-6-check")

	desk := webtest.Browse(t)
	desk.SignIn(h.desks[0], "mila", "parley-demo")
	h.at("/sandbox/customers/"+page+"/24681357924681357/messages", map[string]any{"text": "Ало?"})
	desk.Await("the customer at an agent", "document.querySelector('.offer')")
}

// TestSetUpIsForAdministrators: agents and supervisors are told kindly, and nothing
// of the control plane is shown to them.
func TestSetUpIsForAdministrators(t *testing.T) {
	o := office{webtest.Browse(t)}
	h := together(t)
	h.ctl("apply", "-f", "../../deploy/sample/house.yaml")
	for _, who := range []string{"mila", "elena"} {
		o.enter(h.desks[0], who)
		o.Await("the refusal of "+who, "document.querySelector('.refused [role=alert]')?.textContent.includes('this page is for administrators')")
		o.Shot("setup-refused-" + who)
		o.Click(".refused button")
		o.Await("the door", "document.querySelector('input[name=agent]')") // whoever leaves before is still signed in
	}
	o.enter(h.desks[0], "petar")
	o.Await("the channels", "document.querySelector('[data-state]')")

	// The desk of agents is not hers.
	o.Go(h.desks[0] + "/")
	o.says("that it is not", "You lack the role of an agent")
	screens(t, o, h.desks[0])
	edits(o, h)
	audited(o, h)
}

// audited has a supervisor change what an agent takes on, and an administrator find
// that in the audit, with what it was before, and verify that nobody altered it.
func audited(o office, h *house) {
	floor := webtest.Browse(h.t)
	floor.SignIn(h.desks[0], "elena", "parley-demo")
	floor.Await("the floor", "document.querySelector('.floor .seg button:nth-child(2)')")
	floor.Click(".floor .seg button:nth-child(2)")
	floor.Click("[data-agent=mila] [data-deed=adjust]")
	floor.Await("what she takes on", "document.querySelector('.adjust [name=capacity]')")
	floor.Do(chromedp.Evaluate[chromedp.Void](`void ((e) => { e.value = 17; e.dispatchEvent(new Event('input', { bubbles: true })); })(document.querySelector('.adjust [name=capacity]'))`))
	floor.Click(".adjust .primary")
	floor.Await("that it is in force", "!document.querySelector('dialog') && document.querySelector('[data-agent=mila] td:nth-child(3)').innerText.endsWith('/17')")
	o.Go(h.desks[0] + "/setup#/audit/actor=agent%3Aelena&kind=config.change")
	o.Await("whose it was", "document.querySelectorAll('[data-record]').length === 1 && document.querySelector('[data-record] summary').innerText.includes('agents/mila')")
	o.Do(chromedp.Evaluate[chromedp.Void]("void document.querySelector('[data-record] summary').click()"))
	o.Await("what it was", "[...document.querySelectorAll('[data-record] tr')].some((r) => /Capacity/.test(r.textContent) && r.querySelector('.is').textContent === '17')")
	o.Shot("setup-audit")
	o.Click("[data-deed=verify]")
	o.Await("that all is well", "Number(document.querySelector('[data-whole]')?.dataset.whole) > 5")
}

// screens looks at every screen, in both languages, light and dark, narrow and wide.
func screens(t *testing.T, o office, url string) {
	for _, lang := range []string{"en", "bg"} {
		o.Size(1440, 1000, map[string]string{"en": "light", "bg": "dark"}[lang])
		for _, place := range []string{"channels", "channels/shop", "workstreams", "workstreams/facebook", "queues", "queues/front", "queues/+", "rules", "rules/+",
			"hours", "hours/+", "messages", "messages/greeting", "replies", "agents", "agents/mila", "skills", "history", "audit", "system", "wizard"} {
			o.Go(url + "/setup#/" + place)
			o.Await("a screen", "document.querySelector('.setup main .card-of')")
			if o.Eval("document.documentElement.lang") != lang {
				o.Click("button[lang=" + lang + "]")
				o.Await("the language", fmt.Sprintf("document.documentElement.lang === %q", lang))
			}
			o.Await("what it shows", "![...document.querySelectorAll('main [role=status]')].some((e) => /Loading|Зареждане/.test(e.textContent))")
			o.Shot("setup-" + lang + "-" + strings.ReplaceAll(place, "/", "-"))
			if lang == "bg" {
				o.Size(360, 800, "dark")
				if wide := o.Eval("String(document.scrollingElement.scrollWidth - innerWidth)"); wide != "0" {
					t.Errorf("at 360 px %s is %s px too wide", place, wide)
				}
				o.Shot("setup-narrow-" + strings.ReplaceAll(place, "/", "-"))
				o.Size(1440, 1000, "dark")
			}
			if faint := o.Eval(webtest.Faint); faint != "" {
				t.Errorf("on %s in %s these are too faint: %s", place, lang, faint)
			}
			if bare := o.Eval(`[...document.querySelectorAll('main :is(input, select, textarea, button, a)')].filter((e) =>
				!e.labels?.length && !e.getAttribute('aria-label') && !e.textContent.trim()).map((e) => e.outerHTML.slice(0, 80)).join(' ')`); bare != "" {
				t.Errorf("on %s these have no name: %s", place, bare)
			}
		}
	}
	o.Click("button[lang=en]")
}

// edits changes a queue while somebody else does, looks at the history and puts it
// back, tries a rule, and takes the configuration home.
func edits(o office, h *house) {
	o.Go(h.desks[0] + "/setup#/queues/front")
	o.fill("form", "priority", "7")
	h.ctl("apply", "-f", "testdata/queue.yaml")
	o.Click(".save .primary")
	o.says("who was faster", "Changed meanwhile by local:")
	o.Shot("setup-conflict")
	o.Click(".told button:nth-child(2)")
	o.Await("the form again", "!document.querySelector('.told')")
	o.Click(".save .primary")
	o.Await("the difference", "[...document.querySelectorAll('dialog tr')].some((r) => /Priority/.test(r.textContent) && r.querySelector('.is').textContent === '7')")
	o.Shot("setup-diff")
	o.Click("dialog .primary")
	o.Await("the list", "location.hash === '#/queues' && document.querySelector('.things')")
	o.Go(h.desks[0] + "/setup#/history")
	o.Await("the history", "document.querySelector('.versions summary')?.textContent.includes('agent:petar')")
	o.Click(".versions li:nth-child(2) summary")
	o.Await("what it changed", "document.querySelector('.versions li:nth-child(2) .is') && !document.querySelector('.versions li:nth-child(2) details > button').disabled")
	o.Click(".versions li:nth-child(2) details > button")
	o.Await("what it would change", "document.querySelector('dialog .was')")
	o.Shot("setup-history")
	o.Click("dialog .primary")
	o.Await("the version that puts it back", "document.querySelector('.versions summary')?.textContent.includes('put back')")

	o.Go(h.desks[0] + "/setup#/rules/+")
	o.fill("form", "meta.id", "sort")
	o.Click("[data-field=classify] > .rows-of > .add")
	o.fill("form", "classify[0].name", "refunds")
	o.fill("form", "classify[0].when", "message.txt == 1")
	o.Await("what the compiler says while it is typed", "/txt/.test(document.querySelector('[data-field=\"classify[0].when\"] .wrong')?.textContent)")
	o.Shot("setup-rule-wrong")
	o.fill("form", "classify[0].when", "message.text.contains('връщане')")
	o.Click("[data-field='classify[0].set'] summary")
	o.fill("form", "classify[0].set.priority", "9")
	o.Await("that it is good", "!document.querySelector('.wrong')")
	o.Click(".save .primary")
	o.Await("the rule in the list", "location.hash === '#/rules' && document.querySelector('.things')")
	o.Go(h.desks[0] + "/setup#/rules/sort")
	o.Do(chromedp.SendKeys(chromedp.CSS(".bench [name=text]"), "Искам връщане на пари"))
	o.Click("[data-deed=try]")
	o.Await("where it would go, and the rule that matched", "document.querySelector('.outcome [data-queue=front]') && document.querySelector('[data-outcome=RULE_OUTCOME_APPLIED]')")
	o.Shot("setup-bench")

	o.Go(h.desks[0] + "/setup#/system")
	o.Await("the checks", "document.querySelector('[data-verdict=CHECK_STATUS_OK]')")
	o.Click("[data-deed=export]")
	o.Await("the manifest", "document.querySelector('.yaml')")
	o.Shot("setup-system")
	if page, command := o.Eval("document.querySelector('.yaml').textContent"), string(h.ctl("export", "config")); page != command {
		h.t.Errorf("the page exports %d bytes and the command %d", len(page), len(command))
	}
}
