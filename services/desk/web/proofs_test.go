package web_test

import (
	"fmt"
	"strconv"
	"testing"
	"time"

	deskv1 "github.com/parley-desk/parley/proto/gen/parley/desk/v1"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
	"github.com/parley-desk/parley/services/desk/web/webtest"
)

// shifts keeps what moves on the page though nobody did anything. Conversations change
// places in their list when a newer message comes: that is what the list says.
const shifts = `window.moved = []; new PerformanceObserver((list) => {
	for (const e of list.getEntries()) {
		const what = e.sources.map((s) => s.node).filter((n) => !n?.closest?.('.rows'));
		if (!e.hadRecentInput && what.length) moved.push(e.value.toFixed(4) + ' ' + what.map((n) => n?.className || n?.nodeName).join(', '));
	}
}).observe({ type: 'layout-shift', buffered: true });`

// TestNothingMovesByItself: while the page is loaded, messages come, an offer comes and
// goes, and the line breaks, what the agent reads and writes stays where it is.
func TestNothingMovesByItself(t *testing.T) {
	b := open(t)
	b.Before(shifts)
	world(b.house)
	b.SignIn(b.url, webtest.Agent, webtest.Password)
	b.opens("Иван")
	b.Await("the composer", "document.activeElement?.tagName === 'TEXTAREA'")
	const place = "JSON.stringify(['textarea', '.send', '.head', '.acts'].map((css) => { const r = document.querySelector(css).getBoundingClientRect(); return [r.x, r.y, r.width, r.height].map(Math.round); }))"
	before := b.Eval(place)
	for n := range 10 {
		b.house.Say("1001", &deskv1.TimelineItem{Id: fmt.Sprint("m.more", n), Author: deskv1.Author_AUTHOR_CUSTOMER, Text: "Ало? Има ли някой? " + fmt.Sprint(n)})
	}
	b.Await("the last of them", "[...document.querySelectorAll('.msg.in .text')].at(-1)?.textContent.endsWith('9')")
	b.house.Add(webtest.Customer{PSID: "2001", Name: "Рая Николова", Queue: "Доставки", Phase: threadv1.Phase_PHASE_OPEN, Window: 24 * time.Hour, Offer: 10 * time.Minute}, "Ало?")
	b.Await("the offer", "document.querySelector('.offer')")
	b.house.Take("2001")
	b.Await("its end", "!document.querySelector('.offer')")
	last := b.Eval("String([...document.querySelectorAll('.msg.in .text')].at(-1).getBoundingClientRect().bottom)")
	if after := b.Eval(place); after != before {
		t.Errorf("what the agent works with moved from %s to %s", before, after)
	}
	if moved := b.Eval("moved.join(' | ')"); moved != "" {
		t.Errorf("moved by themselves: %s", moved)
	}
	// What says that the line is broken takes its room from what is further up.
	b.house.Cut(true)
	b.Await("the lost line", "document.querySelector('.banner.bad')")
	if broken := b.Eval(place); broken != before {
		t.Errorf("when the line broke, what the agent works with moved from %s to %s", before, broken)
	}
	if read := b.Eval("String(Math.abs([...document.querySelectorAll('.msg.in .text')].at(-1).getBoundingClientRect().bottom - " + last + ") <= 1)"); read != "true" {
		t.Error("when the line broke, what is read moved")
	}
}

// TestABusyDesk shows three hundred conversations and a thread of ten thousand messages:
// what is drawn stays bounded, and what came last is there.
func TestABusyDesk(t *testing.T) {
	b := open(t)
	const many, long = 300, 10_000
	for n := range many {
		b.house.Add(active(fmt.Sprint(10_000+n), fmt.Sprintf("Клиент %d", n)), "Здравейте, имам въпрос.")
	}
	for n := range long {
		b.house.Say("10000", &deskv1.TimelineItem{Id: fmt.Sprint("m.long", n), Author: deskv1.Author_AUTHOR_CUSTOMER, Text: "Съобщение " + fmt.Sprint(n)})
	}
	b.signIn()
	b.opens("Клиент 0")
	b.Await("the newest", "[...document.querySelectorAll('.msg.in .text')].at(-1)?.textContent === 'Съобщение 9999'")
	nodes, _ := strconv.Atoi(b.Eval("String(document.querySelectorAll('*').length)"))
	rows := b.Eval("String(document.querySelectorAll('.row').length)")
	t.Logf("%d elements, %s rows, %s messages", nodes, rows, b.Eval("String(document.querySelectorAll('.msg').length)"))
	if nodes > 8_000 {
		t.Errorf("%d elements are drawn", nodes)
	}
	const shown = "document.querySelectorAll('.msg').length"
	b.Await("further up", "(document.querySelector('.log').scrollTop = 0, "+shown+" > 300)")
	b.Await("a way back", "document.querySelector('.jump')")
	b.Click(".jump")
	b.Await("the end of it, and no more than there was", shown+" <= 200 && [...document.querySelectorAll('.msg.in .text')].at(-1).textContent === 'Съобщение 9999'")
	// The house's clock of events: what came while all of it was read is there, too.
	b.house.Say("10000", &deskv1.TimelineItem{Id: "m.after", Author: deskv1.Author_AUTHOR_CUSTOMER, Text: "Още едно"})
	b.Await("one more", "[...document.querySelectorAll('.msg.in .text')].at(-1)?.textContent === 'Още едно'")
}

// TestEventsAreDrawnTogether: however many events come, the page is drawn when it is
// time, and once. So fifty a second cost what ten cost; BenchmarkEvents says how much.
func TestEventsAreDrawnTogether(t *testing.T) {
	b := open(t)
	b.Before(`window.due = []; { const real = setTimeout; window.setTimeout = (f, ms, ...rest) => (ms === 100 ? due.push(f) && 1e9 : real(f, ms, ...rest)); }`)
	b.house.Add(active("1001", "Иван Петров"), "Здравейте.")
	b.signIn()
	b.opens("Иван")
	b.Eval(`String(window.drawn = 0, new MutationObserver((all) => { drawn += all.some((m) => [...m.addedNodes].some((n) => n.matches?.('.msg'))); })
		.observe(document.querySelector('.log-inner'), { childList: true }))`)
	for n := range 50 {
		b.house.Say("1001", &deskv1.TimelineItem{Id: fmt.Sprint("m.", n), Author: deskv1.Author_AUTHOR_CUSTOMER, Text: fmt.Sprint("Събитие ", n)})
	}
	times := 0
	for b.Eval("[...document.querySelectorAll('.msg.in .text')].at(-1).textContent") != "Събитие 49" {
		times++
		b.Await("a time to draw", "due.length")
		if n := b.Eval("String(drawn)"); n != fmt.Sprint(times-1) {
			t.Fatalf("drawn %s times before it was time for the %d.", n, times)
		}
		b.Eval("String(due.length === 1 && due.pop()())")
		b.Await("a drawing", fmt.Sprint("drawn === ", times))
	}
	t.Logf("fifty events were drawn in %d times", times)
}
