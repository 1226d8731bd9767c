package web_test

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	deskv1 "github.com/parley-desk/parley/proto/gen/parley/desk/v1"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
	"github.com/parley-desk/parley/services/desk/web/webtest"
)

// said is a conversation of texts with a picture at its end.
func said(n int) (items []*deskv1.TimelineItem) {
	for i := range n {
		items = append(items, &deskv1.TimelineItem{Id: fmt.Sprintf("b%d", i), Author: deskv1.Author_AUTHOR_CUSTOMER, Text: fmt.Sprintf("Преди %d", i), AtMs: 1_700_000_000_000 + int64(i)*60_000})
	}
	return append(items,
		&deskv1.TimelineItem{Id: "lost", Author: deskv1.Author_AUTHOR_AGENT, Agent: webtest.Other, AgentName: "Орлин Василев", Text: "Не тръгна", Delivery: deskv1.Delivery_DELIVERY_FAILED, Reason: "PAGE_TOKEN", AtMs: 1_700_000_400_000},
		&deskv1.TimelineItem{Id: "pic", Author: deskv1.Author_AUTHOR_CUSTOMER, AtMs: 1_700_000_500_000, Attachments: []*threadv1.Attachment{{Type: "image"}},
			Files: []*deskv1.File{{Status: deskv1.FileStatus_FILE_STATUS_HERE, ContentType: "image/png", Name: "котка.png", Size: 70, Width: 8, Height: 8}}})
}

func earlierState(b *browser) {
	b.house.Before(said(3)...)
	signedIn(b)
	b.Await("the card", "document.querySelector('.earlier button')")
	b.Do(chromedp.Evaluate[chromedp.Void]("void document.querySelector('.head .only-narrow').click()"))
	b.Click(".contact details:has(.earlier) summary")
	b.Click(".earlier button")
	b.Await("what was said", "document.querySelectorAll('.past-log .msg').length === 5")
}

// TestAnEarlierConversationIsRead, page by page, with its pictures, and nothing can be
// done about it.
func TestAnEarlierConversationIsRead(t *testing.T) {
	b := open(t)
	b.house.Before(said(120)...)
	signedIn(b)
	b.Click(".contact details:has(.earlier) summary")
	b.Click(".earlier button")
	b.Await("its newest", "document.querySelectorAll('.past-log .msg').length === 100 && document.querySelector('dialog h2').innerText.includes('2023')")
	b.press("Show what was before")
	b.Await("all of it", "document.querySelectorAll('.past-log .msg').length === 122 && document.querySelector('.past-log .text').innerText === 'Преди 0' && !document.querySelector('.past-log .sys button')")
	if deeds := b.Eval("String(document.querySelectorAll('.past-log .answers, .past-log .choices').length)"); deeds != "0" {
		t.Errorf("%s deeds are offered", deeds)
	}
	const pic = "document.querySelector('.past-log a.pic')"
	b.Await("the picture", pic)
	got := b.Eval("new URL(" + pic + ".href).search")
	want := b.Eval("'?' + new URLSearchParams({ page: '1020304050607080', psid: '1001', conversation: 'c-1001-0', earlier: 'before', earlier_page: '1020304050607080', earlier_psid: '9009', item: 'pic', index: '0' })")
	if got != want {
		t.Errorf("the picture is asked for by %s, want %s", got, want)
	}
	b.Click(".past-log a.pic")
	b.Await("the picture over it, alone", "document.querySelector('.lightbox') && document.querySelector('dialog output').innerText === '1 / 1'")
	b.Shot("earlier-picture")
}

// TestATabIsParked by its cross, and by the middle button, after a question.
func TestATabIsParked(t *testing.T) {
	b := open(t)
	b.house.Add(active("1001", "Иван"), "Здравейте.")
	b.house.Add(active("1002", "Мария"), "Здравейте.")
	b.signIn()
	b.opens("Иван")
	b.Click(".tab .x")
	b.Await("the question", "document.querySelector('dialog h2')?.innerText === 'Park: Иван'")
	b.press("Cancel")
	b.Await("nothing to have happened", "!document.querySelector('dialog') && document.querySelectorAll('.tab').length === 2")
	at := strings.Split(b.Eval("(({ x, y, width, height }) => `${x + width / 3} ${y + height / 2}`)(document.querySelector('.tab').getBoundingClientRect())"), " ")
	x, _ := strconv.ParseFloat(at[0], 64)
	y, _ := strconv.ParseFloat(at[1], 64)
	b.Do(chromedp.MouseClickXY(x, y, chromedp.ButtonMiddle))
	b.Await("the question again", "document.querySelector('dialog h2')?.innerText === 'Park: Иван'")
	b.press("Park")
	b.Await("the other one alone", "!document.querySelector('dialog') && document.querySelectorAll('.tab').length === 1 && document.querySelector('.tab .name').innerText === 'Мария'")
}
