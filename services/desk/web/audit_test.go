package web_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect"
	"github.com/chromedp/chromedp"

	adminv1 "github.com/parley-desk/parley/proto/gen/parley/admin/v1"
	auditv1 "github.com/parley-desk/parley/proto/gen/parley/audit/v1"
	"github.com/parley-desk/parley/services/desk/web/webtest"
)

const (
	listRecords   = adminv1.AuditService_ListRecords_FullMethodName
	verifyRecords = adminv1.AuditService_VerifyRecords_FullMethodName
)

// numbers are those of the records that are shown.
func (b *browser) numbers() string {
	return b.Eval("[...document.querySelectorAll('[data-record]')].map((e) => e.dataset.record).join(' ')")
}

// TestAnAuditorFindsRecords: an auditor, who sets nothing up, reads the audit by
// filters, sees what became of what, and what comes while the page is looked at.
func TestAnAuditorFindsRecords(t *testing.T) {
	b := setUp(t, webtest.Auditor)
	if menu := b.Eval("[...document.querySelectorAll('.places a')].map((e) => e.innerText).join(' ')"); strings.Contains(menu, "Set-up") || strings.Contains(menu, "System") || !strings.Contains(menu, "Audit") {
		t.Errorf("an auditor is offered %s", menu)
	}
	b.turnTo("queues/front")
	b.Reads("what an auditor may do with a queue", "document.querySelectorAll('.save .primary, .save .danger').length + ' ' + document.querySelector('fieldset.whole').disabled", "0 true")
	b.Click(".save a")
	b.Await("its records", "document.querySelectorAll('[data-record]').length === 8 && document.querySelector('[name=object]').value === 'queues/front'")
	if asked := webtest.Told[*adminv1.ListRecordsRequest](b.house.Office, listRecords); asked[0].GetFilter().GetObject() != "queues/front" {
		t.Errorf("asked for %v", asked[0])
	}
	b.turnTo("audit")
	b.Await("all of them", "document.querySelectorAll('[data-record]').length === 8")
	// The attempt that failed is marked, and so is the record that says so.
	b.Await("what was not done", "document.querySelectorAll('[data-record=\"6\"] .red, [data-record=\"7\"] .red').length === 2")
	b.tap("[data-record='3'] summary")
	b.Await("the fields of that version", "[...document.querySelectorAll('[data-record=\"3\"] tr')].some((r) => /Priority/.test(r.textContent) && r.querySelector('.was').textContent === '5' && r.querySelector('.is').textContent === '7')")
	b.tap("[data-record='5'] summary")
	b.Await("what became of the queue", "[...document.querySelectorAll('[data-record=\"5\"] tr')].some((r) => r.querySelector('.was')?.textContent === 'front' && r.querySelector('.is').textContent === 'back')")
	b.Shot("audit")

	b.put("actor", "agent:elena")
	b.put("kind", "presence.set")
	b.put("psid", "2001")
	b.put("from", "2026-11-28T09:00")
	b.put("until", "2026-11-28T08:00")
	b.Click("[data-deed=show]")
	b.Await("that it ends before it begins", "document.querySelector('#until-wrong')")
	b.put("until", "2026-11-28T10:00")
	b.Click("[data-deed=show]")
	b.Await("the one", "document.querySelectorAll('[data-record]').length === 1")
	asked := webtest.Told[*adminv1.ListRecordsRequest](b.house.Office, listRecords)
	var last *adminv1.ListRecordsRequest
	for _, r := range asked {
		if r.GetAfter() == 0 {
			last = r
		}
	}
	if f := last.GetFilter(); f.GetActor() != "agent:elena" || f.GetKind() != "presence.set" || f.GetPage() != "1020304050607080" || f.GetPsid() != "2001" || f.GetUntilMs()-f.GetFromMs() != time.Hour.Milliseconds() {
		t.Errorf("asked for %v", f)
	}
	// Whom it is about stays out of the address; the rest survives a reload.
	if hash := b.Eval("location.hash"); strings.Contains(hash, "2001") || !strings.Contains(hash, "elena") {
		t.Errorf("the address is %s", hash)
	}
	b.Do(chromedp.Reload())
	b.Await("the same again", "document.querySelectorAll('[data-record]').length === 1 && document.querySelector('[name=kind]').value === 'presence.set'")
}

// TestTheAuditIsLive: what comes stands on top, once, what stands there stays open, and
// older records come by pages; when nothing can be read the page says so and goes on.
func TestTheAuditIsLive(t *testing.T) {
	b := open(t)
	b.Before(`{ const wait = setTimeout, get = fetch;
		window.setTimeout = (f, ms, ...rest) => wait(ms === 2000 ? () => { f(); window.times++; } : f, ms, ...rest);
		window.fetch = (to, ...rest) => { window.asks += String(to).endsWith('/ListRecords'); return get(to, ...rest); }; }`)
	b.enterSetUp(webtest.Auditor)
	record := func(n uint64) *auditv1.Record {
		return &auditv1.Record{Number: n, AtMs: time.Now().UnixMilli(), Actor: "agent:elena", Kind: "queue.pause", Objects: []string{"queues/front"}, Id: fmt.Sprintf("%024x", n)}
	}
	end, away := make(chan uint64, 1), make(chan bool, 1)
	end <- 120
	away <- false
	webtest.Answer(b.house.Office, listRecords, func(r *adminv1.ListRecordsRequest) (*adminv1.ListRecordsResponse, error) {
		last, gone := <-end, <-away
		end <- last
		away <- gone
		if gone {
			return nil, webtest.Refusal(connect.CodeUnavailable, "NOBODY_SERVES")
		}
		out := &adminv1.ListRecordsResponse{End: last}
		from := last
		if r.GetPageToken() != "" {
			_, _ = fmt.Sscan(r.GetPageToken(), &from)
		}
		for n := from; n > r.GetAfter(); n-- {
			if len(out.GetRecords()) == int(r.GetPageSize()) {
				out.NextPageToken = fmt.Sprint(n)
				break
			}
			out.Records = append(out.Records, record(n))
		}
		return out, nil
	})
	b.turnTo("audit")
	b.Await("a page", "document.querySelectorAll('[data-record]').length === 50")
	b.tap("[data-record='120'] summary")
	b.Await("what it has", "document.querySelector('[data-record=\"120\"] .facts')")
	<-end
	end <- 123
	b.Await("what came", "document.querySelector('[data-record]').dataset.record === '123'")
	b.Await("what was open", "document.querySelector('[data-record=\"120\"] details').open")
	<-away
	away <- true
	b.Await("that it does not come", "document.querySelector('.waits')")
	<-away
	away <- false
	b.Await("that it does again", "!document.querySelector('.waits')")
	for _, n := range []string{"103", "123"} {
		b.tap("[data-deed=older]")
		b.Await("older ones", "document.querySelectorAll('[data-record]').length === "+n)
	}
	var want []string
	for n := 123; n > 0; n-- {
		want = append(want, fmt.Sprint(n))
	}
	if got := b.numbers(); got != strings.Join(want, " ") {
		t.Errorf("shown are %s", got)
	}
	b.Await("no more", "!document.querySelector('[data-deed=older]')")
	// Who looks no further than to what there is asks for no more, however often it
	// would be time to.
	b.Click(".live input")
	<-end
	end <- 124
	b.With("the page", "document.body", "window.asks = window.times = 0")
	b.Await("its time to ask", "window.times >= 2")
	b.Reads("how often it asked", "String(window.asks)", "0")
	b.turnTo("queues")
	b.turnTo("audit")
	b.Await("it read anew", "document.querySelector('[data-record]').dataset.record === '124'")
}

// TestTheAuditIsVerified: it names the first record that is wrong, in both languages,
// reads on until the end, and holds a seal that was noted against what stands there.
func TestTheAuditIsVerified(t *testing.T) {
	b := setUp(t, webtest.Auditor)
	b.turnTo("audit")
	b.Click("[data-deed=verify]")
	b.Await("that all is well", "document.querySelector('[data-whole=\"8\"]')")
	seal := b.Eval("document.querySelector('[data-whole] input').value")
	if !strings.HasPrefix(seal, "8:") || len(seal) != 66 {
		t.Errorf("the newest is told as %s", seal)
	}
	b.put("noted", "8")
	b.Click("[data-deed=verify]")
	b.Await("that this is no seal", "document.querySelector('#noted-wrong') && !document.querySelector('[data-whole]')")
	b.put("noted", seal)
	b.Click("[data-deed=verify]")
	b.Await("that it still stands there", "document.querySelector('[data-whole]')")
	b.put("noted", "8:"+strings.Repeat("ab", 32))
	b.Click("[data-deed=verify]")
	b.Await("that it was written anew", "document.querySelector('[data-broken=\"8\"]')?.innerText.includes('written anew')")

	webtest.Answer(b.house.Office, verifyRecords, func(r *adminv1.VerifyRecordsRequest) (*adminv1.VerifyRecordsResponse, error) {
		if r.GetAfter() == 0 {
			return &adminv1.VerifyRecordsResponse{Read: 20_000, Number: 20_000, More: true, FaultCount: 1, Faults: []*adminv1.RecordFault{{Number: 17, Reason: "CHANGED", Message: "x"}}}, nil
		}
		return &adminv1.VerifyRecordsResponse{Read: 300, Number: 20_300, FaultCount: 150, Faults: []*adminv1.RecordFault{{Number: 20_001, Reason: "MISSING"}}}, nil
	})
	b.put("noted", "")
	b.Click("[data-deed=verify]")
	b.Await("the first", "document.querySelector('[data-broken=\"17\"]')")
	b.says("what is wrong with it", "Record 17 is the first that is wrong. It is not what was written.")
	b.says("how many are", "151 wrong of 20300 read.")
	b.Click("button[lang=bg]")
	b.says("it in Bulgarian", "Запис 17 е първият, който не е наред. Не е това, което е било написано.")
	b.Shot("audit-broken")
	b.Click("button[lang=en]")
	webtest.Answer(b.house.Office, verifyRecords, func(*adminv1.VerifyRecordsRequest) (*adminv1.VerifyRecordsResponse, error) {
		return nil, webtest.Refusal(connect.CodeUnavailable, "NOBODY_SERVES")
	})
	b.Click("[data-deed=verify]")
	b.says("that nobody answers", "The control plane is not running.")
}

// TestWhatCannotBeRecorded: an act that the audit could not take is refused, and
// whoever wanted it reads why and what to do: at the door, at the desk, in set-up.
func TestWhatCannotBeRecorded(t *testing.T) {
	b := setUp(t, webtest.Admin)
	webtest.Answer(b.house.Office, adminv1.ConfigService_Apply_FullMethodName, func(*adminv1.ApplyRequest) (*adminv1.ApplyResponse, error) {
		return nil, webtest.Refusal(connect.CodeUnavailable, "AUDIT_AWAY")
	})
	b.turnTo("queues/front")
	b.prioritize()
	b.Click(".save .primary")
	b.says("why it was not done", "the audit cannot be written")

	b.Click(".bar > button")
	b.Await("the door", "document.querySelector('.door')")
	b.house.Unrecorded(true)
	b.Go(b.url)
	b.Do(chromedp.WaitVisible(chromedp.CSS("input[name=agent]")), chromedp.SendKeys(chromedp.CSS("input[name=agent]"), webtest.Agent), chromedp.SendKeys(chromedp.CSS("input[name=password]"), webtest.Password+"\r"))
	b.says("why nobody gets in", "it could not be recorded")
	b.Shot("door-audit-away")
	b.house.Unrecorded(false)
	busy(b)
	b.supervise()
	b.house.Unrecorded(true)
	b.press("Queues")
	b.Await("them", "document.querySelector('[data-queue]')")
	b.press("Pause")
	b.says("why it is not paused", "it could not be recorded")
}
