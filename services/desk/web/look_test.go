package web_test

import (
	"fmt"
	"testing"

	"github.com/parley-desk/parley/services/desk/web/webtest"
)

func TestNoSidewaysScroll(t *testing.T) {
	b := open(t)
	world(b.house)
	b.signIn()
	b.Click(".row")
	b.Await("the history", "document.querySelector('.msg.in')")
	for _, width := range []int64{360, 412, 768, 1024, 1440, 2560} {
		b.Size(width, 860, "light")
		b.Await(fmt.Sprintf("a page of %d px", width), fmt.Sprintf("innerWidth === %d && document.scrollingElement.scrollWidth === innerWidth", width))
		b.Shot(fmt.Sprintf("width-%d", width))
		b.Await("the place to write beneath the messages", "Math.abs(document.querySelector('.pen .modes').getBoundingClientRect().left - document.querySelector('.msg.in').getBoundingClientRect().left) <= 8")
		over := b.Eval(`[...document.querySelectorAll('.desk *')].filter((e) => {
			const r = e.getBoundingClientRect();
			return r.width > 0 && r.right > innerWidth + 1 && !e.closest('.tabs, .acts, .panel, .menu');
		}).map((e) => e.className || e.tagName).join(' ')`)
		if over != "" {
			t.Errorf("at %d px these stick out: %s", width, over)
		}
	}
}

func TestTextIsReadable(t *testing.T) {
	b := open(t)
	world(b.house)
	b.signIn()
	b.Await("the rows", "document.querySelectorAll('.row').length === 5")
	for _, scheme := range []string{"light", "dark"} {
		b.Size(1440, 3000, scheme)
		for i := range 5 {
			b.Press("the row", fmt.Sprintf("document.querySelectorAll('.row')[%d]", i))
			b.Await("the history", fmt.Sprintf("document.querySelectorAll('.row')[%d].ariaCurrent === 'true' && document.querySelector('.msg')", i))
			if bad := b.Eval(webtest.Faint); bad != "" {
				t.Errorf("%s, row %d: too faint: %s", scheme, i, bad)
			}
		}
	}
}
