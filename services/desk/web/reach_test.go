package web_test

import (
	"fmt"
	"testing"

	"github.com/parley-desk/parley/services/desk/web/webtest"
)

// beyond are the things of a selector that the window or a box around them cuts off.
const beyond = `((css) => [...document.querySelectorAll(css)].filter((e) => e.checkVisibility()).filter((e) => {
	const r = e.getBoundingClientRect();
	for (let box = e.parentElement; box; box = box.parentElement) {
		const b = box.getBoundingClientRect();
		if (getComputedStyle(box).overflowX !== 'visible' && (r.left < b.left - 1 || r.right > b.right + 1)) return true;
	}
	return r.right > innerWidth + 1;
}).map((e) => e.innerText).join(', '))`

// whole tells of a choice whether its text has room.
const whole = `((e) => { const own = e.style.cssText, is = e.offsetWidth; e.style.maxWidth = e.style.width = 'max-content'; const wants = e.offsetWidth; e.style.cssText = own; return is + 1 >= wants; })`

// TestEverythingIsInReach: in the longer of the languages, at a desk and on a telephone,
// what can be done with a conversation stands where it is seen, whole.
func TestEverythingIsInReach(t *testing.T) {
	b := open(t)
	world(b.house)
	b.Before(`localStorage.setItem('parley.prefs', '{"lang":"bg"}')`)
	b.signIn()
	for _, width := range []int64{360, 1440} {
		b.Size(width, 860, "light")
		b.Await("a presence that is whole", whole+"(document.querySelector('.presence select'))")
	}
	b.Click(".row")
	b.Await("the history", "document.querySelector('.msg.in .answers')")
	for _, width := range []int64{360, 1440} {
		b.Size(width, 860, "light")
		b.Await(fmt.Sprintf("all deeds at %d px", width), fmt.Sprintf("innerWidth === %d && %s('.head .acts button') === ''", width, beyond))
		b.Await("no empty line for what one may do with a message", `[...document.querySelectorAll('.msg.in.last:has(> .answers)')].every((m) => {
			const foot = m.querySelector('.foot').getBoundingClientRect();
			return m.querySelector('.answers').getBoundingClientRect().bottom <= foot.bottom + 5;
		})`)
		b.Shot(fmt.Sprintf("reach-%d", width))
	}
}

// TestASupervisorReachesEverything: the same for who supervises.
func TestASupervisorReachesEverything(t *testing.T) {
	b := open(t)
	b.house.Skilled()
	busy(b)
	b.supervise()
	b.Click(".me")
	b.press("Български")
	b.Key("\x1b")
	b.Await("the language", "document.documentElement.lang === 'bg'")
	for _, width := range []int64{360, 1440} {
		b.Size(width, 860, "light")
		b.Await(fmt.Sprintf("both places at %d px", width), fmt.Sprintf("innerWidth === %d && %s('.places button') === '' && [...document.querySelectorAll('.places button')].every((e) => e.scrollWidth <= e.clientWidth)", width, beyond))
		b.Shot(fmt.Sprintf("reach-floor-%d", width))
	}
	b.Await("the deeds", beyond+"('.floor tbody .acts button') === ''")
	b.Await("what was said last beside them", `[...document.querySelectorAll('.floor tbody tr')].every((e) =>
		e.querySelector('.line').getBoundingClientRect().right <= e.lastElementChild.getBoundingClientRect().left + 1)`)
}

// TestFieldsStandInLine: labels beside each other begin at one height.
func TestFieldsStandInLine(t *testing.T) {
	b := setUp(t, webtest.Admin)
	b.turnTo("audit")
	b.Await("the filter", "document.querySelector('.filter select')")
	b.Reads("how many px labels are off by", "[...new Set([...document.querySelectorAll('.filter label')].map((e) => e.getBoundingClientRect()).map((r, i, all) => Math.round(r.top - Math.min(...all.filter((o) => Math.abs(o.top - r.top) < 15).map((o) => o.top)))))].join(' ')", "0")
}

// TestTimesAreTheReaders: when something was seen is told as everywhere on the page, by
// the reader's clock, and not as programs write it.
func TestTimesAreTheReaders(t *testing.T) {
	b := setUp(t, webtest.Admin)
	b.turnTo("channels")
	b.Await("since when events come", "document.querySelector('[data-check=events] small')?.textContent.startsWith('signed events come since 2026-11-28')")
	told := b.Eval("document.querySelector('[data-check=events] small').textContent")
	clock := b.Eval("new Date(Date.UTC(2026, 10, 29, 6, 7, 31)).toLocaleString('en', { dateStyle: 'medium', timeStyle: 'short', hourCycle: 'h23' })")
	if want := "signed events come since 2026-11-28, the last at " + clock; told != want {
		t.Errorf("the page says %q, want %q", told, want)
	}
}
