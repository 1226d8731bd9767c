package web_test

import (
	"fmt"
	"net/http/httptest"
	"testing"
	"time"

	deskv1 "github.com/parley-desk/parley/proto/gen/parley/desk/v1"
	distributionv1 "github.com/parley-desk/parley/proto/gen/parley/distribution/v1"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
	"github.com/parley-desk/parley/services/desk/web/webtest"
)

// hears is a page that is told all that the desk is told, and does nothing about it.
const hears = `String(void fetch('/parley.desk.v1.DeskService/Events', {
	method: 'POST', headers: { 'Content-Type': 'application/connect+json', 'Connect-Protocol-Version': '1' },
	body: new Uint8Array([0, 0, 0, 0, 2, 123, 125]),
}).then(async (answer) => {
	for (const reader = answer.body.getReader(); !(await reader.read()).done;);
}))`

// BenchmarkEvents has things happen on a desk for ten seconds, and tells which share of
// one processor the page's own thread takes. On the desk of an agent, with 60
// conversations of which 12 are in hand and 50 events a second, under 25 % is wanted; a
// desk of 300 in hand, where 50 things happen a second that are up to 100 events, is for
// comparing. Messages are of customers, half of them in the conversation that is open; the
// mix is of all that happens on a desk. Nothing asks the page meanwhile, and it is the
// thread's own time that counts; but a machine that is busy draws less often, which is
// told too. Beside it stand what the same page takes while nothing happens, and what an
// empty one takes that is told as much.
func BenchmarkEvents(b *testing.B) {
	agents, crowd := stage{all: 60, inHand: 12}, stage{all: 300, inHand: 300}
	b.Run("agent/messages", func(b *testing.B) { loaded(b, agents, 25, messages) }) // of two events each
	b.Run("agent/mix", func(b *testing.B) { loaded(b, agents, 35, mix) })           // 28 events in 20
	b.Run("crowd/messages", func(b *testing.B) { loaded(b, crowd, 50, messages) })
	b.Run("crowd/mix", func(b *testing.B) { loaded(b, crowd, 50, mix) })
}

// stage is how many conversations a desk has, and how many of them are in hand and not
// set aside.
type stage struct{ all, inHand int }

// loaded measures a page to which so many things happen in a second.
func loaded(b *testing.B, on stage, things int, happen func(h *webtest.House, on stage, id string, n int)) {
	tab, house := webtest.BrowseAlone(b), webtest.New()
	handler, err := house.Handler()
	if err != nil {
		b.Fatal(err)
	}
	server := httptest.NewServer(handler)
	b.Cleanup(func() { house.Cut(true); server.CloseClientConnections(); server.Close() })
	for n := range on.all {
		c := active(fmt.Sprint(10_000+n), fmt.Sprintf("Клиент %d", n))
		if n >= on.inHand {
			c.Phase = threadv1.Phase_PHASE_WAITING
		}
		house.Add(c, "Здравейте, имам въпрос.")
	}
	tab.SignIn(server.URL, webtest.Agent, webtest.Password)
	tab.Click(".row")
	tab.Await("the history", "document.querySelector('.msg.in')")
	const long, warm = 10 * time.Second, 3 * time.Second
	n, every := 0, time.Second/time.Duration(things)
	flow := func(d time.Duration) {
		for began, first := time.Now(), n; time.Since(began) < d; n++ {
			time.Sleep(time.Until(began.Add(time.Duration(n-first) * every)))
			happen(house, on, fmt.Sprintf("%d.%d", b.N, n), n)
		}
	}
	during := func(f func(time.Duration)) webtest.Load {
		f(warm)
		before := tab.Load()
		f(long)
		return tab.Load().Less(before)
	}
	share := func(d time.Duration) float64 { return 100 * d.Seconds() / long.Seconds() }
	for b.Loop() {
		b.ReportMetric(share(during(time.Sleep).All), "idle-%")
		l := during(flow)
		b.ReportMetric(share(l.All), "busy-%")
		b.ReportMetric(share(l.Script), "script-%")
		b.ReportMetric(share(l.Layout), "layout-%")
		b.ReportMetric(share(l.Style), "style-%")
		b.ReportMetric(float64(l.Drawn)/long.Seconds(), "drawn/s")
	}
	tab.Go(server.URL + "/leave")
	tab.Eval(hears)
	b.ReportMetric(share(during(flow).All), "hearing-%")
}

// messages has a customer write.
func messages(h *webtest.House, on stage, id string, n int) {
	psid := fmt.Sprint(10_000 + n/2%on.inHand)
	if n%2 == 0 {
		psid = "10000"
	}
	h.Say(psid, &deskv1.TimelineItem{Id: "m." + id, Author: deskv1.Author_AUTHOR_CUSTOMER, Text: fmt.Sprint("Събитие ", n)})
}

// mix has one of twenty things happen, in turns: customers and agents write, in the open
// conversation and elsewhere, messages go their way and are read, offers come and go,
// queues fill, and the agent's load changes.
func mix(h *webtest.House, on stage, id string, n int) {
	open, other, new := "10000", fmt.Sprint(10_001+n/2%(on.inHand-1)), fmt.Sprint("9", n/20)
	customer := &deskv1.TimelineItem{Id: "m." + id, Author: deskv1.Author_AUTHOR_CUSTOMER, Text: "Благодаря! А кога ще пристигне пратката, и мога ли да платя с карта? " + id}
	agent := &deskv1.TimelineItem{Id: "m." + id, Author: deskv1.Author_AUTHOR_AGENT, Agent: webtest.Agent, Text: "Пратката пътува и ще е при вас утре. " + id, Delivery: deskv1.Delivery_DELIVERY_SENDING}
	switch n % 20 {
	case 0, 5, 10:
		h.Say(open, customer)
	case 1:
		h.Say(open, agent)
	case 2, 12:
		h.Deliver(open, deskv1.Delivery_DELIVERY_SENT)
	case 6, 14:
		h.Deliver(open, deskv1.Delivery_DELIVERY_DELIVERED)
	case 8, 16:
		h.Deliver(open, deskv1.Delivery_DELIVERY_READ)
	case 3:
		h.Add(webtest.Customer{PSID: new, Name: "Рая Николова", Queue: "Доставки", Phase: threadv1.Phase_PHASE_OPEN, Window: 24 * time.Hour, Offer: time.Minute}, "Ало?")
	case 13:
		h.Take(new)
	case 4, 15:
		h.Stand([]distributionv1.Presence{distributionv1.Presence_PRESENCE_AVAILABLE, distributionv1.Presence_PRESENCE_BUSY}[n/10%2])
	case 9, 19:
		h.Fill(int32(n % 7))
	case 11:
		h.Say(other, agent)
	default:
		h.Say(other, customer)
	}
}
