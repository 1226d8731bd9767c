package scenario_test

import (
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/parley-desk/parley/services/desk/web/webtest"
)

// TestTwoAgentsAndAKill: two agents press for one waiting customer in the same
// moment, one gets the customer and the other is told; the house is killed between
// Meta taking the winner's answer and its saying so, and the customer has it once.
func TestTwoAgentsAndAKill(t *testing.T) {
	desks := []*webtest.Tab{webtest.Browse(t), webtest.Browse(t)}
	h := together(t)
	h.apply(picked(t))
	for i, agent := range []string{"mila", "orlin"} {
		desks[i].SignIn(h.desks[0], agent, "parley-demo")
		desks[i].Await("an available agent", "document.querySelector('[data-presence=PRESENCE_AVAILABLE]')")
	}
	phone := desks[0].Beside()
	phone.Go(h.sandbox + "/phone")
	phone.Await("the pages", "document.querySelector('#page').options.length > 0")
	newcomer(phone)
	say(phone, "Кой ще ми помогне?")

	for _, desk := range desks {
		desk.Await("the filter", "document.querySelectorAll('.sections button').length === 3")
		desk.Click(".sections button:last-child")
		desk.Await("who waits", "document.querySelectorAll('.open-items .take').length === 1")
	}
	won := race(t, desks)
	winner, loser := desks[won], desks[1-won]
	// The winner may have it already, or be about to.
	loser.Await("that somebody was faster, and nobody waits", "!document.querySelector('.open-items .take') && /^(Somebody else has|It is offered to)/.test(document.querySelector('.banner[role=alert]')?.innerText)")
	loser.Shot("race-lost")
	if loser.Eval("String(document.querySelectorAll('.msg').length)") != "0" {
		t.Error("who lost reads the conversation")
	}
	midSend(t, h, winner, phone)
}

// picked is the sample house with agents who pick.
func picked(t *testing.T) string {
	t.Helper()
	raw, err := os.ReadFile("../../deploy/sample/house.yaml")
	if err != nil {
		t.Fatal(err)
	}
	const push = "  queue: front\n  units: 1\n"
	if strings.Count(string(raw), push) != 1 {
		t.Fatalf("the sample's workstream has not %q any more", push)
	}
	return strings.Replace(string(raw), push, push+"  mode: pick\n", 1)
}

// race has both press at once and tells which of them got the conversation.
func race(t *testing.T, desks []*webtest.Tab) (won int) {
	t.Helper()
	for _, desk := range desks {
		// The click is dispatched without waiting for what comes of it.
		desk.Do(chromedp.Evaluate[chromedp.Void]("void document.querySelector('.open-items .take').click()"))
	}
	for _, desk := range desks {
		desk.Await("an end of the race", "document.querySelector('.head h1') || document.querySelector('.banner[role=alert]')")
	}
	has := func(i int) bool { return desks[i].Eval("String(!!document.querySelector('.head h1'))") == "true" }
	if has(0) == has(1) {
		t.Fatalf("the first has it: %v, and the second: %v", has(0), has(1))
	}
	if has(1) {
		return 1
	}
	return 0
}

// midSend kills the house while an answer is at Meta, which has taken it and not
// said so.
func midSend(t *testing.T, h *house, desk, phone *webtest.Tab) {
	t.Helper()
	h.at("/sandbox/script", map[string]any{"rules": []map[string]any{{"do": "deliver_then_stall", "stall_ms": 60_000, "match": map[string]any{"text_prefix": "Аз съм тук"}}}})
	answer(desk, "Аз съм тук, питайте.")
	phone.Await("what the customer has already", says("li.theirs", "Аз съм тук"))
	// Which of the two depends on how soon after Meta took it this machine comes to look.
	if said := desk.Eval("[...document.querySelectorAll('.msg.out')].at(-1).dataset.delivery"); said != "DELIVERY_SENDING" && said != "DELIVERY_UNCERTAIN" {
		t.Errorf("the desk says %s of what Meta has not answered", said)
	}
	all := h.processes[0]
	all.signal(t, syscall.SIGKILL)
	desk.Await("the lost line", "document.querySelector('.banner.bad')")
	all.start(t)
	h.awaitReady()
	desk.Await("the line again", "!document.querySelector('.banner.bad')")
	desk.Await("that it was sent, and no question", "['DELIVERY_SENT', 'DELIVERY_DELIVERED', 'DELIVERY_READ'].includes([...document.querySelectorAll('.msg.out')].at(-1)?.dataset.delivery)")
	answer(desk, "Слушам ви.")
	phone.Await("what came after it", says("li.theirs", "Слушам ви"))
	for where, n := range map[string]string{
		"on the phone": phone.Eval("String(document.querySelectorAll('li.theirs .bubble').length)"),
		"on the desk":  desk.Eval("String(document.querySelectorAll('.msg.out').length)"),
	} {
		if n != "2" {
			t.Errorf("%s answers %s, want 2", n, where)
		}
	}
}
